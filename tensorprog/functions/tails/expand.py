"""The expansion of a term at +oo: our own calculus, from the definitions of the functions alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, reduce
from math import factorial
from typing import cast

from tensorprog.functions.evaluate.balls import Undecided, Undefined
from tensorprog.functions.evaluate.derivative import Underivable, derivative
from tensorprog.functions.evaluate.polynomial import Monomial, Polynomial, atom, normal, number
from tensorprog.functions.named.library import library
from tensorprog.functions.rules import ranges
from tensorprog.functions.tails import heads
from tensorprog.functions.tails.series import FUEL, LOG, UNIT, Algebra, Key, Scale, Series, power_scale
from tensorprog.kernel.ground.term import PI, add, neg, substitute
from tensorprog.numbers.interval import Interval
from tensorprog.terms import App, Num, Term, Var

ConstantSign = Callable[[Term], int]
MARK = "~"
_F0, _F1 = Fraction(0), Fraction(1)
TINY = Scale((((Fraction(64), _F0), number(-_F1)),))
"""exp(-x^64): larger than exp(-exp(c x^a)), smaller than all that is usual."""


@dataclass(eq=False)
class Expansion:
    """Expansions of terms in one variable x -> +oo, kept by term.

    `constant_sign` gives the sign of a constant term, for all admissible params, or raises Undecided. With `strict`
    a kink that is sat on exactly (sign of 0) is refused: a derivative has no value there. With `wave` = (s, c) the
    expansion holds along a sequence x_n -> +oo on which the one phase A has sin A = s, cos A = c.
    """

    x: Var
    constant_sign: ConstantSign
    length: int = 6
    strict: bool = False
    wave: tuple[Fraction, Fraction] | None = None
    fuel: list[int] = field(default_factory=lambda: [FUEL])
    memo: dict[Term, Series] = field(default_factory=dict, init=False)
    bounds: dict[str, Interval] = field(default_factory=dict, init=False)
    phases: dict[str, tuple[str, str]] = field(default_factory=dict, init=False)
    names: dict[object, str] = field(default_factory=dict, init=False)
    signs: dict[frozenset[tuple[Monomial, Fraction]], int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.algebra = Algebra(self.sign, self.reduce, self.length, self.fuel)

    # Coefficients

    def oscillating(self, c: Polynomial) -> list[str]:
        """Return the names of the bounded quantities in a coefficient."""
        return [t.name for m in c.terms for t, _ in m if isinstance(t, Var) and t.name.startswith(MARK)]

    def sign(self, c: Polynomial) -> int:
        """Return the sign of a constant coefficient."""
        plain = c.constant()
        if plain is not None:
            return (plain > 0) - (plain < 0)
        if self.oscillating(c):
            raise Undecided("the sign of an oscillating quantity")
        key = frozenset(c.terms.items())
        if key not in self.signs:
            self.signs[key] = self.constant_sign(c.term())
        return self.signs[key]

    def reduce(self, c: Polynomial) -> Polynomial:
        """cos^2 = 1 - sin^2 of each phase."""
        for m, d in c.terms.items():
            for t, e in m:
                if isinstance(t, Var) and t.name in self.phases and e >= 2:
                    kind, sine = self.phases[t.name]
                    if kind == "cos":
                        rest = Polynomial({tuple((u, f) if u != t else (u, f - 2) for u, f in m if u != t or f > 2): d})
                        one_less = number(_F1) + atom(Var(sine), Fraction(2)).scaled(Fraction(-1))
                        others = Polynomial({k: v for k, v in c.terms.items() if k != m})
                        return self.reduce(others + rest * one_less)
        return c

    def interval(self, c: Polynomial) -> Interval:
        """An enclosure of a coefficient, from the bounds of its oscillating parts; constants must be rational."""
        total = ranges.point(0)
        for m, d in c.terms.items():
            part = ranges.point(d)
            for t, e in m:
                if not (isinstance(t, Var) and t.name in self.bounds and e.denominator == 1):
                    raise Undecided("a coefficient without a bound")
                part = ranges.mul(part, ranges.whole_power(self.bounds[t.name], int(e)))
            total = ranges.add(total, part)
        return total

    def opaque(self, key: object, bound: Interval) -> Polynomial:
        """Return a bounded quantity that is not looked into; the same key is the same quantity."""
        name = self.names.setdefault(key, f"{MARK}{len(self.names)}")
        self.bounds[name] = bound
        return atom(Var(name))

    # Terms

    def of(self, t: Term) -> Series:
        """Return the expansion of t; raises Undecided, Undefined (eventually without a value)."""
        found = self.memo.get(t)
        if found is None:
            found = self.memo[t] = self._of(t)
        return found

    def _of(self, t: Term) -> Series:
        a = self.algebra
        match t:
            case Num(value):
                return a.constant(number(value))
            case Var():
                return Series(((power_scale(_F1), number(_F1)),)) if t == self.x else a.constant(atom(t))
            case App("pi"):
                return a.constant(atom(PI))
            case App("add", args):
                return a.add(*(self.of(u) for u in args))
            case App("mul", args):
                return reduce(a.mul, map(self.of, args))
            case App("neg", (u,)):
                return a.scaled(self.of(u), number(-_F1))
            case App("recip", (u,)):
                return self.power(self.of(u), -_F1, t)
            case App("sqrt", (u,)):
                return self.power(self.of(u), Fraction(1, 2), t)
            case App("pow", (u, e)):
                exponent = self._rational(e)
                if exponent is not None:
                    return self.power(self.of(u), exponent, t)
                return self.exp(a.mul(self.of(e), self.log(self.of(u), t)), t)
            case App("where", (App(compare, (u, v)), yes, no)) if compare in ("lt", "le", "gt", "ge"):
                s = self.sign_of(a.add(self.of(u), a.scaled(self.of(v), number(-_F1))))
                if s == 0 and self.strict:
                    raise Undecided("on the boundary")
                return self.of(yes if {"lt": s < 0, "le": s <= 0, "gt": s > 0, "ge": s >= 0}[compare] else no)
            case App("where", (App("and", conditions), yes, no)):
                for c in reversed(conditions):
                    yes = App("where", (c, yes, no))
                return self.of(yes)
            case App("max" | "min", args):
                side = 1 if t.head == "max" else -1
                return reduce(lambda u, v: self._extremum(u, v, side, t), map(self.of, args))
            case App("exp" | "log" as head, (u,)):
                return (self.exp if head == "exp" else self.log)(self.of(u), t)
            case App("sin" | "cos" as head, (u,)):
                return heads.wave(self, self.of(u), t)[head == "cos"]
            case App("atan" | "erf" as head, (u,)):
                return heads.sigmoid(self, self.of(u), t, head)
            case App(head, (u,)) if (form := getattr(heads, f"{head}_series", None)) is not None:
                return cast("Callable[[Expansion, Series, Term], Series]", form)(self, self.of(u), t)
            case App(head, args) if head in library():
                record = library()[head]
                if record.minus is not None and record.plus is not None and self._grows(self.of(args[0])):
                    form = record.plus if self.sign_of(self.of(args[0])) > 0 else record.minus
                    return self.of(record.call(form, args))
                body = record.expand(args)
                if body is not None:
                    return self.of(body)
        raise Undecided("no expansion is known")

    def _grows(self, s: Series) -> bool:
        return bool(s.terms) and self.algebra.compare(s.terms[0][0], UNIT) > 0 and not self.oscillating(s.terms[0][1])

    def _rational(self, e: Term) -> Fraction | None:
        try:
            return normal(e).constant()
        except Undecided:
            return None

    def sign_of(self, s: Series) -> int:
        """Return the sign of an expansion for large x."""
        if s.zero:
            return 0
        if not s.terms:
            raise Undecided("a sign below the error")
        lead = s.terms[0][1]
        if self.oscillating(lead):
            interval = self.interval(lead)
            if interval.positive and interval.low != 0:
                return 1
            if interval.negative and interval.high != 0:
                return -1
            raise Undecided("an oscillating sign")
        return self.sign(lead)

    def _lead(self, s: Series, t: Term) -> tuple[Scale, Polynomial, Series]:
        """s = c m (1 + e): m, c and the small e."""
        if s.zero:
            raise Undefined(t)
        if not s.terms:
            raise Undecided("nothing is known above the error")
        m, c = s.terms[0]
        rest = Series(s.terms[1:], s.error)
        return m, c, self.algebra.scaled(rest, self.inverse(c), UNIT.times(m, -1))

    def inverse(self, c: Polynomial) -> Polynomial:
        if self.oscillating(c):
            interval = self.interval(c)
            if not ((interval.positive and interval.low != 0) or (interval.negative and interval.high != 0)):
                raise Undecided("division by an oscillating quantity")
            return self.opaque(("recip", frozenset(c.terms.items())), ranges.recip(interval))
        if self.sign(c) == 0:
            raise Undecided("division by 0")
        return normal(App("recip", (c.term(),)))

    def power(self, s: Series, p: Fraction, t: Term) -> Series:
        """(c m (1+e))^p = c^p m^p sum binomial(p, k) e^k."""
        a = self.algebra
        if p.denominator == 1 and 0 <= p <= 12:
            out = a.constant(number(_F1))
            for _ in range(int(p)):
                out = a.mul(out, s)
            return out
        if s.zero and p > 0:
            return Series()
        m, c, e = self._lead(s, t)
        scale = m.to_the(p)
        if p.denominator != 1:
            if self.oscillating(c):
                raise Undecided("a root of an oscillating quantity")
            if self.sign(c) < 0:
                raise Undefined(t)
        if p == -1:
            front = self.inverse(c)
        elif self.oscillating(c):
            raise Undecided("a power of an oscillating quantity")
        else:
            front = normal(App("pow", (c.term(), Num(p))))
        binomials, b = [], _F1
        for k in range(a.length + 1):
            binomials.append(number(b))
            b = b * (p - k) / (k + 1)
        return a.scaled(a.function(e, binomials), front, scale)

    def exp(self, s: Series, t: Term) -> Series:
        a = self.algebra
        large, c, small = a.split(s)
        parts: dict[Key, Polynomial] = {}
        for m, d in large.terms:
            power = m.power
            beyond = bool(m.parts) and m.parts[0][0] > LOG  # faster than every power
            if beyond and m == large.terms[0][0] and not self.oscillating(d) and self.sign(d) < 0:
                return Series((), TINY)
            if power is None or self.oscillating(d):
                raise Undecided("an exponential beyond the scale")
            parts[power, m.logs] = d
        scale = Scale(tuple(sorted(parts.items(), key=lambda kc: kc[0], reverse=True)))
        if self.oscillating(c):
            inner = self.interval(c)
            front = self.opaque(("exp", frozenset(c.terms.items())), ranges.image(inner, library()["exp"]))
        else:
            front = number(_F1) if c.zero else normal(App("exp", (c.term(),)))
        taylor = [number(Fraction(1, factorial(k))) for k in range(a.length + 1)]
        return a.scaled(a.function(small, taylor), front, scale)

    def log(self, s: Series, t: Term) -> Series:
        """log(c m (1+e)) = log c + log m + e - e^2/2 + ..."""
        a = self.algebra
        m, c, e = self._lead(s, t)
        if m.logs:
            raise Undecided("log log x")
        if self.oscillating(c):
            inside = self.interval(c)
            if not inside.positive or inside.low == 0:
                raise Undecided("log of an oscillating quantity")
            front = self.opaque(("log", frozenset(c.terms.items())), ranges.image(inside, library()["log"]))
        else:
            if self.sign(c) <= 0:
                raise Undefined(t)
            front = normal(App("log", (c.term(),)))
        terms = [(power_scale(k[0], k[1]), d) for k, d in m.parts]
        taylor = [number(Fraction(0))] + [number(Fraction((-1) ** (k + 1), k)) for k in range(1, a.length + 1)]
        return a.add(Series(tuple(terms)), a.constant(front), a.function(e, taylor))

    def _extremum(self, u: Series, v: Series, side: int, t: Term) -> Series:
        a = self.algebra
        d = a.add(u, a.scaled(v, number(-_F1)))
        try:
            s = self.sign_of(d)
            if s == 0 and self.strict:
                pass  # equal functions: either is the maximum, and its derivative
            return u if s * side >= 0 else v
        except Undecided:
            size = heads.abs_series(self, d, App("abs", (t,)))
            both = a.add(u, v, a.scaled(size, number(Fraction(side))))
            return a.scaled(both, number(Fraction(1, 2)))

    def taylor(self, head: str, c: Polynomial, small: Series, t: Term, order: int = 4) -> Series:
        """f(c + e) by the derivatives of a library function at a constant where it is smooth."""
        return self.algebra.function(small, _coefficients(head, c.term(), order))


@lru_cache(1 << 12)
def _coefficients(head: str, at: Term, order: int) -> list[Polynomial]:
    """Return the derivatives of a library function at a constant, the k-th over k!."""
    return [normal(substitute(d, {Var("x"): at})).scaled(Fraction(1, factorial(k)))
            for k, d in enumerate(_derivatives(head, order + 1)[:-1])]  # fmt: skip


@lru_cache(1 << 7)
def _derivatives(head: str, order: int) -> list[Term]:
    """Return the function and its derivatives; the last one bounds what a Taylor polynomial leaves out."""
    out: list[Term] = [App(head, (Var("x"),))]
    for _ in range(order):
        try:
            out.append(derivative(out[-1], Var("x")))
        except Underivable:
            raise Undecided("no derivative") from None
    return out


def at_point(t: Term, x: Var, at: Term, side: int) -> Term:
    """t near a point: x = at + side/x, x -> +oo."""
    near = App("recip", (x,))
    inner: Term = near if side > 0 else neg(near)
    return substitute(t, {x: inner if at == Num(0) else add(at, inner)})
