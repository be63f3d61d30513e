"""docs/howto/extend.md, carried out: its changes made to a copy of the package, its commands run there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "howto" / "extend.md"
STEP = re.compile(
    r"^(?P<how>New file|At the end of|In) `(?P<path>[^`]+)`"
    r"(?:, (?P<where>after|before|instead of) the line `(?P<line>[^`]+)`)?:\n\n```\w+\n(?P<body>.*?)^```$"
    r"|^```console\n(?P<console>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def steps() -> Iterator[re.Match[str]]:
    return STEP.finditer(PAGE.read_text(encoding="utf-8"))


def changed(text: str, step: re.Match[str]) -> str:
    """A file's text after a step; a line that a step names must stand there exactly once."""
    if step["how"] == "At the end of":
        return text + step["body"]
    line, body = step["line"] + "\n", step["body"]
    assert text.count("\n" + line) == 1, step["line"]
    new = {"after": line + body, "before": body + line, "instead of": body}[step["where"]]
    return text.replace("\n" + line, "\n" + new)


DRIVER = """
import json, sys
from tensorprog.cli import main
for words in json.loads(sys.argv[1]):
    main(words)
    print("\\f", flush=True)
"""


def run(folder: Path, console: str) -> None:
    """Each command prints the lines that the page shows, in this order; … stands for anything."""
    blocks = [part.splitlines() for part in re.split(r"^\$ ", console, flags=re.MULTILINE) if part]
    commands = [command.split() for command, *_ in blocks]
    assert {words[0] for words in commands} == {"tensorprog"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", DRIVER, json.dumps([words[1:] for words in commands])],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for (command, *shown), printed in zip(blocks, done.stdout.split("\f\n")[:-1], strict=True):
        lines = iter(printed.splitlines())
        for line in shown:
            pattern = re.escape(line.strip()).replace("…", ".*")
            assert any(re.search(pattern, got) for got in lines), (command, line, printed, done.stderr)


def test_the_page_has_what_it_promises() -> None:
    found = list(steps())
    assert sum(s["console"] is not None for s in found) == 4
    assert sum(s["path"] is not None for s in found) == PAGE.read_text(encoding="utf-8").count("\n```") / 2 - 4


def test_what_the_page_shows_is_compared(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run(ROOT, "$ tensorprog explain TP101\nanother program\n")


def test_the_walk_throughs_work_as_written(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tensorprog", tmp_path / "tensorprog", ignore=shutil.ignore_patterns("__pycache__"))
    for step in steps():
        if step["console"] is not None:
            run(tmp_path, step["console"])
            continue
        path = tmp_path / step["path"]
        if step["how"] == "New file":
            assert not path.exists()
            path.write_text(step["body"], encoding="utf-8")
        else:
            path.write_text(changed(path.read_text(encoding="utf-8"), step), encoding="utf-8")
    style = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path / "tensorprog")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert style.returncode == 0, style.stdout


def test_the_map_of_additions_names_what_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("### Where to add what")[1].split("\n\n[Extending")[0]
    named = [name for name in re.findall(r"`([^`]+)`", table) if "PACKAGE" not in name and "nnn" not in name]
    assert len(named) > 15
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "tensorprog" / name).exists(), name
