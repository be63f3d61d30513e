"""How a program comes to be: instructions are appended one by one, and each member is defined once."""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.nodes import SCALAR_NODES, Attention, Family, Input, Kind, MatMul, Node
from tensorprog.kernel.ground.program import Instructions


class Growing(Instructions):
    """A program to which instructions can be added."""

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

    def box(self, node: Node) -> tuple[Range, ...]:
        return tuple((s, s) if isinstance(s, int) else self.indices[s] for s in node.subs)

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
        """Return whether a family of this name, if there is one, has this kind, width and number of indices."""
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


def node_kind(node: Node) -> Kind:
    """Return whether the node's value is a vector or a scalar."""
    return "scalar" if isinstance(node, SCALAR_NODES) else "vector"


def _overlap(a: Sequence[Range], b: Sequence[Range]) -> bool:
    return all(x[0] <= y[1] and y[0] <= x[1] for x, y in zip(a, b, strict=True))
