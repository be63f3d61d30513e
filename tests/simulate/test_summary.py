"""Statistics of streams: exact, whatever the blocks and their order, and small however many draws."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tensorprog.language import loads
from tensorprog.simulate import simulate
from tensorprog.simulate.execute.summary import Moments, Summary
from tensorprog.simulate.run import statistics


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.integers(0, 2**32))
def test_merged_moments_are_those_of_the_whole(sizes: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).gamma(0.7, size=(sum(sizes), 2)) + 5.0
    merged: Any = None
    for part in np.split(x, np.cumsum(sizes)[:-1]):
        merged = Moments.of(part) if merged is None else merged.merged(Moments.of(part))
    for k, row in enumerate(merged.rows(["a", "b"])):
        column = x[:, k]
        assert row["mean"] == pytest.approx(column.mean(), rel=1e-12)
        assert row["variance"] == pytest.approx(column.var(), rel=1e-9)
        assert row["excess_kurtosis"] == pytest.approx(stats.kurtosis(column), rel=1e-7, abs=1e-7)


def test_order_of_arrival_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal((10, 2, 1)) for _ in range(5)]
    found = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 1, 3]):
        summary = Summary([["y[1]", "y[2]"]], 47)
        for b in order:
            summary.add(b, [blocks[b]])
        found.append(summary.rows())
    assert found[0] == found[1]
    assert found[0][1]["mean"] == pytest.approx(np.concatenate(blocks)[:47, 1, 0].mean())


PROGRAM = """
index i in 2..3
index t in 0..1
input u[i,t] ~ N(0, 1)
weight W ~ N(0, 1/n)
y[i,t] = W @ u[i,t]
output y[i,1]
output y[2,0]
"""


def test_streamed_and_kept_draws_say_the_same() -> None:
    kept = simulate(loads(PROGRAM), n=8, samples=3000, rng=2)
    streamed = statistics(loads(PROGRAM), 8, 3000, 2)
    assert [r["of"] for r in kept.summary()] == ["y[2,1]", "y[3,1]", "y[2,0]"]
    for a, b in zip(kept.summary(), streamed.statistics, strict=True):
        assert a == pytest.approx(b)


def test_memory_does_not_grow_with_the_draws() -> None:
    program = loads("input u ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\np = dot(A @ u, B @ u) / sqrt(n)\noutput p")
    peaks = []
    for samples in (20_000, 400_000):
        statistics(program, 100, 1000)
        tracemalloc.start()
        statistics(program, 100, samples, 0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 700_000  # 400,000 draws kept would be 3.2 MB
