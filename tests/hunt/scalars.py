"""Expressions of numbers: evaluated in numpy, without any matrix."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np

from tests.hunt.functions import COMPARE, apply
from tests.hunt.syntax import X


def eval_number(text: str) -> float:
    """A number as the writers write it: a decimal, a fraction a/b, or pi.

    >>> eval_number("1/4")
    0.25
    """
    if text == "pi":
        return float(np.pi)
    above, _, below = text.partition("/")
    return float(above) / float(below) if below else float(above)


def arithmetic(x: X, args: list[Any]) -> Any:
    """The head of an expression applied to the values of its arguments."""
    match x.op:
        case "num":
            return eval_number(x.name)
        case "cmp":
            return COMPARE[x.name](*args)
        case "call":
            return apply(x.name, args)
        case "add":
            return reduce(add, args)
        case "mul":
            return reduce(mul, args)
        case "sub":
            return args[0] - args[1]
        case "div":
            return args[0] / args[1]
        case "neg":
            return -args[0]
        case "pow":
            return np.power(args[0], args[1])
    raise AssertionError(x)


def values(x: X, at: Mapping[str, Any]) -> Any:
    """An expression whose names have these values (numbers or arrays)."""
    with np.errstate(all="ignore"):
        return _value(x, at)


def _value(x: X, at: Mapping[str, Any]) -> Any:
    if x.op == "ref":
        return np.asarray(at[x.name], dtype=float)
    return arithmetic(x, [np.asarray(_value(a, at)) for a in x.args])
