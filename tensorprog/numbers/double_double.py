"""Polynomials of arrays in twice the working precision: sums such as K11 K22 - K12^2 keep all their digits.

A double-double is an unevaluated sum of two floats. Dekker 1971 (products), Knuth 1969 (sums): no fused operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[Array, Array]
_SPLITTER = 134217729.0


def two_sum(a: Array, b: Array) -> Pair:
    """s, e with s + e = a + b exactly and s the rounded sum."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def two_product(a: Array, b: Array) -> Pair:
    """p, e with p + e = a b exactly and p the rounded product.

    >>> p, e = two_product(np.array(1 + 2.0**-30), np.array(1 - 2.0**-30))
    >>> float(p), float(e)
    (1.0, -8.673617379884035e-19)
    """
    p = a * b
    big = _SPLITTER * a
    a1 = big - (big - a)
    big = _SPLITTER * b
    b1 = big - (big - b)
    a2, b2 = a - a1, b - b1
    return p, a2 * b2 - (((p - a1 * b1) - a2 * b1) - a1 * b2)


def _times(x: Pair, y: Pair) -> Pair:
    p, e = two_product(x[0], y[0])
    return two_sum(p, e + (x[0] * y[1] + x[1] * y[0]))


def _plus(x: Pair, y: Pair) -> Pair:
    s, e = two_sum(x[0], y[0])
    return two_sum(s, e + x[1] + y[1])


def polynomial(coefficients: Mapping[tuple[int, ...], Fraction], x: Sequence[Array]) -> tuple[Array, Array]:
    """Σ c_m x^m, correctly rounded but for a relative 2^-100 of Σ |c_m x^m|, and that sum of sizes."""
    zero = np.zeros_like(x[0])
    total: Pair = (zero, zero)
    size = zero
    powers: dict[tuple[int, int], Pair] = {}

    def power(i: int, n: int) -> Pair:
        if (i, n) not in powers:
            one: Pair = (x[i], zero)
            powers[i, n] = one if n == 1 else _times(power(i, n - 1), one)
        return powers[i, n]

    for exponents, c in coefficients.items():
        high = float(c)
        term: Pair = (zero + high, zero + float(c - Fraction(high)))
        for i, n in enumerate(exponents):
            if n:
                term = _times(term, power(i, n))
        total = _plus(total, term)
        size = size + np.abs(term[0])
    return total[0], size
