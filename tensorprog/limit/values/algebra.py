"""What the calculus of single members asks of its values: numbers, formulas, or arrays over a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Generic, TypeVar

from tensorprog.kernel.ground.nodes import entry_term
from tensorprog.limit.jumps.jumps import Jump
from tensorprog.limit.rules.quantities import Core
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import Sub, Term, Var

V = TypeVar("V")


class Algebra(ABC, Generic[V]):
    """Values that are added and multiplied, and the values of constants, scores and Gaussian expectations."""

    def __init__(self, program: Analysis) -> None:
        self.program = program
        self.noted: set[Any] = set()
        """What must be positive for the expectations at hand to be finite; whoever asked for them takes it away."""

    @abstractmethod
    def zero(self) -> V: ...

    @abstractmethod
    def add(self, a: V, b: V) -> V: ...

    @abstractmethod
    def mul(self, a: V, b: V) -> V: ...

    @abstractmethod
    def is_zero(self, a: V) -> bool: ...

    @abstractmethod
    def evaluated(self, t: Term, found: dict[Term, V]) -> V:
        """Return a constant term without binders; `found` are the limits of the scalars in it."""

    @abstractmethod
    def core(self, core: Core, cov: Sequence[V], mean: Sequence[V], constants: Sequence[V]) -> V:
        """Return the expectation of a core's body."""

    @abstractmethod
    def score(self, ref: Var) -> V: ...

    @abstractmethod
    def standing(
        self, body: Term, cov: Sequence[V], mean: Sequence[V], found: dict[Term, V], shown: Sequence[Term] = ()
    ) -> Sequence[Jump]:
        """The jumps of a body at which its variables may be; `found` are its constants, `shown` what is written."""

    @property
    def given(self) -> Mapping[str, Fraction]:
        """The params' numbers, in an algebra that has them."""
        return {}

    def matrix_entry(self, name: str, subs: Sequence[Sub]) -> Term:
        """Return an entry of a matrix, exactly as it was given."""
        return entry_term(self.program.matrices[name], [int(k) for k in subs])
