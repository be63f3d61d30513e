"""Powers and roots."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, lower, upper
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.calculus import Calculus
from tensorprog.functions.rules.info import Info, Regularity, settled, slope_times
from tensorprog.functions.rules.rates import ANY, BOUNDED, INF, Rate, least, most
from tensorprog.kernel.ground.term import call, mul
from tensorprog.numbers.interval import REALS, End, Interval
from tensorprog.terms import App, Num, Term


def power_info(rules: Calculus, t: Term, base: Term, exponent: Term) -> Info:
    """base ^ exponent."""
    match exponent:
        case App("neg", (Num(value),)):
            return power_info(rules, t, base, Num(-value))
        case Num(value) if value.denominator == 1 and abs(value) <= 64:
            return _whole(rules, t, base, int(value))
        case Num(value):
            return _real(rules, t, base, ranges.point(value), exponent)
    e = rules.info(exponent)
    if e.constant:
        return _real(rules, t, base, e.range, exponent)
    b = rules.info(base)
    if b.total and b.range.positive:  # b^u = exp(u log b)
        inner = rules.info(call("exp", mul(exponent, call("log", base))))
        return rules.step("composition", t, inner, (inner.step,), "b^u = exp(u*log(b))")
    return rules.step("pow", t, Info(e.vars | b.vars), (b.step, e.step), "the base may be 0 or negative")


def _whole(rules: Calculus, t: Term, base: Term, n: int) -> Info:
    if n < 0:
        inner = rules.info(App("recip", (App("pow", (base, Num(-n))),)))
        return rules.step("quotient", t, inner, (inner.step,))
    p = rules.info(base)
    interval = ranges.whole_power(p.range, n)
    if p.constant or n == 0:
        return rules.constant(t, p.regularity, interval, (p.step,))
    growth = p.growth.to_the(Fraction(n))
    slope = slope_times(p.slope, p.growth.to_the(Fraction(n - 1)))
    up = p.up if n % 2 or p.up is not None else p.down
    down = p.down if n % 2 else None
    info = Info(p.vars, p.regularity, interval, growth, slope, away=p.away,
                up=None if up is None else up * n, down=None if down is None else down * n)  # fmt: skip
    return rules.step("power", t, settled(info), (p.step,))


def _real(rules: Calculus, t: Term, base: Term, p: Interval, exponent: Term) -> Info:
    """u^p for a constant p that is not a whole number: u >= 0, and u > 0 unless p > 0."""
    u = rules.info(base)
    if u.constant:
        return _constant_power(rules, t, u, p)
    if p.low is not None and p.high is not None and p.high <= 0:
        inner = rules.info(
            App("recip", (App("pow", (base, Num(-p.low) if p.point is not None else App("neg", (exponent,)))),))
        )
        return rules.step("quotient", t, inner, (inner.step,), "u^-p = 1/u^p")
    unknown = Info(u.vars)
    if not u.range.nonnegative or not u.total:
        return rules.step("power", t, unknown, (u.step,), "the base may be negative")
    positive = u.away or u.range.positive
    regularity = Regularity.UNKNOWN
    if positive:
        regularity = u.regularity if u.regularity >= Regularity.CONTINUOUS or u.away else Regularity.TOTAL
    elif p.positive:
        regularity = Regularity(min(u.regularity, Regularity.CONTINUOUS))
        if p.low is not None and p.low >= 1:
            regularity = Regularity(min(u.regularity, Regularity.LIPSCHITZ))
    size = u.growth if p.point is not None else u.growth.clipped()
    high: Fraction | float = INF if p.high is None else p.high
    if u.away and u.bounded:  # within [c, C]: every power is bounded
        growth = BOUNDED
    elif not p.nonnegative:
        growth = ANY
    elif high == INF:
        growth = BOUNDED if u.bounded else _some_power(u.growth)
    else:
        growth = BOUNDED if size.level == -1 and p.low == 0 else size.to_the(Fraction(high))
    slope = ANY
    if p.low is not None and p.low >= 1 and high != INF:
        slope = slope_times(u.slope, size.to_the(Fraction(high) - 1))
    elif p.low is not None and p.low >= 1:
        slope = _some_power(most(u.slope, u.growth))
    elif u.away and high <= 1 and high != INF:
        slope = u.slope
        if u.up is not None and p.point is not None:  # u^(p-1) <= C r^(-h(1-p))
            slope = slope_times(u.slope, Rate(0, -u.up * (1 - p.point)))
    if p.point is not None and Fraction(1, 2) <= p.point < 1 and u.regularity == Regularity.SMOOTH and not rules.env:
        if not positive:
            regularity = Regularity.LIPSCHITZ
        slope = least(slope, _root_slope(rules, base, u, p.point))
    up = u.up * p.low if u.up is not None and p.low is not None and p.low > 0 else None
    interval = _range(u.range, p)
    info = Info(u.vars, regularity, interval, growth, slope, away=u.away and p.nonnegative, up=up)
    return rules.step("power", t, settled(info), (u.step,))


def _some_power(rate: Rate) -> Rate:
    """Return some finite power of a rate."""
    return BOUNDED if rate.bounded else Rate(0, INF) if rate.level == 0 else rate


def _root_slope(rules: Calculus, base: Term, u: Info, p: Fraction) -> Rate:
    """Return the slope of u^p, 1/2 <= p < 1, for a smooth u >= 0.

    |grad u|^2 <= 2 M u, where M bounds the Hessian on the ball of radius |grad u|/M (Taylor: 0 <= u(x - h grad u)
    at h = 1/M). With M of the rate max(Hessian, slope - 1), so that the ball lies within a multiple of r:
    |grad u^p| = p u^(p-1) |grad u| <= p sqrt(2M) u^(p-1/2).
    """
    from tensorprog.functions.evaluate.derivative import Underivable, derivative

    if u.slope.level > 0:
        return ANY
    hessian = []
    try:
        firsts = [derivative(base, v) for v in sorted(u.vars, key=repr)]
        for d in firsts:
            for v in sorted(u.vars, key=repr):
                hessian.append(rules.info(derivative(d, v)).growth_within(u.vars))
    except Underivable:
        return ANY
    worst = most(*hessian).clipped()
    if worst.level > 0:
        return ANY
    slope = u.slope if u.slope.level == 0 else BOUNDED
    m = most(worst, Rate(0, slope.power - 1, slope.logs)).clipped()
    return slope_times(m.to_the(Fraction(1, 2)), u.growth.to_the(p - Fraction(1, 2)))


def _constant_power(rules: Calculus, t: Term, u: Info, p: Interval) -> Info:
    fine = u.total and (u.range.positive or (u.range.nonnegative and p.positive))
    interval = _range(u.range, p) if fine else REALS
    regularity = Regularity.SMOOTH if fine else Regularity.UNKNOWN
    return rules.constant(t, regularity, interval, (u.step,))


def _range(x: Interval, p: Interval) -> Interval:
    """u^p for u in x >= 0: exact for a fixed p, else only its sign."""
    if p.point is None:
        return Interval(Fraction(0), None, not x.positive)
    q = p.point

    def end(at: Fraction | None, closed: bool, down: bool) -> End:
        if at is None:
            return (None, False)
        try:
            value = evaluate(App("pow", (Num(at), Num(q))), {}, ranges.BITS)
        except (Undecided, Undefined):
            return (Fraction(0), False) if down else (None, False)
        if isinstance(value, Fraction):
            return (value, closed)
        return (lower(value) if down else upper(value), False)

    return ranges.meet(
        ranges.make(end(x.low, x.low_closed, True), end(x.high, x.high_closed, False)),
        Interval(Fraction(0), None, not x.positive),
    )
