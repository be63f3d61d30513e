"""The words of terms that a step may have: every head and how many arguments it takes.

What the named functions *are* is said in `functions/named/library.py`, one record each. The list here is what a
certificate and a program in JSON may name: it is short, because the kernel reads by it, and a function that is added
to the library need not be on it.
"""

from __future__ import annotations

MANY = 100_000

_ONE = (
    "relu selu gelu gelu_tanh silu softplus mish sigmoid tanh erf Phi softsign hardtanh sign step abs exp log log1p"
    " sqrt sin cos tan asin acos atan sinh cosh floor ceil sinc"
)
FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(_ONE.split(), (1, 1)),
    "leaky_relu": (2, 2),
    "elu": (1, 2),
    "hermite": (2, 2),
    "mod": (2, 2),
    "clip": (3, 3),
    "where": (3, 3),
    "min": (2, MANY),
    "max": (2, MANY),
}
"""Named functions of a program, with the least and the greatest number of arguments."""

ARITHMETIC: dict[str, tuple[int, int]] = {
    "pi": (0, 0),
    "add": (2, MANY),
    "mul": (2, MANY),
    "neg": (1, 1),
    "recip": (1, 1),
    "pow": (2, 2),
}

CONDITIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "ne"), (2, 2)),
    "and": (2, MANY),
}
