"""Lower bounds of |F| far out, on a ray or a cone around it: z_i = m_i + r c_i, c_i in a small interval, r >= START,

    |F| >= exp(a r² + b r + g log r + c),

by one elementary inequality for each head. Exponents that are polynomials of r are taken exactly.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from tensorprog.functions.named.library import library
from tensorprog.gaussian.behaviour.sizes import Size, Unbounded
from tensorprog.terms import App, Num, Term, Var

START = Fraction(4096)
Interval = tuple[Fraction, Fraction]
NONE = (Fraction(0), Fraction(0))


@dataclass(frozen=True, slots=True)
class Low:
    """|f| >= exp(a r² + b r + g log r + c) for r >= R; a = inf for more than that."""

    a: Fraction | float
    b: Fraction
    g: Fraction
    c: float

    def __add__(self, other: Low) -> Low:
        return Low(self.a + other.a, self.b + other.b, self.g + other.g, self.c + other.c)

    def times(self, n: Fraction) -> Low:
        return Low(self.a * n, self.b * n, self.g * n, self.c * float(n))

    @property
    def order(self) -> tuple[Fraction | float, Fraction, Fraction, float]:
        return self.a, self.b, self.g, self.c


@dataclass(frozen=True)
class Cone:
    """z_i = shift_i + r [low_i, high_i], r >= START."""

    names: tuple[str, ...]
    shift: tuple[Fraction, ...]
    slopes: tuple[Interval, ...]

    @property
    def size(self) -> Size:
        box = []
        for m, (low, high) in zip(self.shift, self.slopes, strict=True):
            a = float(m + low * START) if low >= 0 else -math.inf
            b = float(m + high * START) if high <= 0 else math.inf
            box.append((math.nextafter(a, -math.inf), math.nextafter(b, math.inf)))
        return Size(self.names, tuple(box))

    def polynomial(self, t: Term) -> list[Interval] | None:
        """Interval coefficients of t as a polynomial in r, lowest first."""
        match t:
            case Num(value):
                return [(value, value)]
            case Var(name, ()) if name in self.names:
                k = self.names.index(name)
                return [(self.shift[k], self.shift[k]), self.slopes[k]]
            case App("neg", (a,)):
                inner = self.polynomial(a)
                return None if inner is None else [(-h, -low) for low, h in inner]
            case App("recip", (Num(value),)) if value:
                return [(1 / value, 1 / value)]
            case App("add", args):
                parts = [self.polynomial(a) for a in args]
                known = [q for q in parts if q is not None]
                if len(known) < len(parts):
                    return None
                return [
                    tuple(sum((q[k][e] for q in known if k < len(q)), Fraction(0)) for e in (0, 1))  # type: ignore[misc]
                    for k in range(max(map(len, known)))
                ]
            case App("mul", args):
                return _times([self.polynomial(a) for a in args])
            case App("pow", (a, Num(p))) if p.denominator == 1 and 0 <= p <= 6:
                inner = self.polynomial(a)
                if p == 2 and inner is not None and len(inner) == 2 and inner[0] == NONE:
                    ends = [x * x for x in inner[1]]
                    low = Fraction(0) if inner[1][0] <= 0 <= inner[1][1] else min(ends)
                    return [NONE, NONE, (low, max(ends))]
                return _times([inner] * int(p))
        return None

    def low(self, t: Term) -> Low:
        """Return a lower bound of |t|; raises Unbounded."""
        least = self.size.range(t).away
        try:
            return self._low(t)
        except Unbounded:
            if least is None:
                raise
            return Low(Fraction(0), Fraction(0), Fraction(0), math.log(least) - 1e-9)

    def _low(self, t: Term) -> Low:
        match t:
            case Var():
                low, high = self.slopes[self.names.index(t.name)]
                m = abs(self.shift[self.names.index(t.name)]) / START
                least = (low if low > 0 else -high) - m
                if least <= 0:
                    raise Unbounded(t)
                return Low(Fraction(0), Fraction(0), Fraction(1), math.log(least) - 1e-9)
            case App("mul", args):
                return reduce(operator.add, map(self.low, args))
            case App("neg" | "abs", (a,)):
                return self.low(a)
            case App("recip", (App("exp", (u,)),)):
                return self._exp(App("neg", (u,)))
            case App("recip", (a,)):
                return self._high(a).times(Fraction(-1))
            case App("pow", (a, Num(p))):
                return self.low(a).times(p) if p > 0 else self._high(a).times(p)
            case App("sqrt", (a,)):
                return self.low(a).times(Fraction(1, 2))
            case App("exp", (u,)):
                return self._exp(u)
            case App("where", (c, yes, no)) if (said := self.size.holds(c)) is not None:
                return self.low(yes if said else no)
            case App("log", (App("add", (Num(one), App("exp", (u,)))),)) if one == 1 and self.size.range(u).nonnegative:
                return self.low(u)  # log(1 + e^u) >= u
            case App("add", args):
                return self._sum(args)
            case App(head, (u, *_) as args) if head in library():
                r, halves, body = self.size.range(u), library()[head].halves, library()[head].expand(args)
                if halves is not None and (r.nonnegative or r.nonpositive):
                    return self.low(library()[head].call(halves[r.nonnegative], args))
                if body is not None:
                    return self.low(body)
        raise Unbounded(t)

    def _exp(self, u: Term) -> Low:
        q = self.polynomial(u)
        if q is not None:
            lows = [x[0] for x in q] + [Fraction(0)] * 3
            if len(q) <= 3:
                return Low(lows[2], lows[1], Fraction(0), float(lows[0]) - 1e-9 * (1 + abs(float(lows[0]))))
            top = q[-1][0]
            if top > 0 and top * START > 2 * sum(max(abs(a), abs(b)) for a, b in q[:-1]):
                return Low(math.inf, Fraction(0), Fraction(0), 0.0)
            raise Unbounded(u)
        if self.size.range(u).nonnegative:
            inner = self.low(u)
            if inner.a > 0 or (inner.a == 0 and (inner.b > 0 or (inner.b == 0 and inner.g > 2))):
                return Low(math.inf, Fraction(0), Fraction(0), 0.0)
        raise Unbounded(u)

    def _high(self, t: Term) -> Low:
        """Return the same form for an upper bound of |t|, from its growth: |z_i| <= K r."""
        g = self.size.growth(t)
        out = Low(Fraction(0), Fraction(0), Fraction(0), g.c)
        for k, (low, high) in enumerate(self.slopes):
            K = max(abs(low), abs(high)) + abs(self.shift[k]) / START
            p, q, s = Fraction(g.p[k]), Fraction(max(g.q[k], 0.0)), Fraction(max(g.s[k], 0.0))
            # (1 + K r)^p <= ((K + 1) r)^p
            out = out + Low(s * K * K, q * K, p, float(p) * math.log(K + 1))
        return out

    def _sum(self, args: Sequence[Term]) -> Low:
        ranges = [self.size.range(a) for a in args]
        if all(r.nonnegative for r in ranges) or all(r.nonpositive for r in ranges):
            found = []
            for a in args:
                try:
                    found.append(self.low(a))
                except Unbounded:
                    continue
            if not found:
                raise Unbounded(args[0])
            return max(found, key=lambda x: x.order)
        for k, a in enumerate(args):
            try:
                mine = self.low(a)
                others = [self._high(b) for j, b in enumerate(args) if j != k]
            except Unbounded:
                continue
            if all(_outweighs(mine, o, math.log(2 * len(others))) for o in others):
                return mine + Low(Fraction(0), Fraction(0), Fraction(0), -math.log(2))
        raise Unbounded(args[0])


def _outweighs(x: Low, y: Low, margin: float) -> bool:
    """Return whether x - y >= margin for all r >= START."""
    if math.isinf(x.a):
        return not math.isinf(y.a)
    a, b, g, c = x.a - y.a, x.b - y.b, x.g - y.g, x.c - y.c
    rises = a >= 0 and 2 * a * START + b + min(g, Fraction(0)) / START >= 0 and (a > 0 or b > 0 or g >= 0)
    at = float(a) * float(START) ** 2 + float(b) * float(START) + float(g) * math.log(START) + c
    return rises and at > margin + 1e-6 * (1 + abs(c))


def _times(parts: Sequence[list[Interval] | None]) -> list[Interval] | None:
    out: list[Interval] = [(Fraction(1), Fraction(1))]
    for q in parts:
        if q is None or len(out) + len(q) > 9:
            return None
        new = [(Fraction(0), Fraction(0))] * (len(out) + len(q) - 1)
        for i, x in enumerate(out):
            for j, y in enumerate(q):
                ends = [s * t for s in x for t in y]
                new[i + j] = new[i + j][0] + min(ends), new[i + j][1] + max(ends)
        out = new
    return out
