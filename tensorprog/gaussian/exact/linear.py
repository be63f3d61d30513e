"""Small vectors and matrices of exact elements."""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.gaussian.exact.element import Element, one, zero


def dot(a: Sequence[Element], b: Sequence[Element]) -> Element:
    """Σ a_i b_i."""
    out = zero(a[0].ground)
    for x, y in zip(a, b, strict=True):
        if x and y:
            out = out + x * y
    return out


def times(matrix: Sequence[Sequence[Element]], vector: Sequence[Element]) -> tuple[Element, ...]:
    """Return the matrix times the vector."""
    return tuple(dot(row, vector) for row in matrix)


def minor(matrix: Sequence[Sequence[Element]], i: int, j: int) -> Element:
    """Return the determinant without row i and column j."""
    if len(matrix) == 1:
        return one(matrix[0][0].ground)
    return determinant([[x for b, x in enumerate(row) if b != j] for a, row in enumerate(matrix) if a != i])


def determinant(matrix: Sequence[Sequence[Element]]) -> Element:
    """Return the determinant, by expansion along the first row."""
    out = zero(matrix[0][0].ground)
    if len(matrix) == 1:
        return matrix[0][0]
    for j, x in enumerate(matrix[0]):
        if x:
            out = out + (x * minor(matrix, 0, j)).scale((-1) ** j)
    return out
