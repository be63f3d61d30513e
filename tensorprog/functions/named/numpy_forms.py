"""The named functions on numpy arrays, stable in floating point; an undefined value is nan.

Loaded only when numbers are wanted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tensorprog.functions.named.constants import SELU_ALPHA, SELU_SCALE

A = NDArray[np.float64]


def relu(x: A) -> Any:
    return np.maximum(x, 0.0)


def leaky_relu(x: A, a: A) -> Any:
    return np.where(x > 0, x, a * x)


def elu(x: A, a: A | float = 1.0) -> Any:
    return np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0)))


def selu(x: A) -> Any:
    return float(SELU_SCALE) * np.where(x > 0, x, float(SELU_ALPHA) * np.expm1(np.minimum(x, 0.0)))


def gelu(x: A) -> Any:
    return x * special.ndtr(x)


def gelu_tanh(x: A) -> Any:
    # (1 + tanh t)/2 = sigmoid(2t) keeps its relative accuracy in the left tail
    return x * special.expit(2.0 * np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x))


def silu(x: A) -> Any:
    return x * special.expit(x)


def softplus(x: A) -> Any:
    return np.logaddexp(0.0, x)


def mish(x: A) -> Any:
    # tanh(log(1+e^x)) = ((1+e^x)^2 - 1)/((1+e^x)^2 + 1) = w(w+2)/(w(w+2)+2), w = e^x; here with w <= e^0 by symmetry
    w = np.exp(-np.abs(x))
    left = w * (w + 2.0) / (w * (w + 2.0) + 2.0)
    right = (1.0 + 2.0 * w) / (1.0 + 2.0 * w + 2.0 * w * w)
    return x * np.where(x > 0, right, left)


def sigmoid(x: A) -> Any:
    return special.expit(x)


def tanh(x: A) -> Any:
    return np.tanh(x)


def erf(x: A) -> Any:
    return special.erf(x)


def Phi(x: A) -> Any:
    return special.ndtr(x)


def softsign(x: A) -> Any:
    return x / (1.0 + np.abs(x))


def hardtanh(x: A) -> Any:
    return np.clip(x, -1.0, 1.0)


def clip(x: A, lo: A, hi: A) -> Any:
    return np.minimum(np.maximum(x, lo), hi)


def sign(x: A) -> Any:
    return np.sign(x)


def step(x: A) -> Any:
    return np.heaviside(x, 0.5)


def abs_(x: A) -> Any:
    return np.abs(x)


def max(*xs: A) -> Any:
    out = xs[0]
    for x in xs[1:]:
        out = np.maximum(out, x)
    return out


def min(*xs: A) -> Any:
    out = xs[0]
    for x in xs[1:]:
        out = np.minimum(out, x)
    return out


def exp(x: A) -> Any:
    return np.exp(x)


def log(x: A) -> Any:
    return np.log(np.where(x > 0, x, np.nan))


def log1p(x: A) -> Any:
    return np.log1p(np.where(np.asarray(x) > -1, x, np.nan))


def sqrt(x: A) -> Any:
    return np.sqrt(x)


def sin(x: A) -> Any:
    return np.sin(x)


def cos(x: A) -> Any:
    return np.cos(x)


def tan(x: A) -> Any:
    return np.tan(x)


def asin(x: A) -> Any:
    return np.arcsin(x)


def acos(x: A) -> Any:
    return np.arccos(x)


def atan(x: A) -> Any:
    return np.arctan(x)


def sinh(x: A) -> Any:
    return np.sinh(x)


def cosh(x: A) -> Any:
    return np.cosh(x)


def sinc(x: A) -> Any:
    return np.sinc(x / np.pi)


def hermite(k: A, x: A) -> Any:
    n = int(k)
    if n != k or n < 0:
        raise ValueError("hermite(k, x) needs a whole number k >= 0")
    # h_{j+1} = (x h_j - sqrt(j) h_{j-1}) / sqrt(j+1)
    before, now = np.zeros_like(x, dtype=float), np.ones_like(x, dtype=float)
    for j in range(n):
        before, now = now, (x * now - np.sqrt(j) * before) / np.sqrt(j + 1.0)
    return now


def where(c: Any, x: A, y: A) -> Any:
    return np.where(c, x, y)


def floor(x: A) -> Any:
    return np.floor(x)


def ceil(x: A) -> Any:
    return np.ceil(x)


def mod(x: A, m: A) -> Any:
    return np.where(m == 0, np.nan, np.mod(x, np.where(m == 0, 1.0, m)))


def recip(x: A) -> Any:
    """1/x, nan at 0."""
    return 1.0 / np.where(x == 0, np.nan, x)


def power(x: A, p: A) -> Any:
    """x^p for real p: a negative number has whole powers only, 0 has no negative ones; 0^0 = 1."""
    return np.power(np.where((x == 0) & (p < 0), np.nan, x), p)
