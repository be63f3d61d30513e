"""A case to be judged: the members that an output depends on, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from tensorprog.kernel.ground.indices import Pattern
from tensorprog.kernel.ground.nodes import SCALAR_NODES, Dot, MatMul, Moment, Node
from tensorprog.kernel.ground.powers import MOMENT, Use
from tensorprog.program.normal.entering import entering
from tensorprog.terms import Var
from tensorprog.theorems.conditions.ancestors import Ancestors, Shared
from tensorprog.theorems.conditions.finding import Finding
from tensorprog.theorems.conditions.readouts import Readouts


class Case(Ancestors):
    """One output (or several roots) of a normalized program with its ancestors, member by member but in patterns."""

    def __init__(self, shared: Shared, roots: Sequence[Var], members: Sequence[tuple[Node, Pattern]] = ()) -> None:
        super().__init__(shared, roots, members)
        self.findings: dict[Callable[[Case], Finding], Finding] = {}

    # -- what the case contains ----------------------------------------------------------------------------------

    @cached_property
    def uses(self) -> list[Use]:
        """Every entry of a scalar into a function, a vector or an output."""
        out = [u for node in self.nodes for u in self.powers.by_user.get(id(node), ())]
        return out + [u for root in self.roots for u in self.powers.of_output(root)]

    @cached_property
    def readings(self) -> Readouts:
        """Dot products with an initial vector, scaled like scores: which side is the readout vector, and whether."""
        return Readouts(self)

    @property
    def readouts(self) -> list[Dot]:
        return self.readings.dots

    @cached_property
    def plain(self) -> list[Dot]:
        """Readouts that are outputs, alone or in sums with constant coefficients, and enter nothing else."""
        inside = entering(self.powers, self.nodes)
        return [d for d in self.readouts if id(d) not in inside]

    @cached_property
    def readout_scores(self) -> list[Dot]:
        """Readouts that enter functions or vectors: they are scores, with the law that readouts have."""
        plain = {id(d) for d in self.plain}
        return [d for d in self.readouts if id(d) not in plain]

    @cached_property
    def scores(self) -> list[Dot]:
        """Dot products scaled like scores that no initial vector is a side of."""
        readouts = {id(d) for d in self.readouts}
        return [d for d in self.dots if self.powers.is_score(d) and id(d) not in readouts]

    @cached_property
    def moments(self) -> list[Node]:
        """Moments, and dot products that are moments."""
        return [
            n
            for n in self.nodes
            if isinstance(n, Moment) or (isinstance(n, Dot) and MOMENT in self.powers.dot_powers.get(id(n), ()))
        ]

    @cached_property
    def matmuls(self) -> list[MatMul]:
        return [node for node in self.nodes if isinstance(node, MatMul)]

    @cached_property
    def consumed(self) -> list[Node]:
        """The vectors whose functions matter: arguments of MatMuls and of dot products, and the outputs."""
        out: dict[int, Node] = {}
        for node in self.nodes:
            refs = [node.arg] if isinstance(node, MatMul) else [node.left, node.right] if isinstance(node, Dot) else []
            for ref in refs:
                out |= {id(n): n for n, _ in self.program.resolve(ref) if id(n) in self.demand}
        for root in self.roots:
            whole = not root.subs
            pieces = self.program.families[root.name].pieces if whole else [n for n, _ in self.program.resolve(root)]
            out |= {id(n): n for n in pieces if id(n) in self.demand}
        return list(out.values())

    @cached_property
    def has_scalars(self) -> bool:
        """Whether any instruction of the case is a scalar."""
        return any(isinstance(n, SCALAR_NODES) for n in self.nodes)

    @cached_property
    def score_dependent(self) -> set[int]:
        """Nodes that depend on some score of the case, readout scores among them."""
        return self.above([*self.scores, *self.readout_scores])

    def above(self, dots: Sequence[Dot]) -> set[int]:
        """Return these dot products and the nodes that depend on one of them."""
        out: set[int] = set()
        names: dict[str, bool] = {}
        scores = {id(d) for d in dots}
        for node in self.nodes:
            hit = id(node) in scores
            for ref, _ in self.program.references(node):
                if hit:
                    break
                if names.get(ref.name):
                    hit = any(id(source) in out for source, _ in self.program.resolve(ref))
            if hit:
                out.add(id(node))
                names[node.name] = True
        return out

    def read_by(self, dots: Sequence[Dot]) -> Case:
        """Return what these readouts read, with its ancestors."""
        return Case(self.shared, (), [m for d in dots for m in self.reached(d, self.readings.read(d))])

    def depends_on_score(self, ref: Var) -> bool:
        return any(id(node) in self.score_dependent for node, _ in self.program.resolve(ref))

    def sides(self, d: Dot) -> list[tuple[Var, Node, list[Pattern]]]:
        """(reference, node that defines it, members used) for both sides of a dot product, over demanded members."""
        out = []
        for ref in (d.left, d.right):
            found: dict[int, tuple[Node, list[Pattern]]] = {}
            for node, used in self.reached(d, ref):
                found.setdefault(id(node), (node, []))[1].append(used)
            out += [(ref, node, used) for node, used in found.values()]
        return out
