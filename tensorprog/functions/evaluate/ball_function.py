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
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.functions.evaluate.narrow import Box, may_vanish, narrowed, partial, support
from tensorprog.functions.named.ball_forms import form, hermite, increasing, indeterminate, sqrt, whole_power
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import ONE, ZERO, mul
from tensorprog.terms import App, Num, Term, Var

Ball = Any
Number = int | float | Fraction
Values = Mapping[str, Number]
Complex = Callable[[Sequence[Ball], bool], Ball]
"""A function of complex balls and of the flag `analytic`."""


def exact(value: Number | str) -> Ball:
    """Return the number as a ball: rationals and floats are taken as they are."""
    if isinstance(value, float):
        return arb(value)
    q = Fraction(value)
    return arb(fmpq(q.numerator, q.denominator))


def _sign(u: Ball) -> int | None:
    """Return the sign of the real part, where it is certain."""
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


def _power(u: Ball, exponent: Term, value: Ball, analytic: bool) -> Ball:
    if isinstance(exponent, Num) and exponent.value.denominator == 1:
        n = int(exponent.value)
        return whole_power(u, n) if n > 0 else u**n
    if isinstance(exponent, Num) and exponent.value > 0:
        root = sqrt(u, analytic) if exponent.value == Fraction(1, 2) else None
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
    """Return the balls in a smaller box; None if it is empty."""
    if any(low > high for low, high in inner):
        return None
    return [x if a == b else acb(arb(b[0]).union(arb(b[1]))) for x, a, b in zip(z, box, inner, strict=True)]


@cache
def _defined(head: str) -> Complex:
    """Return a function by its definition."""
    record = library()[head]
    return ball_function(record.definition or ZERO, record.args)


def ball_function(term: Term, names: Sequence[str], values: Values | None = None) -> Complex:
    """Return the term as a function of complex balls, one for each of `names`; other names take their `values`.

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
                sure = [x for x in args if not partial(x)]
                if len(sure) == len(args):
                    return where_not_zero(args, many(args, lambda x, y, a: x * y))
                if may_vanish(sure) and len(sure) > 1:  # where they are 0 the others still need a value
                    return many([mul(*sure), *(x for x in args if partial(x))], lambda x, y, a: x * y)
                return many(args, lambda x, y, a: x * y)
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
                return lambda z, a: hermite(int(k), inner(z, a))
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
            case App(head, (x, *more)) if (f := form(head)) is not None:
                inner, rest = make(x), [make(m) for m in more]
                if not rest:
                    return lambda z, a: f(inner(z, a), a)
                return lambda z, a: f(inner(z, a), a, *(m(z, a) for m in rest))
            case App(head, args) if head in library() and (record := library()[head]).definition is not None:
                whole, each = _defined(head), [make(x) for x in (*args, *(ONE,))[: len(record.args)]]
                if len(args) == 1:
                    defined = increasing(record, lambda u, a: whole([u, *(g((), a) for g in each[1:])], a))
                    return lambda z, a: defined(each[0](z, a), a)
                return lambda z, a: whole([g(z, a) for g in each], a)
        return leaf(t)

    return make(term)
