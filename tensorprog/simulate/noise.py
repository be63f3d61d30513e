"""Fresh iid standard normal vectors, in true coordinates or along the directions of a rotated space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tensorprog.simulate.arrays import Array
from tensorprog.simulate.plan import Layout


@dataclass(frozen=True, slots=True)
class Source:
    """Where fresh vectors of one creator go: `sizes` of its axes, those in `batch` (positions) diagonal.

    Each member of the other axes owns `each` directions, from `offset` on.
    """

    layout: Layout
    sizes: tuple[int, ...] = ()
    batch: tuple[int, ...] = ()
    offset: int = 0
    each: int = 0

    def draw(self, rng: np.random.Generator, draws: int, start: int, count: int, dtype: np.dtype[Any]) -> Array:
        """`count` vectors for every member: shape (draws, sizes..., count, coordinates); `start` were drawn before.

        In a rotated space the vector with direction s has normal entries before s (true coordinates among them),
        at s the chi with width - pinned - s degrees of freedom, and zeros behind.
        """
        shape = (draws, *self.sizes, count, self.layout.size)
        out = rng.standard_normal(shape, dtype=dtype.type)
        if self.layout.kind != "lazy":
            return out
        slots = self._slots(start, count)
        at = self.layout.pinned + slots[..., None]
        here = np.arange(self.layout.size)
        out *= here < at
        freedom = (self.layout.width - self.layout.pinned - slots) / 2.0
        chi = np.sqrt(2.0 * rng.standard_gamma(np.broadcast_to(freedom, (draws, *freedom.shape))))
        np.put_along_axis(out, np.broadcast_to(at, (draws, *at.shape)), chi[..., None].astype(dtype, copy=False), -1)
        return out

    def _slots(self, start: int, count: int) -> Array:
        """The direction of every vector: shape (sizes..., count)."""
        free: Sequence[int] = [size for k, size in enumerate(self.sizes) if k not in self.batch]
        member = np.arange(prod(free)).reshape([1 if k in self.batch else s for k, s in enumerate(self.sizes)])
        member = np.broadcast_to(member, self.sizes)
        return self.offset + member[..., None] * self.each + start + np.arange(count)
