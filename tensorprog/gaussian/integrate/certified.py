"""Proved enclosures of expectations: reduce to few variables, then cells of the line or plane, or a grid in more.

Constants are put in, factors with independent variables multiply, summands with few variables add, and variables that
only occur in few linear combinations are replaced by those. One and two dimensions: `adaptive`, for any function of the
language. More: `grid`, for bounded analytic ones. The mean of a bounded function
lies within its range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tensorprog.functions.evaluate.ball_function import Ball, ball_function, exact
from tensorprog.functions.evaluate.directions import Posed, fewest, spread
from tensorprog.gaussian.behaviour.divergence import refuse, undefined, undefined_at
from tensorprog.gaussian.behaviour.domains import defined
from tensorprog.gaussian.behaviour.sizes import Size
from tensorprog.gaussian.cells.adaptive import bounded
from tensorprog.gaussian.integrate import lengths
from tensorprog.gaussian.integrate.lengths import ratio
from tensorprog.gaussian.problem.covariance import pivoted
from tensorprog.gaussian.problem.factors import independent_factors, needed, posed
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.interval import Interval
from tensorprog.numbers.precision import precision
from tensorprog.terms import App, Term, Var


def enclose(
    term: Term,
    variables: Sequence[Var],
    cov: Sequence[Sequence[Any]],
    mean: Sequence[Any] | None = None,
    values: Any = None,
    tolerance: float = 1e-11,
) -> tuple[float, float] | None:
    """(low, high) with low <= E F(Z) <= high, proved; None where no proof is found.

    Aims at an error of `tolerance` times E|F|, and gives the bound that it reached when its work is used up.

    >>> from tensorprog.terms import read
    >>> low, high = enclose(read("relu(z)^2"), [Var("z")], [[1]])
    >>> low <= 0.5 <= high, high - low < 1e-10
    (True, True)
    """
    found = _enclose(posed(term, variables, cov, mean, values), tolerance)
    return found if found is not None and all(map(math.isfinite, found)) else None


Ends = tuple[float, float]


def is_small(term: Term, variables: Sequence[Var], cov: Sequence[Sequence[Fraction]], mean: Sequence[Fraction]) -> bool:
    """Return whether the term reads at most two linear combinations, so that a bound is what the cells reach."""
    return len(pivoted(fewest(posed(term, variables, cov, mean, None)).cov)[0]) <= 2


def _enclose(p: Posed, tolerance: float) -> Ends | None:
    """Return both ends, rounded outward."""
    p = needed(p)
    if not p.names:
        return _point(p.term)
    groups = independent_factors(p)
    if len(groups) > 1:
        parts = [_enclose(Posed(g, p.names, p.cov, p.mean), tolerance / len(groups)) for g in groups]
        return _product(parts)
    if (found := _over_length(p)) is not None:
        return found
    fewer = fewest(p)
    if fewer is not p:
        return _enclose(fewer, tolerance)
    size = Size(p.names, ((-math.inf, math.inf),) * len(p.names))
    total = defined(p.term, size)
    if not total:
        refuse(p)
        if not defined(p.term, size, almost=True):
            return None
    if len(pivoted(p.cov)[0]) > 2:
        return _in_many(p, tolerance)
    found = _in_few(p, tolerance)
    return _within(size.range(p.term), found) if total else found


def _over_length(p: Posed) -> Ends | None:
    """Return a function over the length of three or more centred variables, where it is one."""
    if len(p.names) < 3 or any(p.mean) or (r := ratio(p.term, p.names)) is None:
        return None
    ball = lengths.enclosed(r, p.names, [[exact(x) for x in row] for row in p.cov])
    return None if ball is None else (_down(ball.lower()), -_down(-ball.upper()))


def _point(term: Term) -> Ends:
    with precision(80):
        ball = ball_function(term, [])([], False)
        if not ball.is_finite():
            if undefined_at(term):
                raise undefined()
            return -math.inf, math.inf
        return _down(ball.real.lower()), -_down(-ball.real.upper())


def _down(x: Ball) -> float:
    """Return the greatest float that is surely not above x."""
    y = float(x.mid())
    return y if exact(y) <= x else math.nextafter(y, -math.inf)


def _product(parts: Sequence[Ends | None]) -> Ends | None:
    if any(p == (0.0, 0.0) for p in parts) and None not in parts:
        return 0.0, 0.0
    low, high = 1.0, 1.0
    for p in parts:
        if p is None:
            return None
        corners = [x * y for x in (low, high) for y in p]
        low, high = math.nextafter(min(corners), -math.inf), math.nextafter(max(corners), math.inf)
    return low, high


def _in_few(p: Posed, tolerance: float) -> Ends | None:
    q = spread(p)
    if not q.names:
        return _point(q.term)
    made = bounded(q.term, q.names, q.cov, q.mean, tolerance)
    if made is None:
        refuse(p)
        return None
    return _ends(made)


def _ends(made: Estimate) -> Ends:
    if made.error == 0:
        return made.value, made.value
    return (
        math.nextafter(made.value - made.error, -math.inf),
        math.nextafter(made.value + made.error, math.inf),
    )


def _in_many(p: Posed, tolerance: float) -> Ends | None:
    """Integrate a sum summand by summand where each has few variables; else the grid."""
    from tensorprog.gaussian.integrate.grid import grid

    with precision(160):
        ball = grid(p.term, p.names, [[exact(x) for x in row] for row in p.cov], [exact(x) for x in p.mean])
    if ball is not None and ball.is_finite():
        return _down(ball.lower()), -_down(-ball.upper())
    match p.term:
        case App("add", args) if all(len(variables(a)) < len(p.names) for a in args):
            low = high = 0.0
            for a in args:
                part = _enclose(Posed(a, p.names, p.cov, p.mean), tolerance / len(args))
                if part is None:
                    return None
                low, high = math.nextafter(low + part[0], -math.inf), math.nextafter(high + part[1], math.inf)
            return low, high
    return None


def _within(r: Interval, found: Ends | None) -> Ends | None:
    """The mean of a function that is defined everywhere lies between its least and its greatest value."""
    low, high = found if found is not None else (-math.inf, math.inf)
    if r.low is not None:
        low = max(low, math.nextafter(float(r.low), -math.inf) if Fraction(float(r.low)) > r.low else float(r.low))
    if r.high is not None:
        high = min(high, math.nextafter(float(r.high), math.inf) if Fraction(float(r.high)) < r.high else float(r.high))
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None
