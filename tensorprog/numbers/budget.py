"""How long the search for one number may take, and how accurate a sampled number has to be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from tensorprog.errors import fail
from tensorprog.numbers.progress import Progress

T = TypeVar("T")

TOLERANCE = 1e-3
"""What a sampled number aims at if nothing else is asked for, relative to its size."""
SECONDS = 20.0
TOGETHER = 2.0
"""How often the time for one number the numbers of one request may take together."""
PATIENCE = 1.5
"""A search that the time stopped is worth another only with so much more time than it had."""


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


@dataclass(slots=True)
class _Search:
    budget: Budget
    deadline: float
    allowed: float
    stopped: bool = False
    """Was somebody told that the time is used up?"""


@dataclass(slots=True)
class Request:
    """Numbers that are asked for together: they share a time, so that many of them take no longer than a few."""

    end: float
    waiting: int
    cut: int = 0
    """How many were stopped by the time."""
    last: float = math.inf
    """When all of it is to end."""
    places: tuple[int, ...] = ()
    """Which of those that `together` asked for last were."""

    def soon(self, seconds: float, more: int) -> None:
        """What is asked from now on, `more` numbers, is to be there in so many seconds."""
        self.end, self.waiting = min(self.last, time.monotonic() + seconds), more

    @property
    def left(self) -> float:
        """Seconds that are left for the numbers that wait."""
        return max(0.0, self.end - time.monotonic())

    @property
    def share(self) -> float:
        """The time for the next number: a fair share of what is left, which holds what others did not need."""
        return self.left / max(1, self.waiting)


_current: ContextVar[_Search | None] = ContextVar("search", default=None)
_request: ContextVar[Request | None] = ContextVar("request", default=None)


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
    asked = _request.get()
    allowed = budget.seconds if asked is None else min(budget.seconds, asked.share)
    mine = _Search(budget, time.monotonic() + allowed, allowed)
    token = _current.set(mine)
    try:
        yield
    finally:
        if asked is not None:
            asked.waiting -= 1
            asked.cut += mine.stopped
        _current.reset(token)


@contextmanager
def request(budget: Budget, numbers: int) -> Iterator[Request]:
    """Searches for some numbers that are asked for at once; a request within another is a part of it.

    >>> with request(Budget(seconds=10), 4) as asked, search(Budget(seconds=10)):
    ...     suffices(4.9), suffices(5.1)
    (True, False)
    """
    outer = _request.get()
    if outer is not None:
        yield outer
        return
    end = time.monotonic() + TOGETHER * budget.seconds
    made = Request(end, numbers, last=end)
    token = _request.set(made)
    try:
        yield made
    finally:
        _request.reset(token)


def together(budget: Budget, asked: Sequence[Callable[[], T]], progress: bool = False) -> list[T]:
    """Return the answers to a request: all of them have TOGETHER times the time for one number.

    Each has a fair share of what is left; what was cut is asked again with the time that others did not need.

    >>> together(Budget(), [lambda: 1, lambda: 2])
    [1, 2]
    """
    out, cut = list[T](), dict[int, float]()
    with request(budget, len(asked)) as mine:
        counter = Progress.of(len(asked), progress, unit="results", most=mine.left)
        try:
            for k, ask in enumerate(asked):
                before, allowed = mine.cut, min(budget.seconds, mine.share)
                out.append(ask())
                if mine.cut > before:
                    cut[k] = allowed
                counter.add(1)
            mine.waiting, stopped = mine.waiting + len(cut), {*cut}
            for k, allowed in cut.items():
                if min(budget.seconds, mine.share) > PATIENCE * allowed:
                    mine.cut -= 1
                    before = mine.cut
                    out[k] = asked[k]()
                    if mine.cut == before:
                        stopped.discard(k)
                else:
                    mine.waiting -= 1
            mine.places = tuple(sorted(stopped))
        finally:
            counter.close()
    return out


def said_of_cut(count: int, names: Sequence[str] = ()) -> str:
    """Return what a command says of numbers that the time has cut; by their names, where they are known."""
    told = f" ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})" if names else ""
    what = "1 of these numbers was" if count == 1 else f"{count} of these numbers were"
    return f"{what} stopped by the time{told}: allow more of it, --seconds, or ask for one alone"


def budget() -> Budget:
    """Return the budget of the search that is going on."""
    now = _current.get()
    return Budget() if now is None else now.budget


def remaining() -> float:
    """Seconds that the search has left; without a search there is no end."""
    now = _current.get()
    return math.inf if now is None else max(0.0, now.deadline - time.monotonic())


def suffices(seconds: float) -> bool:
    """Return whether so much time is left. A step that is sure to end too late is better not begun.

    >>> with search(Budget(seconds=60)):
    ...     suffices(1), suffices(100)
    (True, False)
    """
    return seconds < remaining()


def spent(share: float = 1.0) -> bool:
    """Return whether that share of the search's time is used up. Without a search there is no end."""
    now = _current.get()
    if now is None or time.monotonic() < now.deadline - (1 - share) * now.allowed:
        return False
    now.stopped |= share == 1.0
    return True
