"""Terms by Python operators, for writing definitions and derivatives the way a paper does.

>>> from tensorprog.terms import to_text
>>> x = E.var("x")
>>> to_text((x * f("sigmoid", x)).term)
'x*sigmoid(x)'
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tensorprog.kernel.ground.term import add, mul, neg, power, recip
from tensorprog.terms import App, Num, Term, Var


@dataclass(frozen=True)
class E:
    """A term with operators."""

    term: Term

    @staticmethod
    def var(name: str) -> E:
        return E(Var(name))

    def __add__(self, other: E | int | Fraction) -> E:
        return E(add(self.term, term_of(other)))

    def __radd__(self, other: E | int | Fraction) -> E:
        return E(add(term_of(other), self.term))

    def __sub__(self, other: E | int | Fraction) -> E:
        return E(add(self.term, neg(term_of(other))))

    def __rsub__(self, other: E | int | Fraction) -> E:
        return E(add(term_of(other), neg(self.term)))

    def __mul__(self, other: E | int | Fraction) -> E:
        return E(mul(self.term, term_of(other)))

    def __rmul__(self, other: E | int | Fraction) -> E:
        return E(mul(term_of(other), self.term))

    def __truediv__(self, other: E | int | Fraction) -> E:
        return E(mul(self.term, recip(term_of(other))))

    def __rtruediv__(self, other: E | int | Fraction) -> E:
        return E(mul(term_of(other), recip(self.term)))

    def __neg__(self) -> E:
        return E(neg(self.term))

    def __pow__(self, other: E | int | Fraction) -> E:
        return E(power(self.term, term_of(other)))


def term_of(value: E | int | Fraction) -> Term:
    """The term of an operand."""
    return value.term if isinstance(value, E) else Num(value)


def f(head: str, *args: E | int | Fraction) -> E:
    """A head applied to arguments."""
    return E(App(head, tuple(term_of(a) for a in args)))
