"""Rates: how fast a function may grow, as exact exponents.

    decay   exp(-c r^a (log r)^b)      level -1
    power   r^a (log r)^b              level  0
    exp     exp(C r^a (log r)^b)       level  1
    any     no bound is known          level  2

Rates are bounds for r = |x| large, up to constants, ordered by strength; a power may be INF: finite for every
admissible param, but not bounded over them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

INF = math.inf
Exponent = Fraction | float


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate; see the module.

    >>> print(Rate(0, Fraction(2)).times(Rate(0, Fraction(-1))), SQUARE_EXP)
    r^1 exp(C r^2)
    """

    level: int
    power: Exponent = Fraction(0)
    logs: Fraction = Fraction(0)

    def _key(self) -> tuple[int, Exponent, Fraction]:
        sign = -1 if self.level == -1 else 1
        return (self.level, sign * self.power, sign * self.logs)

    def __gt__(self, other: Rate) -> bool:
        return self._key() > other._key()

    def __ge__(self, other: Rate) -> bool:
        return self._key() >= other._key()

    def __lt__(self, other: Rate) -> bool:
        return self._key() < other._key()

    def __le__(self, other: Rate) -> bool:
        return self._key() <= other._key()

    def __str__(self) -> str:
        if self.level == 2:
            return "unknown"
        power = "some finite power of r" if self.power == INF else f"r^{self.power}"
        poly = power + (f" log^{self.logs} r" if self.logs else "")
        return poly if self.level == 0 else f"exp({'-c' if self.level < 0 else 'C'} {poly})"

    def said(self) -> str:
        """Return the rate as a bound in |x|, the size of the variables.

        >>> Rate(0, Fraction(0)).said(), Rate(0, Fraction(2)).said(), Rate(1, Fraction(1)).said()
        ('a constant', 'a multiple of 1 + |x|^2', 'exp(C |x| + K)')
        """
        if self.level == 2:
            return "something unknown"
        if self.level == self.power == self.logs == 0:
            return "a constant"
        if self.power == INF:
            return "some power of |x|"
        plain = "" if self.power == 0 else "|x|" if self.power == 1 else f"|x|^{self.power}"
        logs = f"log^{self.logs} |x|" if self.logs else ""
        size = " ".join(part for part in (plain, logs) if part)
        if self.level < 0:
            return f"exp(K - c {size})"
        return f"a multiple of 1 + {size}" if self.level == 0 else f"exp(C {size} + K)"

    @property
    def bounded(self) -> bool:
        return self <= BOUNDED

    @property
    def polynomial(self) -> bool:
        return self.level <= 0

    @property
    def controlled(self) -> bool:
        """At most exp(C r^(2-eps)): any power of a logarithm fits below r^eps."""
        return self.level <= 0 or (self.level == 1 and self.power < 2)

    def clipped(self) -> Rate:
        """Return the rate where only "bounded" is left of decay (for a function of some of the variables)."""
        return max(self, BOUNDED, key=Rate._key)

    def times(self, other: Rate) -> Rate:
        """Return the rate of a product: a stronger exponential wins, equal ones of opposite sign leave no decay."""
        weak, strong = sorted((self, other), key=lambda r: r.level)
        if strong.level == 2:
            return ANY
        if weak.level == 0 and strong.level == 0:
            return Rate(0, weak.power + strong.power, weak.logs + strong.logs)
        if strong.level <= 0:  # decay times decay or power
            return max((r for r in (weak, strong) if r.level == -1), key=lambda r: (r.power, r.logs))
        if weak.level == -1 and (weak.power, weak.logs) > (strong.power, strong.logs):
            return weak
        if weak.level == 1:
            return max(weak, strong, key=Rate._key)
        return strong

    def to_the(self, p: Fraction) -> Rate:
        """Return the rate of |f|^p for p >= 0 from the rate of |f|."""
        if p == 0:
            return BOUNDED
        if self.level == 0:
            return Rate(0, self.power if self.power == INF else self.power * p, self.logs * p)
        return self

    def exponential(self) -> Rate:
        """Return the rate of exp(f) from the rate of |f|."""
        if self.level >= 1:
            return ANY
        if self.bounded:
            return BOUNDED
        if self.power == 0 and self.logs <= 1:
            return POWER  # exp(C log r) = r^C
        return Rate(1, self.power, self.logs)

    def logarithm(self) -> Rate:
        """Return the rate of log|f| where |f| is large."""
        if self.level == 2:
            return ANY
        if self.level == 1:
            return Rate(0, self.power, self.logs)
        return BOUNDED if self.bounded else Rate(0, Fraction(0), Fraction(1))


BOUNDED = Rate(0)
LINEAR = Rate(0, Fraction(1))
POWER = Rate(0, INF)
SQUARE_EXP = Rate(1, Fraction(2))
ANY = Rate(2)


def least(*rates: Rate) -> Rate:
    """Return the best of several bounds."""
    return min(rates, key=Rate._key)


def most(*rates: Rate) -> Rate:
    """Return the bound that holds for all of several functions."""
    return max(rates, key=Rate._key, default=BOUNDED)
