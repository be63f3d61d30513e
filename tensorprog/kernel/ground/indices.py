"""Named finite indices, and exact sets of family members without listing the members.

A set of members is a `Pattern`: each position is a constant or a variable with a range, and a variable that
stands twice forces equality, so `q[i,i]` with i in 1..1000 is one pattern. Everything asked of patterns
(membership, overlap, covering) is decided exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from tensorprog.kernel.ground.term import Sub

Range = tuple[int, int]
"""Least and greatest value of an index, both included."""


def assignments(ranges: Mapping[str, Range]) -> Iterator[dict[str, int]]:
    """Every choice of a value for each name.

    >>> list(assignments({"i": (1, 2), "j": (5, 5)}))
    [{'i': 1, 'j': 5}, {'i': 2, 'j': 5}]
    """
    for values in product(*(range(low, high + 1) for low, high in ranges.values())):
        yield dict(zip(ranges, values, strict=True))


def length(r: Range) -> int:
    return max(0, r[1] - r[0] + 1)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The tuples (slots with every variable running over its range)."""

    slots: tuple[Sub, ...]
    ranges: tuple[tuple[str, Range], ...]

    @staticmethod
    def of(slots: Sequence[Sub], ranges: Mapping[str, Range]) -> Pattern:
        """Variables are named by first position, so that equal sets of one shape compare equal."""
        new: dict[str, Sub] = {}
        kept: list[tuple[str, Range]] = []
        for s in slots:
            if isinstance(s, str) and s not in new:
                low, high = ranges[s]
                new[s] = low if low == high else f"#{len(kept)}"
                kept += [(f"#{len(kept)}", (low, high))] if low != high else []
        return Pattern(tuple(new[s] if isinstance(s, str) else s for s in slots), tuple(kept))

    @property
    def size(self) -> int:
        out = 1
        for _, r in self.ranges:
            out *= length(r)
        return out

    def range_of(self, position: int) -> Range:
        s = self.slots[position]
        return (s, s) if isinstance(s, int) else dict(self.ranges)[s]

    def has_equalities(self) -> bool:
        names = [s for s in self.slots if isinstance(s, str)]
        return len(set(names)) < len(names)

    def contains(self, member: Sequence[int]) -> bool:
        values: dict[str, int] = {}
        ranges = dict(self.ranges)
        for s, value in zip(self.slots, member, strict=True):
            low, high = (s, s) if isinstance(s, int) else ranges[s]
            if not low <= value <= high or values.setdefault(str(s), value) != value:
                return False
        return True

    def first(self) -> tuple[int, ...]:
        """The least member."""
        ranges = dict(self.ranges)
        return tuple(s if isinstance(s, int) else ranges[s][0] for s in self.slots)

    def members(self) -> Iterator[tuple[int, ...]]:
        """Every member; for oracles and small families."""
        names = [name for name, _ in self.ranges]
        for values in product(*(range(lo, hi + 1) for _, (lo, hi) in self.ranges)):
            at = dict(zip(names, values, strict=True))
            yield tuple(s if isinstance(s, int) else at[s] for s in self.slots)


def match(lhs: Sequence[Sub], ref: Sequence[Sub], ranges: Mapping[str, Range]) -> dict[str, Range] | None:
    """Which values of the variables make `ref` fall on `lhs`: narrowed ranges of all names, or None if none do.

    `lhs` are the subscripts of a definition (its names are distinct), `ref` those of a use. Names of the two
    sides are kept apart by a trailing ':' on the definition's.
    """
    bound: dict[str, Range] = {}
    for left, right in zip(lhs, ref, strict=True):
        low, high = (left, left) if isinstance(left, int) else ranges[left]
        least, most = (right, right) if isinstance(right, int) else bound.get(right) or ranges[right]
        both = (max(low, least), min(high, most))
        if both[0] > both[1]:
            return None
        if isinstance(right, str):
            bound[right] = both
    return bound


def use_pattern(lhs: Sequence[Sub], ref: Sequence[Sub], ranges: Mapping[str, Range]) -> Pattern | None:
    """Which members of the definition `lhs` the reference `ref` touches, over the definition's index names."""
    bound = match(lhs, ref, ranges)
    if bound is None:
        return None
    slots = [r for left, r in zip(lhs, ref, strict=True) if isinstance(left, str)]
    return Pattern.of(slots, bound)


def representatives(box: Sequence[Range], patterns: Iterable[Pattern], breaks: Iterable[int] = (),
                    equalities: bool = False) -> Iterator[tuple[int, ...]]:  # fmt: skip
    """One member of `box` for each class of members that no pattern (of this box's shape) tells apart.

    The ends of all ranges cut every position into intervals. Within a product of intervals patterns can only
    ask which positions are equal, so one member per interval product and per equality type decides all.
    """
    patterns = list(patterns)
    cuts: set[int] = {b for lo, hi in box for b in (lo, hi + 1)}
    for b in breaks:
        cuts |= {b, b + 1}
    for p in patterns:
        for k in range(len(box)):
            lo, hi = p.range_of(k)
            cuts |= {lo, hi + 1}
    equalities = equalities or any(p.has_equalities() for p in patterns)
    edges = sorted(cuts)
    cells = [(lo, hi - 1) for lo, hi in pairwise(edges)]
    choices = [[c for c in cells if lo <= c[0] and c[1] <= hi] for lo, hi in box]
    for chosen in product(*choices):
        if equalities:
            yield from _equality_types(chosen)
        else:
            yield tuple(c[0] for c in chosen)


def _equality_types(cells: tuple[Range, ...]) -> Iterator[tuple[int, ...]]:
    """Members of the product of cells, one for each way in which positions of one cell can be equal."""

    def extend(done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        k = len(done)
        if k == len(cells):
            yield done
            return
        lo, hi = cells[k]
        used = sorted({v for v, c in zip(done, cells[:k], strict=True) if c == cells[k]})
        for v in used:
            yield from extend((*done, v))
        if lo + len(used) <= hi:
            yield from extend((*done, lo + len(used)))

    return extend(())


def uncovered(
    part: Pattern, cover: Collection[Pattern], spend: Callable[[int], None] = lambda work: None
) -> tuple[int, ...] | None:
    """A member of `part` that no pattern in `cover` contains, or None: exact set inclusion; `spend` is told of work."""
    work = (1 + len(cover)) * (1 + len(part.slots))
    spend(work)
    if any(c == part or _is_full(c, part) for c in cover):
        return None
    box = [part.range_of(k) for k in range(len(part.slots))]
    for member in representatives(box, [part, *cover]):
        spend(work)
        if part.contains(member) and not any(c.contains(member) for c in cover):
            return member
    return None


def _is_full(c: Pattern, part: Pattern) -> bool:
    """c is a box (no equalities) whose ranges hold those of `part`: a quick sufficient test."""
    if c.has_equalities():
        return False
    for k in range(len(part.slots)):
        lo, hi = c.range_of(k)
        plo, phi = part.range_of(k)
        if not (lo <= plo and phi <= hi):
            return False
    return True
