"""Terms in Arb's ball arithmetic: every result is a set that contains the true value.

On the real axis a function is what the library says; off the axis it is the analytic continuation of the piece
that the real part lies in. With `analytic` set, a ball on which that continuation is not analytic gives NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from flint import acb, arb, fmpq

from tensorprog.errors import fail
from tensorprog.functions.evaluate.narrow import Box, may_vanish, narrowed, partial, support
from tensorprog.functions.named.library import library
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import ONE, ZERO

Ball = Any
Number = int | float | Fraction
Values = Mapping[str, Number]
Complex = Callable[[Sequence[Ball], bool], Ball]
"""A function of complex balls and of the flag `analytic`."""


def name_of(v: Var) -> str:
    """The name under which the value of a variable is given: `x`, `x[1,2]`."""
    return v.name + (f"[{','.join(str(s) for s in v.subs)}]" if v.subs else "")


def exact(value: Number | str) -> Ball:
    """The number as a ball: rationals and floats are taken as they are."""
    if isinstance(value, float):
        return arb(value)
    q = Fraction(value)
    return arb(fmpq(q.numerator, q.denominator))


def indeterminate() -> Ball:
    return acb("nan", "nan")


def _sign(u: Ball) -> int | None:
    """The sign of the real part, where it is certain."""
    re = u.real
    return 1 if re > 0 else -1 if re < 0 else 0 if re.is_zero() else None


def _larger(u: Ball, v: Ball, a: bool) -> Ball:
    """max(u, v): of two intervals that overlap, the interval of its values, not both of them together."""
    if not a and u.imag.is_zero() and v.imag.is_zero():
        return acb(u.real.max(v.real))
    return u.real_max(v, analytic=a)


def _smaller(u: Ball, v: Ball, a: bool) -> Ball:
    if not a and u.imag.is_zero() and v.imag.is_zero():
        return acb(u.real.min(v.real))
    return u.real_min(v, analytic=a)


def _relu(u: Ball, a: bool) -> Ball:
    return _larger(u, acb(0), a)


def _log(u: Ball, a: bool) -> Ball:
    if u.imag.is_zero() and u.real <= 0:
        return indeterminate()
    return u.log(analytic=a)


def _sqrt(u: Ball, a: bool) -> Ball:
    # acb.real_sqrt is 0 at negative numbers, where a square root is undefined.
    return indeterminate() if u.imag.is_zero() and u.real < 0 else u.real_sqrt(analytic=a)


def _increasing(f: Callable[..., Ball]) -> Callable[..., Ball]:
    """An increasing function: on a wide real ball its values at the ends enclose it better than its formula."""

    def run(u: Ball, a: bool, *more: Ball) -> Ball:
        if not (u.imag.is_zero() and u.real.rad() > 0.01 and u.is_finite()):
            return f(u, a, *more)
        return f(acb(u.real.lower()), False, *more).union(f(acb(u.real.upper()), False, *more))

    return run


@_increasing
def _softplus(u: Ball, a: bool) -> Ball:
    # log(1 + e^u) = u + log(1 + e^-u): the form whose exponential is small.
    return u + (1 + (-u).exp()).log(analytic=a) if u.real.mid() > 0 else (1 + u.exp()).log(analytic=a)


@_increasing
def _sigmoid(u: Ball, a: bool) -> Ball:
    # Of two equal forms the one whose exponential is small: far off the axis the other is a ball around 0.
    return 1 / (1 + (-u).exp()) if u.real.mid() > 0 else u.exp() / (1 + u.exp())


def _erfc(u: Ball) -> Ball:
    """erfc(u), also on wide balls far from 0, where Arb gives up.

    erfc(z) = 2/√π e^{-z²} ∫_0^∞ e^{-2zs - s²} ds, so that |erfc(x + iy)| <= e^{y² - x²} for x >= 0.
    """
    made = u.erfc()
    if made.is_finite() or not u.is_finite():
        return made
    if u.real < 0:
        return 2 - _erfc(-u)
    x, y = arb(u.real.lower()), arb(abs(u.imag).upper())
    size = ((y * y - x * x).exp() if x >= 0 else 2 + (y * y).exp()).upper()
    return acb(arb(0, size), arb(0, size))


@_increasing
def _erf(u: Ball, a: bool) -> Ball:
    made = u.erf()
    return made if made.is_finite() else 1 - _erfc(u)


@_increasing
def _phi(u: Ball, a: bool) -> Ball:
    return _erfc(-u / acb(2).sqrt()) / 2


def _cosh(u: Ball, a: bool) -> Ball:
    if u.imag.is_zero() and u.real.contains(0) and u.is_finite():
        return acb(1).union(acb(abs(u.real).upper().cosh()))
    return u.cosh()


def _abs(u: Ball, a: bool) -> Ball:
    if not a and u.imag.is_zero() and u.is_finite() and u.real.contains(0):
        return acb(arb(0).union(abs(u.real).upper()))
    return u.real_abs(analytic=a)


def _inside(u: Ball, a: bool, f: Ball) -> Ball:
    """f(u) for asin, acos: undefined beyond ±1, a branch cut there."""
    if u.imag.is_zero():
        return indeterminate() if u.real > 1 or u.real < -1 or (a and not (u.real < 1 and u.real > -1)) else f
    return indeterminate() if a and u.imag.contains(0) and not (u.real < 1 and u.real > -1) else f


def _atan(u: Ball, a: bool) -> Ball:
    cut = a and u.real.contains(0) and not (u.imag < 1 and u.imag > -1)
    return indeterminate() if cut else u.atan()


def _mod(u: Ball, a: bool, m: Ball) -> Ball:
    made = u - m * (u / m).real_floor(analytic=a)
    if not a and u.imag.is_zero() and m.imag.is_zero() and not m.real.contains(0) and u.real.rad() > abs(m.real).mid():
        return acb(m.real.union(arb(0)))
    return made


UNARY: dict[str, Callable[..., Ball]] = {
    "relu": _relu,
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": _increasing(lambda u, a: u.tanh()),
    "erf": _erf,
    "Phi": _phi,
    "sign": lambda u, a: u.real_sgn(analytic=a),
    "abs": _abs,
    "exp": _increasing(lambda u, a: u.exp()),
    "log": _log,
    "sqrt": _sqrt,
    "sin": lambda u, a: u.sin(),
    "cos": lambda u, a: u.cos(),
    "tan": lambda u, a: u.tan(),
    "asin": lambda u, a: _inside(u, a, u.asin()),
    "acos": lambda u, a: _inside(u, a, u.acos()),
    "atan": _atan,
    "sinh": _increasing(lambda u, a: u.sinh()),
    "cosh": _cosh,
    "softsign": _increasing(lambda u, a: u / (1 + u.real_abs(analytic=a))),
    "floor": lambda u, a: u.real_floor(analytic=a),
    "ceil": lambda u, a: u.real_ceil(analytic=a),
    "mod": _mod,
    "sinc": lambda u, a: u.sinc(),
}


def _hermite(k: int, u: Ball) -> Ball:
    """He_k(u)/√(k!) by its three-term recursion: √(k+1) h_{k+1} = u h_k - √k h_{k-1}."""
    before, now = acb(0), acb(1)
    for j in range(k):
        before, now = now, (u * now - acb(j).sqrt() * before) / acb(j + 1).sqrt()
    return now


def _square(u: Ball) -> Ball:
    """u² for a wide ball: x² - y² with x² between the squares of its ends, which a product of balls does not know."""
    x, y = u.real, u.imag
    least, most = arb(abs(x).lower()), arb(abs(x).upper())
    if x.contains(0) or not least > 0:
        least = arb(0)
    return acb((least * least).union(most * most) - y * y, 2 * x * y)


def _whole_power(u: Ball, n: int) -> Ball:
    if not u.is_finite() or not 8 * u.real.rad() > abs(u.real.mid()):
        return u**n
    if n % 2 == 0:
        return _square(u) if n == 2 else _whole_power(_square(u), n // 2)
    if n > 1 and u.imag.is_zero():
        return acb(arb(u.real.lower()) ** n).union(acb(arb(u.real.upper()) ** n))
    return u**n


def _power(u: Ball, exponent: Term, value: Ball, analytic: bool) -> Ball:
    if isinstance(exponent, Num) and exponent.value.denominator == 1:
        n = int(exponent.value)
        return _whole_power(u, n) if n > 0 else u**n
    if isinstance(exponent, Num) and exponent.value > 0:
        root = _sqrt(u, analytic) if exponent.value == Fraction(1, 2) else None
        if root is not None:
            return root
        if not analytic and u.imag.is_zero() and u.real.contains(0):
            # On the real axis u^p is defined for u >= 0 only, and there between 0 and its value at the upper end.
            return acb(0).union(acb(u.real.upper()) ** value)
    if u.imag.is_zero() and u.real < 0:
        return indeterminate()
    return u.pow(value, analytic=analytic)


def _holds(head: str, left: Ball, right: Ball, analytic: bool) -> bool | None:
    sign = _sign(left - right)
    if sign is None or (sign == 0 and analytic):
        return None
    return {"lt": sign < 0, "le": sign <= 0, "gt": sign > 0, "ge": sign >= 0, "eq": sign == 0, "ne": sign != 0}[head]


def _box(z: Sequence[Ball]) -> Box | None:
    """Real balls as a box of floats that holds them."""
    if not all(x.imag.is_zero() and x.is_finite() for x in z):
        return None
    ends = [(float(x.real.lower()), float(x.real.upper())) for x in z]
    return tuple((math.nextafter(low, -math.inf), math.nextafter(high, math.inf)) for low, high in ends)


def _within(z: Sequence[Ball], box: Box, inner: Box) -> list[Ball] | None:
    """The balls in a smaller box; None if it is empty."""
    if any(low > high for low, high in inner):
        return None
    return [x if a == b else acb(arb(b[0]).union(arb(b[1]))) for x, a, b in zip(z, box, inner, strict=True)]


@cache
def _defined(head: str) -> Complex:
    """A function by its definition."""
    record = library()[head]
    return ball_function(record.definition or ZERO, record.args)


def ball_function(term: Term, names: Sequence[str], values: Values | None = None) -> Complex:
    """The term as a function of complex balls, one for each of `names`; other names take their `values`.

    >>> f = ball_function(App("tanh", (Var("z"),)), ["z"])
    >>> f([acb(1)], False).real.contains(arb(1).tanh())
    True
    """
    names = tuple(names)
    index = {n: k for k, n in enumerate(names)}
    given = {n: acb(exact(v)) for n, v in (values or {}).items()}

    Made = Callable[[Sequence[Ball], bool], Ball]

    def condition(t: Term) -> Callable[[Sequence[Ball], bool], bool | None]:
        match t:
            case App("and", parts):
                each = [condition(p) for p in parts]

                def both(z: Sequence[Ball], a: bool) -> bool | None:
                    said = [c(z, a) for c in each]
                    return False if False in said else None if None in said else True

                return both
            case App(head, (left, right)):
                one, two = make(left), make(right)
                return lambda z, a: _holds(head, one(z, a), two(z, a), a)
        raise AssertionError(t)

    def leaf(t: Term) -> Made:
        match t:
            case Num(value):
                q = fmpq(value.numerator, value.denominator)
                return lambda z, a: acb(q)
            case Var():
                name = name_of(t)
                if name in index:
                    k = index[name]
                    return lambda z, a: z[k]
                if name in given:
                    number = given[name]
                    return lambda z, a: number
                raise fail("TP002", f"{name} has no number", t.place, help="give it with --set")
        raise fail("TP003", f"not a function of numbers: {type(t).__name__}", t.place)

    def many(args: Sequence[Term], how: Callable[[Ball, Ball, bool], Ball]) -> Made:
        each = [make(x) for x in args]

        def run(z: Sequence[Ball], a: bool) -> Ball:
            total = each[0](z, a)
            for f in each[1:]:
                total = how(total, f(z, a), a)
            return total

        return run

    def where_not_zero(args: Sequence[Term], product: Made) -> Made:
        """Other factors count only where none is 0: relu(z) e^-z is small on [-9, 9] too."""
        if not may_vanish(args):
            return product

        def run(z: Sequence[Ball], a: bool) -> Ball:
            if a or (box := _box(z)) is None or (inner := support(names, box, args)) == box:
                return product(z, a)
            within = _within(z, box, inner)
            return acb(0) if within is None else product(within, a).union(acb(0))

        return run

    def make(t: Term) -> Made:
        match t:
            case App("pi"):
                return lambda z, a: acb.pi()
            case App("add", args):
                return many(args, lambda x, y, a: x + y)
            case App("mul", (x, y)) if x == y:
                return make(App("pow", (x, Num(2))))
            case App("mul", args):
                whole = many(args, lambda x, y, a: x * y)
                return whole if partial(t) else where_not_zero(args, whole)
            case App("neg", (x,)):
                inner = make(x)
                return lambda z, a: -inner(z, a)
            case App("recip", (x,)):
                inner = make(x)
                return lambda z, a: 1 / inner(z, a)
            case App("pow", (x, p)):
                inner, exponent = make(x), make(p)
                return lambda z, a: _power(inner(z, a), p, exponent(z, a), a)
            case App("hermite", (Num(k), x)):
                inner = make(x)
                return lambda z, a: _hermite(int(k), inner(z, a))
            case App("max", args):
                return many(args, _larger)
            case App("min", args):
                return many(args, _smaller)
            case App("where", (c, yes, no)):
                said, one, two = condition(c), make(yes), make(no)

                def choose(z: Sequence[Ball], a: bool) -> Ball:
                    truth = said(z, a)
                    if truth is not None or a or (box := _box(z)) is None:
                        return indeterminate() if truth is None else one(z, a) if truth else two(z, a)
                    sides = [_within(z, box, narrowed(names, box, c, holds)) for holds in (True, False)]
                    made = [f(y, a) for f, y in zip((one, two), sides, strict=True) if y is not None]
                    return made[0] if len(made) == 1 else made[0].union(made[1])

                return choose
            case App(head, (x, *more)) if head in UNARY:
                f, inner, rest = UNARY[head], make(x), [make(m) for m in more]
                if not rest:
                    return lambda z, a: f(inner(z, a), a)
                return lambda z, a: f(inner(z, a), a, *(m(z, a) for m in rest))
            case App(head, args) if head in library() and library()[head].definition is not None:
                whole, each = _defined(head), [make(x) for x in (*args, *(ONE,))[: len(library()[head].args)]]
                return lambda z, a: whole([f(z, a) for f in each], a)
        return leaf(t)

    return make(term)
