"""The named functions: two evaluations that share no code, known values, and their derivatives."""

from fractions import Fraction

import mpmath as mp
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


def four_signs(*r: mp.mpf) -> mp.mpf:
    """Plackett's integral over one correlation of four signs after the other."""
    between = {frozenset((1, 2)): r[3], frozenset((1, 3)): r[4], frozenset((2, 3)): r[5]}

    def f(t: mp.mpf) -> mp.mpf:
        total, first = 0, {1: t * r[0], 2: t * r[1], 3: t * r[2]}
        for j, k, m in ((1, 2, 3), (2, 1, 3), (3, 1, 2)):
            x, free = first[j], 1 - first[j] ** 2
            jk, jm, km = (between[frozenset(p)] for p in ((j, k), (j, m), (k, m)))
            top = km - (first[k] * first[m] - x * (first[k] * jm + first[m] * jk) + jk * jm) / free
            left = 1 - (first[k] ** 2 - 2 * x * first[k] * jk + jk**2) / free
            right = 1 - (first[m] ** 2 - 2 * x * first[m] * jm + jm**2) / free
            total += r[j - 1] / mp.sqrt(free) * mp.asin(top / mp.sqrt(left * right))
        return total

    return 4 / mp.pi**2 * mp.quad(f, [0, 0.5, 1])


def quadrant(h: mp.mpf, k: mp.mpf, r: mp.mpf) -> mp.mpf:
    """P(X < h, Y < k) by the law of Y given X."""
    return mp.quad(lambda x: mp.npdf(x) * mp.ncdf((k - r * x) / mp.sqrt(1 - r * r)), [-14, -7, -3, -1, min(h, 0), h])


def owen(h: mp.mpf, a: mp.mpf) -> mp.mpf:
    return mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a / 2, a]) / (2 * mp.pi)


MPMATH = {
    "Phi2": quadrant, "OwenT": owen, "Signs4": four_signs,
    "ErfRe": lambda x, y: mp.re(mp.erf(mp.mpc(x, y))), "ErfIm": lambda x, y: mp.im(mp.erf(mp.mpc(x, y))),
}  # fmt: skip


def exactly(expr: sympy.Expr) -> mp.mpf:
    if expr.is_Mul:  # OwenT is odd, and written so
        return -exactly(-expr)
    return MPMATH[expr.func.__name__](*(mp.mpf(int(a.p)) / int(a.q) for a in expr.args))


@pytest.mark.parametrize("expr", POINTS, ids=str)
def test_balls_agree_with_mpmath(expr: sympy.Expr) -> None:
    found = value_of(expr, {})
    assert found is not None
    value, error = found
    assert error <= 2.0**-52 * abs(value)
    with mp.workdps(30):
        truth = exactly(expr)
        assert value == pytest.approx(float(truth), rel=1e-15)
        assert abs(mp.mpf(str(expr.evalf(25))) - truth) <= 1e-22


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
