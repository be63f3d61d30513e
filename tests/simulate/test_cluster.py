"""A real Dask cluster on this machine, with a worker killed while it works: the numbers stay the same, bit for bit."""

from __future__ import annotations

import os
import signal
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog.errors import TensorProgError
from tensorprog.language import load
from tensorprog.simulate import simulate

distributed = pytest.importorskip("distributed")
PROGRAM = Path(__file__).parents[1] / "corpus" / "undecided" / "two_layers.tp"

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own, about sockets and event loops


@pytest.fixture(scope="module")
def cluster() -> Any:
    settings = {"distributed.scheduler.allowed-failures": 20, "distributed.admin.log-format": ""}
    import dask

    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50, memory_limit=0
        ) as made,
    ):
        yield made


def test_a_worker_dies(cluster: Any) -> None:
    program = load(PROGRAM)
    samples, n = 400, 20_000
    expected = simulate(program, n=n, samples=samples, rng=3)
    killed: list[int] = []
    with distributed.Client(cluster, set_as_default=False) as client:
        processes = client.run(os.getpid)

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not killed:
            busy = [w.address for w in list(cluster.scheduler.workers.values()) if w.processing]
            if busy and any(t.state == "memory" for t in list(cluster.scheduler.tasks.values())):
                os.kill(processes[busy[0]], signal.SIGKILL)
                killed.append(processes[busy[0]])
            time.sleep(0.002)

    thread = threading.Thread(target=kill)
    thread.start()
    found = simulate(program, n=n, samples=samples, rng=3, dask=cluster.scheduler_address)
    thread.join()
    assert killed
    assert all(np.array_equal(found[k], expected[k]) for k in expected)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tensorprog.simulate.execute.cluster"), "WAIT_SECONDS", 1)
    with pytest.raises(TensorProgError, match="no Dask scheduler"):
        simulate(load(PROGRAM), n=4, samples=2, dask="tcp://127.0.0.1:1")
