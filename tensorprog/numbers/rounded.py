"""Arrays that carry a bound on their own rounding error, for evaluating closed forms.

Each operation adds the rounding of its result to what its operands' errors do to it (Higham, Accuracy and Stability of
Numerical Algorithms, §3.3). The bounds are to first order with a margin: `UNIT` is twice the unit roundoff.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

UNIT = 2.0**-52
_NORMAL = 2 / np.sqrt(np.pi)
Array = NDArray[np.float64]
OWEN = 4 * UNIT
"""scipy's Owen's T is accurate to about one unit in 1/4."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """value with |value - exact| <= error; both arrays or numbers."""

    value: Any
    error: Any

    def __add__(self, other: Rounded) -> Rounded:
        v = self.value + other.value
        return Rounded(v, self.error + other.error + UNIT * np.abs(v))

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error)

    def __mul__(self, other: Rounded) -> Rounded:
        v = self.value * other.value
        quick = np.abs(self.value) * other.error + np.abs(other.value) * self.error + self.error * other.error
        quick = quick + UNIT * np.abs(v)
        if np.all(np.isfinite(quick)):
            return Rounded(v, quick)
        # 0 · ∞ is what remains of a factor that vanishes faster than the other grows; an overflow carries error ∞.
        v = np.where(np.isnan(v) & ((self.value == 0) | (other.value == 0)), 0.0, v)
        e = np.abs(self.value) * other.error + np.abs(other.value) * self.error + self.error * other.error
        lost = np.isinf(self.error) | np.isinf(other.error)
        return Rounded(v, np.where(lost, np.inf, np.where(np.isnan(e), 0.0, e) + UNIT * np.abs(v)))


def _raised(v: Any, p: float) -> Any:
    """v^p, by the quick operation where there is one."""
    if p == 2:
        return v * v
    if p in {-0.5, 0.5}:
        return np.sqrt(v) if p > 0 else 1 / np.sqrt(v)
    return 1 / v if p == -1 else np.power(v, p)


def power(x: Rounded, p: float, whole: bool) -> Rounded:
    """x^p; a radicand is a variance or a determinant, so that a negative one is a rounded zero."""
    v, e = x.value, x.error
    if not whole:
        v = np.maximum(v, 0.0)
    y = _raised(v, p)
    if isinstance(e, float) and e == 0.0:
        return Rounded(y, 3 * UNIT * np.abs(np.where(np.isinf(y), 0.0, y)))
    # |d log x| <= e/(|x| - e), and the power's own error of a few units
    with np.errstate(all="ignore"):
        relative = abs(p) * np.where(e == 0, 0.0, e / np.maximum(np.abs(v) - e, 0.0))
        growth = relative * (1 + relative)  # e^x - 1 <= x + x² for x <= 1
        if np.any(relative > 1):
            growth = np.where(relative > 1, np.expm1(np.minimum(relative, 700.0)), growth)
        grown = np.abs(y) * growth
        zero = v == 0
        if np.any(zero):
            grown = np.where(zero, e**p if p > 0 else np.where(e == 0, 0.0, np.inf), grown)
        if 0 < p < 1 and np.any(relative > 0.1):
            grown = np.minimum(grown, e**p)  # |√a - √b| <= √|a - b|
        if p >= 1 and np.any(relative > 0.1):  # the mean value theorem, which x² beside 0 needs
            grown = np.minimum(grown, p * e * (np.abs(v) + e) ** (p - 1) * (1 + 1e-12))
    exact = whole and p == 1
    return Rounded(y, grown + (0.0 if exact else 3 * UNIT * np.abs(np.where(np.isinf(y), 0.0, y))))


def over_root(c: Rounded, p: Rounded) -> Rounded:
    """c/√p with 0/0 = 0: what a correlation is when a variance vanishes."""
    out = c * power(p, -0.5, False)
    both = (c.value == 0) & (p.value <= 0)
    return Rounded(np.where(both, 0.0, out.value), np.where(both, 0.0, out.error))


def angle(c: Rounded, d: Rounded) -> Rounded:
    """asin(c/√(c² + d)) = atan2(c, √d): exact to the last digits however close to ±1 the sine is."""
    root = power(d, 0.5, False)
    v = np.arctan2(c.value, root.value)
    # dθ = (√d dc - c d√d)/(c² + d); doubled, while the errors are small against the radius
    with np.errstate(all="ignore"):
        radius = np.hypot(c.value, root.value)
        x, y = np.abs(c.value) / radius, root.value / radius
        turn = 2 * (y * (c.error / radius) + x * (root.error / radius))
        turn = np.where(c.error + root.error > 0.1 * radius, np.pi, np.minimum(turn, np.pi))
    turn = np.where((c.error == 0) & (root.error == 0), 0.0, turn)
    return Rounded(v, turn + 2 * UNIT * np.abs(v))


def _exp(x: Rounded) -> Rounded:
    v = np.exp(x.value)
    e = v * np.expm1(np.minimum(x.error, 700.0)) + 2 * UNIT * v
    return Rounded(v, np.where(np.isneginf(x.value), 0.0, np.where(np.isinf(v), np.inf, e + UNIT**20)))


def _erf(x: Rounded) -> Rounded:
    v = special.erf(x.value)
    return Rounded(v, _normal_change(x) + 3 * UNIT * np.abs(v))


def _erfc(x: Rounded) -> Rounded:
    v = special.erfc(x.value)
    return Rounded(v, _normal_change(x) + (4 + 2 * np.minimum(x.value * x.value, 1e3)) * UNIT * v)


def _normal_change(x: Rounded) -> Any:
    """Return how far erf moves: its slope at the nearest point to 0 within the error, times the error."""
    near = np.maximum(np.abs(x.value) - x.error, 0.0)
    e = np.where(np.isinf(x.value), 0.0, x.error)
    return np.minimum(_NORMAL * np.exp(-np.minimum(near * near, 745.0)) * e, 2.0)


def _asin(x: Rounded) -> Rounded:
    clipped = np.clip(x.value, -1.0, 1.0)
    v = np.arcsin(clipped)
    e = x.error + UNIT
    with np.errstate(all="ignore"):
        slope = 1 / np.sqrt(np.maximum((1 - np.abs(clipped) - e) * (1 + np.abs(clipped)), 0.0))
    return Rounded(v, np.minimum(slope * x.error, 2 * np.sqrt(2 * e)) + 2 * UNIT * np.abs(v))


def _lipschitz(f: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Rounded], Rounded]:
    def run(x: Rounded) -> Rounded:
        v = f(x.value)
        return Rounded(v, slope(x) * x.error + 2 * UNIT * np.abs(v) + UNIT * UNIT)

    return run


# Φ2 by Owen's T (Owen 1956): with s = √(1 - r²),
#     Phi2(h, k, r) = (Φ(h) + Φ(k))/2 - T(h, (k - rh)/(h s)) - T(k, (h - rk)/(k s)) - [h, k of opposite signs]/2
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


def _phi2(h: Rounded, k: Rounded, r: Rounded) -> Rounded:
    v, own = phi2(h.value, k.value, r.value)
    s = np.sqrt(np.maximum((1 - r.value) * (1 + r.value), 0.0))
    with np.errstate(all="ignore"):
        turn = np.minimum(r.error / s, 2 * np.sqrt(2 * (r.error + UNIT)))
    return _phi2_bound(v, own, h, k, np.where(r.error == 0, 0.0, np.where(np.isnan(turn), 1.0, turn)))


def phi2_of_angle(h: Rounded, k: Rounded, c: Rounded, d: Rounded) -> Rounded:
    """Phi2(h, k, c/√(c² + d)), accurate however close to ±1 the correlation is."""
    theta, root = angle(c, d), power(d, 0.5, False).value
    with np.errstate(all="ignore"):
        radius = np.hypot(c.value, root)
        r = np.where(radius == 0, 0.0, c.value / radius)
        s = np.where(radius == 0, 1.0, root / radius)
    v, own = phi2(h.value, k.value, r, s)
    return _phi2_bound(v, own, h, k, theta.error)


def _phi2_bound(v: Any, own: Any, h: Rounded, k: Rounded, turn: Any) -> Rounded:
    """The slopes of Phi2 are at most 1/√(2π) in h and k, and 1/2π in asin r."""
    change = [np.where(np.isinf(x.value), 0.0, 0.4 * x.error) for x in (h, k)]
    return Rounded(v, own + change[0] + change[1] + turn / (2 * np.pi))


def _owen(h: Rounded, a: Rounded) -> Rounded:
    v = owens_t(np.asarray(h.value, dtype=float), np.asarray(a.value, dtype=float))
    e = 0.2 * np.where(np.isinf(h.value), 0.0, h.error) + 0.16 * np.where(np.isinf(a.value), 0.0, a.error)
    return Rounded(v, e + 4 * UNIT)


FUNCTIONS: dict[str, Callable[..., Rounded]] = {
    "exp": _exp,
    "erf": _erf,
    "erfc": _erfc,
    "asin": _asin,
    "sin": _lipschitz(np.sin, lambda x: 1.0),
    "cos": _lipschitz(np.cos, lambda x: 1.0),
    "atan": _lipschitz(np.arctan, lambda x: 1.0),
    "tanh": _lipschitz(np.tanh, lambda x: 1.0),
    "sinh": _lipschitz(np.sinh, lambda x: np.cosh(np.abs(x.value) + x.error)),
    "cosh": _lipschitz(np.cosh, lambda x: np.cosh(np.abs(x.value) + x.error)),
    "Abs": _lipschitz(np.abs, lambda x: 1.0),
    "Phi2": _phi2,
    "OwenT": _owen,
}
