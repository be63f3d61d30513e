"""A closed form as a number with a true bound: Arb's ball arithmetic, refined until a double is settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import sympy
from flint import acb, arb, ctx, fmpq

from tensorprog.gaussian.special import OwenT, Phi2

BITS = (90, 180, 400, 900, 2000)
"""Working precisions tried in turn."""


def value_of(expr: Any, values: Mapping[str, Fraction]) -> tuple[float, float] | None:
    """(value, error) with |value - expr| <= error, or None where the expression cannot be enclosed.

    >>> value_of(sympy.Symbol("a") / 3, {"a": Fraction(3)})
    (1.0, 0.0)
    """
    found: tuple[float, float] | None = None
    before = ctx.prec
    try:
        for bits in BITS:
            ctx.prec = bits
            try:
                ball = _Balls(values).ball(expr)
            except (NotImplementedError, ZeroDivisionError, ValueError):
                return found
            if not ball.is_finite():
                continue
            middle = float(ball.mid())
            gap = abs(ball - arb(middle))
            error = float(gap.upper()) * (1 + 2.0**-50)
            found = (middle, error)
            if ball.is_exact() and gap.is_zero():
                return middle, 0.0
            if error <= abs(middle) * 2.0**-52 or (error == 0.0):
                return found
        return found
    finally:
        ctx.prec = before


class _Balls:
    def __init__(self, values: Mapping[str, Fraction]) -> None:
        self.values = values
        self.memo: dict[Any, Any] = {}

    def ball(self, e: Any) -> Any:
        if e not in self.memo:
            self.memo[e] = self._ball(e)
        return self.memo[e]

    def _ball(self, e: Any) -> Any:
        if e.is_Rational:
            return arb(fmpq(int(e.p), int(e.q)))
        if e.is_Symbol:
            q = self.values[e.name]
            return arb(fmpq(q.numerator, q.denominator))
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


def _owen(h: Any, a: Any) -> Any:
    """(1/2π) ∫_0^a exp(-h²(1+x²)/2)/(1+x²) dx; the integrand has poles at ±i only."""

    def f(x: Any, _: bool) -> Any:
        square = 1 + x * x
        return (-(acb(h) ** 2) * square / 2).exp() / square

    return acb.integral(f, acb(0), acb(a)).real / (2 * arb.pi())


def _phi2(h: Any, k: Any, r: Any) -> Any:
    """Φ(h)Φ(k) + (1/2π) ∫_0^{asin r} exp(-(h² - 2hk sin t + k²)/(2 cos² t)) dt."""
    if (r - 1).is_zero() or (r + 1).is_zero():
        return _phi(h.min(k)) if r > 0 else (_phi(h) + _phi(k) - 1).max(arb(0))

    def f(t: Any, _: bool) -> Any:
        s, c = t.sin(), t.cos()
        return (-((acb(h) - acb(k) * s) ** 2 / (2 * c * c)) - acb(k) ** 2 / 2).exp()

    return _phi(h) * _phi(k) + acb.integral(f, acb(0), acb(r.asin())).real / (2 * arb.pi())


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
}


def _extreme(x: tuple[Any, ...], which: str) -> Any:
    out = x[0]
    for y in x[1:]:
        out = getattr(out, which)(y)
    return out
