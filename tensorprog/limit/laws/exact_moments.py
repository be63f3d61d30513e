"""Mean, covariance and fourth cumulants of a law that averages over no scores, or over scores alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tensorprog.limit.mixtures.structure import Structure
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import Num, Term
from tensorprog.terms.term import mul, power

if TYPE_CHECKING:
    from tensorprog.limit.engine import Engine

ZERO = Estimate(0.0, 0.0, "exact", "closed-form")
MOST_LEAVES = 3
"""Gaussian variables of a function of scores whose moments are asked of formulas."""


@dataclass(frozen=True)
class Moments:
    """Moments without averaging over draws: by the engine, as every command asks it, or of scores alone by formulas."""

    s: Structure

    @cached_property
    def _engine(self) -> Engine | None:
        s = self.s
        return s.engine if s.engine is not None and not s.engine.scores(s.members) else None

    @cached_property
    def means(self) -> list[Estimate]:
        if (e := self._engine) is not None:
            return [e.number(e.mean_sum(m)) for m in self.s.members]
        return [self.s.certified.number(self.s.certified.expectation(t)) for t in self.s.terms]

    @cached_property
    def covariances(self) -> list[list[Estimate]]:
        if (e := self._engine) is not None:
            size = range(len(self.s.members))
            lower = [
                [e.number(e.covariance_sum(self.s.members[i], self.s.members[j])) for j in range(i + 1)] for i in size
            ]
            return [[lower[max(i, j)][min(i, j)] for j in size] for i in size]
        c = self.s.certified
        firsts = [c.expectation(t) for t in self.s.terms]
        pairs = list(zip(self.s.terms, firsts, strict=True))
        return [[c.number(c.expectation(mul(a, b)) - m * n) for b, n in pairs] for a, m in pairs]

    @cached_property
    def fourth(self) -> list[Estimate]:
        """Fourth cumulants."""
        if self.s.kind != "function-of-gaussian":
            return [ZERO for _ in self.s.members]
        if (e := self._engine) is not None:
            return [e.fourth_cumulant(m) for m in self.s.members]
        c, out = self.s.certified, []
        for t in self.s.terms:
            a, b, d, f = (c.expectation(power(t, Num(p)) if p > 1 else t) for p in (1, 2, 3, 4))
            out.append(c.number(f - 4 * a * d - 3 * b**2 + 12 * a**2 * b - 6 * a**4))
        return out

    def moment(self, powers: tuple[int, ...]) -> Estimate:
        """E[y_1^k_1 ... y_m^k_m]."""

        def product(factors: tuple[Term, ...]) -> Term:
            return mul(*(power(t, Num(k)) if k > 1 else t for t, k in zip(factors, powers, strict=True) if k))

        if (e := self._engine) is not None:
            return e.number(e.mean_sum(product(self.s.members)))
        return self.s.certified.number(self.s.certified.expectation(product(self.s.terms)))


def exact_moments(s: Structure) -> Moments | None:
    """The moments, or None where the law is to be averaged."""
    if s.kind not in ("deterministic", "gaussian", "function-of-gaussian") or s.nested:
        return None
    if s.kind == "function-of-gaussian" and any(len(s.unfolding.below(t)) > MOST_LEAVES for t in s.terms):
        return None
    return Moments(s)
