"""Reading members of families out of the arrays that the instructions made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tensorprog.errors import fail
from tensorprog.kernel.ground.indices import Range, assignments
from tensorprog.kernel.ground.nodes import Node
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.api import Program
from tensorprog.program.lowering.names import Names
from tensorprog.simulate.arrays import Array, Named
from tensorprog.terms import Sub, Var
from tensorprog.terms.reader import read_raw

SHOWN = 12
"""Members of an output that a summary lists."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Members of a family: subscripts with the range of every index name among them."""

    name: str
    subs: tuple[Sub, ...]
    ranges: tuple[tuple[str, Range], ...] = ()

    @staticmethod
    def of(v: Var, program: Program) -> Ref:
        """Return a reference of the program; a family's bare name means all its members (axes #0, #1, ...)."""
        family = program.families[v.name]
        if family.arity and not v.subs:
            names = tuple(f"#{k}" for k in range(family.arity))
            return Ref(v.name, names, tuple(zip(names, program.hull(v.name), strict=True)))
        return Ref(v.name, v.subs, tuple(program.ranges(v.subs).items()))

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s for s in self.subs if isinstance(s, str)))

    def labels(self) -> list[str]:
        """Return the first members, in the order of the array's axes: `h[3,1]`, `h[3,2]`."""
        ranges = dict(self.ranges)
        out = []
        for at in assignments({a: ranges[a] for a in self.axes}):
            out.append(member_text(self.name, [at[s] if isinstance(s, str) else s for s in self.subs]))
            if len(out) == SHOWN:
                break
        return out

    @property
    def text(self) -> str:
        shown = [str(s) for s in self.subs if not str(s).startswith("#")]
        return f"{self.name}[{','.join(shown)}]" if shown else self.name


def pieces(ref: Ref, program: Program, number: Mapping[int, int]) -> list[int]:
    """Return the numbers of the instructions that define the members."""
    found = program.resolve(Var(ref.name, ref.subs), dict(ref.ranges))
    return [number[id(node)] for node, _ in found]


View = tuple[slice | int | None, ...]


def view(ref: Ref, nodes: list[Node], box: Callable[[Node], tuple[Range, ...]]) -> View | None:
    """Return the index that makes the members a view of the one array that defines them all, if there is one."""
    if len(nodes) != 1 or len(ref.axes) != sum(isinstance(s, str) for s in ref.subs):
        return None
    ranges = dict(ref.ranges)
    found = _slices(ref, nodes[0], box(nodes[0]), ranges)
    return found[0] if found is not None and all(w == ranges[a] for a, w in found[1].items()) else None


def read(ref: Ref, nodes: list[tuple[Node, Array]], box: Callable[[Node], tuple[Range, ...]]) -> Named:
    """Return the members of several instructions as one array over the reference's index names."""
    ranges = dict(ref.ranges)
    shape = tuple(ranges[a][1] - ranges[a][0] + 1 for a in ref.axes)
    draws = max(d.shape[0] for _, d in nodes)
    coordinates = max(d.shape[-1] for _, d in nodes)
    out = np.empty((draws, *shape, coordinates), dtype=nodes[0][1].dtype)
    for node, data in nodes:
        _fill(out, ref, node, data, box(node), ranges)
    return Named(ref.axes, out)


def _slices(
    ref: Ref, node: Node, box: tuple[Range, ...], ranges: Mapping[str, Range]
) -> tuple[tuple[slice | int | None, ...], dict[str, Range]] | None:
    """Find where one instruction's array holds the members, and which ranges of the index names it covers."""
    where: list[slice | int | None] = [slice(None)]
    covers: dict[str, Range] = {}
    for s, left, (low, high) in zip(ref.subs, node.subs, box, strict=True):
        wanted = (s, s) if isinstance(s, int) else ranges[s]
        start, stop = max(low, wanted[0]), min(high, wanted[1])
        if stop < start:
            return None
        if isinstance(s, str):
            covers[s] = (start, stop)
        if isinstance(left, int):
            if isinstance(s, str):
                where.append(None)
            continue
        where.append(slice(start - low, stop - low + 1) if isinstance(s, str) else start - low)
    return tuple(where), covers


def _fill(out: Array, ref: Ref, node: Node, data: Array, box: tuple[Range, ...], ranges: Mapping[str, Range]) -> None:
    """Copy the members that one instruction defines to their places, by index arrays over the reference's axes."""
    covers = {a: ranges[a] for a in ref.axes}
    for s, (low, high) in zip(ref.subs, box, strict=True):
        if isinstance(s, str):
            covers[s] = (max(low, covers[s][0]), min(high, covers[s][1]))
        elif not low <= s <= high:
            return
    if any(high < low for low, high in covers.values()):
        return
    shape = tuple(high - low + 1 for low, high in covers.values())
    grids = np.indices(shape)
    at = {a: grids[k] + covers[a][0] for k, a in enumerate(covers)}
    source = tuple(
        (at[s] if isinstance(s, str) else np.full(shape, s)) - low
        for s, left, (low, _) in zip(ref.subs, node.subs, box, strict=True)
        if isinstance(left, str)
    )
    values = data[(slice(None), *source)] if source else data.reshape(data.shape[0], *(1 for _ in shape), -1)
    target = tuple(slice(covers[a][0] - ranges[a][0], covers[a][1] - ranges[a][0] + 1) for a in ref.axes)
    out[(slice(None), *target)] = values


def reference(text: str, program: Program) -> Ref:
    """Return a variable named in text: `y`, `q[1,2]` (TP002, TP003, TP004)."""
    ref = Ref.of(Names(program, ()).variable(read_raw(text)), program)
    for sub, (low, high) in zip(ref.subs, program.hull(ref.name), strict=True):
        first, last = (sub, sub) if isinstance(sub, int) else dict(ref.ranges)[sub]
        if first < low or last > high:
            raise fail("TP004", f"{text}: {ref.name} has members {low}..{high} there")
    return ref
