"""Every number within its time: no command runs without end, and none ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.limit.members.averaging import scrambled

NESTED = Path(__file__).with_name("programs") / "nested_residual.tp"
EXPONENTIALS = """index j in 1..2
index l in 1..2
input u ~ N(0, 1)
weight A, B[j] ~ N(0, 1/n)
p[j] = dot(A @ u, B[j] @ u)/sqrt(n)
y = sum(exp(p[j])/sum(exp(p[l]) for l)*u for j)
output y
"""


def test_nested_residual_attention_ends_with_a_law() -> None:
    law = tp.derive(tp.load(NESTED), seconds=3).law("w[1]")
    assert law.kind == "hierarchical-gaussian"
    assert law.variance.error_kind == "sampling"
    assert abs(law.variance.at(0).value - 0.317) < 0.01 + law.variance.at(0).error


@pytest.mark.parametrize("seconds", [1e-6, 0.05])
def test_no_time_at_all_is_no_traceback(seconds: float) -> None:
    limit = tp.derive(tp.loads(EXPONENTIALS), seconds=seconds)
    found = limit.var("y")  # the weights of the sum add up to 1
    assert found.number is None or abs(found.number.value - 1) <= found.number.error + 1e-9
    assert found.number is not None or found.because
    limit.to_json()


def test_a_small_matrix_has_the_bounds_of_its_entries() -> None:
    text = "index i in 1..3\ninput u[i] ~ N(0, 1)\nweight W ~ N(0, 2/n)\nh[i] = W @ relu(u[i])\noutput h"
    found = tp.derive(tp.loads(text)).matrix_number("h")
    assert found.error_kind in ("exact", "bound")
    expected = np.full((3, 3), 1 / np.pi) + (1 - 1 / np.pi) * np.eye(3)
    assert np.all(np.abs(found.value - expected) <= found.error + 1e-15)


def test_many_readouts_have_the_covariance_that_few_have() -> None:
    text = "index c in 1..{}\ninput v[c], u ~ N(0, 2)\nf[c] = dot(v[c], relu(u))/sqrt(n)\noutput f"
    few, many = (tp.derive(tp.loads(text.format(m))).engine for m in (2, 40))
    whole = many.family_covariance([tp.terms.read(f"f[{c}]") for c in (3, 7, 40)])
    one = few.leaf_covariance(tp.terms.read("f[1]"), tp.terms.read("f[1]"))
    assert whole is not None
    assert one is not None
    np.testing.assert_allclose(whole, float(one.ball.mid()) * np.eye(3), rtol=1e-12)


def test_a_rule_that_time_does_not_allow_is_not_begun() -> None:
    from tensorprog.limit.members.averaging import rule_for
    from tensorprog.numbers.budget import Budget, search

    def probe(group: object) -> np.ndarray:
        asked.append(group)
        return np.array([np.random.default_rng(len(asked)).standard_normal()])

    asked: list[object] = []
    with search(Budget(seconds=1e-9)):
        rule = rule_for(6, probe, 1e-3, smooth=False)
    assert len(asked) == len(scrambled(6, 9, 0).groups) == len(rule.groups)
