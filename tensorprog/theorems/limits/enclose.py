"""Certain bounds of E f(Z) for one Gaussian variable Z: sums over cells in ball arithmetic.

E f(Z) = sum over cells of f(cell) P(Z in cell), f(cell) a ball that holds all values of f there. Beyond eight standard
deviations the range of f bounds what is left, where it is finite.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.functions.evaluate.balls import Undecided, Undefined, ball, evaluate, lower, upper
from tensorprog.functions.rules.ranges import make
from tensorprog.kernel.ground.term import size, variables, walk
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Bind, Term, Var

REACH, CELLS = 8, 256
MAX_SIZE = 60


def enclosure(t: Term, z: Var, mean: Fraction, variance: Fraction, within: Interval) -> Interval:
    """Return an interval that holds E t(Z) for Z ~ N(mean, variance); `within` holds the values of t.

    >>> from tensorprog.terms import read
    >>> found = enclosure(read("cos(x)"), Var("x"), Fraction(0), Fraction(1), Interval(Fraction(-1), Fraction(1)))
    >>> found.low < Fraction("0.6065306") < found.high  # exp(-1/2)
    True
    """
    if variables(t) != [z] or variance <= 0 or size(t) > MAX_SIZE or any(isinstance(u, Bind) for u in walk(t)):
        return REALS
    from flint import arb, fmpq

    from tensorprog.numbers.precision import precision

    try:
        with precision(80):
            sigma = arb(fmpq(variance.numerator, variance.denominator)).sqrt()
            total, weight = arb(0), arb(0)
            for k in range(CELLS):
                left, right = (arb(REACH * (2 * j - CELLS)) / CELLS for j in (k, k + 1))
                p = ((right / arb(2).sqrt()).erf() - (left / arb(2).sqrt()).erf()) / 2
                x = ball(mean) + sigma * left.union(right)
                total += p * ball(evaluate(t, {z: x}))
                weight += p
            rest = 1 - weight
            low = None if within.low is None else lower(total + rest * ball(within.low))
            high = None if within.high is None else upper(total + rest * ball(within.high))
            return make((low, True), (high, True))
    except (Undecided, Undefined):
        return REALS
