"""What is to be simulated, and how a vector of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorprog.program.api import Program
from tensorprog.program.lowering.params import exactly
from tensorprog.simulate.plan.references import Ref


@dataclass(frozen=True)
class Options:
    """How a network is drawn: numbers of params, and what the keywords of `simulate` say of matrices and arithmetic.

    `entries` replaces the law of all weights.
    """

    values: tuple[tuple[str, float], ...] = ()
    dense: bool = False
    entries: str | None = None
    dtype: str = "float64"
    engine: str = "numpy"

    @staticmethod
    def of(values: Mapping[str, Any] | None = None, **others: Any) -> Options:
        """Read the keywords of `simulate`."""
        return Options(tuple(sorted((k, float(exactly(v, k))) for k, v in (values or {}).items())), **others)


@dataclass(frozen=True)
class Job:
    """What is to be simulated: everything that the numbers depend on, and nothing else.

    `members` are looked at, coordinate by coordinate (the first `coordinates` of them; scalars have one); `products`
    are the dot products of pairs of vectors, over the width.
    """

    program: Program
    n: int
    members: tuple[Ref, ...]
    products: tuple[tuple[Ref, Ref], ...] = ()
    coordinates: int = 1
    seed: int = 0
    options: Options = Options()

    @property
    def wanted(self) -> tuple[Ref, ...]:
        """All that is read at the end."""
        return (*self.members, *(r for pair in self.products for r in pair))


@dataclass(frozen=True, slots=True)
class Layout:
    """How a vector is stored: `kind` pinned (the first coordinates), lazy (those, then directions) or full."""

    kind: str
    width: int
    pinned: int
    size: int
