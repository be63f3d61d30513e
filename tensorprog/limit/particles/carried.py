"""Numbers that are not drawn: coefficients over features whose expectations of pairs are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tensorprog.terms import Var

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Carried:
    """Coefficients over the features of a set of forms: populations, particles, features; feature 0 is the number 1."""

    forms: frozenset[Var]
    data: Array


Value = Array | Carried
"""An array has the axes populations and particles; either may have length 1."""


def plus(a: Value, b: Value) -> Value:
    """The sum of two values."""
    if not isinstance(a, Carried) and not isinstance(b, Carried):
        return a + b
    forms = a.forms if isinstance(a, Carried) else b.forms  # type: ignore[union-attr]
    one, two = (v.data if isinstance(v, Carried) else v[:, :, None] for v in (a, b))
    if one.shape[2] < two.shape[2]:
        one, two = two, one
    shape = np.broadcast_shapes(one.shape[:2], two.shape[:2])
    out = np.broadcast_to(one, (*shape, one.shape[2])).copy()
    out[:, :, : two.shape[2]] += two
    return Carried(forms, out)


def times(a: Value, b: Value) -> Value:
    """The product of two values, one of which at most is carried."""
    if isinstance(a, Carried):
        assert not isinstance(b, Carried)
        return Carried(a.forms, a.data * b[:, :, None])
    if isinstance(b, Carried):
        return Carried(b.forms, a[:, :, None] * b.data)
    return a * b
