"""Intervals of real numbers with exact ends, open or closed: what is assumed of a param.

A rational end is a Fraction; None is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


def _shown(x: Fraction) -> str:
    """Return a rational, or its size where it has thousands of digits."""
    size = x.numerator.bit_length() - x.denominator.bit_length()
    if max(x.numerator.bit_length(), x.denominator.bit_length()) < 4000:
        return str(x)
    return f"about {'-' if x < 0 else ''}10^{round(size * 0.30103)}"


End = tuple[Fraction | None, bool]
"""An end, and whether it is closed."""


@dataclass(frozen=True, slots=True)
class Interval:
    """{x : low < x < high}, an end included where it is `closed`; None is an infinite end.

    >>> C = Interval(Fraction(0), None)
    >>> C.positive, C.contains(Fraction(0))
    (True, False)
    >>> print(C)
    (0, oo)
    """

    low: Fraction | None = None
    high: Fraction | None = None
    low_closed: bool = False
    high_closed: bool = False

    def __post_init__(self) -> None:
        empty = (
            self.low is not None
            and self.high is not None
            and (self.low > self.high or (self.low == self.high and not (self.low_closed and self.high_closed)))
        )
        if empty:
            raise ValueError(f"an empty interval {self}")

    def __str__(self) -> str:
        low = "-oo" if self.low is None else _shown(self.low)
        high = "oo" if self.high is None else _shown(self.high)
        return f"{'[' if self.low_closed else '('}{low}, {high}{']' if self.high_closed else ')'}"

    @property
    def closure(self) -> Interval:
        """The interval with its finite ends."""
        return Interval(self.low, self.high, self.low is not None, self.high is not None)

    def contains(self, x: Fraction) -> bool:
        above = self.low is None or x > self.low or (x == self.low and self.low_closed)
        below = self.high is None or x < self.high or (x == self.high and self.high_closed)
        return above and below

    @property
    def positive(self) -> bool:
        return self.low is not None and (self.low > 0 or (self.low == 0 and not self.low_closed))

    @property
    def nonnegative(self) -> bool:
        return self.low is not None and self.low >= 0

    @property
    def negative(self) -> bool:
        return self.high is not None and (self.high < 0 or (self.high == 0 and not self.high_closed))

    @property
    def nonpositive(self) -> bool:
        return self.high is not None and self.high <= 0

    @property
    def point(self) -> Fraction | None:
        """The one number in the interval, if there is only one."""
        return self.low if self.low is not None and self.low == self.high else None

    @property
    def away(self) -> Fraction | None:
        """How far it keeps from 0, if it does."""
        if self.low is not None and self.low > 0:
            return self.low
        return -self.high if self.high is not None and self.high < 0 else None

    def greatest_low(self, other: Interval) -> End:
        """Return the greater low end and whether it is closed; of equal ones it is if both are."""
        ends = [(x.low, not x.low_closed) for x in (self, other) if x.low is not None]
        low, is_open = max(ends, default=(None, True))
        return low, not is_open

    def meet(self, other: Interval) -> Interval:
        """Return both at once; a ValueError where nothing is left."""
        low, low_closed = self.greatest_low(other)
        ends = [(x.high, x.high_closed) for x in (self, other) if x.high is not None]
        high, high_closed = min(ends, default=(None, False))
        return Interval(low, high, low_closed, high_closed)

    def sample(self) -> tuple[Fraction, ...]:
        """Return a few rational members, simple ones first."""
        tries = [Fraction(v) for v in (1, 2, -1, 0, -2, 3, -3)] + [Fraction(1, 2), Fraction(-1, 2), Fraction(1, 3)]
        if self.low is not None and self.high is not None:
            width = self.high - self.low
            tries += [self.low + width * k / 4 for k in (2, 1, 3, 0, 4)]
        elif self.low is not None:
            tries += [self.low + k for k in (1, 2, 0)]
        elif self.high is not None:
            tries += [self.high - k for k in (1, 2, 0)]
        return tuple(dict.fromkeys(t for t in tries if self.contains(t)))


REALS = Interval()
