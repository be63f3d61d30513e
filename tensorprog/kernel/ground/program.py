"""A program as data: declarations, instructions in order, and exactly who defines which member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from tensorprog.kernel.ground.indices import Pattern, Range, length, match, use_pattern
from tensorprog.kernel.ground.nodes import (
    SCALAR_NODES,
    Attention,
    Claim,
    Dot,
    Family,
    Input,
    InputGroup,
    Kind,
    MatMul,
    Matrix,
    Node,
    Output,
    Param,
    Weight,
)
from tensorprog.kernel.ground.term import Bind, Sub, Term, Var, children


class Instructions:
    """Declarations, instructions in order, outputs and claims."""

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

    def role(self, name: str) -> str | None:
        """What a name stands for: width, index, param, matrix, weight, vector, scalar, or nothing."""
        if name in self.families:
            return self.families[name].kind
        for role, table in (
            ("index", self.indices),
            ("param", self.params),
            ("matrix", self.matrices),
            ("weight", self.weights),
            ("width", self.widths),
        ):
            if name in table:
                return role
        return None

    def range_of(self, index: str) -> Range:
        """The range of an index name; names made when a binder was renamed (j~) have their origin's range."""
        return self.indices[index.rstrip("~'")]

    def ranges(self, names: Iterable[Sub]) -> dict[str, Range]:
        return {s: self.range_of(s) for s in names if isinstance(s, str)}

    def box(self, node: Node) -> tuple[Range, ...]:
        return tuple((s, s) if isinstance(s, int) else self.indices[s] for s in node.subs)

    # -- instructions --------------------------------------------------------------------------------------------

    def clash(self, node: Node) -> Node | None:
        """An instruction that defines a member which this one would define too."""
        family = self.families.get(node.name)
        if family is None:
            return None
        box, fixed, free, constants = self._shape(node)
        if (same := family.by_constants.get((fixed, free), {}).get(constants)) is not None:
            return same
        for key, pieces in family.by_constants.items():
            if key != (fixed, free):
                other = next((p for p in pieces.values() if _overlap(box, self.box(p))), None)
                if other is not None:
                    return other
        return None

    def put(self, node: Node) -> None:
        """Append one instruction, which fits its family and clashes with none."""
        kind: Kind = node_kind(node)
        family = self.families.get(node.name)
        if family is None:
            width = None if kind == "scalar" else self.width_of(node)
            family = self.families[node.name] = Family(node.name, kind, width, len(node.subs))
        box, fixed, free, constants = self._shape(node)
        family.by_constants.setdefault((fixed, free), {})[constants] = node
        family.pieces.append(node)
        family.boxes.append(box)
        self.nodes.append(node)

    def fits(self, node: Node) -> bool:
        """Has the family of this name, if there is one, this kind, this width and this number of indices?"""
        family = self.families.get(node.name)
        if family is None:
            return True
        kind: Kind = node_kind(node)
        width = None if kind == "scalar" else self.width_of(node)
        return (family.arity, family.kind, family.width) == (len(node.subs), kind, width)

    def _shape(self, node: Node) -> tuple[tuple[Range, ...], tuple[int, ...], tuple[Range, ...], tuple[int, ...]]:
        """The box of its members, the positions of constants, the ranges of the others, the constants."""
        box = self.box(node)
        fixed = tuple(k for k, s in enumerate(node.subs) if isinstance(s, int))
        free = tuple(r for k, r in enumerate(box) if k not in fixed)
        return box, fixed, free, tuple(s for s in node.subs if isinstance(s, int))

    def width_of(self, node: Node) -> str:
        match node:
            case Input(group=group):
                return group.width
            case MatMul(weight=weight, transposed=transposed):
                w = self.weights[weight.name]
                return w.cols if transposed else w.rows
            case Attention(value=value):
                return self.families[value.name].width or "n"
            case _:
                refs = [r for r, _ in self.references(node) if self.families[r.name].kind == "vector"]
                return self.families[refs[0].name].width or "n"

    # -- who refers to whom --------------------------------------------------------------------------------------

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

    def references_in(self, t: Term, bound: tuple[str, ...] = ()) -> list[tuple[Var, tuple[str, ...]]]:
        out: dict[tuple[Var, tuple[str, ...]], None] = {}
        stack: list[tuple[Term, tuple[str, ...]]] = [(t, bound)]
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
        """Does `ref` touch a member that no instruction defines so far? Pieces are disjoint, so counting decides."""
        where = {**self.indices, **self.ranges(ref.subs)}
        names = dict.fromkeys(s for s in ref.subs if isinstance(s, str))
        total = _count(names, where)
        found = 0
        for node in self._candidates(self.families[ref.name], ref):
            bound = match(node.subs, ref.subs, where)
            if bound is not None:
                found += _count(names, bound)
        return found != total


def node_kind(node: Node) -> Kind:
    """Is the node's value a vector or a scalar?"""
    return "scalar" if isinstance(node, SCALAR_NODES) else "vector"


def member_text(name: str, subs: Sequence[Sub]) -> str:
    """x[1,i], or x without subscripts."""
    return f"{name}[{','.join(map(str, subs))}]" if subs else name


def _overlap(a: Sequence[Range], b: Sequence[Range]) -> bool:
    return all(x[0] <= y[1] and y[0] <= x[1] for x, y in zip(a, b, strict=True))


def volume(box: Iterable[Range]) -> int:
    out = 1
    for r in box:
        out *= length(r)
    return out


def _count(names: Iterable[str], ranges: Mapping[str, Range]) -> int:
    return volume(ranges[k] for k in names)
