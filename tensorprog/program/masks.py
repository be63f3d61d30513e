"""Masks: comparisons of indices that say which entries a softmax sees."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

from tensorprog.errors import Place, fail
from tensorprog.program.scaling import rational
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import transform, variables

if TYPE_CHECKING:
    from tensorprog.program.program import Program

MAX_MASK_ENTRIES = 1_000_000
_COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


def holds(mask: Term, at: Mapping[str, int]) -> bool:
    """Is the mask true at these index values?"""
    match mask:
        case App("and", args):
            return all(holds(a, at) for a in args)
        case App(head, (left, right)) if head in _COMPARE:
            a, b = (
                rational(transform(s, lambda v: Num(at[v.name]) if isinstance(v, Var) else None)) for s in (left, right)
            )
            if a is None or b is None:
                raise fail("TP003", "a mask compares integers", mask.place)
            return _COMPARE[head](a, b)
    raise fail("TP003", "a mask compares indices", mask.place)


def index_values(names: list[str], program: Program) -> Iterator[dict[str, int]]:
    """Every assignment of the named indices."""
    for values in product(*(range(lo, hi + 1) for lo, hi in map(program.range_of, names))):
        yield dict(zip(names, values, strict=True))


def check_mask(mask: Term, over: tuple[str, ...], program: Program, place: Place | None) -> None:
    """Refuse a mask that leaves some row of the softmax empty (TP014)."""
    used = [v.name for v in variables(mask)]
    for v in variables(mask):
        if v.name not in program.indices:
            raise fail("TP003", f"a mask compares indices, and {v.name} is none", v.place or place)
    outer = [i for i in used if i not in over]
    inner = [i for i in used if i in over]
    entries = 1
    for i in used:
        lo, hi = program.range_of(i)
        entries *= hi - lo + 1
    if entries > MAX_MASK_ENTRIES:
        raise fail(
            "TP905",
            f"the mask has {entries} entries; at most {MAX_MASK_ENTRIES} are checked (MAX_MASK_ENTRIES)",
            mask.place or place,
            help="use smaller index ranges",
        )
    for row in index_values(outer, program):
        if not any(holds(mask, {**row, **at}) for at in index_values(inner, program)):
            where = ", ".join(f"{i} = {v}" for i, v in row.items())
            raise fail(
                "TP014",
                f"the softmax row at {where} is fully masked" if row else "the softmax is fully masked",
                mask.place or place,
                because="a softmax over nothing is not defined",
                help="let every row see at least one entry, for example mask = j <= i",
            )
