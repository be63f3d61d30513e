"""Duals compiled by numba (the extra `fast`): every layer of an entry in one pass, without arrays in between.

The arc sine is a polynomial, so that the compiler can take several entries at once:

    asin s = s + s³ g(s²) for 0 ≤ s ≤ 1/2,   asin s = π/2 - 2 asin √((1-s)/2) for 1/2 < s ≤ 1,

g by its Chebyshev approximation of degree 12 on [0, 1/4], which is within 1.6e-17 of it. The second form is exact near
s = 1: it starts from 1 - s, which has no rounding there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tensorprog.nngp.duals import Array, Dual, Erf, Gelu, Leaky, Vectors

ARCSINE = (0.028757851367421566, -0.014851887071247204, 0.01740087944269402, 0.005457506718640358, 0.01032281435018578,
           0.011479177415184906, 0.013971212973552933, 0.017352392720869973, 0.02237217294214989, 0.030381944138531247,
           0.04464285714635543, 0.07499999999998433, 0.16666666666666669)  # fmt: skip
HALF_PI = np.pi / 2


@njit(inline="always", cache=True)
def _asin(x: Any) -> Any:
    s = abs(x)
    large = s > 0.5
    z = 0.5 * (1.0 - s) if large else s * s
    r = np.sqrt(z) if large else s
    g = ARCSINE[0]
    for k in range(1, 13):
        g = g * z + ARCSINE[k]
    r = r + r * z * g
    r = HALF_PI - 2.0 * r if large else r
    return -r if x < 0 else r


@njit(inline="always", cache=True)
def _within(c: Any) -> Any:
    return 1.0 if c > 1.0 else (-1.0 if c < -1.0 else c)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _leaky(c: Any, s: Any, inverse: Any, t: Any, other: Any, shift: Any) -> None:
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            rho = _within(c[i, j] * inverse[i] * other[j])
            root = np.sqrt((1.0 - rho) * (1.0 + rho))
            c[i, j] = (root + rho * (_asin(rho) + shift)) * s[i] * t[j]


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _erf(c: Any, u: Any, v: Any) -> None:
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[i, j] = _asin(_within(c[i, j] * u[i] * v[j])) / HALF_PI


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _gelu(c: Any, u: Any, root: Any, g: Any, small: Any, v: Any, root2: Any, g2: Any, small2: Any) -> None:
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            t = _within(c[i, j] * u[i] * v[j])
            w = np.sqrt((1.0 - t) * (1.0 + t))
            c[i, j] = (
                t * (_asin(t) + HALF_PI) * root[i] * root2[j] + w * g[i] * g2[j] + t * t / w * small[i] * small2[j]
            )


def apply(dual: Dual, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
    """Do what `dual.apply` does, compiled where it is known here."""
    match dual:
        case Leaky(a) if a != 1:
            shift = 0.0 if a == -1 else ((1 + a) / (1 - a)) ** 2 * HALF_PI
            (s, inverse), (t, other) = rows, columns
            _leaky(c, s, inverse, t, other, shift)
        case Erf():
            _erf(c, rows[0], columns[0])
        case Gelu():
            _gelu(c, *rows, *columns)
        case _:
            dual.apply(c, rows, columns, work)
