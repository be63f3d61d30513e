"""The named functions on numpy arrays, where the definition is not stable in floating point, or slow.

An undefined value is nan. Loaded only when numbers are wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tensorprog.functions.named.system import System

A = NDArray[np.float64]


def gelu_tanh(x: A) -> Any:
    """(1 + tanh t)/2 = sigmoid(2t) keeps its relative accuracy in the left tail."""
    return x * special.expit(2.0 * np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x))


def mish(x: A) -> Any:
    """x tanh(log(1+e^x)), tanh = ((1+e^x)^2 - 1)/((1+e^x)^2 + 1) = w(w+2)/(w(w+2)+2), w = e^x; by symmetry w <= e^0."""
    w = np.exp(-np.abs(x))
    left = w * (w + 2.0) / (w * (w + 2.0) + 2.0)
    right = (1.0 + 2.0 * w) / (1.0 + 2.0 * w + 2.0 * w * w)
    return x * np.where(x > 0, right, left)


def clip(x: A, lo: A, hi: A) -> Any:
    return np.minimum(np.maximum(x, lo), hi)


def log1p(x: A) -> Any:
    return np.log1p(np.where(np.asarray(x) > -1, x, np.nan))


def hermite(k: A, x: A) -> Any:
    """h_{j+1} = (x h_j - sqrt(j) h_{j-1}) / sqrt(j+1)."""
    n = int(k)
    if n != k or n < 0:
        raise ValueError("hermite(k, x) needs a whole number k >= 0")
    before, now = np.zeros_like(x, dtype=float), np.ones_like(x, dtype=float)
    for j in range(n):
        before, now = now, (x * now - np.sqrt(j) * before) / np.sqrt(j + 1.0)
    return now


def mod(x: A, m: A) -> Any:
    return np.where(m == 0, np.nan, np.mod(x, np.where(m == 0, 1.0, m)))


def recip(x: A) -> Any:
    """1/x, nan at 0."""
    return 1.0 / np.where(x == 0, np.nan, x)


def power(x: A, p: A) -> Any:
    """x^p for real p: a negative number has whole powers only, 0 has no negative ones; 0^0 = 1."""
    return np.power(np.where((x == 0) & (p < 0), np.nan, x), p)


FORMS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": lambda x: x * special.ndtr(x),
    "gelu_tanh": gelu_tanh,
    "silu": lambda x: x * special.expit(x),
    "softplus": partial(np.logaddexp, 0.0),
    "mish": mish,
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "erf": special.erf,
    "Phi": special.ndtr,
    "clip": clip,
    "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.5),
    "abs": np.abs,
    "max": lambda *xs: reduce(np.maximum, xs),
    "min": lambda *xs: reduce(np.minimum, xs),
    "exp": np.exp,
    "log": lambda x: np.log(np.where(x > 0, x, np.nan)),
    "log1p": log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sinc": lambda x: np.sinc(x / np.pi),
    "hermite": hermite,
    "where": np.where,
    "floor": np.floor,
    "ceil": np.ceil,
    "mod": mod,
}


def _softplus(u: Any) -> Any:
    up = np.real(u) > 0
    return np.where(up, u, 0.0) + np.log(1 + np.exp(np.where(up, -u, u)))


COMPLEX: System[Any] = System(
    lambda x: np.asarray(complex(x)),
    np.asarray(complex(np.pi)),
    lambda x, p: np.sqrt(x) if p == Fraction(1, 2) else x ** (int(p) if p.denominator == 1 else float(p)),
    {name: FORMS[name] for name in ("exp", "sin", "cos", "erf", "Phi", "tanh", "asin", "atan", "sinc")}
    | {"log": np.log, "softplus": _softplus, "sigmoid": lambda u: 0.5 * (1 + np.tanh(u / 2))},
)
"""Complex arrays: the analytic continuation of analytic functions, from the real line into their strip."""
