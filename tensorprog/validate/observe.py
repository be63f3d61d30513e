"""What each draw says about each quantity, block by block, merged in the order of the blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tensorprog.program.api import Program
from tensorprog.simulate.execute.summary import Moments
from tensorprog.simulate.plan.job import Job, Options
from tensorprog.simulate.plan.references import Ref
from tensorprog.validate.quantities import Quantity

Array = NDArray[np.float64]
COORDINATES = 32
KEPT_DRAWS = 20_000


@dataclass(frozen=True)
class Requests:
    """Which values and products a job must return for the quantities, and where each quantity finds its own."""

    values: tuple[Ref, ...]
    products: tuple[tuple[Ref, Ref], ...]

    @staticmethod
    def of(wanted: Sequence[Quantity]) -> Requests:
        values: dict[Ref, None] = {}
        products: dict[tuple[Ref, Ref], None] = {}
        for q in wanted:
            if q.kind == "average":
                products[q.refs[0], q.refs[1]] = None
            else:
                values.update((r, None) for r in q.refs)
        return Requests(tuple(values), tuple(products))

    def job(self, program: Program, n: int, seed: int, options: Options) -> Job:
        coordinates = min(COORDINATES, *(_width(program, r, n) for r in self.values)) if self.values else 1
        return Job(program, n, self.values, self.products, coordinates, seed, options)


def _width(program: Program, ref: Ref, n: int) -> int:
    family = program.families[ref.name]
    return COORDINATES if family.width is None else max(1, int(program.widths[family.width] * n))


def extract(wanted: Sequence[Quantity], requests: Requests, arrays: Sequence[Array]) -> tuple[Array, Array]:
    """Per draw: the observation of every quantity, and coordinate 1 of those whose law is wanted (in their order)."""
    values = dict(zip(requests.values, arrays, strict=False))
    products = dict(zip(requests.products, arrays[len(requests.values) :], strict=True))
    columns, laws = [], []
    for q in wanted:
        if q.kind == "average":
            columns.append(products[q.refs[0], q.refs[1]].reshape(-1))
            continue
        parts = [values[r] for r in q.refs]
        if q.kind == "law":
            laws.append(parts[0][:, 0])
            columns.append(parts[0][:, 0])
        else:
            columns.append(reduce(np.multiply, parts).mean(axis=-1))
    draws = len(columns[0])
    return np.stack(columns, axis=1), np.stack(laws, axis=1) if laws else np.empty((draws, 0))


@dataclass
class Observed:
    """The statistics of one width, in constant memory; blocks may arrive in any order.

    `centre` are the values of the theory: the mean square distance from it gives the rates.
    """

    wanted: Sequence[Quantity]
    requests: Requests
    samples: int
    centre: Array
    running: Moments | None = None
    laws: list[Array] = field(default_factory=list)
    pending: dict[int, tuple[Moments, Array]] = field(default_factory=dict)
    next: int = 0
    draws: int = 0

    def add(self, block: int, arrays: Sequence[Array]) -> None:
        """Take a block; it is merged when all before it are there, so that the sums do not depend on arrival."""
        size = len(arrays[0])
        count = min(size, self.samples - block * size)
        x, laws = extract(self.wanted, self.requests, arrays)
        x = x[:count].astype(float)
        both = np.concatenate([x, np.square(x - self.centre)], axis=1)
        self.pending[block] = (Moments.of(both), laws[:count].astype(float))
        while self.next in self.pending:
            part, kept = self.pending.pop(self.next)
            self.running = part if self.running is None else self.running.merged(part)
            if self.draws < KEPT_DRAWS:
                self.laws.append(kept)
            self.draws += len(kept)
            self.next += 1

    def estimate(self, k: int) -> tuple[float, float]:
        """(mean, standard error) of a quantity over draws."""
        assert self.running is not None
        return float(self.running.mean[k]), float(self.running.standard_error[k])

    def skewness(self, k: int) -> float:
        """Return the size of the skewness of the mean of a quantity over draws."""
        assert self.running is not None
        return float(self.running.skewness[k])

    def distance(self, k: int) -> tuple[float, float]:
        """(root mean square distance of single draws from the theory, its standard error)."""
        assert self.running is not None
        at = len(self.wanted) + k
        square = float(self.running.mean[at])
        root = float(np.sqrt(square))
        return root, float(self.running.standard_error[at]) / (2.0 * root) if root > 0 else 0.0

    def law(self, position: int) -> Array:
        return np.concatenate([part[:, position] for part in self.laws])[:KEPT_DRAWS]
