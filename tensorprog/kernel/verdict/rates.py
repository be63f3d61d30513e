"""Facts of functions: signs, growth and local Lipschitz constants, computed from those of the parts."""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.kernel.core.rates import ANY, FLAT, NOTHING, Info, Rate
from tensorprog.kernel.core.refused import F1, Refused, require
from tensorprog.kernel.core.table import LIBRARY
from tensorprog.kernel.ground.term import App, Bind, Num, Term


def settle(u: Info) -> Info:
    """What follows of the parts of an info for each other."""
    require(u.level, "every part is defined everywhere")
    if u.constant:
        u = u._replace(level=3, growth=FLAT, slope=NOTHING, away=u.away or u.nonzero)
    below, above = u.below or u.plus or u.growth <= FLAT, u.above or u.minus or u.growth <= FLAT
    growth = min(u.growth, FLAT) if below and above else u.growth
    return u._replace(nonzero=u.nonzero or u.away, growth=growth, below=below, above=above)


def several(head: str, parts: Sequence[Info], args: Sequence[Term]) -> Info:
    """u + v + ..., u v ..., max(u, v, ...)."""
    growth, slope = max(p.growth for p in parts), max(p.slope for p in parts)
    plus, minus = [p.plus for p in parts], [p.minus for p in parts]
    nonzero, away = [p.nonzero for p in parts], [p.away for p in parts]
    below, above = [p.below for p in parts], [p.above for p in parts]
    sign = all(plus) or all(minus)
    if head == "add":
        return Info(
            3, growth, slope, all(plus), all(minus), sign and any(nonzero), sign and any(away), all(below), all(above)
        )
    if head == "max":
        apart = any(p.positive for p in parts) or (sign and all(nonzero))
        off = any(p.plus and p.away for p in parts) or (sign and all(away))
        return Info(3, growth, slope, any(plus), all(minus), apart, off, any(below), all(above))
    growth, slope = parts[0].growth, parts[0].slope
    for p in parts[1:]:
        growth, slope = growth.times(p.growth), max(slope.times(p.growth), p.slope.times(growth))
    odd = [parts[args.index(a)] for a in dict.fromkeys(args) if args.count(a) % 2]  # u u >= 0
    known, flips = all(p.plus or p.minus for p in odd), sum(not p.plus for p in odd) % 2 == 1
    out = Info(3, growth, slope, known and not flips, known and flips, all(nonzero), all(away))
    varying, fixed = [p for p in parts if not p.constant], [p for p in parts if p.constant]
    if len(varying) == 1 and all(p.plus or p.minus for p in fixed):
        u = varying[0] if sum(not p.plus for p in fixed) % 2 == 0 else varying[0].negated
        out = out._replace(below=u.below, above=u.above)
    return out


def single(t: Term, u: Info) -> Info:
    """f(u) for a function of one argument."""
    match t:
        case App("pow", (_, Num(e))) if e.denominator == 1 and 1 <= e <= 64:
            slope, odd = u.slope if e == 1 else u.slope.times(u.growth.to_the(e - 1)), e % 2 == 1
            return u._replace(
                growth=u.growth.to_the(e),
                slope=slope,
                plus=u.plus or not odd,
                minus=u.minus and odd,
                below=u.below or not odd,
                above=u.above and odd,
            )
        case App("pow", (_, Num(e))) if 0 < e <= 64 and e.denominator > 1:
            require(u.plus, "the base of a fractional power is not negative")
            slope = u.slope.times(u.growth.to_the(e - 1)) if e > 1 else u.slope if u.away else ANY
            return u._replace(
                level=u.level if u.away or e > 1 else min(u.level, 2), growth=u.growth.to_the(e), slope=slope
            )
        case App("recip"):
            require(u.nonzero, "the denominator is not 0")
            require(u.level >= 2 or u.away, "the denominator is continuous, or away from 0")
            growth, slope = (FLAT, u.slope) if u.away else (ANY, ANY)
            return Info(u.level, growth, slope, u.plus, u.minus, True, u.has("bounded"))
        case App("exp"):
            growth = FLAT if u.above else Rate(1, u.growth.power) if u.growth.level == 0 else ANY
            return Info(u.level, growth, u.slope.times(growth), True, False, True, u.below, above=u.above)
        case App("log"):
            require(u.positive, "the argument of the logarithm is positive")
            require(u.level >= 2, "the argument of the logarithm is continuous")
            slow = {-1: FLAT, 0: Rate(0, min(F1, u.growth.power)), 1: Rate(0, u.growth.power), 2: ANY}[u.growth.level]
            return Info(u.level, slow if u.away else ANY, u.slope if u.away else ANY, below=u.away, above=u.above)
        case App("abs"):
            return Info(u.level, u.growth, u.slope, True, False, u.nonzero, u.away)
        case App(head, (_,)) if head in LIBRARY:
            level, exponent, kind = LIBRARY[head]
            odd, rising = kind == "odd", head in ("relu", "step")  # rising: f(u) > 0 where u > 0
            nonzero = kind == "positive" or (u.nonzero and (odd or (rising and u.plus)))
            return Info(
                min(level, u.level),
                u.growth if exponent else FLAT,
                u.slope if level == 3 else ANY,
                kind in ("plus", "positive") or (odd and u.plus),
                odd and u.minus,
                nonzero,
                below=head not in ("floor", "ceil"),
                above=u.above,
            )
    raise Refused("a rule for this head")


def combine(t: Term, parts: Sequence[Info]) -> Info:
    """What holds of t from what holds of its arguments."""
    require(parts and all(p.level for p in parts), "every part is defined everywhere")
    u = parts[0]
    match t:
        case App("add" | "mul" | "max" as head, args):
            out = several(head, parts, args)
        case App("min", args):
            out = several("max", [p.negated for p in parts], args).negated
        case App("neg"):
            out = u.negated
        case Bind("softmax", _, _, mask):
            out = Info(3, FLAT, u.slope, True, False, mask is None)
        case Bind("sum" | "max" | "min"):
            sign = u.plus or u.minus
            out = u._replace(nonzero=u.nonzero and sign, away=u.away and sign)
        case _:
            out = single(t, u)
    level, fixed = min(out.level, *(p.level for p in parts)), all(p.constant for p in parts)
    return settle(out._replace(level=level, constant=fixed, local=frozenset().union(*(p.local for p in parts))))
