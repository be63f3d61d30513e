"""A process that does one job at a time, and is thrown away with its job when another is more urgent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tensorprog.editor.work.process import Process


class Worker:
    """Runs jobs; a new one ends the one before it. A second process waits, so that a new job starts at once."""

    def __init__(self) -> None:
        self._ready: asyncio.Task[Process] | None = None
        self._spare: asyncio.Task[Process] | None = None
        self._turn = 0
        self._busy = False

    def prepare(self) -> None:
        """Start the processes, before there is a job for them."""
        self._ready = self._ready if _usable(self._ready) else _start()
        self._spare = self._spare if _usable(self._spare) else _start()

    async def run(self, job: str, *arguments: Any) -> AsyncIterator[Any]:
        """Yield what a job finds; the iteration ends early when another job is run, or the worker is closed."""
        self.cancel()
        self._turn += 1
        turn = self._turn
        self.prepare()
        assert self._ready is not None
        process = await asyncio.shield(self._ready)  # who waits may be cancelled, the process still starts
        if turn != self._turn:
            return
        self._busy, finished = True, False
        try:
            process.connection.send((job, arguments))
            while turn == self._turn:
                more, part = await asyncio.get_running_loop().run_in_executor(None, process.connection.recv)
                if not more:
                    finished = True
                    break
                if turn == self._turn:
                    yield part
        except (EOFError, OSError):
            pass
        finally:
            if turn == self._turn:
                self._busy = not finished

    def cancel(self) -> None:
        """End the running job with its process; what waits takes its place."""
        self._turn += 1
        if self._busy and self._ready is not None:
            _end(self._ready)
            self._ready, self._spare = self._spare, _start()
        self._busy = False

    def close(self) -> None:
        """End all processes."""
        self._turn += 1
        for task in (self._ready, self._spare):
            if task is not None:
                _end(task)
        self._ready = self._spare = None


def _start() -> asyncio.Task[Process]:
    return asyncio.ensure_future(asyncio.to_thread(Process))


def _usable(task: asyncio.Task[Process] | None) -> bool:
    """Return whether a process has been started, or is being started."""
    return task is not None and not (task.done() and (task.cancelled() or task.exception() is not None))


def _end(task: asyncio.Task[Process]) -> None:
    def kill(done: asyncio.Task[Process]) -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().kill()

    task.add_done_callback(kill)
