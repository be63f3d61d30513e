"""Blocks on a Dask cluster: lost workers are replaced by the scheduler, which runs their tasks again elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

from tensorprog.errors import fail
from tensorprog.simulate.execute import task as blocks

WAIT_SECONDS = 10


T = TypeVar("T")
R = TypeVar("R")


def through_dask(
    address: str,
    todo: Iterable[T],
    done: Callable[[T, R], None],
    retries: int = 5,
    compute: Callable[..., R] = blocks.compute,  # type: ignore[assignment]
    window: int | None = None,
) -> None:
    """Submit every task to the cluster at `address` and hand over each result once (TP018).

    At most `window` tasks are under way at a time, all of them if it is None.
    """
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
        tasks = iter(todo)
        waiting = {client.submit(compute, t, retries=retries, pure=False): t for t in islice(tasks, window)}
        results = distributed.as_completed(list(waiting))
        for future in results:
            done(waiting.pop(future), future.result())
            future.release()
            for task in islice(tasks, 1):
                more = client.submit(compute, task, retries=retries, pure=False)
                waiting[more] = task
                results.add(more)
