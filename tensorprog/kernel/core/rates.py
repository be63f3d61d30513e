"""What is known of a function: how fast it grows, its local Lipschitz constant, its sign.

x stands for the values of the basic vectors and scalars of a program (inputs, products, dot products, averages), r for
the norm of x.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tensorprog.kernel.core.refused import F1, ZERO
from tensorprog.kernel.ground.json_form import number_from_json


class Rate(NamedTuple):
    """A bound of a function by r: zero; poly a: A (1+r)^a; exp a: exp(C r^a + K); any: none. Ordered by strength.

    A, C and K may depend on params, the exponents never do.
    """

    level: int
    power: Fraction = ZERO

    def times(self, other: Rate) -> Rate:
        """The rate of a product."""
        if self.level == other.level == 0:
            return Rate(0, self.power + other.power)
        return NOTHING if NOTHING in (self, other) else max(self, other)

    def to_the(self, p: Fraction) -> Rate:
        """The rate of |u|^p, p > 0."""
        return Rate(0, self.power * p) if self.level == 0 else self

    def __str__(self) -> str:
        return {-1: "zero", 0: f"poly {self.power}", 1: f"exp {self.power}", 2: "any"}[self.level]


NOTHING, FLAT, LINEAR, ANY = Rate(-1), Rate(0), Rate(0, F1), Rate(2)
PROPERTIES = ("total", "continuous", "bounded", "polynomially bounded", "controlled", "pseudo-Lipschitz")
ORDER = "pseudo-Lipschitz of order "
REGULARITY = ("undefined somewhere", "locally bounded", "continuous", "locally Lipschitz")


class Info(NamedTuple):
    """What holds of a function u of x, for all admissible params; `level` is an index of REGULARITY.

    `growth`: the rate of |u|. `slope`: the rate of its local Lipschitz constant. `plus`: u >= 0, `minus`: u <= 0,
    `nonzero`: u is nowhere 0; `away`: |u| >= c > 0; `below`, `above`: bounded on that side; `constant`: u does not
    depend on x; `local`: all of it holds only near the limits of these scalars, which tend to constants.
    """

    level: int
    growth: Rate = ANY
    slope: Rate = ANY
    plus: bool = False
    minus: bool = False
    nonzero: bool = False
    away: bool = False
    below: bool = False
    above: bool = False
    constant: bool = False
    local: frozenset[str] = frozenset()

    @property
    def negated(self) -> Info:
        """What holds of -u."""
        return self._replace(plus=self.minus, minus=self.plus, below=self.above, above=self.below)

    @property
    def positive(self) -> bool:
        """Whether u > 0."""
        return self.plus and self.nonzero

    def has(self, what: str) -> bool:
        """Return whether u is bounded, controlled, ... All of PROPERTIES, and pseudo-Lipschitz of some order."""
        if what.startswith(ORDER):
            least = max(F1, F1 + self.slope.power)
            return self.has("pseudo-Lipschitz") and least <= number_from_json(what.removeprefix(ORDER))
        g = self.growth
        found = {
            "total": True,
            "continuous": self.level >= 2,
            "bounded": g <= FLAT,
            "polynomially bounded": g.level <= 0,
            "controlled": g.level <= 0 or (g.level == 1 and g.power < 2),
            "pseudo-Lipschitz": self.level == 3 and self.slope.level <= 0,
        }
        return self.level > 0 and found[what]
