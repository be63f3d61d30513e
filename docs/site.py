"""The documentation as a site: `make site` runs this, and build/site/index.html opens from disk, without a network.

The pages are those that the repository holds, in the same tree, so that every link between them works in both places.
Added are a start page, the theorems (from their own files) and the Python names (from their docstrings). Formulas
become MathML, which browsers draw by themselves.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPIED = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs",
    "benchmarks",
    "examples",
    "tests/corpus/networks",
)
MODULES = {
    "tensorprog": "The package",
    "tensorprog.models": "Builders for usual networks",
    "tensorprog.nngp": "Kernels at scale",
}
START = """# tensorprog

A proof assistant for Tensor Programs: write a network as a short program, and see which theorem gives its
infinite-width limit, the law in closed form, and simulation beside it.

```{toctree}
:maxdepth: 1
:caption: Start

README.md
docs/tutorial.md
docs/gallery/index.md
```

```{toctree}
:maxdepth: 1
:caption: How to

docs/howto/own_network.md
docs/howto/fix_a_verdict.md
docs/howto/long_runs.md
docs/models.md
docs/howto/editors.md
docs/howto/certificates.md
docs/howto/extend.md
```

```{toctree}
:maxdepth: 1
:caption: Reference

docs/language.md
docs/commands.md
theorems/index.md
docs/errors/index.md
docs/formula_gallery.md
api/index.md
docs/notation.md
```

```{toctree}
:maxdepth: 1
:caption: Why it may be believed

docs/theory.md
docs/functions.md
docs/gaussian.md
docs/limits.md
docs/hierarchical.md
docs/simulation.md
docs/report.md
docs/calculus.md
docs/certified.md
docs/soundness.md
docs/limitations.md
docs/comparison.md
docs/reproduction.md
examples/sakai2025/figures/table.md
benchmarks/README.md
benchmarks/RESULTS.md
```

```{toctree}
:maxdepth: 1
:caption: The project

docs/architecture.md
CONTRIBUTING.md
CHANGELOG.md
```
"""


def stage(to: Path) -> None:
    """The tree of pages, with the generated ones."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", ".*", "peers"))
        else:
            shutil.copy(source, to / name)
    shutil.copy(ROOT / "docs" / "site_conf.py", to / "conf.py")
    (to / "index.md").write_text(START, encoding="utf-8")
    _theorems(to / "theorems")
    _errors(to / "docs" / "errors")
    _gallery(to / "docs" / "gallery")
    _names(to / "api")


def _listing(title: str, text: str, pages: list[str]) -> str:
    return f"# {title}\n\n{text}\n\n```{{toctree}}\n:maxdepth: 1\n\n" + "\n".join(pages) + "\n```\n"


def _theorems(to: Path) -> None:
    from tensorprog.theorems import THEOREMS

    to.mkdir()
    for t in THEOREMS:
        rows = [f"| `{p.id}` | {_cell(p.statement)} | {_standing(p)} |" for p in t.premises]
        kind = " — a formal rule, not a theorem" if t.formal else ""
        head = "| premise | in the source's words | |\n| --- | --- | --- |\n"
        parts = [f"# {t.title}", f"`{t.id}`{kind}", f"**Source.** {_plain(t.source)}", "## Premises",
                 head + "\n".join(rows), "## Conclusion", f"```text\n{t.conclusion}\n```"]  # fmt: skip
        if t.notes:
            parts += ["## Notes", _plain(t.notes)]
        if t.example:
            parts += ["## A program that it covers", f"```tp\n{t.example.strip()}\n```"]
        (to / f"{t.id}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    text = "What `check` decides, premise by premise. These pages are made from the files that the checker runs."
    (to / "index.md").write_text(_listing("Theorems", text, [f"{t.id}.md" for t in THEOREMS]), encoding="utf-8")


def _standing(premise: Any) -> str:
    if premise.by_remark:
        return "its source calls it inessential"
    return "outside it the limit is only not known" if premise.open else ""


def _errors(to: Path) -> None:
    text = "Every diagnostic has a page, which `tensorprog explain CODE` prints."
    pages = sorted(p.name for p in to.glob("TP*.md"))
    (to / "index.md").write_text(_listing("Error codes", text, pages), encoding="utf-8")


def _gallery(to: Path) -> None:
    index = to / "index.md"
    pages = sorted(p.name for p in to.glob("*.md") if p != index)
    if importlib.util.find_spec("nbformat") is not None:
        _notebooks(to, pages)
    hidden = "\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"
    index.write_text(index.read_text(encoding="utf-8") + hidden, encoding="utf-8")


def _notebooks(to: Path, pages: list[str]) -> None:
    """Put a notebook beside each page, and a line under the page's title that downloads it."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        made = importlib.import_module("notebooks")
    finally:
        sys.path.pop(0)
    own = {p.stem for p in (ROOT / "examples" / "gallery").glob("*.tp")}
    for page in (to / name for name in pages if name.removesuffix(".md") in own):
        notebook = page.with_suffix(".ipynb")
        made.write(page, notebook)
        title, rest = page.read_text(encoding="utf-8").split("\n", 1)
        line = f"{{download}}`This page as a notebook <{notebook.name}>`"
        page.write_text(f"{title}\n\n{line}\n{rest}", encoding="utf-8")


def _names(to: Path) -> None:
    """One page a module: each public name with its signature and its docstring, whose examples the tests run."""
    to.mkdir()
    for module, title in MODULES.items():
        found = importlib.import_module(module)
        parts = [f"# {title}", f"`import {module}`"]
        for name in sorted(n for n in found.__all__ if not n.startswith("_")):
            parts += _described(f"{module.replace('tensorprog', 'tp', 1)}.{name}", getattr(found, name), "##")
        (to / f"{module}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    text = "The public names, from their docstrings; every `>>>` in them is run by the tests."
    (to / "index.md").write_text(_listing("Python names", text, [f"{m}.md" for m in MODULES]), encoding="utf-8")


def _described(name: str, item: Any, heading: str) -> list[str]:
    parts = [f"{heading} {name}"]
    with contextlib.suppress(TypeError, ValueError):  # some built-in types have no signature
        parts.append(f"```python\n{_signature(name.rpartition('.')[2], item)}\n```")
    prose, mark, example = (inspect.getdoc(item) or "").partition("\n>>> ")
    for paragraph in prose.split("\n\n"):
        drawn = any(line.startswith(" ") or "  " in line for line in paragraph.splitlines())
        parts.append(f"```text\n{paragraph}\n```" if drawn else _plain(paragraph.strip()))
    if mark:
        parts.append(f"```pycon\n>>> {example.rstrip()}\n```")
    if inspect.isclass(item):
        for member, value in sorted(vars(item).items()):
            plain = value.fget if isinstance(value, property) else getattr(value, "func", value)
            if not member.startswith("_") and inspect.getdoc(plain) and callable(plain):
                parts += _described(f"{name}.{member}", plain, heading + "#")
    return parts


def _signature(name: str, item: Any) -> str:
    """One line if it fits, else one line a param."""
    found = inspect.signature(item)
    params = [re.sub(r"(: )'([^']*)'", r"\1\2", str(p)) for p in found.parameters.values()]
    params = [re.sub(r" = [^=]{60,}$", " = ...", p) for p in params]
    back = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}".replace("'", "")
    line = f"{name}({', '.join(params)}){back}"
    return line if len(line) <= 90 else f"{name}(\n    " + ",\n    ".join(params) + f",\n){back}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is written, code spans and formulas kept."""
    parts = re.split(r"(`[^`]*`|\$[^$]*\$)", text)
    return "".join(part if k % 2 else re.sub(r"([*_^<\[\]])", r"\\\1", part) for k, part in enumerate(parts))


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def main() -> int:
    from sphinx.cmd.build import build_main

    where = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build"
    stage(where / "site-source")
    return int(build_main(["-W", "--keep-going", "-q", "-b", "html", "-d", str(where / "site-doctrees"),
                           str(where / "site-source"), str(where / "site")]))  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
