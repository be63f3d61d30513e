"""The argument of a function, as a function of Gaussian variables: affine, polynomial, or only known by its zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from flint import acb, arb

from tensorprog.functions.evaluate import expanded
from tensorprog.functions.evaluate.ball_function import Complex, Values, ball_function
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.budget import spent
from tensorprog.terms import App, Num, Term

MOST_PLACES = 3_000
MOST_BOXES = 20_000
SHARE = 0.4
"""Of the time for a number, what may have passed before the search for zeros is given up."""
_WIDTH = 2.0**-52


def constant(t: Term, values: Values) -> float | None:
    """Return the value of a term without variables; None of any other."""
    if any(name_of(v) not in values for v in variables(t)):
        return None
    ball = ball_function(t, [], values)([], False)
    number = float(ball.real.mid())
    return number if math.isfinite(number) else None


def affine(t: Term, names: Sequence[str], values: Values) -> tuple[tuple[float, ...], float] | None:
    """(a, c) with t = a·z + c in the variables `names`, if t is so written.

    >>> from tensorprog.terms import read
    >>> affine(read("x + 2"), ["x", "y"], {})
    ((1.0, 0.0), 2.0)
    """
    return expanded.affine(t, names, lambda u: constant(u, values), 0.0)


def roots(
    t: Term, name: str, values: Values, low: float, high: float, patient: bool = False
) -> tuple[list[float], bool]:
    """Every zero of a function of one variable in [low, high], to the last digits, and whether none can be missing.

    Bisection in ball arithmetic: an interval is dropped only when the function's enclosure on it excludes zero, and
    is not split further when the function vanishes on it identically. Close zeros are returned as one. A `patient`
    search is not cut by the clock.
    """
    f = ball_function(t, [name], values)
    found: list[tuple[float, float]] = []
    stack, boxes = [(low, high)], 0
    while stack:
        a, b = stack.pop()
        boxes += 1
        middle, radius = (a + b) / 2, (b - a) / 2 + _WIDTH * max(abs(a), abs(b))  # covers the rounding of the middle
        ball = f([acb(arb(middle, radius))], False)
        if ball.is_finite() and (not ball.real.contains(0) or ball.is_zero()):
            continue
        if b - a <= 4 * _WIDTH * max(abs(a), abs(b), 1e-290) or b - a < 1e-300:
            found.append((a, b))
        elif boxes > MOST_BOXES or (not patient and boxes % 16 == 0 and spent(SHARE)):
            return [_short(f, x) for x in _merge(found)], False
        else:
            # Beside 0 a box shrinks on a logarithmic scale, so that tiny zeros keep their relative accuracy.
            near = (b - a) * 2.0**-8
            cut = 0.0 if a < 0 < b else a + near if a == 0 else b - near if b == 0 else middle
            stack += [(cut, b), (a, cut)]
    return [_short(f, x) for x in _merge(found)], len(found) < MOST_PLACES


def _short(f: Complex, x: float) -> float:
    """Return a short decimal beside x where the function is as small: the zero itself, for what people write."""
    short = float(f"{x:.14g}")
    near, far = (abs(f([acb(arb(y))], False)) for y in (short, x))
    return short if near.mid() <= far.mid() else x


def _merge(found: list[tuple[float, float]]) -> list[float]:
    """Neighbouring tiny intervals as one place."""
    out: list[tuple[float, float]] = []
    for a, b in sorted(found):
        if out and a - out[-1][1] <= 64 * _WIDTH * max(abs(a), abs(b)):
            out[-1] = (out[-1][0], b)
        else:
            out.append((a, b))
    return [0.0 if a <= 0 <= b else (a + b) / 2 for a, b in out]


def polynomial(t: Term, name: str, values: Values) -> list[float] | None:
    """Return coefficients of a polynomial in one variable, lowest first, if t is so written (degree at most 40)."""
    found = expanded.expanded(t, [name], lambda u: constant(u, values), 40)
    if found is None:
        return None
    return [found.get((k,), 0.0) for k in range(max((k for (k,) in found), default=0) + 1)]


def vanishing(t: Term) -> Iterator[Term]:
    """Yield the terms at whose zeros t can vanish."""
    match t:
        case App("mul", args):
            for a in args:
                yield from vanishing(a)
        case App("neg" | "abs" | "sqrt", (a,)):
            yield from vanishing(a)
        case App("pow", (a, p)) if not isinstance(p, Num) or p.value > 0:
            yield from vanishing(a)
        case _:
            yield t
