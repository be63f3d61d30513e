"""Scalars that reach some vector."""

from __future__ import annotations

from tensorprog.kernel.ground.nodes import Dot, Scalar
from tensorprog.kernel.ground.program import Instructions


def scalars_inside(program: Instructions) -> set[str]:
    """Return the scalars that reach some vector: what is only an output, or computed for one, is not among them."""
    out: set[str] = set()
    for node in reversed(program.nodes):
        if not isinstance(node, Dot | Scalar) or node.name in out:
            for ref, _ in program.references(node):
                if program.families[ref.name].kind == "scalar":
                    out.add(ref.name)
    return out
