"""The paper's picture of convergence: the KL divergence between density estimates, with an error bar over repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
GRID = 512


@dataclass(frozen=True, slots=True)
class Divergence:
    """Mean and standard error over repeats."""

    value: float
    standard_error: float
    repeats: int


def density(x: Array, grid: Array, bandwidth: float) -> Array:
    """A Gaussian kernel estimate on an evenly spaced grid: the draws are binned, then smoothed by a convolution.

    A draw between two grid points is shared by them linearly, which is exact to second order in the spacing.
    """
    step = grid[1] - grid[0]
    at = (x - grid[0]) / step
    inside = (at >= 0) & (at < len(grid) - 1)
    left = at[inside].astype(int)
    part = at[inside] - left
    counts = np.bincount(left, 1.0 - part, len(grid)) + np.bincount(left + 1, part, len(grid))
    reach = int(np.ceil(6.0 * bandwidth / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / bandwidth) ** 2)
    kernel /= kernel.sum() * step
    smooth = np.convolve(counts, kernel)[reach : reach + len(grid)]
    return np.asarray(smooth / len(x))


def divergence(x: Array, y: Array, repeats: int = 10) -> Divergence:
    """KL(p || q) = sum p log(p/q) step, p and q estimated from `repeats` disjoint parts of the draws x and y.

    Both estimates share a grid and a bandwidth (Scott's rule for all of y), so that smoothing makes no difference.
    """
    spread = float(np.std(y))
    size = min(len(x), len(y)) // repeats
    bandwidth = spread * size**-0.2
    low, high = (float(f([f(x), f(y)])) for f in (np.min, np.max))
    grid = np.linspace(low - 3 * bandwidth, high + 3 * bandwidth, max(GRID, int(8 * (high - low) / bandwidth)))
    step = grid[1] - grid[0]
    values = []
    for k in range(repeats):
        p = density(x[k * size : (k + 1) * size], grid, bandwidth)
        q = density(y[k * size : (k + 1) * size], grid, bandwidth)
        both = (p > 1e-12) & (q > 1e-12)
        values.append(float((p[both] * np.log(p[both] / q[both])).sum() * step))
    error = float(np.std(values, ddof=1) / np.sqrt(repeats)) if repeats > 1 else float("inf")
    return Divergence(float(np.mean(values)), error, repeats)
