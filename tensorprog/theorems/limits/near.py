"""Neighbourhoods of limits of scalars, as terms: what a function is near them, judged on the whole space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, lower
from tensorprog.kernel.ground.term import add, call, neg, transform, variables
from tensorprog.numbers.interval import Interval
from tensorprog.terms import Num, Term, Var
from tensorprog.theorems.limits.limit import Limit

WIDTH = Fraction(1, 1024)
_GAP, _LARGEST = "#gap", "#largest"


def neighbourhood(
    t: Term, limits: Mapping[str, Limit], assumptions: Mapping[str, Interval]
) -> tuple[Term, dict[str, Interval]]:
    """phi(x; clamp(theta)), equal to phi(x; theta) for theta near its limit, and what is assumed of new names.

    A limit in [a, b] has the neighbourhood [a - w, b + w] for a small w > 0, cut by the values that the scalar takes
    at every n. If only a < limit is known it is [a + gap, ...], for every gap > 0; an end that is not known is
    +-largest, for every size. A random limit may be anywhere.
    """
    positive = Interval(Fraction(0), None)
    inside = {**assumptions, _GAP: positive, _LARGEST: positive}

    def clamp(v: Term) -> Term | None:
        if not isinstance(v, Var) or v.name not in limits:
            return None
        if limits[v.name].random:
            return _inside(v, limits[v.name].always)
        low, high = _low(limits[v.name]), _high(limits[v.name])
        if isinstance(low, Num):
            return call("max", low, call("min", v, high))
        return add(low, call("relu", add(call("min", v, high), neg(low))))

    return transform(t, clamp), inside


def _inside(v: Term, always: Interval) -> Term:
    """Return a scalar that may be anywhere within the values that occur."""
    if always.high is not None:
        v = call("min", v, Num(always.high))
    return v if always.low is None else call("max", Num(always.low), v)


def _width(end: Fraction) -> Fraction:
    return min(WIDTH, abs(end) / 4) if end else WIDTH


def _low(limit: Limit) -> Term:
    """Return the lower end of a neighbourhood."""
    least = limit.always.low
    end = limit.at.low
    if end is None:
        return Num(least) if least is not None else neg(Var(_LARGEST))
    if not limit.at.low_closed:
        return Var(_GAP) if end == 0 else add(Num(end), Var(_GAP))
    return Num(end - _width(end) if least is None else max(least, end - _width(end)))


def _high(limit: Limit) -> Term:
    most = limit.always.high
    end = limit.at.high
    if end is None:
        return Num(most) if most is not None else Var(_LARGEST)
    if not limit.at.high_closed:
        return add(Num(end), neg(Var(_GAP)))
    return Num(end + _width(end) if most is None else min(most, end + _width(end)))


POINTS = (Fraction(1009, 997), Fraction(-1009, 997), Fraction(2027, 1013), Fraction(499, 1013))
"""Points at which functions of vectors are tried; a program that jumps at one of them in particular is not written."""
STEPS = (10, 20, 40)


def falsified(t: Term, limits: Mapping[str, Limit]) -> bool:
    """Return whether the term, at some x, stays away from its limit's value for scalars 2^-10, 2^-20, 2^-40 away.

    A falsifier: it tells a jump at the limit from one elsewhere. Nothing is said where a limit is not a known number.
    """
    for at in _nearby(t, limits):
        here = at(None)
        try:
            gaps = [lower(evaluate(call("abs", add(at(k), neg(here))), {})) for k in STEPS]
        except (Undefined, Undecided):
            continue
        if all(g is not None and g > Fraction(1, 32) for g in gaps):
            return True
    return False


def undefined(t: Term, limits: Mapping[str, Limit]) -> bool:
    """Return whether the term, at some x, has a value at its scalars' limit and none at those distances.

    sqrt(s g) is 0 at s = 0, and undefined where s g < 0.
    """

    def defined(u: Term) -> bool | None:
        try:
            evaluate(u, {})
        except Undefined:
            return False
        except Undecided:
            return None
        return True

    return any(defined(at(None)) and all(defined(at(k)) is False for k in STEPS) for at in _nearby(t, limits))


def _nearby(t: Term, limits: Mapping[str, Limit]) -> Iterator[Callable[[int | None], Term]]:
    """The term at points, its scalars 2^-k to one side of their limit, or at it; none if a limit is not a number."""
    values = {name: v.value for name, v in limits.items()}
    if any(v is None or variables(v) for v in values.values()):
        return
    vectors = [v for v in variables(t) if v.name not in limits]

    def at(x: Fraction, side: int, k: int | None) -> Term:
        def leaf(v: Term) -> Term | None:
            if not isinstance(v, Var):
                return None
            if v.name not in limits:
                return Num(x * (1 + Fraction(241 * vectors.index(v), 317)))
            value = values[v.name]
            assert value is not None
            step = Fraction(0) if k is None or limits[v.name].fixed else Fraction(_turned(limits[v.name], side), 2**k)
            return add(value, Num(step)) if step else value

        return transform(t, leaf)

    for x in POINTS if vectors else POINTS[:1]:
        for side in (1, -1):
            yield partial(at, x, side)


def _turned(limit: Limit, side: int) -> int:
    """To the side of the limit where the scalar's values are, if they are on one side only."""
    if not isinstance(limit.value, Num):
        return side
    return 1 if limit.always.low == limit.value.value else -1 if limit.always.high == limit.value.value else side
