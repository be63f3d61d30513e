"""Derived covariances of random programs against dense simulation: averages over coordinates and draws."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tensorprog import loads
from tensorprog.limit.derive import derive
from tests.limit.dense import RandomProgram

PROGRAMS = int(os.environ.get("TENSORPROG_RANDOM_PROGRAMS", "8"))
DRAWS = 40
WIDTHS = (150, 450)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_random_program(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    made = RandomProgram(rng).build(7)
    limit = derive(loads(made.text))
    members = [v.split("[")[0] + (f"[{k}]" if "[" in v else "") for v in made.vectors for k in (1, 2)]
    pairs = [(a, b) for a in range(len(members)) for b in range(a + 1)]
    chosen = [pairs[k] for k in rng.choice(len(pairs), size=25, replace=False)]
    theory = np.array([float(limit.expect(f"{members[a]}*{members[b]}")) for a, b in chosen])
    means, errors = [], []
    for n in WIDTHS:
        draws = np.empty((DRAWS, len(chosen)))
        for d in range(DRAWS):
            x = made.simulate(n, rng)
            draws[d] = [np.mean(x[a // 2][a % 2] * x[b // 2][b % 2]) for a, b in chosen]
        means.append(draws.mean(axis=0))
        errors.append(draws.std(axis=0, ddof=1) / np.sqrt(DRAWS))
    # The bias is c/n: two widths extrapolate it away, and the standard errors follow.
    small, large = WIDTHS
    estimate = (large * means[1] - small * means[0]) / (large - small)
    error = np.hypot(large * errors[1], small * errors[0]) / (large - small)
    wrong = np.abs(estimate - theory) > 5 * error + 1e-9
    found = [(chosen[k], theory[k], estimate[k], error[k]) for k in np.flatnonzero(wrong)]
    assert not found, made.text


@pytest.mark.parametrize("seed", range(3))
def test_arrays_agree_with_members(seed: int) -> None:
    """The two evaluations, arrays over labels and balls member by member, share the rules but no arithmetic."""
    made = RandomProgram(np.random.default_rng(50 + seed)).build(7)
    limit = derive(loads(made.text))
    for v in made.vectors:
        name = v.split("[")[0]
        kernel = limit.matrix(name)
        for i in range(1, 3 if "[" in v else 2):
            for j in range(1, 3 if "[" in v else 2):
                one, two = (f"{name}[{k}]" if "[" in v else name for k in (i, j))
                entry = kernel[i - 1, j - 1] if "[" in v else kernel[()]
                found = limit.cov(one, two)
                assert found.error is not None
                assert abs(float(found) - entry) <= 1e-7 + found.error


def test_shared_scores_against_simulation() -> None:
    """Scores of shared and crosswise matrices: the covariance of Definition 1(iv) measured on dense matrices."""
    text = """
index i in 1..2
matrix K = [[1, 0.5], [0.5, 1]]
input u[i] ~ N(0, K)
weight A, B ~ N(0, 1/n)
p[i] = dot(A @ tanh(u[i]), B @ relu(u[i]))/sqrt(n)
q = dot(B @ tanh(u[1]), A @ relu(u[2]))/sqrt(n)
output p
output q
"""
    limit = derive(loads(text))
    names = ["p[1]", "p[2]", "q"]
    theory = np.array([[float(limit.cov(a, b)) for b in names] for a in names])
    rng = np.random.default_rng(7)
    n, draws = 128, 2500
    chol = np.linalg.cholesky(np.array([[1, 0.5], [0.5, 1]]))
    found = np.empty((draws, 3))
    for d in range(draws):
        u = chol @ rng.standard_normal((2, n))
        t, r = np.tanh(u), np.maximum(u, 0)
        a, b = (rng.standard_normal((n, n)) / np.sqrt(n) for _ in range(2))
        found[d] = [(a @ t[0]) @ (b @ r[0]), (a @ t[1]) @ (b @ r[1]), (b @ t[0]) @ (a @ r[1])]
    found /= np.sqrt(n)
    measured = found.T @ found / draws
    spread = np.sqrt((theory**2 + np.outer(np.diag(theory), np.diag(theory))) / draws)
    assert np.all(np.abs(measured - theory) < 5 * spread + 3 / n * theory.max())
    assert theory[0, 2] > 8 * spread[0, 2]  # the second term is not zero, and would be missed
