"""Inputs that are drawn member by member, when they are first read: a sequence of tokens need not be there at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.kernel.ground.nodes import Input, InputGroup
from tensorprog.kernel.ground.term import ZERO, variables
from tensorprog.simulate.plan.job import Job, Layout
from tensorprog.simulate.plan.needs import Need, Uses


@dataclass(frozen=True)
class Deferred:
    """An input whose subscript `axis` is an integer wherever it is read, and after which instruction each is done."""

    axis: int
    last: dict[int, int]


def deferred(job: Job, uses: Uses, needs: Sequence[Need], layouts: Sequence[Layout | None]) -> dict[int, Deferred]:
    """The inputs that can be drawn in parts: one name, independent along the axis, kept whole, without a mean."""
    found = {}
    for k, node in enumerate(uses.nodes):
        layout = layouts[k]
        if not isinstance(node, Input) or layout is None or layout.kind != "full" or len(node.group.names) > 1:
            continue
        if any(t != ZERO for t in node.group.mean):
            continue
        readers = [(i, r) for i, need in enumerate(needs) if need for r, _ in uses.vectors[i] if k in uses.pieces(r)]
        end = len(uses.nodes)
        readers += [(end, r) for r in job.wanted if k in uses.pieces(r)]
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


def split(group: InputGroup) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(indices across which members are independent, indices across which they are correlated)."""
    seen = {s for row in group.cov for t in row for v in variables(t) for s in (v.name, *v.subs)}
    coupled = tuple(s for s in group.subs if s + "'" in seen)
    return tuple(s for s in group.subs if s not in coupled), coupled
