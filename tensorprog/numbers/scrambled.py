"""Averages over standard normal points, for what nothing else can integrate: seeded scrambled Sobol points.

Independent scramblings of one sequence are independent unbiased estimates, so their spread gives a standard error
(Owen 1997); the error stated is five of them. It is an error of sampling and proves nothing. Each step doubles the
points, so that a run on a slower machine is the beginning of a run on a faster one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.numbers.budget import Budget, budget, spent
from tensorprog.numbers.estimate import STANDARD_ERRORS, UNKNOWN, Estimate, unknown
from tensorprog.numbers.progress import Progress

Array = NDArray[np.float64]

SCRAMBLINGS = 16
FIRST, LAST = 9, 20
"""Points of one scrambling after the first and the last step, as powers of two."""
BLOCK = 1 << 14
CANCELLING = 0.01
"""A mean that is smaller than this part of the mean of the absolute values is measured against that part."""
CONSTANT = "the sample saw one value only, and nothing is known of rarer ones"
MOST_DIMENSIONS = 21_201
"""What the table of direction numbers holds (Joe & Kuo 2008)."""


class Points:
    """One scrambling: standard normal points, the next ones at each call."""

    def __init__(self, dimension: int, stream: np.random.SeedSequence) -> None:
        from scipy.stats import qmc  # a second to import, and most numbers need none of it

        self._sobol = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(stream))

    def next(self, count: int) -> Array:
        """Return the next `count` points, an array (count, dimension)."""
        from scipy.special import ndtri

        # A point at 0 or 1 would be infinitely far out.
        uniform = np.clip(self._sobol.random(count), 2.0**-64, 1 - 2.0**-53)
        return np.asarray(ndtri(uniform))


def streams(seed: int, *key: int) -> list[np.random.SeedSequence]:
    """Return the seeds of the scramblings."""
    return np.random.SeedSequence([seed, *key]).spawn(SCRAMBLINGS)


def sample(f: Callable[[Array], Any], dimension: int, seed: int = 0, aim: Budget | None = None) -> Estimate:
    """E f(t) for `dimension` independent standard normals t; f maps points (count, dimension) to `count` values.

    Steps until five standard errors are within the tolerance, relatively, or the time of the search is used up; the
    note of the result says which. The first step is always made. No number where f is not finite at some point, or
    has one value at all points: their spread is then no error.

    >>> out = sample(lambda t: t.sum(axis=1) ** 2, 6)
    >>> out.error_kind, abs(out.value - 6) <= out.error <= 6e-3
    ('sampling', True)
    """
    if dimension > MOST_DIMENSIONS:
        return unknown(f"more than {MOST_DIMENSIONS} dimensions")
    goal = (aim or budget()).aim
    scramblings = [Points(dimension, s) for s in streams(seed, dimension)]
    sums, sizes = np.zeros(SCRAMBLINGS), np.zeros(SCRAMBLINGS)
    done, out, seen, constant = 0, UNKNOWN, (math.inf, -math.inf), False
    progress = Progress.of(LAST - FIRST + 1, budget().progress, unit="steps of sampling")
    try:
        for step, power in enumerate(range(FIRST, LAST + 1), 1):
            while done < 1 << power:
                count = min(BLOCK, (1 << power) - done)
                for k, points in enumerate(scramblings):
                    with np.errstate(all="ignore"):
                        values = np.broadcast_to(np.asarray(f(points.next(count)), dtype=float), (count,))
                    if not np.isfinite(values).all():
                        return unknown("the function is not finite at a point of the sample")
                    sums[k] += values.sum()
                    sizes[k] += np.abs(values).sum()
                    seen = min(seen[0], float(values.min())), max(seen[1], float(values.max()))
                done += count
            progress.add(1)
            out, settled = _summary(sums / done, float(sizes.mean() / done), goal, step, done)
            constant = seen[0] == seen[1]  # which says nothing of rare values
            if (settled and not constant) or spent():
                break
    finally:
        progress.close()
    return unknown(CONSTANT) if constant else out


def _summary(means: Array, size: float, goal: float, step: int, done: int) -> tuple[Estimate, bool]:
    """Return the estimate after some steps, and whether it is good enough."""
    value = float(means.mean())
    spread = float(means.std(ddof=1)) / math.sqrt(len(means))
    error = STANDARD_ERRORS * spread + 1e-14 * size
    settled = error <= goal * max(abs(value), CANCELLING * size)
    why = "the tolerance" if settled else "the last step" if done == 1 << LAST else "the time"
    note = f"{SCRAMBLINGS} x {done} points, {step} steps; stopped by {why}"
    return Estimate(value, error, "sampling", "sampling", note), settled
