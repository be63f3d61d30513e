"""Erf, Phi, tanh and sigmoid on arrays, each array with one bound on the error of all its entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.functions.named.system import NotComputed, System
from tensorprog.numbers.tables import UNIT, table

Array = NDArray[np.float64]
UP = 1 + 1e-12
"""Covers the rounding of the few operations that make a bound."""
SLOPE = {"erf": 2 / math.sqrt(math.pi), "tanh": 1.0}


@dataclass(frozen=True)
class Inexact:
    """|data - truth| <= error and |truth| <= size, entry by entry."""

    data: Any
    error: float
    size: float

    def __add__(self, other: Inexact) -> Inexact:
        size = self.size + other.size
        error = self.error + other.error
        return Inexact(self.data + other.data, UP * (error + UNIT * (size + error)), UP * size)

    def __mul__(self, other: Inexact) -> Inexact:
        error = self.error * (other.size + other.error) + other.error * self.size
        size = self.size * other.size
        return Inexact(self.data * other.data, UP * (error + UNIT * (size + error)), UP * size)

    def __neg__(self) -> Inexact:
        return Inexact(-self.data, self.error, self.size)

    def bounded(self, head: str) -> Inexact:
        """erf or tanh of it."""
        f = table(head)
        return Inexact(f(np.asarray(self.data)), UP * (f.error + SLOPE[head] * self.error), 1.0)


def number(x: Any) -> Inexact:
    """A constant, rounded to a float."""
    data = float(x)
    return Inexact(data, UP * UNIT * abs(data), UP * abs(data))


_ONE, _HALF = number(1), number(0.5)
_ROOT_HALF = number(math.sqrt(0.5))
MAX_POWER = 12


def _power(x: Inexact, p: Fraction) -> Inexact:
    if p.denominator != 1 or not 1 <= p <= MAX_POWER:
        raise NotComputed(p)
    return reduce(mul, [x] * int(p))


TABLED = System(
    number,
    number(math.pi),
    _power,
    {
        "erf": lambda x: x.bounded("erf"),
        "tanh": lambda x: x.bounded("tanh"),
        "Phi": lambda x: _HALF * (_ONE + (_ROOT_HALF * x).bounded("erf")),
        "sigmoid": lambda x: _HALF * (_ONE + (_HALF * x).bounded("tanh")),
    },
)
"""Whole powers, erf and tanh, and what is made of them."""
