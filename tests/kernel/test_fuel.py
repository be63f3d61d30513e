"""Fuel is work: of the worst cases of the rules, how many elementary operations one unit of fuel pays for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tensorprog.kernel.certificate import FUEL
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import METER, Fuel, Refused
from tensorprog.kernel.ground.indices import Pattern, uncovered
from tensorprog.kernel.ground.term import ONE, add, mul
from tensorprog.kernel.limits.laws import covered
from tensorprog.kernel.numbers.statements import Number
from tensorprog.kernel.verdict.assumed import jumps
from tensorprog.kernel.verdict.normal_form import read as read_normal_form
from tensorprog.kernel.verdict.premises import case_of, obligations, semidefinite
from tensorprog.language import loads
from tensorprog.terms import App, Bind, Num, Var, read
from tests.kernel.bench import Bench

MOST = 60
"""Elementary operations (calls of functions, and of what is built in) for a unit of fuel, at most."""
BASE = 20_000
"""What a step may cost beside: reading it, building a normal form once."""


def spent(b: Bench, act: Callable[[], Any]) -> tuple[int, int]:
    """The operations that a step causes, and the fuel it uses."""
    count = 0

    def counted(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before, token = b.context.fuel, METER.set(b.context.spend)
    sys.setprofile(counted)
    try:
        act()
    except Refused:
        pass
    finally:
        sys.setprofile(None)
        METER.reset(token)
    return count, before - b.context.fuel


def masked(size: int) -> Callable[[], Any]:
    b = Bench(f"index i, j in 1..{size}\ninput s[j] ~ N(0, 1)\noutput s\n")
    mask = read("j >= i")
    return lambda: spent(b, lambda: b.do("family", b.fact(Var("s", ("j",))), head="softmax", over=("j",), mask=mask))


def families(size: int) -> Callable[[], Any]:
    """A family in many pieces, of which each member is asked for."""
    text = "".join(f"h[{k}] = A @ x\n" for k in range(1, size + 1))
    b = Bench(f"index i in 1..{size}\ninput x ~ N(0, 1)\nweight A ~ N(0, 1/n)\n{text}y = sum(h[i] for i)\noutput y\n")
    return lambda: spent(b, lambda: b.do("variable", var=Var("h", ("i",))))


def matrix(size: int) -> Callable[[], Any]:
    rows = ", ".join("[" + ", ".join(["1"] * size) + "]" for _ in range(size))
    b = Bench(f"index i, j in 1..{size}\nmatrix M = [{rows}]\ninput x ~ N(0, 1)\ny[i] = M[i,i]*x\noutput y\n")
    return lambda: spent(b, lambda: b.do("constant", term=Var("M", ("i", "j"))))


def positive(size: int) -> Callable[[], Any]:
    rows = (", ".join("2" if k == m else "1" for m in range(size)) for k in range(size))
    entries = f"[{', '.join(f'[{row}]' for row in rows)}]"
    b = Bench(f"index i in 1..{size}\nmatrix S = {entries}\ninput x[i] ~ N(0, S)\noutput x\n")
    return lambda: spent(b, lambda: semidefinite(b.context, b.program.groups[0]))


def scores(size: int) -> Callable[[], Any]:
    b = Bench(
        f"index i, j in 1..{size}\ninput u[i] ~ N(0, 1)\nweight Wq[i], Wk[i], Wv ~ N(0, 1/n)\nx[i] = tanh(u[i])\n"
        "p[i,j] = dot(Wq[i] @ x[i], Wk[j] @ x[j]) / sqrt(n)\n"
        "y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)\noutput y\n"
    )
    return lambda: spent(b, lambda: obligations(case_of(b.context, 0, ()), "attention", ()))


def halves(size: int) -> Callable[[], Any]:
    """Scores between two halves of one family of matrices: single products are compared."""
    b = Bench(
        f"index i in 1..{size}\nindex k in {size + 1}..{2 * size}\nindex a in 1..{2 * size}\ninput u ~ N(0, 1)\n"
        "weight W[a], Wv ~ N(0, 1/n)\nx = tanh(u)\np[i,k] = dot(W[i] @ x, W[k] @ x) / sqrt(n)\n"
        "y[i] = sum(softmax(p[i,k] over k) * (Wv @ x) for k)\noutput y\n"
    )
    return lambda: spent(b, lambda: obligations(case_of(b.context, 0, ()), "attention", ()))


def mean_of_many(size: int) -> Callable[[], Any]:
    b = Bench(f"index j in 1..{size}\ninput s[j] ~ N(0, 1)\noutput s\n")
    one = b.do("initial", term=ONE)
    total = add(*(Var("s", (k,)) for k in range(1, size + 1)))
    known = [b.do("initial", term=Var("s", (k,))) for k in range(1, size + 1)]
    return lambda: spent(b, lambda: b.do("alike", one, *known, term=total, at=total.args))


def written(size: int) -> Callable[[], Any]:
    b = Bench(f"index j in 1..{size}\ninput x, s[j] ~ N(0, 1)\noutput x\n")
    one = b.do("initial", term=ONE)
    total = Bind("sum", (App("tanh", (mul(Num(2), Var("x")),)),), ("j",))
    return lambda: spent(b, lambda: b.do("linear", one, term=total, weights=(ONE,)))


def chain(size: int) -> Callable[[], Any]:
    text = "".join(f"x{k} = x{k - 1} + x\n" for k in range(1, size))
    b = Bench(f"input x, x0 ~ N(0, 1)\n{text}m = mean(x)\ny = x{size - 1}*m\noutput y\n")
    return lambda: spent(b, lambda: jumps(b.context, b.program.nodes[-1]))


def claims(size: int) -> Callable[[], Any]:
    b = Bench(f"index i, j in 1..{size}\ninput x[i] ~ N(0, 1)\noutput x\nclaim cov(x[i], x[j]) = 0 for i != j\n")
    return lambda: spent(b, lambda: b.do("claimed", node=0))


def algebra(size: int) -> Callable[[], Any]:
    b = Bench()
    total = add(*(App("tanh", (add(Var("x"), Num(k)),)) for k in range(size)))
    return lambda: spent(b, lambda: b.do("equal", b.fact(total), b.fact(App("add", total.args[::-1]))))


def quadrature(size: int) -> Callable[[], Any]:
    b = Bench()
    known = [Number(Var("x"), "0", "0"), Number(read("x*x"), "1", "1")]
    wide = {"strip": Fraction(1, 9), "spacing": Fraction(1, 10), "count": size}
    return lambda: spent(b, lambda: b.do("quadrature", *known, term=read("tanh(x)^2"), at=(Var("x"),), **wide))


def pieces(size: int) -> Callable[[], Any]:
    """Single members of a family in as many pieces, two layers deep."""
    pairs = "".join(f"g[{k}] = A @ x\nh[{k}] = tanh(g[{k}])\n" for k in range(1, size + 1))
    total = " + ".join(f"h[{k}]" for k in range(1, size + 1))
    b = Bench(f"index i in 1..{size}\ninput x ~ N(0, 1)\nweight A ~ N(0, 1/n)\n{pairs}y = {total}\noutput y\n")
    return lambda: spent(b, lambda: case_of(b.context, 0, ()))


def diagonals(size: int) -> Callable[[], Any]:
    """Whether a family is covered by its diagonals, one for each two of its indices."""
    names = [f"i{k}" for k in range(size)]
    planes = [[names[j] if i == names[k] else i for i in names] for k in range(size) for j in range(k)]
    body = " + ".join(f"sum(h[{','.join(p)}] for {', '.join(dict.fromkeys(p))})" for p in planes)
    b = Bench(f"index {', '.join(names)} in 1..{size + 1}\ninput h[{','.join(names)}] ~ N(0, 1)\n"
              f"y = {body}\noutput y\n")  # fmt: skip
    return lambda: spent(b, lambda: covered(b.context, [Var("h", tuple(names))]))


def tails(size: int) -> Callable[[], Any]:
    b = Bench()
    t = add(*(App("pow", (Var("x"), Num(k))) for k in range(2, size)))
    return lambda: spent(b, lambda: b.do("tails", b.fact(t), var=Var("x"), what="slope"))


WORST: dict[str, tuple[Callable[[int], Callable[[], Any]], int]] = {
    "a masked family": (masked, 60), "a family in pieces": (families, 400), "a matrix": (matrix, 40),
    "a covariance": (positive, 24), "scores": (scores, 20), "halves of a family": (halves, 12),
    "a law of many": (mean_of_many, 20), "a sum written out": (written, 300),
    "a chain of definitions": (chain, 120), "a claim": (claims, 12), "a comparison": (algebra, 60),
    "a quadrature": (quadrature, 100), "tails": (tails, 30), "many pieces": (pieces, 100),
    "diagonals": (diagonals, 4), "more diagonals": (diagonals, 6),
}  # fmt: skip


@pytest.mark.parametrize("name", WORST)
def test_fuel_is_proportional_to_work(name: str) -> None:
    made, size = WORST[name]
    count, fuel = made(size)()
    assert count < BASE + MOST * fuel, (count, fuel)


def test_a_question_about_many_members_ends_on_fuel() -> None:
    """Whether 11^10 members, all different, lie on one of 45 diagonals: their classes are too many to look at."""
    b = Bench("index i in 1..11\ninput x ~ N(0, 1)\noutput x\n")
    names = [f"i{k}" for k in range(10)]
    ranges = dict.fromkeys(names, (1, 11))
    planes = [
        Pattern.of([names[j] if i == names[k] else i for i in names], ranges) for k in range(10) for j in range(k)
    ]
    small = Context(b.program, FUEL // 10)
    with pytest.raises(Refused, match="the fuel lasts"):
        uncovered(Pattern.of(names, ranges), planes, small.spend)


MANY = range(1, 1500)
X: list[Any] = ["var", "x"]
PIECES = {
    "read together": [
        *(["Moment", "m", [k], X] for k in MANY),
        *(["Scalar", f"s{k}", [], ["bind", "sum", [["var", "m", "i"]], ["i"], None]] for k in MANY),
    ],
    "of two shapes": [
        *(["Nonlin", "h", [k, "i"], ["tanh", X]] for k in MANY),
        *(["Nonlin", "h", [1500, k], ["tanh", X]] for k in MANY),
    ],
}


@pytest.mark.parametrize("name", PIECES)
def test_a_normal_form_in_many_pieces_ends_on_fuel(name: str) -> None:
    program = loads("index i in 1..1499\nindex j in 1..1500\ninput x ~ N(0, 1)\noutput x\n")
    token = METER.set(Fuel(FUEL // 10).spend)
    try:
        with pytest.raises(Refused, match="the fuel lasts"):
            read_normal_form(program, PIECES[name])
    finally:
        METER.reset(token)


def test_the_count_counts() -> None:
    """A step that is charged nothing is found: without its charge the masked family costs far more than it pays."""
    count, fuel = masked(60)()
    assert count > 50_000
    assert fuel > count / MOST
