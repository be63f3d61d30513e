"""Terms by Python operators, for writing definitions and derivatives the way a paper does.

>>> from tensorprog.terms import to_text
>>> x = E.var("x")
>>> to_text((x * f("sigmoid", x)).term)
'x*sigmoid(x)'
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from tensorprog.kernel.ground.term import add, mul, neg, power, recip
from tensorprog.terms import App, Num, Term, Var


@dataclass(frozen=True, slots=True)
class Operators(ABC):
    """A term with operators; each kind says what else it takes for an operand."""

    term: Term

    @staticmethod
    @abstractmethod
    def term_of(value: Any) -> Term:
        """Return the term of an operand."""

    def __add__(self, other: Any) -> Self:
        return type(self)(add(self.term, self.term_of(other)))

    def __radd__(self, other: Any) -> Self:
        return type(self)(add(self.term_of(other), self.term))

    def __sub__(self, other: Any) -> Self:
        return type(self)(add(self.term, neg(self.term_of(other))))

    def __rsub__(self, other: Any) -> Self:
        return type(self)(add(self.term_of(other), neg(self.term)))

    def __mul__(self, other: Any) -> Self:
        return type(self)(mul(self.term, self.term_of(other)))

    def __rmul__(self, other: Any) -> Self:
        return type(self)(mul(self.term_of(other), self.term))

    def __truediv__(self, other: Any) -> Self:
        return type(self)(mul(self.term, recip(self.term_of(other))))

    def __rtruediv__(self, other: Any) -> Self:
        return type(self)(mul(self.term_of(other), recip(self.term)))

    def __neg__(self) -> Self:
        return type(self)(neg(self.term))

    def __pow__(self, other: Any) -> Self:
        return type(self)(power(self.term, self.term_of(other)))


class E(Operators):
    """A term beside terms of the same kind and exact numbers."""

    __slots__ = ()

    @staticmethod
    def var(name: str) -> E:
        return E(Var(name))

    @staticmethod
    def term_of(value: E | int | Fraction) -> Term:
        return value.term if isinstance(value, E) else Num(value)


def f(head: str, *args: E | int | Fraction) -> E:
    """Return a head applied to arguments."""
    return E(App(head, tuple(map(E.term_of, args))))
