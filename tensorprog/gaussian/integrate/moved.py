"""What an inexact covariance or mean changes, with proof: a distance of Gaussian laws times the size of the function.

For p = N(m, K), K = L L', and p' = N(m + L μ, L (I + D) L') with d_i the eigenvalues of D, by Cauchy and Schwarz

    |E' F - E F| = |E F (p'/p - 1)| <= (E F²)^{1/2} χ,     1 + χ² = Π (1 - d_i²)^{-1/2} e^{μ_i²/(1 - d_i)}

in coordinates where D is diagonal: for one variable with variance r = 1 + d and mean μ, completing the square gives
∫ p'²/p = (r (2 - r))^{-1/2} e^{μ²/(2 - r)}. With δ² = Σ d_i² <= 1/4 this is at most e^x,
x = δ²/(2 (1 - δ²)) + |μ|²/(1 - δ). And D = L^{-1} (K' - K) L^{-T} is bounded entry by entry, so that variables of
different scales do not disturb one another.
Nothing is asked of F but a second moment, at K alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb_mat

from tensorprog.gaussian.cells.law import law_of
from tensorprog.gaussian.integrate.certified import enclose
from tensorprog.kernel.ground.term import power, substitute
from tensorprog.numbers.precision import precision
from tensorprog.terms import Num, Term, Var

COARSE = 1e-2
"""The relative error at which E F² is good enough."""
UP = 1e-9
"""Relative; more than the rounding of the few operations in floats."""
LEAST = 1e-150
"""Below this, squares are no normal floats."""
BITS = 512


def moved(
    term: Term,
    variables: Sequence[Var],
    cov: Sequence[Sequence[Fraction]],
    mean: Sequence[Fraction],
    errors: Sequence[Sequence[float]],
    values: Mapping[str, Fraction],
    at_most: float | None = None,
    off: Sequence[float] | None = None,
) -> float | None:
    """A bound of |E' F - E F| for covariances off by at most `errors` and means by `off`; None where none is found.

    `at_most` is a bound of |F|, where the caller has one.

    >>> from tensorprog.terms import read
    >>> bound = moved(read("a^2"), [Var("a")], [[Fraction(1)]], [Fraction(0)], [[1e-9]], {})
    >>> 1e-9 <= bound <= 1.8e-9
    True
    """
    chi = distance(cov, mean, errors, off if off is not None else [0.0] * len(mean))
    if chi is None or chi == 0.0:
        return chi
    if at_most is not None:
        return at_most * chi * (1 + 1e-9)
    change: dict[Term, Term] = {Var(n): Num(x) for n, x in values.items()}
    square: Any = enclose(power(substitute(term, change), Num(2)), variables, cov, mean, tolerance=COARSE)
    if square is None or not math.isfinite(square[1]):
        return None
    return math.sqrt(max(square[1], 0.0)) * chi * (1 + 1e-9)


def distance(
    cov: Sequence[Sequence[Fraction]],
    mean: Sequence[Fraction],
    errors: Sequence[Sequence[float]],
    off: Sequence[float],
) -> float | None:
    """A bound of χ; None where K is singular, beside variables that are surely constant, or the errors are large."""
    used = [i for i in range(len(mean)) if cov[i][i] or off[i] or any(errors[i])]
    e, m = np.array([[errors[i][j] for j in used] for i in used]), np.array([off[i] for i in used])
    if not (e.any() or m.any()):
        return 0.0
    with precision(BITS):
        law = law_of([str(i) for i in used], [[cov[i][j] for j in used] for i in used], [mean[i] for i in used])
        if law.dimension < len(used):
            return None
        try:
            inverse = arb_mat([list(row) for row in law.exact_slopes]).inv()
        except ZeroDivisionError:
            return None
        w = np.array([[float(abs(x).upper()) for x in row] for row in inverse.tolist()]) * (1 + UP)
    delta, shift = float(np.linalg.norm(w @ e @ w.T)) * (1 + UP), float(np.linalg.norm(w @ m)) * (1 + UP)
    if not (delta <= 0.5 and shift <= 1.0):
        return None
    return math.sqrt(math.expm1(delta**2 / (2 * (1 - delta**2)) + shift**2 / (1 - delta))) * (1 + UP) + LEAST
