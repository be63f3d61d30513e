"""The covariance of the variables that an expectation is over, in exact rationals, and its factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tensorprog.errors import fail

Columns = list[tuple[list[Fraction], Fraction]]
SLACK = Fraction(1, 10**9)
"""How far below zero, relative to the largest variance, an eigenvalue may be by rounding."""


def rational(x: Any) -> Fraction:
    """Return an entry of a covariance or mean, exactly; NaN and infinity are refused (TP008)."""
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
    semidefinite(out)
    return out


def semidefinite(K: Sequence[Sequence[Fraction]]) -> Columns:
    """Return the columns of `pivoted`; TP008 if the matrix is not positive semidefinite up to SLACK."""
    scale = max((abs(K[i][i]) for i in range(len(K))), default=Fraction(0))
    columns, rest = pivoted(K)
    if any(abs(x) > SLACK * scale for row in rest for x in row):
        raise fail("TP008", "the covariance is not positive semidefinite", help="check its entries")
    return columns


def factor(K: Sequence[Sequence[Fraction]]) -> list[list[float]]:
    """L with K = L L^T and as many columns as K has rank: z = L t for independent standard normal t.

    Pivoted Cholesky, the pivots in exact rationals: a singular K loses a column, a nearly singular one does not.

    >>> factor([[Fraction(4), Fraction(2)], [Fraction(2), Fraction(1)]])
    [[2.0], [1.0]]
    """
    return [[over_root(column[i], pivot) for column, pivot in semidefinite(K)] for i in range(len(K))]


def pivoted(K: Sequence[Sequence[Fraction]], negligible: float = 0.0) -> tuple[Columns, list[list[Fraction]]]:
    """Columns c and pivots d > 0, the largest first, with K = Σ c c^T / d + rest, where rest is 0 at the pivots.

    A pivot that is `negligible`, relative to the largest variance, is left in the rest.
    """
    rest = [list(map(Fraction, row)) for row in K]
    columns: Columns = []
    least = Fraction(negligible) * max((K[i][i] for i in range(len(K))), default=Fraction(0))
    while rest and rest[p := max(range(len(rest)), key=lambda i: rest[i][i])][p] > max(least, Fraction(0)):
        column, pivot = [row[p] for row in rest], rest[p][p]
        columns.append((column, pivot))
        rest = [
            [x - a * b / pivot for x, b in zip(row, column, strict=True)] if a else row
            for a, row in zip(column, rest, strict=True)
        ]
    return columns, rest


def over_root(x: Fraction, pivot: Fraction) -> float:
    """x/√pivot, without overflow of the parts."""
    if x == 0:
        return 0.0
    return math.copysign(math.sqrt(float(x * x / pivot)), x)
