"""The commands `simulate` and `validate`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from tensorprog.errors import fail
from tensorprog.kernel.ground.nodes import LAWS
from tensorprog.language import read_program, read_values
from tensorprog.numbers.options import budgeted
from tensorprog.program.api import Program
from tensorprog.simulate.command import simulate_command


def read(file: str, limits: Iterable[str], values: Iterable[str]) -> tuple[Program, Mapping[str, Any]]:
    """Return the program and the numbers of its params that were given."""
    program = read_program(file, limits)
    return program, read_values(program, values)


simulate = simulate_command(read)


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--widths", default="64,256,1024", show_default=True, metavar="N,N,...", help="Widths to simulate at.")
@click.option("--samples", default=2000, show_default=True, help="Independent draws at each width.")
@click.option("--seed", default=0, show_default=True)
@click.option("--entries", type=click.Choice(LAWS),
              help="Draw all weights with this law, against the Gaussian limit.")  # fmt: skip
@click.option("--dense", is_flag=True, help="Build every matrix.")
@click.option("--engine", default="numpy", show_default=True, help="numpy, or fast (needs the extra `fast`).")
@click.option("--level", default=0.01, show_default=True, help="Chance of rejecting a true theory, over all tests.")
@click.option("--workers", type=int, help="Processes on this machine.")
@click.option("--dask", metavar="ADDRESS", help="Run on a Dask cluster (needs the extra `distributed`).")
@click.option("--checkpoint", type=click.Path(), metavar="FOLDER", help="Keep finished blocks here, and resume.")
@click.option("--memory", metavar="SIZE", help="Bound on memory, such as 2GB.")
@click.option("--set", "values", multiple=True, metavar="PARAM=NUMBER", help="A param's number.")
@budgeted
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Raise a size limit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def validate(
    file: str,
    widths: str,
    samples: int,
    seed: int,
    entries: str | None,
    dense: bool,
    engine: str,
    level: float,
    workers: int | None,
    dask: str | None,
    checkpoint: str | None,
    memory: str | None,
    values: tuple[str, ...],
    limits: tuple[str, ...],
    tolerance: float | None,
    seconds: float,
    as_json: bool,
) -> int:
    """Theory against simulation. Exit code 0 agrees, 1 disagrees, 3 inconclusive."""
    from tensorprog.validate import run

    program, numbers = read(file, limits, values)
    result = run.validate(program, _widths(widths), samples, seed, values=numbers, entries=entries, dense=dense,
                          engine=engine, level=level, workers=workers, dask=dask, checkpoint=checkpoint, memory=memory,
                          progress=True, tolerance=tolerance, seconds=seconds)  # fmt: skip
    click.echo(json.dumps(result.to_json(), ensure_ascii=False) if as_json else repr(result))
    return result.exit_code


def _widths(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise fail("TP018", f"--widths {text!r} is not a list of integers", help="--widths 64,256,1024") from None
