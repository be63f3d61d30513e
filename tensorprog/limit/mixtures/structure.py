"""Variables taken apart: their linear parts, what they are given, the kinds of their laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tensorprog.limit.averages import Averages
from tensorprog.limit.engine import Engine
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.members.parts import Parts
from tensorprog.terms import Term, Var

Kind = Literal[
    "deterministic", "gaussian", "function-of-gaussian", "hierarchical-gaussian", "function-of-hierarchical", "none"
]
"""`none`: a variable that has no limit law."""
ORDER: tuple[Kind, ...] = (
    "deterministic",
    "gaussian",
    "function-of-gaussian",
    "hierarchical-gaussian",
    "function-of-hierarchical",
    "none",
)


@dataclass(frozen=True, slots=True)
class Structure:
    """Variables taken apart: linear parts, the vectors that are given values, the scores in layers, the kinds."""

    averages: Averages
    params: Mapping[str, float]
    members: tuple[Var, ...]
    terms: tuple[Term, ...]
    parts: tuple[Parts, ...]
    given: tuple[Var, ...]
    layers: tuple[tuple[Var, ...], ...]
    kinds: tuple[Kind, ...]
    nested: bool

    @property
    def unfolding(self) -> Unfolding:
        return self.averages.u

    @property
    def engine(self) -> Engine:
        return self.averages.engine

    @property
    def kind(self) -> Kind:
        """The kind of the joint law: the least special of the members'; linear members of one layer are joint."""
        if {"function-of-gaussian", "hierarchical-gaussian"} <= {*self.kinds}:
            return max("function-of-hierarchical", *self.kinds, key=ORDER.index)
        return max(self.kinds, key=ORDER.index)

    @property
    def scores(self) -> tuple[Var, ...]:
        return tuple(v for layer in self.layers for v in layer)
