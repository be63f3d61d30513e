"""Jumps that are reached on a region are not taken for thin; those that are not, are."""

from __future__ import annotations

import pytest

from tensorprog.gaussian.cells.thin import thin
from tensorprog.terms import read


@pytest.mark.parametrize("text", [
    "sign(floor(a)*b)", "sign(sqrt(a^2) - a)", "sign(atan(1/a) + atan(a) - pi/2)", "where(max(a, b) > a, 1, 0)",
    "sign(relu(tanh(a))*sin(b))", "floor(relu(a))", "sign(clip(a*b, 1, 2) - 1)",
    "sign(exp(a)/(1 + exp(a)) - sigmoid(a))",
    "where(abs(a) == a, 1, 0)", "sign(log(a^2) - 2*log(a))", "step(hardtanh(a) + 1)", "where(sign(a)*a > abs(a), 1, 0)",
    "mod(step(a), 1)", "sign(asin(sin(a)) - a)",
])  # fmt: skip
def test_reached_on_a_region_or_not_understood(text: str) -> None:
    assert not thin(read(text))


@pytest.mark.parametrize("text", [
    "sign(a - b^3)", "where(erf(a) + erf(b) > 0.5, a, b)", "floor(a + b)", "floor(relu(a) + a)",
    "sign(sqrt(1 + a^2) - b)",
    "where(leaky_relu(a, 0.1) > 0.3, 1, 0)", "where(a*b > 1 and a < 2, 1, 2)", "relu(a)*tanh(b)", "sign(1/a + b)",
    "step(relu(a) + 1)", "where(clip(a, -1, 3/2) < 1, 1, 0)", "mod(a, 2)", "floor(relu(a) + 0.5)",
])  # fmt: skip
def test_reached_on_a_thin_set(text: str) -> None:
    assert thin(read(text))
