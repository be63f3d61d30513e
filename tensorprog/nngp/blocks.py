"""What kernels on data share: where the result goes, how many threads, and how a symmetric matrix is filled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.nngp.duals import Array


def finite(x: Array) -> Array:
    """Return the data, which must be finite."""
    if not np.isfinite(x).all():
        raise fail("TP008", "the data has an entry that is not a finite number", help="drop or fill in what is missing")
    return x


def target(out: Array | str | Path | None, shape: tuple[int, int]) -> Array:
    """Return an array of this shape: new, the one given, or a new .npy file mapped into memory."""
    if out is None:
        return np.empty(shape)
    if isinstance(out, str | Path):
        mapped: Array = np.lib.format.open_memmap(out, mode="w+", dtype=np.float64, shape=shape)
        return mapped
    if out.shape != shape or out.dtype != np.float64:
        raise ValueError(f"out is float64 of shape {shape}")
    return out


def store(result: Array, r: slice, c: slice, values: Array, diagonal: Array | None) -> None:
    """Write a block; where the matrix is symmetric its diagonal is known, and blocks are those of its upper half."""
    if diagonal is not None and r == c:
        np.fill_diagonal(values, diagonal[r])
        lower = np.tril_indices(len(values), -1)
        values[lower] = values.T[lower]
    result[r, c] = values
    if diagonal is not None and r != c:
        result[c, r] = values.T


def processors(threads: int | None) -> int:
    """Return the number given, or that of the processors that this process may use."""
    if threads:
        return threads
    affinity: Any = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
