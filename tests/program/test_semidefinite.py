"""Whether a matrix of numbers is a covariance: without numpy as with it."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

import tensorprog.program.graph.semidefinite as module
from tensorprog.errors import TensorProgError
from tensorprog.kernel.ground.nodes import InputGroup
from tensorprog.program.graph.semidefinite import (
    COARSE,
    MOST_WITHOUT_NUMPY,
    PSD_TOLERANCE,
    SMALL,
    check_semidefinite,
    rounding,
)
from tensorprog.terms import Num

GROUP = InputGroup(("u",), ("i",), "n", (Num(0),), ((Num(1),),))


def fine(matrix: np.ndarray, tolerance: float = PSD_TOLERANCE) -> bool | str:
    """Is it a covariance, or too large to tell (False), or why not?"""
    try:
        return check_semidefinite(matrix.tolist(), GROUP, tolerance)
    except TensorProgError as error:
        return str(error)


@pytest.mark.parametrize("size", [1, 2, SMALL, SMALL + 1, 60])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e140])
def test_the_least_eigenvalue_decides_with_numpy_and_without(
    size: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(size)
    for rank in (0, 1, (size + 1) // 2, size):
        root = rng.standard_normal((size, rank))
        gram = root @ root.T
        top = max(float(abs(gram).max()), 1.0)
        for shift in (0.0, 0.5, -1e-11, -1e-7, -1e-3, -0.5):
            matrix = (gram + shift * top * np.eye(size)) * scale
            largest = float(abs(matrix).max())
            wanted = float(np.linalg.eigvalsh(matrix).min()) >= -PSD_TOLERANCE * size * largest
            with_numpy = fine(matrix)
            assert (with_numpy is True) == wanted
            with monkeypatch.context() as m:
                m.setitem(sys.modules, "numpy", None)
                without = fine(matrix)
            assert (without is True) == wanted
            if not wanted:
                assert all("not positive semidefinite" in str(said) for said in (with_numpy, without))


def test_what_is_too_large_is_not_judged_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WITHOUT_NUMPY", SMALL + 1)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert fine(np.eye(SMALL + 1)) is True
    assert fine(np.eye(SMALL + 2)) is False
    lopsided = np.eye(SMALL + 2)
    lopsided[0, 1] = 1e-3
    assert "not symmetric" in str(fine(lopsided))


@pytest.mark.long
def test_the_largest_takes_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    start = time.process_time()
    assert fine(np.eye(MOST_WITHOUT_NUMPY)) is True
    assert time.process_time() - start < 5


@pytest.mark.parametrize(("kind", "coarse"), [("<f2", COARSE[0][1]), ("<f4", COARSE[1][1]), ("<f8", PSD_TOLERANCE)])
def test_the_type_of_an_array_is_recognised_by_its_entries(kind: str, coarse: float) -> None:
    numbers = np.random.default_rng(0).standard_normal(100).astype(kind).astype("<f8")
    assert rounding(numbers.tobytes()) == coarse
    assert rounding(np.rint(100 * numbers).tobytes()) == PSD_TOLERANCE
    assert rounding(np.append(numbers, 1e300).tobytes()) == PSD_TOLERANCE
    assert rounding(np.append(numbers, 2.0**100).tobytes()) == min(coarse, COARSE[1][1])  # no half is as large
