"""Stronger methods for a whole function, where composition leaves something open: points, and partial derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product

from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.derivative import Underivable, derivative
from tensorprog.functions.evaluate.polynomial import normal
from tensorprog.functions.points.pieces import Pieces, examine
from tensorprog.functions.rules.info import ZERO, Info, Regularity, settled
from tensorprog.functions.rules.ranges import meet
from tensorprog.functions.rules.rates import INF, least, most
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.kernel.ground.term import add, mul, neg, recip, size, substitute, variables
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Term, Var, to_text

MAX_SIZE = 300
MAX_SPLIT = 2


def strengthen(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> tuple[Info, Pieces | None]:
    """Return the info of a whole function, improved; and what was found point by point."""
    info, pieces = _whole(rules, t, info, xs)
    done = info.regularity >= Regularity.LIPSCHITZ and info.slope.bounded and info.growth.level <= 0
    if not done:
        info = by_cases(rules, t, info, xs)
    return info, pieces


def by_cases(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> Info:
    """Params whose sign is open: negative, 0 and positive one after the other; what holds in every case holds."""
    choices = []
    for p in variables(t):
        interval = rules.assumptions.get(p.name, REALS)
        if p.name not in rules.variables and interval.contains(Fraction(0)) and interval.point is None:
            choices.append([(p.name, part) for part in _signs(interval)])
    if not choices or len(choices) > MAX_SPLIT or size(t) > MAX_SIZE:
        return info
    cases: list[Info] = []
    for combination in product(*choices):
        case = Analyzer(rules.variables, {**rules.assumptions, **dict(combination)}, rules.sizes, steps=rules.steps)
        case.fuel = rules.fuel
        found, _ = _whole(case, t, case.info(t), xs)
        if found.regularity < info.regularity or not found.total:
            return info
        cases.append(found)
    better = Info(
        frozenset(xs),
        Regularity(min(c.regularity for c in cases)),
        info.range,
        least(info.growth, most(*(c.growth for c in cases))),
        least(info.slope, most(*(c.slope for c in cases))),
        all(c.below for c in cases),
        all(c.above for c in cases),
        all(c.away for c in cases),
    )
    if (better.regularity, better.growth, better.slope) == (info.regularity, info.growth, info.slope):
        return info
    names = ", ".join(name for ((name, _), *_) in choices)
    return rules.step("cases", t, better, tuple(c.step for c in cases), f"by the sign of {names}")


def _signs(interval: Interval) -> list[Interval]:
    zero = Fraction(0)
    out = [Interval(zero, zero, True, True)]
    if interval.low is None or interval.low < 0:
        out.append(Interval(interval.low, zero, interval.low_closed))
    if interval.high is None or interval.high > 0:
        out.append(Interval(zero, interval.high, False, interval.high_closed))
    return out


def _whole(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> tuple[Info, Pieces | None]:
    pieces: Pieces | None = None
    info = by_normal_form(rules, t, info)
    if len(xs) == 2 and not (info.growth.bounded and info.slope.bounded):
        info = by_inner(rules, t, info, xs)
    if len(xs) == 1 and info.regularity < Regularity.LIPSCHITZ and size(t) <= MAX_SIZE:
        pieces = examine(rules, t, xs[0])
        better = replace(info, vars=frozenset(xs), regularity=max(info.regularity, _level(pieces)))
        if better.regularity > info.regularity:
            info = rules.step("piecewise", t, settled(better), (info.step,), "; ".join(pieces.said))
            info = rules.improve(t, info)
    if len(xs) > 1 and info.regularity >= Regularity.LIPSCHITZ and not info.slope.bounded and size(t) <= MAX_SIZE:
        info = by_partials(rules, t, info, xs)
    return info, pieces


def by_normal_form(rules: Analyzer, t: Term, info: Info) -> Info:
    """Where t is defined it equals its normal form, whose facts hold of t if t is defined everywhere."""
    if not info.total or info.constant or size(t) > MAX_SIZE or (info.growth.bounded and info.slope.bounded):
        return info
    try:
        plain = normal(t).term()
    except Undecided:
        return info
    if size(plain) >= size(t):
        return info
    other = rules.info(plain)
    better = replace(
        info,
        regularity=max(info.regularity, other.regularity),
        range=meet(info.range, other.range),
        growth=least(info.growth, other.growth_within(info.vars) if other.vars else other.growth),
        slope=least(info.slope, other.slope_within(info.vars)),
        below=info.below or other.below,
        above=info.above or other.above,
        away=info.away or other.away,
    )
    return info if better == info else rules.step("algebra", t, better, (info.step, other.step), f"= {to_text(plain)}")


def by_inner(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> Info:
    """t = F(u) with u = x + y, x - y or x y: the composition rule for F, measured exactly in one variable.

    Found by eliminating x: if y is gone from the normal form of t at x = u - y (u + y, u/y), then t = F(u) where
    that substitution exists, and everywhere if both are continuous.
    """
    if info.regularity < Regularity.LIPSCHITZ or size(t) > MAX_SIZE:
        return info
    x, y = xs
    u = Var(x.name, ("inner",))
    for solved, inner in ((add(u, neg(y)), add(x, y)), (add(u, y), add(x, neg(y))), (mul(u, recip(y)), mul(x, y))):
        try:
            outer = normal(substitute(t, {x: solved})).term()
        except Undecided:
            continue
        if y in variables(outer):
            continue
        f, w = rules.info(outer), rules.info(inner)
        if f.regularity < Regularity.LIPSCHITZ:
            continue
        growth, steep = f.growth.clipped(), f.slope.clipped()
        if growth.level > 0 or steep.level > 0 or INF in (growth.power, steep.power) or growth.logs or steep.logs:
            continue
        better = replace(
            info,
            growth=least(info.growth, w.growth.to_the(Fraction(growth.power))),
            slope=least(info.slope, w.growth.to_the(Fraction(steep.power)).times(w.slope)),
        )
        if better != info:
            note = f"a function of {to_text(inner)}"
            return rules.step("composition", t, settled(better), (info.step, f.step, w.step), note)
    return info


def _level(found: Pieces) -> Regularity:
    if not found.total:
        return Regularity.UNKNOWN
    if found.continuous:
        return Regularity.LIPSCHITZ if found.lipschitz else Regularity.CONTINUOUS
    return Regularity.LOCALLY_BOUNDED if found.tame else Regularity.TOTAL


def by_partials(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> Info:
    """|grad f| from the growth of each partial derivative (almost everywhere, r large)."""
    rates = [ZERO]
    union = frozenset(xs)
    premises = [info.step]
    try:
        for v in xs:
            part = rules.info(derivative(t, v))
            rates.append(part.growth_within(union) if part.vars else part.growth)
            premises.append(part.step)
    except (Underivable, RecursionError):
        return info
    slope = least(info.slope, most(*rates))
    if slope == info.slope:
        return info
    return rules.step("partial derivatives", t, replace(info, slope=slope), tuple(premises))
