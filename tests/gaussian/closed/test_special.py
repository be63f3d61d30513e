"""The named functions: two evaluations that share no code, known values, and their derivatives."""

from fractions import Fraction

import pytest
import sympy

from tensorprog.functions.evaluate.sympy_bridge import formula
from tensorprog.gaussian.closed.special import ErfIm, ErfRe, OwenT, Phi2, Signs4
from tensorprog.gaussian.closed.value import value_of
from tensorprog.terms.latex import LATEX

R = sympy.Rational
POINTS = [
    Phi2(R(1, 2), R(-3, 4), R(2, 3)),
    Phi2(2, 1, R(-9, 10)),
    OwenT(R(3, 4), R(5, 2)),
    OwenT(R(3, 4), R(-5, 2)),
    Signs4(R(1, 2), R(3, 10), R(-1, 5), R(1, 10), R(2, 5), R(1, 4)),
    ErfRe(R(1, 2), R(3, 4)),
    ErfIm(R(-1, 2), R(3, 4)),
]


@pytest.mark.parametrize("expr", POINTS, ids=str)
def test_balls_agree_with_mpmath(expr: sympy.Expr) -> None:
    found = value_of(expr, {})
    assert found is not None
    value, error = found
    assert error <= 2.0**-52 * abs(value)
    assert value == pytest.approx(float(expr.evalf(25)), rel=1e-15)


@pytest.mark.parametrize("expr", [e for e in POINTS if not isinstance(e, Signs4)], ids=str)
def test_derivatives(expr: sympy.Expr) -> None:
    h = R(1, 10**8)
    for k, a in enumerate(expr.args):
        up, down = (expr.func(*expr.args[:k], a + s * h, *expr.args[k + 1 :]).evalf(30) for s in (1, -1))
        x = sympy.Symbol("x", real=True)
        slope = expr.func(*expr.args[:k], x, *expr.args[k + 1 :]).diff(x).subs(x, a).evalf(30)
        assert float((up - down) / (2 * h)) == pytest.approx(float(slope), rel=1e-12)


def test_special_values() -> None:
    """Four equally correlated signs at 1/2; Φ2 at ρ = ±1 as a limit of balls; symmetries of T."""
    half = R(1, 2)
    assert Signs4(half, half, half, half, half, half).evalf(20) == pytest.approx(
        float(16 * R(1, 5) - 1 - 6 * R(1, 3)), abs=1e-14
    )
    assert OwenT(1, 1).evalf(20) == pytest.approx(
        float(((1 - sympy.erf(1 / sympy.sqrt(2)) ** 2) / 8).evalf(20)), rel=1e-15
    )
    a, h = sympy.symbols("a h", real=True)
    assert OwenT(h, -a) == -OwenT(h, a)
    assert OwenT(-h, a) == OwenT(h, a)
    assert Phi2(h, a, 0) == (1 + sympy.erf(h / sympy.sqrt(2))) * (1 + sympy.erf(a / sympy.sqrt(2))) / 4


def test_value_of_symbols_and_nonsense() -> None:
    x = sympy.Symbol("x", real=True)
    assert value_of(x**2 / 3, {"x": Fraction(3)}) == (3.0, 0.0)
    assert value_of(sympy.Function("mystery")(x), {"x": Fraction(1)}) is None
    assert value_of(sympy.zeta(3), {}) is None
    nearly = value_of(sympy.sqrt(1 - x**2), {"x": 1 - Fraction(1, 10**30)})
    assert nearly is not None
    assert nearly[0] == pytest.approx(2**0.5 * 1e-15, rel=1e-15)


def test_latex() -> None:
    for expr in POINTS:
        assert formula(expr**2, LATEX).endswith("^{2}")
