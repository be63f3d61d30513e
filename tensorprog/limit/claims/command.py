"""`tensorprog claims FILE`: every claim of a program proved, confirmed, refuted or left undecided."""

from __future__ import annotations

import json
from fractions import Fraction

import click

from tensorprog.language.options import on_program
from tensorprog.numbers.options import budgeted
from tensorprog.numbers.progress import working
from tensorprog.program.api import Program


@click.command("claims", short_help="prove or refute each claim of a program")
@budgeted
@on_program()
def claims(
    program: Program, values: dict[str, Fraction], tolerance: float | None, seconds: float, as_json: bool
) -> int:
    """Prove or refute each claim about the limit.

    Exit code 0 if all hold, 1 if one is refuted, 3 if one is undecided, 2 for an error.
    """
    with working(f"claims of {program.name}"):
        from tensorprog.limit.claims.decide import claims as decide

        found = decide(program, values, tolerance=tolerance, seconds=seconds)
    for d in found:
        diagnostic = d.diagnostic()
        if diagnostic is not None:
            click.echo(diagnostic.render(program.sources, program.path) + "\n", err=True)
    click.echo(json.dumps(found.to_json(), ensure_ascii=False) if as_json else repr(found))
    return found.exit_code
