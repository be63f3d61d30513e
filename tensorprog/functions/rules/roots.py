"""Real roots of polynomials in one variable, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tensorprog.functions.evaluate.polynomial import Polynomial
from tensorprog.terms import Var

MAX_DEGREE = 40


def coefficients(form: Polynomial, v: Var) -> list[Fraction] | None:
    """c0, c1, ... of a polynomial in v with rational coefficients; None if it is something else."""
    out: dict[int, Fraction] = {}
    for m, c in form.terms.items():
        if m == ():
            out[0] = c
        elif len(m) == 1 and m[0][0] == v and m[0][1].denominator == 1 and 0 < m[0][1] <= MAX_DEGREE:
            out[int(m[0][1])] = c
        else:
            return None
    return [out.get(k, Fraction(0)) for k in range(max(out, default=0) + 1)]


def real_roots(cs: list[Fraction]) -> tuple[list[Fraction], int]:
    """Return the rational roots, and how many further distinct real roots there are."""
    from flint import fmpq, fmpq_poly, fmpz_poly

    poly = fmpq_poly([fmpq(c.numerator, c.denominator) for c in cs])
    _, factors = poly.factor()
    rational: list[Fraction] = []
    others = 0
    for factor, _ in factors:
        if factor.degree() == 1:
            root = -factor[0] / factor[1]
            rational.append(Fraction(int(root.p), int(root.q)))
        else:
            whole = fmpz_poly([int(c.p) * int(factor.denom()) // int(c.q) for c in factor.coeffs()])
            found: list[Any] = list(whole.complex_roots())
            others += sum(1 for value, _ in found if value.imag == 0)
    return sorted(rational), others


def rational_roots(form: Polynomial, v: Var) -> list[Fraction] | None:
    """Return all real roots, if all of them are rational; None otherwise.

    >>> from tensorprog.functions.evaluate.polynomial import normal
    >>> from tensorprog.terms import read
    >>> rational_roots(normal(read("x^4 - 1")), Var("x"))
    [Fraction(-1, 1), Fraction(1, 1)]
    >>> rational_roots(normal(read("x^2 - 2")), Var("x")) is None
    True
    """
    cs = coefficients(form, v)
    if cs is None or len(cs) < 2:
        return None
    roots, others = real_roots(cs)
    return None if others else roots


def divides(d: Polynomial, f: Polynomial, v: Var) -> bool:
    """Return whether d divides f, so that f = 0 where d = 0."""
    from flint import fmpq, fmpq_poly

    a, b = coefficients(d, v), coefficients(f, v)
    if a is None or b is None or not any(a):
        return False
    poly = [fmpq_poly([fmpq(c.numerator, c.denominator) for c in cs]) for cs in (a, b)]
    return bool((poly[1] % poly[0]).degree() < 0)
