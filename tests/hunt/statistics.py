"""Two widths of dense samples against a limit: errors of sampling, and of finite width, are allowed for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SIGMAS = 6.0
HEAVY = 14.0
"""Observations further out than this many standard deviations: the mean is not to be trusted."""


@dataclass(frozen=True)
class Estimate:
    mean: float
    error: float
    heavy: bool

    def __str__(self) -> str:
        return f"{self.mean:.5g} ± {self.error:.2g}"


def estimate(observations: Any) -> Estimate:
    """The mean of one observation a draw, with its standard error."""
    x = np.asarray(observations, dtype=float)
    if not np.all(np.isfinite(x)):
        return Estimate(float("nan"), float("inf"), True)
    spread = float(x.std(ddof=1))
    far = float(np.max(np.abs(x - x.mean())))
    return Estimate(float(x.mean()), spread / len(x) ** 0.5, spread > 0 and far > HEAVY * spread)


def differs(theory: float, slack: float, narrow: Estimate, wide: Estimate) -> bool:
    """Whether the limit is not `theory`: the wide estimate is off by more than sampling and bias explain.

    With widths n and 4n a bias b/sqrt(n) moves the estimate by half of b/sqrt(n), which is the bias that remains.
    """
    if narrow.heavy or wide.heavy:
        return False
    noise = SIGMAS * float(np.hypot(narrow.error, wide.error))
    return abs(wide.mean - theory) > slack + noise + 1.5 * abs(wide.mean - narrow.mean) + 1e-6 * (1 + abs(theory))
