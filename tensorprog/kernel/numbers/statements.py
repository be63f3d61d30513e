"""What a step can say of numbers: between which fractions a mean, covariance or kurtosis lies, and what follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.ground.term import Term
from tensorprog.kernel.ground.text import to_text


@dataclass(frozen=True, slots=True)
class Number(Statement):
    """low <= E term <= high in the limit, at the default values of the params; `method`: of an engine, believed."""

    term: Term
    low: str
    high: str
    method: str = ""

    def trusts(self) -> tuple[str, ...]:
        if not self.method:
            return ()
        return (f"trusted-numeric: E({to_text(self.term)}) in [{self.low}, {self.high}] by {self.method}",)


@dataclass(frozen=True, slots=True)
class ExpectationNumber(Statement):
    """low <= E term <= high in the limit, for such a function, at these values of the params."""

    goal: ClassVar[bool] = True
    term: Term
    low: str
    high: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CovarianceNumber(Statement):
    """low <= cov(a, b) <= high in the limit, at these values of the params."""

    goal: ClassVar[bool] = True
    a: Term
    b: Term
    low: str
    high: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kurtosis(Statement):
    """low <= E (v - E v)^4 / var(v)^2 <= high in the limit, at these values of the params."""

    goal: ClassVar[bool] = True
    term: Term
    low: str
    high: str
    where: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confirmed(Statement):
    """Claim number `node` of the program holds in the limit at these values of the params."""

    goal: ClassVar[bool] = True
    node: int
    text: str
    where: tuple[str, ...]
