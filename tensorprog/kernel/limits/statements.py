"""What a step can say of limits: lemmas about Gaussian variables, means, covariances, laws, claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import Term


@dataclass(frozen=True, slots=True)
class Lemma(Statement):
    """E term = value for z1, z2 centred Gaussian with covariance K11, K12, K22 where all terms of the domain are > 0.

    The mean is finite there.
    """

    term: Term
    value: Term
    domain: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Mean(Statement):
    """E term = value in the limit, where the variables are the limits of members; `positive`: the value is > 0."""

    term: Term
    value: Term
    positive: bool = False


@dataclass(frozen=True, slots=True)
class Covariance(Statement):
    """cov(a, b) = value in the limit, for two members."""

    goal: ClassVar[bool] = True
    a: Term
    b: Term
    value: Term


@dataclass(frozen=True, slots=True)
class Expectation(Statement):
    """E term = value in the limit, for a function of members that one output is computed from."""

    goal: ClassVar[bool] = True
    term: Term
    value: Term


@dataclass(frozen=True, slots=True)
class GaussianLaw(Statement):
    """The limits of these members are jointly Gaussian, with these means and this covariance, row by row."""

    goal: ClassVar[bool] = True
    at: tuple[Term, ...]
    mean: tuple[Term, ...]
    rows: tuple[tuple[Term, ...], ...]


@dataclass(frozen=True, slots=True)
class GivenScores(Statement):
    """cov(a, b | scores) = value in the limit; `gaussian`: given the scores, a and b are centred Gaussian."""

    goal: ClassVar[bool] = True
    a: Term
    b: Term
    value: Term
    gaussian: bool


@dataclass(frozen=True, slots=True)
class Claimed(Statement):
    """Claim number `node` of the program, which reads `text`, holds in the limit."""

    goal: ClassVar[bool] = True
    node: int
    text: str
