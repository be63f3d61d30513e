"""Blocks of a kernel matrix on a Dask cluster, written where they belong as they come back.

Only as many blocks are under way as WINDOW allows, so that neither this process nor the cluster ever holds the matrix:
with a memory-mapped result it may be larger than any memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorprog.nngp.duals import Array
from tensorprog.simulate.execute.cluster import through_dask

SIDE = 2048
WINDOW = 64


@dataclass(frozen=True, eq=False)
class Block:
    """Rows and columns of the matrix, with the inputs that they are of; `y` None on the diagonal of K(X, X)."""

    rows: slice
    columns: slice
    kernel: Callable[..., Array]
    x: Array
    y: Array | None


def compute(block: Block) -> Array:
    """Return the entries of one block; runs in a worker."""
    return block.kernel(block.x) if block.y is None else block.kernel(block.x, block.y)


def on_cluster(address: str, kernel: Callable[..., Array], x: Array, y: Array | None, out: Array) -> Array:
    """K(x, y), or K(x, x) for y None, into `out`. Errors: TP018 no cluster, or not the extra `distributed`."""

    def blocks() -> Iterator[Block]:
        columns = x if y is None else y
        for i in range(0, len(x), SIDE):
            for j in range(i if y is None else 0, len(columns), SIDE):
                r, c = slice(i, min(i + SIDE, len(x))), slice(j, min(j + SIDE, len(columns)))
                yield Block(r, c, kernel, x[r], None if y is None and i == j else columns[c])

    def store(block: Block, values: Any) -> None:
        out[block.rows, block.columns] = values
        if y is None and block.y is not None:
            out[block.columns, block.rows] = np.transpose(values)

    through_dask(address, blocks(), store, compute=compute, window=WINDOW)
    return out
