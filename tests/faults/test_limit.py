"""Numbers and claims of the limit that were wrong once, each with the right answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError

WITH_PARAM = """
param r in (-1, 1) = 0.5
input (u, w) ~ N([0, 0], [[1, r], [r, 1]])
output u
claim cov(u, w) = r
"""

ASKED: dict[str, Callable[[tp.Program, dict[str, Any]], Any]] = {
    "claims": lambda p, v: tp.claims(p, values=v),
    "derive": tp.derive,
    "simulate": lambda p, v: tp.simulate(p, n=4, samples=2, rng=0, params=v),
    "validate": lambda p, v: tp.validate(p, widths=[4, 8], samples=4, rng=0, params=v),
}


@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize(
    ("values", "code"),
    [({"r": -3}, "TP017"), ({"nope": 3}, "TP002"), ({"r": "x"}, "TP017"), ({"r": float("nan")}, "TP017"),
     ({"r": 1}, "TP017"), ({"r": "1/0"}, "TP017")],
)  # fmt: skip
def test_every_command_refuses_the_same_numbers_of_params(command: str, values: dict[str, Any], code: str) -> None:
    with pytest.raises(TensorProgError) as refused:
        ASKED[command](tp.loads(WITH_PARAM), values)
    assert refused.value.diagnostics[0].code == code


def test_an_expectation_refuses_a_number_for_a_name_that_it_does_not_have() -> None:
    with pytest.raises(TensorProgError) as refused:
        tp.expect("relu(C*a)", [[1]], vars=["a"], values={"C": 1, "nope": 3})
    assert refused.value.diagnostics[0].code == "TP002"


@pytest.mark.parametrize(("kind", "members"), [("float16", 4), ("float32", 5), ("float32", 40), ("float64", 40)])
def test_gram_matrices_are_accepted_with_the_rounding_of_their_own_type(
    kind: str, members: int, tmp_path: Path
) -> None:
    x = np.random.default_rng(members).standard_normal((members, 3)).astype(kind)
    np.save(tmp_path / "gram.npy", (x[:, None] * x[None]).sum(axis=2, dtype=kind))
    text = f'index i in 1..{members}\nmatrix K = file("gram.npy")\ninput u[i] ~ N(0, K[i,i\'])\noutput u\n'
    (tmp_path / "program.tp").write_text(text)
    assert tp.derive(tp.load(tmp_path / "program.tp")).matrix("u").shape == (members, members)


@pytest.mark.parametrize("entries", [[[1, 1.001], [1.001, 1]], [[1000, 1001], [1001, 1000]]])
def test_what_no_rounding_explains_is_no_covariance(entries: list[list[float]], tmp_path: Path) -> None:
    np.save(tmp_path / "gram.npy", np.array(entries, dtype="float32"))
    (tmp_path / "program.tp").write_text(
        'index i in 1..2\nmatrix K = file("gram.npy")\ninput u[i] ~ N(0, K[i,i\'])\noutput u\n'
    )
    with pytest.raises(TensorProgError, match="positive semidefinite"):
        tp.load(tmp_path / "program.tp")
