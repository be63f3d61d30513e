"""The files that a text includes, for what crosses from one to another."""

from __future__ import annotations

from pathlib import Path

from tensorprog.editor.text.outline import Declaration, outline
from tensorprog.errors import TensorProgError
from tensorprog.language.files import read_text
from tensorprog.program.graph.limits import DEFAULT_LIMITS

MOST_FILES = 100


def included(text: str, path: str | None) -> dict[str, str]:
    """Return the texts of the included files by their paths, theirs included; what cannot be read is left out."""
    if path is None:
        return {}
    root = Path(path).resolve().parent
    out: dict[str, str] = {}
    waiting = [(text, root)]
    while waiting and len(out) < MOST_FILES:
        top, folder = waiting.pop()
        for s in outline(top).statements:
            if s[0].text != "include" or len(s) < 2:
                continue
            file = (folder / s[1].text.strip('"')).resolve()
            if str(file) in out or not file.is_relative_to(root):
                continue
            try:
                out[str(file)] = read_text(file, DEFAULT_LIMITS)
            except TensorProgError:
                continue
            waiting.append((out[str(file)], file.parent))
    return out


def definitions(text: str, path: str | None, line: int, column: int) -> list[tuple[str | None, Declaration]]:
    """Return where the name at a cursor is defined: the file (None for the text itself) and the declaration."""
    found = outline(text)
    own: list[tuple[str | None, Declaration]] = [(None, d) for d in found.definitions(line, column)]
    token = found.token_at(line, column)
    if own or token is None or token.role not in ("name", "function"):
        return own
    others = included(text, path).items()
    return [(file, d) for file, other in others for d in outline(other).by_name.get(token.text, ())]
