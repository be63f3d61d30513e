"""`tensorprog claims FILE`: every claim of a program proved, confirmed, refuted or left undecided."""

from __future__ import annotations

import json

import click

from tensorprog.language import read_program, read_values
from tensorprog.numbers.options import budgeted


@click.command("claims", short_help="prove or refute each claim of a program")
@click.argument("file", metavar="FILE")
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Raise a size limit.")
@click.option("--set", "values", multiple=True, metavar="PARAM=NUMBER", help="The number of a param.")
@budgeted
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def claims(
    file: str, limits: tuple[str, ...], values: tuple[str, ...], tolerance: float | None, seconds: float, as_json: bool
) -> int:
    """Prove or refute each claim about the limit.

    Exit code 0 if all hold, 1 if one is refuted, 3 if one is undecided, 2 for an error.
    """
    program = read_program(file, limits, values)
    from tensorprog.limit.claims.decide import claims as decide

    found = decide(program, read_values(program, values), tolerance=tolerance, seconds=seconds)
    for d in found:
        diagnostic = d.diagnostic()
        if diagnostic is not None:
            click.echo(diagnostic.render(program.sources, program.path) + "\n", err=True)
    click.echo(json.dumps(found.to_json(), ensure_ascii=False) if as_json else repr(found))
    return found.exit_code
