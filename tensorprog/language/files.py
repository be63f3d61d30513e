"""Texts read from files, and files written as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tensorprog.errors import fail
from tensorprog.kernel.ground.place import Place
from tensorprog.program.graph.limits import Limits


def read_text(path: Path, limits: Limits) -> str:
    """Return the text of a file, refusing what is too large, unreadable or not UTF-8 (TP018, TP901, TP013)."""
    try:
        if not path.is_file() and path.exists():
            raise fail("TP018", f"{path} is not a file")
        with path.open("rb") as file:
            raw = file.read(limits.file_bytes + 1)
    except OSError as error:
        raise fail("TP018", f"cannot read {path}: {error.strerror or error}") from None
    if len(raw) > limits.file_bytes:
        raise limits.exceeded("TP901", "file_bytes", path.stat().st_size, f"{path} is too large")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise fail(
            "TP013", f"{path} is not UTF-8 text (line {line})", Place(line, 1), help="save it as UTF-8"
        ) from None


def write_whole(path: Path, content: str | Callable[[BinaryIO], object]) -> None:
    """Write a whole file or nothing: beside it, flushed to the disk, then moved into place (TP018)."""
    temporary = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode("utf-8")) if isinstance(content, str) else content(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise fail("TP018", f"cannot write {path}: {error.strerror or error}") from None
