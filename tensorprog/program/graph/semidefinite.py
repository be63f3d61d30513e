"""Whether a matrix of numbers is a covariance: symmetric and positive semidefinite, up to its entries' rounding."""

from __future__ import annotations

import math
import struct
from array import array
from operator import mul

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.nodes import InputGroup

PSD_TOLERANCE = 1e-9
COARSE = (("e", 4e-3), ("f", 1e-6))
"""Half and single precision in `struct`, and the relative rounding of a Gram matrix that is computed in them."""
SMALL, MOST_WITHOUT_NUMPY = 16, 300
"""Up to which size all eigenvalues are found here, and a root is looked for where there is no numpy."""


def floats(data: bytes) -> array[float]:
    """Return the entries of an array from a file."""
    return array("d", struct.unpack(f"<{len(data) // 8}d", data))


def rounding(data: bytes) -> float:
    """Return the relative rounding that the narrowest type suggests which holds the entries of an array.

    An array of float32 is kept as float64, and recognised by its entries: all of them are numbers of single precision.
    Whole numbers are exact in every type, and say nothing.
    """
    numbers = floats(data)
    if all(map(float.is_integer, numbers)):
        return PSD_TOLERANCE
    return next((r for code, r in COARSE if all(_is_of_type(x, code) for x in numbers)), PSD_TOLERANCE)


def _is_of_type(x: float, code: str) -> bool:
    try:
        return bool(struct.unpack(code, struct.pack(code, x))[0] == x)
    except OverflowError:
        return False


def check_semidefinite(matrix: list[list[float]], group: InputGroup, rounding: float) -> bool:
    """Refuse a matrix that is no covariance; False, if it is too large to be judged without numpy."""
    n = len(matrix)
    name = ", ".join(group.names)
    if any(not math.isfinite(v) for row in matrix for v in row):
        raise fail("TP008", f"the covariance of {name} has an entry that is not a finite number", group.place)
    scale = max((abs(v) for row in matrix for v in row), default=0.0)
    for i in range(n):
        for j in range(i):
            if abs(matrix[i][j] - matrix[j][i]) > rounding * scale:
                raise _not_symmetric(group, matrix[i][j], matrix[j][i])
    floor = -rounding * scale * max(1, n)
    if n <= SMALL:
        least: float | None = _least_pivot(matrix, scale)
    else:
        try:
            least = _least_eigenvalue(matrix)
        except ImportError:  # what only verifies a certificate has no numpy
            if n > MOST_WITHOUT_NUMPY:
                return False
            least = None if _has_root(matrix, -floor) else _least_by_bisection(matrix, -floor)
    if least is not None and least < floor:
        raise _not_semidefinite(least, group)
    return True


def _not_symmetric(group: InputGroup, a: float, b: float) -> TensorProgError:
    return fail(
        "TP008",
        f"the covariance of {', '.join(group.names)} is not symmetric: {a:g} against {b:g}",
        group.place,
        because="Cov(a, b) = Cov(b, a)",
    )


def _not_semidefinite(least: float, group: InputGroup) -> TensorProgError:
    return fail(
        "TP008",
        f"the covariance of {', '.join(group.names)} is not positive semidefinite",
        group.place,
        because=f"some combination of its members would have the negative variance {least:g}",
        help="a covariance matrix has no negative eigenvalue; a Gram matrix X X^T always qualifies",
    )


def _least_pivot(matrix: list[list[float]], scale: float) -> float:
    """Return the least eigenvalue by Jacobi rotations (small matrices, no numpy needed)."""
    a = [row[:] for row in matrix]
    n = len(a)
    for _ in range(60):
        off = max((abs(a[i][j]) for i in range(n) for j in range(i)), default=0.0)
        if off <= 1e-14 * scale:
            break
        for p in range(n):
            for q in range(p + 1, n):
                if abs(a[p][q]) <= 1e-300:
                    continue
                theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                t = math.copysign(1.0, theta) / (abs(theta) + math.hypot(theta, 1.0))
                c = 1 / math.hypot(t, 1.0)
                s = t * c
                for k in range(n):
                    a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
                for k in range(n):
                    a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
    return min(a[i][i] for i in range(n))


def _least_eigenvalue(matrix: list[list[float]]) -> float:
    import numpy as np

    return float(np.linalg.eigvalsh(np.array(matrix)).min())


def _has_root(matrix: list[list[float]], shift: float) -> bool:
    """Return whether A + shift I, shift > 0, has a Cholesky root: whether its least eigenvalue is above 0."""
    rows: list[list[float]] = []
    for i, given in enumerate(matrix):
        row: list[float] = []
        for j, other in enumerate(rows):
            row.append((given[j] - math.fsum(map(mul, row, other))) / other[j])
        pivot = given[i] + shift - math.fsum(map(mul, row, row))
        if pivot <= 0:
            return False
        rows.append([*row, math.sqrt(pivot)])
    return True


def _least_by_bisection(matrix: list[list[float]], low: float) -> float:
    """Return the least eigenvalue of a matrix where it is below -low, to three digits."""
    high = max(math.fsum(map(abs, row)) for row in matrix)  # of minus the eigenvalue, by Gershgorin
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if _has_root(matrix, middle) else (middle, high)
    return -high
