"""The bound of the trapezoid rule against mpmath, for functions whose size on the edges of a strip is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from tensorprog.numbers.trapezoid import Axis, discretisation, step_for

# (f on arrays, f in mpmath, sup |f| on |Im t| = a, half the width of the strip)
CASES: list[tuple[Callable[[Any], Any], Callable[[Any], Any], float, float]] = [
    (np.cos, mpmath.cos, math.cosh(2.0), 2.0),
    (lambda t: 1 / (1 + t**2 / 9), lambda t: 1 / (1 + t**2 / 9), 1 / (1 - 2.0**2 / 9), 2.0),
    (np.tanh, mpmath.tanh, math.tan(1.2), 1.2),
    (lambda t: np.exp(-(t**2)), lambda t: mpmath.exp(-(t**2)), math.exp(1.5**2), 1.5),
]


def truth(f: Callable[[Any], Any]) -> float:
    with mpmath.workdps(30):
        ends = [-14, -6, -2, 0, 2, 6, 14]
        return float(mpmath.quad(lambda t: f(t) * mpmath.npdf(t), ends))


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("step", [1.5, 1.0, 0.7, 0.4])
def test_the_bound_holds(case: int, step: float) -> None:
    f, exact, size, width = CASES[case]
    axis = Axis.within(step, 12.0)
    value = float(f(axis.points) @ axis.weights)
    # |φ(t + ia)| = e^{a²/2} φ(t)
    allowed = discretisation(step, width, size * math.exp(width**2 / 2))
    assert abs(value - truth(exact)) <= allowed + 1e-15


@pytest.mark.parametrize("error", [1e-3, 1e-9, 1e-14])
def test_a_step_is_as_long_as_the_error_allows(error: float) -> None:
    step = step_for(1.2, 3.0, error)
    assert discretisation(step, 1.2, 3.0) <= error * (1 + 1e-12)
    assert discretisation(1.01 * step, 1.2, 3.0) > error


def test_a_bound_that_a_float_cannot_hold_is_still_a_bound() -> None:
    assert 0 < discretisation(1e-3, 5.0, 1.0) <= 1e-300
    assert step_for(1.0, 0.0, 1e-9) == math.inf


def test_weights_are_those_of_the_density() -> None:
    axis = Axis(0.25, 40)
    density = np.exp(-(axis.points**2) / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(axis.weights, 0.25 * density, rtol=1e-15 * 60)
    assert abs(axis.weights.sum() - 1) < 1e-15
    assert len(axis.points) == 81
    assert Axis.within(0.3, 1.0).points.tolist() == pytest.approx([-1.2, -0.9, -0.6, -0.3, 0, 0.3, 0.6, 0.9, 1.2])
