"""Whether an expectation is finite: E exp(z'Qz) for z ~ N(0, K) is, exactly when all eigenvalues of 2QK are below 1.

The eigenvalues of 2QK are those of the symmetric 2K^{1/2}QK^{1/2}, hence real; so all are below 1 exactly when
det((1 + t)I - 2QK), whose roots t they are less 1, has positive coefficients only (a polynomial with real roots
has no root t >= 0 exactly when its coefficients have one sign). K need not be invertible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tensorprog.gaussian.exact.element import Element, number
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.gaussian.exact.linear import determinant, dot


@dataclass(frozen=True, slots=True)
class Condition:
    """An element that must be positive; `cut_off` when signs or Dirac factors bound the summand that asks for it."""

    positive: Element
    cut_off: bool
    exponent: tuple[tuple[tuple[int, int], Element], ...]
    failed: bool


class Infinite(Exception):
    """The expectation is infinite, because this condition fails and nothing cuts the exponential off."""

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition)
        self.condition = condition


@dataclass
class Existence:
    """The conditions collected while a closed form is derived."""

    conditions: list[Condition] = field(default_factory=list)

    def require(
        self,
        twice_q: Sequence[Sequence[Element]],
        k: Sequence[Sequence[Element]],
        exponent: tuple[tuple[tuple[int, int], Any], ...],
        cut_off: bool,
    ) -> None:
        """Note what E exp(z'Qz) asks of K, unless it holds for every K; and that the determinant is positive then."""
        g = k[0][0].ground
        size = range(len(k))
        product = [[dot(twice_q[a], [row[b] for row in k]) for b in size] for a in size]
        always = _negative_semidefinite(twice_q)
        for order in range(1, len(k) + 1):
            # The coefficient of t^(n-order) in det(tI + (I - 2QK)): the sum of the principal minors of that order.
            total = number(g, 0)
            for kept in combinations(size, order):
                total = total + determinant([[number(g, int(a == b)) - product[a][b] for b in kept] for a in kept])
            sign = total.sign()
            if order == len(k) and len(total.terms) == 1:
                num = next(iter(total.terms.values()))[0]
                g.declare_positive(num)
            if not always and sign != 1:
                self.conditions.append(Condition(total, cut_off, exponent, failed=sign is not None))

    def settle(self) -> None:
        """Refuse where a condition fails: infinite if it fails for bare summands only, else no closed form."""
        failed = [c for c in self.conditions if c.failed]
        if any(c.cut_off for c in failed):
            raise NoClosedForm("an exponential that only a kink keeps finite")
        if failed:
            raise Infinite(failed[0])
        self.conditions = list(dict.fromkeys(self.conditions))


def _negative_semidefinite(q: Sequence[Sequence[Element]]) -> bool:
    """Return whether -Q is positive semidefinite for certain: all its principal minors are."""
    size = range(len(q))
    for order in range(1, len(q) + 1):
        for kept in combinations(size, order):
            sign = determinant([[-q[a][b] for b in kept] for a in kept]).sign()
            if sign is None or sign < 0:
                return False
    return True
