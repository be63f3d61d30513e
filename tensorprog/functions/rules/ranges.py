"""Interval arithmetic with exact rational ends, open or closed: certain enclosures of ranges.

An open end says "never reached", so strict positivity survives: x^2 + 1 lies in [1, oo), exp(x) in (0, oo).
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.functions.evaluate.balls import Undecided, Undefined, ball, evaluate, lower, upper
from tensorprog.functions.named.record import Function
from tensorprog.numbers.interval import REALS, End, Interval
from tensorprog.terms import App, Var

BITS = 64
LARGEST_ARGUMENT = 5000


def point(x: Fraction | int) -> Interval:
    """Return the interval that holds one number."""
    x = Fraction(x)
    return Interval(x, x, True, True)


def make(low: End, high: End) -> Interval:
    """Return an interval from its ends, rounded outward where the rationals grow long."""
    (a, a_closed), (b, b_closed) = _short(low, down=True), _short(high, down=False)
    if a is not None and b is not None and (a > b or (a == b and not (a_closed and b_closed))):
        return Interval(min(a, b), max(a, b), True, True)  # an empty enclosure: nothing is evaluated there
    return Interval(a, b, a_closed and a is not None, b_closed and b is not None)


def _short(end: End, down: bool) -> End:
    x, _ = end
    if x is None or max(abs(x.numerator), x.denominator).bit_length() <= 4 * BITS:
        return end
    if abs(x) > 2**LARGEST_ARGUMENT:
        if (x < 0) == down:
            return (None, False)
        return (Fraction(2**LARGEST_ARGUMENT if x > 0 else -(2**LARGEST_ARGUMENT)), False)
    shift = 2 * BITS - (abs(x.numerator).bit_length() - x.denominator.bit_length())
    scaled = x * Fraction(2) ** shift
    whole = scaled.numerator // scaled.denominator
    if whole == scaled:
        return end
    return (Fraction(whole if down else whole + 1) / Fraction(2) ** shift, False)


def add(x: Interval, y: Interval) -> Interval:
    low = None if x.low is None or y.low is None else x.low + y.low
    high = None if x.high is None or y.high is None else x.high + y.high
    return make((low, x.low_closed and y.low_closed), (high, x.high_closed and y.high_closed))


def neg(x: Interval) -> Interval:
    low = None if x.high is None else -x.high
    high = None if x.low is None else -x.low
    return Interval(low, high, x.high_closed, x.low_closed)


def mul(x: Interval, y: Interval) -> Interval:
    """Multiply ends; 0 * oo counts as 0, which the other corners make an enclosure."""
    corners: list[tuple[Fraction | float, bool]] = []
    for a, a_closed, a_sign in ((x.low, x.low_closed, -1), (x.high, x.high_closed, 1)):
        for b, b_closed, b_sign in ((y.low, y.low_closed, -1), (y.high, y.high_closed, 1)):
            zero_reached = (a == 0 and a_closed) or (b == 0 and b_closed)
            if a is not None and b is not None:
                corners.append((a * b, (a_closed and b_closed) or zero_reached))
            elif a == 0 or b == 0:
                corners.append((Fraction(0), zero_reached))
            else:
                s = (a_sign if a is None else (1 if a > 0 else -1)) * (b_sign if b is None else (1 if b > 0 else -1))
                corners.append((float("inf") * s, False))
    values = [c[0] for c in corners]
    low, high = min(values), max(values)

    def end(v: Fraction | float) -> End:
        return (None, False) if isinstance(v, float) else (v, any(c for w, c in corners if w == v))

    return make(end(low), end(high))


def recip(x: Interval) -> Interval:
    """1/x where x is certainly not 0; else everything."""
    if x.positive:
        low: End = (Fraction(0), False) if x.high is None else (1 / x.high, x.high_closed)
        high: End = (None, False) if x.low == 0 or x.low is None else (1 / x.low, x.low_closed)
        return make(low, high)
    return neg(recip(neg(x))) if x.negative else REALS


def absolute(x: Interval) -> Interval:
    if x.nonnegative:
        return x
    if x.nonpositive:
        return neg(x)
    assert x.low is None or x.low < 0
    sizes = [(None if x.low is None else -x.low, x.low_closed), (x.high, x.high_closed)]
    if any(s is None for s, _ in sizes):
        return Interval(Fraction(0), None, True)
    top = max(s for s, _ in sizes if s is not None)
    return make((Fraction(0), True), (top, any(c for s, c in sizes if s == top)))


def whole_power(x: Interval, n: int) -> Interval:
    if n < 0:
        return recip(whole_power(x, -n))
    if n == 0:
        return point(1)
    if n % 2 == 0:
        x = absolute(x)
    low = None if x.low is None else x.low**n
    high = None if x.high is None else x.high**n
    return make((low, x.low_closed), (high, x.high_closed))


def hull(x: Interval, y: Interval) -> Interval:
    """Return the smallest interval that holds both."""
    return make(_least_low(x, y), _greatest_high(x, y))


def larger(x: Interval, y: Interval) -> Interval:
    """Return the range of max(x, y)."""
    return make(x.greatest_low(y), _greatest_high(x, y))


def smaller(x: Interval, y: Interval) -> Interval:
    """Return the range of min(x, y)."""
    return neg(larger(neg(x), neg(y)))


def _least_low(x: Interval, y: Interval) -> End:
    """Of equal ends it is closed if one of them is."""
    if x.low is None or y.low is None:
        return None, False
    low, is_open = min((x.low, not x.low_closed), (y.low, not y.low_closed))
    return low, not is_open


def _greatest_high(x: Interval, y: Interval) -> End:
    low, closed = _least_low(neg(x), neg(y))
    return None if low is None else -low, closed


def image(x: Interval, record: Function) -> Interval:
    """Return the range of an increasing (or decreasing) library function on x, inside the function's range."""
    if record.monotone is None:
        return record.range
    if record.monotone == "decreasing":
        x = Interval(x.high, x.low, x.high_closed, x.low_closed) if x.low == x.high else x
        low, high = _end(record, x.high, x.high_closed, True), _end(record, x.low, x.low_closed, False)
    else:
        low, high = _end(record, x.low, x.low_closed, True), _end(record, x.high, x.high_closed, False)
    return meet(make(low, high), record.range)


def _end(record: Function, at: Fraction | None, closed: bool, down: bool) -> End:
    whole = record.range
    otherwise: End = (whole.low, whole.low_closed) if down else (whole.high, whole.high_closed)
    if at is None or abs(at) > LARGEST_ARGUMENT:
        return otherwise
    x = Var("x")
    try:
        value = evaluate(App(record.name, (x,)), {x: at}, BITS)
    except (Undecided, Undefined):
        return otherwise
    if isinstance(value, Fraction):
        return (value, closed or record.regularity != "smooth")  # relu is 0 on both sides of the end 0
    bound = lower(ball(value)) if down else upper(ball(value))
    return otherwise if bound is None else (bound, False)


def within(x: Interval, y: Interval) -> bool:
    """Return whether x is a part of y."""
    low = y.low is None or (x.low is not None and (x.low > y.low or (x.low == y.low and y.low_closed >= x.low_closed)))
    high = y.high is None or (
        x.high is not None and (x.high < y.high or (x.high == y.high and y.high_closed >= x.high_closed))
    )
    return low and high


def meet(x: Interval, y: Interval) -> Interval:
    """Return both at once; x where nothing would be left."""
    try:
        return x.meet(y)
    except ValueError:
        return x
