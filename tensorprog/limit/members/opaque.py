"""Named quantities that have no closed form, and the numbers of formulas that contain them.

A quantity without closed form, such as E[tanh(Z)^2], becomes a symbol that stands for it: equal definitions give one
symbol, so equations between formulas that contain it can be decided exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy

from tensorprog.gaussian.closed.value import value_of
from tensorprog.numbers.estimate import UNKNOWN, Estimate, worst_kind, worst_method

STEP = 1e-6


@dataclass
class Quantities:
    """The named quantities of one derivation, their numbers, and what they stand for."""

    params: Mapping[str, Fraction]
    numbers: dict[str, Estimate] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    formulas: dict[Any, Any] = field(default_factory=dict)
    _names: dict[object, Any] = field(default_factory=dict)
    _found: dict[Any, Estimate] = field(default_factory=dict)

    def known(self, key: object) -> Any | None:
        return self._names.get(key)

    def name(self, key: object, meaning: str, number: Estimate, formula: Any = None) -> Any:
        """The symbol of a quantity; `key` is its definition, `formula` what it abbreviates, if it has a closed form."""
        if key not in self._names:
            symbol = sympy.Symbol(f"c{len(self._names) + 1}", real=True)
            while symbol.name in self.params:
                symbol = sympy.Symbol(symbol.name + "_", real=True)
            self._names[key] = symbol
            self.numbers[symbol.name] = number
            self.meanings[symbol.name] = meaning
            if formula is not None:
                self.formulas[symbol] = formula
        return self._names[key]

    def opened(self, expr: Any) -> Any:
        """The formula with all abbreviations written out."""
        while here := self.formulas.keys() & expr.free_symbols:
            expr = expr.xreplace({s: self.formulas[s] for s in here})
        return expr

    def number(self, expr: Any) -> Estimate:
        """The value of a formula at the params' values.

        Balls around the named quantities give a ball around the value. Where that says nothing (a root of a ball around
        0) their errors enter to first order, with twice the measured slope, which is an estimate.
        """
        if expr not in self._found:
            self._found[expr] = self._number(expr)
        return self._found[expr]

    def rational(self, expr: Any) -> Any:
        """The value itself where it is a rational number, else the formula."""
        if not {s.name for s in expr.free_symbols} <= self.params.keys():
            return expr
        out = expr.xreplace({s: sympy.Rational(*self.params[s.name].as_integer_ratio()) for s in expr.free_symbols})
        return out if out.is_Rational and out.is_finite else expr

    def fails(self, relation: Any) -> bool:
        """Is a relation between params false at their values?"""
        at = {s: self.params[s.name] for s in relation.free_symbols if s.name in self.params}
        numbers = {s: sympy.Rational(*x.as_integer_ratio()) for s, x in at.items()}
        return bool(relation.xreplace(numbers) == sympy.false)

    def _number(self, expr: Any) -> Estimate:
        free = {s.name for s in expr.free_symbols}
        if not free <= self.params.keys() | self.numbers.keys():
            return UNKNOWN
        inside = [self.numbers[n] for n in sorted(free & self.numbers.keys())]
        if not all(math.isfinite(x.value) and math.isfinite(x.error) for x in inside):
            return UNKNOWN
        point = {n: self.params[n] for n in free & self.params.keys()}
        balls = {n: (x.value, x.error) for n in free & self.numbers.keys() if (x := self.numbers[n]).error > 0}
        point |= {n: Fraction(self.numbers[n].value) for n in free & self.numbers.keys() - balls.keys()}
        kind = worst_kind(*(x.error_kind for x in inside))
        method = worst_method(*(x.method for x in inside))
        if (found := value_of(expr, point, balls)) is not None:
            return Estimate(*found, worst_kind(kind, "bound") if found[1] else kind, method)
        point |= {n: Fraction(x) for n, (x, _) in balls.items()}
        found = value_of(expr, point)
        if found is None or not math.isfinite(found[0]):
            return UNKNOWN
        value, error = found
        for n, (x, radius) in balls.items():
            step = max(STEP * abs(x), 2 * radius, 1e-300)
            ends = [value_of(expr, {**point, n: Fraction(x + s)}) for s in (-step, step)]
            if any(e is None for e in ends):
                return UNKNOWN
            slope = max(abs(e[0] - value) for e in ends if e is not None) / step
            error += 2 * slope * radius
        return Estimate(value, error, worst_kind(kind, "estimate"), method)
