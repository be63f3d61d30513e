"""Numbers put into a problem: exact values of params and covariance entries, and what they make singular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

import sympy

from tensorprog.errors import fail
from tensorprog.functions.evaluate.sympy_bridge import symbol
from tensorprog.gaussian.closed.engine import Problem
from tensorprog.gaussian.problem.covariance import pivoted
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.numbers.interval import Interval
from tensorprog.terms import Num, Term, Var, to_text

DIGITS = 60
TINY = Fraction(1, 10**40)


def exact_number(x: Any) -> Fraction:
    """Read a number or decimal string as a fraction; floats are read as the decimals they print as."""
    try:
        return Fraction(x) if isinstance(x, int | Fraction) and not isinstance(x, bool) else Fraction(str(x))
    except ValueError:
        raise fail("TP017", f"{x!r:.60} is not a number", help="write C=2.5 or C=5/2") from None


def check_values(numbers: Mapping[str, Fraction], bounds: Mapping[str, Interval]) -> None:
    """Refuse a value that contradicts the assumption on its param."""
    for name, x in numbers.items():
        if name in bounds and not bounds[name].contains(x):
            raise fail("TP017", f"{name} = {x} contradicts what is assumed of {name}")


def point_of(numbers: Mapping[str, Fraction]) -> dict[Any, Any]:
    """Return the numbers as a sympy substitution."""
    return {symbol(Var(n)): sympy.Rational(q) for n, q in numbers.items()}


def symbols_of(p: Problem) -> set[str]:
    """Return the names of everything in a problem that needs a value before it is a number."""
    entries = [x for row in p.cov for x in row] + list(p.mean)
    params = {to_text(v) for v in variables(p.term) if v not in p.variables}
    return params | {s.name for x in entries for s in x.free_symbols}


def at_numbers(p: Problem, numbers: Mapping[str, Fraction]) -> Problem:
    """Return the problem with every param and symbol replaced by its value."""
    point = point_of(numbers)
    change: dict[Term, Term] = {
        v: Num(numbers[to_text(v)]) for v in variables(p.term) if v not in p.variables and isinstance(v, Var)
    }
    return replace(
        p,
        term=substitute(p.term, change),
        cov=tuple(tuple(x.xreplace(point) for x in row) for row in p.cov),
        mean=tuple(x.xreplace(point) for x in p.mean),
        bounds={},
    )


def as_fraction(x: Any) -> Fraction:
    """Return a sympy number as a fraction, to 60 digits where it is not rational."""
    if x.is_Rational:
        return Fraction(int(x.p), int(x.q))
    return Fraction(str(x.evalf(DIGITS)))


def is_singular(p: Problem, numbers: Mapping[str, Fraction]) -> bool:
    """Tell whether the covariance of a problem is singular at the numbers, within 60 digits."""
    point = point_of(numbers)
    K = [[as_fraction(x.xreplace(point)) for x in row] for row in p.cov]
    pivots = [pivot for _, pivot in pivoted(K)[0]]
    return len(pivots) < len(K) or prod(pivots) <= TINY * prod(K[i][i] for i in range(len(K)))
