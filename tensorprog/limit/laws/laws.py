"""The laws of one program: what is remembered between questions, and the numbers of its params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from tensorprog.errors import fail
from tensorprog.limit.averages import Averages
from tensorprog.limit.engine import Engine
from tensorprog.limit.laws.law import Law
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.mixtures.kinds import structure
from tensorprog.limit.support import Supports
from tensorprog.numbers.budget import Budget
from tensorprog.program.api import Program
from tensorprog.terms import Var, read


class Laws:
    """The laws of one program; `values` are numbers of params beside their defaults."""

    def __init__(
        self,
        program: Program,
        values: Mapping[str, Any] | None = None,
        engine: Engine | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.program = program
        self.budget = budget or Budget()
        self.engine = engine or Engine(program, values)
        self.unfolding = Unfolding(program, self.engine.random)
        self.values = self.engine.values
        self.averages = Averages(self.engine, self.unfolding)
        self._known: dict[tuple[tuple[Var, ...], str | None, Budget, int], Law] = {}

    @cached_property
    def supports(self) -> Supports:
        """Which theorem carries which variables."""
        return Supports(self.program)

    def law(
        self,
        members: Sequence[Var | str],
        supported_by: str | None = None,
        tolerance: float | None = None,
        seed: int = 0,
    ) -> Law:
        """The joint law of single variables; raises NotCovered where no rule gives one.

        `tolerance` is relative, of what is sampled; by default the budget's. `supported_by` is the theorem that
        carries the law; if not given, all theorems are judged for these variables.
        """
        refs = tuple(_ref(m) for m in members)
        aim = self.budget if tolerance is None else replace(self.budget, tolerance=tolerance)
        key = refs, supported_by, aim, seed
        if key not in self._known:
            self._known[key] = self._law(refs, supported_by, aim, seed)
        return self._known[key]

    def _law(self, refs: tuple[Var, ...], supported_by: str | None, aim: Budget, seed: int) -> Law:
        if supported_by is None:
            supported_by = self.supports.of(refs).name
        made = structure(refs, self.averages)
        return Law(made, supported_by, aim, seed, lambda some: self.law(some, supported_by, aim.tolerance, seed))


def _ref(m: Var | str) -> Var:
    found = read(m) if isinstance(m, str) else m
    if not isinstance(found, Var):
        raise fail("TP003", f"{m} is not a variable of the program")
    return found
