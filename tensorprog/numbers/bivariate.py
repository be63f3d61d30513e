"""The bivariate normal distribution function on arrays, by Owen's T, with a bound on its error.

    Phi2(h, k, r) = (Φ(h) + Φ(k))/2 - T(h, (k - rh)/(h s)) - T(k, (h - rk)/(k s)) - [h, k of opposite signs]/2

with s = √(1 - r²) (Owen 1956).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
UNIT = 2.0**-52
OWEN = 4 * UNIT
"""scipy's Owen's T is accurate to about one unit in 1/4."""


def owens_t(h: Array, a: Array) -> Array:
    """T(h, a), odd in a, with T(0, ±inf) = ±1/4."""
    return np.asarray(special.owens_t(h, a))


def _part(h: Array, k: Array, r: Array, s: Array) -> tuple[Array, Array]:
    """T(h, (k - rh)/(h s)) and the error that rounding k - rh puts into it."""
    gap = k - r * h
    below = h * s
    with np.errstate(all="ignore"):
        a = np.where(gap == 0, 0.0, gap / below)
    a = np.where(np.isinf(h), 0.0, a)
    noise = 3 * UNIT * (np.abs(k) + np.abs(r * h))
    with np.errstate(all="ignore"):
        # dT/da <= 1/(2π(1+a²)), and da = noise/|h s|
        spread = noise * np.abs(below) / (2 * np.pi * (below * below + gap * gap))
    spread = np.where(np.isfinite(spread), np.minimum(spread, 0.25), np.where(np.isinf(h) | np.isinf(k), 0.0, 0.25))
    return owens_t(h, a), np.where(gap == 0, np.where(noise == 0, 0.0, spread), spread)


def phi2(h: Array, k: Array, r: Array, s: Array | None = None) -> tuple[Array, Array]:
    """(Phi2(h, k, r), error bound); `s` = √(1 - r²) may be given where it is known better than from r.

    >>> value, error = phi2(np.array(0.0), np.array(0.0), np.array(0.5))
    >>> bool(abs(value - 1 / 3) <= error)
    True
    """
    h, k, r = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (h, k, r)))
    r = np.clip(r, -1.0, 1.0)
    s = np.sqrt((1 - r) * (1 + r)) if s is None else np.broadcast_to(s, r.shape)
    first, e1 = _part(h, k, r, s)
    second, e2 = _part(k, h, r, s)
    # At h = 0 the second argument of T is infinite with the sign of k (T odd in it): T(0, ±inf) = ±1/4.
    first = np.where(h == 0, np.sign(k) / 4, first)
    second = np.where(k == 0, np.sign(h) / 4, second)
    opposite = (h * k < 0) | ((h * k == 0) & (h + k < 0))
    value = (special.ndtr(h) + special.ndtr(k)) / 2 - first - second - np.where(opposite, 0.5, 0.0)
    value = np.where((h == 0) & (k == 0), 0.25 + np.arctan2(r, s) / (2 * np.pi), value)
    value = np.where(np.isinf(h), np.where(h > 0, special.ndtr(k), 0.0), value)
    value = np.where(np.isinf(k), np.where(k > 0, special.ndtr(h), 0.0), value)
    # Perfect correlation: X = Y, or X = -Y.
    value = np.where(s == 0, np.where(r > 0, special.ndtr(np.minimum(h, k)), special.ndtr(h) - special.ndtr(-k)), value)
    value = np.where((s == 0) & (r < 0), np.maximum(value, 0.0), value)
    error = np.where(s == 0, 4 * UNIT, e1 + e2 + 2 * OWEN + 4 * UNIT)
    return np.clip(value, 0.0, 1.0), error
