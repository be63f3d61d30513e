"""Terms on arrays, each entry with a bound on its rounding error: smooth formulas, as `branch` leaves them.

Every operation adds its own rounding to what its operands' errors do to it, as in `rounding`. numpy's and scipy's
elementary functions are taken to be right within six units in the last place, thrice what they promise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from tensorprog.functions.named.library import library
from tensorprog.numbers.rounded import UNIT, Rounded, power
from tensorprog.terms import App, Num, Term, Var

ULPS = 6 * UNIT
TINY = 1e-300
"""Covers results that underflow."""


class NotComputed(Exception):
    """The term has a head that is not computed here."""


def number(x: Any) -> Rounded:
    """A rational, rounded to a double."""
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


def _log1p(x: Rounded) -> Rounded:
    return _made(np.log1p(x.value), _over(x.error, 1 + x.value - x.error))


def _over(error: Any, room: Any) -> Any:
    return np.where(error == 0, 0.0, np.where(room > 0, error / np.where(room > 0, room, 1.0), np.inf))


def _arc(x: Any, error: Any) -> Any:
    room = (1 - np.abs(x) - error) * (1 + np.abs(x))
    return np.where(room > 0, 1 / np.sqrt(np.where(room > 0, room, 1.0)), np.inf)


_NORMAL = 2 / math.sqrt(math.pi)
FUNCTIONS: dict[str, Callable[[Rounded], Rounded]] = {
    "exp": _grows(np.exp),
    "sigmoid": _grows(special.expit),
    "softplus": _grows(_softplus),
    "log": _log,
    "log1p": _log1p,
    "sqrt": lambda x: power(x, 0.5, False),
    "sin": _lipschitz(np.sin, lambda x, e: 1.0),
    "cos": _lipschitz(np.cos, lambda x, e: 1.0),
    "sinc": _lipschitz(_sinc, lambda x, e: 0.5),
    "atan": _lipschitz(np.arctan, lambda x, e: 1.0),
    "tanh": _lipschitz(np.tanh, lambda x, e: 1.0),
    "erf": _lipschitz(special.erf, lambda x, e: _NORMAL * np.exp(-(np.maximum(np.abs(x) - e, 0.0) ** 2))),
    "Phi": _phi,
    "asin": _lipschitz(np.arcsin, _arc),
    "acos": _lipschitz(np.arccos, _arc),
    "sinh": _lipschitz(np.sinh, lambda x, e: np.cosh(np.abs(x) + e)),
    "cosh": _lipschitz(np.cosh, lambda x, e: np.cosh(np.abs(x) + e)),
}


def evaluate(t: Term, z: Mapping[str, Rounded], memo: dict[Term, Rounded] | None = None) -> Rounded:
    """The term at arrays for its variables; raises NotComputed.

    >>> from tensorprog.terms import read
    >>> y = evaluate(read("exp(x)^2 - 1"), {"x": Rounded(0.5, 0.0)})
    >>> bool(abs(y.value - math.expm1(1)) <= y.error < 1e-13)
    True
    """
    memo = {} if memo is None else memo
    if t not in memo:
        memo[t] = _evaluate(t, z, memo)
    return memo[t]


def _evaluate(t: Term, z: Mapping[str, Rounded], memo: dict[Term, Rounded]) -> Rounded:
    def of(a: Term) -> Rounded:
        return evaluate(a, z, memo)

    match t:
        case Num(value):
            return number(value)
        case Var(name, ()) if name in z:
            return z[name]
        case App("pi"):
            return number(math.pi) + Rounded(0.0, UNIT * 4)
        case App("add" | "mul" as head, args):
            out = of(args[0])
            for a in args[1:]:
                out = out + of(a) if head == "add" else out * of(a)
            return out
        case App("neg", (a,)):
            x = of(a)
            return Rounded(-x.value, x.error)
        case App("recip", (a,)):
            return _power(of(a), -1.0, True)
        case App("pow", (a, Num(p))):
            return _power(of(a), float(p), p.denominator == 1)
        case App("pow", (a, p)):
            return FUNCTIONS["exp"](of(p) * FUNCTIONS["log"](of(a)))
        case App("hermite", (Num(k), a)):
            return _hermite(int(k), of(a))
        case App(head, (a,)) if head in FUNCTIONS:
            return FUNCTIONS[head](of(a))
        case App(head, args) if head in library() and (body := library()[head].definition) is not None:
            given = dict(zip(library()[head].args, map(of, args), strict=False))
            return evaluate(body, given)
    raise NotComputed(t)


def _power(x: Rounded, p: float, whole: bool) -> Rounded:
    out = power(x, p, whole)
    # the exponent's own rounding, as in x^(1/3)
    more = 0.0 if whole or p * 2 == round(p * 2) else UNIT * abs(p) * np.abs(np.log(np.maximum(np.abs(x.value), TINY)))
    return Rounded(out.value, out.error + (ULPS + more) * np.abs(out.value) + TINY)


def _hermite(k: int, u: Rounded) -> Rounded:
    before, now = number(0), number(1)
    for j in range(k):
        root, over = number(math.sqrt(j)), number(1 / math.sqrt(j + 1))
        root, over = (Rounded(r.value, 2 * UNIT * abs(r.value)) for r in (root, over))
        step = root * before
        before, now = now, (u * now + Rounded(-step.value, step.error)) * over
    return now
