"""Masks: comparisons of indices that say which entries a softmax sees."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import App, Num, Term, substitute, variables

_COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


class NoMask(ValueError):
    """A term that compares no whole numbers."""


def holds(mask: Term, at: Mapping[str, int]) -> bool:
    """Return whether the mask is true at these index values."""
    match mask:
        case App("and", args):
            return all(holds(a, at) for a in args)
        case App(head, (left, right)) if head in _COMPARE:
            a, b = (rational(substitute(s, {v: Num(at[v.name]) for v in variables(s)})) for s in (left, right))
            if a is None or b is None:
                raise NoMask("a mask compares integers")
            return _COMPARE[head](a, b)
    raise NoMask("a mask compares indices")


def index_values(names: list[str], program: Instructions) -> Iterator[dict[str, int]]:
    """Every assignment of the named indices."""
    return assignments(program.ranges(names))
