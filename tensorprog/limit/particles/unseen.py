"""What a sample may not have met: how large terms can be where few or none of its particles are.

Let |f| <= B(r) where all of its d forms are within r standard deviations. Nothing is seen, but for a chance of e^-5,
only of what has a probability below 5/N; and values up to T = 100 rms(f) are what the spread of a sample tells of. So

    Σ_k (B(r_{k+1}) - max(B(r_k), T)) min(5/N, 2d (1 - Φ(r_k)))

stands for what is missing from E|f|, and the same with squares for E f^2. The mean of exp(8 max(g, h)), which rests on
values near 8, has no error that is small because no particle went there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tensorprog.limit.particles.boxes import Box
from tensorprog.limit.particles.reading import Reader
from tensorprog.terms import Term, Var

Array = NDArray[np.float64]

RADII = (0.0, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 10.0, 12.0, 16.0, 24.0)
MET = 5.0
ORDINARY, WIDE = 100.0, 1000.0
"""How many times its root mean square a value may be and is not rare; more if four standard deviations allow it, since
the bounds of long recurrences are wide."""
LARGEST = 1e150


class Unseen:
    """Sizes of some terms around a population, in wider and wider boxes."""

    def __init__(self, reader: Reader, terms: Sequence[Term], ends: Mapping[Var, tuple[float, float, float]]) -> None:
        """`ends` has the least and largest centre of each form or average, and its standard deviation."""
        forms = [sum(v in reader.forms for v in reader.below(t)) for t in terms]
        tails = [math.erfc(r / math.sqrt(2)) for r in RADII]
        self.chances = np.array([[min(1.0, d * q) for q in tails] for d in forms])
        self.sizes = np.empty((len(terms), len(RADII) + 1))
        for k, r in enumerate((*RADII, 1.5 * RADII[-1])):
            sides = [(low - r * sd, high + r * sd) for low, high, sd in ends.values()]
            box = Box(tuple(v.name for v in ends), sides)
            self.sizes[:, k] = [_size(box, t) for t in terms]

    @property
    def ordinary(self) -> Array:
        """A root mean square beside which the values within four standard deviations are not rare."""
        return np.asarray(self.sizes[:, 1] / ORDINARY)

    def of(self, rms: Array, count: int) -> tuple[Array, Array]:
        """What may be missing from E|f| and E f^2 of each term, if `count` particles were drawn."""
        chances = np.minimum(MET / count, self.chances)
        least = np.maximum(ORDINARY * rms, np.minimum(WIDE * rms, self.sizes[:, 1]))
        top = np.maximum(self.sizes, least[:, None])
        with np.errstate(all="ignore"):
            one = np.sum(np.diff(top, axis=1) * chances, axis=1)
            two = np.sum(np.diff(top**2, axis=1) * chances, axis=1)
        bad = ~np.isfinite(self.sizes).all(axis=1)
        return np.where(bad, np.inf, one), np.where(bad, np.inf, two)


def _size(box: Box, t: Term) -> float:
    try:
        found = box.of(t)
        if found.low is None or found.high is None:
            return math.inf
        size = float(max(abs(found.low), abs(found.high)))
    except (ArithmeticError, ValueError):
        return math.inf
    return size if size < LARGEST else math.inf
