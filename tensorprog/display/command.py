"""`tensorprog report FILE`: one self-contained HTML page about a program."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import click

from tensorprog.errors import fail
from tensorprog.language.files import write_whole
from tensorprog.language.options import STANDARD_INPUT, on_program
from tensorprog.numbers.options import budgeted
from tensorprog.program.api import Program
from tensorprog.theorems.verdict import EXIT
from tensorprog.validate.command import read_widths

MOST_SAMPLES = 1_000_000
WIDEST = 10**7


@click.command("report", short_help="one self-contained HTML page: program, graph, verdict, formulas, plots")
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="The page; by default FILE's name with .html.")
@click.option("-n", "width", default=256, show_default=True, type=click.IntRange(1), help="Width of the histograms.")
@click.option("--samples", default=2000, show_default=True, type=click.IntRange(0, MOST_SAMPLES),
              help="Draws for histograms and for each width of --validate; 0 for none.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of all draws.")
@click.option("--validate", "validated", is_flag=True, help="Add a validation: theory against simulation.")
@click.option("--widths", default="64,256,1024", show_default=True, help="The widths of --validate.")
@budgeted
@on_program(as_json=False)
def report(
    program: Program, values: dict[str, Fraction], out: str | None, width: int, samples: int, seed: int,
    validated: bool, widths: str, tolerance: float | None, seconds: float,
) -> int:  # fmt: skip
    """Write a page that opens from disk, without a network: program, graph, verdict, formulas, laws, claims.

    Exit code 0 for valid and valid-by-remark, 1 for invalid, 3 for undecided, 2 for an error.
    """
    at = read_widths(widths, WIDEST) if validated else ()
    if validated and samples < 2:
        raise fail("TP018", "--validate needs at least 2 samples", help="raise --samples")
    from tensorprog.display.report import report_of
    from tensorprog.display.subject import Options

    made = report_of(program, Options(width, samples, seed, at, values, tolerance, seconds), progress=True)
    name = "report" if program.path == STANDARD_INPUT else Path(program.path).stem
    path = Path(out) if out is not None else Path(f"{name}.html")
    write_whole(path, made.html)
    click.echo(f"{program.name}: {made.verdict}; the report is in {path}")
    return EXIT[made.verdict]
