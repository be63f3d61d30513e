"""The named functions of the language, with what the hunt wants of them: kinks, bounds, jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.definitions import ARRAYS


@dataclass(frozen=True)
class Known:
    """`tame`: Lipschitz or bounded, so that moments of samples settle. `kinks`: where a derivative jumps."""

    numpy: Callable[..., Any]
    kinks: tuple[float, ...] = ()
    bounded: bool = False
    tame: bool = True
    jumps: bool = False


KNOWN: dict[str, Known] = {
    "relu": Known(ARRAYS["relu"], (0.0,)),
    "elu": Known(ARRAYS["elu"], (0.0,)),
    "selu": Known(ARRAYS["selu"], (0.0,)),
    "gelu": Known(ARRAYS["gelu"]),
    "gelu_tanh": Known(ARRAYS["gelu_tanh"]),
    "silu": Known(ARRAYS["silu"]),
    "softplus": Known(ARRAYS["softplus"]),
    "mish": Known(ARRAYS["mish"]),
    "sigmoid": Known(ARRAYS["sigmoid"], bounded=True),
    "tanh": Known(ARRAYS["tanh"], bounded=True),
    "erf": Known(ARRAYS["erf"], bounded=True),
    "Phi": Known(ARRAYS["Phi"], bounded=True),
    "hardtanh": Known(ARRAYS["hardtanh"], (-1.0, 1.0), bounded=True),
    "softsign": Known(ARRAYS["softsign"], (0.0,), bounded=True),
    "sign": Known(ARRAYS["sign"], (0.0,), bounded=True, jumps=True),
    "step": Known(ARRAYS["step"], (0.0,), bounded=True, jumps=True),
    "abs": Known(ARRAYS["abs"], (0.0,)),
    "sin": Known(ARRAYS["sin"], bounded=True),
    "cos": Known(ARRAYS["cos"], bounded=True),
    "atan": Known(ARRAYS["atan"], bounded=True),
    "exp": Known(lambda x: np.exp(np.minimum(x, 700.0)), tame=False),
    "sinh": Known(ARRAYS["sinh"], tame=False),
    "cosh": Known(ARRAYS["cosh"], tame=False),
    "log1p": Known(ARRAYS["log1p"], tame=False),
    "log": Known(ARRAYS["log"], tame=False),
    "sqrt": Known(ARRAYS["sqrt"], (0.0,), tame=False),
}
BOUNDED = [k for k, f in KNOWN.items() if f.bounded and not f.jumps]
TAME = [k for k, f in KNOWN.items() if f.tame and not f.jumps]
JUMPS = [k for k, f in KNOWN.items() if f.jumps]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
    "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


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
            return ARRAYS["hermite"](int(args[0]), args[1])
        case _:
            return KNOWN[name].numpy(*args)
