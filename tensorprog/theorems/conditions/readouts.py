"""Readouts n^(-1/2) v.x of a case: which side of each is the readout vector v, and what prevents it.

A readout vector is a centred initial vector that the case uses in readouts only, and every initial vector that is
correlated with it is one too. All of this is asked of members: v[1] may be read out while v[2] feeds the network.
Where both sides are initial vectors either may be the readout vector; the other is then what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tensorprog.kernel.ground.indices import Pattern
from tensorprog.kernel.ground.nodes import Dot, Input, Node, primed_indices
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ZERO
from tensorprog.program.graph.graph import Graph
from tensorprog.program.graph.unify import unify
from tensorprog.terms import Sub, Var
from tensorprog.theorems.conditions.ancestors import Ancestors
from tensorprog.theorems.vectors.member import Member, covariance

MOST_PAIRS = 4096
"""Pairs of members whose covariances are looked at one by one; in larger families they count as correlated."""


@dataclass(frozen=True, slots=True)
class InputUse:
    """Members of an initial vector as `user` reads them: as a side of a dot product (0, 1), or otherwise (None)."""

    user: Node | None
    side: int | None
    node: Input
    pattern: Pattern


class Readouts:
    """The dot products of a case, scaled like scores, that have an initial vector as a side."""

    def __init__(self, case: Ancestors) -> None:
        self.case = case
        self._sides: dict[int, int] = {}
        self._beaten: dict[int, InputUse] = {}
        self.dots = [d for d in case.dots if case.powers.is_score(d) and self._input_sides(d)]
        self.uses = list(self._all_uses()) if self.dots else []
        self._orient()

    def vector(self, d: Dot) -> Var:
        """Return the side that is, or would have to be, the readout vector."""
        return (d.left, d.right)[self._sides[id(d)]]

    def read(self, d: Dot) -> Var:
        """Return what a readout reads: the side that is not its vector."""
        return (d.right, d.left)[self._sides[id(d)]]

    # -- what the case reads ---------------------------------------------------------------------------------------

    def _all_uses(self) -> Iterator[InputUse]:
        for node in self.case.nodes:
            refs = self.case.program.references(node)
            for k, (ref, bound) in enumerate(refs):
                side = k if isinstance(node, Dot) else None
                for target, pattern in self.case.reached(node, ref, bound):
                    if isinstance(target, Input):
                        yield InputUse(node, side, target, pattern)
        for node in self.case.nodes:
            if isinstance(node, Input) and any(r.name == node.name for r in self.case.roots):
                yield from (InputUse(None, None, node, p) for p in self.case.demand[id(node)])

    @cached_property
    def _by_dot(self) -> dict[tuple[int, int], list[InputUse]]:
        out: dict[tuple[int, int], list[InputUse]] = {}
        for u in self.uses:
            if u.side is not None:
                out.setdefault((id(u.user), u.side), []).append(u)
        return out

    def members(self, d: Dot, side: int) -> list[InputUse]:
        """Return the initial vectors on one side of a dot product."""
        return self._by_dot.get((id(d), side), [])

    def _input_sides(self, d: Dot) -> list[int]:
        out = []
        for side, ref in enumerate((d.left, d.right)):
            sources = [n for n, _ in self.case.program.resolve(ref) if id(n) in self.case.demand]
            if sources and all(isinstance(n, Input) for n in sources):
                out.append(side)
        return out

    # -- which side ------------------------------------------------------------------------------------------------

    def _orient(self) -> None:
        """Choose sides: where only one is left it decides first, else the left one is the vector.

        No vector is both read and read out: a choice leaves less to the readouts that share a vector with this one.
        """
        scores = {id(d) for d in self.dots}
        elsewhere = [u for u in self.uses if id(u.user) not in scores]
        chosen: list[InputUse] = []
        open_ones = list(self.dots)

        def fits(d: Dot, side: int) -> bool:
            free = self._is_centred(d, side) and self._hindrance(d, side, elsewhere) is None
            return free and not self._any_correlated(self.members(d, 1 - side), chosen)

        while open_ones:
            fine = {id(d): [s for s in self._input_sides(d) if fits(d, s)] for d in open_ones}
            d = min(open_ones, key=lambda d: len(fine[id(d)]))
            side = min(fine[id(d)] or self._input_sides(d), key=lambda s: not self._is_centred(d, s))
            self._sides[id(d)] = side
            elsewhere += self.members(d, 1 - side)
            chosen += self.members(d, side)
            open_ones.remove(d)
        for d in self.dots:
            found = self._hindrance(d, self._sides[id(d)], elsewhere)
            if found is not None:
                self._beaten[id(d)] = found

    def _hindrance(self, d: Dot, side: int, elsewhere: list[InputUse]) -> InputUse | None:
        """Find a use outside of readouts of a vector on this side, or of an initial vector correlated with it."""
        mine = self.members(d, side)
        for u in elsewhere:
            if self._any_correlated([u], mine):
                return u
        return None

    # -- findings --------------------------------------------------------------------------------------------------

    def used_elsewhere(self, d: Dot) -> InputUse | None:
        """Find a use of the readout vector, or of one correlated with it, that is no readout."""
        return self._beaten.get(id(d))

    def centred(self, d: Dot) -> bool:
        return self._is_centred(d, self._sides[id(d)])

    def _is_centred(self, d: Dot, side: int) -> bool:
        return all(u.node.group.mean[u.node.position] == ZERO for u in self.members(d, side))

    def reads_itself(self, d: Dot) -> Dot | None:
        """Find a readout with the same vector, or with a correlated one, that what d reads depends on."""
        below = self.case.below([*self.case.reached(d, self.read(d))])
        return next((o for o in self.dots if id(o) in below.demand and self._correlated(d, o)), None)

    def _correlated(self, d: Dot, other: Dot) -> bool:
        mine = self.members(d, self._sides[id(d)])
        return self._any_correlated(mine, self.members(other, self._sides[id(other)]))

    def _any_correlated(self, some: list[InputUse], others: list[InputUse]) -> bool:
        program = self.case.program
        return any(
            u.node.group is v.node.group and correlated(program, u.node, u.pattern, v.node, v.pattern)
            for u in some
            for v in others
        )


def correlated(program: Graph, a: Input, p: Pattern, b: Input, q: Pattern) -> bool:
    """Return whether two members of one group of inputs, of these patterns, can have a covariance other than 0."""
    group = a.group
    if group.cov[a.position][b.position] == ZERO:
        return False
    coupled = primed_indices(group)
    apart = [k for k, name in enumerate(group.subs) if name not in coupled]
    left = [_renamed(p.slots[k], "'") for k in apart]
    right = [_renamed(q.slots[k], '"') for k in apart]
    ranges = {name + "'": r for name, r in p.ranges} | {name + '"': r for name, r in q.ranges}
    if unify(left, right, ranges) is None:
        return False
    if p.size * q.size > MOST_PAIRS:
        return True
    return any(
        all(m[k] == m2[k] for k in apart) and rational(covariance(program, Member(a, m), Member(b, m2))) != 0
        for m in p.members()
        for m2 in q.members()
    )


def _renamed(s: Sub, mark: str) -> Sub:
    return s if isinstance(s, int) else s + mark
