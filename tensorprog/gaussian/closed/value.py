"""A closed form as a number with a true bound: Arb's ball arithmetic, refined until a double is settled."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any

import sympy
from flint import acb, arb, fmpq

from tensorprog.gaussian.closed.special import ErfIm, ErfRe, OwenT, Phi2, Signs4
from tensorprog.numbers.budget import spent
from tensorprog.numbers.precision import precision

LEAST = 5e-324
SHARE = 0.3
"""The part of the time for one number that a formula may take."""
BITS = (90, 180, 400, 900, 2000)
"""Working precisions tried in turn."""
PEAKS = 64
"""Places at which an integrand is looked at for its size."""


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
    expr = expr.xreplace({s: sympy.Rational(x.numerator, x.denominator) for s, x in at.items()})
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
    """A float that is surely above, also where the error has underflowed."""
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
            return sum((self.ball(a) for a in e.args[1:]), self.ball(e.args[0]))
        if e.is_Mul:
            out = self.ball(e.args[0])
            for a in e.args[1:]:
                out = out * self.ball(a)
            return out
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


def _phi(x: Any) -> Any:
    return (-x / arb(2).sqrt()).erfc() / 2


def _integral(f: Callable[[Any, bool], Any], a: Any, b: Any) -> Any:
    """Arb's rigorous integral; not finite once its share of the time for one number is used up."""

    def timed(x: Any, analytic: bool) -> Any:
        return acb("nan", "nan") if spent(SHARE) else f(x, analytic)

    return acb.integral(timed, a, b)


def _owen(h: Any, a: Any) -> Any:
    """(1/2π) ∫_0^a exp(-h²(1+x²)/2)/(1+x²) dx; the integrand has poles at ±i only."""

    def f(x: Any, _: bool) -> Any:
        return (-(acb(h) ** 2) * x * x / 2).exp() / (1 + x * x)

    return (-(h**2) / 2).exp() * _integral(f, acb(0), acb(a)).real / (2 * arb.pi())


def _phi2(h: Any, k: Any, r: Any) -> Any:
    """Φ(h)Φ(k) + (1/2π) ∫_0^{asin r} exp(-(h² - 2hk sin t + k²)/(2 cos² t)) dt."""
    if (r - 1).is_zero() or (r + 1).is_zero():
        return _phi(h.min(k)) if r > 0 else (_phi(h) + _phi(k) - 1).max(arb(0))

    def exponent(t: Any) -> Any:
        s, c = t.sin(), t.cos()
        return -((acb(h) - acb(k) * s) ** 2 / (2 * c * c)) - acb(k) ** 2 / 2

    # The integral's tolerance is absolute: the integrand is first scaled to be about 1 at its greatest.
    end = acb(r.asin())
    top = max((float(exponent(end * j / PEAKS).real.mid()) for j in range(PEAKS + 1)), default=0.0)
    if not math.isfinite(top):
        top = 0.0
    part = _integral(lambda t, _: (exponent(t) - top).exp(), acb(0), end).real * arb(top).exp()
    return _phi(h) * _phi(k) + part / (2 * arb.pi())


def _signs4(*r: Any) -> Any:
    """The integral of Signs4; asin and the square roots are followed only where they are analytic."""
    corr = {frozenset(p): acb(x) for p, x in zip(_PAIRS, r, strict=True)}

    def between(a: int, b: int, t: Any) -> Any:
        return corr[frozenset((a, b))] * (t if 0 in (a, b) else 1)

    def f(t: Any, analytic: bool) -> Any:
        total = acb(0)
        for j in (1, 2, 3):
            k, m = (x for x in (1, 2, 3) if x != j)
            c = between(0, j, t)
            free = 1 - c * c

            def partial(a: int, b: int, j: int = j, c: Any = c, free: Any = free) -> Any:
                x, y = (between(0, a, t), between(j, a, t)), (between(0, b, t), between(j, b, t))
                known = (x[0] * y[0] - c * (x[0] * y[1] + x[1] * y[0]) + x[1] * y[1]) / free
                return (acb(1) if a == b else between(a, b, t)) - known

            spread = partial(k, k) * partial(m, m)
            if analytic and not (spread.real > 0 and free.real > 0):
                return acb("nan", "nan")
            rho = partial(k, m) / spread.sqrt()
            if analytic and rho.imag.contains(0) and not (rho.real < 1 and rho.real > -1):
                return acb("nan", "nan")
            total += corr[frozenset((0, j))] / free.sqrt() * rho.asin()
        return total

    return _integral(f, acb(0), acb(1)).real * 4 / arb.pi() ** 2


_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "erf": lambda x: x.erf(),
    "erfc": lambda x: x.erfc(),
    "erfi": lambda x: x.erfi(),
    "asin": lambda x: x.asin(),
    "acos": lambda x: x.acos(),
    "atan": lambda x: x.atan(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "tan": lambda x: x.tan(),
    "tanh": lambda x: x.tanh(),
    "sinh": lambda x: x.sinh(),
    "cosh": lambda x: x.cosh(),
    "Abs": abs,
    "gamma": lambda x: x.gamma(),
    "Max": lambda *x: _extreme(x, "max"),
    "Min": lambda *x: _extreme(x, "min"),
    Phi2.__name__: _phi2,
    OwenT.__name__: _owen,
    Signs4.__name__: _signs4,
    ErfRe.__name__: lambda x, y: acb(x, y).erf().real,
    ErfIm.__name__: lambda x, y: acb(x, y).erf().imag,
}


def _extreme(x: tuple[Any, ...], which: str) -> Any:
    out = x[0]
    for y in x[1:]:
        out = getattr(out, which)(y)
    return out
