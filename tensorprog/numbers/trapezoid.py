"""The trapezoid rule for the mean of a function of one standard normal variable, with its bound.

For |F(t + ib)| φ(t + ib) analytic in |b| < a, of mean at most M on both edges, the rule of step h errs by at most

    2 M / (e^{2πa/h} - 1)                                    (Trefethen & Weideman 2014, Theorem 5.1)

and functions of several variables one variable after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_DEEPEST = 700.0
"""e^700 is still a float; a bound with a smaller exponent is a bound too."""


def discretisation(step: float, width: float, size: float) -> float:
    """Return the bound, for a strip of half this width and a mean on its edges of at most this size.

    >>> f = lambda t: np.cos(t)  # |cos(t + ib)| <= cosh b, and e^{b²/2} is what the density grows by
    >>> axis = Axis(0.9, 12)
    >>> error = abs(float(f(axis.points) @ axis.weights) - math.exp(-0.5))
    >>> error < discretisation(0.9, 3.0, math.cosh(3) * math.exp(4.5)) < 1e-5
    True
    """
    return 2 * size / math.expm1(min(2 * math.pi * width / step, _DEEPEST))


def step_for(width: float, size: float, error: float) -> float:
    """Return the largest step for which the bound is at most this error; infinite where the size is 0.

    >>> discretisation(step_for(2.0, 5.0, 1e-9), 2.0, 5.0) <= 1.0001e-9
    True
    """
    return 2 * math.pi * width / math.log1p(2 * size / error) if size > 0 else math.inf


@dataclass(frozen=True)
class Axis:
    """The points k h, |k| <= n, of one standard normal variable."""

    step: float
    count: int

    @staticmethod
    def within(step: float, reach: float) -> Axis:
        """Return the fewest points that go at least so far out."""
        return Axis(step, math.ceil(reach / step))

    @property
    def points(self) -> Array:
        return np.asarray(self.step * np.arange(-self.count, self.count + 1), dtype=np.float64)

    @property
    def weights(self) -> Array:
        """h φ(k h), correctly rounded but for one unit."""
        from flint import arb

        from tensorprog.numbers.precision import precision

        with precision(80):
            scale = arb(self.step) / (2 * arb.pi()).sqrt()
            half = [float((scale * (-((arb(k) * self.step) ** 2) / 2).exp()).mid()) for k in range(self.count + 1)]
        return np.array([*half[:0:-1], *half])
