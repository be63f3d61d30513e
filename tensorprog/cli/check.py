"""The commands that need no mathematics library: check, show, explain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tensorprog.errors import CODES, fail
from tensorprog.language import read_program
from tensorprog.program.forms.shown import FORMS

EXIT = {"valid": 0, "valid-by-remark": 0, "invalid": 1, "undecided": 3}
_F = TypeVar("_F", bound=Callable[..., Any])


def program_options(command: _F) -> _F:
    """FILE, --limit and --json, as every command on a program has them."""
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(command)
    command = click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Raise a size limit.")(
        command
    )
    return click.argument("file", metavar="FILE")(command)


@click.command()
@program_options
@click.option(
    "--set", "values", multiple=True, metavar="PARAM=NUMBER", help="A param's number; verdicts do not depend on it."
)
def check(file: str, limits: tuple[str, ...], as_json: bool, values: tuple[str, ...]) -> int:
    """Which theorems cover the program, premise by premise.

    Exit code 0 for valid and valid-by-remark, 1 for invalid, 3 for undecided, 2 for an error.
    """
    from tensorprog.theorems import check as judge
    from tensorprog.theorems.verdict import diagnostics_text

    program = read_program(file, limits, values)
    verdict = judge(program)
    diagnostics = diagnostics_text(verdict)
    if diagnostics:
        click.echo(diagnostics + "\n", err=True)
    click.echo(json.dumps(verdict.to_json(), ensure_ascii=False) if as_json else repr(verdict))
    return EXIT[verdict.verdict]


@click.command()
@program_options
@click.option("--format", "form", default="text", type=click.Choice([*FORMS]))
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Write to a file instead of standard output.")
def show(file: str, limits: tuple[str, ...], as_json: bool, form: str, out: str | None) -> int:
    """The lowered program, one instruction a line."""
    text = FORMS["json" if as_json else form](read_program(file, limits)).rstrip("\n")
    if out is None:
        click.echo(text)
    else:
        write_atomically(Path(out), text)
    return 0


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing."""
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise fail("TP018", f"cannot write {path}: {error.strerror or error}") from None


@click.command()
@click.argument("code", metavar="CODE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def explain(code: str, as_json: bool) -> int:
    """The long explanation of a diagnostic (TP101) or a theorem (attention), with an example."""
    from tensorprog.theorems.check import theorem_by_id
    from tensorprog.theorems.verdict import THEOREMS

    if code.upper() in CODES:
        text = error_page(code.upper())
        title = CODES[code.upper()]
    else:
        theorem = theorem_by_id(code)
        if theorem is None:
            known = f"{', '.join(t.id for t in THEOREMS)}, and {min(CODES)} to {max(CODES)}"
            raise fail("TP018", f"nothing is known of {code!r}", help=f"explained are {known}")
        from tensorprog.theorems.report import theorem_text

        text, title = theorem_text(theorem), theorem.title
    click.echo(json.dumps({"code": code, "title": title, "text": text}, ensure_ascii=False) if as_json else text)
    return 0


def error_page(code: str) -> str:
    """The page of a code, from the installed package or the source tree."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "docs" / "errors", package.parent / "docs" / "errors"):
        path = folder / f"{code}.md"
        if path.is_file():
            return path.read_text(encoding="utf-8").rstrip("\n")
    return f"{code}: {CODES[code]}"
