"""Maxima over windows of a convolution, against dense matrices in plain numpy."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

import tensorprog as tp
from tensorprog import models


def dense_variance(side: int, width: int, draws: int) -> np.ndarray:
    """The variance of the readout of two convolutions (3 x 3, zeros outside), each with relu and maxima of 2 x 2."""
    rng = np.random.default_rng(3)
    out = np.empty(draws)
    for k in range(draws):
        z = rng.standard_normal((side, side, width))
        for _ in range(2):
            w = rng.standard_normal((3, 3, width, width)) * math.sqrt(2 / 9 / width)
            padded = np.pad(z, ((1, 1), (1, 1), (0, 0)))
            size = len(z)
            h = sum(padded[a : a + size, b : b + size] @ w[a, b] for a, b in product(range(3), repeat=2))
            z = np.maximum(np.asarray(h), 0).reshape(size // 2, 2, size // 2, 2, width).max(axis=(1, 3))
        out[k] = 2 * np.mean(z.mean(axis=(0, 1)) ** 2)
    return out


@pytest.mark.long
def test_two_layers_of_maxima() -> None:
    program = models.convolution(16, (4, 4), depth=2, pool=2, pooling="max", head="average")
    found = tp.derive(program, seconds=6).var("f[1]").number
    assert found is not None
    assert found.error < 0.01 * found.value
    draws = dense_variance(4, 256, 150)
    wide = draws.std(ddof=1) / math.sqrt(len(draws))
    assert wide < 0.01 * found.value
    assert abs(draws.mean() - found.value) <= 5 * wide + found.error


def test_a_maximum_of_one_window_has_a_formula() -> None:
    """Var R max(g1, g2, g3), independent standard normals: E max^2 = 1 + sqrt(3)/(2 pi)."""
    program = models.convolution(
        3, (3,), window=1, pool=3, pooling="max", head="average", activation="x", weights="lecun"
    )
    found = tp.derive(program).var("f[1]")
    assert found.method == "closed-form"
    assert found.number is not None
    assert abs(found.number.value - (1 + math.sqrt(3) / (2 * math.pi))) < 1e-12


def test_pooling_has_two_kinds() -> None:
    with pytest.raises(ValueError, match="pooling of"):
        models.convolution(4, (4,), pooling="median")
