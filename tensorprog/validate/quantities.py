"""Which quantities of a program are compared with its limit, chosen from the program."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal

from tensorprog.errors import TensorProgError
from tensorprog.functions.named.library import grows_exponentially, library
from tensorprog.kernel.ground.nodes import Attention, Dot, Input, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import variables, walk
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.api import Program
from tensorprog.simulate.plan.references import Ref
from tensorprog.terms import App, Var

Member = tuple[str, tuple[int, ...]]
Kind = Literal["average", "draw", "coordinates", "law"]
MOST_QUANTITIES = 60


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of the limit and how a draw estimates it.

    average: the mean over all coordinates of a product of two vectors. draw: the product of scalars. coordinates: the
    mean over a few coordinates of a product of vectors. law: coordinate 1 itself, for its distribution.
    """

    kind: Kind
    members: tuple[Member, ...]
    scores: bool
    half: bool
    output: bool

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(member_text(name, index) for name, index in self.members)

    @property
    def refs(self) -> tuple[Ref, ...]:
        return tuple(Ref(name, index) for name, index in self.members)


def quantities(program: Program) -> tuple[list[Quantity], list[Quantity]]:
    """Return what to compare, and what is refused because its mean at finite width may be infinite.

    Means, second and fourth moments and laws of outputs; second moments of scores and of what they are made of.
    """
    facts = _Facts(program)
    out: dict[Quantity, None] = {}
    outputs = [Ref.of(o.ref, program) for o in program.outputs]
    for ref in outputs:
        out.update((q, None) for q in _of_output(ref, facts))
    wanted = facts.ancestors({r.name for r in outputs})
    families = [n for n in program.families if n in wanted and n not in {r.name for r in outputs}]
    scalars = [n for n in families if program.families[n].kind == "scalar" and not facts.unbounded(n)]
    vectors = [n for n in families if program.families[n].kind == "vector"]
    for name in scalars:
        out.update((q, None) for q in _pairs(name, facts, False))
    drawn = [n for n in program.families if n in wanted and n in facts.scores and not facts.unbounded(n)]
    for a, b in combinations([n for n in drawn if program.families[n].kind == "scalar"], 2):
        out.update((q, None) for q in _across(a, b, facts))
    for name in vectors:
        if not isinstance(program.families[name].pieces[0], Input) and not facts.dependent(name):
            out.update((q, None) for q in _pairs(name, facts, False))
    refused = [q for q in out if q.kind != "law" and any(facts.may_be_infinite(name) for name, _ in q.members)]
    return [q for q in out if q not in refused], refused


class _Facts:
    """What of the program decides the rate of its bias."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.reads = {name: {r.name for p in f.pieces for r, _ in program.references(p)}
                      for name, f in program.families.items()}  # fmt: skip
        self.scores = {n.name for n in program.nodes if self._is_score(n)}
        self.half = self._half_orders()
        self.towers: dict[str, int] = {}
        for node in program.nodes:
            below = max((self.towers[r.name] for r, _ in program.references(node)), default=0)
            own = below + self._grows_exponentially(node)
            self.towers[node.name] = max(own, self.towers.get(node.name, 0))

    def ancestors(self, names: set[str]) -> set[str]:
        found, todo = set(names), list(names)
        while todo:
            for parent in self.reads[todo.pop()] - found:
                found.add(parent)
                todo.append(parent)
        return found

    def dependent(self, name: str) -> bool:
        """Return whether it depends on scores."""
        return bool(self.ancestors({name}) & self.scores)

    def unbounded(self, name: str) -> bool:
        """Return whether this is a dot product that is not scaled to have a limit."""
        for node in self.program.families[name].pieces:
            if isinstance(node, Dot):
                power = width_power(node.factor, self.program.widths)
                if power is None or power[1] > -0.5:
                    return True
        return False

    def _is_score(self, node: Node) -> bool:
        if isinstance(node, Attention):
            power = width_power(node.scale, self.program.widths)
        elif isinstance(node, Dot):
            power = width_power(node.factor, self.program.widths)
        else:
            return False
        return power is not None and power[1] > -1

    def _half_orders(self) -> bool:
        """Return whether finite-width bias may be of order n^(-1/2).

        Not where flipping the sign of one set of matrices flips all scores and changes nothing else: odd powers of the
        scores' fluctuations then average to zero. So: no score side is used outside scores, and the matrices can be
        given two colours so that every score meets both (flip one colour). And no kinked function acts on scalars.
        """
        import networkx as nx

        graph = nx.Graph()
        side_names: set[str] = set()
        for node in self.program.nodes:
            if not self._is_score(node):
                continue
            left, right = (node.query, node.key) if isinstance(node, Attention) else (node.left, node.right)  # type: ignore[union-attr]
            if self._is_readout(left) or self._is_readout(right):
                continue
            makers = self._makers(left), self._makers(right)
            if not makers[0] or not makers[1]:
                return True
            graph.add_edges_from(product(*makers))
            side_names |= {left.name, right.name}
        for node in self.program.nodes:
            reads_side = any(r.name in side_names for r, _ in self.program.references(node))
            if reads_side and not self._is_score(node):
                return True
            if isinstance(node, MatMul) and node.weight.name in graph and node.name not in side_names:
                return True
        if not nx.is_bipartite(graph):
            return True
        return any(self._kink_on_scalars(n) for n in self.program.nodes)

    def may_be_infinite(self, name: str) -> bool:
        """An exponential of what comes from an exponential: a matrix times a lognormal vector has heavy tails at finite
        width, so that its exponential has no mean there, however light its limit."""
        return self.towers[name] >= 2

    def _grows_exponentially(self, node: Node) -> bool:
        if not isinstance(node, Nonlin | Moment):
            return False
        if not any(isinstance(t, App) and grows_exponentially(t.head) for t in walk(node.body)):
            return False
        from tensorprog.functions.decide.judge import judge

        names = list(dict.fromkeys(v.name for v in variables(node.body) if v.name in self.program.families))
        try:
            return not judge(node.body, names, {}).polynomially_bounded.proved
        except TensorProgError:
            return True

    def _is_readout(self, v: Var) -> bool:
        return any(isinstance(p, Input) for p in self.program.families[v.name].pieces)

    def _makers(self, v: Var) -> set[str]:
        return {p.weight.name for p in self.program.families[v.name].pieces if isinstance(p, MatMul)}

    def _kink_on_scalars(self, node: Node) -> bool:
        if not isinstance(node, Nonlin | Scalar | Moment):
            return False
        return any(
            isinstance(t, App)
            and t.head in library()
            and library()[t.head].kinked
            and any(isinstance(v, Var) and self.program.role(v.name) == "scalar" for v in walk(t))
            for t in walk(node.body)
        )


def _hull(ref: Ref) -> list[tuple[int, int]]:
    ranges = dict(ref.ranges)
    return [(s, s) if isinstance(s, int) else ranges[s] for s in ref.subs]


def _members(ref: Ref) -> Iterator[Member]:
    """Yield the first member, then one step along each axis, then a step along the last two."""
    box = _hull(ref)
    first = tuple(lo for lo, _ in box)
    yield (ref.name, first)
    for k in range(len(box) - 1, -1, -1):
        lo, hi = box[k]
        if hi > lo:
            yield (ref.name, (*first[:k], lo + 1, *first[k + 1 :]))


def untested(program: Program, tested: Collection[Quantity]) -> list[str]:
    """Return the outputs none of whose second moments is among the quantities."""
    found = {q.members[0] for q in tested if q.output and len(q.members) == 2}
    refs = [Ref.of(o.ref, program) for o in program.outputs]
    return [r.text for r in dict.fromkeys(refs) if next(_members(r)) not in found]


def _of_output(ref: Ref, facts: _Facts) -> Iterator[Quantity]:
    program = facts.program
    members = list(_members(ref))[:3]
    first = members[0]
    if program.families[ref.name].kind == "scalar":
        if facts.unbounded(ref.name):
            return
        yield from (_quantity("draw", (first,), facts, True),) if not _random(ref.name, facts) else ()
        for m in members:
            yield _quantity("draw", (first, m), facts, True)
        if _random(ref.name, facts):
            yield _quantity("draw", (first,) * 4, facts, True)
            yield _quantity("law", (first,), facts, True)
        return
    yield _quantity("coordinates", (first,), facts, True)
    for m in members:
        yield _quantity("average", (first, m), facts, True)
    yield _quantity("coordinates", (first,) * 4, facts, True)
    yield _quantity("law", (first,), facts, True)


def _random(name: str, facts: _Facts) -> bool:
    """Return whether the limit of a scalar is a random variable: whether it depends on scores, or is one."""
    return facts.dependent(name) or name in facts.scores


def _pairs(name: str, facts: _Facts, output: bool) -> Iterator[Quantity]:
    program = facts.program
    ref = Ref.of(Var(name), program)
    members = list(_members(ref))
    box = _hull(ref)
    kind: Kind = "draw" if program.families[name].kind == "scalar" else "average"
    if kind == "draw" and not _random(name, facts):
        yield _quantity("draw", (members[0],), facts, output)
        return
    small = [m for m in members[1:] if _members_along(m, members[0], box) <= 16][:3]
    for m in [members[0], *small]:
        yield _quantity(kind, (members[0], m), facts, output)
    if kind == "draw" and len(box) >= 2 and box[-1] == box[-2] and box[-1][1] > box[-1][0]:
        lead, lo = members[0][1][:-2], box[-1][0]
        yield _quantity(kind, ((name, (*lead, lo, lo + 1)), (name, (*lead, lo + 1, lo))), facts, output)


def _members_along(m: Member, first: Member, box: Sequence[tuple[int, int]]) -> int:
    """How many values the index has in which a member differs from the first; the last index always counts as few."""
    k = next(k for k in range(len(box)) if m[1][k] != first[1][k])
    return 1 if k == len(box) - 1 else box[k][1] - box[k][0] + 1


def _across(a: str, b: str, facts: _Facts) -> Iterator[Quantity]:
    """Pairs of members of two score families, straight and crosswise."""
    program = facts.program
    boxes = [_hull(Ref.of(Var(n), program)) for n in (a, b)]
    if len(boxes[0]) < 2 or boxes[0][-2:] != boxes[1][-2:] or boxes[0][-1][1] == boxes[0][-1][0]:
        first = [tuple(lo for lo, _ in box) for box in boxes]
        yield _quantity("draw", ((a, first[0]), (b, first[1])), facts, False)
        return
    leads = [tuple(lo for lo, _ in box[:-2]) for box in boxes]
    i, j = boxes[0][-2][0], boxes[0][-1][0] + 1
    yield _quantity("draw", ((a, (*leads[0], i, j)), (b, (*leads[1], i, j))), facts, False)
    if boxes[0][-1] == boxes[0][-2]:
        yield _quantity("draw", ((a, (*leads[0], i, j)), (b, (*leads[1], j, i))), facts, False)


def _quantity(kind: Kind, members: tuple[Member, ...], facts: _Facts, output: bool) -> Quantity:
    below = facts.ancestors({name for name, _ in members})
    depends = bool(below & facts.scores)
    return Quantity(kind, members, depends, facts.half and (depends or not facts.scores), output)
