"""Limits of scalars: exact values and certain bounds against numerical integrals, and the sides they are on."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest

import tensorprog as tp
from tensorprog.functions.evaluate.balls import evaluate
from tensorprog.kernel.ground.term import variables
from tensorprog.terms import Num, Var, read
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.limits.limit import Limit

HEAD = """
index i in 1..2
matrix G = [[1, 1/2], [1/2, 2]]
param s >= 0 = 1
input u[i] ~ N(0, G[i,i'])
input e ~ N(1, 1/4)
input z ~ N(0, s)
input one ~ N(1, 0)
weight A, C ~ N(0, 2/n)
h = A @ relu(u[1])
k = C @ tanh(e)
"""


def limit(body: str) -> Limit:
    program = tp.loads(f"{HEAD}m = mean({body})\noutput m")
    return Shared(program.analysis).limits.of(Var("m"))


def gauss(f: object, mean: float = 0.0, variance: float = 1.0) -> float:
    sd = mpmath.sqrt(variance)
    density = lambda x: mpmath.npdf(x, mean, sd)  # noqa: E731 (one line is enough)
    return float(mpmath.quad(lambda x: f(x) * density(x), [mean - 10 * sd, mean, mean + 10 * sd]))  # type: ignore[operator]


EXACT = {
    "u[1]*u[2]": 0.5,
    "u[1]^2*u[2]^2": 2.5,
    "e^4": 1 + 6 / 4 + 3 / 16,
    "h^2": 1.0,
    "h^4": 3.0,
    "h*k": 0.0,
    "abs(u[2])": 2 / float(mpmath.sqrt(mpmath.pi)),
    "relu(u[1])^3": float(mpmath.sqrt(2 / mpmath.pi)),
    "tanh(u[1])": 0.0,
    "tanh(h)*cos(k)": 0.0,
    "2*u[1]^2 - one/2": 1.5,
}


@pytest.mark.parametrize("body", EXACT)
def test_exact_values(body: str) -> None:
    found = limit(body)
    assert found.value is not None
    assert float(evaluate(found.value, {})) == pytest.approx(EXACT[body], abs=1e-12)


BOUNDS = {
    "tanh(u[1])^2": lambda x: mpmath.tanh(x) ** 2,
    "cos(u[1])": mpmath.cos,
    "step(u[1] - 1)": lambda x: 1.0 if x > 1 else 0.0,
    "Phi(u[1] + 1)": lambda x: mpmath.ncdf(x + 1),
}


@pytest.mark.parametrize("body", BOUNDS)
def test_bounds_hold_the_integral_and_are_narrow(body: str) -> None:
    found, true = limit(body), gauss(BOUNDS[body])
    assert found.at.low is not None
    assert found.at.high is not None
    assert found.at.low <= Fraction(true) + Fraction(1, 10**6)
    assert found.at.high >= Fraction(true) - Fraction(1, 10**6)
    assert found.at.high - found.at.low < Fraction(1, 10)


def test_what_holds_at_every_n_is_not_what_holds_in_the_limit() -> None:
    zero, square, cut = limit("u[1]"), limit("z^2"), limit("one - 1")
    assert zero.value == Num(0)
    assert not zero.fixed
    assert zero.always.low is None
    assert square.always.low == 0  # never negative, and 0 in the limit if s = 0
    assert not square.at.positive
    assert cut.fixed
    assert cut.value == Num(0)
    assert limit("k^2").at.high is not None  # E (C x)^2 = 2 E x^2 < 2
    assert limit("exp(u[1])").at.positive
    assert not limit("(sign(u[1])^2 - 1)^2").at.positive


def test_names_of_params_do_not_meet_those_of_variables() -> None:
    text = "param x0 > 0 = 1\ninput u ~ N(0, 1)\nweight A ~ N(0, 1/n)\ny = A @ (u/(x0 + u^2))\noutput y"
    assert tp.check(tp.loads(text)).verdict == "valid"
    assert variables(read("x0 + u")) == [Var("x0"), Var("u")]


APART = """
index k in 1..4
index i in 1..2
index j in 3..4
input u[k] ~ N(0, 1)
weight W[k] ~ N(0, 1/n)
h[k] = W[k] @ u[1]
s[i,j] = mean(h[i]*h[j])
t[i,j] = mean(u[i]*u[j])
r[i] = mean(h[i]*h[1])
output s, t, r
"""


def test_indices_whose_ranges_do_not_meet_are_never_equal() -> None:
    of = Shared(tp.loads(APART).analysis).limits.of
    assert of(Var("s", ("i", "j"))).value == of(Var("t", ("i", "j"))).value == Num(0)
    assert of(Var("r", ("i",))).value is None  # 1 for i = 1, 0 for i = 2
    assert of(Var("r", (1,))).value == Num(1)
