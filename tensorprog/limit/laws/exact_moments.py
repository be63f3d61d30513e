"""Mean, covariance and fourth cumulants of a law that averages over no scores, or over scores alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tensorprog.kernel.ground.term import mul, power
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import Num, Term

ZERO = Estimate(0.0, 0.0, "exact", "closed-form")
MOST_LEAVES = 3
"""Gaussian variables of a function of scores whose moments are asked of formulas."""


@dataclass(frozen=True)
class Moments:
    """Moments without averaging over draws: by balls where scores play no part, or of scores alone by formulas."""

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
    def means(self) -> list[Estimate]:
        return [self._mean(m) for m in self.s.members]

    @cached_property
    def covariances(self) -> list[list[Estimate]]:
        members, size = self.s.members, range(len(self.s.members))
        lower = [[self._covariance(members[i], members[j]) for j in range(i + 1)] for i in size]
        return [[lower[max(i, j)][min(i, j)] for j in size] for i in size]

    @cached_property
    def fourth(self) -> list[Estimate]:
        """Fourth cumulants."""
        if self.s.kind != "function-of-gaussian":
            return [ZERO for _ in self.s.members]
        if not self._random:
            return [self.s.engine.fourth_cumulant(m) for m in self.s.members]
        c = self.s.averages
        return [c.number(c.cumulants(m)[1]) for m in self.s.members]

    def moment(self, powers: tuple[int, ...]) -> Estimate:
        """E[y_1^k_1 ... y_m^k_m]."""
        pairs = zip(self.s.members, powers, strict=True)
        return self._mean(mul(*(power(m, Num(k)) if k > 1 else m for m, k in pairs if k)))


def exact_moments(s: Structure) -> Moments | None:
    """The moments, or None where the law is to be averaged."""
    if s.kind not in ("deterministic", "gaussian", "function-of-gaussian") or s.nested:
        return None
    if s.kind == "function-of-gaussian" and any(len(s.unfolding.below(t)) > MOST_LEAVES for t in s.terms):
        return None
    return Moments(s)
