"""Random streams: one for each block of draws, from the engine, the seed, the width and the block's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorprog.simulate.arrays import Array, times
from tensorprog.simulate.plan.numbers import whole


@dataclass(frozen=True, slots=True)
class Stream:
    """The random numbers of a block, and how arrays are filled with normals and Gram matrices made.

    `words` is the state of the compiled generator; None where numpy does all.
    """

    generator: np.random.Generator
    words: Array | None = None

    @staticmethod
    def of(engine: str, seed: int, n: int, block: int) -> Stream:
        """Return the stream of a block at width n: independent of all others, the same whoever computes it."""
        sequence = np.random.SeedSequence(entropy=seed, spawn_key=(n, block))
        generator = np.random.Generator(np.random.SFC64(sequence))
        if engine == "numpy":
            return Stream(generator)
        return Stream(generator, sequence.spawn(1)[0].generate_state(4, np.uint64))

    def fill(self, out: Array) -> None:
        """Standard normals into a contiguous array."""
        if self.words is None:
            self.generator.standard_normal(dtype=out.dtype.type, out=out)
        else:
            from tensorprog.simulate.draw.fast import fill_normals, tables

            fill_normals(self.words, out.reshape(-1), *tables())

    def normals(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        out = np.empty(shape, dtype=dtype)
        self.fill(out)
        return out

    def gram(self, x: Array) -> Array:
        """X X' over the last two axes: (..., k, n) gives (..., k, k)."""
        if self.words is not None:
            from tensorprog.simulate.draw.fast import MOST_ROWS, gram_rows

            k, n = x.shape[-2:]
            if k <= MOST_ROWS:
                out = np.empty((*x.shape[:-2], k, k), dtype=x.dtype)
                gram_rows(x.reshape(-1, k, n), out.reshape(-1, k, k))
                return out
        return times(x, x.swapaxes(-1, -2))


def seed_of(rng: int | np.random.Generator | None) -> int:
    """Return the seed as a number: given, or drawn from a generator (TP018)."""
    if rng is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    if isinstance(rng, np.random.Generator):
        return int.from_bytes(rng.bytes(16), "little")
    return whole(rng, "the seed", 0)
