"""What must never get lost on the way: that facts hold only near the limits of scalars, and what axioms were used."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Fact, Instruction, Statement
from tensorprog.kernel.ground.term import add
from tensorprog.terms import App, Num, Term, Var
from tests.kernel.bench import Bench

X, M = Var("x"), Var("m2")
UNFOLDED = add(App("max", (X, Num(0))), Num(0), Num(0))


def near(b: Bench) -> Statement:
    """A moment near its limit."""
    return b.do("limit_scalar", var=M)


def condition_near(b: Bench) -> Statement:
    """x + m - m > 0: a condition that the kernel knows only near the limit of m."""
    left = b.do("apply", b.fact("x"), near(b), head="add")
    known = b.do("apply", left, b.do("apply", near(b), head="neg"), head="add")
    term = App("where", (App("gt", (add(X, M), M)), X, Num(0)))
    return b.do("clamped", b.fact(UNFOLDED), known, term=term, solve=X)


WAYS: dict[str, Callable[[Bench], Statement]] = {
    "apply": lambda b: b.do("apply", b.fact("x"), near(b), head="mul"),
    "apply, power": lambda b: b.do("apply", near(b), head="pow", exponent=Fraction(2)),
    "family": lambda b: b.do("family", near(b), head="sum", over=("j",)),
    "definition": lambda b: b.do(
        "definition", b.do("apply", b.do("apply", near(b), b.fact(Num(0)), head="max"), b.do(
            "apply", b.fact(Num(Fraction(1, 10))), b.do("apply", near(b), b.fact(Num(0)), head="min"), head="mul"),
            head="add"), term=App("leaky_relu", (M, Num(Fraction(1, 10))))),
    "equal, known": lambda b: b.do("equal", near(b), b.fact(M)),
    "equal, target": lambda b: b.do("equal", b.fact(M), near(b)),
    "branches, condition": lambda b: b.do("branches", near(b), b.fact("x"), b.fact("x"), b.fact("y"), head="gt"),
    "branches, decided": lambda b: b.do("branches", b.do("apply", near(b), head="exp"), b.fact(Num(0)), b.fact("x"),
                                        b.fact("y"), head="gt"),
    "clamped, condition": condition_near,
    "instruction": lambda b: b.do("instruction", b.do("apply", near(b), head="tanh"), node=b.node("shifted")),
}  # fmt: skip
TEXT = """
index j in 1..3
input x, y ~ N(0, 1)
input s[j] ~ N(0, 1)
m2 = mean(x^2)
shifted = tanh(m2)
f = x * shifted
output f
"""


@pytest.mark.parametrize("way", WAYS)
def test_near_the_limits_is_never_lost(way: str) -> None:
    found = WAYS[way](Bench(TEXT))
    assert isinstance(found, Fact | Instruction)
    assert found.info.local


def test_an_empty_softmax_row_is_refused() -> None:
    b = Bench(TEXT)
    s = b.fact(Var("s", ("j",)))
    full: Term = App("le", (Var("j"), Num(3)))
    empty: Term = App("gt", (Var("j"), Num(3)))
    assert isinstance(b.do("family", s, head="softmax", over=("j",), mask=full), Fact)
    with pytest.raises(Refused, match="a mask leaves no row empty"):
        b.do("family", s, head="softmax", over=("j",), mask=empty)


def test_facts_near_the_limits_count_for_one_theorem_only() -> None:
    b = Bench(TEXT)
    local = b.do("instruction", b.do("apply", near(b), head="tanh"), node=b.node("shifted"))
    with pytest.raises(Refused, match="has the property"):
        b.do("has", local, node=b.node("shifted"), what="continuous")
