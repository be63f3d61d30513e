"""Mean, covariance and fourth cumulants of a law, from whichever calculus the law has.

What concerns one variable is asked of that variable's own law, what concerns two of theirs: so a number does not depend
on which other variables it is asked with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tensorprog.limit.members.averaging import Array
from tensorprog.numbers.estimate import Estimate, worst_kind, worst_method

if TYPE_CHECKING:
    from tensorprog.limit.laws.exact_moments import Moments
    from tensorprog.limit.mixtures.pieces import Sum

MOST_PAIRED = 6
"""Variables whose covariances are asked pair by pair; of more of them all pairs are averaged at once."""


class Cumulants(Protocol):
    """Arrays (variables), (variables, variables), (variables)."""

    @property
    def mean(self) -> Estimate: ...

    @property
    def covariance(self) -> Estimate: ...

    @property
    def fourth(self) -> Estimate: ...


@dataclass(frozen=True)
class ByFormula:
    """Of a law that averages over no scores, or over scores alone."""

    moments: Moments

    @property
    def mean(self) -> Estimate:
        return stacked(self.moments.means)

    @cached_property
    def covariance(self) -> Estimate:
        return stacked([stacked(row) for row in self.moments.covariances])

    @property
    def fourth(self) -> Estimate:
        return stacked(self.moments.fourth)


@dataclass(frozen=True)
class ByAverage:
    """Of an average over scores, everything at the same points."""

    whole: Sum

    @property
    def mean(self) -> Estimate:
        return self.whole.cumulants[0]

    @property
    def covariance(self) -> Estimate:
        return self.whole.cumulants[1]

    @property
    def fourth(self) -> Estimate:
        return self.whole.cumulants[2]


@dataclass(frozen=True)
class ByMembers:
    """Put together from the laws of single variables and of pairs, these in the order of their names.

    `among` gives them for the positions of the variables; `whole`, if it is such a pair, has its own covariance.
    """

    names: Sequence[str]
    among: Callable[[Sequence[int]], Cumulants]
    whole: Cumulants

    @cached_property
    def _single(self) -> list[Cumulants]:
        return [self.among([k]) for k in range(len(self.names))]

    @property
    def mean(self) -> Estimate:
        return stacked([c.mean.at(0) for c in self._single])

    @cached_property
    def covariance(self) -> Estimate:
        size = range(len(self.names))
        return stacked([stacked([self._pair(i, j) for j in size]) for i in size])

    def _pair(self, i: int, j: int) -> Estimate:
        if i == j:
            return self._single[i].covariance.at(0, 0)
        pair = sorted([i, j], key=lambda k: (self.names[k], k))
        return (self.whole if pair == [0, 1] and len(self.names) == 2 else self.among(pair)).covariance.at(0, 1)

    @property
    def fourth(self) -> Estimate:
        return stacked([c.fourth.at(0) for c in self._single])


@dataclass(frozen=True)
class Gaussian:
    """A plain Gaussian law: what a hierarchical one becomes in a further limit."""

    of: tuple[str, ...]
    mean: Array
    covariance: Array
    error: Array


def stacked(numbers: Sequence[Estimate]) -> Estimate:
    """Numbers as one array, with the least sure of their kinds."""
    kind, method = worst_kind(*(x.error_kind for x in numbers)), worst_method(*(x.method for x in numbers))
    return Estimate(np.array([x.value for x in numbers]), np.array([x.error for x in numbers]), kind, method)
