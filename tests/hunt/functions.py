"""The named functions of the language, once more: in numpy, with their kinks, straight from their definitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Known:
    """`tame`: Lipschitz or bounded, so that moments of samples settle. `kinks`: where a derivative jumps."""

    numpy: Callable[..., Any]
    kinks: tuple[float, ...] = ()
    bounded: bool = False
    tame: bool = True
    jumps: bool = False


def _gelu_tanh(x: Any) -> Any:
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805

KNOWN: dict[str, Known] = {
    "relu": Known(lambda x: np.maximum(x, 0), (0.0,)),
    "elu": Known(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), (0.0,)),
    "selu": Known(lambda x: LAMBDA * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))), (0.0,)),
    "gelu": Known(lambda x: x * special.ndtr(x)),
    "gelu_tanh": Known(_gelu_tanh),
    "silu": Known(lambda x: x * special.expit(x)),
    "softplus": Known(lambda x: np.logaddexp(0, x)),
    "mish": Known(lambda x: x * np.tanh(np.logaddexp(0, x))),
    "sigmoid": Known(special.expit, bounded=True),
    "tanh": Known(np.tanh, bounded=True),
    "erf": Known(special.erf, bounded=True),
    "Phi": Known(special.ndtr, bounded=True),
    "hardtanh": Known(lambda x: np.clip(x, -1, 1), (-1.0, 1.0), bounded=True),
    "softsign": Known(lambda x: x / (1 + np.abs(x)), (0.0,), bounded=True),
    "sign": Known(np.sign, (0.0,), bounded=True, jumps=True),
    "step": Known(lambda x: np.heaviside(x, 0.5), (0.0,), bounded=True, jumps=True),
    "abs": Known(np.abs, (0.0,)),
    "sin": Known(np.sin, bounded=True),
    "cos": Known(np.cos, bounded=True),
    "atan": Known(np.arctan, bounded=True),
    "exp": Known(lambda x: np.exp(np.minimum(x, 700.0)), tame=False),
    "sinh": Known(np.sinh, tame=False),
    "cosh": Known(np.cosh, tame=False),
    "log1p": Known(np.log1p, tame=False),
    "log": Known(np.log, tame=False),
    "sqrt": Known(np.sqrt, (0.0,), tame=False),
}
BOUNDED = [k for k, f in KNOWN.items() if f.bounded and not f.jumps]
TAME = [k for k, f in KNOWN.items() if f.tame and not f.jumps]
JUMPS = [k for k, f in KNOWN.items() if f.jumps]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


def hermite(k: int, x: Any) -> Any:
    """The normalised probabilists' polynomial by its recursion."""
    before, here = np.zeros_like(x), np.ones_like(x)
    for m in range(k):
        before, here = here, (x * here - np.sqrt(m) * before) / np.sqrt(m + 1)
    return here


def apply(name: str, args: list[Any]) -> Any:
    """A function of numbers or arrays, by the definitions in docs/language.md."""
    match name:
        case "where":
            return np.where(*args)
        case "clip":
            return np.minimum(np.maximum(args[0], args[1]), args[2])
        case "leaky_relu":
            return np.where(args[0] > 0, args[0], args[1] * args[0])
        case "max":
            return np.maximum.reduce(np.broadcast_arrays(*args))
        case "min":
            return np.minimum.reduce(np.broadcast_arrays(*args))
        case "hermite":
            return hermite(int(args[0]), args[1])
        case _:
            return KNOWN[name].numpy(*args)
