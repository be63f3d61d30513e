"""The matrices of a program: members of a weight family that are always applied together form one slab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from tensorprog.kernel.ground.indices import Range, assignments
from tensorprog.kernel.ground.nodes import MatMul
from tensorprog.simulate.plan.needs import Need, Uses
from tensorprog.simulate.plan.spaces import Member, Space
from tensorprog.terms import Var

Box = tuple[Range, ...]


@dataclass(slots=True)
class Slab:
    """A box of members of one weight. `places` are the subscripts that run, `sizes` how far.

    `forward` and `backward` count the vectors that the matrices and their transposes are applied to. `mode` is
    "once" (one product, no transposed one), "all" (at least as many inputs as coordinates: reveal the whole
    matrix), "real" (a matrix in memory) or "many" (revealed product by product).
    """

    weight: str
    box: Box
    places: tuple[int, ...]
    sizes: tuple[int, ...]
    real: bool
    forward: int = 0
    backward: int = 0
    times: int = 0
    shared: bool = True
    mode: str = "many"
    offsets: dict[str, int] = field(default_factory=dict)

    def decide(self, inputs: int) -> None:
        """Choose the mode, given the size of the space that the matrices read."""
        if self.real:
            self.mode = "real"
        elif self.times == 1 and not self.backward:
            self.mode = "once"
        elif not self.backward and self.forward >= inputs:
            self.mode = "all"

    def cost(self, inputs: int, outputs: int) -> tuple[int, int]:
        """Return numbers kept between instructions, and normals drawn, for one draw."""
        members = prod(self.sizes)
        keys = 1 if self.shared else members
        if self.mode in ("real", "all"):
            return members * inputs * outputs, members * inputs * outputs
        fresh = members * (min(self.forward, inputs) * outputs + self.backward * inputs)
        if self.mode == "once":
            return fresh, fresh
        return keys * self.forward * inputs + self.backward * members * outputs + fresh, fresh


@dataclass(frozen=True, slots=True)
class Application:
    """One use of a slab by an instruction; `fixed` gives the index names that are taken one value at a time."""

    slab: object
    fixed: tuple[tuple[str, int], ...]
    names: tuple[str, ...]
    start: tuple[int, ...]


def slabs(
    uses: Uses, need: list[Need], spaces: dict[Member, Space], real: set[str]
) -> tuple[dict[object, Slab], dict[int, list[Application]]]:
    """Return every matrix that the needed instructions apply, and how each applies them."""
    by_weight: dict[str, list[int]] = {}
    for k, node in enumerate(uses.nodes):
        if isinstance(node, MatMul) and need[k]:
            by_weight.setdefault(node.weight.name, []).append(k)
    made: dict[object, Slab] = {}
    applications: dict[int, list[Application]] = {}
    for name, numbers_of_nodes in by_weight.items():
        together = _boxes_fit([_box(uses, k) for k in numbers_of_nodes])
        if not together:
            for side in ("in", "out"):
                if (side, name) in spaces:
                    spaces[side, name].batch.clear()
        for k in numbers_of_nodes:
            applications[k] = list(_applications(uses, k, together, made, name in real))
    return made, applications


def _weight(uses: Uses, k: int) -> Var:
    node = uses.nodes[k]
    assert isinstance(node, MatMul)
    return node.weight


def _box(uses: Uses, k: int) -> Box | None:
    """Return the members that the instruction applies, or None where an index is repeated."""
    w = _weight(uses, k)
    names = [s for s in w.subs if isinstance(s, str)]
    if len(set(names)) < len(names):
        return None
    return tuple((s, s) if isinstance(s, int) else uses.program.range_of(s) for s in w.subs)


def _boxes_fit(boxes: list[Box | None]) -> bool:
    """Return whether any two of the boxes are equal or disjoint."""
    known: list[Box] = []
    for b in dict.fromkeys(boxes):
        if b is None:
            return False
        for other in known:
            if all(x[0] <= y[1] and y[0] <= x[1] for x, y in zip(b, other, strict=True)):
                return False
        known.append(b)
    return True


def _applications(uses: Uses, k: int, together: bool, made: dict[object, Slab], real: bool) -> Iterator[Application]:
    node = uses.nodes[k]
    assert isinstance(node, MatMul)
    w = node.weight
    names = tuple(dict.fromkeys(s for s in w.subs if isinstance(s, str)))
    argument = uses.vectors[k][0][0]
    if together:
        box = _box(uses, k)
        assert box is not None
        places = tuple(p for p, s in enumerate(w.subs) if isinstance(s, str))
        sizes = tuple(box[p][1] - box[p][0] + 1 for p in places)
        inputs = prod(hi - lo + 1 for a, (lo, hi) in argument.ranges if a not in names)
        _count(made, (w.name, box), Slab(w.name, box, places, sizes, real), node.transposed, inputs,
               not any(a in names for a in argument.axes))  # fmt: skip
        yield Application((w.name, box), (), names, tuple(box[p][0] for p in places))
        return
    for at in assignments(uses.program.ranges(names)):
        member = tuple((at[s], at[s]) if isinstance(s, str) else (s, s) for s in w.subs)
        inputs = prod(hi - lo + 1 for a, (lo, hi) in argument.ranges if a not in names)
        _count(made, (w.name, member), Slab(w.name, member, (), (), real), node.transposed, inputs, True)
        yield Application((w.name, member), tuple(at.items()), (), ())


def _count(made: dict[object, Slab], key: object, new: Slab, transposed: bool, inputs: int, shared: bool) -> None:
    slab = made.setdefault(key, new)
    slab.times += 1
    if transposed:
        slab.backward += inputs
    else:
        slab.forward += inputs
        slab.shared &= shared
