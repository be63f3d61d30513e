"""Expansions against mpmath: the leading term is the function, up to what the error term allows."""

from fractions import Fraction

import mpmath as mp
import pytest

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate
from tensorprog.functions.named.library import library
from tensorprog.functions.rules.ranges import image, mul, recip, whole_power, within
from tensorprog.functions.rules.rates import ANY, BOUNDED, Rate
from tensorprog.functions.tails.analyzer import Analyzer, scale_term
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Var, read

X = Var("x")
CASES = {
    "silu(x)": lambda x: x / (1 + mp.exp(-x)), "gelu(x)": lambda x: x * mp.ncdf(x),
    "log(cosh(x)) - x": lambda x: mp.log(mp.cosh(x)) - x, "x - tanh(x)": lambda x: x - mp.tanh(x),
    "sqrt(x^2 + x + 1) - x": lambda x: mp.sqrt(x**2 + x + 1) - x, "x*log(1 + x^2)": lambda x: x * mp.log1p(x**2),
    "atan(x)": mp.atan, "exp(1/x) - 1": lambda x: mp.expm1(1 / x), "softplus(x) - x": lambda x: mp.log1p(mp.exp(-x)),
    "x*(pi/2 - atan(x))": lambda x: x * (mp.pi / 2 - mp.atan(x)), "asin(tanh(x))": lambda x: mp.asin(mp.tanh(x)),
    "pi/2 - asin(tanh(x))": lambda x: mp.pi / 2 - mp.asin(mp.tanh(x)), "(1 + x)^x": lambda x: (1 + x) ** x,
    "erf(1/x)": lambda x: mp.erf(1 / x), "1 - erf(x)": mp.erfc,
    "mish(x) - x": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))) - x,
    "x*sin(1/x)": lambda x: x * mp.sin(1 / x), "cos(1 + 1/x)": lambda x: mp.cos(1 + 1 / x),
    "tanh(1 + 1/x) - tanh(1)": lambda x: mp.tanh(1 + 1 / x) - mp.tanh(1), "x^(1/3)": lambda x: mp.root(x, 3),
    "exp(x)/(1 + exp(x) + x^3)": lambda x: mp.exp(x) / (1 + mp.exp(x) + x**3), "max(x, exp(x))": mp.exp,
    "where(x > 5, 1/x, 7)": lambda x: 1 / x, "sinc(1/x) - 1": lambda x: x * mp.sin(1 / x) - 1,
    "floor(2 - 1/x)": lambda x: 1,
}  # fmt: skip


def leading(text: str, side: int) -> object:
    rules = Analyzer(frozenset("x"), {})
    series = rules.expand(read(text), X, side)
    return scale_term(*series.terms[0], X)


@pytest.mark.parametrize("text", CASES)
def test_leading_term_at_infinity(text: str) -> None:
    term = leading(text, 1)
    with mp.workdps(900):
        errors = []
        for at in (Fraction(30), Fraction(300)):
            truth = CASES[text](mp.mpf(int(at)))
            got = evaluate(term, {X: at}, 2500)
            lead = (
                mp.mpf(got.numerator) / got.denominator
                if isinstance(got, Fraction)
                else mp.mpf(str(got.str(500, radius=False)))
            )
            errors.append(abs(truth / lead - 1))
    assert errors[1] < 0.05
    assert errors[1] <= errors[0]


@pytest.mark.parametrize("text", ["log(-x)", "sqrt(1 - x)", "1/(x - x)", "1/(max(x, 0) - x)"])
def test_eventually_undefined(text: str) -> None:
    with pytest.raises(Undefined):
        Analyzer(frozenset("x"), {}).expand(read(text), X, 1)


@pytest.mark.parametrize("text", ["exp(exp(x))", "exp(x*sin(x))", "1/sin(x)", "log(1 + sin(x))", "sin(x)^0.5"])
def test_what_the_calculus_cannot_say_it_does_not_say(text: str) -> None:
    with pytest.raises(Undecided):
        Analyzer(frozenset("x"), {}).expand(read(text), X, 1)


def test_an_unknown_power_has_no_finite_rate() -> None:
    rules = Analyzer(frozenset("x"), {})
    assert rules.rate(rules.expand(read("x^a"), X, 1).bound).power == float("inf")


def test_rates_between_the_powers_are_refused() -> None:
    rules = Analyzer(frozenset("x"), {})
    with pytest.raises(Undecided):
        rules.rate(rules.expand(read("exp(sqrt(log(x)))"), X, 1).bound)


def test_rate_arithmetic() -> None:
    decay, grow = Rate(-1, Fraction(2)), Rate(1, Fraction(1))
    assert decay.times(Rate(0, Fraction(9))) == decay
    assert decay.times(grow) == decay
    assert decay.times(Rate(1, Fraction(2))).level == 1
    assert Rate(0, Fraction(2)).times(Rate(0, Fraction(-3))) < BOUNDED
    assert ANY.times(decay) == ANY
    assert BOUNDED.exponential() == BOUNDED
    assert not Rate(1, Fraction(2)).controlled


def test_interval_arithmetic_keeps_open_ends() -> None:
    unit = Interval(Fraction(-1), Fraction(1))
    assert not within(Interval(None, Fraction(0), False, True), Interval(Fraction(0), None))
    assert image(unit, library()["relu"]).low_closed
    assert not image(Interval(Fraction(0), None), library()["tanh"]).low_closed
    assert str(whole_power(unit, 2)) == "[0, 1)"
    assert str(mul(Interval(Fraction(0), None, True), Interval(Fraction(-2), Fraction(3)))) == "(-oo, oo)"
    assert recip(REALS) == REALS
