"""Formulas in which an expectation without a closed form is a symbol that stands for it, with a ball for its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from tensorprog.limit.rules.quantities import Core
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.values.arrays import Cores
from tensorprog.limit.values.balls import BITS, Enclosure, Enclosures, enclose
from tensorprog.limit.values.formulas import Formulas, NoFormula
from tensorprog.numbers.precision import precision

MAX_PARTS = 20_000
"""Nodes of an expression, its shared parts written out."""


class Named(Formulas):
    """Sympy expressions in params, scores and names; a name stands for one expectation, equal ones have one name."""

    largest = MAX_PARTS

    def __init__(self, rules: Rules, cores: Cores, enclosures: Enclosures) -> None:
        super().__init__(rules, cores)
        self.enclosures = enclosures
        self.numbers: dict[Any, Enclosure] = {}
        self._names: dict[object, Any] = {}

    def core(self, core: Core, cov: Sequence[Any], mean: Sequence[Any], constants: Sequence[Any]) -> Any:
        try:
            return super().core(core, cov, mean, constants)
        except NoFormula:
            key = (core.body, tuple(cov), tuple(mean), tuple(constants))
            if key not in self._names:
                groups = [[self.number(x) for x in group] for group in (cov, mean, constants)]
                with precision(BITS):
                    number = self.enclosures.core(core, *groups)
                self._names[key] = symbol = sympy.Dummy(f"c{len(self._names) + 1}", real=True)
                self.numbers[symbol] = number
            return self._names[key]

    def number(self, expr: Any) -> Enclosure:
        """The ball of an expression; NoFormula where it holds a score, or no ball can be had."""
        out = self.plain(sympy.S.One * expr)
        used = [self.numbers[s] for s in out.free_symbols if s in self.numbers]
        free = {s: sympy.Symbol(f"{s.name} {s.dummy_index}", real=True) for s in out.free_symbols if s in self.numbers}
        balls = {new.name: self.numbers[s].ball for s, new in free.items()}
        balls |= {name: self.enclosures.param(name) for name in self.symbols if name in self.enclosures.given}
        out = out.xreplace(free)
        if not {s.name for s in out.free_symbols} <= balls.keys():
            raise NoFormula("a param has no value, or a score enters a function")
        with precision(BITS):
            ball = enclose(out, balls)
        if ball is None:
            raise NoFormula("the formula is singular here")
        return Enclosure.of(ball, *used)

    def is_plain(self, expr: Any) -> bool:
        """Is the expression free of names?"""
        return not self._unshared(expr).free_symbols & self.numbers.keys()


__all__ = ["Named"]
