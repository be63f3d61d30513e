"""What is known of a lowered expression."""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.terms import Term

CONST, SCALAR, VECTOR = 0, 1, 2
KIND_NAMES = ("a constant", "a scalar", "a vector")


@dataclass(frozen=True, slots=True)
class Lowered:
    """A term whose leaves are defined, its kind, its free indices, its width if a vector, and whether n is in it."""

    term: Term
    kind: int
    free: tuple[str, ...] = ()
    width: str | None = None
    scaled: bool = False
    condition: bool = False


def union(*parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return all members in order of first appearance."""
    return tuple(dict.fromkeys(i for p in parts for i in p))
