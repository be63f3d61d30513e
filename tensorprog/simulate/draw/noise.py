"""Fresh iid standard normal vectors, in true coordinates or along the directions of a rotated space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tensorprog.simulate.arrays import Array
from tensorprog.simulate.draw.streams import Stream
from tensorprog.simulate.plan.job import Layout

CACHED_BYTES = 400_000


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

    def draw(
        self,
        stream: Stream,
        draws: int,
        start: int,
        count: int,
        dtype: np.dtype[Any],
        scale: Array | None = None,
    ) -> Array:
        """`count` vectors for every member: shape (draws, sizes..., count, coordinates); `start` were drawn before.

        In a rotated space the vector with direction s has normal entries before s (true coordinates among them),
        at s the chi with width - pinned - s degrees of freedom, and zeros behind. `scale` multiplies the result.
        """
        shape = (draws, *self.sizes, count, self.layout.size)
        if self.layout.kind != "lazy":
            return _scaled_normals(stream, shape, dtype, scale)
        below, half_freedom, own = _directions(self, start, count)
        out = np.zeros(shape, dtype=dtype)
        flat = out.reshape(draws, -1)
        flat[:, below] = stream.normals((draws, len(below)), dtype)
        flat[:, own] = np.sqrt(2.0 * stream.generator.standard_gamma(half_freedom, size=(draws, len(own))))
        if scale is not None:
            out *= scale
        return out

    def slots(self, start: int, count: int) -> Array:
        """Return the direction of every vector: shape (sizes..., count)."""
        free: Sequence[int] = [size for k, size in enumerate(self.sizes) if k not in self.batch]
        member = np.arange(prod(free)).reshape([1 if k in self.batch else s for k, s in enumerate(self.sizes)])
        member = np.broadcast_to(member, self.sizes)
        return self.offset + member[..., None] * self.each + start + np.arange(count)


def _scaled_normals(stream: Stream, shape: tuple[int, ...], dtype: np.dtype[Any], scale: Array | None) -> Array:
    """Standard normals times `scale`, a few draws at a time, so that they are multiplied while still in the cache."""
    out = np.empty(shape, dtype=dtype)
    step = max(1, CACHED_BYTES // max(1, prod(shape[1:]) * dtype.itemsize))
    for at in range(0, shape[0], step):
        part = out[at : at + step]
        stream.fill(part)
        if scale is not None:
            part *= scale[at : at + step] if len(scale) > 1 else scale
    return out


@lru_cache(maxsize=512)
def _directions(source: Source, start: int, count: int) -> tuple[Array, Array, Array]:
    """Places in memory before every vector's own direction, half the degrees of freedom there, and its place."""
    slots = source.slots(start, count)
    at = source.layout.pinned + slots
    below = np.arange(source.layout.size) < at[..., None]
    free = (source.layout.width - source.layout.pinned - slots) / 2.0
    rows = np.arange(slots.size) * source.layout.size
    return np.flatnonzero(below), free.reshape(-1), rows + at.reshape(-1)
