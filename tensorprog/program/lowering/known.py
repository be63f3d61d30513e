"""Equal instructions are one: a table of those made so far, blind to the names of free indices."""

from __future__ import annotations

from tensorprog.kernel.ground.nodes import Attention, Dot, Input, MatMul, Node
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import children, shift_subs
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import Bind, Sub, Term, Var


class Known:
    """Instructions by content."""

    def __init__(self, program: Graph) -> None:
        self.program = program
        self._table: dict[object, tuple[Node, tuple[str, ...]]] = {}

    def _key(self, node: Node) -> tuple[object, tuple[str, ...]]:
        """Return the instruction up to names of free indices, and those names in order of first use."""
        match node:
            case MatMul(weight=w, transposed=tr, arg=x):
                terms: tuple[Term | None, ...] = (w, x)
                extra: object = tr
            case Dot(left=u, right=v, factor=f):
                terms, extra = (u, v, f), None
            case Attention(query=q, key=k, value=v, scale=s, mask=m, over=over):
                terms, extra = (q, k, v, s, m), over
            case _:
                terms, extra = (node.body,), None  # type: ignore[union-attr]
        bound = extra if isinstance(node, Attention) else ()
        names = [i for t in terms if t is not None for i in free_indices(self.program, t) if i not in bound]  # type: ignore[operator]
        free = tuple(dict.fromkeys(names))
        mapping: dict[str, Sub] = {i: f"@{k}" for k, i in enumerate(free)}
        shifted = tuple(None if t is None else shift_subs(t, mapping) for t in terms) if mapping else terms
        return (type(node), shifted, extra, tuple(self.program.range_of(i) for i in free)), free

    def lookup(self, node: Node) -> Var | None:
        key, free = self._key(node)
        found = self._table.get(key)
        if found is None:
            return None
        known, names = found
        back = dict(zip(names, free, strict=True))
        return Var(known.name, tuple(back[s] if isinstance(s, str) else s for s in known.subs), node.place)

    def note(self, node: Node) -> None:
        """Remember an instruction that was made elsewhere."""
        if not isinstance(node, Input):
            self.remember(node)

    def remember(self, node: Node) -> None:
        key, free = self._key(node)
        if all(s in free for s in node.subs if isinstance(s, str)):
            self._table.setdefault(key, (node, free))


def free_indices(program: Instructions, t: Term) -> list[str]:
    """Return the index names that a term is a family over: those bound nowhere around their use."""
    out: dict[str, None] = {}
    stack: list[tuple[Term, tuple[str, ...]]] = [(t, ())]
    while stack:
        top, bound = stack.pop()
        if isinstance(top, Var):
            for s in top.subs or (top.name,):
                if isinstance(s, str) and s.rstrip("~'") in program.indices and s not in bound:
                    out[s] = None
        elif isinstance(top, Bind) and top.head == "softmax" and len(top.args) == 1:
            stack += [(c, bound) for c in children(top)]  # its entry is the one at the free index
        elif isinstance(top, Bind):
            stack += [(c, (*bound, *top.over)) for c in (top.args[0], *(() if top.mask is None else (top.mask,)))]
            stack += [(c, bound) for c in top.args[1:]]
        else:
            stack += [(c, bound) for c in reversed(children(top))]
    return list(out)
