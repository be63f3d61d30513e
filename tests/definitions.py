"""The functions of the language once more, straight from their definitions: the one table that tests compare with.

Three columns, each with its own means: as many digits as wanted (mpmath), arrays (numpy and scipy), floats (math).
Nothing here is taken from the package; tests/functions/test_definitions.py compares the columns with one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
from scipy import special

Table = dict[str, Callable[..., Any]]

ALPHA, SCALE = "1.6732632423543772848170429916717", "1.0507009873554804934193349852946"  # of selu
A, S = float(ALPHA), float(SCALE)


def _zero(x: Any) -> Any:
    raise ZeroDivisionError(x)


EXACT: Table = {
    "add": lambda *v: mp.fsum(v), "mul": lambda *v: mp.fprod(v), "neg": lambda x: -x, "recip": lambda x: 1 / x,
    "pow": lambda x, e: _zero(x) if (x < 0 and e != mp.floor(e)) or (x == 0 and e < 0) else x**e,
    "pi": lambda: +mp.pi, "max": max, "min": min, "abs": abs, "sign": mp.sign, "step": lambda x: (1 + mp.sign(x)) / 2,
    "relu": lambda x: max(x, mp.mpf(0)), "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "elu": lambda x, a=1: x if x > 0 else a * mp.expm1(x),
    "selu": lambda x: mp.mpf(SCALE) * (x if x > 0 else mp.mpf(ALPHA) * mp.expm1(x)),
    "gelu": lambda x: x * mp.ncdf(x), "Phi": mp.ncdf, "erf": mp.erf,
    "gelu_tanh": lambda x: x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))),
    "silu": lambda x: x / (1 + mp.exp(-x)), "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)), "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "hardtanh": lambda x: max(mp.mpf(-1), min(mp.mpf(1), x)), "clip": lambda x, lo, hi: min(max(x, lo), hi),
    "softsign": lambda x: x / (1 + abs(x)), "exp": mp.exp,
    "log": lambda x: mp.log(x) if x > 0 else _zero(x), "log1p": lambda x: mp.log1p(x) if x > -1 else _zero(x),
    "sqrt": lambda x: mp.sqrt(x) if x >= 0 else _zero(x), "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "asin": lambda x: mp.asin(x) if abs(x) <= 1 else _zero(x),
    "acos": lambda x: mp.acos(x) if abs(x) <= 1 else _zero(x), "atan": mp.atan,
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "floor": mp.floor, "ceil": mp.ceil,
    "mod": lambda x, m: x - m * mp.floor(x / m), "sinc": lambda x: mp.sin(x) / x if x else mp.mpf(1),
    "identity": lambda x: x, "swish": lambda x: x / (1 + mp.exp(-x)), "ln": lambda x: mp.log(x) if x > 0 else _zero(x),
    "sgn": mp.sign, "erfc": mp.erfc, "relu6": lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)),
    "logsigmoid": lambda x: -mp.log1p(mp.exp(-x)),
    "hermite": lambda k, x: mp.hermite(k, x / mp.sqrt(2)) / mp.sqrt(mp.mpf(2) ** k * mp.factorial(k)),
}  # fmt: skip


def _array_power(x: Any, e: Any) -> Any:
    whole = e == np.floor(e)
    bad = ((x < 0) & ~whole) | ((x == 0) & (e < 0))
    return np.where(bad, np.nan, np.where(whole, np.power(x, e), np.power(np.abs(x), e)))


def _hermite(k: Any, x: Any) -> Any:
    """The normalised probabilists' polynomial by its recursion."""
    before, here = np.zeros_like(x), np.ones_like(x)
    for m in range(int(k)):
        before, here = here, (x * here - np.sqrt(m) * before) / np.sqrt(m + 1)
    return here


ARRAYS: Table = {
    "add": lambda *v: sum(v[1:], v[0]), "mul": lambda *v: math.prod(v[1:], start=v[0]), "neg": lambda x: -x,
    "recip": lambda x: 1 / np.where(x == 0, np.nan, x), "pow": _array_power,
    "max": lambda *v: np.maximum.reduce(v), "min": lambda *v: np.minimum.reduce(v), "abs": np.abs, "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.5), "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x, a: np.where(x > 0, x, a * x),
    "elu": lambda x, a=1.0: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))),
    "selu": lambda x: S * np.where(x > 0, x, A * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * special.ndtr(x), "Phi": special.ndtr, "erf": special.erf,
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * special.expit(x), "sigmoid": special.expit, "softplus": lambda x: np.logaddexp(0, x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)), "hardtanh": lambda x: np.clip(x, -1, 1),
    "clip": lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi), "softsign": lambda x: x / (1 + np.abs(x)),
    "exp": np.exp, "log": lambda x: np.log(np.where(x <= 0, np.nan, x)),
    "log1p": lambda x: np.log1p(np.where(x <= -1, np.nan, x)), "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "floor": np.floor, "ceil": np.ceil, "mod": np.mod, "sinc": lambda x: np.sinc(x / np.pi),
    "identity": lambda x: x, "swish": lambda x: x * special.expit(x),
    "ln": lambda x: np.log(np.where(x <= 0, np.nan, x)),
    "sgn": np.sign, "erfc": special.erfc, "relu6": lambda x: np.clip(x, 0, 6), "logsigmoid": special.log_expit,
    "hermite": _hermite, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


FLOATS: Table = {
    "add": lambda *v: math.fsum(v), "mul": lambda *v: math.prod(v), "neg": lambda x: -x, "recip": lambda x: 1 / x,
    "pow": math.pow, "max": max, "min": min, "abs": abs, "sign": lambda x: float((x > 0) - (x < 0)),
    "step": lambda x: 0.5 * ((x > 0) - (x < 0) + 1), "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x, a: x if x > 0 else a * x, "elu": lambda x, a=1.0: x if x > 0 else a * math.expm1(x),
    "selu": lambda x: S * (x if x > 0 else A * math.expm1(x)), "gelu": lambda x: x * _phi(x), "Phi": _phi,
    "erf": math.erf, "gelu_tanh": lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * _sigmoid(x), "sigmoid": _sigmoid, "softplus": _softplus,
    "mish": lambda x: x * math.tanh(_softplus(x)), "hardtanh": lambda x: max(-1.0, min(1.0, x)),
    "clip": lambda x, lo, hi: min(max(x, lo), hi), "softsign": lambda x: x / (1 + abs(x)),
    "exp": lambda x: math.exp(x) or 5e-324,  # an exponential is positive, however small
    "log": math.log, "log1p": math.log1p, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "asin": math.asin, "acos": math.acos, "atan": math.atan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh,
    "floor": math.floor, "ceil": math.ceil, "mod": lambda x, m: x - m * math.floor(x / m),
    "sinc": lambda x: math.sin(x) / x if x else 1.0, "hermite": lambda k, x: float(_hermite(k, x)),
    "identity": lambda x: x, "swish": lambda x: x * _sigmoid(x), "ln": math.log,
    "sgn": lambda x: float((x > 0) - (x < 0)), "erfc": math.erfc, "relu6": lambda x: min(max(x, 0.0), 6.0),
    "logsigmoid": lambda x: -_softplus(-x),
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "and": lambda *v: all(v),
}  # fmt: skip
