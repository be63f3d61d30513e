"""A normal form for zero tests: Laurent polynomials over the rationals in atoms.

An atom is a variable, pi, or a function of normal arguments; powers add up, exponentials merge. If the normal form
of a term is 0, the term is 0 wherever it is defined (decidable and sound); otherwise nothing is claimed.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from math import isqrt

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, sign_at
from tensorprog.functions.named.library import library
from tensorprog.functions.named.record import Function
from tensorprog.kernel.ground.term import ONE, PI, add, mul, power, variables
from tensorprog.terms import App, Num, Term, Var

Monomial = tuple[tuple[Term, Fraction], ...]
MAX_TERMS = 200
MAX_POWER = 12


_ONE: dict[Monomial, Fraction] = {(): Fraction(1)}


class Polynomial:
    """{monomial: coefficient}, zero coefficients left out."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, Fraction]) -> None:
        self.terms = {m: c for m, c in terms.items() if c}
        if len(self.terms) > MAX_TERMS:
            raise Undecided("a large normal form")

    def __add__(self, other: Polynomial) -> Polynomial:
        out = dict(self.terms)
        for m, c in other.terms.items():
            out[m] = out.get(m, Fraction(0)) + c
        return Polynomial(out)

    def __mul__(self, other: Polynomial) -> Polynomial:
        if self.terms == _ONE:
            return other
        if other.terms == _ONE:
            return self
        if len(self.terms) * len(other.terms) > MAX_TERMS**2 // 4:
            raise Undecided("a large normal form")
        out: dict[Monomial, Fraction] = {}
        for m, c in self.terms.items():
            for k, d in other.terms.items():
                scale, monomial = _merge(m, k)
                out[monomial] = out.get(monomial, Fraction(0)) + c * d * scale
        return Polynomial(out)

    def scaled(self, c: Fraction) -> Polynomial:
        return Polynomial({m: c * d for m, d in self.terms.items()})

    @property
    def zero(self) -> bool:
        return not self.terms

    def constant(self) -> Fraction | None:
        """Return the value, if this is a rational number."""
        if self.zero:
            return Fraction(0)
        return self.terms.get(()) if len(self.terms) == 1 else None

    def term(self) -> Term:
        """Back to a term, in a canonical order."""
        return add(*(mul(*_factors(c, m)) for m, c in sorted(self.terms.items(), key=_monomial_order)))


def _monomial_order(term: tuple[Monomial, Fraction]) -> list[tuple[str, Fraction]]:
    return [_order(factor) for factor in term[0]]


def number(c: Fraction) -> Polynomial:
    return Polynomial({(): c})


def atom(t: Term, exponent: Fraction = Fraction(1)) -> Polynomial:
    return Polynomial({((t, exponent),): Fraction(1)})


def _factors(c: Fraction, m: Monomial) -> list[Term]:
    out: list[Term] = [] if c == 1 and m else [Num(c)]
    return out + [t if e == 1 else power(t, Num(e)) for t, e in m]


def _merge(m: Monomial, k: Monomial) -> tuple[Fraction, Monomial]:
    """Return the product of two monomials, with a rational factor that roots of numbers may give."""
    exponents: dict[Term, Fraction] = {}
    exponential: Polynomial | None = None
    scale = Fraction(1)
    for t, e in (*m, *k):
        if isinstance(t, App) and t.head == "exp":
            inner = normal(t.args[0]).scaled(e)
            exponential = inner if exponential is None else exponential + inner
        else:
            exponents[t] = exponents.get(t, Fraction(0)) + e
    for t, e in list(exponents.items()):
        if isinstance(t, Num):  # a root of a number: whole parts of the exponent come out
            whole = e.numerator // e.denominator
            scale *= t.value**whole
            exponents[t] = e - whole
    if exponential is not None and not exponential.zero:
        exponents[App("exp", (exponential.term(),))] = Fraction(1)
    return scale, tuple(sorted(((t, e) for t, e in exponents.items() if e), key=_order))


@lru_cache(maxsize=20_000)
def _text(t: Term) -> str:
    return repr(t)


def _order(factor: tuple[Term, Fraction]) -> tuple[str, Fraction]:
    """Any total order will do, as long as it is always the same."""
    return _text(factor[0]), factor[1]


@lru_cache(maxsize=20_000)
def normal(t: Term) -> Polynomial:
    """Return the normal form; raises Undecided where it grows too large or the term is not one of numbers."""
    match t:
        case Num(value):
            return number(value)
        case Var():
            return atom(t)
        case App("pi"):
            return atom(PI)
        case App("add", args):
            return reduce(operator.add, map(normal, args))
        case App("mul", args):
            return reduce(operator.mul, map(normal, args))
        case App("neg", (a,)):
            return normal(a).scaled(Fraction(-1))
        case App("recip", (a,)):
            return _power(normal(a), Fraction(-1))
        case App("sqrt", (a,)):
            return _power(normal(a), Fraction(1, 2))
        case App("pow", (a, b)):
            exponent = normal(b).constant()
            if exponent is not None:
                return _power(normal(a), exponent)
            return atom(App("pow", (normal(a).term(), normal(b).term())))
        case App("where", (App(compare, (a, b)), yes, no)) if compare in ("lt", "le", "gt", "ge"):
            s = _sign(add(a, App("neg", (b,))))
            if s is None:
                raise Undecided("a condition")
            holds = {"lt": s < 0, "le": s <= 0, "gt": s > 0, "ge": s >= 0}[compare]
            return normal(yes if holds else no)
        case App(head, args) if head in library() and head != "where":
            return _function(head, tuple(normal(a).term() for a in args))
    raise Undecided("not a number")


def _sign(t: Term) -> int | None:
    """Return the sign of a constant."""
    form = normal(t)
    value = form.constant()
    if value is not None:
        return (value > 0) - (value < 0)
    if variables(form.term()):
        return None
    try:
        return sign_at(evaluate(form.term(), {}))
    except (Undecided, Undefined):
        return None


def _power(p: Polynomial, e: Fraction) -> Polynomial:
    if e == 1:
        return p
    if len(p.terms) == 1:
        ((m, c),) = p.terms.items()
        if e.denominator == 1:
            return number(c ** int(e)) * Polynomial({tuple((t, f * e) for t, f in m): Fraction(1)})
        # x^(1/2)^2 = x where defined; but (b^2)^(1/2) = |b|, and a root of a product of negatives does not split
        if c == 1 and len(m) == 1 and m[0][1].denominator == 1 and m[0][1].numerator % 2:
            return Polynomial({((m[0][0], m[0][1] * e),): Fraction(1)})
        if not m and c > 0:
            return _root(c, e)
    if p.zero:
        if e > 0:
            return p
        raise Undecided("a power of 0")
    if e.denominator == 1 and 0 <= e <= MAX_POWER:
        out = number(Fraction(1))
        for _ in range(int(e)):
            out = out * p
        return out
    return atom(p.term(), e) if e.denominator == 1 or len(p.terms) > 1 else atom(App("pow", (p.term(), Num(e))))


def _root(c: Fraction, e: Fraction) -> Polynomial:
    """c^e for c > 0; square roots with the squares taken out of numerator and denominator."""
    if e.denominator != 2:
        return atom(Num(c), e)
    whole = (e.numerator - 1) // 2
    scale = c**whole
    radicand, out = c.numerator * c.denominator, Fraction(1, c.denominator)
    root = isqrt(radicand)
    if root * root == radicand:
        return number(scale * out * root)
    k = 2
    while k * k <= min(radicand, 10_000):
        while radicand % (k * k) == 0:
            radicand //= k * k
            out *= k
        k += 1
    return atom(Num(radicand), Fraction(1, 2)).scaled(scale * out)


def _function(head: str, args: tuple[Term, ...]) -> Polynomial:
    first = args[0]
    record = library()[head]
    if first == Num(0) and record.at_zero is not None:
        return number(record.at_zero)
    if head == "log" and first == ONE:
        return number(Fraction(0))
    if head in ("max", "min") and len(set(args)) == 1:
        return normal(first)
    plain = _extreme(head, args) if head in ("max", "min") else _piece(record, args)
    if plain is not None:
        return plain
    if record.opens(args) or len(record.args) > len(args):
        body = record.expand(args)
        if body is not None:
            return normal(body)
    if head in ("max", "min"):
        args = tuple(sorted(set(args), key=repr))
    return atom(App(head, args))


def _extreme(head: str, args: tuple[Term, ...]) -> Polynomial | None:
    """Return the largest or smallest of constants whose order is known."""
    best = args[0]
    for a in args[1:]:
        s = _sign(add(a, App("neg", (best,))))
        if s is None:
            return None
        if (s > 0) == (head == "max") and s != 0:
            best = a
    return normal(best)


def _piece(record: Function, args: tuple[Term, ...]) -> Polynomial | None:
    """Return the value of a function in pieces at a constant, by the piece in which it lies."""
    if record.halves is not None:
        s = _sign(args[0])
        return normal(record.call(record.halves[s > 0], args)) if s else None
    value = normal(args[0]).constant() if record.kinked else None
    if value is not None and record.name == "floor":
        return number(Fraction(value.__floor__()))
    body = None if value is None else record.expand(args)
    return None if body is None else normal(body)


def simplified(t: Term) -> Term:
    """Return the normal form as a term, or the term itself where it has none."""
    try:
        return normal(t).term()
    except Undecided:
        return t


def is_zero(t: Term) -> bool:
    """Return whether t is certainly 0 wherever it is defined.

    >>> from tensorprog.terms import read
    >>> is_zero(read("(x+1)^2 - x^2 - 2*x - 1")), is_zero(read("sqrt(8) - 2*sqrt(2)")), is_zero(read("x"))
    (True, True, False)
    """
    try:
        return normal(t).zero
    except Undecided:
        return False
