"""The words of the term language: every head and how many arguments it takes.

What the named functions *are* is said in `functions/named/library.py`, one record each. The list here is what a
certificate and a program in JSON may name: it is short, because the kernel reads by it, and a function that is added
to the library need not be on it.
"""

from __future__ import annotations

MANY = 100_000

FUNCTIONS: dict[str, tuple[int, int]] = {
    "relu": (1, 1),
    "leaky_relu": (2, 2),
    "elu": (1, 2),
    "selu": (1, 1),
    "gelu": (1, 1),
    "gelu_tanh": (1, 1),
    "silu": (1, 1),
    "softplus": (1, 1),
    "mish": (1, 1),
    "sigmoid": (1, 1),
    "tanh": (1, 1),
    "erf": (1, 1),
    "Phi": (1, 1),
    "hardtanh": (1, 1),
    "clip": (3, 3),
    "sign": (1, 1),
    "step": (1, 1),
    "abs": (1, 1),
    "min": (2, MANY),
    "max": (2, MANY),
    "exp": (1, 1),
    "log": (1, 1),
    "log1p": (1, 1),
    "sqrt": (1, 1),
    "sin": (1, 1),
    "cos": (1, 1),
    "tan": (1, 1),
    "asin": (1, 1),
    "acos": (1, 1),
    "atan": (1, 1),
    "sinh": (1, 1),
    "cosh": (1, 1),
    "softsign": (1, 1),
    "hermite": (2, 2),
    "where": (3, 3),
    "floor": (1, 1),
    "ceil": (1, 1),
    "mod": (2, 2),
    "sinc": (1, 1),
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
    "lt": (2, 2),
    "le": (2, 2),
    "gt": (2, 2),
    "ge": (2, 2),
    "eq": (2, 2),
    "ne": (2, 2),
    "and": (2, MANY),
}

VECTOR: dict[str, tuple[int, int]] = {"matmul": (2, 2), "transpose": (1, 1), "dot": (2, 2), "mean": (1, 1)}

LIMIT: dict[str, tuple[int, int]] = {"E": (1, 1), "cov": (2, 2), "var": (1, 1)}

HEADS: dict[str, tuple[int, int]] = {**FUNCTIONS, **ARITHMETIC, **CONDITIONS, **VECTOR, **LIMIT}

STATEMENT_WORDS = ("program", "width", "const", "index", "param", "matrix", "input", "weight", "for", "output", "claim",
                   "include", "in", "and", "not")  # fmt: skip
UNRESERVED_FUNCTIONS = frozenset({"floor", "ceil", "mod", "sinc"})
"""Functions beyond the language's own list: their names stay free for variables."""

RESERVED = frozenset(
    {"n", "pi", "E", "cov", "var", "gaussian", "sum", "softmax", "attention", "dot", "mean", *STATEMENT_WORDS}
    | (FUNCTIONS.keys() - UNRESERVED_FUNCTIONS)
)
