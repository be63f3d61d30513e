"""Many draws: blocks in order, each from its own stream, so that the numbers depend on the seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorprog.errors import renamed
from tensorprog.program.api import Program
from tensorprog.simulate.execute.samples import Report, Samples

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np

    from tensorprog.simulate.arrays import Array
    from tensorprog.simulate.execute.execution import Execution
    from tensorprog.simulate.plan.job import Job
    from tensorprog.simulate.plan.plan import Plan


def make_job(
    program: Program,
    n: int,
    rng: int | np.random.Generator | None,
    outputs: Sequence[str] | None = None,
    coordinates: int | None = None,
    **options: Any,
) -> Job:
    """Return the job of drawing what is wanted: the program's outputs, or the variables named in `outputs`."""
    from tensorprog.simulate.draw.streams import seed_of
    from tensorprog.simulate.plan.job import Job, Options
    from tensorprog.simulate.plan.numbers import whole
    from tensorprog.simulate.plan.references import Ref, reference

    refs = [reference(text, program) for text in outputs or ()] or [Ref.of(o.ref, program) for o in program.outputs]
    refs = list(dict.fromkeys(refs))
    k = 1 if coordinates is None else whole(coordinates, "the number of coordinates", 1)
    width, seed = whole(n, "the width n", 1), seed_of(rng)
    return Job(program, width, tuple(refs), (), k, seed, Options.of(**options))


@renamed(params="values")
def plan(program: Program, n: int = 1024, rng: int = 0, **options: Any) -> Plan:
    """Show how `simulate` would draw: what is kept of each vector, how each matrix is revealed, what a draw costs."""
    from tensorprog.simulate.plan.plan import make_plan

    return make_plan(make_job(program, n, rng, **options))


@renamed(params="values")
def simulate(
    program: Program,
    n: int = 1024,
    samples: int = 1000,
    rng: int | np.random.Generator | None = 0,
    *,
    dense: bool = False,
    coordinates: int | None = None,
    values: Mapping[str, Any] | None = None,
    entries: str | None = None,
    dtype: str = "float64",
    outputs: Sequence[str] | None = None,
    engine: str = "numpy",
    executor: Executor | None = None,
    workers: int | None = None,
    dask: str | None = None,
    checkpoint: str | None = None,
    memory: str | float | None = None,
    progress: bool = False,
) -> Samples:
    """Draw the program's outputs at width n, exact in law.

    Each Gaussian matrix is revealed product by product (`dense=True` builds it instead); vectors that meet only
    in dot products and linear steps are drawn as their Gram matrix. One draw is one sample of all weights and
    inputs. The numbers depend on the program, n and the seed alone, not on who computes them: `executor` (of
    concurrent.futures), `workers` processes here, or the cluster at the address `dask`. With `checkpoint` (a folder)
    an interrupted run goes on where it stopped; `memory` ("2GB") bounds what is worked on at once. `engine="fast"`
    (numba, the extra `fast`) draws normals by a compiled loop: the same law from another stream, two to three times
    the draws a second.

    Errors: TP011 a width is not an integer at n; TP017 a param without a number; TP018 bad arguments.

    >>> from tensorprog.language import loads
    >>> program = loads("input u ~ N(0, 1)\\nweight W ~ N(0, 2/n)\\ny = W @ u\\noutput y")
    >>> draws = simulate(program, n=64, samples=2000)
    >>> draws["y"].shape
    (2000,)
    >>> bool(abs(draws["y"].var() - 2) < 0.3)
    True
    """
    import time

    import numpy as np

    from tensorprog.simulate.execute.execution import Execution, run_blocks
    from tensorprog.simulate.plan.numbers import whole

    samples = whole(samples, "the number of samples", 1)
    start = time.perf_counter()
    job = make_job(program, n, rng, outputs, coordinates, values=values, dense=dense, entries=entries,
                   dtype=str(dtype), engine=engine)  # fmt: skip
    drawn: list[Array] = []

    def keep(_: int, block: int, arrays: list[Array]) -> None:
        if not drawn:
            drawn.extend(np.empty((samples, *a.shape[1:]), dtype=a.dtype) for a in arrays)
        at = block * len(arrays[0])
        for all_, some in zip(drawn, arrays, strict=True):
            all_[at : at + len(some)] = some[: samples - at]

    run_blocks([(job, samples)], Execution(executor, workers, dask, checkpoint, memory, progress), keep)
    vectors = frozenset(r.text for r in job.members if program.role(r.name) == "vector")
    arrays = {
        r.text: a if r.text in vectors and coordinates is not None else a[..., 0]
        for r, a in zip(job.members, drawn, strict=True)
    }
    labels = {r.text: r.labels() for r in job.members}
    return Samples(program.name, job.n, samples, job.seed, arrays, dense, coordinates, vectors, labels,
                   time.perf_counter() - start)  # fmt: skip


def statistics(
    program: Program,
    n: int,
    samples: int,
    rng: int | np.random.Generator | None = 0,
    how: Execution | None = None,
    coordinates: int | None = None,
    **options: Any,
) -> Report:
    """Return mean, variance and excess kurtosis of the outputs, without keeping the draws."""
    from tensorprog.simulate.execute.execution import Execution, run_blocks
    from tensorprog.simulate.execute.summary import Summary
    from tensorprog.simulate.plan.numbers import whole

    samples = whole(samples, "the number of samples", 1)
    job = make_job(program, n, rng, coordinates=coordinates, **options)
    summary = Summary([ref.labels() for ref in job.members], samples)
    run_blocks([(job, samples)], how or Execution(), lambda _, block, arrays: summary.add(block, arrays))
    shapes = {
        r.text: (samples, *(shape if coordinates and program.role(r.name) == "vector" else shape[:-1]))
        for r, shape in zip(job.members, summary.shapes, strict=True)
    }
    return Report(program.name, job.n, samples, job.seed, job.options.dense, coordinates, shapes, summary.rows())
