"""Mean, covariance and fourth cumulants of a law, from whichever calculus the law has.

What concerns one variable is asked of that variable's own law, what concerns two of theirs: so a number does not depend
on which other variables it is asked with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from tensorprog.kernel.ground.term import mul, power
from tensorprog.limit.members.averaging import Array
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.numbers.estimate import Estimate, worst_kind, worst_method
from tensorprog.terms import Num, Term

ZERO = Estimate(0.0, 0.0, "exact", "closed-form")
MOST_LEAVES = 3
"""Gaussian variables of a function of scores whose moments are asked of formulas."""
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
class Moments:
    """Of a law that averages over no scores, by balls, or over scores alone, by formulas."""

    s: Structure

    @cached_property
    def _random(self) -> bool:
        return bool(self.s.engine.scores(self.s.members))

    def _mean(self, t: Term) -> Estimate:
        s = self.s
        return s.averages.number(s.averages.expectation(t)) if self._random else s.engine.number(s.engine.mean_sum(t))

    def _covariance(self, a: Term, b: Term) -> Estimate:
        s = self.s
        if self._random:
            return s.averages.number(s.averages.covariance(a, b))
        return s.engine.number(s.engine.covariance_sum(a, b))

    @cached_property
    def mean(self) -> Estimate:
        return stacked([self._mean(m) for m in self.s.members])

    @cached_property
    def covariance(self) -> Estimate:
        members, size = self.s.members, range(len(self.s.members))
        lower = [[self._covariance(members[i], members[j]) for j in range(i + 1)] for i in size]
        return stacked([stacked([lower[max(i, j)][min(i, j)] for j in size]) for i in size])

    @cached_property
    def fourth(self) -> Estimate:
        c = self.s.averages
        if self.s.kind != "function-of-gaussian":
            return stacked([ZERO for _ in self.s.members])
        if not self._random:
            return stacked([self.s.engine.fourth_cumulant(m) for m in self.s.members])
        return stacked([c.number(c.cumulants(m)[1]) for m in self.s.members])

    def moment(self, powers: tuple[int, ...]) -> Estimate:
        """E[y_1^k_1 ... y_m^k_m]."""
        pairs = zip(self.s.members, powers, strict=True)
        return self._mean(mul(*(power(m, Num(k)) if k > 1 else m for m, k in pairs if k)))


def exact_moments(s: Structure) -> Moments | None:
    """Return the moments, or None where the law is to be averaged."""
    if s.kind not in ("deterministic", "gaussian", "function-of-gaussian") or s.nested:
        return None
    if s.kind == "function-of-gaussian" and any(len(s.unfolding.below(t)) > MOST_LEAVES for t in s.terms):
        return None
    return Moments(s)


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
    """Return numbers as one array, with the least sure of their kinds."""
    kind, method = worst_kind(*(x.error_kind for x in numbers)), worst_method(*(x.method for x in numbers))
    return Estimate(np.array([x.value for x in numbers]), np.array([x.error for x in numbers]), kind, method)
