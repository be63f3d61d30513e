"""What the rules know of one subterm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction

from tensorprog.functions.rules.rates import ANY, BOUNDED, INF, LINEAR, Rate, least
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Var

ZERO = Rate(-1, INF)
"""The rate of 0, the slope of a constant."""


class Regularity(IntEnum):
    """Each level contains the ones below."""

    UNKNOWN = 0
    TOTAL = 1
    LOCALLY_BOUNDED = 2
    CONTINUOUS = 3
    LIPSCHITZ = 4
    SMOOTH = 5

    def __str__(self) -> str:
        return ("unknown", "defined everywhere", "locally bounded", "continuous", "locally Lipschitz", "smooth")[self]


@dataclass(frozen=True, slots=True)
class Info:
    """Proved facts of a subterm u of the variables `vars`, for all admissible params.

    `range`: certain enclosure, the same for all params. For each param: `below`, `above`: bounded on that side;
    `away`: |u| >= c > 0. `growth`, `slope`: rates of |u|, |grad u| for r = |vars| large. `up`: u >= c r^up - K,
    `down`: u <= -c r^down + K with exponents > 0.
    """

    vars: frozenset[Var] = frozenset()
    regularity: Regularity = Regularity.UNKNOWN
    range: Interval = REALS
    growth: Rate = ANY
    slope: Rate = ANY
    below: bool = False
    above: bool = False
    away: bool = False
    up: Fraction | None = None
    down: Fraction | None = None
    step: int = -1

    @property
    def constant(self) -> bool:
        return not self.vars

    @property
    def total(self) -> bool:
        return self.regularity >= Regularity.TOTAL

    @property
    def bounded(self) -> bool:
        """Bounded for each param: no growth, and no local blow-up."""
        inside = self.range.low is not None and self.range.high is not None
        return (self.regularity >= Regularity.LOCALLY_BOUNDED and self.growth.bounded) or (self.total and inside)

    def growth_within(self, union: frozenset[Var]) -> Rate:
        """Return the growth as a bound in all of `union`: of fewer variables only what holds everywhere is kept."""
        if self.vars == union:
            return self.growth
        if self.regularity < Regularity.LOCALLY_BOUNDED:
            return ANY
        return self.growth.clipped()

    def slope_within(self, union: frozenset[Var]) -> Rate:
        if self.vars == union or self.slope == ZERO:
            return self.slope
        if self.regularity < Regularity.LIPSCHITZ:
            return ANY
        return self.slope.clipped()


def of_variable(v: Var, where: Interval, step: int) -> Info:
    """Return a variable itself."""
    return Info(
        frozenset({v}),
        Regularity.SMOOTH,
        where,
        LINEAR if where.low is None or where.high is None else Rate(0),
        Rate(0),
        below=where.low is not None,
        above=where.high is not None,
        away=where.away is not None,
        up=Fraction(1) if where.low is not None and where.high is None else None,
        down=Fraction(1) if where.high is not None and where.low is None else None,
        step=step,
    )


def slope_times(slope: Rate, growth: Rate) -> Rate:
    """slope * growth, where the slope 0 of a constant stays 0."""
    if ZERO in (slope, growth):
        return ZERO
    return slope.times(growth)


def settled(info: Info) -> Info:
    """Return what follows from the pieces of an info for each other."""
    inside = info.regularity >= Regularity.LOCALLY_BOUNDED and info.growth.bounded
    below = info.below or inside or info.range.low is not None
    above = info.above or inside or info.range.high is not None
    growth = info.growth
    if below and above and info.total:
        growth = least(growth, BOUNDED)
    away = info.away
    if info.total and info.range.away is not None:
        away = True
    far = (info.range.positive and info.up is not None) or (info.range.negative and info.down is not None)
    if far and info.regularity >= Regularity.CONTINUOUS:  # never 0, and large far out: at least c > 0 by compactness
        away = True
    return replace(info, below=below, above=above, growth=growth, away=away)
