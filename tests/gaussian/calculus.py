"""Exact derivatives and substitutions of elements: what Price's theorem and limits of formulas are checked with.

Price: ∂/∂K12 E[f(Z1) g(Z2)] = E[f'(Z1) g'(Z2)], derivatives in the sense of distributions; and at K12 = 0 the
expectation is E f · E g. Together they determine every formula.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.gaussian.exact.base_cases import arcsine, error_function, two_signs
from tensorprog.gaussian.exact.element import (
    Element,
    atom,
    exponential,
    from_poly,
    imaginary_unit,
    number,
    one,
    pi,
    root,
    zero,
)
from tensorprog.gaussian.exact.ground import MINUS_ONE, Ground, NoClosedForm, Poly
from tensorprog.gaussian.exact.recursion import Delta, Sign
from tensorprog.gaussian.exact.shapes import Form, Shape, Space, plus, product


def differentiate(x: Element, name: str) -> Element:
    """∂x/∂name, name a generator of the ground."""
    g = x.ground
    k = g.names.index(name)
    out = zero(g)
    for (odd, atoms, exponent), (num, den) in x.terms.items():
        value = Element(g, {(odd, atoms, exponent): (num, den)})
        rest = Element(g, {(odd, atoms, exponent): (g.one, den)})
        if slope := num.diff(g.gens[k]):
            out = out + from_poly(g, slope) * rest
        powers = {r: Fraction(-m) for r, m in den}
        for r in odd:
            powers[r] = powers.get(r, Fraction(0)) + Fraction(1, 2)
        for r, p in powers.items():
            if r != MINUS_ONE and (slope := g.radicals[r].diff(g.gens[k])):
                out = out + value * from_poly(g, slope) * from_poly(g, g.radicals[r]).inverse().scale(p)
        for at, n in atoms:
            bare = tuple((a, m - int(a == at)) for a, m in atoms if m - int(a == at))
            slope_of_atom = _slope(g, at, name)
            if slope_of_atom:
                out = out + Element(g, {(odd, bare, exponent): (num, den)}) * slope_of_atom.scale(n)
        if exponent:
            out = out + value * differentiate(g.exponents[exponent], name)
    return out


def conjugate(x: Element) -> Element:
    """The complex conjugate (all atoms are real)."""
    g = x.ground
    out = zero(g)
    for (odd, atoms, exponent), (num, den) in x.terms.items():
        term = Element(g, {(odd, atoms, 0): (-num if MINUS_ONE in odd else num, den)})
        out = out + (term * exponential(conjugate(g.exponents[exponent])) if exponent else term)
    return out


def _slope(g: Ground, number_of_atom: int, name: str) -> Element:
    """The derivative of an atom by the chain rule."""
    kind: str = g.atoms[number_of_atom][0]
    args: list[Element] = list(g.atoms[number_of_atom][1:])
    slopes = [differentiate(a, name) for a in args]
    if not any(slopes):
        return zero(g)
    x = args[0]
    if kind in ("erf", "erfi"):
        return bell(x.scale(1), -1 if kind == "erf" else 1).scale(2) * pi(g).sqrt().inverse() * slopes[0]
    if kind in ("erf_re", "erf_im"):
        # d erf(x + iy) = 2/√π exp(-(x + iy)²) (dx + i dy)
        i = imaginary_unit(g)
        z = x + i * args[1]
        rate = bell(z, -1).scale(2) * pi(g).sqrt().inverse() * (slopes[0] + i * slopes[1])
        rate = rate if kind == "erf_re" else -i * rate
        return (rate + conjugate(rate)).scale(Fraction(1, 2))
    if kind == "asin":
        return slopes[0] * (one(g) - x * x).sqrt().inverse()
    if kind == "sin":
        return atom(g, "cos", x) * slopes[0]
    if kind == "cos":
        return -atom(g, "sin", x) * slopes[0]
    if kind == "sgn2":
        return _slope_of_two_signs(*args, *slopes)
    raise NoClosedForm(f"the derivative of {kind}")


def bell(x: Element, sign: int) -> Element:
    """exp(± x²)."""
    return exponential((x * x).scale(sign))


def _slope_of_two_signs(h: Element, k: Element, r: Element, dh: Element, dk: Element, dr: Element) -> Element:
    """S(h, k; r) = E sg(X + h) sg(Y + k): with φ the normal densities, of one and of two variables,

    ∂S/∂h = 2 φ(h) erf((k - r h)/√(2(1 - r²))),    ∂S/∂r = 4 φ(h, k; r).
    """
    g = h.ground
    left = one(g) - r * r
    over = left.sqrt().inverse()
    out = zero(g)
    for a, b, slope in ((h, k, dh), (k, h, dk)):
        if slope:
            density = exponential((a * a).scale(Fraction(-1, 2))) * pi(g).scale(2).sqrt().inverse()
            tail = error_function((b - r * a) * over * number(g, 2).sqrt().inverse())
            out = out + (density * tail * slope).scale(2)
    if dr:
        square = h * h - (r * h * k).scale(2) + k * k
        density = exponential((square * left.inverse()).scale(Fraction(-1, 2)))
        out = out + (density * over * dr * pi(g).inverse()).scale(2)
    return out


def substitute(x: Element, name: str, value: Fraction | int) -> Element:
    """x with a generator replaced by a number; every root and atom is rebuilt, so nothing singular goes unnoticed."""
    g = x.ground
    k = g.names.index(name)

    def in_poly(f: Poly) -> Element:
        return from_poly(g, f.compose(g.gens[k], g.poly(value)))

    out = zero(g)
    for (odd, atoms, exponent), (num, den) in x.terms.items():
        term = in_poly(num)
        for r, m in den:
            term = term * in_poly(g.radicals[r]).inverse() ** m
        for r in odd:
            f = g.radicals[r]
            term = term * (in_poly(f).sqrt() if f.degree(g.gens[k]) > 0 else root(g, r))
        for at, n in atoms:
            term = term * _rebuilt(g, at, name, value) ** n
        if exponent:
            term = term * exponential(substitute(g.exponents[exponent], name, value))
        out = out + term
    return out


def _rebuilt(g: Ground, number_of_atom: int, name: str, value: Fraction | int) -> Element:
    kind, *old = g.atoms[number_of_atom]
    args = [substitute(a, name, value) for a in old]
    if kind == "erf":
        return error_function(args[0])
    if kind == "asin":
        return arcsine(args[0])
    if kind in ("erf_re", "erf_im"):
        i = imaginary_unit(g)
        whole = error_function(args[0] + i * args[1])
        imaginary = whole.imaginary()
        return imaginary if kind == "erf_im" else whole - i * imaginary
    if kind == "sgn2":
        if not args[2]:
            scale = number(g, 2).sqrt().inverse()
            return error_function(args[0] * scale) * error_function(args[1] * scale)
        return two_signs(*args)
    return atom(g, kind, *args) if args[0] else number(g, int(kind == "cos"))


def derivative(space: Space, form: Form, i: int) -> Form:
    """The distributional derivative in z_i: sg' = 2δ for a hard sign, twice a Gaussian density for a soft one."""
    g = space.ground
    parts: list[Form] = []
    for shape, c in form.items():
        if any(d.a[i] for d in shape.deltas):
            raise NoClosedForm("the derivative of a Dirac factor")
        smooth = {Shape(shape.powers, shape.linear, shape.quadratic, (), shape.deltas): c}
        rest: Form = {Shape((0,) * space.size, space.shape().linear, (), shape.signs): one(g)}
        inner: Form = {}
        if shape.powers[i]:
            lower = tuple(p - int(k == i) for k, p in enumerate(shape.powers))
            bare = Shape(lower, shape.linear, shape.quadratic, (), shape.deltas)
            inner = plus(inner, {bare: c.scale(shape.powers[i])})
        slope: Form = space.constant(shape.linear[i])
        for (j, k), q in shape.quadratic:
            if j == i:
                slope = plus(slope, product(space.variable(k), space.constant(q)))
            if k == i:
                slope = plus(slope, product(space.variable(j), space.constant(q)))
        parts.append(product(plus(inner, product(slope, smooth)), rest))
        for n, s in enumerate(shape.signs):
            if s.a[i]:
                others: Form = {
                    Shape((0,) * space.size, space.shape().linear, (), shape.signs[:n] + shape.signs[n + 1 :]): one(g)
                }
                bump = product(_bump(space, s), space.constant(s.a[i].scale(2)))
                parts.append(product(product(smooth, bump), others))
    return plus(*parts)


def _bump(space: Space, s: Sign) -> Form:
    """The density of sN at a·z + b, or δ(a·z + b)."""
    g = space.ground
    if not s.s2:
        return {Shape((0,) * space.size, space.shape().linear, (), (), (Delta(s.a, s.b),)): one(g)}
    over = s.s2.inverse()
    quadratic = {
        (i, j): (s.a[i] * s.a[j] * over).scale(Fraction(-1, 2) if i == j else -1)
        for i in range(space.size)
        for j in range(i, space.size)
        if s.a[i] and s.a[j]
    }
    form = space.exponential(
        (s.b * s.b * over).scale(Fraction(-1, 2)), tuple((x * s.b * over).scale(-1) for x in s.a), quadratic
    )
    return product(form, space.constant((pi(g) * s.s2).scale(2).sqrt().inverse()))
