"""The pages of the gallery as notebooks: `make site` puts one beside each page, to be downloaded and run.

    python docs/notebooks.py PAGE.md NAME.ipynb

Prose stays prose; a program is written to its file, a command runs in the shell, Python runs as it stands. Outputs are
left to the reader's machine; the tests run the notebooks.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.M | re.S)
IMAGE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n?", re.M)
START = """from pathlib import Path

from IPython.display import SVG, display
from tensorprog.display.page.plots import standalone

Path("examples/gallery").mkdir(parents=True, exist_ok=True)


def show(name, plot):
    display(SVG(standalone(plot)))"""


def notebook(page: str) -> Any:
    """Return a page as a notebook, without outputs."""
    from nbformat import v4

    cells: list[Any] = []

    def prose(text: str) -> None:
        kept = IMAGE.sub("", text).strip()  # pictures are drawn by the cells
        if kept:
            cells.append(v4.new_markdown_cell(kept))
            if len(cells) == 1:
                cells.append(v4.new_code_cell(START))

    at = 0
    for found in BLOCK.finditer(page):
        prose(page[at : found.start()])
        at = found.end()
        (kind, *rest), body = found["info"].split(), found["body"].rstrip("\n")
        if kind == "tp" and rest:
            text = (ROOT / "examples" / "gallery" / f"{rest[0]}.tp").read_text(encoding="utf-8")
            cells.append(v4.new_code_cell(f"%%writefile examples/gallery/{rest[0]}.tp\n{text.rstrip()}"))
        elif kind == "console":
            commands = [f"!{line[2:]}" for line in body.splitlines() if line.startswith("$ ")]
            cells.append(v4.new_code_cell("\n".join(commands)))
        elif kind == "python":
            cells.append(v4.new_code_cell(body))
        elif kind != "text":  # which is what the cell before it prints
            prose(found[0])
    prose(page[at:])
    for k, cell in enumerate(cells):
        cell["id"] = f"cell-{k}"  # the same file each time
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def write(page: Path, to: Path) -> None:
    """Write a page as a notebook."""
    import nbformat

    nbformat.write(notebook(page.read_text(encoding="utf-8")), to)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
