"""Square roots of covariance matrices: L with cov = L L', so that L z has this covariance for standard normal z.

What is known of the matrix chooses the root. `root_of` and `roots_of` go by eigenvalues, for floats whose rank rounding
blurs. Where the entries are exact the pivots are rational (gaussian/problem/covariance.py). Where vectors are drawn,
earlier members must not move when later ones join, so that no pivot is chosen (simulate/draw/inputs.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SINGULAR = 1e-12


def is_positive_definite(matrix: Sequence[Sequence[Any]]) -> bool:
    """Return whether all pivots of a symmetric matrix of balls or other numbers are certainly positive."""
    rows = [list(row) for row in matrix]
    for k, pivot in enumerate(rows):
        if not pivot[k] > 0:
            return False
        for row in rows[k + 1 :]:
            factor = row[k] / pivot[k]
            for j in range(k, len(row)):
                row[j] -= factor * pivot[j]
    return True


def roots_of(cov: Array) -> Array:
    """Return the root of each matrix of a stack, square: a column is 0 where the matrix is singular.

    >>> roots_of(np.array([[[4.0, 0.0], [0.0, 0.0]]])).tolist()
    [[[0.0, 2.0], [0.0, 0.0]]]
    """
    values, vectors = np.linalg.eigh((cov + np.swapaxes(cov, -1, -2)) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :])


def root_of(cov: Array) -> Array:
    """Return the root of one matrix, with as many columns as its rank.

    >>> L = root_of(np.array([[1.0, 2.0], [2.0, 4.0]]))
    >>> L.shape, bool(np.allclose(L @ L.T, [[1, 2], [2, 4]]))
    ((2, 1), True)
    """
    if not len(cov):
        return np.zeros((0, 0))
    out = roots_of(cov)
    sizes = np.einsum("ij,ij->j", out, out)  # the eigenvalues
    return np.asarray(out[:, sizes > SINGULAR * max(sizes.max(), 0.0)])
