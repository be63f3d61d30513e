"""Sides of claims as numbers at one choice of the params, asked of the limit as `derive` asks them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from flint import arb

from tensorprog.errors import TensorProgError
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.term import add, children, rebuild, shift_subs
from tensorprog.limit.derive import Limit
from tensorprog.limit.jumps.jumps import jumps_of
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.values.balls import BITS, Enclosure
from tensorprog.numbers.budget import Budget
from tensorprog.numbers.estimate import UNKNOWN, Estimate
from tensorprog.numbers.precision import precision
from tensorprog.program.api import Program
from tensorprog.terms import App, Bind, Term, Var

NOWHERE = Enclosure(arb("nan"), "closed-form", "estimate")
EXPECTATIONS = ("E", "var", "cov")


def written_out(program: Program, t: Term) -> Term:
    """Return a side with its sums, maxima and minima over indices written out; the arguments of expectations stay."""
    match t:
        case Bind("sum" | "max" | "min" as head, (body,), over):
            values = assignments(program.ranges(over))
            parts = tuple(written_out(program, shift_subs(body, at)) for at in values)
            return parts[0] if len(parts) == 1 else add(*parts) if head == "sum" else App(head, parts)
        case App(head, args) if head not in EXPECTATIONS:
            return rebuild(t, tuple(written_out(program, a) for a in args))
    return t


def asked(program: Program, t: Term) -> Iterator[Term]:
    """Yield what the limit says of a side: its expectations, and the variables that stand for their means."""
    if (isinstance(t, App) and t.head in EXPECTATIONS) or (isinstance(t, Var) and t.name in program.families):
        yield t
    else:
        for c in children(t):
            yield from asked(program, c)


class Sides:
    """The sides of one program's claims, each expectation computed once."""

    def __init__(self, program: Program, values: Mapping[str, Fraction], budget: Budget | None = None) -> None:
        self.program = program
        self.limit = Limit(program, values, budget)
        self.values = self.limit.engine.values
        self._known: dict[Term, Enclosure] = {}

    def number(self, t: Term, at: Mapping[str, int]) -> Estimate:
        """Return the value of a side; unknown where it does not exist or no number can be had."""
        side, balls = written_out(self.program, shift_subs(t, dict(at))), self.limit.engine.balls
        with precision(BITS):
            found = {a: self._asked(a) for a in asked(self.program, side)}
            if not all(x.ball.is_finite() for x in found.values()):
                return UNKNOWN
            try:
                value = balls.evaluated(side, found)
            except (TensorProgError, NotImplementedError, ZeroDivisionError, ValueError):
                return UNKNOWN
            return value.number if value.ball.is_finite() else UNKNOWN

    def no_value(self, sides: Iterable[Term | None], at: Mapping[str, int]) -> str:
        """Return why an expectation in one of the sides has no value; empty if all may have one."""
        written = [written_out(self.program, shift_subs(side, dict(at))) for side in sides if side is not None]
        atoms = [a for side in written for a in asked(self.program, side)]
        return self.limit.no_value([t for a in atoms for t in (a.args if isinstance(a, App) else (a,))])

    def _by_formula(self, head: str, args: tuple[Term, ...]) -> Estimate | None:
        """Return the number of a formula in averages over scores, which have their own bounds."""
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

    def _asked(self, atom: Term) -> Enclosure:
        if atom not in self._known:
            self._known[atom] = (
                self._found(atom.head, atom.args) if isinstance(atom, App) else self._found("E", (atom,))
            )
        return self._known[atom]

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
