"""Expressions in erf, Phi, tanh and sigmoid on arrays, each array with one bound on the error of all its entries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.numbers.tables import UNIT, table
from tensorprog.terms import App, Num, Term, Var

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


ONE, HALF = number(1), number(0.5)
ROOT_HALF = number(math.sqrt(0.5))


class NotTabled(Exception):
    """The expression has a function that is not computed here."""


def evaluate(t: Term, z: Mapping[str, Inexact], memo: dict[Term, Inexact] | None = None) -> Inexact:
    """The term at arrays for its variables; raises NotTabled.

    >>> from tensorprog.terms import read
    >>> y = evaluate(read("erf(x)^2"), {"x": number(0.5)})
    >>> abs(float(y.data) - math.erf(0.5) ** 2) <= y.error < 1e-14
    True
    """
    memo = {} if memo is None else memo
    if t not in memo:
        memo[t] = _evaluate(t, z, memo)
    return memo[t]


def _evaluate(t: Term, z: Mapping[str, Inexact], memo: dict[Term, Inexact]) -> Inexact:
    match t:
        case Num(value):
            return number(value)
        case Var(name, ()) if name in z:
            return z[name]
        case App("add" | "mul" as head, args):
            out = evaluate(args[0], z, memo)
            for a in args[1:]:
                out = out + evaluate(a, z, memo) if head == "add" else out * evaluate(a, z, memo)
            return out
        case App("neg", (a,)):
            return -evaluate(a, z, memo)
        case App("recip", (Num(value),)) if value:
            return number(1 / value)
        case App("pow", (a, Num(p))) if p.denominator == 1 and 1 <= p <= 12:
            base = out = evaluate(a, z, memo)
            for _ in range(int(p) - 1):
                out = out * base
            return out
        case App("erf" | "tanh" as head, (a,)):
            return evaluate(a, z, memo).bounded(head)
        case App("Phi", (a,)):
            return HALF * (ONE + (ROOT_HALF * evaluate(a, z, memo)).bounded("erf"))
        case App("sigmoid", (a,)):
            return HALF * (ONE + (HALF * evaluate(a, z, memo)).bounded("tanh"))
    raise NotTabled(t)
