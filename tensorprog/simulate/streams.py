"""Random streams: one for each block of draws, from the seed, the width and the block's number."""

from __future__ import annotations

import numpy as np


def generator(seed: int, n: int, block: int) -> np.random.Generator:
    """The stream of a block at width n: independent of all others, the same whoever computes it."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy=seed, spawn_key=(n, block))))


def seed_of(rng: int | np.random.Generator | None) -> int:
    """The seed as a number: given, or drawn from a generator."""
    if rng is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    if isinstance(rng, np.random.Generator):
        return int.from_bytes(rng.bytes(16), "little")
    return int(rng)
