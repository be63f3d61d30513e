"""Sides of claims as numbers at one choice of the params, asked of the limit as `derive` asks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from flint import acb, arb

from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.limit.derive import Limit
from tensorprog.limit.jumps.jumps import jumps_of
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.values.balls import BITS, Enclosure
from tensorprog.numbers.budget import Budget
from tensorprog.numbers.estimate import UNKNOWN, Estimate
from tensorprog.numbers.precision import precision
from tensorprog.program.api import Program
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.terms.term import shift_subs

NOWHERE = Enclosure(arb("nan"), "closed-form", "estimate")


class Sides:
    """The sides of one program's claims, each expectation computed once."""

    def __init__(self, program: Program, values: Mapping[str, Fraction], budget: Budget | None = None) -> None:
        self.program = program
        self.limit = Limit(program, values, budget)
        self.values = self.limit.engine.values
        self._known: dict[tuple[str, tuple[Term, ...]], Enclosure] = {}

    def number(self, t: Term, at: Mapping[str, int]) -> Estimate:
        """The value of a side; unknown where it does not exist or no number can be had."""
        with precision(BITS):
            found = self._ball(shift_subs(t, dict(at)))
            return found.number if found.ball.is_finite() else UNKNOWN

    def no_value(self, sides: Iterable[Term | None], at: Mapping[str, int]) -> str:
        """Why an expectation in one of the sides has no value; empty if all may have one."""
        asked = (shift_subs(side, dict(at)) for side in sides if side is not None)
        return self.limit.no_value([t for side in asked for t in self._inside(side)])

    def _inside(self, t: Term) -> Iterator[Term]:
        """The expressions in members whose limits a side speaks of."""
        match t:
            case App("E" | "var" | "cov", args):
                yield from args
            case Var(name) if name in self.program.families:
                yield t
            case Bind(head, (body,), over) if head in ("sum", "max", "min"):
                ranges = [range(low, high + 1) for low, high in map(self.program.range_of, over)]
                for x in product(*ranges):
                    yield from self._inside(shift_subs(body, dict(zip(over, x, strict=True))))
            case App(_, args):
                for a in args:
                    yield from self._inside(a)

    def _ball(self, t: Term) -> Enclosure:
        match t:
            case Num():
                return Enclosure(self.limit.engine.balls.evaluated(t, {}).ball)
            case App("E" | "var" | "cov" as head, args):
                return self._asked(head, args)
            case Var(name) if name in self.program.families:
                return self._asked("E", (t,))
            case Var(name, ()) if name in self.program.params and name not in self.values:
                return NOWHERE
            case Var():
                return self.limit.engine.balls.evaluated(t, {})
            case Bind(head, (body,), over) if head in ("sum", "max", "min"):
                ranges = [range(low, high + 1) for low, high in map(self.program.range_of, over)]
                parts = [self._ball(shift_subs(body, dict(zip(over, x, strict=True)))) for x in product(*ranges)]
                return self._applied({"sum": "add"}.get(head, head), parts) if len(parts) > 1 else parts[0]
            case App("pow", (a, Num())):
                return self._applied("pow", [self._ball(a)], t)
            case App("hermite", (Num(), a)):
                return self._applied("hermite", [self._ball(a)], t)
            case App(head, args):
                return self._applied(head, [self._ball(a) for a in args])
        return NOWHERE

    def _applied(self, head: str, parts: list[Enclosure], whole: App | None = None) -> Enclosure:
        names = [f"a{k}" for k in range(len(parts))]
        inner: list[Term] = [Var(n) for n in names]
        if whole is not None:
            inner = [a if isinstance(a, Num) else inner[0] for a in whole.args]
        if not all(p.ball.is_finite() for p in parts):
            return NOWHERE
        try:
            out = ball_function(App(head, tuple(inner)), names)([acb(p.ball) for p in parts], False)
        except (TensorProgError, NotImplementedError, ZeroDivisionError, ValueError):
            return NOWHERE
        real = out.is_finite() and out.imag.contains(0)
        return Enclosure.of(out.real, *parts) if real else NOWHERE

    def _by_formula(self, head: str, args: tuple[Term, ...]) -> Estimate | None:
        """The number of a formula in averages over scores, which have bounds of their own."""
        if not self.limit.engine.scores(args) or self.limit.no_value(args):
            return None
        c = self.limit.averages
        try:
            if any(jumps_of(t) for t in c.u.with_ancestors([c.u.expression(t) for t in args])):
                return None
            found = c.number(c.expectation(*args) if head == "E" else c.covariance(args[0], args[-1]))
        except (TensorProgError, NotCovered, TooLarge):
            return None
        return found if found.known and found.rigorous else None

    def _asked(self, head: str, args: tuple[Term, ...]) -> Enclosure:
        key = head, args
        if key not in self._known:
            self._known[key] = self._found(head, args)
        return self._known[key]

    def _found(self, head: str, args: tuple[Term, ...]) -> Enclosure:
        ask: Any = {"E": self.limit.mean, "var": self.limit.var, "cov": self.limit.cov}[head]
        try:
            with precision(53):
                n = ask(*args).number
        except (TensorProgError, NotCovered):
            return NOWHERE
        if (n is None or not n.rigorous) and (better := self._by_formula(head, args)) is not None:
            n = better
        if n is None or not n.known:
            return NOWHERE
        return Enclosure(arb(n.value, n.error), n.method, "bound" if n.error_kind == "exact" else n.error_kind)
