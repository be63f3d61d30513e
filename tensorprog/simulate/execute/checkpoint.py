"""Finished blocks on disk, so that a run killed at any moment goes on where it stopped.

One file a block, written under another name, flushed to the disk, then renamed: a file that has its name is whole.
A file that cannot be read, or whose digest does not match, is computed again. The folder carries the digest of what
was asked for, so that blocks of another program, width, seed or version are never taken for these.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorprog.errors import fail
from tensorprog.language.files import write_whole
from tensorprog.simulate.arrays import Array
from tensorprog.simulate.plan.job import Job

FORMAT = 3


def job_digest(job: Job) -> str:
    """Return the sha256 of everything that a job's numbers depend on."""
    parts = [
        FORMAT,
        np.__version__,
        job.program.hash,
        job.n,
        repr(job.members),
        repr(job.products),
        repr(job.options),
        sorted((k, repr(p.default)) for k, p in job.program.params.items()),
        job.coordinates,
        job.seed,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """A folder of finished blocks."""

    folder: Path
    digests: tuple[str, ...]

    @staticmethod
    def open(folder: str | Path, jobs: Sequence[Job]) -> Checkpoint:
        """Make or reopen a folder (TP018)."""
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
            for left in path.glob("*.part-*"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise fail("TP018", f"the checkpoint folder {path} cannot be used: {error.strerror or error}") from None
        return Checkpoint(path, tuple(job_digest(job) for job in jobs))

    def _path(self, number: int, block: int) -> Path:
        return self.folder / f"{self.digests[number][:24]}-{block:08d}.block"

    def read(self, number: int, block: int) -> list[Array] | None:
        """Return the arrays of a block, or None if it is not there or not whole."""
        try:
            raw = self._path(number, block).read_bytes()
        except OSError:
            return None
        digest, data = raw[:32], raw[32:]
        if hashlib.sha256(self.digests[number].encode() + data).digest() != digest:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                return [stored[f"a{k}"] for k in range(len(stored.files))]
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def write(self, number: int, block: int, arrays: Sequence[Array]) -> None:
        """Write a block: the whole file or nothing."""
        buffer = io.BytesIO()
        np.savez(buffer, **{f"a{k}": a for k, a in enumerate(arrays)})  # type: ignore[arg-type]
        data = buffer.getvalue()
        digest = hashlib.sha256(self.digests[number].encode() + data).digest()
        write_whole(self._path(number, block), lambda file: file.write(digest + data))
