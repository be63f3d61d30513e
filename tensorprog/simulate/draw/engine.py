"""One block of draws: the instructions in order, each on arrays over (draws, its indices, coordinates)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from tensorprog.kernel.ground.nodes import Attention, Dot, Input, MatMul, Moment, Node
from tensorprog.kernel.ground.term import walk
from tensorprog.program.graph.linear import Part
from tensorprog.simulate.arrays import Array, Named, combine, inner, spread, times
from tensorprog.simulate.draw.constants import Constants
from tensorprog.simulate.draw.evaluate import Evaluator
from tensorprog.simulate.draw.inputs import covariance_root, means
from tensorprog.simulate.draw.matrices import Matrices
from tensorprog.simulate.draw.noise import CACHED_BYTES, Source
from tensorprog.simulate.draw.streams import Stream
from tensorprog.simulate.plan.deferred import split
from tensorprog.simulate.plan.job import Job, Layout
from tensorprog.simulate.plan.plan import Plan, make_plan
from tensorprog.simulate.plan.references import Ref, View, read, view
from tensorprog.simulate.plan.spaces import Member
from tensorprog.terms import App, Bind, Term, Var


@dataclass
class Runner:
    """A plan with everything prepared that is the same for all draws."""

    plan: Plan
    dtype: np.dtype[Any]
    constants: Constants
    evaluators: dict[Term, Evaluator] = field(default_factory=dict)
    roots: dict[str, Array] = field(default_factory=dict)
    means: dict[str, list[Any]] = field(default_factory=dict)
    refs: dict[Var, Ref] = field(default_factory=dict)
    views: dict[Ref, View | None] = field(default_factory=dict)
    fixed: dict[tuple[Term, tuple[str, ...]], Named | None] = field(default_factory=dict)
    overwritten: dict[int, int | None] = field(default_factory=dict)
    sources: dict[tuple[object, str], Source] = field(default_factory=dict)
    deviations: dict[object, Array] = field(default_factory=dict)

    @staticmethod
    def of(job: Job) -> Runner:
        plan = make_plan(job)
        return Runner(plan, np.dtype(job.options.dtype), Constants(plan.numbers))

    def block(self, number: int) -> tuple[list[Array], list[Array]]:
        """(values, products) of the draws of one block: (draws, indices..., coordinates) and (draws, indices...)."""
        with np.errstate(all="ignore"):
            job = self.plan.job
            return Block(self, Stream.of(job.options.engine, job.seed, job.n, number), self.plan.block).run()

    def ref(self, v: Var) -> Ref:
        if v not in self.refs:
            self.refs[v] = Ref.of(v, self.plan.job.program)
        return self.refs[v]

    def view(self, ref: Ref) -> View | None:
        """Find where a reference is a plain view of one instruction's array."""
        if ref not in self.views:
            nodes = [self.plan.uses.nodes[k] for k in self.plan.uses.pieces(ref)]
            self.views[ref] = view(ref, nodes, self.plan.job.program.box)
        return self.views[ref]

    def constant(self, t: Term, axes: tuple[str, ...]) -> Named | None:
        """Return the value of a term without vectors or scalars, computed once; None for other terms."""
        key = (t, axes)
        if key not in self.fixed:
            families = self.plan.job.program.families
            moving = any(isinstance(v, Var) and v.name in families for v in walk(t))
            self.fixed[key] = None if moving else self.evaluator(t)(lambda v: self.constants.leaf(v, self.dtype), axes)
        return self.fixed[key]

    def may_overwrite(self, k: int) -> int | None:
        """The instruction whose array a coordinatewise function k may work in: a fresh product that only k reads."""
        if k not in self.overwritten:
            uses = self.plan.uses
            found = [j for r, _ in uses.vectors[k] for j in uses.pieces(r)]
            readers = [i for i, need in enumerate(self.plan.need) if need
                       for r, _ in uses.vectors[i] for j in uses.pieces(r) if found and j == found[0]]  # fmt: skip
            asked = any(j in found for r in self.plan.job.wanted for j in uses.pieces(r))
            alone = len(found) == 1 and readers == [k] and not asked
            made = uses.nodes[found[0]] if alone else None
            same = alone and self.plan.layouts[found[0]] == self.plan.layouts[k]
            self.overwritten[k] = found[0] if same and isinstance(made, MatMul) and not made.transposed else None
        return self.overwritten[k]

    def evaluator(self, t: Term) -> Evaluator:
        if t not in self.evaluators:
            self.evaluators[t] = Evaluator(t, self.constants.range, self.dtype)
        return self.evaluators[t]

    def root(self, node: Input) -> Array:
        name = node.group.names[0]
        if name not in self.roots:
            self.roots[name] = covariance_root(node.group, self.constants)
            self.means[name] = means(node.group, self.constants)
        return self.roots[name]


@dataclass
class Block:
    """The arrays of one block while it runs."""

    runner: Runner
    stream: Stream
    draws: int
    values: dict[int, Array] = field(default_factory=dict)
    groups: dict[str, Array] = field(default_factory=dict)
    parts: dict[tuple[int, int], Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plan = self.runner.plan
        self.program = self.plan.job.program
        self.dtype = self.runner.dtype
        r = self.runner
        self.matrices = Matrices(self.plan, self.stream, self.draws, self.dtype, r.constants, r.sources, r.deviations)

    def run(self) -> tuple[list[Array], list[Array]]:
        for k, node in enumerate(self.plan.uses.nodes):
            if self.plan.need[k] and k not in self.plan.deferred:
                self.values[k] = self.step(k, node)
            for j in self.plan.last_use.get(k, ()):
                self.values.pop(j, None)
                self.matrices.forget(j)
            for key in [key for key in self.parts if self.plan.deferred[key[0]].last[key[1] + self.low(key[0])] <= k]:
                del self.parts[key]
                self.matrices.forget(key[0])
        values = [self.member(ref) for ref in self.plan.job.members]
        products = [self.product(a, b) for a, b in self.plan.job.products]
        return values, products

    def member(self, ref: Ref) -> Array:
        k = self.plan.job.coordinates
        found = self.read(ref, Layout("pinned", k, k, k))
        return np.ascontiguousarray(spread(found, ref.axes, [found.size(a) for a in ref.axes]))

    def product(self, a: Ref, b: Ref) -> Array:
        axes = tuple(dict.fromkeys((*a.axes, *b.axes)))
        width = self.plan.numbers.width(self.program.families[a.name].width)
        return inner(self.read(a), self.read(b), axes).data[..., 0] / width

    def low(self, k: int) -> int:
        """Return the first value of the axis in which an input is deferred."""
        return self.program.box(self.plan.uses.nodes[k])[self.plan.deferred[k].axis][0]

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, ref: Ref, layout: Layout | None = None) -> Named:
        """Return the members, as a vector of the given layout stores them."""
        plain = self.runner.view(ref)
        if plain is not None:
            k = self.plan.uses.pieces(ref)[0]
            data = self.part(k, plain) if k in self.plan.deferred else self.values[k][plain]
            return Named(ref.axes, data[..., : layout.size] if layout and layout.kind == "pinned" else data)
        nodes = [(self.plan.uses.nodes[k], self.values[k]) for k in self.plan.uses.pieces(ref)]
        if layout is not None and layout.kind == "pinned":
            nodes = [(node, data[..., : layout.size]) for node, data in nodes]
        return read(ref, nodes, self.program.box)

    def leaf(self, v: Var, layout: Layout | None) -> Named | float:
        if v.name in self.program.families:
            vector = self.program.families[v.name].kind == "vector"
            return self.read(self.runner.ref(v), layout if vector else None)
        return self.runner.constants.leaf(v, self.dtype)

    def evaluate(self, t: Term, free: tuple[str, ...], layout: Layout | None = None) -> Named:
        found = self.runner.constant(t, free)
        return found or self.runner.evaluator(t)(lambda v: self.leaf(v, layout), free)

    # -- instructions --------------------------------------------------------------------------------------------

    def step(self, k: int, node: Node) -> Array:
        """Return the array of one instruction, over its named subscripts in their order."""
        names = tuple(s for s in node.subs if isinstance(s, str))
        layout = self.plan.layouts[k]
        out: Named
        match node:
            case Input():
                out = self.input(node)
            case MatMul():
                argument = self.plan.uses.vectors[k][0][0]
                out = self.matrices.apply(
                    k, node, self.read(argument), argument, tuple(self.plan.uses.pieces(argument))
                )
            case Moment(body=body):
                value = self.evaluate(body, names)
                width = self.plan.numbers.width(self._moment_width(k))
                total = value.data.sum(axis=-1, keepdims=True) / width
                out = Named(value.axes, total if value.data.shape[-1] > 1 else value.data)
            case Dot(left=left, right=right, factor=factor):
                names_in = tuple(dict.fromkeys(s for s in (*left.subs, *right.subs) if isinstance(s, str)))
                dot = inner(self.read(self.runner.ref(left)), self.read(self.runner.ref(right)), names_in)
                scale = self.evaluate(factor, names)
                out = Named(names, dot.to(names) * scale.to(names))
            case Attention():
                out = self.attention(node, names, layout)
            case _:
                parts = self.plan.uses.linear[k]
                if parts is not None:
                    out = self.linear(parts, names, layout)
                else:
                    out = self.in_place(k, node.body, names) or self.evaluate(node.body, names, layout)
        sizes = [self.runner.constants.length(a) for a in names]
        data = spread(out, names, sizes)
        return data if data.dtype == self.dtype else data.astype(self.dtype)

    def _moment_width(self, k: int) -> str | None:
        return self.program.families[self.plan.uses.vectors[k][0][0].name].width

    def in_place(self, k: int, body: Term, names: tuple[str, ...]) -> Named | None:
        """clip, relu and tanh of one fresh product, written over it a few draws at a time; None for all else."""
        if not isinstance(body, App) or body.head not in ("clip", "relu", "tanh") or not isinstance(body.args[0], Var):
            return None
        j = self.runner.may_overwrite(k)
        if j is None or body.args[0].subs != names or names != self.plan.uses.nodes[j].subs:
            return None
        data = self.values[j]
        bounds = [self.runner.constant(t, ()) for t in body.args[1:]]
        if not data.flags.writeable or any(b is None for b in bounds):
            return None
        numbers = [float(b.data.reshape(())) for b in bounds if b is not None]
        step = max(1, CACHED_BYTES // max(1, data[0].nbytes))
        for at in range(0, len(data), step):
            part = data[at : at + step]
            if body.head == "tanh":
                np.tanh(part, out=part)
            elif body.head == "relu":
                np.maximum(part, 0.0, out=part)
            elif numbers[0] <= numbers[1]:
                np.clip(part, *numbers, out=part)
            else:
                np.minimum(np.maximum(part, numbers[0], out=part), numbers[1], out=part)
        return Named(names, data)

    def linear(self, parts: tuple[Part, ...], names: tuple[str, ...], layout: Layout | None) -> Named:
        total: Array | None = None
        for part in parts:
            vector = self.leaf(part.vector, layout)
            assert isinstance(vector, Named)
            c = self.evaluate(part.coefficient, (*names, *part.bound))
            lengths = [self.runner.constants.length(b) for b in part.bound]
            term = combine(c, vector, part.bound, lengths).to(names)
            total = term if total is None else total + term
        assert total is not None
        return Named(names, total)

    def attention(self, node: Attention, names: tuple[str, ...], layout: Layout | None) -> Named:
        """sum over j of softmax_j(scale * <q, k>, mask) v: scores for all names that meet in them, then one sum."""
        q, key = self.runner.ref(node.query), self.runner.ref(node.key)
        axes = tuple(dict.fromkeys((*q.axes, *key.axes)))
        scores = inner(self.read(q), self.read(key), axes)
        scale = self.evaluate(node.scale, axes)
        logits = Var("scores", axes)
        body: Term = Bind("softmax", (App("mul", (Var("scale", ()), logits)),), node.over, node.mask)
        found = {logits: scores, Var("scale", ()): scale}
        weights = self.runner.evaluator(body)(found.__getitem__, (*names, *node.over))
        lengths = [self.runner.constants.length(j) for j in node.over]
        return combine(weights, self.read(self.runner.ref(node.value), layout), node.over, lengths)

    def input(self, node: Input) -> Named:
        """Return members of a group: mean + L z, with z fresh."""
        group, name = node.group, node.group.names[0]
        outer, coupled = split(group)
        if name not in self.groups:
            self.groups[name] = self._joint(node, outer, self.runner.root(node))
        data = self.groups[name]
        count = prod(self.runner.constants.length(s) for s in coupled)
        mine = data[..., node.position * count : (node.position + 1) * count, :]
        shape = [self.runner.constants.length(s) for s in (*outer, *coupled)]
        out = Named((*outer, *coupled), mine.reshape(self.draws, *shape, mine.shape[-1]))
        names = tuple(s for s in node.subs if isinstance(s, str))
        mean = self.runner.means[name][node.position]
        moved = out.to(names)
        if mean.any():
            moved = moved + mean[None, ..., None].astype(self.dtype)
        if node.position == len(group.names) - 1:
            del self.groups[name]
        return Named(names, moved)

    def part(self, k: int, where: View) -> Array:
        """A view of a deferred input: its members at one value of the deferred axis, drawn at the first reading."""
        node, axis = self.plan.uses.nodes[k], self.plan.deferred[k].axis
        assert isinstance(node, Input)
        at = where[axis + 1]
        assert isinstance(at, int)
        if (k, at) not in self.parts:
            outer, coupled = split(node.group)
            place = outer.index(str(node.subs[axis]))
            root = self.runner.root(node)
            root = root.take(min(at, root.shape[place] - 1), axis=place)
            rest = (*outer[:place], *outer[place + 1 :])
            data = self._joint(node, rest, root)
            shape = [self.runner.constants.length(s) for s in (*rest, *coupled)]
            names = tuple(str(s) for p, s in enumerate(node.subs) if p != axis)
            self.parts[k, at] = Named((*rest, *coupled), data.reshape(self.draws, *shape, data.shape[-1])).to(names)
        return self.parts[k, at][(*where[: axis + 1], *where[axis + 2 :])]

    def _joint(self, node: Input, outer: tuple[str, ...], root: Array) -> Array:
        """L z over the independent indices `outer`: (draws, outer..., names x correlated members, coordinates)."""
        key: Member = ("group", node.group.names[0])
        sizes, members = tuple(self.runner.constants.length(s) for s in outer), root.shape[-1]
        if key in self.plan.spaces:
            axes = [node.group.subs[a] for a in self.plan.spaces[key].batch.get(key, ())]
            batch = tuple(k for k, s in enumerate(outer) if s in axes)
            offset = self.plan.group_offsets.get(node.group.names[0], 0)
            source = Source(self.plan.layout(key), sizes, batch, offset, members)
        else:
            k = self.plan.job.coordinates
            source = Source(Layout("pinned", self.plan.numbers.width(node.group.width), k, k), sizes)
        factor = root.astype(self.dtype)
        if members == 1:
            return source.draw(self.stream, self.draws, 0, 1, self.dtype, factor[None])
        return times(factor, source.draw(self.stream, self.draws, 0, members, self.dtype))
