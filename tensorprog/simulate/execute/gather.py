"""Blocks of draws collected into whole arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tensorprog.simulate.arrays import Array
from tensorprog.simulate.plan.job import Job


@dataclass
class Gather:
    """Arrays over all samples, filled as blocks arrive, in whatever order."""

    job: Job
    samples: int
    values: list[Array] = field(default_factory=list)

    def add(self, block: int, arrays: list[Array]) -> None:
        if not self.values:
            self.values = [np.empty((self.samples, *a.shape[1:]), dtype=a.dtype) for a in arrays]
        size = len(arrays[0])
        start = block * size
        stop = min(start + size, self.samples)
        for whole, part in zip(self.values, arrays, strict=True):
            whole[start:stop] = part[: stop - start]
