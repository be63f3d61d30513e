"""A number with its error, what kind of error that is, and how the number was found."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

ErrorKind = Literal["exact", "bound", "estimate", "sampling"]
KINDS: tuple[ErrorKind, ...] = ("exact", "bound", "estimate", "sampling")
"""From the surest to the least sure; a number made of several has the worst of their kinds."""

Method = Literal["closed-form", "series", "quadrature", "sampling"]
METHODS: tuple[Method, ...] = ("closed-form", "series", "quadrature", "sampling")
"""The order in which they are tried; a number made of several has the last of their methods.

closed-form   a formula evaluated in balls, or an exact identity                    gaussian/closed, limit/values
series        Hermite expansions of functions, for whole matrices                   gaussian/arrays
quadrature    a proved rule first (cells, strips, lengths), then compared ones      gaussian/cells, gaussian/integrate
sampling      scrambled points, and particles for laws given scores                 numbers/scrambled, limit/particles

A later one is asked only where the earlier ones have no number, or one whose error is above the tolerance. The kind of
the error is another thing: quadrature may be a bound or an estimate, sampling never proves.
"""

STANDARD_ERRORS = 5
"""How many standard errors the error of a sampled number is."""
_UP = 1 + 2.0**-50


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, or an array of them that were found alike, and its error.

    exact      the error is 0
    bound      |value - truth| <= error is proved
    estimate   the error is a heuristic comparison of two rules
    sampling   the error is five standard errors of a seeded sample
    """

    value: Any
    error: Any
    error_kind: ErrorKind
    method: Method
    note: str = field(default="", compare=False)
    """How many points a sample has and why it stopped."""

    @property
    def rigorous(self) -> bool:
        """Whether |value - truth| <= error is proved."""
        return is_rigorous(self.error_kind)

    @property
    def known(self) -> bool:
        """Whether there is a number at all."""
        return math.isfinite(self.value) and math.isfinite(self.error)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.value, self.error))

    def __neg__(self) -> Estimate:
        return replace(self, value=-self.value)

    def __add__(self, other: Estimate) -> Estimate:
        return _joined(self, other, self.value + other.value, self.error + other.error, operator.add)

    def __sub__(self, other: Estimate) -> Estimate:
        return self + -other

    def __mul__(self, other: Estimate) -> Estimate:
        # |ab - a'b'| <= |a||b-b'| + |b||a-a'| + |a-a'||b-b'| with a, b the computed ones
        error = abs(self.value) * other.error + abs(other.value) * self.error + self.error * other.error
        return _joined(self, other, self.value * other.value, error, operator.mul)

    def at(self, *index: int) -> Estimate:
        """Return one number of an array."""
        return replace(self, value=float(self.value[index]), error=float(self.error[index]))

    def within(self, low: float, high: float) -> Estimate:
        """Return the number of a quantity that lies between two others; its error is never more than that says.

        >>> Estimate(0.04, 1.2e6, "estimate", "quadrature").within(0, 1)
        Estimate(value=0.04, error=0.9600000000000009, error_kind='bound', method='quadrature', note='')
        """
        value = min(max(self.value, low), high) if math.isfinite(self.value) else low + (high - low) / 2
        reach = max(value - low, high - value) * _UP
        if self.error <= reach:
            return replace(self, value=value)
        return Estimate(value, reach, "bound", self.method, self.note) if math.isfinite(reach) else self

    def to_json(self) -> dict[str, Any]:
        """Return the four entries of a number in every schema: null where there is none."""
        if not self.known:
            return {"value": None, "error": None, "error_kind": None, "method": self.method}
        return {
            "value": float(self.value),
            "error": float(self.error),
            "error_kind": self.error_kind,
            "method": self.method,
        }

    def entries(self, word: str) -> dict[str, Any]:
        """Return the three entries of a number that has a name, such as left, left_error and left_error_kind."""
        one = self.to_json()
        return {word: one["value"], f"{word}_error": one["error"], f"{word}_error_kind": one["error_kind"]}


def unknown(because: str = "") -> Estimate:
    """No number could be had; the note says why."""
    return Estimate(math.nan, math.inf, "sampling", "sampling", because)


UNKNOWN = unknown()


def is_rigorous(kind: ErrorKind | None) -> bool:
    """Return whether a number with this kind of error proves anything."""
    return kind in ("exact", "bound")


def worst_kind(*kinds: ErrorKind) -> ErrorKind:
    """Return the least sure of some kinds of error.

    >>> worst_kind("bound", "estimate", "exact")
    'estimate'
    """
    return max(kinds, key=KINDS.index, default="exact")


def worst_method(*methods: Method) -> Method:
    """Return the last resort among some methods.

    >>> worst_method("closed-form", "quadrature")
    'quadrature'
    """
    return max(methods, key=METHODS.index, default="closed-form")


def finite(x: Any) -> float | None:
    """Return a float for JSON: None in place of NaN, of infinity and of nothing."""
    return float(x) if x is not None and math.isfinite(x) else None


def shown(error: float | None, kind: ErrorKind | None) -> str:
    """Return an error for people: a bound needs no word, what is no bound says so.

    >>> shown(2.5e-7, "bound"), shown(2.5e-7, "estimate"), shown(2.5e-7, "sampling")
    ('error 2.5e-07', 'estimated error 2.5e-07', 'five standard errors 2.5e-07')
    """
    if error is None:
        return "error unknown"
    words = {"estimate": "estimated error", "sampling": "five standard errors"}
    return f"{words.get(kind or '', 'error')} {error:.1e}"


def _joined(a: Estimate, b: Estimate, value: Any, error: Any, exactly: Any) -> Estimate:
    """The result of an operation, its own rounding included: floats are rounded by at most 2^-53 of the result."""
    kind, method = worst_kind(a.error_kind, b.error_kind), worst_method(a.method, b.method)
    note = a.note if a.note == b.note else "; ".join(n for n in (a.note, b.note) if n)
    if kind == "exact" and math.isfinite(value):
        gap = abs(exactly(Fraction(a.value), Fraction(b.value)) - Fraction(value))
        return Estimate(value, float(gap) * _UP, "bound" if gap else "exact", method)
    return Estimate(value, error * _UP + 2.0**-52 * abs(value), kind, method, note)
