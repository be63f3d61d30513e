"""Named functions beside the real line: how large, and how far from real, where |Im z| <= y.

Every bound is an elementary inequality, written beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_DAWSON = 0.5411
"""Above the maximum of Dawson's function."""


def _tanh(y: float) -> float:
    # |tanh(x + iy)|² = (sinh² x + sin² y)/(sinh² x + cos² y) <= max(1, tan² y)
    return max(1.0, math.tan(y)) if y < math.pi / 2 else math.inf


def _erf(y: float) -> float:
    # |erf(x + iy)| <= 1 + (2/√π) ∫_0^y e^{s²} ds: integrate e^{-w²} from x upwards. The integral is e^{y²} times
    # Dawson's function, which is below y and below _DAWSON.
    return 1 + _beside_erf(y)


def _beside_erf(y: float) -> float:
    return 2 / math.sqrt(math.pi) * min(y, _DAWSON) * math.exp(y * y)


def _beside_tanh(y: float) -> float:
    # |Im tanh(x + iy)| = |sin 2y|/(cosh 2x + cos 2y) <= tan y
    return math.tan(y) if y < math.pi / 2 else math.inf


SIZE: dict[str, Callable[[float], tuple[float, float]]] = {
    "tanh": lambda y: (0.0, _tanh(y)),
    "sigmoid": lambda y: (0.0, (1 + _tanh(y / 2)) / 2),  # sigmoid(u) = (1 + tanh(u/2))/2
    "erf": lambda y: (0.0, _erf(y)),
    "Phi": lambda y: (0.0, (1 + _erf(y / math.sqrt(2))) / 2),
    "sin": lambda y: (0.0, math.cosh(y)),
    "cos": lambda y: (0.0, math.cosh(y)),
    # |log(1 + e^u)| <= |u| + log 2 + π while 1 + e^u stays off its cut
    "softplus": lambda y: (1.0, 3.9 if y < math.pi / 2 else math.inf),
}
"""(a, b) with |f(z)| <= a|z| + b; b is infinite where no bound is known."""

BESIDE: dict[str, Callable[[float], float]] = {
    "erf": _beside_erf,
    "Phi": lambda y: _beside_erf(y / math.sqrt(2)) / 2,
    "tanh": _beside_tanh,
    "sigmoid": lambda y: _beside_tanh(y / 2) / 2,
}
"""A bound of |Im f(z)|."""
