"""A variable taken apart: y = sum of coefficients times Gaussian leaves, plus a rest; and what is constant in it.

Constancy is decided in a polynomial normal form over opaque atoms with one relation, that the entries of a softmax
add up to 1. So sum_j softmax_j(p) v with one v is v, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ONE, ZERO, add, mul, power
from tensorprog.limit.rules.open import TooLarge
from tensorprog.terms import App, Num, Term, Var

MAX_MONOMIALS = 4_000

Monomial = tuple[tuple[Term, int], ...]
Poly = dict[Monomial, Fraction]
Below = Callable[[Term], frozenset[Var]]


@dataclass(frozen=True, slots=True)
class Parts:
    """y = sum of coefficients[g] * g over Gaussian leaves g, plus rest."""

    coefficients: Mapping[Var, Term]
    rest: Term


def split(t: Term, vectors: frozenset[Var], below: Below) -> Parts:
    """Take out the leaves in `vectors` that occur linearly; what multiplies them may hold other leaves."""
    mine = below(t) & vectors
    if not mine:
        return Parts({}, t)
    match t:
        case Var():
            return Parts({t: ONE}, ZERO)
        case App("neg", (a,)):
            return _scaled(Num(-1), split(a, vectors, below))
        case App("add", args):
            return _sum([split(a, vectors, below) for a in args])
        case App("mul", args):
            holders = [k for k, a in enumerate(args) if below(a) & vectors]
            parts = [split(args[k], vectors, below) for k in holders]
            # The factor with most linear leaves is taken apart, the others become its coefficient.
            best = max(range(len(holders)), key=lambda k: (parts[k].rest == ZERO, len(parts[k].coefficients)))
            if not parts[best].coefficients:
                return Parts({}, t)
            place = holders[best]  # by place: in x*x both factors may be one object
            return _scaled(mul(*args[:place], *args[place + 1 :]), parts[best])
        case _:
            return Parts({}, t)


def _scaled(c: Term, p: Parts) -> Parts:
    return Parts({g: mul(c, a) for g, a in p.coefficients.items()}, ZERO if p.rest == ZERO else mul(c, p.rest))


def _sum(parts: list[Parts]) -> Parts:
    coefficients: dict[Var, list[Term]] = {}
    for p in parts:
        for g, a in p.coefficients.items():
            coefficients.setdefault(g, []).append(a)
    rest = [p.rest for p in parts if p.rest != ZERO]
    return Parts({g: add(*terms) for g, terms in coefficients.items()}, add(*rest))


def settle(parts: list[Parts], below: Below, vectors: frozenset[Var]) -> tuple[list[Parts], frozenset[Var]]:
    """Give values first to leaves in a coefficient or a rest: they leave the linear part everywhere."""
    given: frozenset[Var] = frozenset()
    while True:
        used = given
        for p in parts:
            used |= (below(p.rest) | frozenset().union(*map(below, p.coefficients.values()))) & vectors
        moved = [_moved(p, used) for p in parts]
        if used == given:
            return moved, given
        parts, given = moved, used


def _moved(p: Parts, given: frozenset[Var]) -> Parts:
    inside = [mul(a, g) for g, a in p.coefficients.items() if g in given]
    if not inside:
        return p
    rest = add(*inside, *([] if p.rest == ZERO else [p.rest]))
    return Parts({g: a for g, a in p.coefficients.items() if g not in given}, rest)


# -- constancy -------------------------------------------------------------------------------------------------------


def is_constant(t: Term, varying: Below) -> bool:
    """Return whether the value is proved not to depend on the leaves that `varying` finds."""
    if not varying(t):
        return True
    try:
        return not any(varying(atom) for monomial in polynomial(t) for atom, _ in monomial)
    except TooLarge:
        return False


def is_zero(t: Term) -> bool:
    """Return whether the normal form is 0."""
    try:
        return not polynomial(t)
    except TooLarge:
        return False


def affine(t: Term, leaves: frozenset[Var], below: Below) -> tuple[dict[Var, Term], Term] | None:
    """(coefficients, constant) if t is affine in `leaves` with coefficients free of them, else None."""
    p = split(t, leaves, below)
    if below(p.rest) & leaves or any(below(a) & leaves for a in p.coefficients.values()):
        return None
    return dict(p.coefficients), p.rest


def polynomial(t: Term) -> Poly:
    """Return the polynomial over atoms that t is, with rational coefficients."""
    if (value := rational(t)) is not None:
        return {(): value} if value else {}
    match t:
        case App("neg", (a,)):
            return {m: -c for m, c in polynomial(a).items()}
        case App("add", args):
            out: Poly = {}
            for a in args:
                accumulate(out, polynomial(a))
            return out
        case App("mul", args):
            out = {(): Fraction(1)}
            for a in args:
                out = _product(out, polynomial(a))
            return out
        case App("pow", (a, Num(value))) if value.denominator == 1 and 0 < value <= 16:
            base, out = polynomial(a), {(): Fraction(1)}
            for _ in range(int(value)):
                out = _product(out, base)
            return out
        case App("recip", (App("sqrt", (Num(value),)),)) if value > 0:
            return {((App("sqrt", (Num(value),)), 1),): 1 / value}
        case App("softmax", (Num(k), *logits)) if k == len(logits) - 1:
            # The last entry is 1 minus the others.
            out = {(): Fraction(1)}
            for j in range(len(logits) - 1):
                out[(App("softmax", (Num(j), *logits)), 1),] = Fraction(-1)
            return out
        case _:
            return {((t, 1),): Fraction(1)}


def collected(t: Term) -> Term:
    """Return the same expression written anew from its polynomial.

    >>> from tensorprog.terms import read, to_text
    >>> to_text(collected(read("(a + b)*(a - b) + b^2 + 2*a")))
    'a^2 + 2*a'
    """
    return add(*(mul(Num(c), monomial_term(m)) for m, c in polynomial(t).items()))


def monomial_term(m: Monomial) -> Term:
    """Return a product of powers of atoms; equal monomials are equal terms."""
    return mul(*sorted((a if e == 1 else power(a, Num(e)) for a, e in m), key=repr))


def independent(terms: Sequence[Term]) -> list[int]:
    """Return positions of terms of which all others are combinations, with rational numbers, up to constants.

    >>> from tensorprog.terms import read
    >>> independent([read(t) for t in ("2*u", "u - v", "u + v + 1", "w")])
    [0, 1, 3]
    """
    rows: list[Poly] = []
    out = []
    for k, t in enumerate(terms):
        try:
            row = {m: c for m, c in polynomial(t).items() if m}
        except TooLarge:
            row = {((t, 1),): Fraction(1)}
        for known in rows:
            lead = next(iter(known))
            if c := row.get(lead):
                factor = c / known[lead]
                row = {
                    m: x
                    for m in {**row, **known}
                    if (x := row.get(m, Fraction(0)) - factor * known.get(m, Fraction(0)))
                }
        if row:
            rows.append(row)
            out.append(k)
    return out


def accumulate(out: dict[Any, Fraction], more: Mapping[Any, Fraction]) -> None:
    """Add a polynomial to another, which is changed; TooLarge where it has too many terms."""
    for m, c in more.items():
        total = out.get(m, Fraction(0)) + c
        if total:
            out[m] = total
        else:
            out.pop(m, None)
    if len(out) > MAX_MONOMIALS:
        raise TooLarge


def _product(a: Poly, b: Poly) -> Poly:
    if len(a) * len(b) > 50 * MAX_MONOMIALS:
        raise TooLarge
    out: Poly = {}
    for m, c in a.items():
        for k, d in b.items():
            powers: dict[Term, int] = dict(m)
            for atom, e in k:
                powers[atom] = powers.get(atom, 0) + e
            value = c * d
            for atom in list(powers):
                match atom:
                    case App("sqrt", (Num(inside),)):  # sqrt(c)^2 = c
                        value *= inside ** (powers[atom] // 2)
                        powers[atom] %= 2
            monomial = tuple(sorted(((x, e) for x, e in powers.items() if e), key=lambda p: (hash(p[0]), p[1])))
            accumulate(out, {monomial: value})
    return out
