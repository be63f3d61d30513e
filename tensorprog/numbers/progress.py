"""How far a run is and how long it will take: one line on standard error, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

T = TypeVar("T")


@dataclass
class Progress:
    """Counts draws, or other units; the time left is judged by those made since the start, not by those found made."""

    total: int
    stream: TextIO | None
    done: int = 0
    fresh: int = 0
    start: float = field(default_factory=time.monotonic)
    shown: float = 0.0
    unit: str = "draws"

    @staticmethod
    def of(total: int, wanted: bool, stream: TextIO | None = None, unit: str = "draws") -> Progress:
        """Return a line on `stream` (standard error) if it is wanted and a terminal is there."""
        out = sys.stderr if stream is None else stream
        return Progress(total, out if wanted and out is not None and out.isatty() else None, unit=unit)

    def add(self, draws: int, fresh: bool = True) -> None:
        self.done = min(self.total, self.done + draws)  # the last block may hold more than was asked for
        self.fresh += draws if fresh else 0
        now = time.monotonic()
        if self.stream is not None and now - self.shown >= 0.2 and now - self.start >= 1.0:
            self.shown = now
            self.stream.write(f"\r{self.line(now - self.start)}\033[K")
            self.stream.flush()

    def line(self, seconds: float) -> str:
        """`1200 of 5000 draws (24%), 3 min 20 s left`."""
        text = f"{self.done} of {self.total} {self.unit} ({100 * self.done // max(1, self.total)}%)"
        if self.fresh:
            text += f", {duration(seconds * (self.total - self.done) / self.fresh)} left"
        return text

    def close(self) -> None:
        if self.stream is not None and self.shown:
            self.stream.write("\r\033[K")
            self.stream.flush()


def duration(seconds: float) -> str:
    """Seconds in words: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def counted(asked: Iterable[Callable[[], T]], wanted: bool, unit: str) -> list[T]:
    """Return the answers, one after the other; a terminal is told how many are there, if that is wanted.

    >>> counted([lambda: 1, lambda: 2], False, "results")
    [1, 2]
    """
    todo, out = list(asked), []
    counter = Progress.of(len(todo), wanted, unit=unit)
    try:
        for ask in todo:
            out.append(ask())
            counter.add(1)
    finally:
        counter.close()
    return out
