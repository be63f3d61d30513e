"""A case to be judged: the members that an output depends on, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from tensorprog.program.graph.graph import Program
from tensorprog.program.graph.indices import Pattern, uncovered
from tensorprog.program.graph.nodes import SCALAR_NODES, Dot, LinComb, MatMul, Moment, Node, Nonlin
from tensorprog.program.lowering.masks import allowed, masked_references
from tensorprog.program.normal.powers import MOMENT, SCORE, Powers, Use
from tensorprog.terms import Sub, Term, Var
from tensorprog.theorems.conditions.finding import Finding
from tensorprog.theorems.conditions.readouts import Readouts
from tensorprog.theorems.limits.at_limit import AtLimit
from tensorprog.theorems.limits.limits import Limits
from tensorprog.theorems.limits.variance import Variances
from tensorprog.theorems.vectors.nonlinearities import Nonlinearities
from tensorprog.theorems.vectors.spans import Spans

MANY_PATTERNS = 48


class Shared:
    """What all outputs of a program share: powers of n, and facts about functions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.powers = Powers(program)
        self.functions = Nonlinearities(program)
        self.signs = Variances(program, self.functions)
        self.limits = Limits(program, self.functions, self.signs, self.powers)
        self.at_limit = AtLimit(program, self.limits, self.functions.assumptions)
        self.spans = Spans(program)
        self.near: dict[Any, Any] = {}
        self._references: dict[int, list[tuple[Var, tuple[str, ...], Term | None]]] = {}

    def masked_references(self, node: Node) -> list[tuple[Var, tuple[str, ...], Term | None]]:
        """What the node reads, with the mask under which it does."""
        if id(node) not in self._references:
            self._references[id(node)] = masked_references(self.program, node)
        return self._references[id(node)]

    @cached_property
    def reading_scalars(self) -> set[int]:
        """Functions that depend, through names, on some scalar."""
        out: set[int] = set()
        for node in self.program.nodes:
            if isinstance(node, LinComb | Nonlin | Moment):
                for ref, _ in self.program.references(node):
                    scalar = self.program.families[ref.name].kind == "scalar"
                    if scalar or any(id(n) in out for n, _ in self.program.resolve(ref)):
                        out.add(id(node))
                        break
        return out


class Case:
    """One output (or several roots) of a normalized program with its ancestors, member by member but in patterns."""

    def __init__(self, shared: Shared, roots: Sequence[Var], members: Sequence[tuple[Node, Pattern]] = ()) -> None:
        self.shared = shared
        self.program = shared.program
        self.powers = shared.powers
        self.functions = shared.functions
        self.signs = shared.signs
        self.roots = tuple(roots)
        self.demand: dict[int, list[Pattern]] = {}
        self.findings: dict[Callable[[Case], Finding], Finding] = {}
        for root in self.roots:
            self._need(self._whole(root), {})
        for target, used in members:
            self._add(target, used)
        for node in reversed(self.program.nodes):
            for pattern in list(self.demand.get(id(node), ())):
                for ref, bound, mask in shared.masked_references(node):
                    for target, used in self._reached(node, pattern, ref, bound, mask):
                        self._add(target, used)
        self.nodes = [node for node in self.program.nodes if id(node) in self.demand]

    def _whole(self, root: Var) -> Var:
        if root.subs or not self.program.families[root.name].arity:
            return root
        return Var(root.name, tuple(f"#{k}" for k in range(self.program.families[root.name].arity)))

    def _need(self, ref: Var, ranges: dict[str, tuple[int, int]]) -> None:
        if any(isinstance(s, str) and s.startswith("#") and s not in ranges for s in ref.subs):
            for node in self.program.families[ref.name].pieces:
                self._add(node, self.box(node))
            return
        for node, pattern in self.program.resolve(ref, ranges or None):
            self._add(node, pattern)

    def box(self, node: Node) -> Pattern:
        """All members of a node."""
        axes = [s for s in node.subs if isinstance(s, str)]
        return Pattern.of(axes, self.program.indices)

    def _reached(
        self, node: Node, pattern: Pattern, ref: Var, bound: tuple[str, ...], mask: Term | None = None
    ) -> list[tuple[Node, Pattern]]:
        """What these members of a node read through one of its references."""
        if not ref.subs:
            return self.program.resolve(ref)
        axes = [s for s in node.subs if isinstance(s, str)]
        at: dict[str, Sub] = {**dict(zip(axes, pattern.slots, strict=True)), **{j: j for j in bound}}
        boxes = [dict(pattern.ranges) | {j: self.program.range_of(j) for j in bound}]
        apart = pattern.pair
        if mask is not None:
            boxes, differ = allowed(mask, at, boxes[0])
            apart = apart or differ
        subs = tuple(s if isinstance(s, int) else at.get(s, s) for s in ref.subs)
        found = [f for box in boxes for f in self.program.resolve(Var(ref.name, subs, ref.place), box or None)]
        if apart is None:
            return found
        return [(target, p) for target, used in found for p in kept_apart(target, used, subs, *apart)]

    def reached(self, node: Node, ref: Var, bound: tuple[str, ...] = ()) -> Iterator[tuple[Node, Pattern]]:
        """What the members of a node that the case asks for read through one of its references."""
        for pattern in self.demand[id(node)]:
            yield from self._reached(node, pattern, ref, bound)

    def _add(self, node: Node, pattern: Pattern) -> None:
        have = self.demand.setdefault(id(node), [])
        if pattern in have or (have and uncovered(pattern, have) is None):
            return
        have.append(pattern)
        if len(have) > MANY_PATTERNS:
            have[:] = [self.box(node)]

    # -- what the case contains ----------------------------------------------------------------------------------

    @cached_property
    def uses(self) -> list[Use]:
        """Every entry of a scalar into a function, a vector or an output."""
        out = [u for node in self.nodes for u in self.powers.by_user.get(id(node), ())]
        return out + [u for root in self.roots for u in self.powers.of_output(root)]

    @cached_property
    def dots(self) -> list[Dot]:
        return [node for node in self.nodes if isinstance(node, Dot)]

    @cached_property
    def readings(self) -> Readouts:
        """Dot products with an initial vector, scaled like scores: which side is the readout vector, and whether."""
        return Readouts(self)

    @property
    def readouts(self) -> list[Dot]:
        return self.readings.dots

    @cached_property
    def plain(self) -> list[Dot]:
        """Readouts that are put out, alone or in sums with constant coefficients, and enter nothing else."""
        entering = self.powers.entering(self.nodes)
        return [d for d in self.readouts if id(d) not in entering]

    @cached_property
    def readout_scores(self) -> list[Dot]:
        """Readouts that enter functions or vectors: they are scores with a law of their own."""
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
        """Is any instruction of the case a scalar?"""
        return any(isinstance(n, SCALAR_NODES) for n in self.nodes)

    @cached_property
    def score_dependent(self) -> set[int]:
        """Nodes that depend on some score of the case, readout scores among them."""
        return self.above([*self.scores, *self.readout_scores])

    def above(self, dots: Sequence[Dot]) -> set[int]:
        """These dot products and the nodes that depend on one of them."""
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
        """What these readouts read, with its ancestors."""
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


def kept_apart(target: Node, used: Pattern, subs: tuple[Sub, ...], a: Sub, b: Sub) -> list[Pattern]:
    """The members of a definition that a reference touches, where two subscripts (values or variables) differ."""
    axes = [k for k, s in enumerate(target.subs) if isinstance(s, str)]

    def place(s: Sub) -> Sub | None:
        """A value, or the position in the pattern as text."""
        if isinstance(s, int):
            return s
        if s not in subs:
            return None
        left = target.subs[subs.index(s)]
        return left if isinstance(left, int) else str(axes.index(subs.index(s)))

    match place(a), place(b):
        case (None, _) | (_, None):
            return [used]
        case int(v), int(w):
            return [] if v == w else [used]
        case (int(v), str(k)) | (str(k), int(v)):
            return used.without(int(k), v)
        case str(k), str(m):
            return used.separated(int(k), int(m))
    raise AssertionError(used)


__all__ = ["SCORE", "Case", "Shared"]
