"""The statistics of validation: means over draws, the fit to infinite width, distances of laws, several tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """estimate(n) = a + b h(n) + ...: a, its standard error, the coefficients, and how well it fits."""

    intercept: float
    standard_error: float
    coefficients: tuple[float, ...]
    weights: tuple[float, ...]
    chi2: float
    freedom: int


def orders(widths: Sequence[int], half: bool) -> tuple[float, ...]:
    """Return the powers of 1/n in the fit: 0, then 1, 2 (or 1/2, 1), as many as the widths allow, three at most."""
    powers = (0.0, 0.5, 1.0) if half else (0.0, 1.0, 2.0)
    return powers[: min(3, len(set(widths)))]


def fit(widths: Sequence[int], estimates: Sequence[float], errors: Sequence[float], powers: Sequence[float]) -> Fit:
    """Return weighted least squares of the estimates on powers of 1/n; the intercept is the estimate at infinite width.

    With design X, weights 1/s^2: a = e_0'(X'WX)^-1 X'W m =: sum_i w_i m_i, Var a = sum_i w_i^2 s_i^2.
    """
    n = np.asarray(widths, dtype=float)
    h = (n.min() / n)[:, None] ** np.asarray(powers)[None, :]
    s = np.asarray(errors, dtype=float)
    m = np.asarray(estimates, dtype=float)
    floor = max(float(s.max()) * 1e-9, 1e-300)
    s = np.maximum(s, floor)
    solve = np.linalg.pinv(h / s[:, None]) / s[None, :]
    beta = solve @ m
    with np.errstate(over="ignore"):
        chi2 = float((((m - h @ beta) / s) ** 2).sum())
    error = float(np.sqrt((solve[0] ** 2 * s**2).sum()))
    back = tuple(float(b * n.min() ** p) for b, p in zip(beta, powers, strict=True))
    return Fit(float(beta[0]), error, back, tuple(map(float, solve[0])), chi2, len(n) - len(powers))


def normal_p(z: float) -> float:
    """Two-sided p-value of a standard normal."""
    return float(2.0 * special.ndtr(-abs(z)))


def studentized_p(z: float, skewness: float) -> float:
    """Two-sided p-value of (mean - mu)/SE, where the mean has a skewness of this size: twice the heavier tail.

    P(T <= -z) = Phi(-z) + skewness/6 (2 z^2 + 1) phi(z) (Hall 1987): a few large draws, when they are missing, make the
    mean too small and its error too small with it.
    """
    density = math.exp(-min(z * z / 2, 700.0)) / math.sqrt(2 * math.pi)
    return min(1.0, normal_p(z) + skewness / 3 * (2 * z * z + 1) * density)


def kolmogorov_p(statistic: float, effective: float) -> float:
    """p-value of sqrt(N) sup |F_N - F|, with Stephens' correction for small N."""
    root = np.sqrt(effective)
    return float(special.kolmogorov((root + 0.12 + 0.11 / root) * statistic))


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Find which hypotheses are rejected, the chance of any false rejection being at most `level` (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    rejected = [False] * len(p_values)
    for rank, k in enumerate(order):
        if p_values[k] > level / (len(p_values) - rank):
            break
        rejected[k] = True
    return rejected


def extrapolated_distance(
    samples: Sequence[Array], weights: Sequence[float], at: Array, theory: Array
) -> tuple[float, float]:
    """(sup over `at` of |sum_i w_i F_i - F|, effective number of draws), F_i the empirical law at width i.

    If the law at width n is F + b h(n) + ..., the combination with the intercept's weights has mean F, and its
    fluctuations are those of one empirical law of N = 1/sum(w_i^2/N_i) draws. Both functions are continuous from the
    right, so that atoms (relu of a Gaussian at 0) do no harm.
    """
    combined = np.zeros_like(at)
    for x, w in zip(samples, weights, strict=True):
        ordered = np.sort(x)
        combined += w * np.searchsorted(ordered, at, side="right") / len(x)
    effective = 1.0 / sum(w * w / len(x) for x, w in zip(samples, weights, strict=True))
    return float(np.abs(combined - theory).max()), effective
