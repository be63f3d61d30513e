"""Inputs that are drawn member by member, when they are first read: a sequence of tokens need not be there at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tensorprog.program.graph.nodes import Input
from tensorprog.simulate.draw.inputs import split
from tensorprog.terms.term import ZERO

if TYPE_CHECKING:
    from tensorprog.simulate.plan.plan import Plan


@dataclass(frozen=True)
class Deferred:
    """An input whose subscript `axis` is an integer wherever it is read, and after which instruction each is done."""

    axis: int
    last: dict[int, int]


def deferred(plan: Plan) -> dict[int, Deferred]:
    """The inputs that can be drawn in parts: one name, independent along the axis, kept whole, without a mean."""
    found = {}
    for k, node in enumerate(plan.uses.nodes):
        layout = plan.layouts[k]
        if not isinstance(node, Input) or layout is None or layout.kind != "full" or len(node.group.names) > 1:
            continue
        if any(t != ZERO for t in node.group.mean):
            continue
        readers = [
            (i, r)
            for i, need in enumerate(plan.need)
            if need
            for r, _ in plan.uses.vectors[i]
            if k in plan.uses.pieces(r)
        ]
        end = len(plan.uses.nodes)
        wanted = (*plan.job.values, *(r for pair in plan.job.products for r in pair))
        readers += [(end, r) for r in wanted if k in plan.uses.pieces(r)]
        outer, _ = split(node.group)
        for axis, s in enumerate(node.subs):
            values = [(i, r.subs[axis]) for i, r in readers]
            if s in outer and all(isinstance(v, int) for _, v in values):
                last: dict[int, int] = {}
                for i, v in values:
                    last[int(v)] = max(i, last.get(int(v), i))
                found[k] = Deferred(axis, last)
                break
    return found
