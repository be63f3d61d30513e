"""The members that an output depends on, in patterns, and what all outputs of a program share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

from tensorprog.kernel.ground.indices import Pattern, uncovered
from tensorprog.kernel.ground.nodes import Dot, LinComb, Moment, Node, Nonlin
from tensorprog.program.graph.apart import differing, separated, without
from tensorprog.program.lowering.masks import allowed, masked_references
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import Sub, Term, Var
from tensorprog.theorems.limits.at_limit import AtLimit
from tensorprog.theorems.limits.limits import Limits
from tensorprog.theorems.vectors.nonlinearities import Nonlinearities
from tensorprog.theorems.vectors.spans import Spans


class Shared:
    """What all outputs of a program share: powers of n, and facts about functions."""

    def __init__(self, program: Analysis) -> None:
        self.program = program
        self.powers = program.powers
        self.functions = Nonlinearities(program)
        self.limits = Limits(program, self.functions, self.powers)
        self.at_limit = AtLimit(program, self.limits, self.functions.assumptions)
        self.spans = Spans(program)
        self.near: dict[Any, Any] = {}
        self.cases: dict[int, Any] = {}
        self._references: dict[int, list[tuple[Var, tuple[str, ...], Term | None]]] = {}

    @staticmethod
    def of(program: Analysis) -> Shared:
        """Return the one of this program, made once."""
        if "shared" not in program.kept:
            program.kept["shared"] = Shared(program)
        found: Shared = program.kept["shared"]
        return found

    def masked_references(self, node: Node) -> list[tuple[Var, tuple[str, ...], Term | None]]:
        """Return what the node reads, with the mask under which it does."""
        if id(node) not in self._references:
            self._references[id(node)] = masked_references(self.program, node)
        return self._references[id(node)]

    @cached_property
    def order(self) -> dict[int, int]:
        """The place of each node in the program."""
        return {id(node): k for k, node in enumerate(self.program.nodes)}

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

    @cached_property
    def after_scalars(self) -> set[int]:
        """Vectors that depend on some scalar, through products too."""
        out: set[int] = set()
        for node in self.program.nodes:
            for ref, _ in self.program.references(node):
                scalar = self.program.families[ref.name].kind == "scalar"
                if scalar or any(id(n) in out for n, _ in self.program.resolve(ref)):
                    out.add(id(node))
                    break
        return out


MANY_PATTERNS = 48


def kept_apart(target: Node, used: Pattern, subs: tuple[Sub, ...], a: Sub, b: Sub) -> list[Pattern]:
    """The members of a definition that a reference touches, where two subscripts (values or variables) differ."""
    axes = [k for k, s in enumerate(target.subs) if isinstance(s, str)]

    def place(s: Sub) -> Sub | None:
        """Return a value, or the position in the pattern as text."""
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
            return without(used, int(k), v)
        case str(k), str(m):
            return separated(used, int(k), int(m))
    raise AssertionError(used)


class Ancestors:
    """One output (or several roots) of a normalized program with its ancestors, member by member but in patterns."""

    def __init__(self, shared: Shared, roots: Sequence[Var], members: Sequence[tuple[Node, Pattern]] = ()) -> None:
        self.shared = shared
        self.program = shared.program
        self.powers = shared.powers
        self.functions = shared.functions
        self.roots = tuple(roots)
        self.demand: dict[int, list[Pattern]] = {}
        self._waiting: list[int] = []
        for root in self.roots:
            self._need(self._whole(root), {})
        for target, used in members:
            self._add(target, used)
        # from the last node to the first, visiting only what is asked for: many outputs share one program
        found: list[Node] = []
        while self._waiting:
            node = self.program.nodes[-heappop(self._waiting)]
            found.append(node)
            for pattern in list(self.demand[id(node)]):
                for ref, bound, mask in shared.masked_references(node):
                    for target, used in self.touched(node, pattern, ref, bound, mask):
                        self._add(target, used)
        self.nodes = found[::-1]

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
        """Return all members of a node."""
        axes = [s for s in node.subs if isinstance(s, str)]
        return Pattern.of(axes, self.program.indices)

    def touched(
        self, node: Node, pattern: Pattern, ref: Var, bound: tuple[str, ...] = (), mask: Term | None = None
    ) -> list[tuple[Node, Pattern]]:
        """Return what these members of a node read through one of its references."""
        if not ref.subs:
            return self.program.resolve(ref)
        axes = [s for s in node.subs if isinstance(s, str)]
        at: dict[str, Sub] = {**dict(zip(axes, pattern.slots, strict=True)), **{j: j for j in bound}}
        boxes = [dict(pattern.ranges) | {j: self.program.range_of(j) for j in bound}]
        apart = differing(pattern)
        if mask is not None:
            boxes, differ = allowed(mask, at, boxes[0])
            apart = apart or differ
        subs = tuple(s if isinstance(s, int) else at.get(s, s) for s in ref.subs)
        found = [f for box in boxes for f in self.program.resolve(Var(ref.name, subs, ref.place), box or None)]
        if apart is None:
            return found
        return [(target, p) for target, used in found for p in kept_apart(target, used, subs, *apart)]

    def reached(self, node: Node, ref: Var, bound: tuple[str, ...] = ()) -> Iterator[tuple[Node, Pattern]]:
        """Yield what the members of a node that the case asks for read through one of its references."""
        for pattern in self.demand[id(node)]:
            yield from self.touched(node, pattern, ref, bound)

    def _add(self, node: Node, pattern: Pattern) -> None:
        have = self.demand.get(id(node))
        if have is None:
            have = self.demand[id(node)] = []
            heappush(self._waiting, -self.shared.order[id(node)])
        if pattern in have or (have and uncovered(pattern, have) is None):
            return
        have.append(pattern)
        if len(have) > MANY_PATTERNS:
            have[:] = [self.box(node)]

    @cached_property
    def dots(self) -> list[Dot]:
        return [node for node in self.nodes if isinstance(node, Dot)]

    def below(self, members: Sequence[tuple[Node, Pattern]]) -> Ancestors:
        """Return these members with their ancestors."""
        return Ancestors(self.shared, (), members)
