"""The matrices of one block of draws, each in the form that the plan chose."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.nodes import Input, LinComb, MatMul, Node, Nonlin
from tensorprog.kernel.ground.term import walk
from tensorprog.simulate.arrays import Array, Named
from tensorprog.simulate.draw.constants import Constants
from tensorprog.simulate.draw.dense import entries
from tensorprog.simulate.draw.inputs import covariance_root
from tensorprog.simulate.draw.noise import Source
from tensorprog.simulate.draw.revealing import Built, Once, Revealed, root
from tensorprog.simulate.draw.streams import Stream
from tensorprog.simulate.plan.plan import Plan
from tensorprog.simulate.plan.references import Ref
from tensorprog.simulate.plan.slabs import Application, Slab
from tensorprog.terms import App

State = Once | Revealed | Built


@dataclass
class Matrices:
    """Creates each slab's state at its first use, and applies it."""

    plan: Plan
    stream: Stream
    draws: int
    dtype: np.dtype[Any]
    constants: Constants
    sources: dict[tuple[object, str], Source]
    deviations: dict[object, Array]
    states: dict[object, State] = field(default_factory=dict)
    roots: dict[object, tuple[tuple[int, ...], Array]] = field(default_factory=dict)
    seen: dict[object, list[tuple[Array, Array]]] = field(default_factory=dict)

    def forget(self, node: int) -> None:
        """Drop the roots of an array that is gone."""
        for key in [k for k, (pieces, _) in self.roots.items() if node in pieces]:
            del self.roots[key]

    def apply(self, k: int, node: MatMul, x: Named, ref: Ref, pieces: tuple[int, ...]) -> Named:
        """Return the products of one instruction: one call for all members of the slab, or one for each member."""
        names = tuple(s for s in node.subs if isinstance(s, str))
        applications = self.plan.applications[k]
        if not applications[0].fixed:
            return self._one(node, x, applications[0], (ref, pieces))
        layout = self.plan.layouts[k]
        assert layout is not None
        sizes = [self.constants.length(a) for a in names]
        out = np.empty((self.draws, *sizes, layout.size), dtype=self.dtype)
        for a in applications:
            at = dict(a.fixed)
            kept = tuple(name for name in x.axes if name not in at)
            where = tuple(self._at(name, at) if name in at else slice(None) for name in x.axes)
            part = self._one(node, Named(kept, x.data[(slice(None), *where)]), a, None)
            free = tuple(name for name in names if name not in at)
            target = tuple(self._at(name, at) if name in at else slice(None) for name in names)
            out[(slice(None), *target)] = part.to(free)
        return Named(names, out)

    def _at(self, name: str, at: dict[str, int]) -> int:
        return at[name] - (self.constants.range(name) or (1, 1))[0]

    def _one(self, node: MatMul, x: Named, a: Application, source: tuple[Ref, tuple[int, ...]] | None) -> Named:
        slab = self.plan.slabs[a.slab]
        rest = tuple(name for name in x.axes if name not in a.names)
        ordered = x.to((*a.names, *rest))
        count = prod(x.size(name) for name in rest)
        rows = ordered.reshape(ordered.shape[0], *ordered.shape[1 : 1 + len(a.names)], count, ordered.shape[-1])
        if a.slab not in self.states:
            self.states[a.slab] = self._make(a.slab, slab)
        state = self.states[a.slab]
        if isinstance(state, Once):
            out = state.forward(self._root(rows, source, a.names))
        elif node.transposed:
            out = state.backward(rows)
        else:
            out = state.forward(rows)
        if self.ties:
            self._tied((a.slab, node.transposed), rows, out)
        shape = (*out.shape[:-2], *(x.size(name) for name in rest), out.shape[-1])
        return Named((*a.names, *rest), out.reshape(shape))

    @cached_property
    def ties(self) -> bool:
        """Return whether two vectors may be equal and it matters: at a jump, or if an initial vector is determined."""
        if any(_jumps(node) for node in self.plan.job.program.nodes):
            return True
        groups = {id(m.group): m.group for m in self.plan.job.program.nodes if isinstance(m, Input)}
        roots = (covariance_root(g, self.constants) for g in groups.values())
        return any((np.diagonal(r, axis1=-2, axis2=-1) == 0).any() for r in roots)

    def _tied(self, key: object, rows: Array, out: Array) -> None:
        """Equal vectors have equal products, bit by bit: else sign(W x - W x') of equal x, x' is that of rounding."""
        past = self.seen.setdefault(key, [])
        for j in range(rows.shape[-2]):
            x = rows[..., j, :]
            for earlier, image in past:
                if not (x[..., 0] == earlier[..., 0]).any():
                    continue
                equal = (x == earlier).all(axis=-1)
                if equal.any():
                    out[..., j, :] = np.where(equal[..., None], image, out[..., j, :])
            past.append((x.copy(), out[..., j, :].copy()))

    def _root(self, rows: Array, source: tuple[Ref, tuple[int, ...]] | None, names: tuple[str, ...]) -> Array:
        """Compute the root of the same vectors once for all matrices that read them."""
        if source is None:
            return root(rows, self.stream)
        lead = rows.shape[1:-2]
        key = (source[0], tuple(name for name in names if name in source[0].axes))
        if key not in self.roots:
            self.roots[key] = (source[1], root(rows, self.stream))
        found = self.roots[key][1]
        return found.reshape(found.shape[0], *lead, *found.shape[-2:])

    # -- making --------------------------------------------------------------------------------------------------

    def _deviation(self, slab: Slab) -> Array:
        """Return the standard deviation of the entries, over the slab's running subscripts, ready to broadcast."""
        weight = self.plan.job.program.weights[slab.weight]
        variance = self.constants.array(weight.variance, weight.subs)
        where = []
        for k, (low, high) in enumerate(slab.box):
            first = (self.constants.range(weight.subs[k]) or (1, 1))[0]
            extent = slice(None) if variance.shape[k] == 1 else slice(low - first, high - first + 1)
            where.append(extent if k in slab.places else (0 if variance.shape[k] == 1 else low - first))
        out = np.sqrt(variance[tuple(where)])[..., None, None]
        return out.astype(self.dtype)

    def _source(self, slab: Slab, side: str) -> Source:
        key = (side, slab.weight)
        each = slab.forward if side == "out" else slab.backward
        layout = self.plan.side(side, slab.weight)
        if key not in self.plan.spaces:
            return Source(layout, slab.sizes, (), 0, each)
        batch = self.plan.spaces[key].batch.get(key, ())
        positions = tuple(k for k, place in enumerate(slab.places) if place in batch)
        return Source(layout, slab.sizes, positions, slab.offsets.get(side, 0), each)

    def _make(self, key: object, slab: Slab) -> State:
        if key not in self.deviations:
            self.deviations[key] = self._deviation(slab)
            self.sources[key, "out"], self.sources[key, "in"] = self._source(slab, "out"), self._source(slab, "in")
        deviation, out, into = self.deviations[key], self.sources[key, "out"], self.sources[key, "in"]
        match slab.mode:
            case "once":
                return Once(self.stream, self.draws, deviation, out, self.dtype)
            case "all":
                matrix = out.draw(self.stream, self.draws, 0, into.layout.size, self.dtype)
                matrix *= deviation
                return Built(matrix)
            case "real":
                weight = self.plan.job.program.weights[slab.weight]
                law = self.plan.job.options.entries or weight.law
                freedom = None if weight.freedom is None else float(self.constants.array(weight.freedom, ()))
                shape = (self.draws, *slab.sizes, into.layout.size, out.layout.size)
                matrix = entries(self.stream.generator, law, freedom, shape, self.dtype)
                matrix *= deviation
                return Built(matrix)
        return Revealed(self.stream, self.draws, deviation, out, into, slab.shared, self.dtype)


def _jumps(node: Node) -> bool:
    """Return whether the function of an instruction may be discontinuous."""
    heads = {t.head for t in walk(node.body) if isinstance(t, App)} if isinstance(node, LinComb | Nonlin) else set()
    return "where" in heads or any(h in library() and library()[h].regularity in ("jumps", None) for h in heads)
