"""What is asked of a program again and again, computed once: its normal form, powers of n, scores, opened functions."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NoReturn

from tensorprog.kernel.ground.nodes import Family
from tensorprog.kernel.ground.powers import Powers
from tensorprog.program.graph.graph import Graph
from tensorprog.program.normal.normalize import normalize
from tensorprog.program.normal.open import MemberComposer


class Analysis(Graph):
    """A program in its normal form, which nothing changes any more, with what follows from it.

    Programs have one, `program.analysis`; whoever judges, derives or writes proofs asks for it. The kernel does not:
    it makes the normal form by itself.
    """

    def __init__(self, program: Graph) -> None:
        super().__init__(program.name, program.limits)
        normal = normalize(program)
        vars(self).update(normal.content())  # a normal form may be the program itself, which can still grow
        self.families = {name: _copied(f) for name, f in normal.families.items()}
        self.kept: dict[str, Any] = {}
        """What higher floors make of the program once."""

    @property
    def analysis(self) -> Analysis:
        """Itself: a normal form is its own."""
        return self

    @cached_property
    def powers(self) -> Powers:
        """The powers of n with which scalars are used."""
        return Powers(self)

    @cached_property
    def scores(self) -> frozenset[str]:
        """The names of the dot products that are scores or readouts somewhere."""
        return frozenset(node.name for node in self.nodes if self.powers.is_score(node))

    @cached_property
    def dependent(self) -> frozenset[str]:
        """The names of all families that depend on scores, these included."""
        out = set(self.scores)
        for node in self.nodes:
            if any(r.name in out for r, _ in self.references(node)):
                out.add(node.name)
        return frozenset(out)

    @cached_property
    def opened(self) -> MemberComposer:
        """Functions composed down to inputs, MatMuls, dot products and moments."""
        return MemberComposer(self)

    def _refused(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a normal form is not changed: change the program, and ask for its analysis again")

    append = add_output = add_width = add_index = add_param = add_matrix = add_weight = add_input = _refused


def _copied(f: Family) -> Family:
    by_constants = {key: pieces.copy() for key, pieces in f.by_constants.items()}
    return Family(f.name, f.kind, f.width, f.arity, f.pieces.copy(), f.boxes.copy(), by_constants)
