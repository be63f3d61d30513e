"""Blocks on a Dask cluster: lost workers are replaced by the scheduler, which runs their tasks again elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from tensorprog.errors import fail
from tensorprog.simulate.arrays import Array
from tensorprog.simulate.execute.task import Task, compute

WAIT_SECONDS = 10


def through_dask(
    address: str, todo: Iterable[Task], done: Callable[[Task, list[list[Array]]], None], retries: int = 5
) -> None:
    """Submit every task to the cluster at `address` and hand over each result once (TP018)."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise fail("TP018", "the library distributed is not installed",
                   help="pip install 'tensorprog[distributed]'") from None  # fmt: skip
    try:
        client = distributed.Client(address, timeout=WAIT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise fail("TP018", f"no Dask scheduler answers at {address}: {error}") from None
    with client, client.as_current():
        waiting = {client.submit(compute, task, retries=retries, pure=False): task for task in todo}
        for future in distributed.as_completed(list(waiting)):
            done(waiting.pop(future), future.result())
            future.release()
