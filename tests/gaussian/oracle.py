"""An oracle that shares no code with the engine: nested Gauss-Legendre panels, split where the functions have kinks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import ndtr

ERF_OF = sqrt(2)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)
REACH = 12.0


@dataclass(frozen=True)
class Function:
    """A function as text in the language with `Z` for its variable, as numpy, and its kinks."""

    text: str
    numpy: Callable[[Any], Any]
    kinks: tuple[float, ...] = ()

    def at(self, name: str) -> str:
        return self.text.replace("Z", name)

    def __mul__(self, other: "Function") -> "Function":
        return Function(
            f"({self.text})*({other.text})", lambda z: self.numpy(z) * other.numpy(z), self.kinks + other.kinks
        )

    def __add__(self, other: "Function") -> "Function":
        return Function(
            f"({self.text} + {other.text})", lambda z: self.numpy(z) + other.numpy(z), self.kinks + other.kinks
        )


def erf(z: Any) -> Any:
    return 2 * ndtr(z * ERF_OF) - 1


def _panels(kinks: Sequence[float], width: float = 1.0) -> tuple[Any, Any]:
    ends = [-REACH, *sorted(k for k in kinks if -REACH < k < REACH), REACH]
    edges = [-REACH]
    for a, b in pairwise(ends):
        pieces = max(1, int(np.ceil((b - a) / width)))
        edges += list(a + (b - a) * np.arange(1, pieces + 1) / pieces)
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    return ((low + high) / 2 + (high - low) / 2 * NODES).ravel(), ((high - low) / 2 * WEIGHTS).ravel()


def density(t: Any) -> Any:
    return np.exp(-t * t / 2) / sqrt(2 * np.pi)


def pair_mean(
    f: Function, g: Function, cov: Sequence[float], mean: Sequence[float] = (0.0, 0.0), absolute: bool = False
) -> float:
    """E f(Z1) g(Z2) (or of its absolute value): z1 = m1 + s t, then z2 given t, its panels split at g's kinks."""
    k11, k12, k22 = cov
    s = sqrt(k11)
    slope = k12 / s
    rest = k22 - slope * slope
    spread = sqrt(rest) if rest > 1e-9 else 0.0
    size = abs if absolute else (lambda x: x)
    kinks = [(x - mean[0]) / s for x in f.kinks]
    if slope:  # where z2's own kinks are crossed as t moves, sharply if the spread is small
        centres = [(y - mean[1]) / slope for y in g.kinks]
        kinks += [c + d * spread / abs(slope) for c in centres for d in ((0,) if not spread else (-6, -3, 0, 3, 6))]
    t, w = _panels(kinks)
    outer = size(f.numpy(mean[0] + s * t)) * density(t) * w
    if not spread:
        return float(np.sum(outer * size(g.numpy(mean[1] + slope * t))))
    total = 0.0
    for x, weight in zip(t, outer, strict=True):
        if weight:
            centre = mean[1] + slope * x
            u, v = _panels([(y - centre) / spread for y in g.kinks])
            total += weight * np.sum(size(g.numpy(centre + spread * u)) * density(u) * v)
    return float(total)
