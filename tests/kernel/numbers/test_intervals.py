"""Interval arithmetic of the kernel against mpmath: what is true lies inside, and what is inside is near."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.numbers import intervals
from tensorprog.kernel.numbers.intervals import UNIT, enclosure, rounded, spelled
from tensorprog.terms import Term, Var, read
from tests.definitions import EXACT

DIGITS = 60
FUNCTIONS = {
    "exp": (intervals.exp, mpmath.exp, -160, 60), "atan": (intervals.atan, mpmath.atan, -200, 200),
    "density": (intervals.density, mpmath.npdf, -14, 14), "normal_cdf": (intervals.normal_cdf, mpmath.ncdf, -18, 18),
    "log": (intervals.log, mpmath.log, 1e-6, 10**4), "cos": (intervals.cos, mpmath.cos, -300, 300),
    "root": (intervals.root, mpmath.sqrt, 0, 10**6), "over": (intervals.over, lambda x: 1 / x, 1e-6, 10**6),
}  # fmt: skip
X = Var("x")
TERMS = [
    "tanh(x)", "sigmoid(x)", "silu(x)", "gelu(x)", "erf(x)", "relu(x)", "abs(x)", "sinh(x)/cosh(x)", "clip(x, -1, 2)",
    "exp(-x^2)", "asin(tanh(x))", "x^3 - 2*x", "sqrt(1 + x^2)", "(1 + x^2)^(-3/2)", "pi*x", "hermite(4, x)",
    "hardtanh(x)", "leaky_relu(x, 0.1)", "elu(x)", "Phi(x)*Phi(-x)", "x*x", "max(x, x^2, 1/3)", "mish(x)",
    "softplus(x)", "sin(3*x)", "cos(x)^2", "log(1 + x^2)", "log1p(exp(x))", "tanh(100*x)", "exp(-99*x^2)",
    "tanh(tanh(x))",
]  # fmt: skip


def number(t: Term, x: object) -> object:
    if t == X:
        return x
    if hasattr(t, "value"):
        return mpmath.mpf(t.value.numerator) / t.value.denominator
    return EXACT[t.head](*(number(a, x) for a in t.args))  # type: ignore[union-attr]


def inside(x: object, interval: intervals.Interval, width: int) -> bool:
    """Is a number in the interval, which is at most `width` units wide, relative to it where it is large?"""
    low, high = interval
    scaled = mpmath.mpf(x) * UNIT
    return bool(low <= scaled <= high and high - low <= width * max(1, abs(scaled) / UNIT))


fractions = st.fractions(min_value=-1, max_value=1, max_denominator=10**6)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(at=fractions)
def test_functions_of_numbers(name: str, at: Fraction) -> None:
    f, true, low, high = FUNCTIONS[name]
    x = Fraction(low) + (at + 1) / 2 * Fraction(high - low)
    with mpmath.workdps(DIGITS):
        # a unit off in a small root or divisor is more in the result
        slope = 2**50 if name == "root" else {"over": 2**22, "cos": 2**30}.get(name, 2**20)
        assert inside(true(mpmath.mpf(x.numerator) / x.denominator), f(rounded(x)), slope)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(at=fractions, more=st.fractions(0, 1, max_denominator=10**4), part=st.fractions(0, 1, max_denominator=100))
def test_functions_of_intervals(name: str, at: Fraction, more: Fraction, part: Fraction) -> None:
    f, true, low, high = FUNCTIONS[name]
    x = Fraction(low) + (at + 1) / 2 * Fraction(high - low)
    y = x + more * 3
    z = x + part * (y - x)
    with mpmath.workdps(DIGITS):
        found = f((rounded(x)[0], rounded(y)[1]))
        assert found[0] <= true(mpmath.mpf(z.numerator) / z.denominator) * UNIT <= found[1]


@pytest.mark.parametrize("text", TERMS)
@settings(max_examples=40)
@given(at=fractions, more=st.fractions(0, Fraction(1, 10), max_denominator=10**4), part=st.fractions(0, 1))
def test_terms(text: str, at: Fraction, more: Fraction, part: Fraction) -> None:
    x = at * 6
    y = x + more
    z = x + part * (y - x)
    t = spelled(read(text))
    with mpmath.workdps(DIGITS):
        low, high = enclosure(t, {X: (rounded(x)[0], rounded(y)[1])})
        assert low <= mpmath.mpf(number(read(text), mpmath.mpf(z.numerator) / z.denominator)) * UNIT <= high
        low, high = enclosure(t, {X: rounded(x)})
        assert high - low <= 2**40 * (1 + abs(low) // UNIT)


@given(a=fractions, b=fractions, c=fractions, d=fractions, p=st.fractions(0, 1), q=st.fractions(0, 1))
def test_products_and_sums_of_intervals(
    a: Fraction, b: Fraction, c: Fraction, d: Fraction, p: Fraction, q: Fraction
) -> None:
    x, y = ((rounded(min(u, v))[0], rounded(max(u, v))[1]) for u, v in ((a, b), (c, d)))
    u, v = a + p * (b - a), c + q * (d - c)
    for found, true in ((intervals.times(x, y), u * v), (intervals.plus(x, y), u + v), (intervals.minus(x), -u)):
        assert found[0] <= true * UNIT <= found[1]


@pytest.mark.parametrize(
    ("text", "low", "high", "why"),
    [
        ("1/x", -1, 1, "a divisor apart from 0"),
        ("exp(x)", 600, 600, "numbers stay small"),
        ("x^64", 10**10, 10**10, "numbers stay small"),
        ("sqrt(x)", -2, -1, "a root of what is not negative"),
        ("log(x)", -1, 1, "a logarithm of what is positive"),
        ("cos(x)", 10**7, 10**7, "numbers stay small"),
        ("atan(x)", 1, 1, "a number that is computed here"),
        ("y", 1, 1, "a number that is computed here"),
        ("x^(1/3)", 1, 1, "a number that is computed here"),
    ],
)
def test_what_has_no_number_is_refused(text: str, low: int, high: int, why: str) -> None:
    with pytest.raises(Refused, match=why):
        enclosure(spelled(read(text)), {X: (low * UNIT, high * UNIT)})
