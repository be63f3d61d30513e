"""Words that name nothing else in a program."""

from __future__ import annotations

from tensorprog.kernel.ground.signatures import FUNCTIONS

STATEMENT_WORDS = ("program", "width", "const", "index", "param", "matrix", "input", "weight", "for", "output", "claim",
                   "include", "in", "and", "not")  # fmt: skip  # fmt: skip
UNRESERVED_FUNCTIONS = frozenset({"floor", "ceil", "mod", "sinc"})
"""Functions beyond the language's own list: their names stay free for variables."""

RESERVED = frozenset(
    {"n", "pi", "E", "cov", "var", "gaussian", "sum", "softmax", "attention", "dot", "mean", *STATEMENT_WORDS}
    | (FUNCTIONS.keys() - UNRESERVED_FUNCTIONS)
)
