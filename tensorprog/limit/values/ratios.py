"""Functions over the length of a Gaussian vector, as batch normalisation makes them: one integral for each length.

    Q^{-a} = 1/Γ(a) ∫_0^∞ s^{a-1} e^{-sQ} ds,      Q = Σ c_i z_i² + c_0 >= 0
    E[F(z) e^{-s·Q}] = det(I + 2AK)^{-1/2} e^{-s·c_0} E_{K'}[F],     K' = K (I + 2AK)^{-1},  A = Σ_m s_m diag(c_m)

With s = e^x the integrand is analytic in a strip and decays at both ends, so the trapezoid rule converges
geometrically (Trefethen & Weideman 2014). For one length `gaussian.integrate.lengths` has a proved bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np

from tensorprog.gaussian.integrate.lengths import Ratio
from tensorprog.limit.rules.labels import Array
from tensorprog.numbers.roots import roots_of

STEPS = (1.0, 0.5, 0.25, 0.125)
LEFT = 110.0
RIGHT = (110.0, 34.0)
"""How far log s goes; beyond e^34 rounding hides the identity in I + 2AK where A does not see all of K."""
NEGLIGIBLE = 1e-17

Inner = Callable[[Array], Array]


def expectation(r: Ratio, cov: Array, inner: Inner) -> tuple[float, float] | None:
    """(value, error) of the expectation; `inner` gives E_{K'}[rest] for K' of shape (points, k, k).

    None where the integral does not settle: then the expectation may not exist.
    """
    for right in RIGHT[len(r.lengths) - 1 :]:
        try:
            return _refined(r, cov, inner, right)
        except np.linalg.LinAlgError:
            continue
    return None


def _refined(r: Ratio, cov: Array, inner: Inner, right: float) -> tuple[float, float] | None:
    before: float | None = None
    for step in STEPS:
        found = _trapezoid(r, cov, inner, step, right)
        if found is None:
            return None
        value, scale = found
        gap = math.inf if before is None else abs(value - before) / scale if scale else 0.0
        # Geometric convergence: the rule of half the step errs by the square, e^{-c/h} becoming e^{-2c/h}.
        if gap <= 1e-7:
            return value, (100 * gap**2 + 1e-14) * scale
        before = value
    return None


def _trapezoid(r: Ratio, cov: Array, inner: Inner, step: float, right: float) -> tuple[float, float] | None:
    """Return the rule of one step, and the sum of its absolute terms; None where the ends have not decayed."""
    sides = [np.arange(-LEFT, right + step / 2, step)] * len(r.lengths)
    if len(r.lengths) > 1:  # the window in which one length's integrand lives, found with the other at rest
        sides = [_window(r, cov, inner, k, sides[k]) for k in range(len(r.lengths))]
    if not all(map(len, sides)):
        return None
    x = np.array(list(product(*sides)))
    weights, moved = _terms(r, cov, x)
    terms = weights * inner(moved) * step ** len(r.lengths)
    if not np.isfinite(terms).all():
        return None
    total, scale = float(terms.sum()), float(np.abs(terms).sum())
    for k in range(len(r.lengths)):
        ends = np.abs(terms[(x[:, k] == x[:, k].min()) | (x[:, k] == x[:, k].max())]).sum()
        if ends > 1e-12 * scale:
            return None
    return total, scale


def _window(r: Ratio, cov: Array, inner: Inner, k: int, grid: Array) -> Array:
    """Return where the integrand of length k matters for some values of the others."""
    kept = np.zeros(len(grid), dtype=bool)
    for rest in (-10.0, -4.0, -1.0, 0.0, 1.0, 4.0, 10.0):
        x = np.full((len(grid), len(r.lengths)), rest)
        x[:, k] = grid
        weights, moved = _terms(r, cov, x)
        size = np.abs(weights * inner(moved))
        kept |= size >= NEGLIGIBLE * size.max()  # all of them where the integrand vanishes
    chosen: Array = grid[kept]
    return chosen


def _terms(r: Ratio, cov: Array, x: Array) -> tuple[Array, Array]:
    """Weights s^a/Γ(a) det(I + 2AK)^{-1/2} e^{-s c0} and the tilted covariances at points x = log s."""
    size = len(cov)
    a = np.zeros((len(x), size))
    log_weight = np.zeros(len(x))
    for m, (q, exponent) in enumerate(r.lengths):
        s = np.exp(x[:, m])
        for i, c in q:
            if i < 0:
                log_weight -= s * float(c)
            else:
                a[:, i] += s * float(c)
        log_weight += float(exponent) * x[:, m] - math.lgamma(float(exponent))
    # K' = L (I + 2 L'AL)^{-1} L' with K = LL': symmetric, and stable for singular K
    root = roots_of(cov)
    inside = np.eye(size) + 2 * np.einsum("ip,ni,iq->npq", root, a, root)
    chol = np.linalg.cholesky(inside)
    log_weight -= np.log(np.einsum("npp->np", chol)).sum(axis=1)
    solved = np.linalg.solve(chol, np.broadcast_to(root.T, inside.shape))
    moved: Array = np.einsum("npi,npj->nij", solved, solved)
    return np.exp(log_weight), moved
