"""Averages over standard normal points: a trapezoid rule in few dimensions, randomised quasi-Monte Carlo in many.

Each rule is a set of points in groups. For the trapezoid rule the groups are a fine grid and a coarser one, and the
error is read from their difference; for quasi-Monte Carlo they are independent scramblings, and the error is five
standard errors of their mean.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tensorprog.numbers.budget import spent, suffices
from tensorprog.numbers.estimate import STANDARD_ERRORS, UNKNOWN, Estimate, Method
from tensorprog.numbers.scrambled import Points, streams

Array = NDArray[np.float64]

MOST_GRID_DIMENSIONS = 4
MOST_GRID_POINTS = 400_000
REACH = {1: 10.0, 2: 9.0, 3: 8.5, 4: 7.5}
"""How far out the finest grid goes: the mass beyond is below 1e-10."""
NEARER = 0.15
"""How much nearer each coarser grid ends, so that what the finer one cuts off is less than their difference shows.

The mass beyond r falls as exp(-r^2/2): at these radii at least threefold between one grid and the next.
"""
ROUNDING = 1e-13
POWERS = range(9, 16)
"""Points of one scrambling in the sampled rules, as powers of two."""


@dataclass(frozen=True, slots=True)
class Group:
    """Points (count, dimension), made anew each time they are asked for, and weights that add up to 1."""

    make: Callable[[], Array]
    weights: Array

    @property
    def points(self) -> Array:
        return self.make()


@dataclass(frozen=True, slots=True)
class Rule:
    """Groups of points, each a separate average."""

    groups: tuple[Group, ...]
    method: Method

    def combine(self, averages: list[Array]) -> Estimate:
        """Return the value and its error from one average for each group."""
        if self.method == "closed-form":
            return Estimate(averages[0], ROUNDING * np.abs(averages[0]), "estimate", self.method)
        if self.method == "quadrature":
            fine, coarse = averages
            return Estimate(fine, np.abs(fine - coarse) + ROUNDING * (1 + np.abs(fine)), "estimate", self.method)
        stacked = np.stack(averages)
        mean = stacked.mean(axis=0)
        spread = stacked.std(axis=0, ddof=1) / math.sqrt(len(averages))
        return Estimate(mean, STANDARD_ERRORS * spread + ROUNDING * np.abs(mean), "sampling", self.method)


def nothing() -> Rule:
    """Return the rule without randomness: one point in no dimensions."""
    return Rule((Group(lambda: np.zeros((1, 0)), np.ones(1)),), "closed-form")


def grid(dimension: int, step: float, reach: float | None = None) -> Group:
    """Return the trapezoid rule on a ball: exponentially accurate for what is analytic in a strip.

    The error of the rule with step h is about exp(-2 pi d / h) for functions analytic within d of the real axis.
    """
    reach = REACH[dimension] if reach is None else reach
    one = np.arange(-math.floor(reach / step), math.floor(reach / step) + 1) * step
    points = np.stack([a.ravel() for a in np.meshgrid(*([one] * dimension), indexing="ij")], axis=-1)
    squares = np.einsum("ij,ij->i", points, points)
    inside = squares <= reach * reach
    weights = np.exp(-squares[inside] / 2)
    kept = points[inside]
    return Group(lambda: kept, weights / weights.sum())


def _grid_size(dimension: int, step: float) -> float:
    r = REACH[dimension]
    ball = math.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1)
    return float(ball * (r / step) ** dimension)


def grids(dimension: int) -> list[float]:
    """Steps from coarse to fine, as far as MOST_GRID_POINTS allows."""
    steps = [0.7 * 0.75**k for k in range(9)]
    return [h for h in steps if _grid_size(dimension, h) <= MOST_GRID_POINTS]


def panels(order: int) -> Group:
    """Gauss-Legendre on [-10, 10] in panels of length 1/2: for one variable and kinks, which are mostly at 0."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    left = np.arange(-10.0, 10.0, 0.5)
    points = (left[:, None] + (nodes + 1) / 4).ravel()
    mass = np.tile(weights / 4, len(left)) * np.exp(-(points**2) / 2)
    return Group(lambda: points[:, None], mass / mass.sum())


def scrambled(dimension: int, power: int, seed: int) -> Rule:
    """SCRAMBLINGS independent scrambled Sobol sets of 2^power points, as standard normals."""
    weights = np.full(1 << power, 2.0**-power)
    return Rule(
        tuple(Group(partial(_sobol, dimension, power, s), weights) for s in streams(seed, dimension, power)), "sampling"
    )


def sampled(
    dimension: int, average: Callable[[Group], Array], tolerance: float, powers: Sequence[int], seed: int = 0
) -> Estimate:
    """The mean over scrambled points, doubled until it is known to the relative tolerance or the time is used up."""
    found = UNKNOWN
    for power in powers:
        rule = scrambled(dimension, power, seed)
        found = rule.combine([average(g) for g in rule.groups])
        if found.error <= tolerance * abs(found.value) or spent():
            break
    return found


def _sobol(dimension: int, power: int, stream: np.random.SeedSequence) -> Array:
    return Points(dimension, stream).next(1 << power)


def rule_for(
    dimension: int,
    probe: Callable[[Group], Array],
    tolerance: float,
    seed: int = 0,
    smooth: bool = True,
    powers: Sequence[int] = POWERS,
    goal: float = 1e-9,
) -> Rule:
    """Return the cheapest rule whose relative error of the probed averages is below the tolerance, else the finest one.

    What the time of the search does not allow is not begun; the first sampled rule is always made.

    `probe` gives the averages of interest over one group, each at a scale at which relative error is meant.
    """
    if dimension == 0:
        return nothing()
    best: tuple[float, Rule] | None = None
    rule, error = nothing(), math.inf
    if not smooth and dimension == 1:
        rule = Rule((panels(24), panels(16)), "quadrature")
        best = _relative(rule.combine([probe(g) for g in rule.groups])), rule
        if best[0] <= tolerance:
            return rule
    if smooth and dimension <= MOST_GRID_DIMENSIONS:
        steps = grids(dimension)
        reaches = [REACH[dimension] - NEARER * k for k in reversed(range(len(steps)))]
        groups = [grid(dimension, steps[0], reaches[0])]
        values = [probe(groups[0])]
        goal = min(tolerance, goal)
        took = 0.0
        for h, reach in zip(steps[1:], reaches[1:], strict=True):
            if best is not None and not suffices(took * 0.75**-dimension):
                return best[1]
            start = time.monotonic()
            groups.append(grid(dimension, h, reach))
            values.append(probe(groups[-1]))
            took = time.monotonic() - start
            rule = Rule((groups[-1], groups[-2]), "quadrature")
            error = _relative(rule.combine([values[-1], values[-2]]))
            if best is None or error < best[0]:
                best = error, rule
            if error <= goal:
                break
        if best is not None and best[0] <= tolerance:
            return best[1]
    took, last, wanted = 0.0, 0, 0
    for power in powers:
        if power < wanted and suffices(took * 2.0 ** (wanted - last)):
            continue  # not even an error that falls like 1/N would be within the tolerance yet
        if took and not suffices(2 * took):
            break
        start = time.monotonic()
        rule = scrambled(dimension, power, seed)
        error = _relative(rule.combine([probe(g) for g in rule.groups]))
        took, last = time.monotonic() - start, power
        if error <= tolerance:
            return rule
        wanted = min(powers[-1], power + int(math.log2(error / tolerance))) if math.isfinite(error) else power
    # The last of the sampled rules, not the one that happened to look best.
    return rule if best is None or error < best[0] else best[1]


def _relative(a: Estimate) -> float:
    value, error = np.abs(np.asarray(a.value)), np.asarray(a.error)
    if not np.all(np.isfinite(value)) or not np.all(np.isfinite(error)):
        return math.inf
    scale = np.maximum(value, 1e-12 * max(1.0, float(value.max(initial=0.0))))
    return float((error / scale).max(initial=0.0))
