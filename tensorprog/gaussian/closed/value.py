"""A closed form as a number with a true bound: Arb's ball arithmetic, refined until a double is settled."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import reduce
from math import isfinite
from typing import Any

import sympy
from flint import arb, fmpq

from tensorprog.gaussian.closed.special import SHARE, ErfIm, ErfRe, OwenT, Phi2, Signs4
from tensorprog.numbers.budget import spent
from tensorprog.numbers.precision import precision

LEAST = 5e-324
BITS = (90, 180, 400, 900, 2000)
"""Working precisions tried in turn."""


def value_of(
    expr: Any, values: Mapping[str, Fraction], inexact: Mapping[str, tuple[float, float]] | None = None
) -> tuple[float, float] | None:
    """(value, error) with |value - expr| <= error, or None where the expression cannot be enclosed.

    `inexact`: symbols whose numbers have errors, as (number, error); the error then holds for all that they allow.

    >>> value_of(sympy.Symbol("a") / 3, {"a": Fraction(3)})
    (1.0, 0.0)
    """
    inexact = inexact or {}
    if not {s.name for s in expr.free_symbols} <= values.keys() | inexact.keys():
        return None
    at = {s: values[s.name] for s in expr.free_symbols if s.name not in inexact}
    try:
        expr = expr.xreplace({s: sympy.Rational(x.numerator, x.denominator) for s, x in at.items()})
    except ValueError:  # sympy factors what is under a root, and fails at some numbers of many digits
        return None
    if expr.is_Rational:
        number = Fraction(int(expr.p), int(expr.q))
        if abs(number) > Fraction(sys.float_info.max):
            return None
        gap = abs(number - Fraction(float(number)))
        return float(number), _above(float(gap)) if gap else 0.0
    found: tuple[float, float] | None = None
    for bits in BITS:
        if spent(SHARE):
            return found
        with precision(bits):
            try:
                balls = Balls()
                balls.memo |= {s: arb(*inexact[s.name]) for s in expr.free_symbols}
                ball = balls.ball(expr)
            except (NotImplementedError, ZeroDivisionError, ValueError):
                return found
            if not ball.is_finite():
                continue
            middle = float(ball.mid())
            gap = abs(ball - arb(middle))
            if not isfinite(middle) or not isfinite(float(gap.upper())):
                continue
            if ball.is_exact() and gap.is_zero():
                return middle, 0.0
            found = (middle, _above(float(gap.upper())))
            if found[1] <= max(abs(middle) * 2.0**-52, LEAST) or inexact:
                return found
    return found


def _above(error: float) -> float:
    """Return a float that is surely above, also where the error has underflowed."""
    return error * (1 + 2.0**-50) + LEAST


class Balls:
    """Exact sympy expressions as balls that contain their values, each subexpression evaluated once.

    The precision is flint's own at the time of the call. Raises NotImplementedError for a function without a ball.

    >>> Balls().ball(sympy.sqrt(2) ** 2 / 4).contains(0.5)
    True
    """

    def __init__(self) -> None:
        self.memo: dict[Any, Any] = {}

    def ball(self, e: Any) -> Any:
        if e not in self.memo:
            self.memo[e] = self._ball(e)
        return self.memo[e]

    def _ball(self, e: Any) -> Any:
        if e.is_Rational:
            return arb(fmpq(int(e.p), int(e.q)))
        if e is sympy.pi:
            return arb.pi()
        if e is sympy.E:
            return arb(1).exp()
        if e.is_Add:
            return reduce(operator.add, map(self.ball, e.args))
        if e.is_Mul:
            return reduce(operator.mul, map(self.ball, e.args))
        if e.is_Pow and not isinstance(e, sympy.exp):
            return self._power(*e.args)
        if isinstance(e, sympy.hyper):
            (a, b), (c,), x = e.args
            return self.ball(x).hypgeom_2f1(self.ball(a), self.ball(b), self.ball(c))
        args = [self.ball(a) for a in e.args]
        named = _FUNCTIONS.get(e.func.__name__)
        if named is None:
            raise NotImplementedError(e.func.__name__)
        return named(*args)

    def _power(self, base: Any, exponent: Any) -> Any:
        if base is sympy.E:
            return self.ball(exponent).exp()
        x = self.ball(base)
        if exponent.is_Integer:
            return x ** int(exponent)
        if exponent.is_Rational and exponent.q == 2:
            # A radicand is a variance or a determinant: never negative, whatever the ball's radius says.
            return _root(x) ** int(exponent.p)
        return x ** self.ball(exponent)


def _root(x: Any) -> Any:
    return x.sqrt() if x >= 0 or not x.contains(0) else x.nonnegative_part().sqrt()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: operator.methodcaller(name)
    for name in ("exp", "log", "erf", "erfc", "erfi", "asin", "acos", "atan", "sin", "cos", "tan", "tanh", "sinh",
                 "cosh", "gamma")
} | {
    "Abs": abs,
    "Max": lambda *x: reduce(arb.max, x),
    "Min": lambda *x: reduce(arb.min, x),
    **{f.__name__: f.ball for f in (Phi2, OwenT, Signs4, ErfRe, ErfIm)},
}  # fmt: skip
