"""The trapezoid rule for functions analytic in a strip, with its bound.

If F(t) e^{-t^2/2}/√(2π) is analytic for |Im t| < a and M bounds ∫ |F(t ± ia)| |density| dt, then the trapezoid rule
of step h errs by at most 2M/(e^{2πa/h} - 1) (Trefethen & Weideman 2014, Theorem 5.1); in several variables the
bounds of the variables add up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.functions.evaluate.systems import evaluate
from tensorprog.functions.named.library import library
from tensorprog.functions.named.numpy_forms import COMPLEX
from tensorprog.gaussian.behaviour.arguments import affine, polynomial
from tensorprog.kernel.ground.term import variables, walk
from tensorprog.numbers.scrambled import Points
from tensorprog.numbers.trapezoid import Axis, step_for
from tensorprog.terms import App, Num, Term, Var

Array = NDArray[Any]
SAFETY = 8.0
NARROWEST = 0.25


@dataclass(frozen=True, slots=True)
class Wall:
    """The function is analytic while |normal · Im z| < width."""

    normal: tuple[float, ...]
    width: float


def walls(term: Term, names: Sequence[str]) -> tuple[Wall, ...] | None:
    """Return what bounds the strip in which the term is analytic; None if it is not known to be analytic in any."""
    out: list[Wall] = []
    for t in walk(term):
        match t:
            case Num() | Var() | App("pi" | "add" | "mul" | "neg"):
                continue
            case App("pow", (_, Num(p))) if p.denominator == 1 and p >= 0:
                continue
            case App("recip" | "sqrt" | "log" | "pow", (u, *_)):
                found = _around_roots(u, names)
                if found is None:
                    return None
                out += found
            case App(head, args) if head in library() and (record := library()[head]).analytic != "entire":
                line = affine(args[0], names, {}) if record.strip is not None else None
                if record.strip is not None and line is not None:
                    out.append(Wall(line[0], record.strip))
                    continue
                body = record.expand(args) if record.strip is None else None
                opened = None if body is None else walls(body, names)
                if opened is None:
                    return None
                out += opened
            case App(head) if head in library():
                continue
            case _:
                return None
    return tuple(out)


def _around_roots(u: Term, names: Sequence[str]) -> list[Wall] | None:
    """1/u, √u, log u, u^p are analytic between the real line and the nearest zeros of a polynomial u > 0."""
    used = [n for n in names if Var(n) in variables(u)]
    if not used:
        return []
    coefficients = polynomial(u, used[0], {}) if len(used) == 1 else None
    if coefficients is None or coefficients[0] <= 0:
        return None
    if len(coefficients) < 3:
        return None if len(coefficients) == 2 else []
    distance = float(np.min(np.abs(np.imag(np.roots(coefficients[::-1])))))
    # Beside the line u may cross the cut of the root or the log (u = 1 + z^4): half the way is safe for quadratics.
    return [Wall(tuple(float(n == used[0]) for n in names), distance)] if len(coefficients) == 3 else None


def _weighted_points(d: int, step: float, radius: float) -> tuple[list[Array], Array | float]:
    """Return points that see the Gaussian: a grid in one or two dimensions, a low-discrepancy sequence in more."""
    if d <= 2:
        axes = list(np.meshgrid(*[Axis.within(step, radius).points] * d, indexing="ij"))
        return axes, np.exp(-0.5 * sum(t * t for t in axes)) * (step / math.sqrt(2 * math.pi)) ** d
    return list(Points(d, np.random.SeedSequence(3)).next(1 << 14).T), 2.0**-14


def plan(
    term: Term, names: Sequence[str], mean: Array, L: Array, radius: float, goal: float
) -> tuple[list[float], list[tuple[float, float]]] | None:
    """For each variable a step h with which the error is at most `goal`, and the (a, M) that its bound uses.

    None where the strip is too narrow for the trapezoid rule to be the better one, or M is not finite.
    """
    found = walls(term, names)
    d = L.shape[1]
    if found is None:
        return None
    widest = [
        min((w.width / abs(s) for w in found if (s := float(np.dot(w.normal, L[:, k])))), default=math.inf)
        for k in range(d)
    ]
    if min(widest) < NARROWEST:
        return None
    axes, density = _weighted_points(d, min(0.5, *(0.25 * w for w in widest)), radius)
    steps, bounds = [], []
    for k in range(d):
        choices = [0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0] if math.isinf(widest[k]) else []
        choices += [c * widest[k] for c in (0.5, 0.75) if math.isfinite(widest[k]) and c * widest[k] < 12]
        best: tuple[float, float, float] | None = None
        for a in choices:
            shifted = [t + 1j * a if j == k else t for j, t in enumerate(axes)]
            z = {n: mean[i] + sum(L[i, j] * shifted[j] for j in range(d)) for i, n in enumerate(names)}
            with np.errstate(all="ignore"):
                bound = SAFETY * math.exp(a * a / 2) * float(np.sum(np.abs(evaluate(term, z, COMPLEX)) * density))
            if not math.isfinite(bound) or bound > 1e280 * goal:  # no step is small enough
                continue
            h = step_for(a, d * bound, goal)
            if best is None or h > best[0]:
                best = h, a, bound
        if best is None:
            return None
        steps.append(min(best[0], 0.6))
        bounds.append(best[1:])
    return steps, bounds


def trapezoid(f: Callable[..., Any], steps: Sequence[float], radius: float, offset: float = 0.0) -> tuple[float, float]:
    """Σ wF and Σ w|F| on the grid (k + offset) h inside the ball."""
    grids = [Axis.within(h, radius).points + offset * h for h in steps]
    value = absolute = 0.0
    rest = grids[1:]
    block = max(1, 500_000 // math.prod(map(len, rest)))
    for start in range(0, len(grids[0]), block):
        axes = np.meshgrid(grids[0][start : start + block], *rest, indexing="ij")
        square = np.asarray(sum(t * t for t in axes))
        inside = square <= radius * radius
        t = [x[inside] for x in axes]
        scale = math.prod(steps) / (2 * math.pi) ** (len(steps) / 2)
        with np.errstate(all="ignore"):
            y = f(*t) * (np.exp(-0.5 * square[inside]) * scale)
        value += float(np.sum(y))
        absolute += float(np.sum(np.abs(y)))
    return value, absolute
