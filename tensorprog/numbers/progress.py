"""How far a run is and how long it will take: lines on standard error, on a terminal or in a notebook only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from threading import RLock, Timer
from typing import Any, TextIO, TypeVar

T = TypeVar("T")

PATIENCE = 0.3
"""Seconds after which something is shown: what is ready by then needs no bar."""


@dataclass(eq=False)
class Progress:
    """Counts draws, or other units; the time left is judged by those made since the start, not by those found made."""

    total: int
    stream: TextIO | None
    done: int = 0
    fresh: int = 0
    start: float = field(default_factory=time.monotonic)
    unit: str = "draws"
    most: float | None = None
    """After so many seconds it is over, whatever is done by then."""

    @staticmethod
    def of(
        total: int, wanted: bool, stream: TextIO | None = None, unit: str = "draws", most: float | None = None
    ) -> Progress:
        """Return a line: in a notebook, or on `stream` (standard error) if that is a terminal, and it is wanted there.

        What a command counts while it works is always wanted.
        """
        out = sys.stderr if stream is None else stream
        on_terminal = (wanted or bool(_board.lines)) and out is not None and out.isatty()
        shown = on_terminal or in_a_notebook()
        made = Progress(total, out if shown else None, unit=unit, most=most)
        if shown:
            _board.add(made)
        return made

    def add(self, draws: int, fresh: bool = True) -> None:
        self.done = min(self.total, self.done + draws)  # the last block may hold more than was asked for
        self.fresh += draws if fresh else 0
        if self.stream is not None:
            _board.refresh(self)

    def line(self, seconds: float) -> str:
        """`1200 of 5000 draws (24%), 3 min 20 s left`; before anything is done, the most that it may take."""
        counted = f"{self.done} of {self.total} {self.unit} ({100 * self.done // max(1, self.total)}%)"
        text = counted if self.total else self.unit
        bound = None if self.most is None else max(0.0, self.most - seconds)
        if self.fresh:
            left = seconds * (self.total - self.done) / self.fresh
            return f"{text}, {duration(left if bound is None else min(left, bound))} left"
        return f"{text}, {duration(seconds)} so far" if bound is None else f"{text}, at most {duration(bound)} left"

    def close(self) -> None:
        if self.stream is not None:
            _board.remove(self)


class _Board:
    """One display of the lines of all that is going on; it is drawn by rich, from a thread of its own."""

    def __init__(self) -> None:
        self.lines: dict[Progress, Any] = {}
        self.lock = RLock()
        self.display: Any = None
        self.timer: Timer | None = None

    def add(self, line: Progress) -> None:
        with self.lock:
            self.lines[line] = None if self.display is None else self._task(line)
            if self.timer is None:
                self.timer = Timer(PATIENCE, self._begin)
                self.timer.daemon = True
                self.timer.start()

    def remove(self, line: Progress) -> None:
        with self.lock:
            task = self.lines.pop(line, None)
            if task is not None:
                self.display.remove_task(task)
            if self.lines or self.timer is None:
                return
            self.timer.cancel()
            display, self.timer, self.display = self.display, None, None
        if display is not None:  # outside the lock: it waits for its own thread
            display.stop()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task
        from rich.progress import Progress as Display
        from rich.text import Text

        class Said(ProgressColumn):
            max_refresh = 0.1

            def render(self, task: Task) -> Text:
                line: Progress = task.fields["line"]
                return Text(line.line(time.monotonic() - line.start))

        with self.lock:
            if not self.lines or self.timer is None:
                return
            stream = next(iter(self.lines)).stream
            console = Console(file=stream) if stream is not None and stream.isatty() else Console()
            self.display = Display(SpinnerColumn(), BarColumn(bar_width=24), Said(), console=console, transient=True,
                                   redirect_stdout=False, redirect_stderr=False)  # fmt: skip
            for line in self.lines:
                self.lines[line] = self._task(line)
            self.display.start()

    def _task(self, line: Progress) -> Any:
        return self.display.add_task("", total=line.total or None, completed=line.done, line=line)

    def refresh(self, line: Progress) -> None:
        with self.lock:
            task = self.lines.get(line)
            if task is not None:
                self.display.update(task, completed=line.done)


_board = _Board()


def in_a_notebook() -> bool:
    """Return whether this is the kernel of a notebook that can show widgets; there bars need not be asked for."""
    return "ipykernel" in sys.modules and find_spec("ipywidgets") is not None


@contextmanager
def working(what: str, most: float | None = None) -> Iterator[None]:
    """A command is at work: a terminal is told what, how long, and whatever is counted meanwhile.

    >>> with working("checking"):
    ...     counted([lambda: 1], False, "outputs")
    [1]
    """
    line = Progress.of(0, True, unit=what, most=most)
    try:
        yield
    finally:
        line.close()


def duration(seconds: float) -> str:
    """Seconds in words: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def counting(total: int, wanted: bool, unit: str) -> Iterator[Progress]:
    """What is told on a terminal, if that is wanted, while so many things are done and added.

    >>> with counting(2, False, "results") as counter:
    ...     counter.add(1)
    """
    counter = Progress.of(total, wanted, unit=unit)
    try:
        yield counter
    finally:
        counter.close()


def counted(asked: Iterable[Callable[[], T]], wanted: bool, unit: str) -> list[T]:
    """Return the answers, one after the other; a terminal is told how many are there, if that is wanted.

    >>> counted([lambda: 1, lambda: 2], False, "results")
    [1, 2]
    """
    todo, out = list(asked), []
    with counting(len(todo), wanted, unit) as counter:
        for ask in todo:
            out.append(ask())
            counter.add(1)
    return out
