"""The named functions in sympy, where it has a word for them; imports it when asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from tensorprog.errors import fail

_CLASSES = {
    "max": "Max", "min": "Min", "abs": "Abs", "ceil": "ceiling", "mod": "Mod", "step": "Heaviside",
    "lt": "StrictLessThan", "le": "LessThan", "gt": "StrictGreaterThan", "ge": "GreaterThan", "eq": "Equality",
    "ne": "Unequality", "and": "And",
    **{name: name for name in ("sign", "erf", "exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "asin", "acos",
                               "atan", "floor", "sinc")},
}  # fmt: skip


@cache
def heads() -> dict[Any, str]:
    """Return the function that each class of sympy is."""
    import sympy

    return {getattr(sympy, name): head for head, name in _CLASSES.items()}


@cache
def forms() -> dict[str, Callable[..., Any]]:
    """Return how sympy writes each function and operation that it has a word for."""
    import sympy as s

    return {head: made for made, head in heads().items()} | {
        "step": lambda x: s.Heaviside(x, s.Rational(1, 2)),
        "sqrt": s.sqrt,
        "hermite": _hermite,
        "where": lambda c, a, b: s.Piecewise((a, c), (b, True)),
        "pi": lambda: s.pi,
        "add": s.Add,
        "mul": s.Mul,
        "neg": lambda a: -a,
        "recip": lambda a: 1 / a,
        "pow": lambda a, b: a**b,
    }


def _hermite(k: Any, x: Any) -> Any:
    """Return He_k(x)/sqrt(k!), by He_{k+1} = x He_k - k He_{k-1}."""
    import sympy as s

    if not (k.is_Integer and k >= 0):
        raise fail("TP003", "hermite needs a whole number as its degree")
    before, now = s.S.Zero, s.S.One
    for j in range(int(k)):
        before, now = now, s.expand(x * now - j * before)
    return now / s.sqrt(s.factorial(k))
