"""How long the search for one number may take, and how accurate a sampled number has to be."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tensorprog.errors import fail

TOLERANCE = 1e-3
"""What a sampled number aims at if nothing else is asked for, relative to its size."""
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Budget:
    """`tolerance` is relative; `seconds` is for the whole search for one number, whatever it tries."""

    tolerance: float | None = None
    seconds: float = SECONDS
    progress: bool = False
    """Is a terminal told how far a sample is?"""

    def __post_init__(self) -> None:
        for name, x in (("tolerance", self.tolerance), ("seconds", self.seconds)):
            if x is not None and not (math.isfinite(x) and x > 0):
                raise fail("TP018", f"{name} = {x} is not a positive number", help=f"write --{name} 0.01")

    @property
    def aim(self) -> float:
        """The relative error that a sample aims at."""
        return TOLERANCE if self.tolerance is None else self.tolerance


@dataclass(frozen=True, slots=True)
class _Search:
    budget: Budget
    deadline: float


_current: ContextVar[_Search | None] = ContextVar("search", default=None)


@contextmanager
def search(budget: Budget) -> Iterator[None]:
    """The search for one number. A search within another is a part of it, and shares its budget.

    >>> with search(Budget(seconds=1e-9)), search(Budget(seconds=60)):
    ...     spent()
    True
    """
    if _current.get() is not None:
        yield
        return
    token = _current.set(_Search(budget, time.monotonic() + budget.seconds))
    try:
        yield
    finally:
        _current.reset(token)


def budget() -> Budget:
    """The budget of the search that is going on."""
    now = _current.get()
    return Budget() if now is None else now.budget


def suffices(seconds: float) -> bool:
    """Is so much time left? A step that is sure to end too late is better not begun.

    >>> with search(Budget(seconds=60)):
    ...     suffices(1), suffices(100)
    (True, False)
    """
    now = _current.get()
    return now is None or time.monotonic() + seconds < now.deadline


def spent(share: float = 1.0) -> bool:
    """Is that share of the search's time used up? Without a search there is no end."""
    now = _current.get()
    return now is not None and time.monotonic() >= now.deadline - (1 - share) * now.budget.seconds
