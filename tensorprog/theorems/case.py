"""A case to be judged: the members that an output depends on, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from tensorprog.program.indices import Pattern, uncovered
from tensorprog.program.nodes import SCALAR_NODES, Dot, Input, LinComb, MatMul, Moment, Node, Nonlin
from tensorprog.program.powers import MOMENT, SCORE, Powers, Use, scalars_inside
from tensorprog.program.program import Program
from tensorprog.terms import Sub, Var
from tensorprog.theorems.nonlinearities import Nonlinearities
from tensorprog.theorems.statement import Finding
from tensorprog.theorems.variance import Variances

MANY_PATTERNS = 48


class Shared:
    """What all outputs of a program share: powers of n, and facts about functions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.powers = Powers(program)
        self.functions = Nonlinearities(program)
        self.signs = Variances(program, self.functions)
        self.inside = scalars_inside(program)
        self.near: dict[Any, Any] = {}

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

    def __init__(self, shared: Shared, roots: Sequence[Var]) -> None:
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
        for node in reversed(self.program.nodes):
            for pattern in list(self.demand.get(id(node), ())):
                for ref, bound in self.program.references(node):
                    self._need_through(node, pattern, ref, bound)
        self.nodes = [node for node in self.program.nodes if id(node) in self.demand]

    def _whole(self, root: Var) -> Var:
        if root.subs or not self.program.families[root.name].arity:
            return root
        return Var(root.name, tuple(f"#{k}" for k in range(self.program.families[root.name].arity)))

    def _need(self, ref: Var, ranges: dict[str, tuple[int, int]]) -> None:
        if any(isinstance(s, str) and s.startswith("#") and s not in ranges for s in ref.subs):
            for node in self.program.families[ref.name].pieces:
                self._add(node, self._box(node))
            return
        for node, pattern in self.program.resolve(ref, ranges or None):
            self._add(node, pattern)

    def _box(self, node: Node) -> Pattern:
        axes = [s for s in node.subs if isinstance(s, str)]
        return Pattern.of(axes, self.program.indices)

    def _need_through(self, node: Node, pattern: Pattern, ref: Var, bound: tuple[str, ...]) -> None:
        if not ref.subs:
            self._need(ref, {})
            return
        axes = [s for s in node.subs if isinstance(s, str)]
        at: dict[str, Sub] = dict(zip(axes, pattern.slots, strict=True))
        ranges = dict(pattern.ranges) | {j: self.program.range_of(j) for j in bound}
        subs = tuple(s if isinstance(s, int) or s in bound else at.get(s, s) for s in ref.subs)
        self._need(Var(ref.name, subs, ref.place), ranges)

    def _add(self, node: Node, pattern: Pattern) -> None:
        have = self.demand.setdefault(id(node), [])
        if pattern in have or (have and uncovered(pattern, have) is None):
            return
        have.append(pattern)
        if len(have) > MANY_PATTERNS:
            have[:] = [self._box(node)]

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
    def readouts(self) -> list[Dot]:
        """Scaled dot products with an initial vector whose values reach no vector."""
        return [
            d
            for d in self.dots
            if self.powers.is_score(d) and d.name not in self.shared.inside and self.readout_side(d) is not None
        ]

    def readout_side(self, d: Dot) -> Var | None:
        """The side that is an initial vector, centred and independent of all others."""
        for side in (d.left, d.right):
            other = d.right if side is d.left else d.left
            nodes = [n for n, _ in self.program.resolve(side)]
            if other.name != side.name and all(isinstance(n, Input) and _is_clean(n) for n in nodes):
                return side
        return None

    @cached_property
    def scores(self) -> list[Dot]:
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
        """Nodes that depend on some score of the case."""
        out: set[int] = set()
        names: dict[str, bool] = {}
        scores = {id(d) for d in self.scores}
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

    def depends_on_score(self, ref: Var) -> bool:
        return any(id(node) in self.score_dependent for node, _ in self.program.resolve(ref))

    def sides(self, d: Dot) -> list[tuple[Var, Node, list[Pattern]]]:
        """(reference, node that defines it, members used) for both sides of a dot product, over demanded members."""
        out = []
        for ref in (d.left, d.right):
            found: dict[int, tuple[Node, list[Pattern]]] = {}
            for pattern in self.demand[id(d)]:
                axes = [s for s in d.subs if isinstance(s, str)]
                at: dict[str, Sub] = dict(zip(axes, pattern.slots, strict=True))
                subs = tuple(s if isinstance(s, int) else at[s] for s in ref.subs)
                for node, used in self.program.resolve(Var(ref.name, subs), dict(pattern.ranges)):
                    found.setdefault(id(node), (node, []))[1].append(used)
            out += [(ref, node, used) for node, used in found.values()]
        return out


def _is_clean(node: Input) -> bool:
    """Centred, and with a covariance that couples it with nothing."""
    from tensorprog.program.constants import primed_indices
    from tensorprog.terms.term import ZERO

    group = node.group
    return len(group.names) == 1 and group.mean[0] == ZERO and not primed_indices(group)


__all__ = ["SCORE", "Case", "Shared"]
