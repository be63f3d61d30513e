"""Side conditions, and the work that is counted: what every file of the kernel rests on."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from typing import ParamSpec, TypeVar

from tensorprog.kernel.ground.term import Num

P = ParamSpec("P")
R = TypeVar("R")
ZERO, F1, HALF, NIL = Fraction(0), Fraction(1), Fraction(1, 2), Num(0)

METER: ContextVar[Callable[[int], None]] = ContextVar("METER", default=lambda amount: None)
"""Who is told of the work done; `verify` lets it use up the fuel."""


class Refused(Exception):
    """A rule does not apply: its message names the side condition that fails."""


def require(condition: object, what: str) -> None:
    """A side condition; `what` names it."""
    if not condition:
        raise Refused(what)


class Fuel:
    """The work that is still allowed."""

    def __init__(self, amount: int) -> None:
        self.left = amount

    def spend(self, amount: int) -> None:
        """Use some of it up; refused, if nothing is left."""
        self.left -= amount
        require(self.left > 0, "the fuel lasts")


_CACHES: list[Callable[[], None]] = []


def remembered(size: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep what a function gave for its last arguments, within one certificate: the same fuel is used each time."""

    def keep(f: Callable[P, R]) -> Callable[P, R]:
        kept = lru_cache(size)(f)
        _CACHES.append(kept.cache_clear)
        return kept  # type: ignore[return-value]

    return keep


def forget() -> None:
    """Empty what is kept."""
    for clear in _CACHES:
        clear()
