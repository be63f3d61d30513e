"""Who computes the blocks: this process, an executor, processes, or a Dask cluster; with checkpoints and progress.

A task is a job and the numbers of some of its blocks. Every block has its own random stream, so neither the grouping
into tasks nor the order in which they finish, nor a task that is done twice, changes a number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain
from math import inf, nan
from multiprocessing import get_context
from typing import Any

from tensorprog.errors import fail
from tensorprog.numbers.progress import Progress
from tensorprog.simulate.arrays import Array
from tensorprog.simulate.execute.checkpoint import Checkpoint
from tensorprog.simulate.execute.task import Done, Task, compute, runner_of
from tensorprog.simulate.plan.job import Job

Deliver = Callable[[int, int, list[Array]], None]
"""What happens to a block: the job's number, the block's number, its arrays (values, then products)."""

TASK_BYTES = 32_000_000
MOST_RESTARTS = 3
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class Execution:
    """Where and how a run takes place; none of it changes a number."""

    executor: Executor | None = None
    workers: int | None = None
    dask: str | None = None
    checkpoint: str | None = None
    memory: str | float | None = None
    progress: bool = False


def run_blocks(jobs: Sequence[tuple[Job, int]], how: Execution, deliver: Deliver) -> None:
    """Compute the blocks that hold `samples` draws of each job, and deliver each exactly once."""
    if sum(x is not None for x in (how.executor, how.workers, how.dask)) > 1:
        raise fail("TP018", "choose one of an executor, --workers and --dask")
    if how.workers is not None and how.workers < 1:
        raise fail("TP018", f"{how.workers} workers cannot work")
    plans = [runner_of(job).plan for job, _ in jobs]
    counts = [-(-samples // plan.block) for (_, samples), plan in zip(jobs, plans, strict=True)]
    store = None if how.checkpoint is None else Checkpoint.open(how.checkpoint, [job for job, _ in jobs])
    widest = max(plan.block * plan.bytes_per_draw for plan in plans)
    lanes = _lanes(how, widest)
    progress = Progress.of(sum(samples for _, samples in jobs), how.progress)

    def tasks() -> Iterator[Task]:
        """Yield what is left to compute, made as it is asked for; blocks on disk are delivered on the way."""
        for number, ((job, _), plan, count) in enumerate(zip(jobs, plans, counts, strict=True)):
            most = _blocks_in_a_task(count, lanes, plan.block * plan.bytes_per_draw)
            left: list[int] = []
            for b in range(count):
                kept = None if store is None else store.read(number, b)
                if kept is None:
                    left.append(b)
                else:
                    deliver(number, b, kept)
                    progress.add(plan.block, fresh=False)
                if left and (len(left) == most or b == count - 1):
                    yield Task(number, job, tuple(left))
                    left = []

    def done(task: Task, results: list[list[Array]]) -> None:
        for b, arrays in zip(task.blocks, results, strict=True):
            if store is not None:
                store.write(task.number, b, arrays)
            deliver(task.number, b, arrays)
            progress.add(plans[task.number].block)

    try:
        _dispatch(tasks(), how, lanes, done)
    finally:
        progress.close()


def _blocks_in_a_task(count: int, lanes: int, size: int) -> int:
    """Return a few dozen megabytes of work: enough to pay for sending, small enough to balance and to save often."""
    if lanes == 1:
        return 1
    return max(1, min(TASK_BYTES // max(1, size) + 1, -(-count // (4 * lanes))))


def _lanes(how: Execution, block_bytes: int) -> int:
    """Return how many tasks may be under way at once, within the bound on memory."""
    wanted = 1
    if how.workers is not None:
        wanted = how.workers
    elif how.executor is not None:
        wanted = getattr(how.executor, "_max_workers", None) or os.cpu_count() or 1
    elif how.dask is not None:
        wanted = 1_000
    if how.memory is None:
        return wanted
    bound = memory_bytes(how.memory)
    if block_bytes > bound:
        raise fail(
            "TP907",
            f"one draw block needs about {block_bytes / 1e6:.3g} MB, and the bound is {bound / 1e6:.3g} MB",
            because="the draws of a block share one random stream, so smaller blocks would be other numbers",
            help="raise --memory, lower the width, or use --dtype float32",
        )
    return max(1, min(wanted, int(bound // block_bytes)))


def memory_bytes(size: str | float) -> float:
    """Return a size such as "2GB" in bytes (TP018)."""
    text = str(size).strip().upper().replace("I", "")
    digits = text.rstrip("KMGTB")
    try:
        found = float(digits) * _UNITS[text[len(digits) :]]
    except (ValueError, KeyError):
        found = nan
    if not 0.0 < found < inf:
        raise fail("TP018", f"{size!r} is not a size", help="write for example 500MB or 2GB")
    return found


def _dispatch(todo: Iterator[Task], how: Execution, lanes: int, done: Done) -> None:
    if how.executor is not None:
        _through(how.executor, todo, lanes, done)
    elif how.dask is not None:
        from tensorprog.simulate.execute.cluster import through_dask

        through_dask(how.dask, todo, done)
    elif how.workers is not None and how.workers > 1:
        _in_processes(todo, lanes, done)
    else:
        for task in todo:
            done(task, compute(task))


def _in_processes(todo: Iterator[Task], lanes: int, done: Done) -> None:
    """Processes of this machine; if one of them is killed, all are started again for what is left."""
    for attempt in range(MOST_RESTARTS + 1):
        lost: list[Task] = []
        # a fresh interpreter each: no locks or threads of this process are copied into the workers
        with ProcessPoolExecutor(lanes, mp_context=get_context("spawn")) as pool:
            try:
                _through(pool, todo, lanes, done, lost)
                return
            except BrokenExecutor:
                if attempt == MOST_RESTARTS:
                    raise fail(
                        "TP907",
                        f"worker processes died {attempt + 1} times",
                        because="they ran out of memory, or could not load the script that started them",
                        help="use fewer --workers, or a bound such as --memory 2GB; a script's own code belongs under "
                        "`if __name__ == '__main__':`, and is not read from standard input",
                    ) from None
        todo = chain(lost, todo)


def _through(executor: Executor, todo: Iterator[Task], lanes: int, done: Done, lost: list[Task] | None = None) -> None:
    """Keep the executor busy with a bounded number of tasks; if it breaks, `lost` holds those that are not done."""
    waiting: dict[Future[Any], Task] = {}
    try:
        for task in todo:
            if lost is not None:
                lost.append(task)
            waiting[executor.submit(compute, task)] = task
            if lost is not None:
                lost.pop()
            if len(waiting) >= 2 * lanes:
                _collect(waiting, done)
        while waiting:
            _collect(waiting, done)
    finally:
        for future in waiting:
            future.cancel()
        if lost is not None:
            lost += waiting.values()


def _collect(waiting: dict[Future[Any], Task], done: Done) -> None:
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in finished:
        results = future.result()
        done(waiting.pop(future), results)
