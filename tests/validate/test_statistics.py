"""The statistics against other ways of computing them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tensorprog.simulate.execute.summary import Moments
from tensorprog.validate.statistics import (
    extrapolated_distance,
    fit,
    holm,
    kolmogorov_p,
    normal_p,
    orders,
    studentized_p,
)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**32))
def test_merged_blocks_are_the_whole(sizes: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((sum(sizes), 3)) * 1e-3 + 1e6
    parts = np.split(x, np.cumsum(sizes)[:-1])
    running = Moments.of(parts[0])
    for part in parts[1:]:
        running = running.merged(Moments.of(part))
    assert running.count == len(x)
    assert running.mean == pytest.approx(x.mean(0), rel=1e-14)
    if len(x) > 1:
        assert running.standard_error == pytest.approx(stats.sem(x, axis=0), rel=1e-6)
    if len(x) > 2:
        known = np.abs(stats.skew((x - x.mean(0)), axis=0)) / np.sqrt(len(x))
        assert running.skewness == pytest.approx(known, rel=1e-3, abs=1e-6)


def test_fit_through_three_points_is_richardson() -> None:
    widths, values = (10, 20, 40), (3.0 + 2 / 10 - 5 / 100, 3.0 + 2 / 20 - 5 / 400, 3.0 + 2 / 40 - 5 / 1600)
    found = fit(widths, values, (0.1, 0.2, 0.3), (0.0, 1.0, 2.0))
    assert found.intercept == pytest.approx(3.0)
    assert found.coefficients == pytest.approx((3.0, 2.0, -5.0))
    exact = []  # Lagrange's weights at 1/n = 0, in rational arithmetic
    for i in widths:
        w = Fraction(1)
        for j in widths:
            if j != i:
                w *= Fraction(-1, j) / (Fraction(1, i) - Fraction(1, j))
        exact.append(float(w))
    assert found.weights == pytest.approx(exact)
    assert found.standard_error == pytest.approx(
        np.sqrt(sum((w * s) ** 2 for w, s in zip(exact, (0.1, 0.2, 0.3), strict=True)))
    )


def test_fit_weighs_by_errors() -> None:
    rng = np.random.default_rng(0)
    widths, errors = (16, 32, 64, 128, 256), np.array([0.01, 0.02, 0.01, 0.05, 0.02])
    truth = 1.0 + 3.0 / np.array(widths)
    found = [fit(widths, truth + errors * rng.standard_normal(5), errors, (0.0, 1.0)) for _ in range(4000)]
    spread = np.std([f.intercept for f in found])
    assert spread == pytest.approx(found[0].standard_error, rel=0.05)
    assert np.mean([f.intercept for f in found]) == pytest.approx(1.0, abs=4 * spread / 60)
    assert np.mean([f.chi2 for f in found]) == pytest.approx(found[0].freedom, rel=0.1)


def test_orders() -> None:
    assert orders([1, 2, 3], False) == (0.0, 1.0, 2.0)
    assert orders([1, 2, 3, 4], True) == (0.0, 0.5, 1.0)
    assert orders([8, 8], True) == (0.0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from([0.01, 0.05, 0.3]))
def test_holm_against_its_definition(p: list[float], level: float) -> None:
    """Adjusted p-values: the running maximum of (m - k) p_(k)."""
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate([(len(p) - k) * p[i] for k, i in enumerate(order)])
    expected = {int(i) for a, i in zip(adjusted, order, strict=True) if a <= level}
    found = {k for k, r in enumerate(holm(p, level)) if r}
    near = any(abs(a - level) < 1e-12 for a in adjusted)
    assert near or found == expected


@pytest.mark.parametrize("z", [0.0, 1.3, -2.0, 9.0])
def test_normal_p(z: float) -> None:
    assert normal_p(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)


def test_one_law_at_one_width_is_kolmogorov_smirnov() -> None:
    x = np.random.default_rng(1).standard_normal(3000)
    at = np.concatenate([x, np.nextafter(x, -np.inf)])  # both sides of every step
    distance, effective = extrapolated_distance([x], [1.0], at, stats.norm.cdf(at))
    reference = stats.kstest(x, "norm")
    assert effective == pytest.approx(3000)
    assert distance == pytest.approx(reference.statistic, abs=1e-12)
    assert kolmogorov_p(distance, effective) == pytest.approx(reference.pvalue, rel=0.05)


def test_a_bias_in_the_law_is_extrapolated_away() -> None:
    """Laws N(1/n, 1) at n = 2, 4, 8 tend to N(0, 1); p-values of the combination are uniform."""
    rng = np.random.default_rng(2)
    widths, p_values = (4, 8, 16), []
    weights = fit(widths, (0.0,) * 3, (1.0,) * 3, (0.0, 1.0, 2.0)).weights
    at = np.linspace(-3, 3, 401)
    for _ in range(300):
        samples = [rng.standard_normal(400) + 1 / n for n in widths]
        p_values.append(kolmogorov_p(*extrapolated_distance(samples, weights, at, stats.norm.cdf(at))))
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
    assert stats.kstest(rng.standard_normal(20_000) + 1 / 16, "norm").pvalue < 1e-6  # one width would be rejected


def test_atoms_do_no_harm() -> None:
    rng = np.random.default_rng(3)
    at = np.array([-1.0, 0.0, 0.5, 1.0])
    truth = np.where(at < 0, 0.0, stats.norm.cdf(at))
    distance, effective = extrapolated_distance([np.maximum(rng.standard_normal(4000), 0.0)], [1.0], at, truth)
    assert kolmogorov_p(distance, effective) > 0.01
    wrong = np.where(at < 0, 0.0, np.maximum(stats.norm.cdf(at), 0.55))
    distance, effective = extrapolated_distance([np.maximum(rng.standard_normal(4000), 0.0)], [1.0], at, wrong)
    assert kolmogorov_p(distance, effective) < 1e-6


def test_p_values_of_skew_means_are_not_too_small() -> None:
    """(mean - mu)/SE of 200 exponential draws, whose mean has the skewness 2/sqrt(200): the left tail is heavier."""
    rng = np.random.default_rng(2)
    x = rng.exponential(size=(100_000, 200))
    z = (x.mean(1) - 1) / (x.std(1, ddof=1) / np.sqrt(200))
    left = np.sort(z)[500]  # P(T <= left) is 0.005, twice that 0.01
    assert normal_p(left) < 0.004
    assert 0.005 < studentized_p(left, 2 / np.sqrt(200)) < 0.012
    assert studentized_p(left, 0.0) == normal_p(left)
