"""The commands that need no mathematics library: check, show, explain."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import click

from tensorprog.errors import CODES, did_you_mean, fail
from tensorprog.language.files import write_whole
from tensorprog.language.options import on_program
from tensorprog.numbers.progress import working
from tensorprog.program.api import Program
from tensorprog.program.forms.shown import FORMS


@click.command()
@on_program("A param's number; verdicts do not depend on it.")
def check(program: Program, values: dict[str, Fraction], as_json: bool) -> int:
    """Which theorems cover the program, premise by premise.

    Exit code 0 for valid and valid-by-remark, 1 for invalid, 3 for undecided, 2 for an error.
    """
    from tensorprog.theorems import check as judge
    from tensorprog.theorems.verdict import EXIT, diagnostics_text

    with working(f"checking {program.name}"):
        verdict = judge(program)
    diagnostics = diagnostics_text(verdict)
    if diagnostics:
        click.echo(diagnostics + "\n", err=True)
    click.echo(json.dumps(verdict.to_json(), ensure_ascii=False) if as_json else repr(verdict))
    return EXIT[verdict.verdict]


@click.command()
@click.option("--format", "form", default="text", type=click.Choice([*FORMS]))
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Write to a file instead of standard output.")
@on_program(None)
def show(program: Program, form: str, out: str | None, as_json: bool) -> int:
    """The lowered program, one instruction a line."""
    text = FORMS["json" if as_json else form](program).rstrip("\n")
    if out is None:
        click.echo(text)
    else:
        write_whole(Path(out), text + "\n")
    return 0


def _explained(ctx: click.Context, argument: click.Parameter, incomplete: str) -> list[str]:
    from tensorprog.theorems.verdict import THEOREMS

    return [name for name in (*CODES, *(t.id for t in THEOREMS)) if name.lower().startswith(incomplete.lower())]


@click.command()
@click.argument("code", metavar="CODE", shell_complete=_explained)
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
            known = f"explained are {', '.join(t.id for t in THEOREMS)}, and {min(CODES)} to {max(CODES)}"
            near = did_you_mean(code, [*(t.id for t in THEOREMS), *CODES], known)
            raise fail("TP018", f"nothing is known of {code!r}", help=near)
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
