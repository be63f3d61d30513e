"""Numbers in exact interval arithmetic: whole multiples of 2^-96, below and above.

Each function of intervals contains the values of the function at all points of its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache, lru_cache, reduce
from math import isqrt

from tensorprog.kernel.core.refused import HALF, METER, Refused, require
from tensorprog.kernel.core.table import EXPANDED, definition
from tensorprog.kernel.ground.term import ONE, App, Num, Term, Var, add, mul, neg, power, variables

BITS = 96

UNIT, LARGE = 1 << BITS, 1 << 10 * BITS

HEADS = ("add", "mul", "neg", "recip", "max", "min", "exp", "log", "tanh", "softplus", "cos", "Phi", "asin", "abs")

Interval = tuple[int, int]


def rounded(x: Fraction | int) -> Interval:
    top = x * UNIT
    return top.numerator // top.denominator, -(-top.numerator // top.denominator)


def plus(*xs: Interval) -> Interval:
    return sum(x[0] for x in xs), sum(x[1] for x in xs)


def minus(x: Interval) -> Interval:
    return -x[1], -x[0]


def times(x: Interval, y: Interval) -> Interval:
    (a, b), (c, d) = x, y
    ends = a * c, a * d, b * c, b * d
    low, high = min(ends), max(ends)
    require(low > -LARGE and high < LARGE, "numbers stay small")
    return low >> BITS, -(-high >> BITS)


def over(x: Interval) -> Interval:
    """1/x."""
    require(x[0] > 0 or x[1] < 0, "a divisor apart from 0")
    return UNIT * UNIT // x[1], -(-UNIT * UNIT // x[0])


def root(x: Interval) -> Interval:
    """The square root of a number that is not negative."""
    require(x[1] >= 0, "a root of what is not negative")
    return isqrt(max(x[0], 0) << BITS), isqrt(x[1] << BITS) + 1


def hull(x: Interval, y: Interval) -> Interval:
    return min(x[0], y[0]), max(x[1], y[1])


def exp(x: Interval) -> Interval:
    """The power series of e^r, r = |x| / 2^k < 2^-8, is cut off below; at most 4 units are lost. It is squared k times;
    e^(x+w) <= e^x (1 + 2w) where w <= 1."""
    METER.get()(4)
    if x[0] < -100 * UNIT:  # less than a unit
        return 0, exp((max(x[1], -100 * UNIT),) * 2)[1]
    end, width = x[0], x[1] - x[0]
    k = max(abs(end).bit_length() - BITS + 8, 0)
    require(k <= 17, "numbers stay small")
    r, low = abs(end) >> k, UNIT
    for n in range(12, 0, -1):
        low = UNIT + (r * low >> BITS) // n
    high = low + 4
    for _ in range(k):
        low, high = low * low >> BITS, -(-high * high >> BITS)
    low, high = (low, high) if end >= 0 else over((low, high))
    if width > UNIT:
        return low, exp((x[1], x[1]))[1]
    return low, times((high, high), (UNIT, UNIT + 2 * width))[1] if width else high


def atan(x: Interval) -> Interval:
    """Five times atan x = 2 atan(x / (1 + sqrt(1 + x^2))), then the power series, which alternates."""
    for _ in range(5):
        x = times(x, over(plus(rounded(1), root(plus(rounded(1), _square(x))))))
    y, out = _square(x), rounded(0)
    for n in range(25, 0, -2):
        out = plus(rounded(Fraction(1, n)), minus(times(y, out)))
    return times(rounded(32), plus(times(x, out), (-1, 1)))


def _square(x: Interval) -> Interval:
    low, high = times(x, x)
    return max(low, 0), high


@cache
def pi() -> Interval:
    return times(rounded(4), atan(rounded(1)))


@cache
def _peak() -> Interval:
    return over(root(times(rounded(2), pi())))


def density(x: Interval) -> Interval:
    """exp(-x^2/2) / sqrt(2 pi)."""
    return times(exp(times(rounded(-HALF), _square(x))), _peak())


def normal_cdf(x: Interval) -> Interval:
    """Phi(x) = 1/2 + density(x) (x + x^3/3 + x^5/15 + ...), until what is left is at most twice the next term; it rises
    by at most w/2 on an interval of width w."""
    z, (below, above), n = abs(x[0]), _square((x[0], x[0])), 1
    if z >= 13 * UNIT:  # 1 - Phi(13) < 2^-127
        out = (UNIT - 1, UNIT)
    else:
        low = high = z
        lower = upper = 0
        while high > 1 or above > (n + 2) * UNIT // 2:
            METER.get()(1)
            lower, upper, n = lower + low, upper + high, n + 2
            low, high = (low * below >> BITS) // n, -(-((high * above >> BITS) + 1) // n)
        rise = exp((below >> 1, (above >> 1) + 1))  # the density is 1/(rise sqrt(2 pi))
        area = (lower << BITS) // rise[1], -(-(upper + 2 * high << BITS) // rise[0])
        out = plus(rounded(HALF), times(_peak(), area))
    out = out if x[0] >= 0 else plus(rounded(1), minus(out))
    return out[0], min(out[1] + (x[1] - x[0] + 1) // 2, UNIT)


def log(x: Interval) -> Interval:
    """k log 2 + log m with 1 <= m < 2; log(x + w) <= log x + w/x."""
    require(x[0] > 0, "a logarithm of what is positive")
    k = x[0].bit_length() - 1 - BITS
    out = plus(times(rounded(k), _log(2)), _log(Fraction(x[0], 1 << (BITS + k))))
    return out[0], out[1] - (-(x[1] - x[0] << BITS) // x[0])


@lru_cache(8)
def _log(m: Fraction | int) -> Interval:
    """2 (s + s^3/3 + s^5/5 + ...) for s = (m - 1)/(m + 1) <= 1/3, with less than 2^-100 left."""
    s = rounded(Fraction(m - 1) / (m + 1))
    y, out = _square(s), rounded(0)
    for n in range(61, 0, -2):
        out = plus(rounded(Fraction(1, n)), times(y, out))
    return plus(times(plus(s, s), out), (0, 1))


def cos(x: Interval) -> Interval:
    """The power series at r = |x| / 2^k < 2^-8, which alternates, then k times cos 2r = 2 cos^2 r - 1; |cos'| <= 1."""
    middle, half = sum(x) // 2, (x[1] - x[0]) // 2 + 1
    k = max(abs(middle).bit_length() - BITS + 8, 0)
    require(k <= 20, "numbers stay small")
    y, out = _square((abs(middle) >> k, -(-abs(middle) >> k))), rounded(1)
    for n in range(12, 0, -2):
        out = plus(rounded(1), minus(times(times(y, out), rounded(Fraction(1, n * (n - 1))))))
    for _ in range(k):
        out = plus(times(rounded(2), _square(out)), rounded(-1))
    return max(out[0] - half, -UNIT), min(out[1] + half, UNIT)


def spelled(t: Term) -> Term:
    """A term by exp, tanh, Phi, max, ... alone."""
    match t:
        case App(head, args) if head in HEADS:
            return App(head, tuple(map(spelled, args)))
        case App("pow", (a, e)) if isinstance(e, Num):
            return App("pow", (spelled(a), e))
        case App("sigmoid", (u,)):
            return spelled(add(Num(HALF), mul(Num(HALF), App("tanh", (mul(Num(HALF), u),)))))
        case App("sin", (u,)):
            return spelled(App("cos", (add(u, mul(Num(-HALF), App("pi"))),)))
        case App("erf", (u,)):
            return spelled(add(mul(Num(2), App("Phi", (mul(power(Num(2), Num(HALF)), u),))), neg(ONE)))
        case App(head) if head in EXPANDED:
            return spelled(definition(t))
    return t


def enclosure(t: Term, at: Mapping[Term, Interval], valued: bool = False) -> Interval:
    """A term that is spelled, wherever each variable stands in its interval; `valued`: it is known to have a value."""
    METER.get()(2)
    match t:
        case Num(value):
            return rounded(value)
        case Var() if t in at:
            return at[t]
        case App("pi"):
            return pi()
        case App("pow", (a, Num(e))) if abs(e) <= 64 and e.denominator <= 2:
            base = enclosure(a, at, valued)
            require(valued or e.denominator == 1 or base[0] >= 0, "a root of what is not negative")
            base = base if e.denominator == 1 else root(base)
            out = reduce(times, [base] * abs(e.numerator), rounded(1))
            out = out if e.numerator % 2 else (max(out[0], 0), out[1])
            return out if e >= 0 else over(out)
        case App(head, args) if head in HEADS:
            parts = [enclosure(a, at, valued) for a in args]
            x = parts[0]
            match head:
                case "add":
                    return plus(*parts)
                case "mul":
                    return _square(x) if args[1:] == args[:1] else reduce(times, parts)
                case "max" | "min":
                    pick = max if head == "max" else min
                    return pick(p[0] for p in parts), pick(p[1] for p in parts)
                case "neg":
                    return minus(x)
                case "abs":
                    return max(x[0], -x[1], 0), max(-x[0], x[1])
                case "tanh":  # 1 - 2/(1 + e^(2x)), which is the same as 1 or -1, less than a unit apart, beyond 50
                    x = min(max(x[0], -50 * UNIT), 50 * UNIT), min(max(x[1], -50 * UNIT), 50 * UNIT)
                    back = over(plus(rounded(1), exp(plus(x, x))))
                    return plus(rounded(1), times(rounded(-2), back))
                case "asin":  # 2 atan(x / (1 + sqrt(1 - x^2))), where |x| <= 1
                    require(valued or -UNIT <= x[0] <= x[1] <= UNIT, "a sine lies between -1 and 1")
                    ends = [max(min(end, UNIT), -UNIT) for end in x]
                    found = [
                        atan(times(z, over(plus(rounded(1), root(plus(rounded(1), minus(_square(z))))))))
                        for z in ((end, end) for end in ends)
                    ]
                    return 2 * found[0][0], 2 * found[1][1]
                case "softplus":
                    return log(plus(rounded(1), exp(x)))
            return {"recip": over, "exp": exp, "log": log, "cos": cos, "Phi": normal_cdf}[head](x)
    raise Refused("a number that is computed here")


def folded(t: Term, moving: Term, at: dict[Term, Interval]) -> Term:
    """The term with whatever does not contain one variable under names, whose intervals are added to `at`."""
    if moving not in variables(t):
        name = Var(f"({len(at)})")
        at[name] = enclosure(t, at)
        return name
    if not isinstance(t, App):
        return t
    return App(t.head, tuple(a if isinstance(a, Num) else folded(a, moving, at) for a in t.args))
