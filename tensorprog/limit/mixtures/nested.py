"""Scores of several layers: each layer is Gaussian given the earlier ones, so draws go through the layers in order.

This is the formal rule `attention-nested`: given all earlier scores, vectors are conditionally iid over coordinates
with the Gaussian law of the calculus, in which expectations are taken given those scores. No theorem states it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product

import numpy as np

from tensorprog.kernel.ground.term import ONE, substitute
from tensorprog.limit.members.compiled import Compiled
from tensorprog.limit.members.parts import Parts
from tensorprog.limit.mixtures.conditional import Given, Source, assemble, pseudo_inverse
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.numbers.roots import Array, roots_of
from tensorprog.terms import Term, Var


class Nested(Source):
    """Draws of the law given (scores of all layers, given vectors)."""

    def __init__(self, structure: Structure, parts: Sequence[Parts]) -> None:
        super().__init__(structure, parts)
        self.dimension = len(structure.scores) + len(self.given)
        self.written: dict[Var, Term] = {}
        self.compiled_scores: dict[Var, Compiled] = {}
        self.names = {v.name for v in structure.scores}

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], list[tuple[tuple[int, ...], Var]]]]:
        """The score families that this law reads, for the engine."""
        return {name: self._family(name) for name in self.names}

    def _family(self, name: str) -> tuple[tuple[int, ...], list[tuple[tuple[int, ...], Var]]]:
        """Shape of a score family, and its members with their places in it."""
        u = self.s.unfolding
        box = u.program.hull(name)
        shape = tuple(hi - lo + 1 for lo, hi in box)
        members = []
        for place in product(*map(range, shape)):
            ref = Var(name, tuple(k + lo for k, (lo, _) in zip(place, box, strict=True)))
            # A dot product as it is written: a factor times the leaf, its power of the width left out.
            self.written[ref] = substitute(u.member(ref), {Var("n"): ONE})
            members.append((place, ref))
        return shape, members

    def draw(self, points: Array) -> Given:
        """Mean and covariance given standard normal points (draws, dimension)."""
        n = len(points)
        values: dict[Var, Array] = {}
        column = 0
        for layer in self.s.layers:
            root = roots_of(self.second.scores(layer, self._scores(values, n) if values else None))
            noise = points[:, column : column + len(layer)]
            if root.ndim == 2:
                drawn = noise[:, : root.shape[1]] @ root.T
            else:
                drawn = np.einsum("nij,nj->ni", root, noise)
            values |= {v: drawn[:, k] for k, v in enumerate(layer)}
            column += len(layer)
        count, scores = len(self.linear), self._scores(values, n)
        leaves = (*self.linear, *self.given)
        size = (n, len(leaves), len(leaves))
        k = np.broadcast_to(self.second.vectors(leaves, scores), size) if leaves else np.zeros(size)
        inverse = pseudo_inverse(k[:, count:, count:])
        slope = k[:, :count, count:] @ inverse
        residual = k[:, :count, :count] - slope @ k[:, count:, :count]
        root = roots_of(np.ascontiguousarray(k[:, count:, count:]))
        noise = np.einsum("nij,nj->ni", root, points[:, column:])
        at = dict(values)
        at |= {v: noise[:, j] + self.mean[count + j] for j, v in enumerate(self.given)}
        at |= {v: np.broadcast_to(self.second.moment(v, scores), (n,)) for v in self.moments}
        a, rest = assemble(self.parts, self.linear, self.compiled(at), n)
        inner = self.mean[:count] + np.einsum("nij,nj->ni", slope, noise)
        mean = rest + np.einsum("ndk,nk->nd", a, inner)
        return Given(mean, np.einsum("ndk,nkl,nel->nde", a, residual, a, optimize=True))

    def _scores(self, values: dict[Var, Array], n: int) -> dict[str, Array]:
        """Return the arrays of the score families, with their factors; zero where a member plays no part."""
        out = {}
        for name, (shape, places) in self.members.items():
            array = np.zeros((*shape, n))
            for place, ref in places:
                t = self.written[ref]
                if self.s.unfolding.below(t) <= values.keys():
                    if ref not in self.compiled_scores:
                        leaves = frozenset(self.s.unfolding.leaves)
                        self.compiled_scores[ref] = Compiled([t], leaves, self.s.params)
                    array[place] = self.compiled_scores[ref](values)[0]
            out[name] = array
        return out
