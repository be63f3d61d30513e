"""Functions of vectors and scalars near the limits of the scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from tensorprog.functions.facts import Facts
from tensorprog.functions.interval import Interval
from tensorprog.functions.judge import judge
from tensorprog.terms import Num, Term, Var
from tensorprog.terms.term import add, call, neg, transform, variables

POINTS = (Fraction(1), Fraction(-1), Fraction(2), Fraction(1, 2))
_SMALLEST, _LARGEST = "_smallest", "_largest"


def _at(t: Term, theta: Fraction, x: Fraction, zero: set[str]) -> Term:
    return transform(t, lambda v: Num(theta if v.name in zero else x) if isinstance(v, Var) else None)


def jumps_at_zero(t: Term, zero: set[str], variables_of: set[str]) -> bool:
    """Does the term, at some point x, stay away from its value at theta = 0 for theta = 2^-10, 2^-20, 2^-40?

    A falsifier for functions already known to be discontinuous: it tells a jump at the limit from one elsewhere.
    """
    from tensorprog.functions.balls import Undecided, Undefined, evaluate, lower

    if any(v.name not in variables_of for v in variables(t)):
        return False
    for x in POINTS:
        try:
            points = [Fraction(0), *(Fraction(1, 2**k) for k in (10, 20, 40))]
            values = [_at(t, theta, x, zero) for theta in points]
            gaps = [lower(evaluate(call("abs", add(v, neg(values[0]))), {})) for v in values[1:]]
        except (Undefined, Undecided):
            continue
        if all(g is not None and g > Fraction(1, 32) for g in gaps):
            return True
    return False


def near_limits(
    t: Term, vectors: Sequence[str], limits: Mapping[str, Interval], assumptions: Mapping[str, Interval]
) -> Facts:
    """Facts of phi(x; theta), jointly in x and theta, for theta near its limit.

    A limit known to be positive lies in some [s, M] with s > 0, a nonnegative one in [0, M] (a moment of a nonnegative
    function is never negative, at any n), any other in [-M, M]. Near the limit phi(x; theta) equals
    phi(x; clamp(theta)), which is judged on the whole space, for all s > 0 and M > 0.
    """
    low, high = Var(_SMALLEST), Var(_LARGEST)

    def clamp(v: Term) -> Term | None:
        if not isinstance(v, Var) or v.name not in limits:
            return None
        known = limits[v.name]
        below = call("min", v, high)
        if known.positive:
            return add(low, call("relu", add(below, neg(low))))
        if known.point == 0:
            return call("max", neg(high), below)
        return call("relu", below) if known.nonnegative else call("max", neg(high), below)

    positive = Interval(Fraction(0), None)
    inside = {**assumptions, _SMALLEST: positive, _LARGEST: positive}
    return judge(transform(t, clamp), [*vectors, *limits], inside, extremes=False)
