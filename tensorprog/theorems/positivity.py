"""Signs of constants, functions that are not identically zero, and regularity near the limits of scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from tensorprog.functions.facts import Fact, Facts
from tensorprog.functions.interval import Interval
from tensorprog.functions.judge import judge
from tensorprog.functions.rules import Rules
from tensorprog.terms import Num, Term, Var, to_text
from tensorprog.terms.term import add, call, neg, transform, variables

POINTS = tuple(
    Fraction(*p) for p in ((1, 1), (-1, 1), (2, 1), (-2, 1), (1, 2), (-1, 2), (3, 1), (-3, 1), (1, 4), (7, 1), (0, 1))
)
_SMALLEST, _LARGEST = "_smallest", "_largest"


def sign_of(
    t: Term, assumptions: Mapping[str, Interval]
) -> Literal["positive", "nonnegative", "zero", "nonzero", "real"]:
    """The sign of a constant term, for all admissible params.

    >>> from tensorprog.terms import read
    >>> sign_of(read("sigma^2/4"), {}), sign_of(read("3/10"), {})
    ('nonnegative', 'positive')
    """
    info = Rules(frozenset(), assumptions, None).info(t)
    if not info.total:
        return "real"
    if info.range.positive:
        return "positive"
    if info.range.point == 0:
        return "zero"
    if info.range.nonnegative:
        return "nonnegative"
    return "nonzero" if info.range.negative else "real"


def nonzero_somewhere(t: Term, variable: str, assumptions: Mapping[str, Interval]) -> Fact:
    """Is there, for every admissible param, a value of the variable where the term is not 0?

    Proved by a rational point where the enclosure of the term leaves out 0; never refuted here.
    """
    for x in POINTS:
        at = transform(t, lambda v, x=x: Num(x) if isinstance(v, Var) and v.name == variable else None)  # type: ignore[misc]
        if sign_of(at, assumptions) in ("positive", "nonzero") or _sign_of_number(at):
            return Fact("proved", f"{to_text(t)} is not 0 at {variable} = {x}")
    return Fact("unknown", "no point was found where it is not 0")


def _sign_of_number(t: Term) -> int:
    """The sign of a term without names, by rigorous ball arithmetic; 0 where it is not decided."""
    from tensorprog.functions.balls import Undecided, Undefined, evaluate, sign_at

    if variables(t):
        return 0
    try:
        return sign_at(evaluate(t, {})) or 0
    except (Undefined, Undecided):
        return 0


def _at(t: Term, theta: Fraction, x: Fraction, zero: set[str]) -> Term:
    return transform(t, lambda v: Num(theta if v.name in zero else x) if isinstance(v, Var) else None)


def jumps_at_zero(t: Term, zero: set[str], variables_of: set[str]) -> bool:
    """Does the term, at some point x, stay away from its value at theta = 0 for theta = 2^-10, 2^-20, 2^-40?

    A falsifier for functions already known to be discontinuous: it tells a jump at the limit from one elsewhere.
    """
    from tensorprog.functions.balls import Undecided, Undefined, evaluate, lower

    if any(v.name not in variables_of for v in variables(t)):
        return False
    for x in POINTS[:4]:
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
    return judge(transform(t, clamp), [*vectors, *limits], inside)


__all__ = ["near_limits", "nonzero_somewhere", "sign_of"]
