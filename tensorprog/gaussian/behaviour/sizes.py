"""How large a term can be where each variable lies in a known, perhaps unbounded interval: a range, and a growth

    |f| <= exp(c + Σ_i p_i log(1 + |z_i|) + q_i |z_i| + s_i z_i²) Π_h (1 + |h|^-e_h), h affine,

by one elementary inequality for each head. A function that only grows on the other side (relu(z) e^{-z}), or not at
all where a denominator cannot vanish, is seen as such.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.functions.evaluate.narrow import support
from tensorprog.functions.named.library import library
from tensorprog.functions.rules import ranges
from tensorprog.gaussian.behaviour.arguments import affine
from tensorprog.gaussian.behaviour.exponents import UP, Affine, Exponents, Growth
from tensorprog.kernel.ground.term import neg, sub, variables
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Num, Term, Var

SLOW = 0.04
"""log(1/x) <= x^-SLOW/(e SLOW) for x <= 1."""
SMALL = 0.1
"""The coefficient of z² below which a power less than 2 is put, at the price of a constant."""
LOG = 0.25
"""The power below which a logarithm of what is large is put; less would cost more in the constant."""
Box = Sequence[tuple[float, float]]


class Unbounded(Exception):
    """No rule bounds the term."""


@dataclass(frozen=True)
class Size:
    """Ranges and growths of terms where the variables lie in a box."""

    names: tuple[str, ...]
    box: Box

    def constant(self, x: float) -> Growth:
        zero = (0.0,) * len(self.names)
        return Growth(math.log(abs(x)) + UP if x else -math.inf, zero, zero, zero)

    def range(self, t: Term) -> Interval:
        """Return an interval that holds every value of the term."""
        match t:
            case Num(value):
                return ranges.point(value)
            case Var() if name_of(t) in self.names:
                low, high = self.box[self.names.index(name_of(t))]
                return Interval(
                    Fraction(low) if math.isfinite(low) else None,
                    Fraction(high) if math.isfinite(high) else None,
                    math.isfinite(low),
                    math.isfinite(high),
                )
            case App("add", args):
                return reduce(ranges.add, map(self.range, args))
            case App("mul", args):
                if len(args) == 2 and args[0] == args[1]:
                    return ranges.whole_power(self.range(args[0]), 2)
                return reduce(ranges.mul, map(self.range, args))
            case App("neg", (a,)):
                return ranges.neg(self.range(a))
            case App("recip", (a,)):
                return ranges.recip(self.range(a))
            case App("pow", (a, Num(p))) if p.denominator == 1:
                return ranges.whole_power(self.range(a), int(p))
            case App("pow", (a, Num(p))):
                return _power(self.range(a), p)
            case App("sqrt", (a,)):
                return _power(self.range(a), Fraction(1, 2))
            case App("pow", _):
                return Interval(Fraction(0), None, True)
            case App("abs", (a,)):
                return ranges.absolute(self.range(a))
            case App("max", args):
                return reduce(ranges.larger, map(self.range, args))
            case App("min", args):
                return reduce(ranges.smaller, map(self.range, args))
            case App("where", (c, yes, no)):
                said = self.holds(c)
                if said is not None:
                    return self.range(yes if said else no)
                return ranges.hull(self.range(yes), self.range(no))
            case App(head, (u, *_) as args) if head in library():
                record, r = library()[head], self.range(u)
                if record.halves is not None and (r.positive or r.negative):
                    return self.range(record.call(record.halves[r.positive], args))
                by_facts = len(args) == 1 and (record.monotone is not None or not record.kinked)
                body = None if by_facts else record.expand(args)
                out = ranges.image(_near(r), record) if body is None else self.range(body)
                if record.between is not None:
                    out = ranges.meet(out, ranges.hull(*(self.range(record.call(b, args)) for b in record.between)))
                return out
            case App():
                if not variables(t):
                    ball = ball_function(t, [])([], False).real
                    if ball.is_finite():
                        least, most = (Fraction(float(x)) for x in (ball.lower(), ball.upper()))
                        gap = Fraction(1, 10**9) * (abs(least) + abs(most))
                        return ranges.make((least - gap, True), (most + gap, True))
        return REALS

    def holds(self, t: Term) -> bool | None:
        """Return a condition, where the ranges tell."""
        match t:
            case App("and", parts):
                said = [self.holds(p) for p in parts]
                return False if False in said else None if None in said else True
            case App(head, (left, right)):
                gap = self.range(sub(left, right))
                if gap.positive or gap.negative:
                    return (head in {"gt", "ge", "ne"}) if gap.positive else (head in {"lt", "le", "ne"})
        return None

    def growth(self, t: Term) -> Growth:
        """Return the growth of a term; raises Unbounded."""
        r = self.range(t)
        if r.low is not None and r.high is not None:
            return self.constant(_size(r))
        match t:
            case Var() if name_of(t) in self.names:
                k = self.names.index(name_of(t))
                zero = (0.0,) * len(self.names)
                return Growth(0.0, tuple(float(j == k) for j in range(len(zero))), zero, zero)
            case App("add" | "max" | "min", args):
                return self._sum(*args)
            case App("mul", args):
                return self._product(args)
            case App("neg", (a,)):
                return self.growth(a)
            case App("pow", (a, Num(p))) if p > 0:
                return self.growth(a).power(float(p))
            case App("recip", (App("exp", (u,)),)):
                return self._exp(neg(u))
            case App("pow", (App("exp", (u,)), Num(p))):
                return self._exp(App("mul", (Num(p), u)))
            case App("exp", (u,)):
                return self._exp(u)
            case App(head, (u,)) if head in library() and library()[head].exponential:
                return self._exp(u) + self._exp(neg(u))
            case App("where", (c, yes, no)):
                said = self.holds(c)
                return self._sum(yes, no) if said is None else self.growth(yes if said else no)
            case App(head, (u,)) if head in library() and (line := library()[head].below_line) is not None:
                out = self.growth(u) if line[0] == 1 else self.growth(u) * self.constant(line[0])
                return out + self.constant(line[1]) if line[1] else out
            case App("sqrt", (u,)):
                return self.growth(u).power(0.5)
            case App("hermite", (Num(k), u)):
                # the coefficients of He_k/√k! add up to at most 2^k in size
                return (self.growth(u) + self.constant(1.0)).power(float(k)) * self.constant(2.0 ** float(k))
            case App("log", (u,)):
                if (slow := self._log(u)) is not None:
                    return slow
                inside = self.range(u)
                if inside.low is not None and inside.low > 0:  # -log low <= log x <= x
                    least = abs(math.log(inside.low)) if inside.low < 1 else 0.0
                    return self.growth(u) + self.constant(1.0 + least)
                below, poles = self._below(u)
                top = self.growth(u) + self.constant(1.0 + abs(below))
                return top * self._with(((h, SLOW) for h, _ in poles), 1 + sum(k for _, k in poles) / (math.e * SLOW))
            case App("pow", (a, p)) if not isinstance(p, Num):
                return self._exp(App("mul", (p, App("log", (a,)))))
            case App("recip" | "pow", (a, *more)) if not more or isinstance(more[0], Num):
                fall = 1.0 if not more or not isinstance(more[0], Num) else -float(more[0].value)
                below, poles = self._below(a)
                return self._with(((h, k * fall) for h, k in poles), 1.0).scaled(-fall * below)
            case App(head, args) if head in library() and (body := library()[head].expand(args)) is not None:
                return self.growth(body)
        raise Unbounded(t)

    def _product(self, args: Sequence[Term]) -> Growth:
        """Factors count only where none of them is 0: relu(z) e^-z does not grow."""
        box = support(self.names, tuple(self.box), args)
        if any(low > high for low, high in box):
            return self.constant(0.0)
        inner = self if box == tuple(self.box) else Size(self.names, box)
        return reduce(operator.mul, map(inner.growth, args))

    def _log(self, u: Term) -> Growth | None:
        """|log u| where u >= low > 0 grows like a power: log(1 + |z|) <= (1 + |z|)^e/(e exp(1)), e = LOG."""
        low = self.range(u).low
        if low is None or low <= 0:
            return None
        g = self.growth(u)
        if any(x > 0 for x in (*g.q, *g.s)) or g.poles:
            return None
        top = max(g.c, 0.0) + sum(max(p, 0.0) for p in g.p) / (math.e * LOG)
        least = max(-math.log(low), 0.0)
        return replace(self.constant(top + least), p=tuple(LOG * (p > 0) for p in g.p))

    def _with(self, poles: Iterable[tuple[Affine, float]], factor: float) -> Growth:
        out = self.constant(factor)
        for h, e in poles:
            out = out * replace(self.constant(1.0), poles=((h, e),))
        return out

    def _below(self, t: Term) -> tuple[float, list[tuple[Affine, float]]]:
        """(b, [(h, k)]) with |t| >= e^b Π |h|^k, the h affine."""
        least = self.range(t).away
        if least is not None:
            return math.log(least) - UP, []
        match t:
            case App("mul", args):
                parts = [self._below(a) for a in args]
                return sum(p[0] for p in parts), [h for p in parts for h in p[1]]
            case App("neg" | "abs", (a,)):
                return self._below(a)
            case App("pow", (a, Num(p))) if p > 0:
                b, poles = self._below(a)
                return float(p) * b - UP, [(h, float(p) * k) for h, k in poles]
            case App("sqrt", (a,)):
                b, poles = self._below(a)
                return b / 2 - UP, [(h, k / 2) for h, k in poles]
        line = affine(t, self.names, {})
        if line is None or not any(line[0]):
            raise Unbounded(t)
        lead = next(x for x in line[0] if x)
        return math.log(abs(lead)) - UP, [((tuple(x / lead for x in line[0]), line[1] / lead), 1.0)]

    def _sum(self, *args: Term) -> Growth:
        return reduce(operator.add, map(self.growth, args))

    def _exp(self, u: Term) -> Growth:
        high = self.range(u).high
        if high is not None:
            zero = (0.0,) * len(self.names)
            return Growth(float(max(high, Fraction(-(10**300)))) + UP * (1 + abs(float(high))), zero, zero, zero)
        c, q, s = self.above(u)
        return Growth(c + UP * (1 + abs(c)), (0.0,) * len(q), q, s)

    def above(self, u: Term, sign: int = 1) -> tuple[float, Exponents, Exponents]:
        """(c, q, s) with sign·u <= c + Σ q|z| + s z²."""
        zero = (0.0,) * len(self.names)
        r = self.range(u)
        end = r.high if sign > 0 else None if r.low is None else -r.low
        line = affine(u, self.names, {})
        if end is not None and line is None:
            return float(end), zero, zero
        if line is not None:
            shift, slopes = sign * line[1], list(zero)
            for k, slope in enumerate(line[0]):
                low, high = self.box[k]
                most = max(sign * slope * low, sign * slope * high) if slope else 0.0
                if math.isfinite(most):
                    shift += most
                else:
                    slopes[k] = _raised(abs(slope))
            return _raised(shift), tuple(slopes), zero
        match u:
            case App("add", args):
                parts = [self.above(a, sign) for a in args]
                return (
                    sum(p[0] for p in parts),
                    tuple(sum(x) for x in zip(*(p[1] for p in parts), strict=True)),
                    tuple(sum(x) for x in zip(*(p[2] for p in parts), strict=True)),
                )
            case App("neg", (a,)):
                return self.above(a, -sign)
            case App("mul", args) if 0 < len(rest := [a for a in args if not isinstance(a, Num)]) < len(args):
                inner = rest[0] if len(rest) == 1 else App("mul", tuple(rest))
                number = math.prod(a.value for a in args if isinstance(a, Num))
                c, q, s = self.above(inner, sign if number > 0 else -sign)
                by = abs(float(number))
                return _raised(by * c), tuple(_raised(by * y) for y in q), tuple(_raised(by * y) for y in s)
            case App("pow", (Var() as v, Num(p))) if p == 2:
                k = self.names.index(name_of(v))
                return 0.0, zero, tuple(float(sign * (j == k)) for j in range(len(zero)))
            case App("mul", (Var() as v, Var() as w)):  # ±xy <= (x² + y²)/2
                if v == w:
                    return self.above(App("pow", (v, Num(2))), sign)
                both = {self.names.index(name_of(v)), self.names.index(name_of(w))}
                return 0.0, zero, tuple(0.5 * (j in both) for j in range(len(zero)))
        g = self.growth(u)
        if any(g.q) or any(g.s):
            raise Unbounded(u)
        C = math.exp(min(g.c, 700.0))
        if sum(g.p) <= 1:  # Π(1+|z|)^p <= 1 + Σ p|z|
            return C, tuple(C * x for x in g.p), zero
        if sum(g.p) < 2 - SLOW / 2 and C > SMALL:
            # C Π(1+|z|)^p <= C y^P, y = 1 + Σ|z|, and C y^P <= d y² + C y0^P where d y0^(2-P) = C; y² as below
            n, P = 1 + sum(1 for x in g.p if x), sum(g.p)
            log_rest = g.c + P / (2 - P) * (g.c - math.log(SMALL / n))
            if log_rest < 600:
                return math.exp(log_rest) * (1 + 1e-9) + SMALL, zero, tuple(SMALL * (1 + 1e-9) * (x > 0) for x in g.p)
        if sum(g.p) <= 2:  # Π(1+|z|)^p <= (1 + Σ|z|)² <= (1+n)(1 + Σ z²)
            n = 1 + sum(1 for x in g.p if x)
            return n * C, zero, tuple(n * C * float(x > 0) for x in g.p)
        raise Unbounded(u)


def _power(r: Interval, p: Fraction) -> Interval:
    """x^p for x >= 0 in r, p no integer."""
    if p < 0:
        return ranges.recip(_power(r, -p))

    def end(x: Fraction | None, up: bool) -> Fraction | None:
        if x is None or x <= 0:
            return None if x is None and up else Fraction(0)
        if not 1e-300 < x < 1e300:
            return None if up else Fraction(0)
        return Fraction(float(x) ** float(p) * (1 + 1e-12 if up else 1 - 1e-12))

    return Interval(end(r.low, False), end(r.high, True), not r.positive, end(r.high, True) is not None)


def _near(r: Interval) -> Interval:
    """Return an interval whose ends are not so far out that a monotone function is not evaluated there; it holds r."""
    low = r.low if r.low is None or r.low <= ranges.LARGEST_ARGUMENT else Fraction(ranges.LARGEST_ARGUMENT)
    high = r.high if r.high is None or r.high >= -ranges.LARGEST_ARGUMENT else Fraction(-ranges.LARGEST_ARGUMENT)
    return Interval(low, high, low is not None, high is not None)


def _raised(x: float) -> float:
    """Return a little more than x."""
    return x + 1e-12 * abs(x)


def _size(r: Interval) -> float:
    assert r.low is not None
    assert r.high is not None
    most = max(abs(r.low), abs(r.high))
    if most == 0:
        return 0.0
    try:
        return max(float(most) * (1 + 1e-12), 1e-300)
    except OverflowError:
        raise Unbounded from None
