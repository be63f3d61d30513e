"""Bounds of functions with kinks and jumps along curves, against integrals over one variable given the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.derivative import smooth_derivative
from tensorprog.functions.evaluate.directions import Posed, spread
from tensorprog.gaussian.cells.adaptive import bounded
from tensorprog.gaussian.cells.cells import Cell, Line
from tensorprog.gaussian.cells.curves import Curved, cut, enclosed
from tensorprog.gaussian.cells.law import law_of
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.precision import precision
from tensorprog.terms import Var, read


def found(text: str, rho: Fraction, mean: tuple[Fraction, Fraction], most: int, sd: Fraction = Fraction(1)) -> Estimate:
    cov = ((Fraction(1), rho * sd), (rho * sd, sd * sd))
    p = spread(Posed(read(text), ("a", "b"), cov, mean))
    made = bounded(p.term, p.names, p.cov, p.mean, most=most)
    assert made is not None
    return made


def given(rho: Fraction, inner: Callable[[mp.mpf, mp.mpf, mp.mpf], mp.mpf]) -> float:
    """∫ inner(a, mean of b given a, its standard deviation) density."""
    s = mp.sqrt(1 - mp.mpf(rho.numerator) ** 2 / rho.denominator**2)
    m = mp.mpf(rho.numerator) / rho.denominator
    return float(mp.quad(lambda a: inner(a, m * a, s) * mp.npdf(a), [-12, -4, -2, -1, 0, 1, 2, 4, 12]))


def _relu(m: mp.mpf, s: mp.mpf) -> mp.mpf:
    """E relu(m + s Z)."""
    return m * mp.ncdf(m / s) + s * mp.npdf(m / s)


def _disc(a: mp.mpf, m: mp.mpf, s: mp.mpf) -> mp.mpf:
    if a * a >= 2:
        return mp.mpf(0)
    r = mp.sqrt(2 - a * a)
    return (a + 1) * (mp.ncdf((r - m) / s) - mp.ncdf((-r - m) / s))


LESS = (Fraction(0), Fraction(-9, 10))
INNER: list[tuple[str, Callable[[mp.mpf, mp.mpf, mp.mpf], mp.mpf], float]] = [
    ("relu(a^2 - b)", lambda a, m, s: _relu(a * a - m, s), 1e-4),
    ("max(a*b, tanh(a))", lambda a, m, s: mp.tanh(a) + _relu(a * m - mp.tanh(a), abs(a) * s + mp.mpf("1e-60")), 1e-2),
    ("where(b > sin(a), 1, -1)", lambda a, m, s: 1 - 2 * mp.ncdf((mp.sin(a) - m) / s), 1e-2),
    ("where(a^2 + b^2 < 2, a + 1, 0)", _disc, 3e-2),
]


@pytest.mark.parametrize(("text", "inner", "within"), INNER)
@pytest.mark.parametrize("rho", [Fraction(1, 2), *(pytest.param(r, marks=pytest.mark.long) for r in LESS)])
def test_a_kink_along_a_curve(
    text: str, inner: Callable[[mp.mpf, mp.mpf, mp.mpf], mp.mpf], within: float, rho: Fraction
) -> None:
    mp.mp.dps = 15
    made = found(text, rho, (Fraction(0), Fraction(0)), 700)
    assert abs(made.value - given(rho, inner)) <= made.error + 1e-9
    assert made.error < within


@pytest.mark.parametrize("u", ["a*b - 1", "a - b^2", "exp(a) - b^2", "a^2 - 3*b^2", "sin(3*a) - cos(b)", "a*b"])
def test_the_cells_of_a_cut_fill_the_plane(u: str) -> None:
    rng = np.random.default_rng(len(u))
    rho, m = Fraction(int(rng.integers(-9, 10)), 10), (Fraction(int(rng.integers(-2, 3)), 2), Fraction(1, 2))
    made = found(f"where({u} > 0, cos(a) + b, b + cos(a))", rho, m, 300, Fraction(3, 2))
    right = math.cos(m[0]) * math.exp(-0.5) + 0.5
    assert abs(made.value - right) <= made.error + 1e-14
    assert made.error < 0.3


def test_signs_beside_a_cut_are_true_and_cells_lie_in_the_cell() -> None:
    rng = np.random.default_rng(4)
    law = law_of(("a", "b"), ((Fraction(1), Fraction(1, 2)), (Fraction(1, 2), Fraction(2))), (Fraction(1), Fraction(0)))
    seen = 0
    for text in ("a*b - 1", "a^2 + b^2 - 2", "tanh(a) - b^3", "exp(a) - 2*b") * 60:
        x, y, h = rng.uniform(-2, 2), rng.uniform(-2, 2), 10.0 ** rng.uniform(-3, -0.3)
        b, c = rng.normal(), rng.uniform(-0.5, 0.5)
        cell = Cell((x, x + h), Line(y - b * x, b), Line(y + h - (b + c) * x, b + c), (0.25, 0.75))
        u = read(text)
        f = ball_function(u, law.names)
        with precision(64):
            region = Curved(law, cell)
            made = cut(u, region)
            ends = enclosed(u, region)
        t = []
        for p, q in rng.random((20, 2)):
            s = x + h * p
            assert cell.low is not None
            assert cell.high is not None
            below, above = cell.low.at(s), cell.high.at(s)
            t.append((s, below + (above - below) * (0.25 + 0.5 * q)))
        z = [[m + r[0] * s + r[1] * w for m, r in zip(law.centre, law.slopes, strict=True)] for s, w in t]
        values = [float(f([_point(c) for c in row], False).real.mid()) for row in z]
        assert ends is not None
        assert all(ends[0] - 1e-12 <= v <= ends[1] + 1e-12 for v in values)
        if made is None:
            continue
        seen += 1
        for (s, w), value in zip(t, values, strict=True):
            holding = [(c, sign) for c, sign in made[0] if c.x[0] <= s <= c.x[1] and _between(c, s, w)]
            assert holding
            assert all(sign is None or (value > 0) == sign for _, sign in holding)
    assert seen > 30


def _between(c: Cell, x: float, y: float) -> bool:
    assert c.low is not None
    assert c.high is not None
    return c.low.at(x) - 1e-12 <= y <= c.high.at(x) + 1e-12


def _point(x: float) -> object:
    from flint import acb

    return acb(x)


@pytest.mark.parametrize("head", ["exp", "log", "log1p", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "sigmoid",
                                  "softplus", "atan", "erf", "Phi", "gelu", "silu"])  # fmt: skip
def test_derivatives(head: str) -> None:
    t = read(f"x^3*{head}(x^2 + x)/(2 + x) - {head}(x)")
    made = smooth_derivative(t, Var("x"))
    assert made is not None
    f, g = ball_function(t, ["x"]), ball_function(made, ["x"])
    h = 1e-5
    for x in (0.3, 1.7):
        slope = (f([_point(x + h)], False) - f([_point(x - h)], False)).real.mid() / (2 * h)
        assert abs(float(g([_point(x)], False).real.mid()) - float(slope)) < 1e-6 * (1 + abs(float(slope)))
