"""The argument of a function, as a function of Gaussian variables: affine, polynomial, or only known by its zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flint import acb, arb

from tensorprog.functions.evaluate.ball_function import Complex, Values, ball_function, name_of
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.budget import spent
from tensorprog.terms import App, Num, Term, Var

MOST_PLACES = 3_000
MOST_BOXES = 20_000
SHARE = 0.4
"""Of the time for a number, what may have passed before the search for zeros is given up."""
_WIDTH = 2.0**-52


def constant(t: Term, values: Values) -> float | None:
    """The number a term without variables stands for, else None."""
    if any(name_of(v) not in values for v in variables(t)):
        return None
    ball = ball_function(t, [], values)([], False)
    number = float(ball.real.mid())
    return number if math.isfinite(number) else None


def affine(t: Term, names: Sequence[str], values: Values) -> tuple[tuple[float, ...], float] | None:
    """(a, c) with t = a·z + c in the variables `names`, if t is so written.

    >>> affine(App("add", (Var("x"), Num(2))), ["x", "y"], {})
    ((1.0, 0.0), 2.0)
    """
    zero = (0.0,) * len(names)
    match t:
        case Var() if name_of(t) in names:
            return tuple(float(n == name_of(t)) for n in names), 0.0
        case App("add", args):
            normal, offset = zero, 0.0
            for a in args:
                part = affine(a, names, values)
                if part is None:
                    return None
                normal, offset = tuple(p + q for p, q in zip(normal, part[0], strict=True)), offset + part[1]
            return normal, offset
        case App("neg", (a,)):
            part = affine(a, names, values)
            return part and (tuple(-p for p in part[0]), -part[1])
        case App("mul", args):
            linear: tuple[tuple[float, ...], float] = (zero, 1.0)
            for a in args:
                part = affine(a, names, values)
                if part is None or (any(part[0]) and any(linear[0])):
                    return None
                lead, by = (part, linear[1]) if any(part[0]) else (linear, part[1])
                linear = (tuple(by * p for p in lead[0]), by * lead[1])
            return linear
        case App("pow", (a, Num(p))) if p == 1:
            return affine(a, names, values)
        case _:
            number = None if any(name_of(v) in names for v in variables(t)) else constant(t, values)
            return None if number is None else (zero, number)


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
            # A box around 0 shrinks on a logarithmic scale, so that tiny zeros keep their relative accuracy.
            cut = 0.0 if a < 0 < b else middle
            stack += [(cut, b), (a, cut)]
            if a == 0.0 or b == 0.0:
                stack[-2:] = (
                    [(a, a + (b - a) * 2.0**-8), (a + (b - a) * 2.0**-8, b)]
                    if a == 0.0
                    else [
                        (a, b - (b - a) * 2.0**-8),
                        (b - (b - a) * 2.0**-8, b),
                    ]
                )
    return [_short(f, x) for x in _merge(found)], len(found) < MOST_PLACES


def _short(f: Complex, x: float) -> float:
    """A short decimal beside x where the function is as small: the zero itself, for what people write."""
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
    """Coefficients of a polynomial in one variable, lowest first, if t is so written (degree at most 40)."""
    match t:
        case Var() if name_of(t) == name:
            return [0.0, 1.0]
        case App("add", args):
            parts = [polynomial(a, name, values) for a in args]
            known = [p for p in parts if p is not None]
            if len(known) < len(parts):
                return None
            return [sum(p[k] for p in known if k < len(p)) for k in range(max(map(len, known)))]
        case App("neg", (a,)):
            part = polynomial(a, name, values)
            return None if part is None else [-c for c in part]
        case App("mul", args):
            return _product([polynomial(a, name, values) for a in args])
        case App("pow", (a, Num(p))) if p.denominator == 1 and 0 <= p <= 40:
            return _product([polynomial(a, name, values)] * int(p))
        case _:
            number = None if name in {name_of(v) for v in variables(t)} else constant(t, values)
            return None if number is None else [number]


def _product(parts: Sequence[list[float] | None]) -> list[float] | None:
    out = [1.0]
    for p in parts:
        if p is None or len(out) + len(p) > 42:
            return None
        new = [0.0] * (len(out) + len(p) - 1)
        for i, x in enumerate(out):
            for j, y in enumerate(p):
                new[i + j] += x * y
        out = new
    return out
