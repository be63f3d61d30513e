"""Arrays whose axes have names: the values of a family, one axis for each index it varies with.

Inside the calculus an index is a label, which knows its range and so says all there is to say about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tensorprog.kernel.ground.indices import Range
from tensorprog.terms import Sub

Array = NDArray[np.float64]


class Label(str):
    """The name of an index over a range of values; written `#0:1:4`, so that labels of other ranges differ."""

    name: str
    values: Range

    def __new__(cls, name: str, values: Range) -> Self:
        out = super().__new__(cls, f"{name}:{values[0]}:{values[1]}")
        out.name, out.values = name, values
        return out

    def __getnewargs__(self) -> tuple[str, Range]:  # type: ignore[override]
        return self.name, self.values

    def __add__(self, mark: str) -> Label:
        """Return another label over the same values, as where a bound index j becomes j~."""
        return Label(self.name + mark, self.values)


DRAWS = Label("draws", (0, 0))
"""The axis along which the draws of the scores are laid out."""


def label(name: str, values: Range) -> Sub:
    """Return a label for an index over these values; a single value stands for itself.

    >>> label("#0", (1, 4)), label("#0", (3, 3))
    ('#0:1:4', 3)
    """
    return values[0] if values[0] == values[1] else Label(name, values)


def range_of(s: str) -> Range:
    """Return the range of a label."""
    assert isinstance(s, Label)
    return s.values


@dataclass(frozen=True, slots=True)
class Field:
    """An array with one named axis for each dimension."""

    axes: tuple[str, ...]
    data: Array

    @staticmethod
    def number(x: float) -> Field:
        return Field((), np.asarray(x, dtype=float))

    def to(self, axes: Sequence[str]) -> Array:
        """Return the data with exactly these axes, of length 1 where the field does not vary."""
        order = [self.axes.index(a) for a in axes if a in self.axes]
        return np.asarray(self.data.transpose(order)[tuple(slice(None) if a in self.axes else None for a in axes)])

    def renamed(self, names: Mapping[str, str]) -> Field:
        return Field(tuple(names.get(a, a) for a in self.axes), self.data)

    def sum(self, over: Iterable[str]) -> Field:
        """Return the sum over these axes; where the field does not vary, times their length."""
        out, factor = self, 1
        for a in over:
            if a in out.axes:
                k = out.axes.index(a)
                out = Field(out.axes[:k] + out.axes[k + 1 :], out.data.sum(axis=k))
            else:
                low, high = range_of(a)
                factor *= high - low + 1
        return out if factor == 1 else factor * out

    def __add__(self, other: Field) -> Field:
        return apply(np.add, self, other)

    def __sub__(self, other: Field) -> Field:
        return apply(np.subtract, self, other)

    def __mul__(self, other: Field | float) -> Field:
        return apply(np.multiply, self, other) if isinstance(other, Field) else Field(self.axes, self.data * other)

    __rmul__ = __mul__

    def is_zero(self) -> bool:
        return not self.data.any()


def union(fields: Iterable[Field]) -> tuple[str, ...]:
    """Return all axes in order of first use, the draws last."""
    axes = dict.fromkeys(a for f in fields for a in f.axes)
    if DRAWS in axes:
        del axes[DRAWS]
        return (*axes, DRAWS)
    return tuple(axes)


def apply(f: Callable[..., Any], *fields: Field) -> Field:
    """Return a numpy function of fields, axes matched by name."""
    axes = union(fields)
    return Field(axes, np.asarray(f(*(x.to(axes) for x in fields)), dtype=float))


def equal(a: Sub, b: Sub) -> Field:
    """1 where the two indices have the same value, else 0."""
    return apply(np.equal, values(a), values(b))


def values(s: Sub) -> Field:
    """Return the values of an index."""
    if isinstance(s, int):
        return Field.number(s)
    low, high = range_of(s)
    return Field((s,), np.arange(low, high + 1, dtype=float))


def take(array: Array, subs: Sequence[Sub], lows: Sequence[int], draws: bool) -> Field:
    """Return the members of a family that `subs` name; `lows` are the subscripts at which the array's axes start."""
    names = tuple(dict.fromkeys(s for s in subs if isinstance(s, str)))
    at: list[Any] = []
    for s, low in zip(subs, lows, strict=True):
        if isinstance(s, int):
            at.append(s - low)
        else:
            first, last = range_of(s)
            shape = [last - first + 1 if n == s else 1 for n in names]
            at.append(np.arange(first - low, last - low + 1).reshape(shape))
    out = np.asarray(array, dtype=float)[tuple(at)] if at else np.asarray(array, dtype=float)
    full = [range_of(n)[1] - range_of(n)[0] + 1 for n in names]
    out = np.broadcast_to(out, (*full, *out.shape[len(names) :]))
    return Field((*names, DRAWS) if draws else names, out)


def gather(field: Field, axis: str, at: Field, low: int) -> Field:
    """Return the entries of `field` along `axis` at the index values that `at` holds."""
    rest = Field(tuple(a for a in field.axes if a != axis), np.zeros(()))
    axes = tuple(a for a in union((rest, at)))
    full = (*axes, axis)
    data = field.to(full)
    where = (at.to(axes) - low).astype(int)[..., None]
    shape = np.broadcast_shapes(data.shape[:-1], where.shape[:-1])
    data = np.broadcast_to(data, (*shape, data.shape[-1]))
    return Field(axes, np.take_along_axis(data, np.broadcast_to(where, (*shape, 1)), axis=-1)[..., 0])
