"""Members of families: which instruction defines one, and the values of that instruction's indices there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorprog.kernel.ground.nodes import Input, MatMul, Node
from tensorprog.program.graph.constants import at_indices
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import Term, Var


@dataclass(frozen=True, eq=False, slots=True)
class Member:
    """One member of a family: its instruction and the values of that instruction's indices."""

    node: Node
    at: tuple[int, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self.node is other.node and self.at == other.at

    def __hash__(self) -> int:
        return hash((id(self.node), self.at))

    @property
    def env(self) -> dict[str, int]:
        return dict(zip((s for s in self.node.subs if isinstance(s, str)), self.at, strict=True))

    @property
    def ref(self) -> Var:
        """The member by its name."""
        return Var(self.node.name, tuple(s if isinstance(s, int) else self.env[s] for s in self.node.subs))


def member_of(program: Graph, ref: Var, env: Mapping[str, int]) -> Member:
    """Return the member that a reference names at these values of the indices."""
    subs = tuple(env[s] if isinstance(s, str) else s for s in ref.subs)
    ((node, pattern),) = program.resolve(Var(ref.name, subs))
    return Member(node, pattern.first())


def covariance(program: Graph, a: Member, b: Member) -> Term:
    """Return the covariance of two members of one group of initial vectors."""
    assert isinstance(a.node, Input)
    assert isinstance(b.node, Input)
    env = a.env | {s + "'": v for s, v in b.env.items()}
    return at_indices(a.node.group.cov[a.node.position][b.node.position], env, program)


def order(m: Member) -> tuple[str, tuple[int, ...], str]:
    """Return a key to sort members by."""
    return m.node.name, m.at, str(m.node.subs)


def matrix_of(m: Member) -> tuple[int, ...]:
    """Return the subscripts of the matrix that makes this product."""
    assert isinstance(m.node, MatMul)
    env = m.env
    return tuple(s if isinstance(s, int) else env[s] for s in m.node.weight.subs)
