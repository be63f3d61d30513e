"""Certified kurtoses and means of shares, against integrals and sums over Gauss points."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate
from scipy.special import expit
from scipy.stats import norm

from tensorprog.errors import TensorProgError
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.numbers.statements import ExpectationNumber, Kurtosis, Number
from tensorprog.language import load, loads
from tensorprog.program import Program
from tensorprog.proof import prove, verify
from tensorprog.terms import Var, read
from tests.kernel.bench import Bench, lacking

EXAMPLE = Path(__file__).parents[3] / "examples" / "attention.tp"
TEXT = """
param m = 1/3
param s > 0 = 2
index i, j in 1..2
input x ~ N(m, s)
input z ~ N(2, 0)
weight U[i], W, Wq, Wk, V ~ N(0, 1/n)
g[i] = U[i] @ x
t = tanh(x)
r = relu(x)
late = W @ z
h[i] = clip(g[i], -1, 1)
p[j] = dot(Wq @ h[1], Wk @ h[j]) / sqrt(n)
y = sum(softmax(p[j] over j) * (V @ h[j]) for j)
output x, t, r, late, z
output y
"""
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def said(program: Program, goal: str, kind: type) -> list[Any]:
    """The goals of a kind."""
    found = [t.statement for t in verify(program, prove(program, [goal])).proved]
    return [s for s in found if isinstance(s, kind)]


def mean(f: Callable[[float], float]) -> float:
    """Over a standard Gaussian variable; none of the functions is smooth at 0 and beyond 12 there is nothing."""
    kinks = [0, -(1 / 3) / 2**0.5]
    return float(integrate.quad(lambda u: f(u) * norm.pdf(u), -12, 12, points=kinks, epsabs=1e-14, limit=200)[0])


def kurtosis(f: Callable[[float], float]) -> float:
    """Of a function of x."""

    def of(u: float) -> float:
        return f(1 / 3 + 2**0.5 * u)

    m = mean(of)
    return mean(lambda u: (of(u) - m) ** 4) / mean(lambda u: (of(u) - m) ** 2) ** 2


@pytest.mark.parametrize(
    ("name", "truth", "width"),
    [
        ("x", lambda: 3.0, 1e-12),
        ("g[1]", lambda: 3.0, 1e-12),
        ("p[1]", lambda: 3.0, 1e-9),
        ("t", lambda: kurtosis(np.tanh), 1e-10),
        ("r", lambda: kurtosis(lambda x: max(x, 0)), 1e-12),
    ],
)
def test_a_kurtosis_is_that_of_an_integral(name: str, truth: Callable[[], float], width: float) -> None:
    (found,) = said(loads(TEXT), f"kurtosis:{name}", Kurtosis)
    low, high = float(found.low), float(found.high)
    assert low - 1e-9 < truth() < high + 1e-9
    assert high - low < width
    assert found.where == ("m = 1/3", "s = 2")


def deviation() -> float:
    """Of the two independent scores: E clip(g)^2 for g of variance s + m^2."""
    d = (2 + 1 / 9) ** 0.5
    return float(integrate.quad(lambda u: min(abs(d * u), 1) ** 2 * norm.pdf(u), -12, 12, points=[-1 / d, 1 / d])[0])


def test_the_kurtosis_of_attention_is_that_of_a_mixture() -> None:
    """Given the scores y has a variance C, a multiple of the sum of squared shares; E y^4 = 3 E C^2."""
    (found,) = said(loads(TEXT), "kurtosis:y", Kurtosis)
    share = expit(2**0.5 * deviation() * POINTS)
    c = share**2 + (1 - share) ** 2
    truth = 3 * float(WEIGHTS @ c**2) / float(WEIGHTS @ c) ** 2
    assert abs(float(found.low) - truth) < 1e-8
    assert float(found.high) - float(found.low) < 1e-9


@pytest.mark.long
def test_the_kurtosis_of_the_first_example() -> None:
    """Two heads of four tokens: with S the sum of squared shares, 3/2 (E S^2 + (E S)^2) over (E S)^2."""
    program = load(EXAMPLE)
    (found,) = said(program, "kurtosis:y[1]", Kurtosis)
    x, w = np.polynomial.hermite_e.hermegauss(24)
    each = np.array(list(product(range(24), repeat=4))).T
    e, weights = np.exp(x[each]), np.prod((w / w.sum())[each], axis=0)
    squares = ((e / e.sum(axis=0)) ** 2).sum(axis=0)
    one, two = float(weights @ squares), float(weights @ squares**2)
    truth = 1.5 * (two / one**2 + 1)
    assert truth == pytest.approx(3.1217, abs=1e-4)
    assert float(found.low) - 1e-6 < truth < float(found.high) + 1e-6
    assert float(found.high) - float(found.low) < 1e-9


def test_what_does_not_vary_has_no_kurtosis() -> None:
    """A product with a constant vector varies; the vector does not."""
    (found,) = said(loads(TEXT), "kurtosis:late", Kurtosis)
    assert float(found.low) <= 3 <= float(found.high)
    with pytest.raises(TensorProgError, match="a divisor apart from 0"):
        prove(loads(TEXT), ["kurtosis:z"])


def of_g(low: str, high: str, fourth: str = "3") -> Statement:
    """The kurtosis of g, which is 3, from numbers that are all true: the variance 1 lies between two."""
    known = [("g", "0", "0"), ("g*g", low, high), ("g^3", "0", "0"), ("g^4", fourth, fourth)]
    b = Bench("input x ~ N(0, 1)\nweight A ~ N(0, 1/n)\ng = A @ x\noutput g\n")
    out = b.do("kurtosis", *(Number(read(t), *ends) for t, *ends in known), term=Var("g"))
    assert isinstance(out, Statement)
    return out


@pytest.mark.parametrize("ends", [("-2", "2"), ("-3/2", "4"), ("-1", "1"), ("0", "1")])
def test_a_variance_that_may_be_zero_is_refused(ends: tuple[str, str]) -> None:
    with pytest.raises(Refused, match="a divisor apart from 0"):
        of_g(*ends)


def test_without_a_variance_apart_from_zero_a_kurtosis_is_wrong() -> None:
    with lacking("a divisor apart from 0"):
        wrong = of_g("-2", "2")
    assert isinstance(wrong, Kurtosis)
    assert float(wrong.high) < 3
    right = of_g("1/2", "2")
    assert isinstance(right, Kurtosis)
    assert float(right.low) <= 3 / 4
    assert float(right.high) >= 12


def test_a_kurtosis_needs_all_four_means_of_one_member() -> None:
    b = Bench("input x, y ~ N(0, 1)\noutput x\noutput y\n")
    known = [Number(read(t), x, x) for t, x in (("x", "0"), ("x*x", "1"), ("x^3", "0"), ("x^4", "3"))]
    for k in range(4):
        with pytest.raises(Refused):
            b.do("kurtosis", *known[:k], *known[k + 1 :], term=Var("x"))
    for term in (Var("y"), read("x*x"), read("x + y"), read("2")):
        with pytest.raises(Refused):
            b.do("kurtosis", *known, term=term)


SHARES: dict[str, Callable[[float, float], float]] = {
    "softmax(p[j] over j)": lambda a, b: a,
    "softmax(p[j] over j)^2*p[1]^2": lambda a, b: a**2 * b**2,
    "sum(softmax(p[j] over j)^2 for j)": lambda a, b: a**2 + (1 - a) ** 2,
}


@pytest.mark.parametrize("text", SHARES)
def test_shares_of_a_softmax_have_means(text: str) -> None:
    """Written as in a program; at each value of the index, where it is free."""
    program = loads(TEXT)
    found = said(program, f"means:{text}", ExpectationNumber)
    d = deviation()
    u, v = np.meshgrid(d * POINTS, d * POINTS, indexing="ij")
    values = (SHARES[text](s, u) for s in (expit(u - v), expit(v - u)))
    truths = [float(np.einsum("i,j,ij->", WEIGHTS, WEIGHTS, x)) for x in values]
    assert len(found) == (1 if text.startswith("sum") else 2)
    for s, truth in zip(found, truths, strict=False):
        assert float(s.low) - 1e-9 < truth < float(s.high) + 1e-9
        assert float(s.high) - float(s.low) < 1e-9


@pytest.mark.parametrize("text", ["softmax(p[k] over k)", "g[k]^2", "relu(g[i'])"])
def test_an_index_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(TensorProgError, match="no index of the program"):
        prove(loads(TEXT), [f"means:{text}"])
