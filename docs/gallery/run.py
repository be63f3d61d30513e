"""The gallery's pages are notebooks in Markdown: this script runs their cells and writes what they print.

    python docs/gallery/run.py [PAGE.md ...]        # all pages, if none is named

* A block `tp NAME` shows examples/gallery/NAME.tp; `tp save FILE` is written to FILE for the cells behind it.
* In a block `console` every line that starts with `$ tensorprog` is run, and its output follows.
* A block `python` is run, in one namespace a page; what it prints stands in the block `text` behind it. The function
  `show(name, plot)` writes docs/gallery/images/NAME.svg.

The tests run all pages again and compare texts exactly, and numbers up to the rounding of another machine.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorprog.cli import main as tensorprog
from tensorprog.display.page.plots import Plot, standalone

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$(?P<text>\n\n?```text\n.*?^```$)?", re.M | re.S)


def pages() -> list[Path]:
    own = sorted(p for p in HERE.glob("*.md") if p.stem != "index")
    return [*own, *guides()]


def guides() -> list[Path]:
    """The tutorial and what is told step by step; extend.md changes the package, and has a test of its own."""
    howto = sorted(p for p in (HERE.parent / "howto").glob("*.md") if p.stem != "extend")
    return [HERE.parent / "tutorial.md", *howto]


def rerun(page: str, images: Path, folder: Path = ROOT) -> str:
    """The page with its outputs made anew in `folder`; pictures go to `images`."""

    def show(name: str, plot: Plot) -> None:
        (images / f"{name}.svg").write_text(standalone(plot), encoding="utf-8")

    names: dict[str, Any] = {"show": show}

    def cell(found: re.Match[str]) -> str:
        kind, *rest = found["info"].split()
        text = found["text"] or ""
        if kind == "tp" and rest[:1] == ["save"]:
            Path(rest[1]).write_text(found["body"], encoding="utf-8")
        elif kind == "tp" and rest:
            body = (ROOT / "examples" / "gallery" / f"{rest[0]}.tp").read_text(encoding="utf-8")
            return f"```{found['info']}\n{body}```{text}"
        if kind == "console":
            commands = [line for line in found["body"].splitlines() if line.startswith("$ ")]
            shown = "".join(c + "\n" + _output(c) for c in commands)
            return f"```console\n{shown}```{text}"
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(found["body"], "cell", "exec"), names)
            printed = f"\n\n```text\n{out.getvalue()}```" if out.getvalue() else ""
            return f"```python\n{found['body']}```{printed}"
        return found[0]

    with _inside(folder):
        return BLOCK.sub(cell, page)


def _output(command: str) -> str:
    """What a command prints, errors first as on a terminal; `| head -N` keeps the first N lines."""
    command, _, head = command[2:].partition(" | head -")
    words = shlex.split(command)
    assert words[0] == "tensorprog"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        tensorprog(words[1:])
    text = err.getvalue() + "".join(out.getvalue().splitlines(keepends=True)[: int(head) if head else None])
    return text if text.endswith("\n") or not text else text + "\n"


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In a folder; what a cell writes there is removed."""
    before, there = os.getcwd(), set(folder.iterdir())
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        for new in {p for p in folder.iterdir() if p.is_file()} - there:
            new.unlink()


def main() -> None:
    for page in [Path(a) for a in sys.argv[1:]] or pages():
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            where = ROOT if page.resolve().parent == HERE else Path(folder)
            page.write_text(rerun(text, HERE / "images", where), encoding="utf-8")
        print(page.name)


if __name__ == "__main__":
    main()
