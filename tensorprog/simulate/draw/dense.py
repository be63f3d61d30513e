"""Real matrices with iid entries of any law: the oracle, and the way of weights that are not Gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.simulate.arrays import Array


def entries(
    rng: np.random.Generator, law: str, freedom: float | None, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    """iid entries of mean 0 and variance 1.

    rademacher: +1 or -1; uniform on [-sqrt 3, sqrt 3]; student: t with nu > 2 degrees of freedom times
    sqrt((nu - 2)/nu).
    """
    match law:
        case "gaussian":
            return rng.standard_normal(shape, dtype=dtype.type)
        case "rademacher":
            signs = rng.integers(0, 2, size=shape, dtype=np.int8)
            return (2 * signs - 1).astype(dtype)
        case "uniform":
            out = rng.random(shape, dtype=dtype.type)
            out -= 0.5
            out *= 12.0**0.5
            return out
        case "student":
            nu = 5.0 if freedom is None else freedom
            if nu <= 2:
                raise fail("TP018", f"student({nu:g}) has no variance", help="use more than 2 degrees of freedom")
            out = rng.standard_t(nu, size=shape)
            out *= ((nu - 2) / nu) ** 0.5
            return out.astype(dtype, copy=False)
    raise fail("TP002", f"there is no entry law {law}")
