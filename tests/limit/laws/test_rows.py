"""One row of scores out of a family too large for an array of all pairs."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprog as tp

CAUSAL = """
index i, j in 1..1000
input u[i] ~ N(0, 1)
weight Wq, Wk, Wv ~ N(0, 1/n)
x[i] = tanh(u[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j, mask = j <= i) * (Wv @ x[j]) for j)
output y
"""


@pytest.mark.long
def test_the_law_of_a_row_asks_for_that_row_alone() -> None:
    """The family has a million scores; tokens are independent, so those of a row are, with variance E[x^2]^2."""
    limit = tp.derive(tp.loads(CAUSAL), tolerance=1e-2)
    (found,) = limit.law("y[48]").to_json()
    rng = np.random.default_rng(0)
    square = np.mean(np.tanh(rng.standard_normal(4_000_000)) ** 2)
    shares = np.exp(square * rng.standard_normal((20_000, 48)))
    shares /= shares.sum(axis=1, keepdims=True)
    draws = square * np.sum(shares**2, axis=1)
    assert (
        abs(found["variance"] - draws.mean()) < found["variance_error"] + 6 * draws.std() / np.sqrt(len(draws)) + 1e-5
    )
