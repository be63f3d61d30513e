"""Two named functions that closed forms need beyond the elementary ones, known to sympy, LaTeX and evaluation.

    Phi2(h, k, r) = P(X < h, Y < k),  X, Y standard normal with correlation r
    OwenT(h, a)   = (1/2π) ∫_0^a exp(-h²(1+x²)/2)/(1+x²) dx

In plain text they are written by these names and read back by sympy as functions of these names.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import S, erf, exp, pi, sqrt


def _phi(x: Any) -> Any:
    return exp(-(x**2) / 2) / sqrt(2 * pi)


class Phi2(sympy.Function):  # type: ignore[misc]
    """The bivariate normal distribution function Phi2(h, k, r).

    >>> Phi2(0, 0, 0)
    1/4
    """

    nargs = (3,)
    is_real = True

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

    def _latex(self, printer: Any) -> str:
        h, k, r = (printer._print(a) for a in self.args)
        return rf"\Phi_2\left({h}, {k}; {r}\right)"


class OwenT(sympy.Function):  # type: ignore[misc]
    """Owen's function T(h, a).

    >>> OwenT(0, 1)
    1/8
    """

    nargs = (2,)
    is_real = True

    @classmethod
    def eval(cls, h: Any, a: Any) -> Any:
        if a.is_zero:
            return S.Zero
        if h.is_zero:
            return sympy.atan(a) / (2 * pi)
        return None

    def fdiff(self, argindex: int = 1) -> Any:
        h, a = self.args
        if argindex == 1:
            return -_phi(h) * erf(h * a / sqrt(2)) / 2
        return exp(-(h**2) * (1 + a**2) / 2) / (2 * pi * (1 + a**2))

    def _latex(self, printer: Any) -> str:
        h, a = (printer._print(x) for x in self.args)
        return rf"T\left({h}, {a}\right)"
