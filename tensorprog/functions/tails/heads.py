"""Expansions of the primitive functions other than exp and log."""

from __future__ import annotations

from fractions import Fraction
from math import factorial
from typing import Protocol

from tensorprog.functions.evaluate.balls import Undecided, evaluate, lower, upper
from tensorprog.functions.evaluate.polynomial import Polynomial, normal, number
from tensorprog.functions.named.library import library
from tensorprog.functions.rules import ranges
from tensorprog.functions.tails.series import UNIT, Algebra, Series
from tensorprog.kernel.ground.term import PI, variables
from tensorprog.numbers.interval import Interval
from tensorprog.terms import App, Term


class Expander(Protocol):
    """What the expansion of one function asks of the calculus that runs it (tails/expand.py)."""

    algebra: Algebra
    phases: dict[str, tuple[str, str]]
    names: dict[object, str]
    strict: bool
    wave: tuple[Fraction, Fraction] | None

    def oscillating(self, c: Polynomial) -> list[str]: ...

    def sign(self, c: Polynomial) -> int: ...

    def sign_of(self, s: Series) -> int: ...

    def interval(self, c: Polynomial) -> Interval: ...

    def opaque(self, key: object, bound: Interval) -> Polynomial: ...

    def power(self, s: Series, p: Fraction, t: Term) -> Series: ...

    def exp(self, s: Series, t: Term) -> Series: ...

    def taylor(self, head: str, c: Polynomial, small: Series, t: Term, order: int = 4) -> Series: ...


_F1 = Fraction(1)
_UNIT_BALL = Interval(-_F1, _F1, True, True)


def abs_series(x: Expander, s: Series, t: Term) -> Series:
    """|s|: s or -s; |c| m + O(rest) for an oscillating leading coefficient."""
    try:
        sign = x.sign_of(s)
        return s if sign > 0 else x.algebra.scaled(s, number(Fraction(sign)))
    except Undecided:
        if not s.terms:
            return Series((), s.error)
        m, c = s.terms[0]
        if not x.oscillating(c):
            raise
        size = x.opaque(("abs", frozenset(c.terms.items())), ranges.absolute(x.interval(c)))
        rest = Series(s.terms[1:], s.error).bound
        return Series(((m, size),), rest)


def sign_series(x: Expander, s: Series, t: Term) -> Series:
    """Return the sign of the leading coefficient; some number in [-1, 1] where that oscillates."""
    try:
        sign = x.sign_of(s)
    except Undecided:
        if not s.terms or not x.oscillating(s.terms[0][1]):
            raise
        return x.algebra.constant(x.opaque(t, _UNIT_BALL))
    if sign == 0 and x.strict:
        raise Undecided("on the kink")
    return x.algebra.constant(number(Fraction(sign)))


def wave(x: Expander, s: Series, t: Term) -> tuple[Series, Series]:
    """sin and cos of A + e by the addition theorem, A what does not go to 0."""
    a = x.algebra
    try:
        large, c, small = a.split(s)
        if any(x.oscillating(d) for _, d in large.terms) or x.oscillating(c):
            raise Undecided("an oscillating phase")
    except Undecided:
        hidden = a.constant(x.opaque(t, _UNIT_BALL))
        return hidden, hidden
    n = a.length + 1
    odd = [number(Fraction(0 if k % 2 == 0 else (-1) ** (k // 2), factorial(k))) for k in range(n)]
    even = [number(Fraction(0 if k % 2 else (-1) ** (k // 2), factorial(k))) for k in range(n)]
    sin_e, cos_e = a.function(small, odd), a.function(small, even)
    if not large.terms:
        if c.zero:
            return sin_e, cos_e
        sin_a, cos_a = normal(App("sin", (c.term(),))), normal(App("cos", (c.term(),)))
    else:
        sin_a, cos_a = _phase(x, large, c)
    sine = a.add(a.scaled(cos_e, sin_a), a.scaled(sin_e, cos_a))
    cosine = a.add(a.scaled(cos_e, cos_a), a.scaled(sin_e, sin_a.scaled(-_F1)))
    return sine, cosine


def _phase(x: Expander, large: Series, c: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Return names for sin(A) and cos(A), A -> +oo; sin(-A) = -sin(A)."""
    sign = x.sign(large.terms[0][1])
    oriented = [(m, d.scaled(Fraction(sign))) for m, d in large.terms]
    key = (
        tuple((tuple((k, frozenset(p.terms.items())) for k, p in m.parts), m.logs, frozenset(d.terms.items()))
              for m, d in oriented),
        frozenset(c.scaled(Fraction(sign)).terms.items()),
    )  # fmt: skip
    sine = x.opaque(("sin", key), _UNIT_BALL)
    cosine = x.opaque(("cos", key), _UNIT_BALL)
    sine_name, cosine_name = x.names["sin", key], x.names["cos", key]
    x.phases[sine_name] = ("sin", sine_name)
    x.phases[cosine_name] = ("cos", sine_name)
    if x.wave is not None:
        if len(x.phases) > 2:
            raise Undecided("two phases")
        return number(x.wave[0] * sign), number(x.wave[1])
    return sine.scaled(Fraction(sign)), cosine


def floor_series(x: Expander, s: Series, t: Term) -> Series:
    """x minus something in [0, 1); near a constant, the constant's floor, or one less from below a whole number."""
    a = x.algebra
    hidden = a.scaled(a.constant(x.opaque(t, Interval(Fraction(0), _F1, True))), number(-_F1))
    large, c, small = a.split(s)
    if large.terms or x.oscillating(c):
        return a.add(s, hidden)
    whole = c.constant()
    if whole is None:
        if variables(c.term()):
            raise Undecided("floor of a param")
        value = evaluate(c.term(), {}, 200)
        low, high = lower(value), upper(value)
        if low is None or high is None or low.__floor__() != high.__floor__():
            raise Undecided("floor of a number that may be whole")
        return a.constant(number(Fraction(low.__floor__())))
    down = whole.denominator == 1 and x.sign_of(small) < 0
    return a.constant(number(Fraction(whole.__floor__() - (1 if down else 0))))


def sinc_series(x: Expander, s: Series, t: Term) -> Series:
    """sin(s)/s; 1 - s^2/6 + ... near 0."""
    a = x.algebra
    large, c, small = a.split(s)
    if not large.terms and c.zero:
        n = a.length + 1
        taylor = [number(Fraction(0 if k % 2 else (-1) ** (k // 2), factorial(k + 1))) for k in range(n)]
        return a.function(small, taylor)
    return a.mul(wave(x, s, App("sin", (t,)))[0], x.power(s, -_F1, t))


def asin_series(x: Expander, s: Series, t: Term) -> Series:
    """Taylor inside (-1, 1); asin(1 - e) = pi/2 - sqrt(2 e) (1 + e/12 + 3 e^2/160 + 5 e^3/896 + O(e^4)) at the ends."""
    a = x.algebra
    large, c, small = a.split(s)
    if large.terms or x.oscillating(c):
        raise Undecided("asin outside a known range")
    side = c.constant()
    if side in (1, -1):
        e = a.scaled(small, number(Fraction(-1) * side))
        root = x.power(a.scaled(e, number(Fraction(2))), Fraction(1, 2), t)
        taylor = [number(Fraction(*pq)) for pq in ((1, 1), (1, 12), (3, 160), (5, 896))]
        half_pi = a.constant(normal(PI).scaled(Fraction(1, 2)))
        inner = a.mul(root, a.function(e, taylor))
        return a.scaled(a.add(half_pi, a.scaled(inner, number(-_F1))), number(side))
    inside = [normal(App("add", (number(_F1).term(), c.scaled(d).term()))) for d in (_F1, -_F1)]
    if any(x.sign(end) <= 0 for end in inside):
        raise Undecided("asin near its ends")
    return x.taylor("asin", c, small, t)


def sigmoid(x: Expander, s: Series, t: Term, head: str) -> Series:
    """Atan or erf: pi/2 - 1/s + 1/(3 s^3) - ..., 1 - exp(-s^2)/(s sqrt(pi)) (1 + O(s^-2)) at +oo, odd."""
    bound = library()[head].range
    a = x.algebra
    if s.bound is not None and a.compare(s.bound, UNIT) > 0:
        if not s.terms:
            return a.constant(x.opaque(t, bound))
        try:
            sign = x.sign_of(s)
        except Undecided:
            return a.constant(x.opaque(t, bound))
        outward = a.scaled(s, number(Fraction(sign)))
        value = _atan_far(x, outward, t) if head == "atan" else _erf_far(x, outward, t)
        return a.scaled(value, number(Fraction(sign)))
    try:
        _, c, small = a.split(s)
    except Undecided:
        return a.constant(x.opaque(t, bound))
    if x.oscillating(c):
        return a.constant(x.opaque(t, bound))
    return x.taylor(head, c, small, t)


def _atan_far(x: Expander, s: Series, t: Term) -> Series:
    a = x.algebra
    inverse = x.power(s, -_F1, t)
    taylor = [number(Fraction(0 if k % 2 == 0 else -((-1) ** (k // 2)), max(k, 1))) for k in range(6)]
    half_pi = a.constant(normal(PI).scaled(Fraction(1, 2)))
    return a.add(half_pi, a.function(inverse, taylor))


def _erf_far(x: Expander, s: Series, t: Term) -> Series:
    a = x.algebra
    square = a.mul(s, s)
    decay = x.exp(a.scaled(square, number(-_F1)), t)
    front = normal(App("recip", (App("sqrt", (PI,)),))).scaled(-_F1)
    tail = a.scaled(a.mul(decay, x.power(s, -_F1, t)), front)
    inverse_square = x.power(square, -_F1, t)
    factors, c = [], _F1
    for k in range(4):
        factors.append(number(c))
        c = c * -(2 * k + 1) / 2
    return a.add(a.constant(number(_F1)), a.mul(tail, a.function(inverse_square, factors)))
