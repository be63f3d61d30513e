"""sign and step: kernels with an infinite slope at ρ = ±1, computed from 1 - |ρ|.

asin ρ loses half of the digits of ρ near ±1. The distance t = 1 - |ρ| = |u ∓ v|²/2 of the normalised inputs keeps them:
asin ρ = ±(π/2 - 2 asin √(t/2)). A block holds t with the sign of ρ, through all layers; after the first layer all
variances are equal (but for inputs of variance 0), so t is carried on exactly:

    sign: ρ' = ±(1 - τ), τ = (4/π) asin √(t/2)        step: ρ' = 1/2 + asin(ρ)/π = 1 - τ/2 or τ/2
    bias: 1 - ρ'' = w (1 - ρ'), w = σ_w² E φ² / (σ_w² E φ² + σ_b²)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class Angular:
    """The kernel of a network of sign (odd) or step units; `vectors` are normalised inputs, rows of length 1 or 0."""

    odd: bool
    depth: int
    w: float
    b: float

    @property
    def square(self) -> float:
        """E φ² at a positive variance."""
        return 1.0 if self.odd else 0.5

    def block(self, rho: Array, u: Array, v: Array) -> Array:
        """K after `depth` layers, for normalised first-layer inputs u and v, rho = u v'."""
        np.clip(rho, -1.0, 1.0, out=rho)
        t = 1 - np.abs(rho)
        i, j = np.nonzero(t < CLOSE)
        step = max(1, 4_000_000 // max(1, u.shape[1]))
        for s in range(0, len(i), step):
            p, q = i[s : s + step], j[s : s + step]
            gap = u[p] - np.sign(rho[p, q])[:, None] * v[q]
            t[p, q] = np.einsum("kd,kd->k", gap, gap) / 2
        negative = rho < 0
        zero = np.all(u == 0, axis=1)[:, None], np.all(v == 0, axis=1)[None, :]
        total = self.w * self.square + self.b
        share = self.w * self.square / total if total > 0 else 0.0
        f = np.empty_like(t)
        for layer in range(self.depth):
            tau = 4 / np.pi * np.arcsin(np.sqrt(t / 2))
            # one = 1 - ρ' and other = 1 + ρ', both without cancellation where they are small
            if self.odd:
                one, other = np.where(negative, 2 - tau, tau), np.where(negative, tau, 2 - tau)
            else:
                one = np.where(negative, 1 - tau / 2, tau / 2)
                other = 2 - one
            f = self.square * np.where(one < other, 1 - one, other - 1)
            f = self._with_zeros(f, *zero)  # after the first layer: only zeros that stayed zeros
            k = self.w * f + self.b
            if layer + 1 == self.depth:
                return k
            one = share * one
            other = share * other + 2 * (1 - share)
            t, negative = np.minimum(one, other), other < one
            if layer == 0 and (zero[0].any() or zero[1].any()):
                # only inputs of variance 0 have another variance than `total`
                s = np.sqrt(np.where(zero[0], self._at_zero(), total) * np.where(zero[1], self._at_zero(), total))
                rho = np.divide(k, s, out=np.zeros_like(k), where=s > 0)
                touched = zero[0] ^ zero[1]
                t, negative = np.where(touched, 1 - np.abs(rho), t), np.where(touched, rho < 0, negative)
                both = zero[0] & zero[1]
                t, negative = np.where(both, 0.0 if self._at_zero() > 0 else 1.0, t), negative & ~both
                zero = zero[0] & (self._at_zero() == 0), zero[1] & (self._at_zero() == 0)
            elif zero[0].any() or zero[1].any():
                t = np.where(zero[0] | zero[1], 1.0, t)
        return f

    def _at_zero(self) -> float:
        """Return the variance after the first layer of an input of variance 0: φ(0) is 0 for sign, 1/2 for step."""
        return self.b if self.odd else self.w / 4 + self.b

    def _with_zeros(self, f: Array, zero: Mask, zero2: Mask) -> Array:
        if not (zero.any() or zero2.any()):
            return f
        return np.where(zero | zero2, 0.0 if self.odd else 0.25, f)
