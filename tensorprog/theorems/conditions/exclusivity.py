"""Assumption 1 (a) and (b), decided exactly on families.

(a) A matrix that makes a score side makes nothing else: every member of a MatMul through it is a score side, or is
the very same product (same matrix, same input vector) as one, or a combination of such: W (x + z) = W x + W z.
(b) The two sides of one score come through different matrices. Members are told apart only by which indices are equal
and by the ends of ranges, so one representative of each class decides for all, whatever the ranges; where the
coefficients of combinations matter every member is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.kernel.ground.indices import Pattern, match, representatives, uncovered
from tensorprog.kernel.ground.nodes import Dot, MatMul
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.graph.apart import differing, fixed_at
from tensorprog.program.graph.unify import unify
from tensorprog.terms import Sub, Var, to_text
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.vectors.member import Member, matrix_of, member_of
from tensorprog.theorems.vectors.spans import MOST_INPUTS


@dataclass(frozen=True, slots=True)
class Violation:
    """A matrix used twice: by the score side `side` and by `other` (a member of a MatMul, or the other side)."""

    weight: str
    side: str
    other: str
    at: MatMul | Dot
    score_side: MatMul | None
    matrix: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Product:
    """Members (a pattern over the node's axes) of one MatMul node."""

    node: MatMul
    pattern: Pattern

    def through(self, matrix: tuple[int, ...]) -> list[Pattern]:
        """Return the members that the matrix with these subscripts makes."""
        axes = [s for s in self.node.subs if isinstance(s, str)]
        fixed: dict[int, int] = {}
        for sub, value in zip(self.node.weight.subs, matrix, strict=True):
            if (value if isinstance(sub, str) else sub) != value:
                return []
            if isinstance(sub, str) and fixed.setdefault(axes.index(sub), value) != value:
                return []
        return fixed_at(self.pattern, fixed)


def sides_of(case: Case, dots: Sequence[Dot]) -> list[_Product]:
    """Return all members of MatMuls that are sides of the given scores."""
    found = (each for d in dots for each in case.sides(d))
    return [_Product(node, p) for _, node, used in found if isinstance(node, MatMul) for p in used]


def makes_side(case: Case, dots: Sequence[Dot], node: MatMul | Dot, matrix: tuple[int, ...]) -> bool:
    """Return whether a side of these scores is made by this matrix of the family that makes `node`."""
    name = node.weight.name if isinstance(node, MatMul) else None
    return any(s.node.weight.name == name and s.through(matrix) for s in sides_of(case, dots))


def not_exclusive(case: Case, dots: Sequence[Dot]) -> Violation | None:
    """Find a use of a score matrix that is no score side (Assumption 1(a)), or None."""
    by_weight: dict[str, list[_Product]] = {}
    for s in sides_of(case, dots):
        by_weight.setdefault(s.node.weight.name, []).append(s)
    for node in case.matmuls:
        sides = by_weight.get(node.weight.name)
        for pattern in case.demand[id(node)] if sides else ():
            found = _uncovered_use(case, _Product(node, pattern), sides or [])
            if found is not None:
                return found
    return None


def _uncovered_use(case: Case, use: _Product, sides: list[_Product]) -> Violation | None:
    covering = [s.pattern for s in sides if s.node is use.node]
    if uncovered(use.pattern, covering) is None:
        return None
    box = [use.pattern.range_of(k) for k in range(len(use.pattern.slots))]
    equalities = any(s.pattern.has_equalities() or s.node.weight.subs or s.node.arg.subs for s in [use, *sides])
    for at in representatives(box, [use.pattern, *covering], _breaks(sides), equalities):
        if not use.pattern.contains(at) or any(c.contains(at) for c in covering):
            continue
        if _clash(case, Member(use.node, at), sides) is not None:
            return _outside_the_span(case, use, at, sides)
    return None


def _clash(case: Case, use: Member, sides: list[_Product]) -> Member | None:
    """Find a side through the same matrix, if none is the same product."""
    assert isinstance(use.node, MatMul)
    matrix, source = matrix_of(use), member_of(case.program, use.node.arg, use.env)
    clash: Member | None = None
    for s in sides:
        for p in s.through(matrix):
            if s.node.transposed == use.node.transposed and _reads(case, s.node, p, source):
                return None
            clash = clash or Member(s.node, p.first())
    return clash


def _reads(case: Case, node: MatMul, members: Pattern, source: Member) -> bool:
    """Return whether one of these products multiplies this vector."""
    found = case.touched(node, members, node.arg)
    return any(target is source.node and used.contains(source.at) for target, used in found)


def _outside_the_span(case: Case, use: _Product, first: tuple[int, ...], sides: list[_Product]) -> Violation | None:
    """The first member of a use that is no side and no combination of sides; `first` is not the same product as one."""
    few = use.pattern.size <= MOST_INPUTS and not use.node.transposed
    for at in use.pattern.members() if few else [first]:
        member = Member(use.node, at)
        clash = _clash(case, member, sides)
        if clash is None or (few and _spanned(case, member, sides)):
            continue
        assert isinstance(clash.node, MatMul)
        matrix = matrix_of(member)
        weight = member_text(use.node.weight.name, matrix)
        return Violation(weight, to_text(clash.ref), to_text(member.ref), use.node, clash.node, matrix)
    return None


def _spanned(case: Case, use: Member, sides: list[_Product]) -> bool:
    """Return whether the input is a combination of the inputs from which this matrix makes score sides."""
    assert isinstance(use.node, MatMul)
    inputs: dict[Member, None] = {}
    for s in sides:
        through = [] if s.node.transposed else s.through(matrix_of(use))
        if through and s.pattern.size > MOST_INPUTS:
            return False
        for p in through:
            for at in p.members():
                inputs[member_of(case.program, s.node.arg, Member(s.node, at).env)] = None
    return case.shared.spans.contains(inputs, member_of(case.program, use.node.arg, use.env))


def _breaks(sides: list[_Product]) -> set[int]:
    ends = {b for s in sides for k in range(len(s.pattern.slots)) for b in s.pattern.range_of(k)}
    return ends | {x for s in sides for x in (*s.node.weight.subs, *s.node.arg.subs) if isinstance(x, int)}


def not_distinct(case: Case, dots: Sequence[Dot]) -> Violation | None:
    """Find a score both of whose sides come through one matrix (Assumption 1(b)), or None."""
    for d in dots:
        for pattern in case.demand[id(d)]:
            found = _tied(case, d, pattern)
            if found is not None:
                return found
    return None


def _tied(case: Case, d: Dot, pattern: Pattern) -> Violation | None:
    """Unify the two matrices' subscripts over the members of the score."""
    axes = [s for s in d.subs if isinstance(s, str)]
    at: dict[str, Sub] = dict(zip(axes, pattern.slots, strict=True))
    ranges = dict(pattern.ranges)
    left, right = (Var(r.name, tuple(s if isinstance(s, int) else at[s] for s in r.subs)) for r in (d.left, d.right))
    for a in case.program.families[left.name].pieces:
        if not isinstance(a, MatMul):
            continue
        first = match(a.subs, left.subs, {**case.program.indices, **ranges})
        if first is None:
            continue
        for b in case.program.families[right.name].pieces:
            if not isinstance(b, MatMul) or b.weight.name != a.weight.name:
                continue
            second = match(b.subs, right.subs, {**case.program.indices, **ranges, **first})
            if second is None:
                continue
            wa = _weight_subs(a, left)
            wb = _weight_subs(b, right)
            values = unify(wa, wb, {**ranges, **first, **second}, differing(pattern))
            if values is not None:
                matrix = tuple(s if isinstance(s, int) else values[s] for s in wa)
                member = tuple(
                    s if isinstance(s, int) else values.get(s, dict(pattern.ranges)[s][0]) for s in pattern.slots
                )
                names = dict(zip(axes, member, strict=True))
                score = member_text(d.name, tuple(s if isinstance(s, int) else names[s] for s in d.subs))
                return Violation(member_text(a.weight.name, matrix), score, score, d, a)
    return None


def _weight_subs(node: MatMul, ref: Var) -> tuple[Sub, ...]:
    """Return the weight's subscripts where the node's left side is read as `ref`."""
    at = {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str)}
    return tuple(s if isinstance(s, int) else at[s] for s in node.weight.subs)
