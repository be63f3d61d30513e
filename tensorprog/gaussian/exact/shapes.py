"""Sums of shapes: what a function of Gaussian variables looks like to the engine, and how such sums multiply.

A form is {shape: coefficient}; a shape is powers of the variables, an exponential of a quadratic, signs and Diracs.
Of the hard signs (s = 0) of one line a shape keeps at most one, by sg(z-a) sg(z-b) = 1 - sg(z-a) + sg(z-b), a < b.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from tensorprog.gaussian.exact.base_cases import repr_key
from tensorprog.gaussian.exact.element import Element, at_least_zero, exponential, one, zero
from tensorprog.gaussian.exact.ground import Ground, NoClosedForm
from tensorprog.gaussian.exact.recursion import Delta, Sign, Summand, Vector

Quadratic = tuple[tuple[tuple[int, int], Element], ...]
MAX_SUMMANDS = 3_000


@dataclass(frozen=True, slots=True)
class Shape:
    """One summand of a form without its coefficient."""

    powers: tuple[int, ...]
    linear: Vector
    quadratic: Quadratic = ()
    signs: tuple[Sign, ...] = ()
    deltas: tuple[Delta, ...] = ()

    def is_polynomial(self) -> bool:
        return not (any(self.linear) or self.quadratic or self.signs or self.deltas)


Form = dict[Shape, Element]


@dataclass(frozen=True, slots=True)
class Space:
    """The ground and the number of variables of a set of forms; `slopes` collects what must not be 0."""

    ground: Ground
    size: int
    slopes: list[Element] = field(default_factory=list, compare=False)

    def shape(self, powers: tuple[int, ...] | None = None) -> Shape:
        return Shape(powers or (0,) * self.size, (zero(self.ground),) * self.size)

    def constant(self, c: Element) -> Form:
        return {self.shape(): c} if c else {}

    def variable(self, i: int) -> Form:
        return {self.shape(tuple(int(k == i) for k in range(self.size))): one(self.ground)}

    def sign(self, a: Vector, b: Element, s2: Element) -> Form:
        """sg(a·z + b - sN), its direction normalised to a leading 1 where the sign of the leading entry is known."""
        g = self.ground
        lead = next(x for x in a if x)
        side = lead.sign()
        if side is None:
            if not s2:
                self.slopes.append(lead)
        else:
            scale = lead.inverse()
            a, b, s2 = tuple(x * scale if x else x for x in a), b * scale, s2 * scale * scale if s2 else s2
        base = self.shape()
        form = {Shape(base.powers, base.linear, (), (Sign(a, b, s2),)): one(g)}
        return scaled(form, -1) if side == -1 else form

    def exponential(self, c: Element, linear: Vector, quadratic: dict[tuple[int, int], Element]) -> Form:
        """exp(c + linear·z + z'Qz)."""
        entries = tuple(sorted(((k, q) for k, q in quadratic.items() if q), key=lambda item: item[0]))
        return {Shape((0,) * self.size, linear, entries): exponential(c) if c else one(self.ground)}


def plus(*forms: Form) -> Form:
    """Return the sum of forms."""
    out: Form = {}
    for form in forms:
        for shape, c in form.items():
            total = out[shape] + c if shape in out else c
            if total:
                out[shape] = total
            else:
                out.pop(shape, None)
    return out


def scaled(form: Form, c: Fraction | int) -> Form:
    """Return a rational multiple of a form."""
    return {shape: x.scale(c) for shape, x in form.items()} if c else {}


def product(f: Form, g: Form) -> Form:
    """Return the product of two forms."""
    if len(f) * len(g) > MAX_SUMMANDS:
        raise NoClosedForm(f"more than {MAX_SUMMANDS} summands (MAX_SUMMANDS)")
    out: Form = {}
    for shape1, c1 in f.items():
        for shape2, c2 in g.items():
            c = c1 * c2
            for signs, n in _sign_products(shape1.signs, shape2.signs).items():
                shape = Shape(
                    tuple(a + b for a, b in zip(shape1.powers, shape2.powers, strict=True)),
                    tuple(a + b for a, b in zip(shape1.linear, shape2.linear, strict=True)),
                    _quadratic_sum(shape1.quadratic, shape2.quadratic),
                    signs,
                    shape1.deltas + shape2.deltas,
                )
                total = out[shape] + c.scale(n) if shape in out else c.scale(n)
                if total:
                    out[shape] = total
                else:
                    out.pop(shape, None)
    return out


def _quadratic_sum(p: Quadratic, q: Quadratic) -> Quadratic:
    if not p or not q:
        return p or q
    out = dict(p)
    for key, x in q:
        out[key] = out[key] + x if key in out else x
    return tuple(sorted(((k, x) for k, x in out.items() if x), key=lambda item: item[0]))


def _sign_products(left: tuple[Sign, ...], right: tuple[Sign, ...]) -> dict[tuple[Sign, ...], int]:
    """Return the product of two sets of signs as an integer combination of sets with one hard sign a line."""
    out = {left: 1}
    for s in right:
        after: dict[tuple[Sign, ...], int] = {}
        for signs, n in out.items():
            for more, m in _with_sign(signs, s):
                after[more] = after.get(more, 0) + n * m
        out = {k: n for k, n in after.items() if n}
    return out


def _with_sign(signs: tuple[Sign, ...], s: Sign) -> list[tuple[tuple[Sign, ...], int]]:
    for j, t in enumerate(signs):
        if s.s2 or t.s2 or not _parallel(s.a, t.a):
            continue
        rest = signs[:j] + signs[j + 1 :]
        if s == t:
            return [(rest, 1)]
        if s.a != t.a:
            raise NoClosedForm("parallel kinks whose orientation the assumptions do not decide")
        # The identity for a < b also holds for a = b.
        if at_least_zero(s.b - t.b):
            first, last = s, t
        elif at_least_zero(t.b - s.b):
            first, last = t, s
        else:
            raise NoClosedForm("the order of two breakpoints is not decided by the assumptions")
        return [(rest, 1), (_sorted((*rest, first)), -1), (_sorted((*rest, last)), 1)]
    return [(_sorted((*signs, s)), 1)]


def _parallel(a: Vector, b: Vector) -> bool:
    size = range(len(a))
    return a == b or all(a[i] * b[j] == a[j] * b[i] for i in size for j in size[i + 1 :])


def _sorted(signs: tuple[Sign, ...]) -> tuple[Sign, ...]:
    if len(signs) < 2:
        return signs
    return tuple(sorted(signs, key=lambda s: (tuple(repr_key(x) for x in s.a), repr_key(s.s2), repr_key(s.b))))


def branches(space: Space, form: Form) -> list[tuple[Form, Form]]:
    """Return the form as Σ indicator · smooth: disjoint indicators made of hard signs, smooth parts without them."""
    hard = next((s for shape in form for s in shape.signs if not s.s2), None)
    unit = space.constant(one(space.ground))
    if hard is None:
        return [(unit, form)]
    without, inside = _split(form, hard)
    sign: Form = {Shape((0,) * space.size, space.shape().linear, (), (hard,)): one(space.ground)}
    out = []
    for side in (1, -1):
        here = scaled(plus(unit, scaled(sign, side)), Fraction(1, 2))
        for indicator, smooth in branches(space, plus(without, scaled(inside, side))):
            if both := product(here, indicator):
                out.append((both, smooth))
    return out


def _split(form: Form, s: Sign) -> tuple[Form, Form]:
    """form = A + B sg(s)."""
    a: Form = {}
    b: Form = {}
    for shape, c in form.items():
        if s in shape.signs:
            j = shape.signs.index(s)
            bare = Shape(
                shape.powers, shape.linear, shape.quadratic, shape.signs[:j] + shape.signs[j + 1 :], shape.deltas
            )
            b = plus(b, {bare: c})
        else:
            a = plus(a, {shape: c})
    return a, b


def affine_part(space: Space, form: Form) -> tuple[Vector, Element] | None:
    """(a, b) when the form is a·z + b, else None."""
    a, b = [zero(space.ground)] * space.size, zero(space.ground)
    for shape, c in form.items():
        if not shape.is_polynomial() or sum(shape.powers) > 1:
            return None
        if sum(shape.powers):
            a[shape.powers.index(1)] = c
        else:
            b = c
    return tuple(a), b


def constant_of(space: Space, form: Form) -> Element | None:
    """Return the value of a form without variables, else None."""
    if not form:
        return zero(space.ground)
    return form[space.shape()] if len(form) == 1 and space.shape() in form else None


def summands(form: Form) -> list[Summand]:
    """Return the form as the engine takes it."""
    return [Summand(c, s.powers, s.linear, s.quadratic, s.signs, s.deltas) for s, c in form.items()]
