"""What a dishonest prover would say of moments and averages over scores, for each side condition of their rules."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import mul, power
from tensorprog.kernel.limits.members import pair
from tensorprog.terms import Bind, Num, Term, Var, read
from tests.kernel.bench import Bench

PROGRAM = """
index j in 1..2
input x[j] ~ N(0, 1)
input u ~ N(2, 1)
weight A, B, V ~ N(0, 1/n)
a = A @ x[1]
b[j] = B @ x[j]
v[j] = V @ x[j]
p[j] = dot(a, b[j]) / sqrt(n)
y = p[1] * v[1]
f = relu(v[1])
z = p[1] * f
s = sum(softmax(p[j] over j) * v[j] for j)
o = y + z + s + u
output o
"""
GRID: dict[str, Any] = {"strip": Fraction(1), "spacing": Fraction(1, 4), "count": 30}


class Steps(Bench):
    """Honest steps about the vectors and scores of this program."""

    def __init__(self) -> None:
        super().__init__(PROGRAM)

    def input(self, *names: str) -> Statement:
        found = list(map(read, names))
        return self.said("initial", term=pair(*found) if len(found) == 2 else found[0])

    def said(self, rule: str, *before: Statement, **params: Any) -> Statement:
        out = self.do(rule, *before, **params)
        assert isinstance(out, Statement)
        return out

    def product(self, one: str, other: str = "", below: tuple[str, ...] = ()) -> Statement:
        """E g, or E g h, where `below` are the vectors that the matrix is applied to."""
        first = (self.input(*below),) if below else ()
        return self.said("product", *first, term=pair(read(one), read(other)) if other else read(one))

    def score(self, one: str, other: str = "") -> Statement:
        """E p[i], or E p[i] p[j]."""
        if not other:
            return self.said("score", term=read(one))
        i, j = one[2], other[2]
        known = [self.product("a", "a", ("x[1]", "x[1]")), self.product(f"b[{i}]", f"b[{j}]", (f"x[{i}]", f"x[{j}]"))]
        known += [self.product("a", f"b[{k}]") for k in dict.fromkeys(i + j)]
        return self.said("score", *known, term=pair(read(one), read(other)))

    def squared(self) -> Statement:
        """E p[1]^2, as a power."""
        return self.said("isserlis", self.score("p[1]"), self.score("p[1]", "p[1]"), term=read("p[1]^2"))

    def relu(self) -> list[Statement]:
        """E f and E f f for f = relu(v[1])."""
        out, v = [], read("v[1]")
        for head, term in (("relu({})", "f"), ("relu({})^2", "f*f")):
            lemma = self.said("gaussian_mean", term=read(head.format("z1")))
            known = [self.product("v[1]", "v[1]", ("x[1]", "x[1]")), self.product("v[1]")]
            once = self.said("instance", lemma, *known, term=read(head.format("v[1]")), at=(v,))
            out.append(self.said("linear", once, term=read(term), weights=(Num(1),), at=(Var("f"),)))
        return out

    def law(self, name: str) -> Statement:
        """The law of y given the scores; of z the covariance."""
        known = self.relu() if name == "z" else [self.product("v[1]"), self.product("v[1]", "v[1]", ("x[1]", "x[1]"))]
        return self.said("conditional", *known, at=(Var(name), Var(name)))

    def numbers(self) -> list[Statement]:
        """The covariances of the scores p[1] and p[2], both of variance 1."""
        found = [("p[1]", "p[1]"), ("p[1]", "p[2]"), ("p[2]", "p[2]")]
        return [self.said("evaluated", self.score(*two), term=pair(*map(read, two))) for two in found]

    def average(self, term: Term, **grid: Any) -> Statement:
        """The number of the mean of a function of these scores."""
        return self.said("quadrature_over_scores", *self.numbers(), term=term, **(grid or GRID))


def share(u: str) -> Term:
    """The first entry of a softmax over j."""
    return Bind("softmax", (read(u), Num(1)), ("j",))


SQUARE = power(share("p[j]"), Num(2))


def mixture() -> Statement:
    """y = p v is Gaussian with variance 1; its fourth moment is 9 and not 3."""
    b = Steps()
    means = [
        b.said("over_scores", b.law("y"), b.score("p[1]", "p[1]"), b.squared(), term=read(t)) for t in ("y", "y*y")
    ]
    return b.said("gaussian_law", *means, at=(Var("y"),))


def no_law() -> Statement:
    """E z z = E p^2 var(f) = (1 - 1/pi)/2 for z = p f, where it is E p^2 E f^2 = 1/2."""
    b = Steps()
    return b.said("over_scores", b.law("z"), b.squared(), *b.relu(), term=read("z*z"))


def too_wide() -> Statement:
    """Poles of the softmax stand in the strip, whose edges are 4 pi apart: there 1/cos(2 pi) = 1."""
    return Steps().average(SQUARE, strip=Fraction(8887, 1000), spacing=Fraction(1), count=9)


SHARES: dict[str, Any] = {
    "strip": Fraction(7, 5),
    "spacing": Fraction(3, 16),
    "count": 46,
    "points": (Fraction(7, 5), Fraction(1, 4), Fraction(-16), Fraction(10)),
}


def shared(**grid: Any) -> Statement:
    """The number of E softmax(p)[1]^2 by Laplace transforms."""
    b = Steps()
    return b.said("shares_over_scores", *b.numbers(), term=SQUARE, **{**SHARES, **grid})


def turned() -> Statement:
    """At t + 2 pi i the real part of e^t is positive again, but it is negative on the way."""
    return shared(points=(Fraction(6283, 1000), Fraction(2), Fraction(-16), Fraction(10)))


def turned_inside() -> Statement:
    """As before, for e^u."""
    return shared(strip=Fraction(6283, 1000), spacing=Fraction(1), count=10)


MOMENTS: dict[str, Callable[[Bench], Any]] = {
    "a law that no score changes": lambda _: mixture(),
    # E 2 x x = 1
    "a product of members": lambda _: (b := Steps()).do(
        "isserlis", b.input("x[1]"), b.input("x[1]", "x[1]"), term=read("2*x[1]^2")
    ),
    "laws given the scores": lambda _: no_law(),
    # E softmax(p^2)^2 = E softmax(p)^2
    "a combination of scores": lambda _: Steps().average(power(share("p[j]^2"), Num(2))),
    "imaginary parts that differ by less than pi": lambda _: too_wide(),
    "a positive real part of e^t in the strip": lambda _: turned(),
    "a positive real part of e^u in the strip": lambda _: turned_inside(),
    # the entry j of a softmax over j is 0, whatever j is
    "an entry of a softmax": lambda _: Steps().average(Bind("softmax", (read("p[j]"), Var("j")), ("j",))),
}
GUARDED_MOMENTS = {
    "vectors alone, or scores alone": "no rule says what the mean of a product of a score and a vector is",
    "the law of the members given the scores": "without it Python raises KeyError",
    "a polynomial in scores": "the mean of what is no polynomial is a premise too, and then it is true",
}


def many() -> Statement:
    """129 softmaxes of two scores."""
    b = Steps()
    term = mul(*(share(f"{k}*p[j]") for k in range(1, 130)))
    return b.said("shares_over_scores", *b.numbers(), term=term, **SHARES)


MALFORMED_MOMENTS: dict[str, Callable[[], Any]] = {
    "members, each once": lambda: Steps().do("gaussian_law", at=(Var("u"), Var("u"))),
    "a product of few factors": lambda: Steps().do("isserlis", term=read("u^9")),
    "few summands": lambda: Steps().do("over_scores", term=read("o^8")),
    "a strip, a spacing and two ends": lambda: shared(points=(Fraction(1),)),
    "few points": lambda: shared(points=(Fraction(1), Fraction(1), Fraction(1), Fraction(0))),
    "a product of few shares": lambda: Steps().said(
        "shares_over_scores", *Steps().numbers(), term=power(SQUARE, Num(17)), **SHARES
    ),
    "few scores": many,
    "few combinations of scores": lambda: Steps().average(mul(*(share(f"{k}*p[j]") for k in range(1, 6)))),
}
