"""What a kernel says of moments that lacks a condition is false, by numbers from elsewhere."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import pytest
from scipy import integrate
from scipy.special import expit
from scipy.stats import norm

from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.numbers.statements import Number
from tensorprog.terms import Var
from tests.kernel.bench import lacking
from tests.kernel.dishonest.moments import SQUARE, Steps, shared, too_wide, turned, turned_inside

SQUARED = integrate.quad(lambda x: expit(2**0.5 * x) ** 2 * norm.pdf(x), -12, 12, epsabs=1e-13)[0]
"""E softmax(p)[1]^2 for two independent scores of variance 1."""


def test_relu_of_a_gaussian_has_no_gaussian_law() -> None:
    b = Steps()
    with pytest.raises(Refused, match="Gaussian members"):
        b.do("gaussian_law", *b.relu(), at=(Var("f"),))
    with lacking("Gaussian members"):
        assert isinstance(b.do("gaussian_law", *b.relu(), at=(Var("f"),)), Statement)


def test_without_the_bound_of_the_strip_a_number_is_wrong() -> None:
    with lacking("imaginary parts that differ by less than pi"):
        wrong = too_wide()
    assert isinstance(wrong, Number)
    assert not float(wrong.low) <= SQUARED <= float(wrong.high)
    right = Steps().average(SQUARE)
    assert isinstance(right, Number)
    assert float(right.low) - 1e-12 <= SQUARED <= float(right.high) + 1e-12


@pytest.mark.parametrize("wrong", [turned, turned_inside])
def test_without_a_positive_real_part_a_number_is_wrong(wrong: Callable[[], Statement]) -> None:
    with lacking(f"a positive real part of {'e^t' if wrong is turned else 'e^u'} in the strip"):
        found = wrong()
    assert isinstance(found, Number)
    assert not float(found.low) <= SQUARED <= float(found.high)
    right = shared()
    assert isinstance(right, Number)
    assert float(right.low) <= SQUARED + 1e-12
    assert float(right.high) >= SQUARED - 1e-12
    assert float(right.high) - float(right.low) < 1e-10


def test_whatever_the_grids_a_number_of_shares_is_right() -> None:
    rng, accepted, b = random.Random(5), 0, Steps()
    known = b.numbers()
    for _ in range(60):
        spacing, wide = Fraction(rng.randint(10, 60), 64), Fraction(rng.randint(10, 60), 64)
        points = (Fraction(rng.randint(60, 160), 100), wide, rng.randint(-16, -1), Fraction(rng.randint(2, 12)))
        grid = {
            "strip": Fraction(rng.randint(60, 160), 100),
            "spacing": spacing,
            "count": math.ceil(rng.randint(2, 8) / spacing),
        }
        try:
            found = b.said("shares_over_scores", *known, term=SQUARE, points=points, **grid)
        except Refused:
            continue
        assert isinstance(found, Number)
        assert float(found.low) - 1e-12 <= SQUARED <= float(found.high) + 1e-12, (points, grid)
        accepted += float(found.high) - float(found.low) < 0.1
    assert accepted > 10


def test_whatever_the_grid_a_number_that_is_accepted_is_right() -> None:
    """Strips up to the poles, coarse spacings, short grids: a wide interval, or none."""
    rng, accepted, b = random.Random(3), 0, Steps()
    known = b.numbers()
    for _ in range(60):
        grid = {
            "strip": Fraction(rng.randint(1, 230), 100),
            "spacing": Fraction(rng.randint(10, 80), 64),
            "count": rng.randint(3, 16),
        }
        try:
            found = b.said("quadrature_over_scores", *known, term=SQUARE, **grid)
        except Refused:
            continue
        assert isinstance(found, Number)
        assert float(found.low) - 1e-12 <= SQUARED <= float(found.high) + 1e-12, grid
        accepted += float(found.high) - float(found.low) < 0.1
    assert accepted > 10
