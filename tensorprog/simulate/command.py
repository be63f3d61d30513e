"""`tensorprog simulate FILE`: samples at finite width, or the plan of how they would be drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from tensorprog.kernel.ground.nodes import LAWS
from tensorprog.language.files import write_whole
from tensorprog.language.options import on_program
from tensorprog.numbers.progress import working
from tensorprog.program.api import Program

WHERE = ("workers", "dask", "checkpoint", "memory")
"""Options that change no number, and no plan."""


def drawing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how networks are drawn and where, under the keywords of `simulate`."""
    options = (
        click.option("--seed", "rng", default=0, show_default=True, help="The same seed gives the same numbers."),
        click.option("--dense", is_flag=True, help="Build every matrix: slow, for checks."),
        click.option("--entries", metavar="LAW", help=f"Entries of every weight: {', '.join(LAWS)}."),
        click.option("--engine", default="numpy", show_default=True, help="numpy, or fast (needs the extra `fast`)."),
        click.option("--workers", type=int, help="Processes on this machine."),
        click.option("--dask", metavar="ADDRESS", help="Run on a Dask cluster (needs the extra `distributed`)."),
        click.option(
            "--checkpoint", type=click.Path(), metavar="FOLDER", help="Keep finished blocks here, and resume."
        ),
        click.option("--memory", metavar="SIZE", help="Bound on memory, such as 2GB."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("simulate")
@click.option("-n", default=1024, show_default=True, help="The width.")
@click.option("--samples", default=1000, show_default=True, help="Independent draws of all weights and inputs.")
@click.option("--coordinates", type=int, metavar="K", help="The first K coordinates of each vector, on an axis.")
@click.option("--variable", "outputs", multiple=True, metavar="NAME", help="Sample this instead of the outputs.")
@click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False), help="Write the samples to an .npz file.")
@click.option("--plan", "plan_only", is_flag=True, help="Print what would be drawn, and how, and stop.")
@drawing
@on_program()
def simulate(
    program: Program, n: int, samples: int, rng: int, out: str | None, plan_only: bool, as_json: bool, **options: Any
) -> int:
    """Finite-width samples of the outputs, exact in law."""
    from tensorprog.simulate import run
    from tensorprog.simulate.execute.execution import Execution

    where = {name: options.pop(name) for name in WHERE}
    if plan_only:
        from tensorprog.simulate.plan.report import plan_json, plan_text

        plan = run.plan(program, n, rng, **options)
        click.echo(json.dumps(plan_json(plan), ensure_ascii=False) if as_json else plan_text(plan))
        return 0
    with working(f"simulating {program.name}"):
        if out is None:
            report = run.statistics(program, n, samples, rng, Execution(progress=True, **where), **options)
        else:
            draws = run.simulate(program, n, samples, rng, progress=True, **where, **options)
            write_whole(Path(out), lambda file: np.savez(file, **draws))  # type: ignore[arg-type]
            report = draws.report
    click.echo(json.dumps(report.to_json(), ensure_ascii=False) if as_json else repr(report))
    return 0
