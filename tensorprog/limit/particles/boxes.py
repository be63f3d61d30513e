"""Where terms lie if their forms and averages lie in intervals: each part is looked at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from tensorprog.functions.rules import ranges
from tensorprog.gaussian.behaviour.sizes import Size
from tensorprog.limit.particles.reading import ordered
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Num, Term, Var


@dataclass(frozen=True)
class Box(Size):
    """Ranges of terms that share most of their parts."""

    known: dict[Term, Interval] = field(default_factory=dict, compare=False, repr=False)

    def of(self, t: Term) -> Interval:
        """Return an interval that holds every value of the term.

        >>> from tensorprog.terms import read
        >>> print(everywhere([read("1/(1 + exp(z))")]).of(read("1/(1 + exp(z))")))
        (0, 1)
        """
        for part in ordered([t], self.known):
            self.range(part)
        return self.range(t)

    def range(self, t: Term) -> Interval:
        if t not in self.known:
            self.known[t] = self._inside(t)
        return self.known[t]

    def _inside(self, t: Term) -> Interval:
        match t:
            case App("softmax"):
                return Interval(Fraction(0), Fraction(1), True, True)
            case App("hermite", (Num(k), u)):
                # |He_k(u)|/√k! <= (|u| + √(2k))^k/√k!
                far = self.range(u)
                if far.low is None or far.high is None:
                    return REALS
                most = max(abs(float(far.low)), abs(float(far.high))) + math.sqrt(2 * float(k))
                top = Fraction(most ** float(k) / math.sqrt(math.factorial(int(k))) * (1 + 1e-12))
                return ranges.make((-top, True), (top, True))
        return super().range(t)


def everywhere(terms: Iterable[Term]) -> Box:
    """The box that holds all values of the variables of some terms."""
    names = tuple(dict.fromkeys(v.name for v in ordered(terms) if isinstance(v, Var)))
    return Box(names, ((-math.inf, math.inf),) * len(names))
