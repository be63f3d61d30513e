"""What a dishonest prover would say of the limit laws of programs, for each side condition of their rules."""

from __future__ import annotations

from collections.abc import Callable

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import mul
from tensorprog.kernel.limits.members import pair
from tensorprog.kernel.limits.statements import Lemma
from tensorprog.terms import Num, Term, Var, read
from tests.kernel.bench import Bench

PROGRAM = """
index j in 1..3
input x, y ~ N(0, 1)
input s[j] ~ N(j, 1)
input v ~ N(0, 1)
input c ~ N(0, 1)
input (u, w) ~ N([0, 0], [[1, -1], [-1, 1]])
weight A, B ~ N(0, 1/n)
g = A @ x
h = B @ y
k = A @ y
f = relu(g)
t = g^3
far = f + h
p = dot(g, h) / sqrt(n)
q = dot(g, k) / sqrt(n)
m = dot(c, v) / n
z = p * x
output g
claim E(x) = 1
claim invalid
"""
TIED = "input x ~ N(0, 1)\nweight A ~ N(0, 1/n)\ng = A @ x\nt = tanh(g)\nback = A' @ t\noutput back\n"
ONE = Num(1)


def bench(text: str = PROGRAM) -> Bench:
    return Bench(text)


def initial(b: Bench, *names: str) -> Statement:
    return b.do("initial", term=mul(*map(read, names)))


def product(b: Bench, *names: str, below: tuple[Statement, ...] = ()) -> Statement:
    return b.do("product", *below, term=mul(*map(read, names)))


def square(b: Bench) -> Statement:
    """E g g = E x x."""
    return product(b, "g", "g", below=(initial(b, "x", "x"),))


def relu(b: Bench, what: str = "g", lemma: str = "relu(z1)") -> Statement:
    """E relu(g), by its lemma."""
    h = b.do("gaussian_mean", term=read(lemma))
    return b.do("instance", h, square(b), product(b, "g"), term=read(what), at=(Var("g"),))


def cube() -> Statement:
    """E (g^3)^4 as if g^3 were Gaussian."""
    b = bench()

    def power_of_g(k: int) -> Statement:
        lemma = b.do("gaussian_mean", term=read(f"z1^{k}"))
        return b.do("instance", lemma, square(b), product(b, "g"), term=read(f"g^{k}"), at=(Var("g"),))

    once = b.do("linear", power_of_g(3), term=Var("t"), weights=(ONE,), at=(Var("t"),))
    twice = b.do("linear", power_of_g(6), term=read("t*t"), weights=(ONE,), at=(Var("t"),))
    lemma = b.do("gaussian_mean", term=read("z1^4"))
    return b.do("instance", lemma, twice, once, term=read("t^4"), at=(Var("t"),))


def infinite() -> Statement:
    b = bench()
    lemma = b.do("gaussian_mean", term=read("exp(z1^2)"))
    return b.do("instance", lemma, square(b), product(b, "g"), term=read("exp(g^2)"), at=(Var("g"),))


def pole() -> Statement:
    """E z1 z2 = K12 with a factor that is 1 where D > 0 and has no value where D = 0."""
    b = bench()
    lemma = b.do("gaussian_mean", term=read("z1*z2"))
    ratio: Term = read("K12*Phi((K11*K22 - K12^2)^(-1/2))")
    return b.do("closed", Lemma(lemma.term, ratio, lemma.domain))


def score(b: Bench, *names: str) -> Statement:
    sides = {"p": ("g", "h"), "q": ("g", "k")}[names[0]]
    below = {"x": initial(b, "x", "x"), "y": initial(b, "y", "y"), "xy": initial(b, "x", "y")}
    one, two = sides
    known = [square(b), product(b, two, two, below=(below["y"],))]
    known.append(b.do("product", below["xy"], term=pair(Var(one), Var(two))))
    return b.do("score", *known, term=mul(*map(read, names)))


COVARIANCES: dict[str, Callable[[Bench], Statement]] = {
    # E x^4 = 0 and E g^4 = 1, by rules for two factors; E p^4 = 0
    "one vector or two": lambda _: initial(bench(), "x", "x", "x", "x"),
    "products, or one and an initial vector": lambda _: product(
        bench(), "g", "h", "g", "h"),
    "one score or two": lambda _: score(bench(), "p", "p", "p", "p"),
    # E A'tanh(Ax) x = 0, measured .600; the mean of the product of a member that other definitions share
    "no transpose of the matrix is used": lambda _: product(bench(TIED), "back", "x"),
    # E x^2 = x E x = 0; E x^2 = 2; E g = E relu(g); E relu(g)^3 of a law that is not Gaussian; an infinite mean
    "a weight is a constant": lambda _: (b := bench()).do(
        "linear", initial(b, "x"), term=read("x*x"), weights=(Var("x"),)),
    "the term is the combination": lambda _: (b := bench()).do(
        "linear", initial(b, "x", "x"), term=read("x*x"), weights=(Num(2),)),
    "the lemma is about the term": lambda _: relu(bench(), "g"),
    "Gaussian members": lambda _: cube(),
    "the law lies in the domain of the lemma": lambda _: infinite(),
    "the value is continuous where D = 0": lambda _: pole(),
    # E x^2 = E x E y; E x^2 = (E x)^2; E p^2 = (E p)^2
    "the term is the product": lambda _: (b := bench()).do(
        "independent", initial(b, "x"), initial(b, "y"), initial(b, "x", "y"), term=read("x*x")),
    "members without covariance": lambda _: (b := bench()).do(
        "independent", initial(b, "x"), initial(b, "x"), initial(b, "x", "x"), term=read("x*x")),
    "no score stands in the term": lambda _: (b := bench()).do(
        "independent", b.do("score", term=Var("p")), b.do("score", term=Var("p")), term=read("p*p")),
    # the average of x^2 as a score, centred; a score of one matrix; the covariance of what no output needs; the
    # valid program is invalid; E x = 1
    "the scaling": lambda _: (b := bench()).do(
        "score", initial(b, "c", "c"), initial(b, "v", "v"), initial(b, "c", "v"), term=read("m*m")),
    "sides by two matrices, or a readout": lambda _: score(bench(), "q", "q"),
    "members below one output": lambda _: (b := bench()).do(
        "covariance", initial(b, "u", "w"), initial(b, "u"), initial(b, "w"), at=(Var("u"), Var("w"))),
    "a claim that terms are equal, or one is Gaussian": lambda _: bench().do("claimed", node=1),
    "the sides of the claim are equal": lambda _: (b := bench()).do("claimed", initial(b, "x"), node=0),
    # E (g^2 - 1)^4 = 12, as if g^2 were Gaussian; E relu(g) = relu(0); E sign(s)^2 = 0 of a vector that only tends to 0
    "a combination for each variable": lambda _: square_of_a_gaussian(),
    "a member without variance": lambda _: (b := bench()).do(
        "still", b.fact(read("relu(g)")), square(b), product(b, "g"), b.do("linear", term=read("relu(0)"), weights=()),
        term=read("relu(g)"), at=(Var("g"),)),
    "a function that is continuous": lambda _: vanishing(),
    # E g exp(g^2) = 0, which is no number
    "a controlled function": lambda _: (b := bench()).do(
        "unevaluated", b.fact(read("g*exp(g^2)")), product(b, "g"), term=read("g*exp(g^2)")),
    # z/z is 1 where z is 0
    "every part has a value": lambda _: undefined_quotient(),
    # E relu(h) = E tanh(g)^2; E tanh(y)^2 = E tanh(x)^2 for another variance
    "the term is the first at others": lambda _: alike("relu(y)", "1"),
    "members of one law": lambda _: alike("tanh(y)^2", "4"),
    # the covariance of (m + m/n) x in the limit contains n
    "a limit has no width": lambda _: width_in_a_limit(),
}  # fmt: skip


def width_in_a_limit() -> Statement:
    b = Bench("input x ~ N(0, 1)\nm = mean(x^2)\ns = m*(1 + 1/n)\ny = s*x\noutput y\n")
    return b.do("conditional", initial(b, "x"), initial(b, "x", "x"), at=(Var("y"), Var("y")))


def undefined_quotient() -> Statement:
    b = Bench("param C >= 0 = 1\ninput x ~ N(0, C)\noutput x\nclaim var(x)/var(x) = 1\n")
    return b.do("claimed", initial(b, "x", "x"), initial(b, "x"), node=0)


def alike(term: str, variance: str) -> Statement:
    b = Bench(f"input x ~ N(0, 1)\ninput y ~ N(0, {variance})\ng = x + y\noutput g\n")
    first = b.do("unevaluated", b.fact(read("tanh(x)^2")), term=read("tanh(x)^2"))
    known = [initial(b, *names) for names in (("x",), ("y",), ("x", "x"), ("y", "y"))]
    return b.do("alike", first, *known, term=read(term), at=(Var("y"),))


def square_of_a_gaussian() -> Statement:
    b = bench()

    def power_of_g(k: int) -> Statement:
        lemma = b.do("gaussian_mean", term=read(f"z1^{k}"))
        return b.do("instance", lemma, square(b), product(b, "g"), term=read(f"g^{k}"), at=(Var("g"),))

    u = read("g^2")
    once = b.do("linear", power_of_g(2), term=u, weights=(ONE,))
    twice = b.do("linear", power_of_g(4), term=pair(u, u), weights=(ONE,))
    lemma = b.do("gaussian_mean", term=read("z1^4"))
    return b.do("instance", lemma, twice, once, term=read("(g^2 - 1)^4"), at=(u,))


def vanishing() -> Statement:
    """s = A x (m - 1) with m = mean(x^2) -> 1 is no zero at any width, and sign(s)^2 = 1."""
    b = Bench("input x ~ N(0, 1)\nweight A ~ N(0, 1/n)\nm = mean(x^2)\nu = (m - 1)*x\ns = A @ u\noutput s\n")
    m = b.do("limit", b.do("linear", initial(b, "x", "x"), term=read("x^2"), weights=(ONE,)), term=Var("m"))
    below = b.do("linear", initial(b, "x", "x"), m, term=read("u*u"), weights=(read("(m - 1)^2"),), at=(Var("u"),))
    square_of_s = product(b, "s", "s", below=(below,))
    zero = b.do("linear", term=read("sign(0)^2"), weights=())
    return b.do("still", b.fact(read("sign(s)^2")), square_of_s, product(b, "s"), zero,
                term=read("sign(s)^2"), at=(Var("s"),))  # fmt: skip


GUARDED = {
    "single members of the program": "a statement about a family of members has no other premises than its members'",
    "an instruction of another kind": "other instructions lack what is read, and a score is Gaussian too",
    "premises about means": "what other premises say has no value, or is about z1 and z2",
    "the mean is known": "without it Python raises KeyError",
    "scores stand apart from vectors": "no mean that this one needs can be derived",
    "a lemma about an expectation": "without it Python raises AssertionError: other statements have no domain",
    "a claim of the program": "without it Python raises IndexError",
    "a claim about something": "a claim about nothing is true, and says nothing",
    "a claim about means": "sides that agree as functions of a vector are equal",
}
