"""`tensorprog report FILE`: one self-contained HTML page about a program."""

from __future__ import annotations

from pathlib import Path

import click

from tensorprog.errors import fail
from tensorprog.language import read_program, read_values
from tensorprog.numbers.options import budgeted

EXIT = {"valid": 0, "valid-by-remark": 0, "invalid": 1, "undecided": 3}
MOST_SAMPLES = 1_000_000


@click.command("report", short_help="one self-contained HTML page: program, graph, verdict, formulas, plots")
@click.argument("file", metavar="FILE")
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="The page; by default FILE's name with .html.")
@click.option("-n", "width", default=256, show_default=True, type=click.IntRange(1), help="Width of the histograms.")
@click.option("--samples", default=2000, show_default=True, type=click.IntRange(0, MOST_SAMPLES),
              help="Draws for histograms and for each width of --validate; 0 for none.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of all draws.")
@click.option("--validate", "validated", is_flag=True, help="Add a validation: theory against simulation.")
@click.option("--widths", default="64,256,1024", show_default=True, help="The widths of --validate.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Raise a size limit.")
@click.option("--set", "values", multiple=True, metavar="PARAM=NUMBER", help="The number of a param.")
@budgeted
def report(
    file: str, out: str | None, width: int, samples: int, seed: int, validated: bool, widths: str,
    limits: tuple[str, ...], values: tuple[str, ...], tolerance: float | None, seconds: float,
) -> int:  # fmt: skip
    """Write a page that opens from disk, without a network: program, graph, verdict, formulas, laws, claims.

    Exit code 0 for valid and valid-by-remark, 1 for invalid, 3 for undecided, 2 for an error.
    """
    program = read_program(file, limits, values)
    at = _widths(widths) if validated else ()
    if validated and samples < 2:
        raise fail("TP018", "--validate needs at least 2 samples", help="raise --samples")
    from tensorprog.display.report import report_of
    from tensorprog.display.subject import Options

    made = report_of(
        program, Options(width, samples, seed, at, read_values(program, values), tolerance, seconds), progress=True
    )
    path = Path(out) if out is not None else Path("report.html" if file == "-" else f"{Path(file).stem}.html")
    _write(path, made.html)
    click.echo(f"{program.name}: {made.verdict}; the report is in {path}", err=True)
    return EXIT[made.verdict]


def _widths(text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(w.strip().isascii() and w.strip().isdigit() and 0 < int(w) <= 10**7 for w in words):
        raise fail("TP018", f"--widths {text!r:.60} is not a list of widths", help="write --widths 64,256,1024")
    return tuple(dict.fromkeys(int(w) for w in words))


def _write(path: Path, text: str) -> None:
    """The whole file or nothing."""
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise fail("TP018", f"cannot write {path}: {error.strerror or error}") from None
