"""A program as data: declarations, instructions in order, and exactly who defines which member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from tensorprog.kernel.ground.indices import Pattern, Range, length, match, use_pattern
from tensorprog.kernel.ground.nodes import (
    Attention,
    Claim,
    Dot,
    Family,
    Input,
    InputGroup,
    MatMul,
    Matrix,
    Node,
    Output,
    Param,
    Weight,
)
from tensorprog.kernel.ground.term import Bind, Sub, Term, Var, children


class Instructions:
    """Declarations, instructions in order, outputs and claims; `growing` has how instructions are put in."""

    def __init__(self, name: str = "program") -> None:
        self.name = name
        self.widths: dict[str, Fraction] = {"n": Fraction(1)}
        self.indices: dict[str, Range] = {}
        self.params: dict[str, Param] = {}
        self.matrices: dict[str, Matrix] = {}
        self.weights: dict[str, Weight] = {}
        self.groups: list[InputGroup] = []
        self.families: dict[str, Family] = {}
        self.nodes: list[Node] = []
        self.outputs: list[Output] = []
        self.claims: list[Claim] = []

    def range_of(self, index: str) -> Range:
        """The range of an index name; names made when a binder was renamed (j~) have their origin's range."""
        return self.indices[index.rstrip("~'")]

    def ranges(self, names: Iterable[Sub]) -> dict[str, Range]:
        return {s: self.range_of(s) for s in names if isinstance(s, str)}

    def references(self, node: Node) -> list[tuple[Var, tuple[str, ...]]]:
        """Every vector or scalar that the node reads, with the indices that are bound around it."""
        match node:
            case Input():
                return []
            case MatMul(arg=arg):
                return [(arg, ())]
            case Dot(left=left, right=right):
                return [(left, ()), (right, ())]
            case Attention(query=q, key=k, value=v, over=over):
                return [(q, over), (k, over), (v, over)]
            case _:
                return self.references_in(node.body)

    def references_in(self, t: Term) -> list[tuple[Var, tuple[str, ...]]]:
        out: dict[tuple[Var, tuple[str, ...]], None] = {}
        stack: list[tuple[Term, tuple[str, ...]]] = [(t, ())]
        while stack:
            top, inside = stack.pop()
            if isinstance(top, Var):
                if top.name in self.families:
                    out[(top, inside)] = None
                continue
            if isinstance(top, Bind):
                inside = (*inside, *(i for i in top.over if i not in inside))
            stack.extend((c, inside) for c in reversed(children(top)))
        return list(out)

    def resolve(self, ref: Var, ranges: Mapping[str, Range] | None = None) -> list[tuple[Node, Pattern]]:
        """The nodes that define the members which `ref` touches, with the set of members touched (over node axes)."""
        family = self.families[ref.name]
        where = {**self.indices, **(self.ranges(ref.subs) if ranges is None else ranges)}
        out = []
        for node in self._candidates(family, ref):
            pattern = use_pattern(node.subs, ref.subs, where)
            if pattern is not None:
                out.append((node, pattern))
        return out

    @staticmethod
    def _candidates(family: Family, ref: Var) -> Iterable[Node]:
        for (fixed, _), pieces in family.by_constants.items():
            wanted = tuple(ref.subs[k] for k in fixed)
            if all(isinstance(s, int) for s in wanted):
                node = pieces.get(wanted)  # type: ignore[arg-type]
                if node is not None:
                    yield node
            else:
                yield from pieces.values()

    def missing(self, ref: Var) -> bool:
        """Return whether `ref` touches a member not yet defined. Pieces are disjoint, so counting decides."""
        where = {**self.indices, **self.ranges(ref.subs)}
        names = dict.fromkeys(s for s in ref.subs if isinstance(s, str))
        total = _count(names, where)
        found = 0
        for node in self._candidates(self.families[ref.name], ref):
            bound = match(node.subs, ref.subs, where)
            if bound is not None:
                found += _count(names, bound)
        return found != total


def volume(box: Iterable[Range]) -> int:
    out = 1
    for r in box:
        out *= length(r)
    return out


def _count(names: Iterable[str], ranges: Mapping[str, Range]) -> int:
    return volume(ranges[k] for k in names)
