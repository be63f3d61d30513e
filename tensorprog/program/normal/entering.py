"""Which scalars enter a function or a vector, and not only sums with constants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tensorprog.kernel.ground.nodes import Node, Scalar
from tensorprog.kernel.ground.powers import Powers
from tensorprog.terms import Var


def entering(powers: Powers, nodes: Iterable[Node]) -> set[int]:
    """Return the scalars that enter a function or a vector in one of these nodes, not only sums with constants."""
    out = {id(u.source) for node in nodes for u in powers.by_user.get(id(node), ())}
    for node in nodes:
        if isinstance(node, Scalar):
            products = [refs for refs, _, functions in powers.monomials(node.body) if len(refs) > 1 or functions]
            out |= {id(d) for refs in products for ref in refs for d in _inside(powers, ref)}
    return out


def _inside(powers: Powers, ref: Var) -> Iterator[Node]:
    """Yield the dot products and moments that a scalar is made of."""
    stack = [node for node, _ in powers.program.resolve(ref)]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Scalar):
            stack += [n for r, _ in powers.program.references(node) for n, _ in powers.program.resolve(r)]
        else:
            yield node
