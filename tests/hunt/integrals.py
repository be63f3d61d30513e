"""Gaussian integrals in one and two variables by panels that shrink geometrically towards every kink and feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

REACH = 38.0
NEAR = 12.0
"""How far two variables are followed: for functions that grow like powers."""
OFFSETS = np.concatenate([[0.0], 10.0 ** np.arange(-9.0, 1.6, 0.8)])


@dataclass(frozen=True)
class Integral:
    """`size` is the integral of the absolute value, which says what cancels; `error` the difference of two rules."""

    value: float
    error: float
    size: float


def panels(places: Any, order: int, reach: float = NEAR) -> tuple[Any, Any]:
    """Nodes and weights on [-reach, reach] for each row of `places`, which have finer panels around them."""
    edges = np.concatenate([places[:, :, None] + OFFSETS, places[:, :, None] - OFFSETS], axis=2).reshape(
        len(places), -1
    )
    ends = np.linspace(-reach, reach, int(2 * reach) + 1) + np.zeros((len(places), 1))
    edges = np.sort(np.clip(np.concatenate([edges, ends], axis=1), -reach, reach), axis=1)
    x, w = np.polynomial.legendre.leggauss(order)
    low, high = edges[:, :-1, None], edges[:, 1:, None]
    nodes = (low + high) / 2 + (high - low) / 2 * x
    return nodes.reshape(len(places), -1), ((high - low) / 2 * w).reshape(len(places), -1)


def density(t: Any) -> Any:
    return np.exp(-t * t / 2) / np.sqrt(2 * np.pi)


def single(f: Callable[[Any], Any], mean: float, variance: float, places: Sequence[float]) -> Integral:
    """E f(a), a ~ N(mean, variance); `places` in units of a."""
    s = variance**0.5
    spots = np.array([[0.0, *((p - mean) / s for p in places)]])
    found = []
    for order in (12, 17):
        t, w = panels(spots, order, REACH)
        y = np.where(w == 0, 0.0, f(mean + s * t)) * density(t)
        found.append((np.sum(np.nan_to_num(y, nan=np.nan) * w), np.sum(np.abs(y) * w)))
    return Integral(float(found[1][0]), float(abs(found[0][0] - found[1][0])), float(found[1][1]))


def double(
    f: Callable[[Any, Any], Any],
    mean: Sequence[float],
    cov: Sequence[Sequence[float]],
    lines: Sequence[tuple[float, float, float]],
) -> Integral:
    """E f(a, b). A line (c, d, k) is where c a + d b = k: a kink, or the middle of a feature."""
    s = cov[0][0] ** 0.5
    slope = cov[0][1] / s
    rest = cov[1][1] - slope * slope
    spread = rest**0.5 if rest > 0 else 0.0
    outer = [0.0]
    for c, d, k in lines:
        along = c * s + d * slope
        if along:
            outer.append((k - c * mean[0] - d * mean[1]) / along)
    for (c, d, k), (p, q, m) in combinations(lines, 2):  # beyond a crossing the kinks have changed places
        if c * q != d * p:
            outer.append(((k * q - d * m) / (c * q - d * p) - mean[0]) / s)
    found = []
    for order in (8, 11):
        t, w = panels(np.array([outer]), order)
        t, w = t[0], w[0] * density(t[0])
        keep = w > 0
        t, w = t[keep], w[keep]
        total = size = 0.0
        for part in np.array_split(np.arange(len(t)), max(1, len(t) // 64)):
            a, b = mean[0] + s * t[part], mean[1] + slope * t[part]
            spots = [np.zeros_like(a)]
            spots += [np.clip((k - c * a - d * b) / (d * spread), -1e3, 1e3) for c, d, k in lines if d and spread]
            u, v = panels(np.stack(spots, axis=1), order)
            y = np.where(v == 0, 0.0, f(a[:, None], b[:, None] + spread * u)) * density(u) * v
            total += float(np.sum(y * w[part, None]))
            size += float(np.sum(np.abs(y) * w[part, None]))
        found.append((total, size))
    return Integral(found[1][0], abs(found[0][0] - found[1][0]), found[1][1])
