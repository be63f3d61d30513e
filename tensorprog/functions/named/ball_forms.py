"""The named functions in Arb's ball arithmetic, where the definition says less: f(u, analytic, ...) of complex balls.

With `analytic` set, a ball on which the continuation from the real line is not analytic gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb

from tensorprog.functions.named.library import library
from tensorprog.functions.named.record import Function

Ball = Any
Form = Callable[..., Ball]


def indeterminate() -> Ball:
    return acb("nan", "nan")


def _log(u: Ball, a: bool) -> Ball:
    if u.imag.is_zero() and u.real <= 0:
        return indeterminate()
    return u.log(analytic=a)


def sqrt(u: Ball, a: bool) -> Ball:
    # acb.real_sqrt is 0 at negative numbers, where a square root is undefined.
    return indeterminate() if u.imag.is_zero() and u.real < 0 else u.real_sqrt(analytic=a)


def _softplus(u: Ball, a: bool) -> Ball:
    # log(1 + e^u) = u + log(1 + e^-u): the form whose exponential is small.
    return u + (1 + (-u).exp()).log(analytic=a) if u.real.mid() > 0 else (1 + u.exp()).log(analytic=a)


def _sigmoid(u: Ball, a: bool) -> Ball:
    # Of two equal forms the one whose exponential is small: far off the axis the other is a ball around 0.
    return 1 / (1 + (-u).exp()) if u.real.mid() > 0 else u.exp() / (1 + u.exp())


def _erfc(u: Ball) -> Ball:
    """erfc(u), also on wide balls far from 0, where Arb gives up.

    erfc(z) = 2/√π e^{-z²} ∫_0^∞ e^{-2zs - s²} ds, so that |erfc(x + iy)| <= e^{y² - x²} for x >= 0.
    """
    made = u.erfc()
    if made.is_finite() or not u.is_finite():
        return made
    if u.real < 0:
        return 2 - _erfc(-u)
    x, y = arb(u.real.lower()), arb(abs(u.imag).upper())
    size = ((y * y - x * x).exp() if x >= 0 else 2 + (y * y).exp()).upper()
    return acb(arb(0, size), arb(0, size))


def _erf(u: Ball, a: bool) -> Ball:
    made = u.erf()
    return made if made.is_finite() else 1 - _erfc(u)


def _phi(u: Ball, a: bool) -> Ball:
    return _erfc(-u / acb(2).sqrt()) / 2


def _cosh(u: Ball, a: bool) -> Ball:
    if u.imag.is_zero() and u.real.contains(0) and u.is_finite():
        return acb(1).union(acb(abs(u.real).upper().cosh()))
    return u.cosh()


def _abs(u: Ball, a: bool) -> Ball:
    if not a and u.imag.is_zero() and u.is_finite() and u.real.contains(0):
        return acb(arb(0).union(abs(u.real).upper()))
    return u.real_abs(analytic=a)


def _asin(u: Ball, a: bool) -> Ball:
    """Undefined beyond ±1, a branch cut there."""
    inside, f = u.real < 1 and u.real > -1, u.asin()
    if u.imag.is_zero():
        return indeterminate() if u.real > 1 or u.real < -1 or (a and not inside) else f
    return indeterminate() if a and u.imag.contains(0) and not inside else f


def _atan(u: Ball, a: bool) -> Ball:
    cut = a and u.real.contains(0) and not (u.imag < 1 and u.imag > -1)
    return indeterminate() if cut else u.atan()


def _mod(u: Ball, a: bool, m: Ball) -> Ball:
    made = u - m * (u / m).real_floor(analytic=a)
    if not a and u.imag.is_zero() and m.imag.is_zero() and not m.real.contains(0) and u.real.rad() > abs(m.real).mid():
        return acb(m.real.union(arb(0)))
    return made


def hermite(k: int, u: Ball) -> Ball:
    """He_k(u)/√(k!) by its three-term recursion: √(k+1) h_{k+1} = u h_k - √k h_{k-1}."""
    before, now = acb(0), acb(1)
    for j in range(k):
        before, now = now, (u * now - acb(j).sqrt() * before) / acb(j + 1).sqrt()
    return now


def _square(u: Ball) -> Ball:
    """u² for a wide ball: x² - y² with x² between the squares of its ends, which a product of balls does not know."""
    x, y = u.real, u.imag
    least, most = arb(abs(x).lower()), arb(abs(x).upper())
    if x.contains(0) or not least > 0:
        least = arb(0)
    return acb((least * least).union(most * most) - y * y, 2 * x * y)


def whole_power(u: Ball, n: int) -> Ball:
    if not u.is_finite() or not 8 * u.real.rad() > abs(u.real.mid()):
        return u**n
    if n % 2 == 0:
        return _square(u) if n == 2 else whole_power(_square(u), n // 2)
    if n > 1 and u.imag.is_zero():
        return acb(arb(u.real.lower()) ** n).union(acb(arb(u.real.upper()) ** n))
    return u**n


FORMS: dict[str, Form] = {
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "tanh": lambda u, a: u.tanh(),
    "erf": _erf,
    "Phi": _phi,
    "sign": lambda u, a: u.real_sgn(analytic=a),
    "abs": _abs,
    "exp": lambda u, a: u.exp(),
    "log": _log,
    "sqrt": sqrt,
    "sin": lambda u, a: u.sin(),
    "cos": lambda u, a: u.cos(),
    "tan": lambda u, a: u.tan(),
    "asin": _asin,
    "atan": _atan,
    "sinh": lambda u, a: u.sinh(),
    "cosh": _cosh,
    "floor": lambda u, a: u.real_floor(analytic=a),
    "mod": _mod,
    "sinc": lambda u, a: u.sinc(),
}


def form(head: str) -> Form | None:
    """Return the form of a function of the library that has one."""
    made = FORMS.get(head)
    return None if made is None else increasing(library()[head], made)


def increasing(record: Function, f: Form) -> Form:
    """A function of one variable; of an increasing one the values at the ends of a wide real ball enclose it better."""
    if record.monotone != "increasing" or not record.total:
        return f

    def run(u: Ball, a: bool) -> Ball:
        wide = u.imag.is_zero() and u.real.rad() > 0.01 and u.is_finite() and (record.real_analytic or not a)
        return f(acb(u.real.lower()), False).union(f(acb(u.real.upper()), False)) if wide else f(u, a)

    return run
