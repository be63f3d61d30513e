"""Writes the TextMate grammar of the VS Code extension from the words of the language: `python editors/generate.py`."""

from __future__ import annotations

import json
from pathlib import Path

from tensorprog.editor.text.highlight import textmate

GRAMMAR = Path(__file__).parent / "vscode" / "syntaxes" / "tensorprog.tmLanguage.json"


def text() -> str:
    """The grammar as it is written to the file."""
    return json.dumps(textmate(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GRAMMAR.write_text(text(), encoding="utf-8")
