"""What is to be simulated, and how a vector of it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from tensorprog.program.api import Program
from tensorprog.simulate.plan.references import Ref


@dataclass(frozen=True)
class Job:
    """What is to be simulated: everything that the numbers depend on, and nothing else.

    `values` are looked at, coordinate by coordinate (the first `coordinates` of them; scalars have one); `products` are
    the dot products of pairs of vectors, over the width. `entries` replaces the law of all weights.
    """

    program: Program
    n: int
    values: tuple[Ref, ...]
    products: tuple[tuple[Ref, Ref], ...] = ()
    params: tuple[tuple[str, float], ...] = ()
    coordinates: int = 1
    dense: bool = False
    entries: str | None = None
    dtype: str = "float64"
    seed: int = 0
    engine: str = "numpy"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a vector is stored: `kind` pinned (the first coordinates), lazy (those, then directions) or full."""

    kind: str
    width: int
    pinned: int
    size: int
