"""The spaces that vectors live in, and how many coordinates each needs.

A Gaussian matrix does not know its coordinate system: where the vectors of R^m meet only in dot products, linear
steps and further Gaussian matrices, R^m may be rotated as we please, and we rotate it so that the k-th fresh
direction is the k-th axis. Then k vectors need k coordinates whatever m: a fresh iid normal vector has normal
entries in the directions that are there already, and in its own new direction the length of what remains, a chi with
as many degrees of freedom as there are dimensions left. (This is Bartlett's decomposition, taken step by step; vectors
of one space share their directions, so the joint law of all dot products is right, cyclic ones too.) A few true
coordinates can come first, and no rotation touches them.

Where a space has an index in which everything is diagonal (heads whose queries meet only their own keys), each value of
that index has its own directions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tensorprog.kernel.ground.nodes import Attention, Dot, Input, LinComb, MatMul, Moment, Nonlin, Scalar
from tensorprog.simulate.plan.deferred import split
from tensorprog.simulate.plan.needs import Need, Uses
from tensorprog.simulate.plan.references import Ref
from tensorprog.terms import Sub

Member = tuple[str, int | str]
"""What lives in a space: ("node", number), ("in", weight), ("out", weight) or ("group", first name)."""

Role = tuple[Member, tuple[Sub, ...], tuple[str, ...]]
"""A member as an operation sees it: its subscripts there, and the index names bound around it."""


@dataclass(slots=True)
class Space:
    """Vectors of one width that share a coordinate system, with the axes in which the space is diagonal."""

    width: int
    members: list[Member] = field(default_factory=list)
    whole: str = ""
    pinned: bool = False
    slots: int = 0
    batch: dict[Member, tuple[int, ...]] = field(default_factory=dict)


class Forest:
    """Which members share a space: union-find."""

    def __init__(self) -> None:
        self.parent: dict[Member, Member] = {}

    def find(self, a: Member) -> Member:
        self.parent.setdefault(a, a)
        while self.parent[a] != a:
            self.parent[a] = self.parent[self.parent[a]]
            a = self.parent[a]
        return a

    def join(self, members: Iterable[Member]) -> None:
        first, *rest = [self.find(m) for m in members]
        for m in rest:
            self.parent[self.find(m)] = self.find(first)


def operations(uses: Uses, need: list[Need], summed: Iterable[tuple[Ref, Ref]]) -> list[list[Role]]:
    """Return every step that makes vectors meet, as the list of those it brings together."""
    out: list[list[Role]] = []

    def roles(ref: Ref, bound: tuple[str, ...] = ()) -> list[Role]:
        return [(("node", k), ref.subs, bound) for k in uses.pieces(ref)]

    for k, node in enumerate(uses.nodes):
        if not need[k]:
            continue
        own: Role = (("node", k), node.subs, ())
        arguments = [r for ref, bound in uses.vectors[k] for r in roles(ref, bound)]
        match node:
            case Input(group=group):
                if need[k].body:
                    out.append([own, (("group", group.names[0]), group.subs, ())])
            case MatMul(weight=w, transposed=transposed):
                source, target = ("out", "in") if transposed else ("in", "out")
                out.append([*arguments, ((source, w.name), w.subs, ())])
                if need[k].body:
                    out.append([own, ((target, w.name), w.subs, ())])
            case Dot() | Moment():
                out.append(arguments)
            case Attention():
                (q, _), (key, over), (value, _) = uses.vectors[k]
                out.append([*roles(q), *roles(key)])
                if need[k].body:
                    out.append([own, *roles(value, over)])
            case LinComb() | Nonlin():
                if need[k].body:
                    out.append([own, *arguments])
            case Scalar():
                pass
    out += [[*roles(a), *roles(b)] for a, b in summed]
    return out


def build(
    uses: Uses,
    need: list[Need],
    summed: Iterable[tuple[Ref, Ref]],
    width: Callable[[Member], int],
    whole: Callable[[Member], str],
) -> dict[Member, Space]:
    """Return the space of every vector needed whole; `whole(member)` says why all its coordinates are needed, or ""."""
    steps = operations(uses, need, summed)
    forest = Forest()
    for step in steps:
        forest.join(m for m, _, _ in step)
    spaces: dict[Member, Space] = {}
    out: dict[Member, Space] = {}
    for member in list(forest.parent):
        root = forest.find(member)
        space = spaces.setdefault(root, Space(width(member)))
        space.members.append(member)
        space.whole = space.whole or whole(member)
        space.pinned |= member[0] == "node" and need[int(member[1])].pinned
        out[member] = space
    touching: dict[Member, list[list[Role]]] = {}
    for step in steps:
        for m, _, _ in step:
            touching.setdefault(m, []).append(step)
    for space in spaces.values():
        if not space.whole:
            space.batch = _diagonal_axes(space, uses, touching)
    return out


def _axes(member: Member, uses: Uses) -> tuple[Sub, ...]:
    """Return the subscripts of a member where it is defined."""
    kind, name = member
    if kind == "node":
        return uses.nodes[int(name)].subs
    if kind == "group":
        return uses.group(str(name)).subs
    return tuple(uses.program.weights[str(name)].subs)


def _diagonal_axes(space: Space, uses: Uses, touching: dict[Member, list[list[Role]]]) -> dict[Member, tuple[int, ...]]:
    """Axes along which no two different values ever meet: found from one member by walking through all steps."""
    seed = space.members[0]
    found: list[dict[Member, int]] = []
    for axis, s in enumerate(_axes(seed, uses)):
        if isinstance(s, str):
            assigned = _follow(space, axis, uses, touching)
            if assigned is not None:
                found.append(assigned)
    return {m: tuple(a[m] for a in found) for m in space.members}


def _follow(space: Space, axis: int, uses: Uses, touching: dict[Member, list[list[Role]]]) -> dict[Member, int] | None:
    """Return the axis of every member that runs with `axis` of the first, or None where some step mixes its values."""
    seed = space.members[0]
    extent = uses.program.range_of(str(_axes(seed, uses)[axis]))
    assigned = {seed: axis}
    at_one_value: list[list[Role]] = []
    todo = deque([seed])
    while todo:
        member = todo.popleft()
        for step in touching[member]:
            names = {subs[assigned[m]] for m, subs, _ in step if m == member}
            name = names.pop()
            if names:
                return None
            if isinstance(name, int):
                at_one_value.append(step)
                continue
            if name not in uses.program.indices:
                return None
            for m, subs, bound in step:
                places = [k for k, s in enumerate(subs) if s == name]
                if len(places) != 1 or name in bound:
                    return None
                own = _axes(m, uses)[places[0]]
                alike = isinstance(own, str) and uses.program.range_of(own) == extent == uses.program.range_of(name)
                if not alike or (m[0] == "group" and own in split(uses.group(str(m[1])))[1]):
                    return None
                if m not in assigned:
                    assigned[m] = places[0]
                    todo.append(m)
                elif assigned[m] != places[0]:
                    return None
    for step in at_one_value:  # members that meet at one value of the index do not mix its values
        if any(m not in assigned for m, _, _ in step) or len({subs[assigned[m]] for m, subs, _ in step}) != 1:
            return None
    return assigned if len(assigned) == len(space.members) else None
