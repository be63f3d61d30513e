"""Five named functions that closed forms need beyond the elementary ones, known to sympy and to evaluation.

    Phi2(h, k, r) = P(X < h, Y < k),  X, Y standard normal with correlation r
    OwenT(h, a)   = (1/2π) ∫_0^a exp(-h²(1+x²)/2)/(1+x²) dx
    Signs4(r12, r13, r14, r23, r24, r34) = E sg(W1) sg(W2) sg(W3) sg(W4), W standard normals with these correlations
    ErfRe(x, y), ErfIm(x, y) = the real and the imaginary part of erf(x + iy)

In plain text they are written by these names and read back by sympy as functions of these names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy
from flint import acb, arb, ctx
from sympy import S, erf, exp, pi, sqrt

from tensorprog.numbers.budget import spent
from tensorprog.numbers.precision import precision

SHARE = 0.3
"""The part of the time for one number that a formula may take."""
CALLS = 100
"""Values of an integrand for each bit of precision; Arb's own limit, 1000 and the number of bits, takes hours."""
PEAKS = 64
"""Places at which an integrand is looked at for its size."""
_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


class _Named(sympy.Function):  # type: ignore[misc]
    """A real function that is evaluated in ball arithmetic, at flint's own precision at the time of the call."""

    is_real = True

    ball: Callable[..., Any]
    """A real ball around the value at real balls."""

    def _eval_evalf(self, prec: int) -> Any:
        from mpmath.libmp import prec_to_dps

        digits = prec_to_dps(prec) + 5
        args = [a.evalf(digits) for a in self.args]
        if not all(a.is_Float for a in args):
            return None
        with precision(prec + 20):
            return sympy.Float(self.ball(*map(arb, args)).mid().str(digits, radius=False), precision=prec)


def _cdf(x: Any) -> Any:
    return (-x / arb(2).sqrt()).erfc() / 2


def integral(f: Callable[[Any, bool], Any], a: Any, b: Any) -> Any:
    """Arb's rigorous integral; not finite once its share of the time for one number is used up.

    What is raised in the function, an interrupt too, is raised here: Arb goes on after it, and buries it under an error
    for each later value. It goes on after the time is used up, too, until it has asked for so many values.
    """
    raised: list[BaseException] = []

    def timed(x: Any, analytic: bool) -> Any:
        try:
            return acb("nan", "nan") if raised or spent(SHARE) else f(x, analytic)
        except BaseException as error:
            raised.append(error)
            return acb("nan", "nan")

    value = acb.integral(timed, a, b, eval_limit=CALLS * ctx.prec)
    if raised:
        first = raised[0]
        while isinstance(first, SystemError) and first.__context__ is not None:
            first = first.__context__
        raise first from None
    return value


def _phi(x: Any) -> Any:
    return exp(-(x**2) / 2) / sqrt(2 * pi)


class Phi2(_Named):
    """The bivariate normal distribution function Phi2(h, k, r).

    >>> Phi2(0, 0, 0)
    1/4
    """

    nargs = (3,)

    @staticmethod
    def ball(h: Any, k: Any, r: Any) -> Any:
        """Φ(h)Φ(k) + (1/2π) ∫_0^{asin r} exp(-(h² - 2hk sin t + k²)/(2 cos² t)) dt."""
        if (r - 1).is_zero() or (r + 1).is_zero():
            return _cdf(h.min(k)) if r > 0 else (_cdf(h) + _cdf(k) - 1).max(arb(0))

        def exponent(t: Any) -> Any:
            s, c = t.sin(), t.cos()
            return -((acb(h) - acb(k) * s) ** 2 / (2 * c * c)) - acb(k) ** 2 / 2

        # The integral's tolerance is absolute: the integrand is first scaled to be about 1 at its greatest.
        end = acb(r.asin())
        top = max((float(exponent(end * j / PEAKS).real.mid()) for j in range(PEAKS + 1)), default=0.0)
        if not math.isfinite(top):
            top = 0.0
        part = integral(lambda t, _: (exponent(t) - top).exp(), acb(0), end).real * arb(top).exp()
        return _cdf(h) * _cdf(k) + part / (2 * arb.pi())

    @classmethod
    def eval(cls, h: Any, k: Any, r: Any) -> Any:
        if r.is_zero:
            return (1 + erf(h / sqrt(2))) * (1 + erf(k / sqrt(2))) / 4
        if h.is_zero and k.is_zero:
            return S.One / 4 + sympy.asin(r) / (2 * pi)
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        h, k, r = self.args
        if argindex == 3:
            return exp(-(h**2 - 2 * r * h * k + k**2) / (2 * (1 - r**2))) / (2 * pi * sqrt(1 - r**2))
        if argindex == 2:
            h, k = k, h
        return _phi(h) * (1 + erf((k - r * h) / sqrt(2 * (1 - r**2)))) / 2


class OwenT(_Named):
    """Owen's function T(h, a).

    >>> OwenT(0, 1)
    1/8
    """

    nargs = (2,)

    @staticmethod
    def ball(h: Any, a: Any) -> Any:
        """(1/2π) ∫_0^a exp(-h²(1+x²)/2)/(1+x²) dx; the integrand has poles at ±i only."""

        def f(x: Any, _: bool) -> Any:
            return (-(acb(h) ** 2) * x * x / 2).exp() / (1 + x * x)

        return (-(h**2) / 2).exp() * integral(f, acb(0), acb(a)).real / (2 * arb.pi())

    @classmethod
    def eval(cls, h: Any, a: Any) -> Any:
        if a.is_zero:
            return S.Zero
        if h.is_zero:
            return sympy.atan(a) / (2 * pi)
        if a.could_extract_minus_sign():
            return -cls(h, -a)
        if h.could_extract_minus_sign():
            return cls(-h, a)
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        h, a = self.args
        if argindex == 1:
            return -_phi(h) * erf(h * a / sqrt(2)) / 2
        return exp(-(h**2) * (1 + a**2) / 2) / (2 * pi * (1 + a**2))


class Signs4(_Named):
    """The mean of a product of four centred signs, a one-dimensional integral (Plackett).

        (4/π²) ∫_0^1 Σ_{j=2,3,4} r1j/√(1 - t² r1j²) asin(r_kl|1j(t)) dt,

    r_kl|1j(t) the partial correlation of the other two given W1 and Wj when W1's correlations are t times theirs.

    >>> Signs4(0, 0, 0, 0, 0, sympy.Rational(1, 2))
    0
    """

    nargs = (6,)

    @staticmethod
    def ball(*r: Any) -> Any:
        """Return the integral of Signs4; asin and the square roots are followed only where they are analytic."""
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

        return integral(f, acb(0), acb(1)).real * 4 / arb.pi() ** 2

    @classmethod
    def eval(cls, *r: Any) -> Any:
        pairs = dict(zip(_PAIRS, r, strict=True))
        alone = any(all(x.is_zero for p, x in pairs.items() if k in p) for k in range(4))
        return S.Zero if alone else None


def _slope_parts(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the real and imaginary part of erf'(x + iy) = 2/√π exp(-(x + iy)²)."""
    size = 2 / sqrt(pi) * exp(y**2 - x**2)
    return size * sympy.cos(2 * x * y), -size * sympy.sin(2 * x * y)


class ErfRe(_Named):
    """Re erf(x + iy), odd in x and even in y.

    >>> ErfRe(1, 0)
    erf(1)
    """

    nargs = (2,)

    @staticmethod
    def ball(x: Any, y: Any) -> Any:
        return acb(x, y).erf().real

    @classmethod
    def eval(cls, x: Any, y: Any) -> Any:
        if x.is_zero:
            return S.Zero
        return erf(x) if y.is_zero else None

    def fdiff(self, argindex: int = 1) -> Any:
        real, imaginary = _slope_parts(*self.args)
        return real if argindex == 1 else -imaginary


class ErfIm(_Named):
    """Im erf(x + iy), even in x and odd in y.

    >>> ErfIm(0, 1)
    erfi(1)
    """

    nargs = (2,)

    @staticmethod
    def ball(x: Any, y: Any) -> Any:
        return acb(x, y).erf().imag

    @classmethod
    def eval(cls, x: Any, y: Any) -> Any:
        if y.is_zero:
            return S.Zero
        return sympy.erfi(y) if x.is_zero else None

    def fdiff(self, argindex: int = 1) -> Any:
        real, imaginary = _slope_parts(*self.args)
        return imaginary if argindex == 1 else real
