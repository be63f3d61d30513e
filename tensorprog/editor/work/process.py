"""A process that does jobs, one after another, until it is ended."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from tensorprog.editor.work.jobs import JOBS

FORKS = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
CONTEXT: Any = multiprocessing.get_context(FORKS)
if FORKS == "forkserver":
    CONTEXT.set_forkserver_preload(["tensorprog.editor.work.warm"])


def work(connection: Connection) -> None:
    """Do the jobs that come through the connection until it is closed."""
    os.dup2(2, 1)  # standard output belongs to the protocol
    if FORKS == "spawn":
        import tensorprog.editor.work.warm  # noqa: F401
    while True:
        try:
            name, arguments = connection.recv()
            for part in JOBS[name](*arguments):
                connection.send((True, part))
            connection.send((False, None))
        except (EOFError, OSError, KeyboardInterrupt):
            return


class Process:
    """One process with the near end of its pipe."""

    def __init__(self) -> None:
        self.connection, far = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=work, args=(far,), daemon=True)
        self.process.start()
        far.close()

    def run(self, job: str, *arguments: Any) -> Iterator[Any]:
        """Yield what a job finds, waiting for it; the iteration ends early where the process is killed."""
        try:
            self.connection.send((job, arguments))
            while True:
                more, part = self.connection.recv()
                if not more:
                    return
                yield part
        except (EOFError, OSError):
            return

    def kill(self) -> None:
        """End the process with its job; who waits for a part of it is told that there is none."""
        self.process.kill()
        self.process.join()
