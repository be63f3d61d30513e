"""Follows a file: builds its page anew whenever it changes, and tells who waits for it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tensorprog.editor.answers.pages import error_page
from tensorprog.editor.text.included import included
from tensorprog.editor.work.process import Process
from tensorprog.errors import TensorProgError
from tensorprog.language.files import read_text
from tensorprog.program.graph.limits import DEFAULT_LIMITS

PAUSE = 0.1
"""Seconds between two looks at the file; a change is believed when it is seen twice, for a file may be half written."""
Stage = Literal["computing", "part", "whole"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be seen: a number that grows with every page, how far it is, the verdict, the page."""

    number: int
    stage: Stage
    word: str
    html: str


class Follower:
    """The newest page on a file; `wait` returns when there is a newer one."""

    def __init__(self, path: Path, samples: int, seconds: float) -> None:
        self.path, self.samples, self.seconds = path, samples, seconds
        self.shown = Shown(0, "computing", "", error_page(path.name, "reading the file"))
        self._news = threading.Condition()
        self._process: Process | None = None
        self._turn = 0
        self.ended = False

    def wait(self, number: int, seconds: float) -> Shown | None:
        """Return what is shown once it is newer than `number`; None if there is no news for so long, or no more."""
        with self._news:
            found = self._news.wait_for(lambda: self.ended or self.shown.number > number, seconds)
            return self.shown if found and not self.ended else None

    def follow(self) -> None:
        """Look at the file until `end`; a build that is under way when it changes is dropped."""
        believed = seen = self._stamp()
        self._start()
        while not self.ended:
            time.sleep(PAUSE)
            before, seen = seen, self._stamp()
            if seen != believed and seen == before:
                believed = seen
                self._start()

    def end(self) -> None:
        """Stop looking, end the build, wake who waits."""
        with self._news:
            self.ended = True
            self._turn += 1
            self._news.notify_all()
        if self._process is not None:
            self._process.kill()

    def _stamp(self) -> object:
        """Return the content of the file and of those that it includes, or why there is none."""
        try:
            text = read_text(self.path, DEFAULT_LIMITS)
        except TensorProgError as error:
            return error.diagnostics[0].message
        return text, tuple(included(text, str(self.path)).items())

    def _start(self) -> None:
        self._turn += 1
        if self._process is not None:
            self._process.kill()
        self._process = process = Process()
        threading.Thread(target=self._build, args=(process, self._turn), daemon=True).start()

    def _build(self, process: Process, turn: int) -> None:
        self._show(turn, "computing", self.shown.word, self.shown.html)
        try:
            text = read_text(self.path, DEFAULT_LIMITS)
        except TensorProgError as error:
            self._show(turn, "whole", "error", error_page(self.path.name, str(error)))
            return
        stage = ""
        for word, stage, html in process.run("pages", text, str(self.path), self.samples, self.seconds):
            self._show(turn, "part" if stage == "part" else "whole", word, html)
        if stage != "whole":
            said = "the page could not be built: the process that builds it has ended"
            self._show(turn, "whole", "error", error_page(self.path.name, said))

    def _show(self, turn: int, stage: Stage, word: str, html: str) -> None:
        with self._news:
            if turn == self._turn:
                self.shown = Shown(self.shown.number + 1, stage, word, html)
                self._news.notify_all()
