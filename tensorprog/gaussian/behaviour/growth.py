"""How far out one must integrate, and whether E F seems to exist: F against the Gaussian density along rays.

On the ray r u the integrand's logarithm is g(r) = log|F(m + r L u)| - r^2/2. What is seen here proves nothing: it says
whether quadrature is worth trying. That a moment does not exist is proved in `divergence`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
from flint import acb, arb
from numpy.typing import NDArray

from tensorprog.functions.evaluate.ball_function import Complex
from tensorprog.gaussian.behaviour.kinks import Plane

Array = NDArray[np.float64]
FAR = (2e3, 2.3e3, 2.9e3), (2e6, 2.3e6, 2.9e6)
EARLY = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SHRINKS = -400.0, -1e4
"""The logarithm at the two far radii below which the integrand certainly shrinks."""
WIDEST = 60.0


@dataclass(frozen=True, slots=True)
class Reach:
    """The radius beyond which the integrand is negligible, a bound on what is left out, and whether to trust it."""

    radius: float
    tail: float
    sure: bool


def directions(d: int) -> Array:
    """Axes, diagonals, and a few fixed directions in between, both ways."""
    rows = [np.eye(d)[i] for i in range(d)]
    rows += [np.eye(d)[i] + s * np.eye(d)[j] for i, j in combinations(range(d), 2) for s in (1, -1)]
    if 2 < d <= 4:
        rows += [np.array(s) for s in product((1.0, -1.0), repeat=d)]
    if d > 1:
        angle = np.arange(1, 13)
        rows += list(np.sin(np.outer(angle, np.sqrt(np.arange(2, 2 + d)) * 7)))
    out = np.array(rows, dtype=float)
    out = out / np.linalg.norm(out, axis=1, keepdims=True)
    return np.concatenate([out, -out])


def _log_size(f: Complex, z: Sequence[float]) -> float:
    """log|F(z)| by ball arithmetic, which does not overflow; NaN where F is undefined."""
    ball = f([acb(arb(x)) for x in z], False)
    if not ball.is_finite():
        return math.nan
    size = abs(ball).upper()
    return float(size.log().mid()) if size > 0 else -math.inf


def _far(f: Complex, m: Array, L: Array, u: Array, radii: Sequence[float]) -> float:
    logs = [_log_size(f, list(m + r * (L @ u))) - r * r / 2 for r in radii]
    known = [x for x in logs if not math.isnan(x)]
    return max(known) if known else math.nan


def steepest(f: Complex, m: Array, L: Array, d: int) -> list[Array]:
    """The direction in which log|F|/r^2, taken as a quadratic form, is largest: between the axes for exp(z1 z2)."""
    r = 2e3

    def height(u: Array) -> float:
        found = [_log_size(f, list(m + s * r * (L @ u))) / (r * r) for s in (1, -1)]
        known = [x for x in found if math.isfinite(x)]
        return max(known) if known else 0.0

    H = np.zeros((d, d))
    for i in range(d):
        H[i, i] = height(np.eye(d)[i])
    for i, j in combinations(range(d), 2):
        plus, minus = (height((np.eye(d)[i] + s * np.eye(d)[j]) / math.sqrt(2)) for s in (1, -1))
        H[i, j] = H[j, i] = (plus - minus) / 2
    top = np.linalg.eigh(H)[1][:, -1]
    return [top, -top]


def shrinks(f: Complex, m: Array, L: Array) -> bool:
    """Return whether the integrand, as far as one sees along rays, shrinks fast enough to be integrated over a box."""
    d = L.shape[1]
    for u in list(directions(d)) + (steepest(f, m, L, d) if d > 1 else []):
        near = _far(f, m, L, u, FAR[0])
        if math.isnan(near):
            # F is undefined on this ray, or grows beyond every exponent: then it does so early.
            steps = [_far(f, m, L, u, (r,)) for r in EARLY]
            if any(x > y > 0 for x, y in pairwise(reversed([x for x in steps if not math.isnan(x)]))):
                return False
            continue
        if near < SHRINKS[0]:
            continue
        far = _far(f, m, L, u, FAR[1])
        if not (math.isnan(far) or far < SHRINKS[1]):
            return False
    return True


def poles_vanish(f: Callable[..., Any], planes: Sequence[Plane], d: int) -> bool:
    """Return whether |F| times the distance to each special plane, as far as one sees, vanishes there."""
    rng = np.random.default_rng(7)
    for p in planes:
        if p.kind not in {"pole", "singular"}:
            continue
        normal = np.array(p.normal)
        size = float(np.linalg.norm(normal))
        on = rng.standard_normal((5, d))
        on += np.outer(p.offset - on @ normal, normal) / size**2
        unit = max(1.0, abs(p.offset) / size)
        for side in (1.0, -1.0):
            near = []
            for distance in (1e-4, 1e-6, 1e-8):
                z = on + side * distance * unit * normal / size
                with np.errstate(all="ignore"):
                    near.append(np.abs(np.broadcast_to(f(*z.T), (5,))) * distance)
            first, middle, last = near
            with np.errstate(all="ignore"):
                stuck = np.isinf(last) | ((last > 0.5 * middle) & (middle > 0.5 * first) & (last > 0))
            if bool(np.any(stuck)):
                return False
    return True


def reach(f: Callable[..., Any], ball: Complex, m: Array, L: Array, tolerance: float) -> Reach:
    """How far to integrate f(t) = F(m + L t), t standard normal: scanned along the rays until it is negligible."""
    d = L.shape[1]
    negligible = 14.0 - math.log(max(tolerance, 1e-13))
    rays = directions(d)
    radii = np.arange(0.25, WIDEST, 0.25)
    t = rays[:, None, :] * radii[None, :, None]
    with np.errstate(all="ignore"):
        size = np.abs(np.broadcast_to(f(*np.moveaxis(t, -1, 0)), t.shape[:-1]))
        logs = np.log(np.where(np.isnan(size), 0.0, size))
    for i, k in zip(*np.nonzero(np.isinf(size)), strict=True):
        # What overflows is looked at in ball arithmetic, at every second radius.
        sparse = k - k % 2
        logs[i, k] = (
            _log_size(ball, list(m + L @ t[i, sparse]))
            if k == sparse or np.isfinite(size[i, sparse])
            else logs[i, sparse]
        )
    g = np.where(np.isnan(logs), -np.inf, logs) - radii**2 / 2
    profile = np.max(g, axis=0)
    top = float(np.max(np.where(np.isfinite(profile), profile, -np.inf)))
    if not math.isfinite(top):
        top = 0.0
    weight = profile + d * np.log(np.maximum(radii, 1.0))
    over = np.nonzero(weight > top - negligible)[0]
    last = int(over[-1]) + 1 if len(over) else 0
    radius = float(max(radii[min(last, len(radii) - 1)], math.sqrt(2 * negligible)))
    at = min(int(np.searchsorted(radii, radius)), len(radii) - 1)
    left = float(np.max(weight[at:], initial=-np.inf))
    return Reach(radius, 8.0 * d * radius * math.exp(min(left, 700.0)), last < len(radii))
