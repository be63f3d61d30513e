"""Random programs: the sampler, in both engines, against real matrices at small widths, as one family of tests."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy import stats

from tensorprog.language import loads
from tensorprog.simulate import simulate
from tests.simulate.oracle import Oracle, distances
from tests.simulate.random_programs import text

PROGRAMS = int(os.environ.get("TENSORPROG_RANDOM_PROGRAMS", "6"))
DRAWS = 10_000


def columns(program, values) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.concatenate([np.asarray(values[o.ref.name]).reshape(DRAWS, -1) for o in program.outputs], axis=1)


@pytest.mark.parametrize("n", [8, 16])
@pytest.mark.parametrize("engine", ["numpy", "fast"])
def test_same_law_as_real_matrices(engine: str, n: int) -> None:
    """Every moment of every program: the largest |z| is held against its distribution among that many."""
    found = []
    for seed in range(PROGRAMS):
        source = text(np.random.default_rng(seed))
        program = loads(source)
        ours = simulate(program, n=n, samples=DRAWS, rng=seed, engine=engine)
        oracle = Oracle(program, n, DRAWS, 1000 + seed)
        x = columns(program, {k.split("[")[0]: v for k, v in ours.items()})
        y = columns(program, {o.ref.name: oracle[o.ref.name] for o in program.outputs})
        assert np.isfinite(x).all(), source
        found.append(distances(x, y))
    z = np.concatenate(found)
    assert len(z) > 100 * PROGRAMS
    assert 2 * stats.norm.sf(z.max()) * len(z) > 0.01, z.max()  # Bonferroni at 1 in 100
