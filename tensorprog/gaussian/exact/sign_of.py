"""The sign of a form without kinks, as a form: by its factors, each of them affine or of one sign."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sympy.polys.domains import QQ
from sympy.polys.rings import ring

from tensorprog.gaussian.exact.element import number, one, zero
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.gaussian.exact.shapes import Form, Space, affine_part, constant_of, product, scaled


def sign_of_smooth(space: Space, p: Form) -> Form:
    """sg p, for p constant, affine, a single product, or a polynomial with rational coefficients."""
    g = space.ground
    unit = space.constant(one(g))
    value = constant_of(space, p)
    if value is not None:
        sign = value.sign()
        if sign is None:
            raise NoClosedForm("a sign of params that the assumptions do not decide")
        return scaled(unit, sign)
    linear = affine_part(space, p)
    if linear is not None:
        return space.sign(*linear, zero(g))
    if len(p) == 1:
        ((shape, c),) = p.items()
        if not shape.signs and not shape.deltas:
            out = sign_of_smooth(space, space.constant(c))
            for i, n in enumerate(shape.powers):
                if n % 2:
                    out = product(out, sign_of_smooth(space, space.variable(i)))
            return out
    return _by_factors(space, p)


def _by_factors(space: Space, p: Form) -> Form:
    made = ring([f"z{k}" for k in range(space.size)], QQ)
    polynomials, z = made[0], made[1:]
    total = polynomials.zero
    for shape, c in p.items():
        q = c.rational_value()
        if not shape.is_polynomial() or q is None:
            raise NoClosedForm("a kink where a function that is not a rational polynomial vanishes")
        monomial = polynomials.one * QQ(q.numerator, q.denominator)
        for k, n in enumerate(shape.powers):
            monomial *= z[k] ** n
        total += monomial
    content, factors = total.factor_list()
    out = scaled(space.constant(one(space.ground)), 1 if content > 0 else -1)
    for f, m in factors:
        if m % 2:
            out = product(out, _of_factor(space, f))
    return out


def _of_factor(space: Space, f: Any) -> Form:
    """Return an irreducible factor: affine, a quadratic in one variable (by its roots), or visibly positive."""
    g = space.ground
    terms = [(m, Fraction(int(c.numerator), int(c.denominator))) for m, c in f.terms()]
    degree = max(sum(m) for m, _ in terms)
    used = sorted({k for m, _ in terms for k, n in enumerate(m) if n})
    if degree == 1:
        a, b = [zero(g)] * space.size, zero(g)
        for m, c in terms:
            if sum(m):
                a[m.index(1)] = number(g, c)
            else:
                b = number(g, c)
        return space.sign(tuple(a), b, zero(g))
    if degree == 2 and len(used) == 1:
        by_degree = {sum(m): c for m, c in terms}
        a2, a1, a0 = (by_degree.get(k, Fraction(0)) for k in (2, 1, 0))
        discriminant = a1 * a1 - 4 * a2 * a0
        out = scaled(space.constant(one(g)), 1 if a2 > 0 else -1)
        if discriminant < 0:
            return out
        spread = number(g, discriminant).sqrt().scale(1 / (2 * a2))
        direction = tuple(number(g, int(k == used[0])) for k in range(space.size))
        for r in (spread, -spread):
            out = product(out, space.sign(direction, number(g, a1 / (2 * a2)) + r, zero(g)))
        return out
    if all(all(n % 2 == 0 for n in m) and c > 0 for m, c in terms):
        return space.constant(one(g))
    raise NoClosedForm("a kink along a curve, or at a root that is not a square root")
