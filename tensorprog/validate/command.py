"""`tensorprog validate FILE`: theory against simulation."""

from __future__ import annotations

import json
from typing import Any

import click

from tensorprog.errors import fail
from tensorprog.language.options import on_program
from tensorprog.numbers.options import budgeted
from tensorprog.numbers.progress import working
from tensorprog.program.api import Program
from tensorprog.simulate.command import drawing


@click.command()
@click.option("--widths", default="64,256,1024", show_default=True, metavar="N,N,...", help="Widths to simulate at.")
@click.option("--samples", default=2000, show_default=True, help="Independent draws at each width.")
@click.option("--level", default=0.01, show_default=True, help="Chance of rejecting a true theory, over all tests.")
@drawing
@budgeted
@on_program()
def validate(program: Program, widths: str, as_json: bool, **options: Any) -> int:
    """Theory against simulation. Exit code 0 agrees, 1 disagrees, 3 inconclusive."""
    at = read_widths(widths)
    with working(f"validating {program.name}"):
        from tensorprog.validate import run

        result = run.validate(program, at, progress=True, **options)
    click.echo(json.dumps(result.to_json(), ensure_ascii=False) if as_json else repr(result))
    return result.exit_code


def read_widths(text: str, most: int = 10**18) -> tuple[int, ...]:
    """Return widths written as 64,256,1024 (TP018)."""
    words = [w.strip() for w in text.split(",")]
    if not all(w.isascii() and w.isdigit() and len(w) < 20 and 0 < int(w) <= most for w in words):
        raise fail("TP018", f"--widths {text!r:.60} is not a list of widths", help="write --widths 64,256,1024")
    return tuple(dict.fromkeys(map(int, words)))
