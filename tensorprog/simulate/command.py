"""`tensorprog simulate FILE`: samples at finite width, or the plan of how they would be drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tensorprog.errors import fail
from tensorprog.kernel.ground.nodes import LAWS
from tensorprog.program.api import Program

if TYPE_CHECKING:
    from tensorprog.simulate.execute.samples import Samples


Reader = Callable[[str, Iterable[str], Iterable[str]], tuple[Program, Mapping[str, Any]]]
"""FILE, --limit and --set to a program and its params; the language lives on another floor."""


def simulate_command(reader: Reader) -> click.Command:
    """Return the command, given how to read a program."""

    @click.command("simulate")
    @click.argument("file", metavar="FILE")
    @click.option("-n", "width", default=1024, show_default=True, help="The width.")
    @click.option("--samples", default=1000, show_default=True, help="Independent draws of all weights and inputs.")
    @click.option("--seed", default=0, show_default=True, help="The same seed gives the same numbers.")
    @click.option("--dense", is_flag=True, help="Build every matrix: slow, for checks.")
    @click.option("--entries", metavar="LAW", help=f"Entries of every weight: {', '.join(LAWS)}.")
    @click.option("--coordinates", type=int, metavar="K", help="The first K coordinates of each vector, on an axis.")
    @click.option("--variable", "variables", multiple=True, metavar="NAME", help="Sample this instead of the outputs.")
    @click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True)
    @click.option("--engine", default="numpy", show_default=True, help="numpy, or fast (needs the extra `fast`).")
    @click.option("--out", type=click.Path(dir_okay=False), help="Write the samples to an .npz file.")
    @click.option("--plan", "plan_only", is_flag=True, help="Print what would be drawn, and how, and stop.")
    @click.option("--workers", type=int, help="Processes on this machine.")
    @click.option("--dask", metavar="ADDRESS", help="Run on a Dask cluster (needs the extra `distributed`).")
    @click.option("--checkpoint", type=click.Path(), metavar="FOLDER", help="Keep finished blocks here, and resume.")
    @click.option("--memory", metavar="SIZE", help="Bound on memory, such as 2GB.")
    @click.option("--set", "values", multiple=True, metavar="PARAM=NUMBER", help="A param's number.")
    @click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Raise a size limit.")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
    def simulate(
        file: str,
        width: int,
        samples: int,
        seed: int,
        dense: bool,
        entries: str | None,
        coordinates: int | None,
        variables: tuple[str, ...],
        dtype: str,
        engine: str,
        out: str | None,
        plan_only: bool,
        workers: int | None,
        dask: str | None,
        checkpoint: str | None,
        memory: str | None,
        values: tuple[str, ...],
        limits: tuple[str, ...],
        as_json: bool,
    ) -> int:
        """Finite-width samples of the outputs, exact in law."""
        from tensorprog.simulate import run

        program, params = reader(file, limits, values)
        options: dict[str, Any] = {
            "values": params,
            "dense": dense,
            "coordinates": coordinates,
            "entries": entries,
            "dtype": dtype,
            "engine": engine,
            "outputs": list(variables) or None,
        }
        if plan_only:
            from tensorprog.simulate.plan.report import plan_json, plan_text

            plan = run.plan(program, width, seed, **options)
            click.echo(json.dumps(plan_json(plan), ensure_ascii=False) if as_json else plan_text(plan))
            return 0
        if out is None:
            from tensorprog.simulate.execute.execution import Execution
            from tensorprog.simulate.execute.samples import report_json, report_text

            how = Execution(None, workers, dask, checkpoint, memory, True)
            found = run.statistics(program, width, samples, seed, how, **options)
            shapes = {k: (samples, *(s if coordinates and vector(program, k) else s[:-1]))
                      for k, s in zip(found.names, found.shapes, strict=True)}  # fmt: skip
            head = (program.name, width, samples, seed, dense)
            data = report_json(*head, coordinates, shapes, found.rows())
            click.echo(json.dumps(data, ensure_ascii=False) if as_json else report_text(*head, found.rows()))
            return 0
        draws = run.simulate(program, width, samples, seed, workers=workers, dask=dask, checkpoint=checkpoint,
                             memory=memory, progress=True, **options)  # fmt: skip
        write_npz(Path(out), draws)
        click.echo(json.dumps(draws.to_json(), ensure_ascii=False) if as_json else repr(draws))
        return 0

    return simulate


def vector(program: Program, text: str) -> bool:
    """Is the output with this text a vector?"""
    return program.role(text.split("[", maxsplit=1)[0]) == "vector"


def write_npz(path: Path, draws: Samples) -> None:
    """The whole file or nothing: written beside it, then moved into place."""
    import numpy as np

    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **{k: np.asarray(v) for k, v in draws.items()})  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise fail("TP018", f"cannot write {path}: {error.strerror or error}") from None
