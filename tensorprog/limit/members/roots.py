"""Square roots of covariance matrices in floats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SINGULAR = 1e-12


def factor(cov: Array) -> Array:
    """L with cov = L L', as many columns as cov has rank; for stacks of matrices all columns stay."""
    if cov.shape[-1] == 0:
        return np.zeros((*cov.shape[:-1], 0))
    values, vectors = np.linalg.eigh((cov + np.swapaxes(cov, -1, -2)) / 2)
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    if cov.ndim == 2:
        roots = roots[:, values > SINGULAR * max(values.max(), 0.0)]
    return np.asarray(roots)
