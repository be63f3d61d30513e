"""erf and tanh on arrays with a true bound on the error: Taylor polynomials about the middles of short cells.

On a cell of half-width r about c, f(c + d) = Σ_{k<n} f_k d^k + R with |R| <= M (r/a)^n / (1 - r/a), M a bound of |f| on
the disc |z - c| <= a (Cauchy). The coefficients f_k come from ball arithmetic. Beyond the last cell f is its limit ±1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb, arb_series
from numpy.typing import NDArray

from tensorprog.numbers.precision import precision

Array = NDArray[np.float64]
UNIT = 2.0**-53
DEGREE = 11
CELL = 2.0**-4
"""A power of two: the middles of the cells are floats."""


@dataclass(frozen=True)
class Table:
    """A bounded increasing function by its Taylor coefficients, one row for each power."""

    coefficients: Array
    reach: float
    error: float

    def __call__(self, x: Array) -> Array:
        """The function at x, within `error` of the truth at the same floats."""
        x = np.clip(x, -self.reach, self.reach)
        cell = np.rint(x / CELL)
        d = x - cell * CELL  # exact: floats within a factor of two of each other, or the cell about 0
        at = (cell + round(self.reach / CELL)).astype(np.intp)
        out: Array = self.coefficients[-1][at]
        for row in self.coefficients[-2::-1]:
            out *= d
            out += row[at]
        return out


@lru_cache(maxsize=4)
def table(head: str) -> Table:
    """The table of erf or of tanh.

    >>> f = table("erf")
    >>> abs(float(f(np.array([0.3]))[0]) - math.erf(0.3)) <= f.error < 1e-15
    True
    """
    # |erf(x + iy)| <= 1 + 2/√π y e^{y²};  |tanh(x + iy)| <= max(1, tan y);
    # 1 - erf x <= e^{-x²},  1 - tanh x <= 2 e^{-2x}
    reach, a, M, beyond = (7.0, 1.0, 4.1, math.exp(-49.0)) if head == "erf" else (21.0, 1.25, 3.1, 2 * math.exp(-42.0))
    cells = round(reach / CELL)
    with precision(120):
        rows = [_taylor(head, arb(k) * CELL) for k in range(-cells, cells + 1)]
        coefficients = np.array([[float(c.mid()) for c in row] for row in rows]).T
    r = CELL / 2
    left_out = 1.01 * M * (r / a) ** DEGREE / (1 - r / a)
    # Horner's rule rounds the k-th coefficient's part at most 2k + 1 times; once more to store it.
    powers = r ** np.arange(DEGREE)
    rounded = float(np.max(np.abs(coefficients).T @ ((2 * np.arange(DEGREE) + 2.1) * UNIT * powers)))
    return Table(np.ascontiguousarray(coefficients), reach, 1.01 * (left_out + rounded + beyond))


def _taylor(head: str, c: Any) -> list[Any]:
    x = arb_series([c, 1], prec=DEGREE)
    y = x.erf() if head == "erf" else 1 - 2 / (1 + (2 * x).exp())
    return [y[k] for k in range(DEGREE)]
