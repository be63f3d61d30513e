"""The named functions on arrays whose entries have each a bound on its rounding error: smooth ones, as `branch` leaves.

Every operation adds its own rounding to what its operands' errors do to it, as in `numbers/rounded.py`. numpy's and
scipy's elementary functions are taken to be right within six units in the last place, thrice what they promise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import special

from tensorprog.functions.named.system import System
from tensorprog.numbers.rounded import UNIT, Rounded, power

ULPS = 6 * UNIT
TINY = 1e-300
"""Covers results that underflow."""


def number(x: Any) -> Rounded:
    """Return a rational, rounded to a double."""
    value = float(x)
    return Rounded(value, 0.0 if value == x else UNIT * abs(value) + TINY)


def _made(value: Any, error: Any) -> Rounded:
    return Rounded(value, error + ULPS * np.abs(value) + TINY)


def _grows(f: Callable[[Any], Any]) -> Callable[[Rounded], Rounded]:
    """For f with |(log f)'| <= 1: exp, sigmoid, softplus."""

    def run(x: Rounded) -> Rounded:
        v = f(x.value)
        return _made(v, np.abs(v) * np.expm1(np.minimum(x.error, 700.0)))

    return run


def _lipschitz(f: Callable[[Any], Any], slope: Callable[[Any, Any], Any]) -> Callable[[Rounded], Rounded]:
    """f with a bound of |f'| near x, given x and its error."""
    return lambda x: _made(f(x.value), slope(x.value, x.error) * x.error)


def _phi(x: Rounded) -> Rounded:
    v = special.ndtr(x.value)
    near = np.maximum(np.abs(x.value) - x.error, 0.0)
    own = ULPS * v * (1 + np.minimum(x.value * x.value, 1600.0))  # e^{-x²/2} far out
    return Rounded(v, 0.4 * np.exp(-np.minimum(near * near / 2, 700.0)) * x.error + own + TINY)


def _softplus(u: Any) -> Any:
    return np.maximum(u, 0.0) + np.log1p(np.exp(-np.abs(u)))


def _sinc(u: Any) -> Any:
    safe = np.where(u == 0, 1.0, u)
    return np.where(u == 0, 1.0, np.sin(safe) / safe)


def _log(x: Rounded) -> Rounded:
    return _made(np.log(x.value), _over(x.error, x.value - x.error))


def _over(error: Any, room: Any) -> Any:
    return np.where(error == 0, 0.0, np.where(room > 0, error / np.where(room > 0, room, 1.0), np.inf))


def _arc(x: Any, error: Any) -> Any:
    room = (1 - np.abs(x) - error) * (1 + np.abs(x))
    return np.where(room > 0, 1 / np.sqrt(np.where(room > 0, room, 1.0)), np.inf)


def _power(x: Rounded, p: Fraction) -> Rounded:
    whole, q = p.denominator == 1, float(p)
    out = power(x, q, whole)
    # the exponent's own rounding, as in x^(1/3)
    more = 0.0 if p.denominator <= 2 else UNIT * abs(q) * np.abs(np.log(np.maximum(np.abs(x.value), TINY)))
    return Rounded(out.value, out.error + (ULPS + more) * np.abs(out.value) + TINY)


_NORMAL = 2 / math.sqrt(math.pi)
_FORMS: dict[str, Callable[[Rounded], Rounded]] = {
    "exp": _grows(np.exp),
    "sigmoid": _grows(special.expit),
    "softplus": _grows(_softplus),
    "log": _log,
    "sin": _lipschitz(np.sin, lambda x, e: 1.0),
    "cos": _lipschitz(np.cos, lambda x, e: 1.0),
    "sinc": _lipschitz(_sinc, lambda x, e: 0.5),
    "atan": _lipschitz(np.arctan, lambda x, e: 1.0),
    "tanh": _lipschitz(np.tanh, lambda x, e: 1.0),
    "erf": _lipschitz(special.erf, lambda x, e: _NORMAL * np.exp(-(np.maximum(np.abs(x) - e, 0.0) ** 2))),
    "Phi": _phi,
    "asin": _lipschitz(np.arcsin, _arc),
}
ROUNDED = System(number, number(math.pi) + Rounded(0.0, UNIT * 4), _power, _FORMS)
