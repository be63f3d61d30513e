"""Cells in which a function may be infinite, but integrably so: |F| <= C ρ^{-p}, ρ the distance from a line or a point.

On a cell each subterm gets such a bound, and where a denominator or a logarithm needs it one from below. The places
tried are zeros of affine arguments of denominators, logarithms and powers, and the point where all variables vanish
(x²/(x² + 3y²)). Then ∫ over the cell is at most the greatest density times

    2 D^{1-p}/(1-p)  times its length (a line),      2π D^{2-p}/(2-p)  (a point),      D the greatest distance.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.expanded import expanded
from tensorprog.functions.named.library import library
from tensorprog.gaussian.behaviour.arguments import constant, vanishing
from tensorprog.gaussian.behaviour.sizes import Size
from tensorprog.gaussian.cells.cells import Region
from tensorprog.gaussian.cells.law import Form
from tensorprog.kernel.ground.term import add, mul, walk
from tensorprog.terms import App, Num, Term

UP = 1 + 1e-9
SLOW = 0.04
"""log(1/ρ) <= ρ^-SLOW/(e SLOW)."""


class Unknown(Exception):
    """No bound of this form is known."""


@dataclass(frozen=True, slots=True)
class Order:
    """|f| <= C ρ^-p (or, from below, |f| >= C ρ^-p)."""

    C: float
    p: float

    def __mul__(self, other: Order) -> Order:
        return Order(self.C * other.C * UP, self.p + other.p)

    def power(self, n: float) -> Order:
        return Order(self.C**n * UP, self.p * n)


@dataclass(frozen=True)
class Place:
    """The line or point that ρ is measured from; `reach` is the greatest ρ on the cell."""

    region: Region
    line: Form | None
    reach: float

    def least(self, t: Term) -> Order:
        """|t| >= C ρ^-p on the cell."""
        kept = self._factor(t)
        if kept is not None:
            return Order(kept / UP, -1.0)
        match t:
            case App("mul", args):
                out = Order(1.0, 0.0)
                for a in args:
                    part = self.least(a)
                    out = Order(out.C * part.C / UP, out.p + part.p)
                return out
            case App("neg" | "abs", (a,)):
                return self.least(a)
            case App("pow", (a, Num(p))) if p > 0:
                made = self.least(a).power(float(p))
                return Order(made.C / UP**2, made.p)
            case App("sqrt", (a,)):
                made = self.least(a).power(0.5)
                return Order(made.C / UP**2, made.p)
        real = ball_function(t, self.region.law.names)(self.region.ranges, False).real
        if real.is_finite() and not real.contains(0):
            return Order(float(abs(real).lower().mid()) / UP, 0.0)
        if self.line is None and (found := definite(self.region, t)) is not None:
            return Order(found / UP, -2.0)
        raise Unknown(t)

    def most(self, t: Term) -> Order:
        """|t| <= C ρ^-p on the cell."""
        kept = self._factor(t) if self.line is not None else self._through(t)
        if kept is not None:
            return Order(kept * UP, -1.0)
        match t:
            case App("mul", args):
                return reduce(operator.mul, map(self.most, args))
            case App("neg" | "abs", (a,)):
                return self.most(a)
            case App("pow", (a, Num(p))):
                if p > 0:
                    return self.most(a).power(float(p))
                return self._over(self.least(a).power(-float(p)))
            case App("recip", (a,)):
                return self._over(self.least(a))
            case App("sqrt", (a,)):
                return self.most(a).power(0.5)
        real = ball_function(t, self.region.law.names)(self.region.ranges, False).real
        if real.is_finite():
            return Order(float(abs(real).upper()) * UP, 0.0)
        r = Size(self.region.law.names, tuple((-math.inf, math.inf) for _ in self.region.law.names)).range(t)
        if r.low is not None and r.high is not None:
            return Order(float(max(abs(r.low), abs(r.high))) * UP, 0.0)
        match t:
            case App("add" | "max" | "min", args):
                parts = [self.most(a) for a in args]
                most = max(x.p for x in parts)
                return Order(sum(x.C * self.reach ** (most - x.p) for x in parts) * UP, most)
            case App("where", (_, yes, no)):
                return self.most(App("add", (yes, no)))
            case App("log", (a,)):
                low, high = self.least(a), self.most(a)
                if high.p > 0 or low.p > 0:
                    raise Unknown(t)
                top = max(0.0, math.log(high.C * self.reach**-high.p)) if high.C > 0 else 0.0
                base = top + max(0.0, -math.log(low.C))
                slow = -low.p / (math.e * SLOW)
                near = max(1.0, self.reach) ** SLOW
                return Order((base * near + slow * near) * UP, SLOW)
            case App(head, (a,)) if head in library() and (line := library()[head].below_line) is not None:
                slope, offset = (Num(Fraction(x)) for x in line)
                return self.most(add(mul(slope, a), offset) if line[1] else mul(slope, a))
        raise Unknown(t)

    def _over(self, x: Order) -> Order:
        if x.C <= 0:
            raise Unknown
        return Order(UP / x.C, -x.p)

    def _factor(self, t: Term) -> float | None:
        """|κ| where t = κ ℓ for the unit form ℓ of the line."""
        form = self.region.law.affine(t)
        if form is None or self.line is None:
            return None
        size = math.hypot(*form.slopes)
        scale = max(map(abs, form.weights)) * 1e-13
        if len(form.slopes) == 1:
            far = abs(form.constant * self.line.slopes[0] - self.line.constant * form.slopes[0])
            return size if far <= 1e-13 * (form.size + size) * abs(self.line.slopes[0]) else None
        cross = form.slopes[0] * self.line.slopes[1] - form.slopes[1] * self.line.slopes[0]
        shift = max(
            abs(form.constant * b - self.line.constant * a) for a, b in zip(form.slopes, self.line.slopes, strict=True)
        )
        return size if abs(cross) <= scale and shift <= 1e-13 * form.size + scale else None

    def _through(self, t: Term) -> float | None:
        """κ with |t| <= κ ρ for a linear form without a constant; the point is the origin."""
        form = self.region.law.affine(t)
        return None if form is None or form.constant != 0 or form.size != 0 else math.hypot(*form.slopes) * UP


def definite(region: Region, t: Term) -> float | None:
    """The least eigenvalue of t, a sum of positive multiples of squares, as a quadratic form in t-space; None if 0."""
    names = region.law.names
    found = expanded(t, names, lambda u: constant(u, {}), 2)
    if not found or any(c <= 0 or 2 not in e for e, c in found.items()):
        return None
    weights = [found.get(tuple(2 * (j == k) for j in range(len(names))), 0.0) for k in range(len(names))]
    a = sum(w * row[0] ** 2 for w, row in zip(weights, region.law.slopes, strict=True))
    b = sum(w * row[0] * row[1] for w, row in zip(weights, region.law.slopes, strict=True))
    c = sum(w * row[1] ** 2 for w, row in zip(weights, region.law.slopes, strict=True))
    least = (a * c - b * b) / (a + c) if a + c else 0.0  # det/trace is below the least eigenvalue
    return least * (1 - 1e-9) if least > 1e-12 * (a + c) else None


def _singular(t: Term) -> Iterator[Term]:
    """Arguments whose zeros may make the term infinite."""
    for s in walk(t):
        match s:
            case App("recip" | "log" | "sqrt", (a,)):
                yield from vanishing(a)
            case App("pow", (a, Num(p))) if p < 0 or p.denominator != 1:
                yield from vanishing(a)


def integral(term: Term, region: Region) -> float:
    """Return a bound of ∫|F| density over the cell; infinite if none is known."""
    corners = region.cell.corners()
    best = math.inf
    for h in dict.fromkeys(_singular(term)):
        form = region.law.affine(h)
        if form is not None:
            best = min(best, _beside_line(term, region, form, corners))
        elif region.law.dimension == 2 and not any(region.law.centre) and definite(region, h) is not None:
            best = min(best, _around_point(term, region, corners))
    return best


def _beside_line(term: Term, region: Region, form: Form, corners: list[tuple[float, ...]]) -> float:
    size = math.hypot(*form.slopes)
    unit = Form(tuple(s / size for s in form.slopes), form.constant / size, form.weights, form.size)
    values = [abs(unit.constant + sum(s * t for s, t in zip(unit.slopes, c, strict=True))) for c in corners]
    reach = max(values) * UP + 1e-14 * (form.size / size) + 1e-300
    try:
        order = Place(region, unit, reach).most(term)
    except (Unknown, OverflowError, ZeroDivisionError, ValueError):
        return math.inf
    p = max(order.p, 0.0)
    if p >= 0.999:
        return math.inf
    length = 1.0
    if region.law.dimension == 2:
        length = math.hypot(*(max(axis) - min(axis) for axis in zip(*corners, strict=True))) * UP
    made = order.C * reach ** (p - order.p) * 2 * reach ** (1 - p) / (1 - p) * length * region.cell.density()[1] * UP
    return made if math.isfinite(made) else math.inf


def _around_point(term: Term, region: Region, corners: list[tuple[float, ...]]) -> float:
    reach = max(math.hypot(*c) for c in corners) * UP + 1e-300
    try:
        order = Place(region, None, reach).most(term)
    except (Unknown, OverflowError, ZeroDivisionError, ValueError):
        return math.inf
    p = order.p
    if p >= 1.999:
        return math.inf
    if p <= 0:
        made = order.C * reach**-p * region.mass * UP
    else:
        made = order.C * 2 * math.pi * reach ** (2 - p) / (2 - p) * region.cell.density()[1] * UP
    return made if math.isfinite(made) else math.inf
