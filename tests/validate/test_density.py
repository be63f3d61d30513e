"""Density estimates and their divergence against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tensorprog.validate.density import density, divergence


def test_density_is_scipys() -> None:
    x = np.random.default_rng(0).standard_normal(500)
    grid = np.linspace(-7, 7, 2001)
    reference = stats.gaussian_kde(x, bw_method=0.3 / x.std(ddof=1))(grid)
    assert density(x, grid, 0.3) == pytest.approx(reference, abs=2e-4)


def test_divergence_of_two_gaussians() -> None:
    """KL(N(0, s^2) || N(0, 1)) = (s^2 - 1)/2 - log s, smoothed by the bandwidth b: variances s^2 + b^2 and 1 + b^2."""
    rng = np.random.default_rng(1)
    found = divergence(1.5 * rng.standard_normal(400_000), rng.standard_normal(400_000), repeats=4)
    b2 = 100_000**-0.4
    ratio = (2.25 + b2) / (1 + b2)
    assert found.value == pytest.approx((ratio - 1 - np.log(ratio)) / 2, abs=max(5 * found.standard_error, 0.005))


def test_the_same_law_is_near_zero() -> None:
    rng = np.random.default_rng(2)
    found = divergence(rng.standard_normal(100_000), rng.standard_normal(100_000))
    assert 0 < found.value < 0.005
    assert found.standard_error < found.value
