"""Refutations and tails: against numbers along the curve, and against the facts of functions, which share no code."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from tensorprog.functions.api import facts
from tensorprog.functions.rules.facts import Fact
from tensorprog.kernel.core.rates import PROPERTIES
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import add, mul, neg, power, recip
from tensorprog.kernel.written.statements import said_of
from tensorprog.language import loads
from tensorprog.program import Program
from tensorprog.proof import prove, verify
from tensorprog.terms import App, Num, Term, Var, read, to_text
from tests.functions.reference import cases
from tests.kernel.bench import Bench
from tests.kernel.oracle import Curve, disagreement
from tests.proof.facts import certified, program_of

X, Y, T = Var("x"), Var("y"), Var("t")


def curve(said: tuple[str, ...]) -> dict[Var, Term]:
    """`x = t` as a variable and a term."""
    pairs = [one.split(" = ") for one in said]
    return {v: read(x) for left, x in pairs if isinstance(v := read(left), Var)}


def test_refutations_of_the_reference_functions_are_borne_out_by_numbers() -> None:
    checked = 0
    for case in cases():
        p = program_of(case)
        body = p.nodes[-1].body  # type: ignore[union-attr]
        for what, said in certified(case).items():
            if said.startswith("refuted: "):
                path = Curve(p, body, curve(tuple(said.removeprefix("refuted: ").split(", "))))
                assert path.disagreement(what) is None, (case.text, what, said)
                checked += 1
    assert checked >= 80


FALSE = [
    ("tanh(x)", "bounded", {"x": "t"}), ("x^5", "polynomially bounded", {"x": "t"}),
    ("exp(x)", "controlled", {"x": "t"}),
    ("abs(x)", "continuous", {"x": "1/t"}), ("abs(x)", "pseudo-Lipschitz", {"x": "1/t"}), ("x^2", "total", {"x": "1"}),
    ("sin(x)*y", "bounded", {"x": "t", "y": "1"}), ("x*y", "bounded", {"x": "t", "y": "1/t"}),
    ("sqrt(1 + x^2)", "pseudo-Lipschitz", {"x": "t"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "what", "along"), FALSE)
def test_the_kernel_and_the_oracle_refuse_false_refutations(body: str, what: str, along: dict[str, str]) -> None:
    b = bench(read(body))
    path = {Var(v): read(x) for v, x in along.items()}
    with pytest.raises(Refused):
        refuted(b, what, path)
    assert Curve(b.program, read(body), path).disagreement(what) is not None


def bench(body: Term) -> Bench:
    """A workbench whose instruction f is the function."""
    return Bench(f"param C > 0 = 1\nparam r = 1\ninput x, y ~ N(0, 1)\nf = {to_text(body)}\ng = f + x + y\noutput x\n")


def refuted(b: Bench, what: str, path: dict[Var, Term]) -> Statement:
    return b.do("refuted", node=b.node("f"), what=what, curve=tuple(path.items()))


HEADS = ("relu", "tanh", "erf", "abs", "exp", "sin", "cos", "sign", "step", "floor", "atan", "gelu", "silu", "softplus",
         "sigmoid", "softsign", "hardtanh", "mish", "ceil", "selu", "gelu_tanh")  # fmt: skip
ENDS: tuple[Term, ...] = (
    T, neg(T), power(T, Num(2)), Num(0), Num(1), Num(-1), recip(T), neg(recip(T)), add(Num(1), recip(T)),
    read("pi*(2*t + 1/2)"), read("pi/2 - 1/t"), read("-1 - 1/t^2"), read("2*t + 1"), Num(Fraction(1, 2)),
)  # fmt: skip


def some(rng: random.Random, depth: int) -> Term:
    """A random function of x and y with params C > 0 and r."""
    if depth == 0:
        return rng.choice([X, X, Y, Num(rng.randint(-3, 3)), Num(Fraction(1, 2)), Var("C"), Var("r")])
    a, b = some(rng, depth - 1), some(rng, rng.randint(0, depth - 1))
    return rng.choice([
        lambda: add(a, b), lambda: mul(a, b), lambda: add(a, neg(b)), lambda: App(rng.choice(HEADS), (a,)),
        lambda: App(rng.choice(HEADS), (a,)), lambda: power(a, Num(rng.randint(2, 3))),
        lambda: App(rng.choice(("max", "min")), (a, b)), lambda: recip(add(Num(1), power(a, Num(2)))),
        lambda: App("exp", (neg(power(a, Num(2))),)), lambda: App("log", (add(Num(1), App("abs", (a,))),)),
        lambda: power(App("abs", (a,)), Num(Fraction(rng.randint(1, 3), 2))),
        lambda: recip(a), lambda: App("log", (a,)),
        lambda: App("where", (App(rng.choice(("gt", "ge", "lt", "le")), (a, Num(rng.randint(-1, 1)))), b, a)),
    ])()  # fmt: skip


@pytest.mark.long
def test_random_refutations_contradict_no_proof() -> None:
    """Whatever random function and curve: what the kernel refutes is not proved by rules that share no code with it."""
    rng, accepted = random.Random(7), 0
    for _ in range(500):
        body = some(rng, rng.choice((1, 2, 2, 3)))
        try:
            b = bench(body)
        except Exception:
            continue
        path: dict[Var, Term] = {X: rng.choice(ENDS), Y: rng.choice(ENDS), Var("C"): Num(rng.randint(1, 2)),
                                 Var("r"): Num(rng.randint(-1, 1))}  # fmt: skip
        known = None
        for what in PROPERTIES:
            try:
                refuted(b, what, path)
            except Refused:
                continue
            accepted += 1
            if known is None:
                known = facts(body, vars=["x", "y"], assume="C > 0")
            fact: Fact = getattr(known, what.replace("-", "_").replace(" ", "_").lower())
            assert fact.status != "proved", (to_text(body), what, path, fact.because)
    assert accepted > 150


def test_random_tails_are_true() -> None:
    rng, improved = random.Random(5), 0
    for _ in range(400):
        body = some(rng, rng.choice((2, 3)))
        if not {v.name for v in _vars(body)} <= {"x", "C"}:
            continue
        try:
            b = bench(body)
            plain = b.fact(body)
            found = b.do("tails", plain, var=X, what=rng.choice(("growth", "slope")))
        except Exception:
            continue
        if found.info != plain.info:
            improved += 1
            words = [str(w) for w in said_of(found.info)]
            against = disagreement(b.program, body, words, draws=6)
            assert against is None or against.startswith("undefined"), (to_text(body), words)  # log(exp(x)) underflows
    assert improved > 3


def test_slopes_are_read_off_tails_of_locally_lipschitz_functions_only() -> None:
    b = bench(read("abs(x)"))
    with pytest.raises(Refused, match="the term is continuous"):
        b.do("tails", b.fact("abs(x)^(1/2)"), var=X, what="slope")
    with pytest.raises(Refused, match="a term with a derivative"):
        b.do("tails", b.fact("max(sin(x), cos(x))"), var=X, what="slope")
    assert str(b.do("tails", b.fact("x*atan(x)"), var=X, what="slope").info.slope) == "poly 0"


def _vars(t: Term) -> list[Var]:
    from tensorprog.kernel.ground.term import variables

    return variables(t)


def test_a_certificate_says_what_fails_and_where() -> None:
    p: Program = loads("input x ~ N(0, 1)\nweight W ~ N(0, 1/n)\nf = x*exp(-x^2) + sign(x)\ng = W @ f\noutput g\n")
    said = verify(p, prove(p, ["f"])).goals
    assert ("refuted", "1", "continuous", "x = 1/t") in said
    assert ("property", "1", "bounded") in said
