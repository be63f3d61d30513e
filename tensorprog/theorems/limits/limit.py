"""What is known of the limit of a scalar."""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.functions.rules import ranges
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Term


@dataclass(frozen=True, slots=True)
class Limit:
    """What is known of a scalar: the limit lies in `at`, the value at every n in `always`.

    `value`: the limit, where it is known exactly; `fixed`: it is the value at every n; `random`: the limit is a random
    variable (a score, a readout, a mean of functions of scores), of which only `always` is known.
    """

    at: Interval = REALS
    always: Interval = REALS
    value: Term | None = None
    fixed: bool = False
    random: bool = False

    def joined(self, other: Limit) -> Limit:
        """Return what holds of both."""
        if self == other:
            return self
        return Limit(
            ranges.hull(self.at, other.at),
            ranges.hull(self.always, other.always),
            self.value if self.value == other.value else None,
            self.fixed and other.fixed and self.value == other.value,
            self.random or other.random,
        )
