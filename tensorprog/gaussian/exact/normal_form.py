"""From a term to a form: every function of the class in powers, exponentials and signs (shapes.py).

Kinks are resolved by branches, so functions of piecewise functions (relu(clip(x)), exp(-abs(x))) belong to the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from tensorprog.functions.named.library import library
from tensorprog.gaussian.exact.base_cases import error_function
from tensorprog.gaussian.exact.element import Element, at_least_zero, imaginary_unit, number, one, pi, zero
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.gaussian.exact.shapes import (
    Form,
    Shape,
    Space,
    affine_part,
    branches,
    constant_of,
    plus,
    product,
    scaled,
)
from tensorprog.gaussian.exact.sign_of import sign_of_smooth
from tensorprog.kernel.ground.term import walk
from tensorprog.terms import App, Num, Term, Var

MAX_POWER = 40
HALF = Fraction(1, 2)


class OpaqueConstant(Exception):
    """A constant that the algebra cannot express: the derivation starts again with a symbol for it."""

    def __init__(self, term: Term) -> None:
        super().__init__(term)
        self.term = term


IN_PIECES = frozenset({"add", "mul", "neg", "max", "min", "exp"})
"""Of a function that is defined by these alone, the reason why it has no closed form is that of its definition."""


def heads_of(t: Term) -> set[str]:
    return {s.head for s in walk(t) if isinstance(s, App)}


@dataclass(frozen=True)
class Normaliser:
    """Turns terms into forms; `constants` holds the elements of params and of constants outside the algebra."""

    space: Space
    variables: Mapping[Var, int]
    constants: Mapping[Term, Element]

    def form(self, t: Term) -> Form:
        """The form of a term; `NoClosedForm` if it is outside the class, `OpaqueConstant` where a symbol would help."""
        try:
            return self._form(t)
        except NoClosedForm:
            if self._is_constant(t):
                raise OpaqueConstant(t) from None
            raise

    def _form(self, t: Term) -> Form:
        space = self.space
        if t in self.constants:
            return space.constant(self.constants[t])
        match t:
            case Num(value):
                return space.constant(number(space.ground, value))
            case Var() if t in self.variables:
                return space.variable(self.variables[t])
            case App("pi"):
                return space.constant(pi(space.ground))
            case App("add", args):
                return plus(*(self.form(a) for a in args))
            case App("mul", args):
                return reduce(product, map(self.form, args))
            case App("neg", (a,)):
                return scaled(self.form(a), -1)
            case App("recip", (a,)):
                return self._power(t, self.form(a), Fraction(-1))
            case App("sqrt", (a,)):
                return self._power(t, self.form(a), HALF)
            case App("pow", (a, b)):
                exponent = self._number(b)
                if exponent is None:
                    return self._exponential_power(a, b)
                return self._power(t, self.form(a), exponent)
            case App("where", (condition, a, b)):
                inside = self._indicator(condition)
                return plus(product(inside, self.form(a)), product(self._complement(inside), self.form(b)))
            case App(head, args):
                return self._function(head, args)
        raise NoClosedForm(f"{t} has no closed form here")

    def _function(self, head: str, args: tuple[Term, ...]) -> Form:
        unary: dict[str, Callable[[Form], Form]] = {
            "abs": self._abs, "sign": self._sign, "exp": self._exp, "erf": self._erf, "sin": self._sin,
            "cos": self._cos,
        }  # fmt: skip
        if head in unary:
            return unary[head](self.form(args[0]))
        match head, args:
            case (("max" | "min"), _):
                return reduce(self._max if head == "max" else self._min, map(self.form, args))
        record = library().get(head)
        body = None if record is None else record.expand(args)
        try:
            if record is not None and record.halves is not None and record.degree is None:
                down, up = (self.form(record.call(half, args)) for half in record.halves)
                inside = scaled(plus(self._unit(), self._sign(self.form(args[0]))), HALF)
                return plus(product(inside, up), product(self._complement(inside), down))
            if body is not None:
                return self._form(body)
        except NoClosedForm:
            if record is not None and record.definition is not None and heads_of(record.definition) <= IN_PIECES:
                raise
        raise NoClosedForm(f"{head} is outside the class of closed forms")

    def _is_constant(self, t: Term) -> bool:
        match t:
            case Var():
                return t not in self.variables
            case App(_, args):
                return all(self._is_constant(a) for a in args)
            case _:
                return isinstance(t, Num)

    def _number(self, t: Term) -> Fraction | None:
        """Return the rational value of a constant term, if it has one."""
        try:
            form = self.form(t) if self._is_constant(t) else None
        except (NoClosedForm, OpaqueConstant):
            return None
        if form is None or not form:
            return None if form is None else Fraction(0)
        return next(iter(form.values())).rational_value()

    def _unit(self) -> Form:
        return self.space.constant(one(self.space.ground))

    def _complement(self, form: Form) -> Form:
        return plus(self._unit(), scaled(form, -1))

    def _over_branches(self, form: Form, act: Callable[[Form], Form]) -> Form:
        return plus(*(product(indicator, act(smooth)) for indicator, smooth in branches(self.space, form)))

    def _relu(self, u: Form) -> Form:
        return scaled(plus(u, self._abs(u)), HALF)

    def _abs(self, u: Form) -> Form:
        return self._over_branches(u, self._smooth_abs)

    def _smooth_abs(self, p: Form) -> Form:
        """|p|; for a constant p it is enough to know that p >= 0 or p <= 0."""
        value = constant_of(self.space, p)
        if value is not None:
            if at_least_zero(value):
                return p
            if at_least_zero(-value):
                return scaled(p, -1)
        return product(p, sign_of_smooth(self.space, p))

    def _sign(self, u: Form) -> Form:
        return self._over_branches(u, lambda p: sign_of_smooth(self.space, p))

    def _max(self, f: Form, g: Form) -> Form:
        return plus(g, self._relu(plus(f, scaled(g, -1))))

    def _min(self, f: Form, g: Form) -> Form:
        return scaled(self._max(scaled(f, -1), scaled(g, -1)), -1)

    def _indicator(self, condition: Term) -> Form:
        match condition:
            case App("and", parts):
                return reduce(product, map(self._indicator, parts))
            case App("lt" | "le" | "gt" | "ge" | "eq" | "ne" as head, (a, b)):
                gap = plus(self.form(a), scaled(self.form(b), -1))
                return self._over_branches(gap, lambda p: self._compared(head, p))
        raise NoClosedForm("a condition outside the class")

    def _compared(self, head: str, gap: Form) -> Form:
        """Return whether gap < 0, ...: exactly where the gap is constant, else almost surely."""
        value = constant_of(self.space, gap)
        if value is not None:
            return self._decided(head, value)
        if head in ("eq", "ne"):
            linear = affine_part(self.space, gap)
            if linear is None:
                raise NoClosedForm("an equation that is not affine in the variables")
            self.space.sign(*linear, zero(self.space.ground))  # notes a slope that must not be 0
            return {} if head == "eq" else self._unit()
        side = 1 if head in ("gt", "ge") else -1
        return scaled(plus(self._unit(), scaled(sign_of_smooth(self.space, gap), side)), HALF)

    def _decided(self, head: str, value: Element) -> Form:
        sign = value.sign()
        if sign is None:
            raise NoClosedForm("a condition on params that the assumptions do not decide")
        true = {
            "lt": sign < 0, "le": sign <= 0, "gt": sign > 0, "ge": sign >= 0, "eq": sign == 0, "ne": sign != 0,
        }[head]  # fmt: skip
        return self._unit() if true else {}

    def _exp(self, u: Form) -> Form:
        return self._over_branches(u, self._smooth_exp)

    def _smooth_exp(self, p: Form) -> Form:
        space, g = self.space, self.space.ground
        c, linear = zero(g), [zero(g)] * space.size
        quadratic: dict[tuple[int, int], Element] = {}
        for shape, x in p.items():
            degree = sum(shape.powers)
            if not shape.is_polynomial() or degree > 2:
                raise NoClosedForm("an exponential of more than a quadratic")
            where = [k for k, n in enumerate(shape.powers) for _ in range(n)]
            if degree == 0:
                c = x
            elif degree == 1:
                linear[where[0]] = x
            else:
                quadratic[where[0], where[1]] = x
        return space.exponential(c, tuple(linear), quadratic)

    def _erf(self, u: Form) -> Form:
        def act(p: Form) -> Form:
            linear = affine_part(self.space, p)
            if linear is None:
                raise NoClosedForm("an error function of more than an affine argument")
            if not any(linear[0]):
                return self.space.constant(error_function(linear[1]))
            return self.space.sign(*linear, number(self.space.ground, HALF))

        return self._over_branches(u, act)

    def _wave(self, u: Form, side: int) -> Form:
        """e^{± i u}."""
        i = self.space.constant(imaginary_unit(self.space.ground).scale(side))

        def act(p: Form) -> Form:
            if affine_part(self.space, p) is None:
                raise NoClosedForm("a sine or cosine of more than an affine argument")
            return self._smooth_exp(product(i, p))

        return self._over_branches(u, act)

    def _cos(self, u: Form) -> Form:
        return scaled(plus(self._wave(u, 1), self._wave(u, -1)), HALF)

    def _sin(self, u: Form) -> Form:
        half_i = self.space.constant(imaginary_unit(self.space.ground).scale(-HALF))
        return product(half_i, plus(self._wave(u, 1), scaled(self._wave(u, -1), -1)))

    def _power(self, t: Term, base: Form, n: Fraction) -> Form:
        if n.denominator == 1 and 0 <= n <= MAX_POWER:
            out = self._unit()
            for _ in range(int(n)):
                out = product(out, base)
            return out
        value = constant_of(self.space, base)
        if value is not None:
            return self._constant_power(value, n)
        return self._over_branches(base, lambda p: self._smooth_power(t, p, n))

    def _smooth_power(self, t: Term, p: Form, n: Fraction) -> Form:
        """(c e^{l·z + z'Qz})^n; other bases are not in the class."""
        value = constant_of(self.space, p)
        if value is not None:
            return self._constant_power(value, n)
        if len(p) == 1:
            ((shape, c),) = p.items()
            if not any(shape.powers) and not shape.signs and not shape.deltas:
                power = self._constant_power(c, n)
                new = Shape(
                    shape.powers,
                    tuple(x.scale(n) for x in shape.linear),
                    tuple((k, x.scale(n)) for k, x in shape.quadratic),
                )
                return product(power, {new: one(self.space.ground)})
        raise NoClosedForm("a negative or fractional power of a variable")

    def _constant_power(self, value: Element, n: Fraction) -> Form:
        if not value:
            raise NoClosedForm("a negative or fractional power of 0")
        try:
            if n.denominator == 1:
                return self.space.constant(value ** int(n))
            if n.denominator == 2 and value.sign() == 1:
                return self.space.constant(value.sqrt() ** n.numerator)
        except NoClosedForm:
            pass
        raise NoClosedForm("a power that the algebra cannot express")

    def _exponential_power(self, base: Term, exponent: Term) -> Form:
        """c^u = exp(u log c) for a positive constant c."""
        value = constant_of(self.space, self.form(base))
        if value is None or value.sign() != 1:
            raise NoClosedForm("a power whose exponent varies")
        return self._exp(product(self.form(exponent), self.form(App("log", (base,)))))
