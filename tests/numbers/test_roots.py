"""Roots of covariance matrices: L L' is the matrix, with as many columns as its rank."""

from __future__ import annotations

import numpy as np
import pytest

from tensorprog.numbers.roots import root_of, roots_of


def covariance(size: int, rank: int, seed: int) -> np.ndarray:
    a = np.random.default_rng(seed).standard_normal((size, rank))
    return a @ a.T


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("size", "rank"), [(1, 1), (3, 3), (4, 2), (6, 1), (5, 0)])
def test_roots_give_the_matrix_back(size: int, rank: int, seed: int) -> None:
    K = covariance(size, rank, seed)
    for root in (root_of(K), roots_of(K[None])[0]):
        np.testing.assert_allclose(root @ root.T, K, atol=1e-12 * max(1.0, np.abs(K).max()))
    assert root_of(K).shape == (size, rank)
    assert roots_of(K[None]).shape == (1, size, size)


def test_a_stack_is_rooted_matrix_by_matrix() -> None:
    stack = np.stack([covariance(3, rank, 7) for rank in (0, 1, 2, 3)])
    each = roots_of(stack)
    for K, root in zip(stack, each, strict=True):
        np.testing.assert_allclose(root, roots_of(K[None])[0], atol=1e-14)
    assert not each[0].any()


def test_sizes_of_other_units_are_roots_too() -> None:
    K = covariance(4, 2, 1)
    for scale in (1e-200, 1e-12, 1e12, 1e200):
        assert root_of(K * scale).shape == (4, 2)
        np.testing.assert_allclose(root_of(K * scale) @ root_of(K * scale).T, K * scale, rtol=1e-9)


def test_no_variables_have_an_empty_root() -> None:
    assert root_of(np.zeros((0, 0))).shape == (0, 0)
    assert roots_of(np.zeros((2, 0, 0))).shape == (2, 0, 0)


def test_a_variable_without_variance_is_exactly_0() -> None:
    K = np.zeros((3, 3))
    K[0, 0], K[2, 2], K[0, 2], K[2, 0] = 4.0, 1.0, 1.0, 1.0
    assert not root_of(K)[1].any()
