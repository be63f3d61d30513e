"""Randomised quasi-Monte Carlo, for more dimensions than quadrature can do: scrambled Sobol points, seeded.

Independent scramblings are independent unbiased estimates, so their spread gives a standard error; the stated error
is five of them. It is an error of sampling, not a bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special, stats

from tensorprog.numbers.estimate import UNKNOWN, Estimate

SCRAMBLINGS = 16
SMALLEST, LARGEST = 10, 16
"""Points of one scrambling, as powers of two."""


def sample(f: Callable[..., Any], dimension: int, tolerance: float, seed: int = 0) -> Estimate:
    """E f(t) for `dimension` independent standard normals t, doubling the points until five standard errors fit.

    >>> out = sample(lambda *t: sum(t) ** 2, 6, 1e-2, seed=1)
    >>> out.method, abs(out.value - 6) <= out.error
    ('sampling', True)
    """
    best = UNKNOWN
    for power in range(SMALLEST, LARGEST + 1, 2):
        means = []
        for stream in np.random.SeedSequence([seed, power]).spawn(SCRAMBLINGS):
            sobol = stats.qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(stream))
            # A point at 0 or 1 would be infinitely far out; the scrambled points are multiples of 2^-64 at least.
            u = np.clip(sobol.random_base2(power), 2.0**-64, 1 - 2.0**-53)
            with np.errstate(all="ignore"):
                means.append(float(np.mean(f(*special.ndtri(u).T))))
        if not all(map(math.isfinite, means)):
            return UNKNOWN
        spread = float(np.std(means, ddof=1)) / math.sqrt(SCRAMBLINGS)
        best = Estimate(float(np.mean(means)), 5 * spread + 1e-15 * abs(float(np.mean(means))), "sampling", "sampling")
        if best.error <= tolerance:
            break
    return best
