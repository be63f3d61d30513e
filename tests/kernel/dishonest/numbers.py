"""What a dishonest prover would say of numbers, for each side condition of their rules."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import recip
from tensorprog.kernel.limits.members import reference
from tensorprog.kernel.limits.statements import GivenScores, Mean
from tensorprog.kernel.numbers.statements import Number
from tensorprog.terms import App, Term, Var, read
from tests.kernel.bench import Bench

PROGRAM = """
index j in 1..2
input x, y ~ N(0, 1)
weight A, B ~ N(0, 1/n)
g = A @ x
h = B @ y
r = relu(g)
p = dot(g, h) / sqrt(n)
z = p * g
t = tanh(z)
later = dot(B @ t, A @ t) / sqrt(n)
m = mean(x)
output g
claim E(x^2) = 2 within 1/10
claim not gaussian(z)
claim not gaussian(r)
claim gaussian(z)
"""
BELOW_0 = "param C >= 0 = pi - 3.1415926535897932385\ninput x ~ N(C, 1)\noutput x\n"


def number(text: str, low: str, high: str = "") -> Statement:
    """As if another step had concluded it."""
    return Number(read(text), low, high or low)


def mean_of(term: str, v: str = "g", strip: float = 1, spacing: float = 1 / 8, count: int = 90) -> Statement:
    given = {"strip": Fraction(strip), "spacing": Fraction(spacing), "count": count}
    known = [number(v, "0"), number(f"{v}*{v}", "1"), number("r", "0.4")]
    return Bench(PROGRAM).do("quadrature", *known, term=read(term), at=(Var(v),), **given)


def trusted(term: str, low: int, high: int) -> Statement:
    return Bench(PROGRAM).do("trusted", term=read(term), low=Fraction(low), high=Fraction(high), method="quadrature")


def value(of: Callable[[Term], Term], low: str, high: str) -> Statement:
    """E tanh(g) as a function of E(g), which lies between two numbers."""
    known = Mean(read("tanh(g)"), of(reference(Var("g"))))
    return Bench(PROGRAM).do("evaluated", known, number("g", low, high), term=read("tanh(g)"))


def spread(variance: str, claim: int = 1, of: str = "z", *known: Statement) -> Statement:
    """The law of z given the scores has this variance: it is not Gaussian."""
    law = GivenScores(read(of), read(of), read(variance), True)
    known = known or (number("p*p", "1"),)
    return Bench(PROGRAM).do("mixed", law, *known, node=claim, at=(Var("p"),), points=(Fraction(1),))


def confirmed(claim: str, low: str, high: str) -> Statement:
    """A claim about the mean of x, which lies between two numbers."""
    b = Bench(f"input x ~ N(0, 1)\noutput x\nclaim {claim}\n")
    return b.do("confirmed", number("x", low, high), node=0)


NUMBERS: dict[str, Callable[[Bench], Statement]] = {
    # 1/v between 1 and -1 for v between -1 and 1; log(-5); C between -4e-20 and -3e-20, for C >= 0
    "a divisor apart from 0": lambda _: value(recip, "-1", "1"),
    "a logarithm of what is positive": lambda _: value(lambda v: App("log", (v,)), "-5", "-5"),
    # sqrt(C) = 1 for C between -1 and 1; asin(2) = pi/2
    "a root of what is not negative": lambda _: confirmed("sqrt(E(x)) = 1 within 2", "-1", "1"),
    "a sine lies between -1 and 1": lambda _: confirmed("asin(E(x)) = pi/2", "2", "2"),
    "an admissible value": lambda _: (b := Bench(BELOW_0)).do(
        "evaluated", b.do("initial", term=Var("x")), term=Var("x")
    ),
    # E |g|^3 = 1.5958 of the trapezoid rule with a spacing of 4/5, as if |g|^3 were analytic; E exp(g^2) is no number
    "a whole power": lambda _: mean_of("(g*g)^(3/2)", strip=5, spacing=4 / 5, count=20),
    "a bounded exponent": lambda _: mean_of("exp(g*g)"),
    # E softplus(5 g) by a spacing that is good for an entire function; E tanh(g) relu(g) = E tanh(g) E relu(g)
    "no branch point in the strip": lambda _: mean_of("softplus(5*g)", strip=4, spacing=1 / 2, count=30),
    "a function of the combinations": lambda _: mean_of("tanh(g)*r"),
    # E tanh(exp(3 tanh(g))) by a spacing that is good for a function without poles
    "no pole in the strip": lambda _: mean_of("tanh(exp(3*tanh(g)))", strip=3 / 2, spacing=1, count=20),
    # an error below 0; E g^4 = 1.16 at most; E(1) between 2 and 3
    "a strip, a spacing and a count": lambda _: mean_of("tanh(g)^2", strip=-1, spacing=1 / 8),
    "a grid that reaches far enough": lambda _: mean_of("g^4", strip=1 / 10, spacing=1 / 100, count=1),
    "a number that was computed by a known method": lambda _: trusted("g*g", 2, 1),
    "a mean of members of the program": lambda _: trusted("1", 2, 3),
    # a Gaussian vector is not Gaussian: of variance 1, or p^2 with p = 0; as the law of another; by a later
    # score, which is not Gaussian; the claim E x^2 = 2 holds because z is not Gaussian
    "two variances that differ": lambda _: spread("1 + 0*p"),
    "the law of the vector": lambda _: spread("p^2", 2),
    "a function of scores": lambda _: spread("later^2", 1, "z", number("later*p", "1")),
    "a claim of another form": lambda _: spread("p^2", 3),
    # E x^2 = 2, within a tenth
    "the sides of the claim are near": lambda _: Bench(PROGRAM).do("confirmed", number("x^2", "1"), node=0),
}
GUARDED_NUMBERS = {
    "premises about numbers": "without it Python raises TypeError: a number has two ends",
    "a bounded imaginary part": "without it Python raises AssertionError",
    "the number is known": "without it Python raises KeyError",
}
