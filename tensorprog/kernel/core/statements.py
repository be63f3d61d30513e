"""What a step of a proof can say: the kinds of statements that verdicts need, with their meaning in mathematics.

A statement is about the program in the form in which it is judged, for all admissible values of its params. Statements
are compared as they are, terms as terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from tensorprog.kernel.core.rates import Info
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.ground.term import Term


class Statement:
    """One of the kinds below."""

    __slots__ = ()
    goal: ClassVar[bool] = False
    """May it be a goal, beside that a theorem applies?"""

    def trusts(self) -> tuple[str, ...]:
        """The axioms that the statement itself enters, beside those of its premises."""
        return ()


@dataclass(frozen=True, slots=True)
class Fact(Statement):
    """The function that the term is of x is as `info` says, at all values of its free indices."""

    term: Term
    info: Info


@dataclass(frozen=True, slots=True)
class Instruction(Statement):
    """The right-hand side of instruction number `node`, composed down to a function of x, is as `info` says."""

    node: int
    info: Info


@dataclass(frozen=True, slots=True)
class Property(Statement):
    """The function that instruction `node` is of x has one of PROPERTIES, or is pseudo-Lipschitz of an order."""

    goal: ClassVar[bool] = True
    node: int
    what: str


@dataclass(frozen=True, slots=True)
class Refuted(Statement):
    """It lacks the property, at some admissible params: shown along the curve x(t), for t to infinity."""

    goal: ClassVar[bool] = True
    node: int
    what: str
    curve: tuple[tuple[Term, Term], ...]


@dataclass(frozen=True, slots=True)
class Varies(Statement):
    """The limit of instruction `node`, an input or a product, is Gaussian with positive variance, at every member."""

    node: int


@dataclass(frozen=True, slots=True)
class Nonzero(Statement):
    """P(F(Z) != 0) > 0, where F is the function that the term is, and Z the limits of its variables."""

    term: Term


@dataclass(frozen=True, slots=True)
class Sign(Statement):
    """The limit of the average `node` is > 0, or only >= 0; the average is >= 0 at every width."""

    node: int
    positive: bool


@dataclass(frozen=True, slots=True)
class Assumed(Statement):
    """Instruction `node`, called `name`, has a property, or positive variance: not shown, but believed."""

    node: int
    name: str
    what: str

    def trusts(self) -> tuple[str, ...]:
        return (f"unproved: instruction {self.node} ({self.name}): {self.what}",)


@dataclass(frozen=True, slots=True)
class Applies(Statement):
    """All premises of the theorem (or of two: `one over another`) hold for output number `output`, but for the remarks.

    What is believed: the theorem, that the remarks are inessential, and that some inputs' covariances are those of
    random vectors.
    """

    theorem: str
    output: int
    remarks: tuple[str, ...] = ()
    semidefinite: tuple[tuple[str, ...], ...] = ()

    def trusts(self) -> tuple[str, ...]:
        psd = (f"the covariance of {', '.join(names)} is positive semidefinite" for names in self.semidefinite)
        theorems = (f"theorem {t}" for t in self.theorem.split(" over "))
        return (*theorems, *(f"remark {r}" for r in self.remarks), *psd)


Premises = Sequence[Statement]
"""What earlier steps say."""
S = TypeVar("S", bound=Statement)


def asked(premise: Statement, kind: type[S], what: str) -> S:
    """A premise of this kind, or no proof."""
    require(isinstance(premise, kind), what)
    assert isinstance(premise, kind)
    return premise
