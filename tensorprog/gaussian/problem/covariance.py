"""The covariance of the variables that an expectation is over, in exact rationals, and its factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tensorprog.errors import fail

Exact = int | float | Fraction
SLACK = Fraction(1, 10**9)
"""How far below zero, relative to the largest variance, an eigenvalue may be by rounding."""


def rational(x: Any) -> Fraction:
    """An entry of a covariance or mean, exactly; NaN and infinity are refused (TP008)."""
    if isinstance(x, Fraction | int):
        return Fraction(x)
    number = float(x)
    if not math.isfinite(number):
        raise fail("TP008", f"{number} in a covariance or mean", help="every entry must be a finite number")
    return Fraction(number)


def covariance(rows: Sequence[Sequence[Any]]) -> tuple[tuple[Fraction, ...], ...]:
    """The matrix in exact rationals; refused (TP008) if not square, symmetric and positive semidefinite up to SLACK."""
    K = [[rational(x) for x in row] for row in rows]
    if any(len(row) != len(K) for row in K):
        raise fail("TP008", "the covariance is not a square matrix")
    scale = max((abs(K[i][i]) for i in range(len(K))), default=Fraction(0))
    for i in range(len(K)):
        for j in range(i):
            if abs(K[i][j] - K[j][i]) > SLACK * scale:
                raise fail(
                    "TP008", f"the covariance is not symmetric: entries {i + 1},{j + 1} and {j + 1},{i + 1} differ"
                )
            K[i][j] = K[j][i] = K[i][j] if K[i][j] == K[j][i] else (K[i][j] + K[j][i]) / 2
    out = tuple(map(tuple, K))
    factor(out)
    return out


def factor(K: Sequence[Sequence[Fraction]]) -> list[list[float]]:
    """L with K = L L^T and as many columns as K has rank: z = L t for independent standard normal t.

    Pivoted Cholesky, the pivots in exact rationals: a singular K loses a column, a nearly singular one does not.

    >>> factor([[Fraction(4), Fraction(2)], [Fraction(2), Fraction(1)]])
    [[2.0], [1.0]]
    """
    n = len(K)
    rest = [list(row) for row in K]
    scale = max((abs(K[i][i]) for i in range(n)), default=Fraction(0))
    columns: list[list[float]] = []
    left = list(range(n))
    while left:
        p = max(left, key=lambda i: rest[i][i])
        pivot = rest[p][p]
        if pivot <= 0:
            break
        columns.append([_over_root(rest[i][p], pivot) for i in range(n)])
        left.remove(p)
        for i in left:
            for j in left:
                rest[i][j] -= K_product(rest[i][p], rest[p][j], pivot)
        for i in range(n):
            if i not in left:
                for j in range(n):
                    rest[i][j] = rest[j][i] = Fraction(0)
    if any(rest[i][i] < -SLACK * scale for i in left) or any(
        abs(rest[i][j]) > SLACK * scale for i in left for j in left
    ):
        raise fail("TP008", "the covariance is not positive semidefinite", help="check its entries")
    return [[c[i] for c in columns] for i in range(n)]


def K_product(a: Fraction, b: Fraction, pivot: Fraction) -> Fraction:
    return a * b / pivot


def _over_root(x: Fraction, pivot: Fraction) -> float:
    """x/√pivot, without overflow of the parts."""
    if x == 0:
        return 0.0
    return math.copysign(math.sqrt(float(x * x / pivot)), x)
