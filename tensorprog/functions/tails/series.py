"""Asymptotic expansions at +oo: finite sums of c * x^a * (log x)^b * exp(E(x)) with an error O(monomial).

A coefficient is a polynomial (normal form) in constants and in bounded oscillating quantities, such as sin(x^2);
E is a sum of c x^a (log x)^b, ordered like the exponents (a, b); the power of x is its part at (0, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import Polynomial, number

Key = tuple[Fraction, Fraction]
Sign = Callable[[Polynomial], int]
FUEL = 20_000
"""How many products of coefficients one function may cost; past it the answer is unknown."""
MAX_COEFFICIENT = 24
ZERO, MINUS = number(Fraction(0)), Fraction(-1)
LOG: Key = (Fraction(0), Fraction(1))


@dataclass(frozen=True, slots=True)
class Scale:
    """A monomial exp(sum c_ab x^a log^b x) * (log x)^logs; `parts` sorted, largest first."""

    parts: tuple[tuple[Key, Polynomial], ...] = ()
    logs: Fraction = Fraction(0)

    def times(self, other: Scale, sign: int = 1) -> Scale:
        merged = dict(self.parts)
        for k, c in other.parts:
            total = merged.get(k, number(Fraction(0))) + c.scaled(Fraction(sign))
            if total.zero:
                merged.pop(k, None)
            else:
                merged[k] = total
        return Scale(tuple(sorted(merged.items(), key=lambda kc: kc[0], reverse=True)), self.logs + sign * other.logs)

    def to_the(self, p: Fraction) -> Scale:
        return Scale(tuple((k, c.scaled(p)) for k, c in self.parts), self.logs * p) if p else UNIT

    @property
    def power(self) -> Fraction | None:
        """a where the monomial is x^a (log x)^b with a rational a; None otherwise."""
        if not self.parts:
            return Fraction(0)
        return self.parts[0][1].constant() if self.parts[0][0] == LOG and len(self.parts) == 1 else None


UNIT = Scale()


def power_scale(a: Fraction, logs: Fraction = Fraction(0)) -> Scale:
    return Scale(((LOG, number(a)),) if a else (), logs)


@dataclass(frozen=True, slots=True)
class Series:
    """Terms, largest first, and the size of what is left out (None: nothing)."""

    terms: tuple[tuple[Scale, Polynomial], ...] = ()
    error: Scale | None = None

    @property
    def zero(self) -> bool:
        return not self.terms and self.error is None

    @property
    def bound(self) -> Scale | None:
        """The leading monomial (or the error); None for 0."""
        return self.terms[0][0] if self.terms else self.error


@dataclass(frozen=True, eq=False)
class Algebra:
    """Sums, products and power series of expansions; `sign` decides the signs of constants, or raises Undecided."""

    sign: Sign
    reduce: Callable[[Polynomial], Polynomial]
    length: int
    fuel: list[int]

    def compare(self, m: Scale, k: Scale) -> int:
        """Return which grows faster: 1 if m, -1 if k, 0 if they are equal."""
        self.fuel[0] -= 1
        if self.fuel[0] < 0:
            raise Undecided("the search is bounded")
        if m is k:
            return 0
        mine, other = m.parts, k.parts
        i = j = 0
        while i < len(mine) or j < len(other):  # the first exponent at which they differ decides
            if j == len(other) or (i < len(mine) and mine[i][0] > other[j][0]):
                c, i = mine[i][1], i + 1
            elif i == len(mine) or mine[i][0] < other[j][0]:
                c, j = other[j][1].scaled(MINUS), j + 1
            else:
                same = mine[i][1] is other[j][1]
                c = ZERO if same else mine[i][1] + other[j][1].scaled(MINUS)
                i, j = i + 1, j + 1
            if not c.zero and (s := self.sign(c)):
                return s
        return (m.logs > k.logs) - (m.logs < k.logs)

    def larger(self, *scales: Scale | None) -> Scale | None:
        best: Scale | None = None
        for s in scales:
            if s is not None and (best is None or self.compare(s, best) > 0):
                best = s
        return best

    def build(self, terms: list[tuple[Scale, Polynomial]], error: Scale | None) -> Series:
        """Equal monomials collected, sorted, cut at the error and at the length."""
        kept: list[tuple[Scale, Polynomial]] = []
        for scale, c in terms:
            c = self.reduce(c)
            if len(c.terms) > MAX_COEFFICIENT:
                raise Undecided("a large coefficient")
            if c.zero or (error is not None and self.compare(scale, error) <= 0):
                continue
            for at, (other, d) in enumerate(kept):
                order = self.compare(scale, other)
                if order == 0:
                    total = self.reduce(c + d)
                    kept[at : at + 1] = [] if total.zero else [(other, total)]
                    break
                if order > 0:
                    kept.insert(at, (scale, c))
                    break
            else:
                kept.append((scale, c))
        if len(kept) > self.length:
            error = self.larger(error, kept[self.length][0])
            kept = kept[: self.length]
        return Series(tuple(kept), error)

    def add(self, *parts: Series) -> Series:
        return self.build([t for p in parts for t in p.terms], self.larger(*(p.error for p in parts)))

    def mul(self, a: Series, b: Series) -> Series:
        if a.zero or b.zero:
            return Series()
        terms = [(m.times(k), c * d) for m, c in a.terms for k, d in b.terms]
        assert a.bound is not None
        assert b.bound is not None
        self.fuel[0] -= 1 + sum(len(c.terms) for _, c in a.terms) * sum(len(d.terms) for _, d in b.terms)
        if self.fuel[0] < 0:
            raise Undecided("the search is bounded")
        errors = []
        if a.error is not None:
            errors.append(a.error.times(b.bound))
        if b.error is not None:
            errors.append(b.error.times(a.bound))
        if a.error is not None and b.error is not None:
            errors.append(a.error.times(b.error))
        return self.build(terms, self.larger(*errors))

    def scaled(self, a: Series, c: Polynomial, m: Scale = UNIT) -> Series:
        error = None if a.error is None else a.error.times(m)
        return self.build([(k.times(m), d * c) for k, d in a.terms], error)

    def constant(self, c: Polynomial) -> Series:
        return Series(((UNIT, c),)) if not c.zero else Series()

    def function(self, epsilon: Series, coefficients: list[Polynomial]) -> Series:
        """c0 + c1 e + c2 e^2 + ... for a small e, with an error of the first power left out."""
        out, power = self.constant(coefficients[0]), self.constant(number(Fraction(1)))
        for c in coefficients[1:]:
            power = self.mul(power, epsilon)
            out = self.add(out, self.scaled(power, c))
        if epsilon.zero:
            return out
        assert epsilon.bound is not None
        if self.compare(epsilon.bound, UNIT) >= 0:
            raise Undecided("an expansion that does not converge")
        return self.build(list(out.terms), self.larger(out.error, epsilon.bound.to_the(Fraction(len(coefficients)))))

    def split(self, s: Series) -> tuple[Series, Polynomial, Series]:
        """Return what goes to infinity, the constant, and what goes to 0."""
        if s.error is not None and self.compare(s.error, UNIT) >= 0:
            raise Undecided("the error does not go to 0")
        large: list[tuple[Scale, Polynomial]] = []
        small: list[tuple[Scale, Polynomial]] = []
        constant = number(Fraction(0))
        for m, c in s.terms:
            order = self.compare(m, UNIT)
            if order > 0:
                large.append((m, c))
            elif order == 0:
                constant = c
            else:
                small.append((m, c))
        return Series(tuple(large)), constant, Series(tuple(small), s.error)
