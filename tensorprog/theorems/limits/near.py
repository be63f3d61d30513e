"""Neighbourhoods of limits of scalars, as terms: what a function is near them, judged on the whole space."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

from tensorprog.numbers.interval import Interval
from tensorprog.terms import Num, Term, Var
from tensorprog.terms.term import add, call, neg, transform

if TYPE_CHECKING:
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
    """A scalar that may be anywhere within the values that occur."""
    if always.high is not None:
        v = call("min", v, Num(always.high))
    return v if always.low is None else call("max", Num(always.low), v)


def _width(end: Fraction) -> Fraction:
    return min(WIDTH, abs(end) / 4) if end else WIDTH


def _low(limit: Limit) -> Term:
    """The lower end of a neighbourhood."""
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


def falsified(t: Term, limits: Mapping[str, Limit]) -> bool:
    """Does the term, at some point x, stay away from its value at the limit for scalars 2^-10, 2^-20, 2^-40 from it?

    A falsifier: it tells a jump at the limit from one elsewhere. Nothing is said where a limit is not a known number.
    """
    from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, lower

    if not all(isinstance(v.value, Num) for v in limits.values()):
        return False

    def at(x: Fraction, side: int, step: Fraction) -> Term:
        def leaf(v: Term) -> Term | None:
            if not isinstance(v, Var):
                return None
            if v.name not in limits:
                return Num(x)
            known = limits[v.name]
            assert isinstance(known.value, Num)
            return Num(known.value.value + (0 if known.fixed else _turned(known, side) * step))

        return transform(t, leaf)

    for x in (Fraction(1), Fraction(-1), Fraction(2), Fraction(1, 2)):
        for side in (1, -1):
            here = at(x, side, Fraction(0))
            try:
                gaps = [
                    lower(evaluate(call("abs", add(at(x, side, Fraction(1, 2**k)), neg(here))), {}))
                    for k in (10, 20, 40)
                ]
            except (Undefined, Undecided):
                continue
            if all(g is not None and g > Fraction(1, 32) for g in gaps):
                return True
    return False


def _turned(limit: Limit, side: int) -> int:
    """To the side of the limit where the scalar's values are, if they are on one side only."""
    assert isinstance(limit.value, Num)
    return 1 if limit.always.low == limit.value.value else -1 if limit.always.high == limit.value.value else side


__all__ = ["falsified", "neighbourhood"]
