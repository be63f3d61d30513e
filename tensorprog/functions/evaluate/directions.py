"""A function of many Gaussian variables through few linear combinations of them, in exact rationals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tensorprog.functions.evaluate.expanded import affine, rational
from tensorprog.kernel.ground.term import add, children, mul, rebuild, variables
from tensorprog.terms import Num, Term, Var

Row = tuple[Fraction, ...]


@dataclass(frozen=True)
class Posed:
    """E F(Z), F a term in `names`, Z ~ N(mean, cov)."""

    term: Term
    names: tuple[str, ...]
    cov: tuple[Row, ...]
    mean: Row


def linear(t: Term, names: Sequence[str]) -> tuple[Row, Fraction] | None:
    """(a, c) with t = a·z + c exactly, if t is so written with rational coefficients.

    >>> from tensorprog.terms import read
    >>> linear(read("2*x - y/3 + 1"), ["x", "y"])
    ((Fraction(2, 1), Fraction(-1, 3)), Fraction(1, 1))
    """
    return affine(t, names, rational, Fraction(0))


def fewest(p: Posed) -> Posed:
    """The same expectation in the linear combinations that F reads, where they are fewer, or as many and never mixed.

    >>> from tensorprog.terms import read, to_text
    >>> one, zero = Fraction(1), Fraction(0)
    >>> q = fewest(Posed(read("relu(x - y)*tanh(2*x - 2*y)"), ("x", "y"), ((one, zero), (zero, one)), (zero, zero)))
    >>> to_text(q.term), q.cov
    ('relu(z1)*tanh(2*z1)', ((Fraction(2, 1),),))
    """
    rows: list[Row] = []
    _collect(p.term, p.names, rows)
    basis: list[Row] = []
    for row in rows:
        if _coordinates(row, basis) is None:
            basis.append(row)
    if not basis or (len(basis) == len(p.names) and not _apart(rows, basis)):
        return p
    return _in_terms_of(p, basis)


def _in_terms_of(p: Posed, basis: Sequence[Row]) -> Posed:
    fresh = tuple(f"z{k + 1}" for k in range(len(basis)))
    term = _rewrite(p.term, p.names, basis, fresh)
    products = [
        tuple(sum((r[j] * p.cov[j][k] for j in range(len(r))), Fraction(0)) for k in range(len(r))) for r in basis
    ]
    cov = tuple(
        tuple(sum((x * y for x, y in zip(left, r, strict=True)), Fraction(0)) for r in basis) for left in products
    )
    mean = tuple(sum((x * y for x, y in zip(r, p.mean, strict=True)), Fraction(0)) for r in basis)
    return Posed(term, fresh, cov, mean)


def spread(p: Posed) -> Posed:
    """The same expectation with a separate variable for every linear combination, so that a - b is not two balls.

    The covariance is singular where they depend on each other.

    >>> from tensorprog.terms import read, to_text
    >>> one, zero = Fraction(1), Fraction(0)
    >>> p = Posed(read("tanh(x - y)*x*relu(y)"), ("x", "y"), ((one, zero), (zero, one)), (zero, zero))
    >>> to_text(spread(p).term)
    'tanh(z1)*z2*relu(z3)'
    """
    rows: list[Row] = []
    _collect(p.term, p.names, rows)
    kept: list[Row] = []
    for row in rows:
        if all(_coordinates(row, [r]) is None for r in kept):
            kept.append(row)
    return p if len(kept) == len(p.names) else _in_terms_of(p, kept)


def _apart(rows: Sequence[Row], basis: Sequence[Row]) -> bool:
    """Return whether every combination is a multiple of one of the basis, and these are not just the variables."""
    if all(sum(map(bool, b)) == 1 for b in basis):
        return False
    return all(sum(map(bool, _coordinates(r, basis) or ())) == 1 for r in rows)


def _collect(t: Term, names: Sequence[str], rows: list[Row]) -> None:
    found = linear(t, names)
    if found is not None:
        if any(found[0]):
            rows.append(found[0])
        return
    for c in children(t):
        _collect(c, names, rows)


def _coordinates(row: Row, basis: Sequence[Row]) -> Row | None:
    """x with row = Σ x_k basis_k, by elimination; None if it is no combination of them."""
    if not basis:
        return None
    n, k = len(row), len(basis)
    table = [[basis[j][i] for j in range(k)] + [row[i]] for i in range(n)]
    at, pivots = 0, []
    for j in range(k):
        found = next((i for i in range(at, n) if table[i][j]), None)
        if found is None:
            continue
        table[at], table[found] = table[found], table[at]
        lead = table[at][j]
        table[at] = [x / lead for x in table[at]]
        for i in range(n):
            if i != at and table[i][j]:
                by = table[i][j]
                table[i] = [x - by * y for x, y in zip(table[i], table[at], strict=True)]
        pivots.append(j)
        at += 1
    if any(table[i][k] for i in range(at, n)):
        return None
    out = [Fraction(0)] * k
    for i, j in enumerate(pivots):
        out[j] = table[i][k]
    return tuple(out)


def _in_one(row: Row, basis: Sequence[Row]) -> Row | None:
    """Return the coordinates of a multiple of one of the basis, which need not be independent."""
    for k, b in enumerate(basis):
        found = _coordinates(row, [b])
        if found is not None:
            return tuple(found[0] if j == k else Fraction(0) for j in range(len(basis)))
    return None


def _rewrite(t: Term, names: Sequence[str], basis: Sequence[Row], fresh: Sequence[str]) -> Term:
    found = linear(t, names)
    if found is not None:
        x = _in_one(found[0], basis) or _coordinates(found[0], basis) or ()
        parts: list[Term] = [Var(n) if c == 1 else mul(Num(c), Var(n)) for n, c in zip(fresh, x, strict=False) if c]
        if found[1] or not parts:
            parts.append(Num(found[1]))
        return parts[0] if len(parts) == 1 else add(*parts)
    return rebuild(t, tuple(_rewrite(c, names, basis, fresh) for c in children(t))) if variables(t) else t
