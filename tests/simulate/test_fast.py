"""The compiled engine: its normals have the normal law to the far tail, and only its own stream differs."""

from __future__ import annotations

from importlib import import_module
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tensorprog.errors import TensorProgError
from tensorprog.language import loads
from tensorprog.simulate import simulate
from tensorprog.simulate.draw.fast import gram_rows, tables
from tensorprog.simulate.draw.streams import Stream

MANY = 8_000_000
PROGRAM = """
index i, j in 1..3
input u[i] ~ N(0, 1)
weight Q, K, V ~ N(0, 1/n)
x[i] = relu(u[i])
p[i,j] = dot(Q @ x[i], K @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (V @ x[j]) for j)
output y"""


@pytest.fixture(scope="module")
def normals() -> Any:
    return Stream.of("fast", 3, 5, 7).normals((MANY,), np.dtype(np.float64))


def test_layers_have_equal_areas() -> None:
    x, f = tables()
    tail = sqrt(2 * np.pi) * stats.norm.sf(x[1])
    assert np.allclose(x[1:-1] * np.diff(f)[1:], x[1] * f[1] + tail, rtol=1e-13)
    assert (np.diff(x) < 0).all()
    assert (x[-1], f[-1]) == (0.0, 1.0)


def test_cells_are_hit_as_often_as_they_should(normals: Any) -> None:
    """2,000 cells of equal chance: finer than the layers, so that a wrong wedge would show."""
    counts, _ = np.histogram(stats.norm.cdf(normals), bins=2000, range=(0, 1))
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("beyond", [2.5, 3.0, 3.6, 3.7, 4.2, 4.8])
def test_tails(normals: Any, beyond: float) -> None:
    """Both sides of r = 3.654, where the tail has an algorithm of its own."""
    for side in (normals > beyond, normals < -beyond):
        chance = stats.norm.sf(beyond)
        assert abs(side.sum() - MANY * chance) < 4.5 * sqrt(MANY * chance)


def test_moments_and_memory(normals: Any) -> None:
    for k, want, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs(np.mean(normals**k) - want) < 4.5 * sqrt(spread / MANY)
    for lag in (1, 2, 3, 4, 64):  # neighbours are uncorrelated, and so are their sizes
        a, b = normals[:-lag], normals[lag:]
        assert abs(np.mean(a * b)) < 4.5 / sqrt(MANY)
        assert abs(np.mean((a * a - 1) * (b * b - 1))) < 4.5 * 2 / sqrt(MANY)


def test_streams_do_not_meet() -> None:
    """Streams of other blocks, widths and seeds, and the words of numpy's generator, share no number."""
    keys = [(3, 5, 7), (3, 5, 8), (3, 6, 7), (4, 5, 7)]
    found = [Stream.of("fast", *key).normals((1000,), np.dtype(float)) for key in keys]
    assert len(np.unique(np.concatenate(found))) == 1000 * len(keys)
    assert np.array_equal(found[0], Stream.of("fast", *keys[0]).normals((1000,), np.dtype(float)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gram(dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((5, 7, 300)).astype(dtype)
    out = np.empty((5, 7, 7), dtype=dtype)
    gram_rows(x, out)
    assert np.allclose(out, np.einsum("dim,djm->dij", x.astype(float), x), rtol=1e-4 if dtype == "float32" else 1e-13,
                       atol=1e-3 if dtype == "float32" else 1e-12)  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_depend_on_the_seed_alone(dtype: str) -> None:
    program = loads(PROGRAM)
    options: dict[str, Any] = {"n": 512, "samples": 1100, "rng": 4, "dtype": dtype, "engine": "fast"}
    once = simulate(program, **options)["y"]
    assert once.dtype == dtype
    assert np.array_equal(once, simulate(program, **options, workers=2)["y"])
    assert not np.array_equal(once, simulate(program, **{**options, "engine": "numpy"})["y"])


def test_blocks_of_one_engine_are_not_taken_for_those_of_the_other(tmp_path: Any) -> None:
    program = loads(PROGRAM)
    fast = simulate(program, n=64, samples=50, rng=4, engine="fast", checkpoint=str(tmp_path))["y"]
    plain = simulate(program, n=64, samples=50, rng=4, checkpoint=str(tmp_path))["y"]
    assert np.array_equal(plain, simulate(program, n=64, samples=50, rng=4)["y"])
    assert np.array_equal(fast, simulate(program, n=64, samples=50, rng=4, engine="fast")["y"])


def test_missing_or_unknown_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    program = loads(PROGRAM)
    with pytest.raises(TensorProgError, match="no engine quick"):
        simulate(program, n=8, samples=2, engine="quick")
    monkeypatch.setattr(import_module("tensorprog.simulate.plan.plan"), "find_spec", lambda name: None)
    with pytest.raises(TensorProgError, match="needs numba"):
        simulate(program, n=8, samples=3, engine="fast")
