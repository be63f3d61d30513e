"""Members that two lists of subscripts have in common."""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.term import Sub


def unify(
    a: Sequence[Sub], b: Sequence[Sub], ranges: dict[str, Range], apart: tuple[Sub, Sub] | None = None
) -> dict[str, int] | None:
    """Return values of all variables for which the two subscript lists are equal, or None if there are none.

    `apart`: two variables whose values must differ.

    >>> unify(("i", 1), ("j", "j"), {"i": (1, 4), "j": (1, 4)})
    {'i': 1, 'j': 1}
    >>> unify(("i",), ("j",), {"i": (1, 2), "j": (3, 4)}) is None
    True
    """
    parent = {name: name for name in ranges}
    span = dict(ranges)

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for x, y in zip(a, b, strict=True):
        if isinstance(x, int) and isinstance(y, int):
            if x != y:
                return None
            continue
        one = root(x) if isinstance(x, str) else None
        two = root(y) if isinstance(y, str) else None
        box = (x, x) if isinstance(x, int) else span[one or ""]
        other = (y, y) if isinstance(y, int) else span[two or ""]
        new = (max(box[0], other[0]), min(box[1], other[1]))
        if new[0] > new[1]:
            return None
        keep = one or two or ""
        span[keep] = new
        if one and two and one != two:
            parent[two] = one
    least = {name: span[root(name)][0] for name in ranges}
    if apart is not None:
        first, second = (root(str(s)) for s in apart)
        if first == second:
            return None
        if least[first] == least[second]:
            wide = next((r for r in (first, second) if span[r][0] < span[r][1]), None)
            if wide is None:
                return None
            least |= {name: span[wide][0] + 1 for name in ranges if root(name) == wide}
    return least
