"""The composition rule for library functions, and the rules for finite sums, maxima and softmax over indices.

Each takes what is known of the parts and gives the name of a rule and what holds by it: `const` for a constant, of
which regularity and range count, and no name where nothing is known but the variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from math import prod

from tensorprog.functions.named.library import library
from tensorprog.functions.named.record import Function
from tensorprog.functions.named.registry import Declared, registry
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.info import Info, Regularity, settled, slope_times
from tensorprog.functions.rules.rates import ANY, BOUNDED, Rate, most
from tensorprog.kernel.ground.term import mul
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Bind, Term

_LEVEL = {
    "smooth": Regularity.SMOOTH,
    "lipschitz": Regularity.LIPSCHITZ,
    "continuous": Regularity.CONTINUOUS,
    "jumps": Regularity.LOCALLY_BOUNDED,
    None: Regularity.UNKNOWN,
}


Found = tuple[str, Info]


def _constant(regularity: Regularity, interval: Interval) -> Found:
    """Return a constant of which this is known."""
    return "const", Info(frozenset(), regularity, interval)


def opened(head: str, args: tuple[Term, ...]) -> bool:
    """Return whether the function is judged by its definition."""
    record = library().get(head)
    if record is None or head in ("max", "min", "mod"):
        return False
    return record.opens(args) or record.unbounded_by_facts


def side(head: str, u: Info) -> Term | None:
    """Return what f(u) is where f is constant on both sides of 0 and u lies on one of them."""
    record = library().get(head)
    if record is None or not (record.constant_between and record.halves and u.total):
        return None
    return record.halves[u.range.positive] if u.range.positive or u.range.negative else None


def function_info(head: str, parts: Sequence[Info]) -> Found:
    """f(u, ...) for a function f that is not judged by its definition."""
    if head in ("max", "min"):
        return _extremum(head, parts)
    if head == "mod":
        return _mod(*parts)
    record = library().get(head)
    if record is None and head in registry():
        return _declared(parts, registry()[head].declared)
    if record is None:
        return "", Info(parts[0].vars if parts else frozenset())
    (u,) = parts
    interval = _wave_range(head, u.range) if head in ("sin", "cos") else ranges.image(u.range, record)
    regularity = _regularity(u, record)
    if u.constant:
        return _constant(regularity, interval)
    if head in ("exp", "log") or record.exponential:
        info = _transcendental(record, u, regularity, interval)
    else:
        size = u.growth.clipped()
        growth = BOUNDED if record.growth == 0 else size.to_the(record.growth) if record.growth is not None else ANY
        slope = ANY if record.slope is None else slope_times(u.slope, size.to_the(record.slope))
        up = u.up if record.above_line else None
        if head == "abs":
            up = u.up if u.up is not None else u.down
        away = head == "abs" and u.away
        above = record.above_line and u.above and regularity > 0  # bounded on every (-oo, c]
        info = Info(u.vars, regularity, interval, growth, slope, above=above, away=away, up=up)
    return "library", settled(info)


def _declared(parts: Sequence[Info], declared: Declared | None) -> Found:
    """Return a registered function of which only declared facts are known; nothing is declared but that."""
    u = parts[0]
    if declared is None or len(parts) != 1:
        return "", Info(u.vars)
    order = Fraction(1) if declared.lipschitz else declared.pseudo_lipschitz
    level = Regularity.LOCALLY_BOUNDED if order is None else Regularity.LIPSCHITZ
    bounded = declared.bounded or (declared.low is not None and declared.high is not None)
    if u.constant:
        return _constant(Regularity.SMOOTH if u.total else Regularity.UNKNOWN, declared.range)
    size = u.growth.clipped()
    growth = BOUNDED if bounded else ANY if order is None else size.to_the(order)
    slope = ANY if order is None else slope_times(u.slope, size.to_the(order - 1))
    if order is None and not bounded:
        level = Regularity.TOTAL
    info = Info(u.vars, Regularity(min(u.regularity, level)), declared.range, growth, slope)
    return "declared", settled(info)


def _wave_range(head: str, x: Interval) -> Interval:
    """sin increases on [-3/2, 3/2], where cos is at least its smaller end value."""
    record = library()[head]
    quarter = Fraction(3, 2)
    if x.low is None or x.high is None or x.low < -quarter or x.high > quarter:
        return record.range
    rising = replace(record, monotone="increasing")
    if head == "sin":
        return ranges.image(x, rising)
    top = max(abs(x.low), abs(x.high))
    low = ranges.image(ranges.point(top), rising).low
    return ranges.meet(Interval(low, None, True), record.range)


def _regularity(u: Info, record: Function) -> Regularity:
    """f of u is as regular as both, on the domain of f."""
    level = _LEVEL[record.regularity]
    domain = record.domain
    if domain is None:
        return Regularity.UNKNOWN
    if domain != REALS:
        inside = ranges.within(u.range, domain) or (domain.low == 0 and u.away and u.range.nonnegative)
        if not inside or not u.total:
            return Regularity.UNKNOWN
        if record.name == "asin" and ranges.within(u.range, Interval(Fraction(-1), Fraction(1))):
            level = Regularity.SMOOTH  # never at the ends, so locally away from them
        if u.regularity < Regularity.CONTINUOUS and not u.away and record.name != "asin":
            return Regularity.TOTAL
    if record.growth == 0 and u.total:
        return Regularity(max(min(u.regularity, level), Regularity.LOCALLY_BOUNDED))
    return Regularity(min(u.regularity, level))


def _transcendental(record: Function, u: Info, regularity: Regularity, interval: Interval) -> Info:
    """exp, log and their relatives: the growth is another scale."""
    if record.name == "exp":
        growth = BOUNDED if u.above else u.growth.exponential()
        if u.down is not None:
            growth = Rate(-1, u.down)
        away = u.total and u.below
        slope = slope_times(u.slope, growth)
        return Info(u.vars, regularity, interval, growth, slope, u.total, u.above and u.total, away, up=u.up)
    if record.exponential:
        growth, even = u.growth.clipped().exponential(), record.parity == 1
        up = u.down if even and u.up is None else u.up
        down = None if even else u.down
        return Info(u.vars, regularity, interval, growth, slope_times(u.slope, growth), even, up=up, down=down)
    far = u.up is not None and regularity >= Regularity.CONTINUOUS
    below, above = u.away or far, u.above
    growth = u.growth.logarithm() if below else ANY
    inverse = Rate(0, -u.up) if u.up is not None else BOUNDED if u.away else ANY
    return Info(u.vars, regularity, interval, growth, slope_times(u.slope, inverse), below, above)


def _extremum(head: str, parts: Sequence[Info]) -> Found:
    """max, min: as regular as the arguments (at most Lipschitz), the larger exponents."""
    interval = reduce(ranges.larger if head == "max" else ranges.smaller, (p.range for p in parts))
    regularity = Regularity(min(*(p.regularity for p in parts), Regularity.LIPSCHITZ))
    union = frozenset().union(*(p.vars for p in parts))
    if not union:
        return _constant(regularity, interval)
    highs, lows = [p.above for p in parts], [p.below for p in parts]
    below, above = (any(lows), all(highs)) if head == "max" else (all(lows), any(highs))
    same_sign = all(p.range.nonnegative for p in parts) or all(p.range.nonpositive for p in parts)
    ups, downs = ([p.up for p in parts], [p.down for p in parts])
    full = all(p.vars == union for p in parts)
    up = _gather(ups, head == "max", full)
    down = _gather(downs, head == "min", full)
    info = Info(
        union,
        regularity,
        interval,
        most(*(p.growth_within(union) for p in parts)),
        most(*(p.slope_within(union) for p in parts)),
        below and regularity > 0,
        above and regularity > 0,
        away=same_sign and all(p.away for p in parts),
        up=up,
        down=down,
    )
    return "max/min", settled(info)


def _gather(exponents: list[Fraction | None], one_is_enough: bool, full: bool) -> Fraction | None:
    known = [e for e in exponents if e is not None]
    if not full or not known or (len(known) < len(exponents) and not one_is_enough):
        return None
    return max(known) if one_is_enough else min(known)


def _mod(x: Info, m: Info) -> Found:
    """x mod m = x - m floor(x/m), in [0, m) for m > 0."""
    fine = x.total and m.total and m.constant and (m.range.positive or m.range.negative)
    if not fine:
        return "", Info(x.vars | m.vars)
    interval = (
        Interval(Fraction(0), m.range.high, True)
        if m.range.positive
        else Interval(m.range.low, Fraction(0), False, True)
    )
    if x.constant:
        return _constant(Regularity.SMOOTH, interval)
    return "library", Info(x.vars, Regularity.LOCALLY_BOUNDED, interval, BOUNDED, ANY, True, True)


def bind_info(t: Bind, inner: Info, average: Info | None, sizes: Mapping[str, tuple[int, int]]) -> Found:
    """Return a finite sum (max, min, softmax) over indices of terms of one shape; `average`: see `averaged`."""
    if t.head in ("max", "min"):
        regularity = Regularity(min(inner.regularity, Regularity.LIPSCHITZ))
        return "max/min", replace(inner, regularity=regularity, up=None, down=None)
    if t.head == "softmax":
        return _softmax(t, inner)
    if t.head != "sum":
        return "", Info(frozenset())
    if average is not None:
        interval = average.range
    else:
        known = all(i in sizes for i in t.over)
        count = prod(sizes[i][1] - sizes[i][0] + 1 for i in t.over) if known else None
        interval = ranges.mul(Interval(Fraction(1), None, True) if count is None else ranges.point(count), inner.range)
    if inner.constant:
        return _constant(inner.regularity, interval)
    same_sign = inner.range.nonnegative or inner.range.nonpositive
    info = replace(inner, range=interval, away=inner.away and same_sign, up=None, down=None)
    return "softmax-weighted sum" if average is not None else "finite sum", info


def _softmax(t: Bind, p: Info) -> Found:
    """Weights in (0, 1) ([0, 1] with a mask) with |d softmax| <= |dp|: as regular as p, the slope of p."""
    low_closed = t.mask is not None
    interval = Interval(Fraction(0), Fraction(1), low_closed, True)
    if p.constant:
        return _constant(p.regularity, interval)
    regularity = p.regularity
    if regularity == Regularity.LOCALLY_BOUNDED or p.total:
        regularity = Regularity(max(regularity, Regularity.LOCALLY_BOUNDED))
    return "softmax", Info(p.vars, regularity, interval, BOUNDED, p.slope, p.total, p.total)


def averaged(t: Bind) -> Term | None:
    """Return the v of sum(softmax(p over j) * v for j): its average, which lies within the range of v."""
    body = t.args[0]
    if t.head != "sum" or not (isinstance(body, App) and body.head == "mul"):
        return None
    weights = [a for a in body.args if isinstance(a, Bind) and a.head == "softmax" and set(a.over) == set(t.over)]
    if len(weights) != 1:
        return None
    rest = list(body.args)
    rest.remove(weights[0])
    return mul(*rest)
