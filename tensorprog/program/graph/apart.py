"""Parts of a set of members: where two positions differ, where one has not some value, where some have given values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tensorprog.kernel.ground.indices import Pattern
from tensorprog.kernel.ground.term import Sub


@dataclass(frozen=True, slots=True)
class Apart(Pattern):
    """The members of a pattern whose positions k and m, which both vary, differ."""

    apart: tuple[int, int]

    def has_equalities(self) -> bool:
        """Return True: which positions are equal matters."""
        return True

    def contains(self, member: Sequence[int]) -> bool:
        """Return whether this is one of the members."""
        k, m = self.apart
        return member[k] != member[m] and Pattern.contains(self, member)

    def first(self) -> tuple[int, ...]:
        """Return the least member."""
        return next(self.members())

    def members(self) -> Iterator[tuple[int, ...]]:
        """Yield every member."""
        k, m = self.apart
        return (member for member in Pattern.members(self) if member[k] != member[m])


def differing(p: Pattern) -> tuple[Sub, Sub] | None:
    """Return the two variables that differ."""
    return (p.slots[p.apart[0]], p.slots[p.apart[1]]) if isinstance(p, Apart) else None


def separated(p: Pattern, k: int, m: int) -> list[Pattern]:
    """Return the members whose positions k and m differ (of a pattern without such a pair), as disjoint patterns."""
    a, b = p.slots[k], p.slots[m]
    if isinstance(a, int):
        return without(p, m, a)
    if isinstance(b, int):
        return without(p, k, b)
    if a == b:
        return []
    (lo, hi), (low, high) = p.range_of(k), p.range_of(m)
    return [p] if hi < low or high < lo else [Apart(p.slots, p.ranges, (k, m))]


def without(p: Pattern, k: int, value: int) -> list[Pattern]:
    """Return the members whose position k is not this value, as disjoint patterns."""
    name = p.slots[k]
    if isinstance(name, int):
        return [] if name == value else [p]
    first, last = dict(p.ranges)[name]
    if not first <= value <= last:
        return [p]
    pieces = [(first, value - 1), (value + 1, last)]
    return [Pattern.of(p.slots, {**dict(p.ranges), name: piece}) for piece in pieces if piece[0] <= piece[1]]


def fixed_at(p: Pattern, fixed: Mapping[int, int]) -> list[Pattern]:
    """Return the members that have these values at these positions, as disjoint patterns."""
    ranges = dict(p.ranges)
    for position, value in fixed.items():
        low, high = p.range_of(position) if isinstance(s := p.slots[position], int) else ranges[s]
        if not low <= value <= high:
            return []
        ranges[str(s)] = (value, value)
    out = Pattern.of(p.slots, ranges)
    return separated(out, *p.apart) if isinstance(p, Apart) else [out]
