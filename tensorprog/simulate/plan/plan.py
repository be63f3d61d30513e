"""The plan of a simulation, made once: what each vector needs, how each matrix is revealed, how large a block is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import prod

import numpy as np

from tensorprog.errors import fail
from tensorprog.kernel.ground.growing import node_kind
from tensorprog.kernel.ground.nodes import LAWS, Attention, Input, Moment, Node, Nonlin
from tensorprog.kernel.ground.term import ZERO
from tensorprog.simulate.plan.deferred import Deferred, deferred
from tensorprog.simulate.plan.job import Job, Layout
from tensorprog.simulate.plan.needs import Need, Uses, needs
from tensorprog.simulate.plan.numbers import Numbers, numbers
from tensorprog.simulate.plan.slabs import Application, Slab, slabs
from tensorprog.simulate.plan.spaces import Member, Space, build

BLOCK_BYTES = 40_000_000
MOST_DRAWS = 512
ENGINES = ("numpy", "fast")


@dataclass
class Plan:
    """Everything decided before the first draw."""

    job: Job
    numbers: Numbers
    uses: Uses
    need: list[Need]
    layouts: list[Layout | None]
    spaces: dict[Member, Space]
    slabs: dict[object, Slab]
    applications: dict[int, list[Application]]
    group_offsets: dict[str, int] = field(default_factory=dict)
    last_use: dict[int, list[int]] = field(default_factory=dict)
    deferred: dict[int, Deferred] = field(default_factory=dict)
    bytes_per_draw: int = 0
    normals_per_draw: int = 0

    @property
    def block(self) -> int:
        """Draws in one block: one random stream each, so it depends on nothing but the job."""
        return max(1, min(MOST_DRAWS, BLOCK_BYTES // max(1, self.bytes_per_draw)))

    def layout(self, member: Member) -> Layout:
        """Return the layout of a space, as a member of it sees it."""
        return space_layout(self.spaces[member], self.job.coordinates)

    def side(self, side: str, weight: str) -> Layout:
        """Return the layout of what a matrix reads (`in`) or makes (`out`)."""
        if (side, weight) in self.spaces:
            return self.layout((side, weight))
        declared = self.job.program.weights[weight]
        width = self.numbers.width(declared.cols if side == "in" else declared.rows)
        return Layout("pinned", width, self.job.coordinates, self.job.coordinates)


def space_layout(space: Space, coordinates: int) -> Layout:
    if space.whole:
        return Layout("full", space.width, 0, space.width)
    pinned = coordinates if space.pinned else 0
    return Layout("lazy", space.width, pinned, pinned + space.slots)


def make_plan(job: Job) -> Plan:
    """Decide everything (TP011, TP017, TP018)."""
    program = job.program
    nums = numbers(program, job.n, dict(job.options.values))
    _check(job, nums)
    uses = Uses.of(program)
    need = needs(uses, job.members, [r for pair in job.products for r in pair])
    how = job.options
    real = {w.name for w in program.weights.values() if how.dense or (how.entries or w.law) != "gaussian"}
    if how.dense:
        for k, node in enumerate(uses.nodes):
            need[k].body |= bool(need[k]) and node_kind(node) == "vector"
    moments = {
        k
        for j, node in enumerate(uses.nodes)
        if need[j] and isinstance(node, Moment)
        for ref, _ in uses.vectors[j]
        for k in uses.pieces(ref)
    }

    def width(member: Member) -> int:
        kind, name = member
        if kind == "node":
            return nums.width(program.families[uses.nodes[int(name)].name].width)
        if kind == "group":
            return nums.width(uses.group(str(name)).width)
        weight = program.weights[str(name)]
        return nums.width(weight.cols if kind == "in" else weight.rows)

    def whole(member: Member) -> str:
        kind, name = member
        if kind in ("in", "out"):
            return "real matrices" if name in real else ""
        if kind == "group":
            return "a mean" if any(t != ZERO for t in uses.group(str(name)).mean) else ""
        k = int(name)
        if job.options.dense:
            return "dense"
        if k in moments:
            return "an average"
        return "a nonlinearity" if isinstance(uses.nodes[k], Nonlin) and uses.linear[k] is None else ""

    spaces = build(uses, need, job.products, width, whole)
    made, applications = slabs(uses, need, spaces, real)
    plan = Plan(job, nums, uses, need, [], spaces, made, applications)
    _assign_slots(plan)
    plan.layouts = [_node_layout(plan, k, node) for k, node in enumerate(uses.nodes)]
    for slab in made.values():
        slab.decide(plan.side("in", slab.weight).size)
    plan.deferred = deferred(plan.job, plan.uses, plan.need, plan.layouts)
    _liveness(plan)
    _cost(plan, np.dtype(job.options.dtype))
    return plan


def _check(job: Job, nums: Numbers) -> None:
    for ref in job.members:
        family = job.program.families[ref.name]
        if family.kind == "vector" and job.coordinates > nums.width(family.width):
            raise fail(
                "TP018",
                f"{job.coordinates} coordinates of {ref.name} are asked for, and it has {nums.width(family.width)}",
            )
    how = job.options
    if how.entries is not None and how.entries not in LAWS:
        raise fail("TP018", f"there is no entry law {how.entries}", help=f"the laws are {', '.join(LAWS)}")
    if how.dtype not in ("float64", "float32"):
        raise fail("TP018", f"numbers are float64 or float32, not {how.dtype}")
    if how.engine not in ENGINES:
        raise fail("TP018", f"there is no engine {how.engine}", help=f"the engines are {' and '.join(ENGINES)}")
    if how.engine == "fast" and find_spec("numba") is None:
        help_ = "pip install 'tensorprog[fast]', or use the engine numpy"
        raise fail("TP018", "the engine fast needs numba", help=help_)


def _node_layout(plan: Plan, k: int, node: Node) -> Layout | None:
    need = plan.need[k]
    if not need or node_kind(node) == "scalar":
        return None
    if need.body:
        return plan.layout(("node", k))
    width = plan.numbers.width(plan.uses.program.families[node.name].width)
    return Layout("pinned", width, plan.job.coordinates, plan.job.coordinates)


def _assign_slots(plan: Plan) -> None:
    """Give every fresh direction of a rotated space its axis; a space that would have no gain keeps its coordinates."""
    for k, node in enumerate(plan.uses.nodes):
        if isinstance(node, Input) and plan.need[k].body and node.position == 0:
            member: Member = ("group", node.group.names[0])
            space = plan.spaces[member]
            axes = space.batch.get(member, ())
            plan.group_offsets[node.group.names[0]] = space.slots
            free = [plan.uses.program.range_of(s) for a, s in enumerate(node.group.subs) if a not in axes]
            space.slots += len(node.group.names) * prod(hi - lo + 1 for lo, hi in free)
    for slab in plan.slabs.values():
        for side, count in (("out", slab.forward), ("in", slab.backward)):
            target = plan.spaces.get((side, slab.weight))
            if target is not None and count:
                batch = target.batch.get((side, slab.weight), ())
                slab.offsets[side] = target.slots
                target.slots += count * prod(size for a, size in zip(slab.places, slab.sizes, strict=True)
                                             if a not in batch)  # fmt: skip
    for space in plan.spaces.values():
        if not space.whole and (plan.job.coordinates if space.pinned else 0) + space.slots >= space.width:
            space.whole = "as many directions as coordinates"


def _liveness(plan: Plan) -> None:
    """After which instruction each array is no longer needed."""
    last: dict[int, int] = {}
    for k in range(len(plan.uses.nodes)):
        if not plan.need[k]:
            continue
        last.setdefault(k, k)
        for ref in [r for r, _ in plan.uses.vectors[k]] + plan.uses.scalars[k]:
            last.update((p, k) for p in plan.uses.pieces(ref))
    end = len(plan.uses.nodes)
    last.update((p, end) for ref in plan.job.wanted for p in plan.uses.pieces(ref))
    for k, at in last.items():
        plan.last_use.setdefault(at, []).append(k)


def _cost(plan: Plan, dtype: np.dtype[np.generic]) -> None:
    """Memory of one draw at its peak, and how many normals it takes."""
    alive = peak = normals = 0
    sizes: dict[int, int] = {}
    for slab in plan.slabs.values():
        size, fresh = slab.cost(plan.side("in", slab.weight).size, plan.side("out", slab.weight).size)
        alive += size
        normals += fresh
    for k, node in enumerate(plan.uses.nodes):
        if not plan.need[k]:
            continue
        layout = plan.layouts[k]
        members = prod(hi - lo + 1 for s, (lo, hi) in zip(node.subs, plan.uses.program.box(node), strict=True))
        whole = members * (layout.size if layout else 1)
        normals += whole if isinstance(node, Input) else 0
        parts = len(plan.deferred[k].last) if k in plan.deferred else 1
        sizes[k] = whole // parts  # a deferred input is there one part at a time
        work = sizes[k]
        if isinstance(node, Attention):
            work += _attention_entries(plan, node)
        alive += sizes[k]
        peak = max(peak, alive + 2 * work)
        alive -= sum(sizes[j] for j in plan.last_use.get(k, ()) if j in sizes)
    plan.bytes_per_draw = peak * dtype.itemsize
    plan.normals_per_draw = normals


def _attention_entries(plan: Plan, node: Attention) -> int:
    ranges: Mapping[str, tuple[int, int]] = plan.uses.program.ranges(
        (*node.subs, *node.over, *node.query.subs, *node.key.subs)
    )
    return 2 * prod(hi - lo + 1 for lo, hi in ranges.values())
