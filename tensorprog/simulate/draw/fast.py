"""The two operations in which a simulation spends its time, compiled by numba (the extra `fast`).

Standard normals by the ziggurat of Marsaglia and Tsang (2000) on the stream xoshiro256++ of Blackman and Vigna (2021):
256 layers of equal area v under exp(-x^2/2), of which layer i reaches from x = 0 to x_i. A layer and a place in it are
drawn; left of x_(i+1) the place is under the curve for certain, otherwise the curve decides; the lowest layer ends in
the tail beyond r = x_1, which is drawn from exponentials. Exact in law, up to the 53 bits of a place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit
from scipy.optimize import brentq
from scipy.special import erfc

from tensorprog.simulate.arrays import Array

LAYERS = 256
MOST_ROWS = 24
"""Up to so many rows the compiled Gram is faster than BLAS."""


@cache
def tables() -> tuple[Array, Array]:
    """(x_0 .. x_256, exp(-x_i^2/2)): x_1 = r closes the stack of layers at x_256 = 0, and x_0 = v / exp(-r^2/2).

    >>> x, f = tables()
    >>> bool(np.allclose(x[1:-1] * np.diff(f)[1:], x[0] * f[1], rtol=1e-12))
    True
    """

    def stack(r: float) -> tuple[Array, float]:
        area = r * np.exp(-r * r / 2) + np.sqrt(np.pi / 2) * erfc(r / np.sqrt(2))
        x = np.zeros(LAYERS + 1)
        x[0], x[1] = area / np.exp(-r * r / 2), r
        for i in range(2, LAYERS):
            height = area / x[i - 1] + np.exp(-(x[i - 1] ** 2) / 2)
            if height >= 1:
                return x, 1.0  # the layers are too thick: the curve's top is reached before the last of them
            x[i] = np.sqrt(-2 * np.log(height))
        return x, area / x[LAYERS - 1] + np.exp(-(x[LAYERS - 1] ** 2) / 2) - 1

    x, _ = stack(brentq(lambda r: stack(r)[1], 3.6, 3.7, xtol=1e-15, rtol=1e-15))
    return x, np.exp(-x * x / 2)


@njit(cache=True, inline="always")
def _next(s: Any) -> Any:
    """Return the next 64 bits of xoshiro256++; s holds its four words."""
    sum_ = s[0] + s[3]
    out = ((sum_ << np.uint64(23)) | (sum_ >> np.uint64(41))) + s[0]
    shifted = s[1] << np.uint64(17)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
    return out


@njit(cache=True, inline="always")
def _uniform(bits: Any) -> Any:
    """Return the upper 53 bits as a number in [0, 1)."""
    return np.int64(bits >> np.uint64(11)) * 2.0**-53


@njit(cache=True)
def fill_normals(state: Any, out: Any, x: Any, f: Any) -> None:
    """Standard normals into a flat array, from (and into) the four words of the stream."""
    s = state.copy()
    k = 0
    while k < out.size:
        bits = _next(s)
        i = bits & np.uint64(255)
        value = _uniform(bits) * x[i]
        if value >= x[i + np.uint64(1)]:
            if i == 0:
                while True:  # x = r + e with density ~ exp(-r e - e^2/2): exponential, kept with chance exp(-e^2/2)
                    e = -np.log1p(-_uniform(_next(s))) / x[1]
                    if -2.0 * np.log1p(-_uniform(_next(s))) > e * e:
                        break
                value = x[1] + e
            elif f[i] + _uniform(_next(s)) * (f[i + np.uint64(1)] - f[i]) >= np.exp(-0.5 * value * value):
                continue
        out[k] = -value if bits & np.uint64(256) else value
        k += 1
    state[:] = s


@njit(cache=True, fastmath={"reassoc", "contract"})
def gram_rows(x: Any, out: Any) -> None:
    """x x' of every matrix x (matrices, k, n), rows that need not be next to each other."""
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(i + 1):
                total = x.dtype.type(0)
                for m in range(x.shape[2]):
                    total += x[d, i, m] * x[d, j, m]
                out[d, i, j] = total
                out[d, j, i] = total
