"""What an inexact covariance changes, with proof: a distance between Gaussian laws times the size of the function.

For p = N(m, K) and p' = N(m, K'), K' = L (I + D) L' with K = L L' and d_i the eigenvalues of D, by Cauchy and Schwarz

    |E' F - E F| = |E F (p'/p - 1)| <= (E F²)^{1/2} χ,     χ² = Π (1 - d_i²)^{-1/2} - 1

(one variable of variance r = 1 + d has ∫ p'²/p = (r (2 - r))^{-1/2}). With δ² = Σ d_i² and δ <= 1/2 this is at most
exp(δ²/(2 (1 - δ²))) - 1 <= δ². And δ = ||L^{-1} (K' - K) L^{-T}||_F <= ||K' - K||_F / λ, λ the least eigenvalue of K.
Nothing is asked of F but a second moment, at K alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tensorprog.gaussian.certified import enclose
from tensorprog.terms import Num, Term, Var
from tensorprog.terms.term import power, substitute

COARSE = 1e-2
"""The relative error at which E F² is good enough."""
ROUNDED = 1e-13
"""More than what rounding does to eigenvalues of small matrices, relative to the largest entry."""


def moved(
    term: Term,
    variables: Sequence[Var],
    cov: Sequence[Sequence[Fraction]],
    mean: Sequence[Fraction],
    errors: Sequence[Sequence[float]],
    values: Mapping[str, Fraction],
    at_most: float | None = None,
) -> float | None:
    """A bound of |E' F - E F| for all covariances whose entries are off by at most `errors`; None where none is found.

    `at_most` is a bound of |F|, where the caller has one.

    >>> from tensorprog.terms import read
    >>> bound = moved(read("a^2"), [Var("a")], [[Fraction(1)]], [Fraction(0)], [[1e-9]], {})
    >>> 1e-9 <= bound <= 1.8e-9
    True
    """
    size = float(np.linalg.norm(np.array(errors, dtype=float)))
    if size == 0.0:
        return 0.0
    k = np.array([[float(x) for x in row] for row in cov])
    least = float(np.linalg.eigvalsh(k)[0]) - ROUNDED * len(k) * float(np.abs(k).max())
    delta = size / least * (1 + 1e-9) if least > 0 else math.inf
    if not delta <= 0.5:
        return None
    if at_most is not None:
        return at_most * delta * (1 + 1e-9)
    change: dict[Term, Term] = {Var(n): Num(x) for n, x in values.items()}
    square: Any = enclose(power(substitute(term, change), Num(2)), variables, cov, mean, tolerance=COARSE)
    if square is None or not math.isfinite(square[1]):
        return None
    return math.sqrt(max(square[1], 0.0)) * delta * (1 + 1e-9)
