"""Some blocks of one job, and what a worker does with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tensorprog.errors import fail
from tensorprog.simulate.arrays import Array
from tensorprog.simulate.draw.engine import Runner
from tensorprog.simulate.plan.job import Job


@dataclass(frozen=True)
class Task:
    """Some blocks of one job."""

    number: int
    job: Job
    blocks: tuple[int, ...]


Done = Callable[[Task, list[list[Array]]], None]


@lru_cache(maxsize=4)
def runner_of(job: Job) -> Runner:
    return Runner.of(job)


def compute(task: Task) -> list[list[Array]]:
    """Return the arrays of every block of a task, in order; runs in a worker (TP907 without the memory for it)."""
    runner = runner_of(task.job)
    try:
        return [[a for arrays in runner.block(b) for a in arrays] for b in task.blocks]
    except MemoryError:
        plan = runner.plan
        raise fail(
            "TP907",
            f"{plan.block} draws at a time need about {plan.block * plan.bytes_per_draw / 1e9:.3g} GB, "
            "and the machine's memory is not enough",
            help="lower the width, use --dtype float32, or run fewer workers",
        ) from None
