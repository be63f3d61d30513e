"""Quantities are computed once each, with the conditions under which all that was asked for is finite."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from tensorprog.language import loads
from tensorprog.limit.engine import Engine
from tensorprog.limit.rules.quantities import Ex, Mean, ScalarOf
from tensorprog.limit.solver import Solver
from tensorprog.terms import Var, read

PROGRAM = """
param s > 0 = 0.1
input x ~ N(0, 1)
m = mean(exp(s*x^2))
k = mean(x^2)
y = m*x
output y
"""


def test_what_must_be_positive_is_told_of_every_question() -> None:
    named = Engine(loads(PROGRAM)).named
    named.value(ScalarOf(Var("m")))
    asked = named.required()
    assert asked
    named.forget()
    assert not named.required()
    named.value(ScalarOf(Var("k")))
    assert not named.required()
    named.value(Ex(read("y*x")))  # rests on m, which is known by now
    assert named.required() == asked


def test_a_quantity_is_computed_once() -> None:
    engine = Engine(loads(PROGRAM))
    made: list[object] = []
    compute = engine.enclosures.calculus.compute
    engine.enclosures.calculus.compute = lambda key: (made.append(key), compute(key))[1]  # type: ignore[method-assign]
    for _ in range(2):
        engine.enclosures.value(Ex(read("y*x")))
        engine.enclosures.value(Ex(read("y*y")))
    assert len(made) == len(set(made)) > 2


class Chain:
    """A quantity that is 1 more than the one before it."""

    def __init__(self) -> None:
        self.noted: set[Any] = set()

    def compute(self, key: Mean) -> Generator[Mean, int, int]:
        k = int(key.a.name)
        return 1 + (yield Mean(Var(str(k - 1)))) if k else 0

    def ask(self, key: Mean) -> Generator[Mean, int, int]:
        return (yield key)


def test_depth_is_no_limit() -> None:
    solver: Solver[int, Any] = Solver(Chain())  # type: ignore[type-var]
    assert solver.value(Mean(Var("20000"))) == 20_000
