"""What a dishonest prover would say of expectations, for each side condition of their rules."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import add, mul, neg, power
from tensorprog.terms import App, Num, Term, read
from tests.kernel.bench import Bench


def mean(b: Bench, h: str, *before: Statement, weights: tuple[Term, ...] = ()) -> Statement:
    return b.do("gaussian_mean", *before, term=read(h), weights=weights)


def by(b: Bench, rule: str, h: str, value: str | Term) -> Statement:
    found = read(value) if isinstance(value, str) else value
    return b.do(rule, term=read(h), value=found, weights=(Num(0),))


def jump() -> Term:
    """0 below K12 = 1/2 and 2 above, of formal derivative 0."""
    gap = read("K12 - 1/2")
    return add(read("K12 + 1"), mul(gap, power(power(gap, Num(2)), Num(Fraction(-1, 2)))))


def cube_roots() -> Term:
    """Not constant, but of unknown derivative: 0 at K12 = 0."""
    one, other = (
        power(read(t), Num(Fraction(1, 3))) for t in ("1 + K11 + K22 + K11*K22 - K12^2", "1 + K11 + K22 + K11*K22")
    )
    return add(read("K12"), one, neg(other))


ASIN = App("asin", (Num(2),))
EXPECTATIONS: dict[str, Callable[[Bench], Statement]] = {
    # relu(r z) by the rule for r < 0; e^(z^3) with mean 1; z erf(iz), whose mean is infinite
    "the sign is decided by what is assumed": lambda b: mean(b, "relu(r*z1)"),
    "the argument is a polynomial of low degree in one variable": lambda b: mean(b, "exp(z1^3)"),
    "a real argument": lambda b: mean(b, "z1*erf(sqrt(-1)*z1)".replace("sqrt(-1)", "(-1)^(1/2)")),
    # a derivative of delta taken for a Gaussian; E step(z) Phi(z) without the step
    "no derivative of a Dirac factor": lambda b: by(b, "heat", "step(z1 - 1)", "(sqrt(1 + K11) - 1)/sqrt(2*pi)"),
    "a mean of one sign": lambda b: mean(b, "step(z1)*Phi(z1)"),
    # values that jump, that are no real numbers, whose derivative is not known
    "a radicand is positive": lambda b: by(b, "price", "z1*z2", jump()),
    "a correlation lies between -1 and 1": lambda b: by(b, "price", "z1*z2", add(read("K12"), ASIN, neg(ASIN))),
    "a value with a known derivative": lambda b: by(b, "price", "z1*z2", cube_roots()),
    # E K12 z1 z2 = K12^2/2
    "a function of z1, z2 and params": lambda b: by(b, "price", "K12*z1*z2", "K12^2/2"),
    "the derivative in K12 is the mean of the mixed derivative": lambda b: by(b, "price", "z1*z2", "2*K12"),
    "the value at K12 = 0 is the product of the means": lambda b: by(b, "price", "z1*z2", "K12 + 1"),
    # E z2^2 = 1, E z1^2 = 2 K11, E z1^2 = K11 + 1
    "a function of z1 alone": lambda b: by(b, "heat", "z2^2", "1"),
    "the derivative in K11 is half the mean of the second": lambda b: by(b, "heat", "z1^2", "2*K11"),
    "the value at K11 = 0 is that of the function at 0": lambda b: by(b, "heat", "z1^2", "K11 + 1"),
    "the two values are equal": lambda b: b.do("rewritten", mean(b, "z1*z2"), value=read("2*K12")),
    # E z1 = K11, E z1^2 as if it were E z1 Phi(z1)
    "a step of z2": lambda b: b.do("smoothed", mean(b, "z1*z2"), term=read("z1"), slope=Num(1)),
    "the function is that of the premise, smoothed": lambda b: b.do(
        "smoothed", mean(b, "z1*step(z2)"), term=read("z1^2"), slope=Num(1)),
}  # fmt: skip
DEFENDED = {
    "premises about expectations": "without it they are left out, and nothing is concluded from them",
    "a premise about an expectation": "without it Python raises AssertionError: other statements have no value",
    "a real quadratic exponent": "without it a domain would hold a complex number",
    "a mean with a sign in one variable only": "without it the recursion does not end",
    "a value in covariances and params": "a further name would have to cancel",
}
