"""Arrays with named index axes: (draws, one axis per index name, coordinates), and the products between them.

An axis of size 1 means "the same for all": constants have one draw, scalars one coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Named:
    """data has shape (draws, sizes of axes..., coordinates)."""

    axes: tuple[str, ...]
    data: Array

    def to(self, axes: Sequence[str]) -> Array:
        """Return the data over `axes` in that order, absent ones with size 1."""
        if tuple(axes) == self.axes:
            return self.data
        kept = [a for a in axes if a in self.axes]
        if tuple(kept) != self.axes:
            order = [self.axes.index(a) + 1 for a in kept]
            data = self.data.transpose(0, *order, self.data.ndim - 1)
        else:
            data = self.data
        sizes = dict(zip(kept, data.shape[1:-1], strict=True))
        return data.reshape(data.shape[0], *(sizes.get(a, 1) for a in axes), data.shape[-1])

    def size(self, axis: str) -> int:
        return int(self.data.shape[self.axes.index(axis) + 1])


def times(a: Array, b: Array) -> Array:
    """a @ b, in the same order of summation however many threads BLAS has.

    BLAS splits the sum of a matrix times a single vector among its threads, so the last digits depend on their
    number; a product of two matrices it splits by rows and columns. A single row or column is therefore doubled.
    """
    if a.shape[-1] == 1:
        return np.asarray(a * b)
    if a.shape[-2] == 1 and b.shape[-1] == 1:
        return np.asarray((a[..., 0, :] * b[..., :, 0]).sum(axis=-1)[..., None, None])
    if a.shape[-2] == 1:
        return np.asarray(np.matmul(np.concatenate([a, a], axis=-2), b)[..., :1, :])
    if b.shape[-1] == 1:
        return np.asarray(np.matmul(a, np.concatenate([b, b], axis=-1))[..., :1])
    return np.asarray(np.matmul(a, b))


def spread(x: Named, axes: Sequence[str], sizes: Sequence[int]) -> Array:
    """Return the data over `axes`, absent ones repeated."""
    data = x.to(axes)
    wanted = (data.shape[0], *sizes, data.shape[-1])
    return data if data.shape == wanted else np.broadcast_to(data, wanted)


def _matrix(x: Named, groups: Sequence[Sequence[str]]) -> Array:
    """Return the data with each group of axes merged into one."""
    data = x.to([a for g in groups for a in g])
    sizes = iter(data.shape[1:-1])
    return data.reshape(data.shape[0], *(prod(next(sizes) for _ in g) for g in groups), data.shape[-1])


def inner(left: Named, right: Named, axes: Sequence[str]) -> Named:
    """Return the dot products over coordinates: sum_alpha left_alpha right_alpha, over all named axes of both.

    left (draws, common, i, n) times right (draws, common, n, j): one matrix product a draw.
    """
    both = [a for a in axes if a in left.axes and a in right.axes]
    only_left = [a for a in axes if a in left.axes and a not in right.axes]
    only_right = [a for a in axes if a in right.axes and a not in left.axes]
    u = _matrix(left, [*([a] for a in both), only_left])
    v = _matrix(right, [*([a] for a in both), only_right])
    out = times(u, v.swapaxes(-1, -2))
    sizes = [left.size(a) for a in only_left] + [right.size(a) for a in only_right]
    shaped = out.reshape(*out.shape[: 1 + len(both)], *sizes, 1)
    result = Named((*both, *only_left, *only_right), shaped)
    wanted = tuple(a for a in axes if a in result.axes)
    return Named(wanted, result.to(wanted))


def combine(coefficient: Named, vector: Named, bound: Sequence[str], lengths: Sequence[int]) -> Named:
    """sum over the bound axes of coefficient times vector; coefficients have one coordinate.

    coefficient (draws, common, i, bound) times vector (draws, common, bound, j n): one matrix product a draw.
    """
    repeat = 1
    for axis, size in zip(bound, lengths, strict=True):
        inside = axis in coefficient.axes, axis in vector.axes
        if inside == (False, False):
            repeat *= size
        elif inside == (True, False):
            coefficient = _summed(coefficient, axis)
        elif inside == (False, True):
            vector = _summed(vector, axis)
    shared = [a for a in vector.axes if a in coefficient.axes]
    contracted = [a for a in shared if a in bound]
    both = [a for a in shared if a not in bound]
    only_c = [a for a in coefficient.axes if a not in shared]
    only_v = [a for a in vector.axes if a not in shared]
    if not contracted:
        axes = (*both, *only_c, *only_v)
        if not axes and coefficient.data.size == 1:
            factor = coefficient.data.reshape(())
            return Named((), vector.data if factor == 1 and repeat == 1 else vector.data * (factor * repeat))
        out = coefficient.to(axes) * vector.to(axes)
        return Named(axes, out * repeat if repeat > 1 else out)
    c = _matrix(coefficient, [*([a] for a in both), only_c, contracted])[..., 0]
    v = _matrix(vector, [*([a] for a in both), contracted, only_v])
    product = times(c, v.reshape(*v.shape[:-2], v.shape[-2] * v.shape[-1]))
    shape = [coefficient.size(a) for a in only_c] + [vector.size(a) for a in only_v]
    out = product.reshape(*product.shape[: 1 + len(both)], *shape, v.shape[-1])
    return Named((*both, *only_c, *only_v), out * repeat if repeat > 1 else out)


def _summed(x: Named, axis: str) -> Named:
    return Named(tuple(a for a in x.axes if a != axis), x.data.sum(axis=x.axes.index(axis) + 1))
