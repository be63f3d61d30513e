"""What every rule asks of the calculus that runs it: facts of the parts, and a place to say how facts were found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from typing import Self

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, lower, upper
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.facts import Step, Value
from tensorprog.functions.rules.info import ZERO, Info, Regularity, settled, slope_times
from tensorprog.functions.rules.rates import BOUNDED, most
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Term, Var


@dataclass(eq=False)
class Calculus(ABC):
    """The facts of every subterm of one function, each with the step that derives it; kept, so shared parts are free.

    `variables`: the names that vary; every other name is a param in the interval `assumptions` gives it.
    `env`: what is known where a branch of a `where` is read.
    """

    variables: frozenset[str]
    assumptions: Mapping[str, Interval]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    env: Mapping[Var, Interval] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    memo: dict[Term, Info] = field(default_factory=dict)
    depth: int = 0

    @abstractmethod
    def info(self, t: Term) -> Info:
        """Return what is known of t."""

    def inside(self, env: Mapping[Var, Interval]) -> Self:
        """Return the same rules where some variables are known to lie in smaller intervals."""
        narrowed = dict(self.env)
        for v, interval in env.items():
            narrowed[v] = ranges.meet(narrowed.get(v, REALS), interval)
        return replace(self, env=narrowed, memo={}, depth=self.depth + 1)

    def step(
        self,
        rule: str,
        t: Term,
        info: Info,
        premises: tuple[int, ...] = (),
        note: str = "",
        tails: tuple[str, ...] = (),
    ) -> Info:
        """Record how `info` was found; `tails` are the leading terms that a step of the calculus rests on."""
        said: list[tuple[str, Value]] = [("regularity", str(info.regularity))]
        if info.range != REALS:
            said.append(("range", str(info.range)))
        if not info.constant:
            said += [("growth", str(info.growth)), ("slope", "0" if info.slope == ZERO else str(info.slope))]
        if info.away:
            said.append(("away from 0", True))
        if tails:
            said.append(("tails", tails))
        self.steps.append(Step(rule, t, tuple(p for p in premises if p >= 0), tuple(said), note))
        return replace(info, step=len(self.steps) - 1)

    def constant(self, t: Term, regularity: Regularity, interval: Interval, premises: tuple[int, ...] = ()) -> Info:
        if not variables(t) and interval.point is None:
            regularity, interval = _evaluated(t, regularity, interval)
        away = regularity > 0 and (interval.positive or interval.negative)
        defined = regularity > 0
        best = Regularity.SMOOTH if defined else Regularity.UNKNOWN
        info = Info(frozenset(), best, interval, BOUNDED, ZERO, defined, defined, away)
        return self.step("const", t, info, premises)

    def product_of(self, t: Term, parts: list[Info], interval: Interval | None = None) -> Info:
        """Return the product rule for factors whose infos are known."""
        if interval is None:
            interval = reduce(ranges.mul, (p.range for p in parts))
        regularity = Regularity(min(p.regularity for p in parts))
        union = frozenset().union(*(p.vars for p in parts))
        growth, slope = parts[0].growth_within(union), parts[0].slope_within(union)
        for p in parts[1:]:
            g, s = p.growth_within(union), p.slope_within(union)
            growth, slope = growth.times(g), most(slope_times(slope, g), slope_times(s, growth))
        info = Info(union, regularity, interval, growth, slope, away=all(p.away for p in parts))
        return self.step("product", t, settled(_scaled(info, parts)), tuple(p.step for p in parts))


def _evaluated(t: Term, regularity: Regularity, interval: Interval) -> tuple[Regularity, Interval]:
    """A constant without params is a number: its value, or certain bounds of it."""
    try:
        value = evaluate(t, {}, ranges.BITS)
    except (Undecided, Undefined):
        return regularity, interval
    if isinstance(value, Fraction):
        return Regularity.SMOOTH, ranges.point(value)
    return Regularity.SMOOTH, ranges.meet(interval, ranges.make((lower(value), True), (upper(value), True)))


def _scaled(info: Info, parts: list[Info]) -> Info:
    """Bounds on one side survive a constant factor of known sign; growth to +oo needs it away from 0 too."""
    varying = [p for p in parts if not p.constant]
    if len(varying) != 1:
        return info
    sign = 1
    for p in parts:
        if p.constant:
            sign *= 1 if p.range.nonnegative else -1 if p.range.nonpositive else 0
    p = varying[0]
    if sign == 0:
        return info
    below, above = (p.below, p.above) if sign > 0 else (p.above, p.below)
    up, down = (p.up, p.down) if sign > 0 else (p.down, p.up)
    if not all(c.away for c in parts if c.constant):
        up = down = None
    return replace(info, below=below, above=above, up=up, down=down)
