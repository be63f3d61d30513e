"""Five named functions that closed forms need beyond the elementary ones, known to sympy and to evaluation.

    Phi2(h, k, r) = P(X < h, Y < k),  X, Y standard normal with correlation r
    OwenT(h, a)   = (1/2π) ∫_0^a exp(-h²(1+x²)/2)/(1+x²) dx
    Signs4(r12, r13, r14, r23, r24, r34) = E sg(W1) sg(W2) sg(W3) sg(W4), W standard normals with these correlations
    ErfRe(x, y), ErfIm(x, y) = the real and the imaginary part of erf(x + iy)

In plain text they are written by these names and read back by sympy as functions of these names.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import S, erf, exp, pi, sqrt


class _Named(sympy.Function):  # type: ignore[misc]
    """A real function that mpmath evaluates at numbers (slowly: the engine's own numbers come from ball arithmetic)."""

    is_real = True

    @staticmethod
    def number(*x: Any) -> Any:
        """The value at mpmath numbers."""
        raise NotImplementedError

    def _eval_evalf(self, prec: int) -> Any:
        import mpmath

        args = [a.evalf(mpmath.libmp.prec_to_dps(prec) + 5) for a in self.args]
        if not all(a.is_Float or a.is_Rational for a in args):
            return None
        with mpmath.workprec(prec + 10):
            return sympy.Float(self.number(*(mpmath.mpmathify(a) for a in args)), precision=prec)


def _phi(x: Any) -> Any:
    return exp(-(x**2) / 2) / sqrt(2 * pi)


class Phi2(_Named):
    """The bivariate normal distribution function Phi2(h, k, r).

    >>> Phi2(0, 0, 0)
    1/4
    """

    nargs = (3,)

    @staticmethod
    def number(h: Any, k: Any, r: Any) -> Any:
        from mpmath import asin, cos, exp, ncdf, pi, quad, sin

        def f(t: Any) -> Any:
            return exp(-((h - k * sin(t)) ** 2) / (2 * cos(t) ** 2) - k * k / 2)

        return ncdf(h) * ncdf(k) + quad(f, [0, asin(r) / 2, asin(r)]) / (2 * pi)

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
    def number(h: Any, a: Any) -> Any:
        from mpmath import exp, pi, quad

        return quad(lambda x: exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a / 2, a]) / (2 * pi)

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
    def number(*r: Any) -> Any:
        from mpmath import asin, pi, quad, sqrt

        a, b, c = r[:3]
        between = {frozenset((1, 2)): r[3], frozenset((1, 3)): r[4], frozenset((2, 3)): r[5]}

        def f(t: Any) -> Any:
            total = 0
            first = {1: t * a, 2: t * b, 3: t * c}
            for j, k, m in ((1, 2, 3), (2, 1, 3), (3, 1, 2)):
                x, free = first[j], 1 - first[j] ** 2
                jk, jm, km = (between[frozenset(p)] for p in ((j, k), (j, m), (k, m)))
                top = km - (first[k] * first[m] - x * (first[k] * jm + first[m] * jk) + jk * jm) / free
                left = 1 - (first[k] ** 2 - 2 * x * first[k] * jk + jk**2) / free
                right = 1 - (first[m] ** 2 - 2 * x * first[m] * jm + jm**2) / free
                total += r[j - 1] / sqrt(free) * asin(top / sqrt(left * right))
            return total

        return 4 / pi**2 * quad(f, [0, 0.5, 1])

    @classmethod
    def eval(cls, *r: Any) -> Any:
        pairs = {(0, 1): r[0], (0, 2): r[1], (0, 3): r[2], (1, 2): r[3], (1, 3): r[4], (2, 3): r[5]}
        alone = any(all(x.is_zero for p, x in pairs.items() if k in p) for k in range(4))
        return S.Zero if alone else None


def _slope_parts(x: Any, y: Any) -> tuple[Any, Any]:
    """The real and imaginary part of erf'(x + iy) = 2/√π exp(-(x + iy)²)."""
    size = 2 / sqrt(pi) * exp(y**2 - x**2)
    return size * sympy.cos(2 * x * y), -size * sympy.sin(2 * x * y)


class ErfRe(_Named):
    """Re erf(x + iy), odd in x and even in y.

    >>> ErfRe(1, 0)
    erf(1)
    """

    nargs = (2,)

    @staticmethod
    def number(x: Any, y: Any) -> Any:
        from mpmath import erf, mpc, re

        return re(erf(mpc(x, y)))

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
    def number(x: Any, y: Any) -> Any:
        from mpmath import erf, im, mpc

        return im(erf(mpc(x, y)))

    @classmethod
    def eval(cls, x: Any, y: Any) -> Any:
        if y.is_zero:
            return S.Zero
        return sympy.erfi(y) if x.is_zero else None

    def fdiff(self, argindex: int = 1) -> Any:
        real, imaginary = _slope_parts(*self.args)
        return imaginary if argindex == 1 else real
