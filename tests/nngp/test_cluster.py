"""Kernel matrices on a real Dask cluster on this machine, a worker killed before the work: the same numbers."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog.errors import TensorProgError
from tensorprog.nngp import MLPKernel, cluster

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own, about sockets and event loops


@pytest.mark.long
def test_blocks_on_a_cluster(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(cluster, "SIDE", 32)
    monkeypatch.setattr(cluster, "WINDOW", 3)
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((150, 4)), rng.standard_normal((70, 4))
    k = MLPKernel("relu", 3, bias=0.1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50, memory_limit=0
    ) as made:
        with distributed.Client(made, set_as_default=False) as client:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
        found = k(X, out=tmp_path / "K.npy", dask=made.scheduler_address)
        other = k(X, Y, dask=made.scheduler_address)
    assert isinstance(found, np.memmap)
    assert (found == found.T).all()
    np.testing.assert_allclose(found, k(X), rtol=1e-13)
    np.testing.assert_allclose(other, k(X, Y), rtol=1e-13)


def test_nobody_answers(monkeypatch: Any) -> None:
    monkeypatch.setattr(import_module("tensorprog.simulate.execute.cluster"), "WAIT_SECONDS", 0.2)
    with pytest.raises(TensorProgError) as error:
        MLPKernel("relu")(np.eye(3), dask="tcp://127.0.0.1:9")
    assert error.value.diagnostics[0].code == "TP018"
