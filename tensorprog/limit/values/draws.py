"""Expectations without closed form at many covariances at once: one for each draw of the scores.

The trapezoid rule on one grid does all draws together, with the accuracy it has for analytic functions; of more than
three variables, one set of random points does.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from tensorprog.limit.members.averaging import Array, Group, grid, scrambled
from tensorprog.numbers.roots import roots_of

STEPS = (0.5, 0.25, 0.125)
REACH, FARTHER = 6.5, 7.5
AGREE = 1e-6
TRIED = 8
MOST_ON_GRID = 3
POINTS = 9
"""Points, as a power of two, that average over more than MOST_ON_GRID variables."""
CHUNK = 1_000_000


def over_draws(
    f: Callable[..., Array], cov: Array, mean: Array, constants: Sequence[Array], smooth: bool
) -> Array | None:
    """E[f(z, c)] for z ~ N(mean[n], cov[n]) and c = constants[:, n], for each n; None where the grid does not settle.

    The coarsest step is taken that half of it confirms on the draws with the largest variances, and farther out: so
    that what grows too fast to have a mean does not settle.

    >>> cov = np.array([[[1.0]], [[4.0]]])
    >>> found = over_draws(lambda z, c: c * np.cos(z), cov, np.zeros((2, 1)), [np.array([1.0, 2.0])], True)
    >>> bool(np.abs(found - np.array([np.exp(-0.5), 2 * np.exp(-2)])).max() < 1e-6)
    True
    """
    size = cov.shape[1]
    if size > MOST_ON_GRID:
        # New points for each set of draws: what they err shows in the spread over the sets.
        return _averaged(f, cov, mean, constants, scrambled(size, POINTS, zlib.crc32(cov.tobytes())).groups[0])
    if not smooth:
        return None
    widest = np.argsort(np.einsum("nii->n", cov))[-TRIED:]
    few = cov[widest], mean[widest], [c[widest] for c in constants]
    scale = _averaged(lambda *x: np.abs(f(*x)), *few, grid(size, STEPS[0], FARTHER)).max(initial=0.0)
    for step in STEPS:
        coarse, fine = (_averaged(f, *few, grid(size, h, r)) for h, r in ((step, REACH), (step / 2, FARTHER)))
        if np.all(np.abs(fine - coarse) <= AGREE * scale):
            return _averaged(f, cov, mean, constants, grid(size, step, REACH))
    return None


def _averaged(f: Callable[..., Array], cov: Array, mean: Array, constants: Sequence[Array], group: Group) -> Array:
    root, points, weights = roots_of(cov), group.points, group.weights
    out = np.empty(len(cov))
    few = max(1, CHUNK // len(weights))
    for start in range(0, len(cov), few):
        rows = slice(start, start + few)
        z = np.einsum("nij,pj->inp", root[rows], points) + mean[rows].T[:, :, None]
        values = f(*z, *(c[rows, None] for c in constants))
        out[rows] = np.broadcast_to(values, z.shape[1:]) @ weights
    return out
