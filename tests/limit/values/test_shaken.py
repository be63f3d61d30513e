"""Programs whose single members would take too long: the arrays' own rounding is measured instead."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tensorprog import derive, models


def recursion(gram: np.ndarray, depth: int) -> mpmath.matrix:
    """The transformer without norm at 1/n, in 40 digits: softmax is uniform, relu has Cho and Saul's form."""
    count = len(gram)
    with mpmath.workdps(40):
        k = mpmath.matrix(gram.tolist())
        for _ in range(depth):
            k += mpmath.ones(count) * (sum(k) / count**2)
            new = k.copy()
            for i in range(count):
                for j in range(count):
                    size = mpmath.sqrt(k[i, i] * k[j, j])
                    angle = mpmath.acos(min(k[i, j] / size, 1))
                    new[i, j] += size * (mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.cos(angle)) / (2 * mpmath.pi)
            k = new
        return k


@pytest.mark.parametrize("depth", [6, 12])
def test_the_error_of_a_deep_transformer_covers_what_rounding_did(depth):
    gram = 0.4 * np.eye(8) + 0.6
    gram[2, 5] = gram[5, 2] = 0.3
    limit = derive(models.transformer(gram.tolist(), depth, scaling="1/n", activation="relu"))
    found = limit.matrix_number(f"x_f{depth}")
    right = recursion(gram, depth)
    off = max(abs(mpmath.mpf(found.value[i, j]) - right[i, j]) for i in range(8) for j in range(8))
    assert off <= found.error <= 1e-8 * found.value.max()
    assert found.error_kind == "estimate"
    assert found.method == "closed-form"
