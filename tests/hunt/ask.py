"""Asks the package under test by its command line, in this process: exit code, strict JSON, CPU time."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

PATIENCE = 10.0
"""CPU seconds after which a command is given up."""
BUDGET = 2.0
"""Seconds for one number, where the package has such a budget."""


class Overtime(BaseException):
    """The alarm; no handler of the package's for Exception catches it."""


@dataclass(frozen=True)
class Answer:
    """What a command answered. `code` is None if it did not end, or ended in an exception."""

    words: tuple[str, ...]
    code: int | None
    data: Any
    error: str
    fault: str = ""
    text: str = ""
    seconds: float = 0.0

    @property
    def diagnostics(self) -> list[str]:
        found = self.data.get("diagnostics", []) if isinstance(self.data, dict) else []
        return sorted({d["code"] for d in found if isinstance(d, dict) and "code" in d})

    @property
    def refused(self) -> bool:
        return self.code is None or self.code == 2


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raises Overtime after so many CPU seconds."""

    def ring(*_: object) -> None:
        raise Overtime

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _strict(text: str) -> Any:
    def constant(word: str) -> Any:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=constant)


@lru_cache
def budget(command: str) -> tuple[str, ...]:
    """A search for a number is given a few seconds, by a version that knows such an option."""
    import click

    from tensorprog.cli import group

    found = group.get_command(click.Context(group), command)
    known = found is not None and any("--seconds" in p.opts for p in found.params)
    return ("--seconds", f"{BUDGET:g}") if known else ()


def ask(*words: str, patience: float = PATIENCE) -> Answer:
    """One command with --json; what breaks the contract of every command is told in `fault`."""
    from tensorprog.cli import main

    out, err = io.StringIO(), io.StringIO()
    start, code, fault = time.process_time(), None, ""
    try:
        with alarm(patience), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, *budget(words[0]), "--json"])
    except Overtime:
        fault = f"no end after {patience:.0f} s"
    except (Exception, SystemExit):
        last = traceback.format_exc(chain=False).strip().splitlines()
        fault = f"traceback: {last[-1]} at {next((x.strip() for x in reversed(last) if 'line' in x), '')}"
    seconds = time.process_time() - start
    data: Any = None
    if code is not None:
        try:
            data = _strict(out.getvalue())
        except ValueError as wrong:
            fault = f"standard output is no strict JSON: {wrong}"
        if code not in (0, 1, 2, 3):
            fault = f"exit code {code}"
        elif "Traceback" in err.getvalue():
            fault = "traceback on standard error"
    return Answer(words, code, data, err.getvalue(), fault, out.getvalue(), seconds)


def written(text: str, folder: Path, name: str = "case.tp") -> str:
    """The path of a file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def rigorous(entry: dict[str, Any], error: str = "error") -> bool:
    """Whether an error is said to be exact or a bound. A version that names no kind of error bounds all but samples."""
    kind = entry.get(f"{error}_kind")
    return kind in ("exact", "bound") if kind is not None else entry.get("method") != "sampling"


def command_line(words: Sequence[str]) -> str:
    """The command as a person would type it, files by their names alone."""
    shown = [Path(w).name if w.startswith("/") else w for w in words]
    return "tensorprog " + " ".join(w if w.replace("-", "").replace(".", "").isalnum() else f"'{w}'" for w in shown)
