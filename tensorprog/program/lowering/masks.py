"""Masks: comparisons of indices that say which entries a softmax sees."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tensorprog.errors import fail
from tensorprog.kernel.ground.indices import Range, assignments
from tensorprog.kernel.ground.masks import NoMask, holds, index_values
from tensorprog.kernel.ground.nodes import Node
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.program import volume
from tensorprog.kernel.ground.term import variables
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Sub, Term, Var

MAX_MASK_ENTRIES = 1_000_000
FEW_ENTRIES = 144


def masked_references(program: Graph, node: Node) -> list[tuple[Var, tuple[str, ...], Term | None]]:
    """Every vector or scalar that a node reads, with the indices bound around it and the mask of the softmax around it.

    Of softmax(p[i,j] over j, mask = j != i) the scores p[i,i] do not exist: the mask holds wherever p is read.
    """
    body = getattr(node, "body", None)
    if body is None:
        return [(ref, bound, None) for ref, bound in program.references(node)]
    out: dict[tuple[Var, tuple[str, ...], Term | None], None] = {}
    stack: list[tuple[Term, tuple[str, ...], Term | None]] = [(body, (), None)]
    while stack:
        t, bound, mask = stack.pop()
        match t:
            case Var(name) if name in program.families:
                out[t, bound, mask] = None
            case App(_, args):
                stack += [(a, bound, mask) for a in reversed(args)]
            case Bind(head, args, over, own):
                inside = (*bound, *(i for i in over if i not in bound))
                kept = None if mask is None or any(v.name in over for v in variables(mask)) else mask
                stack += [(a, bound, mask) for a in args[1:]]
                stack.append((args[0], inside, own if head == "softmax" and own is not None else kept))
    return list(out)


def allowed(
    mask: Term, slots: Mapping[str, Sub], ranges: Mapping[str, Range]
) -> tuple[list[dict[str, Range]], tuple[Sub, Sub] | None]:
    """Return the values at which a mask holds: boxes (ranges of the variables), and two slots that differ.

    `slots` says what replaces each index: a value, or a variable with its range. Exact for j != i and for few values;
    else a larger set.
    """
    names = {v.name: slots.get(v.name, v.name) for v in variables(mask)}
    free = sorted({s for s in names.values() if isinstance(s, str)})
    match mask:
        case App("ne", (Var(a, ()), Var(b, ()))) if isinstance(names[a], str) and isinstance(names[b], str):
            return [dict(ranges)], (names[a], names[b])
    count = math.prod(ranges[s][1] - ranges[s][0] + 1 for s in free)
    if count > (FEW_ENTRIES if len(free) > 1 else MAX_MASK_ENTRIES):
        parts = mask.args if isinstance(mask, App) and mask.head == "and" else (mask,)
        return [dict(ranges)], next((pair for part in parts if (pair := _strict(part, names)) is not None), None)
    boxes: list[dict[str, Range]] = []
    *outer, last = free or [""]
    for at in assignments({s: ranges[s] for s in outer}):
        low, high = ranges.get(last, (0, 0))
        fine = [x for x in range(low, high + 1) if holds(mask, _values(names, {**at, last: x}))]
        for start, end in _runs(fine):
            fixed = {**{s: (v, v) for s, v in at.items()}, **({last: (start, end)} if last else {})}
            boxes.append({**ranges, **fixed})
    return boxes, None


def _values(names: Mapping[str, Sub], at: Mapping[str, int]) -> dict[str, int]:
    return {name: s if isinstance(s, int) else at[s] for name, s in names.items()}


def _strict(part: Term, names: Mapping[str, Sub]) -> tuple[Sub, Sub] | None:
    """Return the two indices that a comparison keeps apart."""
    match part:
        case App("ne" | "lt" | "gt", (Var(a, ()), Var(b, ()))) if isinstance(names[a], str):
            return (names[a], names[b]) if isinstance(names[b], str) else None
    return None


def _runs(values: list[int]) -> list[Range]:
    out: list[Range] = []
    for v in values:
        if out and out[-1][1] == v - 1:
            out[-1] = (out[-1][0], v)
        else:
            out.append((v, v))
    return out


def check_mask(mask: Term, over: tuple[str, ...], program: Graph, place: Place | None) -> None:
    """Refuse a mask that leaves some row of the softmax empty (TP014)."""
    used = [v.name for v in variables(mask)]
    for v in variables(mask):
        if v.name not in program.indices:
            raise fail("TP003", f"a mask compares indices, but {v.name} is not one", v.place or place)
    outer = [i for i in used if i not in over]
    inner = [i for i in used if i in over]
    try:
        holds(mask, dict.fromkeys(used, 1))
    except NoMask as error:
        raise fail("TP003", str(error), mask.place) from None
    entries = volume(map(program.range_of, used))
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
