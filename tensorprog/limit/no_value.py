"""What has no value, because a function of scalars on the way is not continuous at the limit of its scalars.

The judgement is the one of `check` (theorems/conditions/off_limit). Where its rules do not know a limit closely enough,
they are asked again with the numbers that the limit has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from tensorprog.errors import TensorProgError
from tensorprog.functions.rules import ranges
from tensorprog.kernel.ground.term import substitute
from tensorprog.limit.engine import Engine
from tensorprog.limit.rules.open import Split, TooLarge
from tensorprog.numbers.interval import Interval
from tensorprog.terms import Num, Term, Var
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.off_limit import OffLimit
from tensorprog.theorems.limits.at_limit import AtLimit
from tensorprog.theorems.limits.limit import Limit
from tensorprog.theorems.limits.limits import Limits

NOT_TAKEN = "its value there is not known to be taken at every width"
DOUBT = 4
"""By how much an error is widened that is no bound."""


class NoValues:
    """Asks of each expression in members of one program whether its formula at the limit is a limit."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shared = Shared.of(engine.program)
        self._off = OffLimit(self.shared, engine.values, self._closer)
        self._known: dict[Term, str] = {}

    def because(self, terms: Sequence[Term]) -> str:
        """Return why one of the expressions has no value; empty if all may have one."""
        return next((said for t in terms if (said := self._because(t))), "")

    def _because(self, t: Term) -> str:
        if t not in self._known:
            found = self._off.found(t)
            line = f" (line {found.place.line})" if found is not None and found.place is not None else ""
            self._known[t] = "" if found is None else f"{found.because}{line}; {NOT_TAKEN}"
        return self._known[t]

    def _closer(self) -> AtLimit | None:
        """Return the judge at the params' values, if all have one."""
        if self.engine.program.params.keys() - self.engine.values.keys():
            return None
        return AtLimit(self.shared.program, Measured(self.shared.limits, self.engine), {})


class Measured(Limits):
    """The limits of scalars at the params' values: exact ones, and the numbers that the calculus has for the others."""

    def __init__(self, base: Limits, engine: Engine) -> None:
        self.__dict__ |= {**base.__dict__, "_known": {}}
        self.base, self.engine = base, engine
        self.values: dict[Term, Term] = {Var(name): Num(x) for name, x in engine.values.items()}

    def of(self, ref: Var) -> Limit:
        """The limit of a scalar: what it is at every width, or as the rules know it, between the ends of its number."""
        if ref not in self._known:
            found = self.base.of(ref)
            self._known[ref] = found if found.random else self._closer(ref, found)
        return self._known[ref]

    def _closer(self, ref: Var, found: Limit) -> Limit:
        value = None if found.value is None else substitute(found.value, self.values)
        single = ref.name in self.program.families and all(isinstance(s, int) for s in ref.subs)
        if found.fixed or not single:
            return replace(found, value=value)
        constant = self.engine.enclosures.calculus.exact.constant(ref)
        if constant is not None:
            return Limit(ranges.point(constant), ranges.point(constant), Num(constant), fixed=True)
        if isinstance(value, Num):
            return replace(found, value=value)
        ball = self._ball(ref)
        return replace(found, value=value, at=found.at if ball is None else ranges.meet(found.at, ball))

    def _ball(self, ref: Var) -> Interval | None:
        try:
            number = self.engine.number(self.engine.mean_sum(ref))
        except (TensorProgError, Split, TooLarge, RecursionError):
            return None
        if not number.known:
            return None
        value, error = Fraction(number.value), Fraction(number.error)
        if not number.rigorous:
            error = DOUBT * error + abs(value) / 10**9
        return Interval(value - error, value + error, True, True)
