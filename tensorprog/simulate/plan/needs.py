"""What of each instruction a simulation needs: nothing, a few coordinates, or the whole vector.

A vector is needed whole ("body") where something sums over its coordinates: a dot product, an average, a matrix.
A vector that is only looked at needs the few coordinates that are asked for, and so do its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tensorprog.kernel.ground.nodes import (
    Attention,
    Dot,
    Input,
    InputGroup,
    LinComb,
    MatMul,
    Moment,
    Node,
    Nonlin,
    Scalar,
)
from tensorprog.program.api import Program
from tensorprog.program.graph.linear import Part, linear_parts
from tensorprog.simulate.plan.references import Ref, pieces


@dataclass(slots=True)
class Need:
    """pinned: the first coordinates are read; body: the whole vector is summed over; value: a scalar is read."""

    pinned: bool = False
    body: bool = False
    value: bool = False

    def __bool__(self) -> bool:
        return self.pinned or self.body or self.value


@dataclass(frozen=True)
class Uses:
    """The instructions of a program by number, with what each reads."""

    program: Program
    nodes: Sequence[Node]
    number: dict[int, int]
    vectors: list[list[tuple[Ref, tuple[str, ...]]]] = field(default_factory=list)
    scalars: list[list[Ref]] = field(default_factory=list)
    linear: list[tuple[Part, ...] | None] = field(default_factory=list)
    found: dict[Ref, list[int]] = field(default_factory=dict)

    @staticmethod
    def of(program: Program) -> Uses:
        nodes = tuple(program.nodes)
        uses = Uses(program, nodes, {id(node): k for k, node in enumerate(nodes)})
        for node in nodes:
            vectors: list[tuple[Ref, tuple[str, ...]]] = []
            scalars: list[tuple[Ref, tuple[str, ...]]] = []
            for v, bound in program.references(node):
                (vectors if program.role(v.name) == "vector" else scalars).append((Ref.of(v, program), bound))
            linear = linear_parts(node.body, program) if isinstance(node, LinComb | Nonlin) else None
            if linear is not None:
                vectors = [(Ref.of(p.vector, program), p.bound) for p in linear]
            uses.vectors.append(vectors)
            uses.scalars.append([r for r, _ in scalars])
            uses.linear.append(linear)
        return uses

    def group(self, first: str) -> InputGroup:
        """Return the group of inputs with this first name."""
        return next(g for g in self.program.groups if g.names[0] == first)

    def pieces(self, ref: Ref) -> list[int]:
        if ref not in self.found:
            self.found[ref] = pieces(ref, self.program, self.number)
        return self.found[ref]


def needs(uses: Uses, looked_at: Sequence[Ref], summed: Sequence[Ref]) -> list[Need]:
    """Backwards through the instructions: `looked_at` are wanted by coordinates, `summed` in dot products."""
    out = [Need() for _ in uses.nodes]

    def ask(ref: Ref, pinned: bool = False, body: bool = False) -> None:
        scalar = uses.program.role(ref.name) == "scalar"
        for k in uses.pieces(ref):
            out[k].value |= scalar
            out[k].pinned |= pinned and not scalar
            out[k].body |= body and not scalar

    for ref in looked_at:
        ask(ref, pinned=True)
    for ref in summed:
        ask(ref, body=True)
    for k in range(len(uses.nodes) - 1, -1, -1):
        need = out[k]
        if not need:
            continue
        for ref in uses.scalars[k]:
            ask(ref)
        match uses.nodes[k]:
            case Input() | Scalar():
                pass
            case MatMul() | Dot() | Moment():
                for ref, _ in uses.vectors[k]:
                    ask(ref, body=True)
            case Attention(query=q, key=key):
                ask(Ref.of(q, uses.program), body=True)
                ask(Ref.of(key, uses.program), body=True)
                ask(uses.vectors[k][2][0], need.pinned, need.body)
            case _:
                for ref, _ in uses.vectors[k]:
                    ask(ref, need.pinned, need.body)
    _share(uses, out)
    return out


def _share(uses: Uses, out: list[Need]) -> None:
    """Reveal products of one matrix together: if one is needed whole, or the transpose is applied, all are.

    Inputs of a joint Gaussian group are drawn together.
    """
    by_weight: dict[str, list[int]] = {}
    by_group: dict[int, list[int]] = {}
    for k, node in enumerate(uses.nodes):
        if isinstance(node, MatMul) and out[k]:
            by_weight.setdefault(node.weight.name, []).append(k)
        elif isinstance(node, Input):
            by_group.setdefault(id(node.group), []).append(k)
    for matmuls in by_weight.values():
        directions = {getattr(uses.nodes[k], "transposed", False) for k in matmuls}
        if len(directions) == 2 or any(out[k].body for k in matmuls):
            for k in matmuls:
                out[k].body = True
    for inputs in by_group.values():
        need = Need(*(any(getattr(out[k], f) for k in inputs) for f in ("pinned", "body", "value")))
        for k in inputs:
            out[k] = need
