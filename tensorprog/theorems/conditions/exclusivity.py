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

from tensorprog.program.graph.graph import member_text
from tensorprog.program.graph.indices import Pattern, Range, match, representatives, unify
from tensorprog.program.graph.nodes import Dot, MatMul, Node
from tensorprog.terms import Sub, Var
from tensorprog.theorems.conditions.ancestors import kept_apart
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.vectors.spans import MOST_INPUTS, Vector


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


def sides_of(case: Case, dots: Sequence[Dot]) -> list[_Product]:
    """All members of MatMuls that are sides of the given scores."""
    out = []
    for d in dots:
        for _, node, used in case.sides(d):
            if isinstance(node, MatMul):
                out += [_Product(node, p) for p in used]
    return out


def makes_side(case: Case, dots: Sequence[Dot], node: MatMul | Dot, matrix: tuple[int, ...]) -> bool:
    """Is a side of these scores made by the matrix with these subscripts of the family that makes `node`?"""
    for s in sides_of(case, dots):
        if isinstance(node, MatMul) and s.node.weight.name == node.weight.name:
            fixed = _fixed_by_matrix(s, matrix)
            if fixed is not None and s.pattern.meets(fixed):
                return True
    return False


def not_exclusive(case: Case, dots: Sequence[Dot]) -> Violation | None:
    """A use of a score matrix that is no score side (Assumption 1(a)), or None."""
    sides = sides_of(case, dots)
    by_weight: dict[tuple[str, bool], list[_Product]] = {}
    for s in sides:
        by_weight.setdefault((s.node.weight.name, False), []).append(s)
    for node in case.matmuls:
        through = by_weight.get((node.weight.name, False))
        if not through:
            continue
        for pattern in case.demand[id(node)]:
            found = _uncovered_use(case, _Product(node, pattern), through)
            if found is not None:
                return found
    return None


def _uncovered_use(case: Case, use: _Product, sides: list[_Product]) -> Violation | None:
    covering = [s.pattern for s in sides if s.node is use.node]
    if any(_contains_all(c, use.pattern) for c in covering):
        return None
    box = [use.pattern.range_of(k) for k in range(len(use.pattern.slots))]
    breaks = _breaks(sides)
    equalities = any(s.pattern.has_equalities() or _repeats(s.node) for s in [use, *sides])
    for member in representatives(box, [use.pattern, *covering], breaks, equalities):
        if not use.pattern.contains(member) or any(c.contains(member) for c in covering):
            continue
        if _clash(case, use, member, sides) is not None:
            return _outside_the_span(case, use, member, sides)
    return None


def _clash(case: Case, use: _Product, member: Sequence[int], sides: list[_Product]) -> _Product | None:
    """A side through the same matrix, if none is the same product."""
    matrix, source = _matrix(use.node, member), _input_member(case, use.node, member)
    clash: _Product | None = None
    for s in sides:
        fixed = _fixed_by_matrix(s, matrix)
        if fixed is None or not s.pattern.meets(fixed):
            continue
        if s.node.transposed == use.node.transposed and source is not None and _same_input(case, s, fixed, source):
            return None
        clash = clash or s
    return clash


def _outside_the_span(case: Case, use: _Product, first: tuple[int, ...], sides: list[_Product]) -> Violation | None:
    """The first member of a use that is no side and no combination of sides; `first` is not the same product as one."""
    few = use.pattern.size <= MOST_INPUTS and not use.node.transposed
    for member in use.pattern.members() if few else [first]:
        clash = _clash(case, use, member, sides)
        if clash is None or (few and _spanned(case, use, member, sides)):
            continue
        matrix = _matrix(use.node, member)
        side = _some_member(clash, _fixed_by_matrix(clash, matrix) or {})
        weight = member_text(use.node.weight.name, matrix)
        return Violation(weight, side, _name(use.node, member), use.node, clash.node, matrix)
    return None


def _spanned(case: Case, use: _Product, member: Sequence[int], sides: list[_Product]) -> bool:
    """Is the input a combination of the inputs from which this matrix makes score sides?"""
    matrix, source = _matrix(use.node, member), _input_member(case, use.node, member)
    inputs: dict[Vector, None] = {}
    for s in sides:
        fixed = _fixed_by_matrix(s, matrix)
        if fixed is None or s.node.transposed:
            continue
        if s.pattern.size > MOST_INPUTS:
            return False
        for at in s.pattern.members():
            found = _input_member(case, s.node, at) if all(at[k] == v for k, v in fixed.items()) else None
            if found is not None:
                inputs[found] = None
    return source is not None and case.shared.spans.contains(inputs, source)


def _contains_all(c: Pattern, part: Pattern) -> bool:
    if c == part:
        return True
    if c.has_equalities():
        return False
    ranges = [(c.range_of(k), part.range_of(k)) for k in range(len(c.slots))]
    return all(a[0] <= b[0] and b[1] <= a[1] for a, b in ranges)


def _breaks(sides: list[_Product]) -> set[int]:
    out: set[int] = set()
    for s in sides:
        for k in range(len(s.pattern.slots)):
            lo, hi = s.pattern.range_of(k)
            out |= {lo, hi}
        out |= {x for x in (*s.node.weight.subs, *s.node.arg.subs) if isinstance(x, int)}
    return out


def _repeats(node: MatMul) -> bool:
    """Does an axis occur twice, or do the input's subscripts carry constants, so that equalities matter?"""
    return len(node.weight.subs) + len(node.arg.subs) > 0


def _axes(node: MatMul) -> list[str]:
    return [s for s in node.subs if isinstance(s, str)]


def _at(node: MatMul, subs: Sequence[Sub], member: Sequence[int]) -> tuple[int, ...]:
    at = dict(zip(_axes(node), member, strict=True))
    return tuple(s if isinstance(s, int) else at[s] for s in subs)


def _matrix(node: MatMul, member: Sequence[int]) -> tuple[int, ...]:
    return _at(node, node.weight.subs, member)


def _name(node: MatMul, member: Sequence[int]) -> str:
    return member_text(node.name, _at(node, node.subs, member))


def _some_member(s: _Product, fixed: dict[int, int]) -> str:
    ranges = dict(s.pattern.ranges)
    values: dict[str, int] = {}
    for k, v in fixed.items():
        slot = s.pattern.slots[k]
        if isinstance(slot, str):
            values[slot] = v
    member = [x if isinstance(x, int) else values.get(x, ranges[x][0]) for x in s.pattern.slots]
    return _name(s.node, member)


def _fixed_by_matrix(s: _Product, matrix: tuple[int, ...]) -> dict[int, int] | None:
    """Positions of the product's axes that its matrix being `matrix` fixes, or None if it never is."""
    axes = _axes(s.node)
    fixed: dict[int, int] = {}
    for sub, value in zip(s.node.weight.subs, matrix, strict=True):
        if isinstance(sub, int):
            if sub != value:
                return None
        elif fixed.setdefault(axes.index(sub), value) != value:
            return None
    return fixed


def _input_member(case: Case, node: MatMul, member: Sequence[int]) -> tuple[int, tuple[int, ...]] | None:
    """Which node defines the input vector of this member, and which of its members that is."""
    subs = _at(node, node.arg.subs, member)
    found = case.program.resolve(Var(node.arg.name, subs))
    if len(found) != 1:
        return None
    source, pattern = found[0]
    return id(source), pattern.first()


def _same_input(case: Case, s: _Product, fixed: dict[int, int], source: tuple[int, tuple[int, ...]]) -> bool:
    """Is there a side with this matrix whose input vector is `source`?"""
    ranges = dict(s.pattern.ranges)
    slots: dict[str, Sub] = dict(zip(_axes(s.node), s.pattern.slots, strict=True))
    bound: dict[str, Range] = {}
    for k, v in fixed.items():
        slot = s.pattern.slots[k]
        if isinstance(slot, str):
            bound[slot] = (v, v)
    where = {**ranges, **bound}
    subs = tuple(x if isinstance(x, int) else slots[x] for x in s.node.arg.subs)
    for target, pattern in case.program.resolve(Var(s.node.arg.name, subs), where):
        if id(target) == source[0] and any(p.contains(source[1]) for p in _apart(s, bound, target, pattern, subs)):
            return True
    return False


def _apart(s: _Product, bound: dict[str, Range], target: Node, used: Pattern, subs: tuple[Sub, ...]) -> list[Pattern]:
    """The members touched, where two variables of the product differ, some of them fixed."""
    if s.pattern.pair is None:
        return [used]
    a, b = (bound[x][0] if isinstance(x, str) and x in bound else x for x in s.pattern.pair)
    return kept_apart(target, used, subs, a, b)


def not_distinct(case: Case, dots: Sequence[Dot]) -> Violation | None:
    """A score both of whose sides come through one matrix (Assumption 1(b)), or None."""
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
            apart = (
                None if pattern.apart is None else (pattern.slots[pattern.apart[0]], pattern.slots[pattern.apart[1]])
            )
            values = unify(wa, wb, {**ranges, **first, **second}, apart)
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
    """The weight's subscripts where the node's left side is read as `ref`."""
    at = {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str)}
    return tuple(s if isinstance(s, int) else at[s] for s in node.weight.subs)
