"""Numbers and claims of the limit that were wrong once, each with the right answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
