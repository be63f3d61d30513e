"""The ground ring of one derivation: exact polynomials in covariance entries and params, and their square roots.

Signs are decided from assumptions alone: a polynomial is positive when, after substituting C = c + t or C = c - t
for each bound c of each symbol, no coefficient is negative and one strictly positive monomial remains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import isqrt
from typing import Any

from sympy.polys.domains import QQ
from sympy.polys.rings import ring

from tensorprog.numbers.interval import Interval

Poly = Any
MINUS_ONE, PI = 0, 1
"""The radicals every ground has: i = √-1 and √π."""

_PRIMES = tuple(p for p in range(2, 1000) if all(p % d for d in range(2, isqrt(p) + 1)))
MAX_SIGN_CASES = 64
MAX_WORK = 200_000


class NoClosedForm(Exception):
    """The expectation leaves the class of closed forms; the text says where."""


POSITIVE = Interval(Fraction(0))


class Ground:
    """Generators with their bounds, and the radicals met so far (each an irreducible polynomial f, standing for √f)."""

    def __init__(self, symbols: Mapping[str, Interval]) -> None:
        self.names = (*symbols, "π")
        self.bounds = (*symbols.values(), Interval(Fraction(3), Fraction(4)))
        made = ring([f"x{k}" for k in range(len(self.names))], QQ)
        self.ring, self.gens = made[0], made[1:]
        self.zero, self.one = self.ring.zero, self.ring.one
        self.radicals: list[Poly] = []
        self.is_positive: list[bool] = []
        self._index: dict[Poly, int] = {}
        self._factors: dict[Poly, tuple[Fraction, tuple[tuple[Poly, int], ...]]] = {}
        self._known: dict[tuple[tuple[Poly, int], ...], int] = {}
        self._signs: dict[Poly, int] = {}
        self.atoms: list[tuple[Any, ...]] = []
        self.atom_index: dict[tuple[Any, ...], int] = {}
        self.exponents: list[Any] = [None]
        self.exponent_index: dict[Any, int] = {}
        self.work = 0
        self.radical(self.ring(-1), positive=False)
        self.radical(self.gens[-1], positive=True)

    def spend(self, work: int) -> None:
        """Count work, in products of coefficients, so that a derivation ends."""
        self.work += work
        if self.work > MAX_WORK:
            raise NoClosedForm(f"a derivation of more than {MAX_WORK} steps of arithmetic (MAX_WORK)")

    def poly(self, value: Fraction | int) -> Poly:
        q = Fraction(value)
        return self.ring(QQ(q.numerator, q.denominator))

    def radical(self, f: Poly, positive: bool) -> int:
        """Return the number of the radical √f."""
        if f not in self._index:
            self._index[f] = len(self.radicals)
            self.radicals.append(f)
            self.is_positive.append(positive)
        elif positive:
            self.is_positive[self._index[f]] = True
        return self._index[f]

    def declare_positive(self, f: Poly) -> None:
        """Record that f > 0, as a determinant or a variance is."""
        content, factors = self.factor(f)
        self._known[factors] = 1 if content > 0 else -1

    def factor(self, f: Poly) -> tuple[Fraction, tuple[tuple[Poly, int], ...]]:
        """f = content · Π factor^multiplicity, factors irreducible over the rationals with integer coefficients."""
        if f not in self._factors:
            if len(f) == 1:
                ((monomial, c),) = f.terms()
                content, found = c, [(g, e) for g, e in zip(self.gens, monomial, strict=True) if e]
            else:
                content, found = self._split(f)
            found = sorted(found, key=lambda p: sorted(p[0].terms(), reverse=True))
            self._factors[f] = (Fraction(int(content.numerator), int(content.denominator)), tuple(found))
        return self._factors[f]

    def _split(self, f: Poly) -> tuple[Any, list[tuple[Poly, int]]]:
        """Factors of a polynomial that is linear in some generator, A x + B: those of gcd(A, B), and the rest is one.

        Determinants are linear in each variance, so the general factoring is hardly ever needed.
        """
        best: tuple[int, Poly, Poly] | None = None
        for k, x in enumerate(self.gens):
            if f.degree(x) == 1:
                slope = {(*m[:k], 0, *m[k + 1 :]): c for m, c in f.terms() if m[k]}
                a = self.ring.from_dict(slope)
                if best is None or len(a) < best[0]:
                    best = len(a), a, f - a * x
        if best is None:
            return f.factor_list()  # type: ignore[no-any-return]
        # Polynomials that sympy divides carry stale hashes, so its quotients never become keys here.
        common = self.ring.from_dict(dict(best[1].gcd(best[2])))
        rest = exact_quotient(f, common)
        assert rest is not None
        content, rest = rest.primitive()
        if rest.LC < 0:
            content, rest = -content, -rest
        if common.is_ground:
            return content * common.LC, [(rest, 1)]
        more, found = self.factor(common)
        whole = dict(found)
        whole[rest] = whole.get(rest, 0) + 1
        return content * self.ring.domain(more.numerator) / more.denominator, list(whole.items())

    def numeric_root(self, c: Fraction) -> tuple[Fraction, list[int]]:
        """√c = rational · Π √prime for c > 0 (a large cofactor that is no square stays whole)."""
        rest, outside, inside = c.numerator * c.denominator, Fraction(1, c.denominator), []
        for p in _PRIMES:
            if p * p > rest:
                break
            while rest % (p * p) == 0:
                rest //= p * p
                outside *= p
            if rest % p == 0:
                rest //= p
                inside.append(p)
        if isqrt(rest) ** 2 == rest:
            outside *= isqrt(rest)
        else:
            inside.append(rest)
        return outside, [self.radical(self.poly(p), positive=True) for p in inside]

    def split_positive(self, f: Poly) -> tuple[Fraction, list[tuple[int, int]]]:
        """Return a polynomial known to be positive as c · Π f_r^m over radicals r with f_r > 0.

        Factors of known sign are split off; the product of the others is positive, and stays whole.
        """
        content, factors = self.factor(f)
        out: list[tuple[int, int]] = []
        unknown: list[tuple[Poly, int]] = []
        for g, m in factors:
            sign = self.sign(g)
            if sign is None or sign == 0:
                unknown.append((g, m))
                continue
            content *= sign**m
            out.append((self.radical(g if sign > 0 else -g, positive=True), m))
        odd = [g for g, m in unknown if m % 2]
        whole = self.one
        for g in odd:
            whole *= g
        if odd:
            if content < 0:
                content, whole = -content, -whole
            out.append((self.radical(whole, positive=True), 1))
            self.declare_positive(whole)
        for g, m in unknown:
            if m // 2:
                out.append((self.radical(g**2, positive=True), m // 2))
        if content <= 0:
            raise NoClosedForm("a square root of a number that is not positive")
        return content, out

    def sign(self, f: Poly) -> int | None:
        """Return the sign of a polynomial for all admissible values: -1, 0, 1, or None when undecided."""
        if not f:
            return 0
        if f.is_ground:
            return 1 if f.LC > 0 else -1
        if f not in self._signs:
            found = self._decide(f)
            if found is None:
                return None
            self._signs[f] = found
        return self._signs[f]

    def _decide(self, f: Poly) -> int | None:
        if f in self._index and self.is_positive[self._index[f]]:
            return 1
        if -f in self._index and self.is_positive[self._index[-f]]:
            return -1
        if self._positive(f):
            return 1
        if self._positive(-f):
            return -1
        factors = self.factor(f)[1]
        if factors in self._known:
            return self._known[factors] * (1 if self.factor(f)[0] > 0 else -1)
        if len(factors) > 1:
            total = 1 if self.factor(f)[0] > 0 else -1
            for g, m in factors:
                s = self.sign(g)
                if not s:
                    return None
                total *= s**m
            return total
        return None

    def _positive(self, f: Poly) -> bool:
        return any(self._obvious(g, half) and self._somewhere(g, strict) for g, strict, half in self._shifts(f))

    def at_least_zero(self, f: Poly) -> bool:
        """Return whether f >= 0 is certain."""
        return not f or self.sign(f) == 1 or any(self._obvious(g, half) for g, _, half in self._shifts(f))

    def _shifts(self, f: Poly) -> Iterator[tuple[Poly, list[bool], list[bool]]]:
        """f with each bounded symbol replaced by bound ± t, t >= 0, in every way; which t are > 0; which are >= 0."""
        used = [k for k, g in enumerate(self.gens) if f.degree(g) > 0]
        options = []
        for k in used:
            b, here = self.bounds[k], []
            if b.low is not None:
                here.append((k, b.low, 1, not b.low_closed))
            if b.high is not None:
                here.append((k, b.high, -1, not b.high_closed))
            options.append(here or [(k, Fraction(0), 0, False)])
        for n, choice in enumerate(product(*options)):
            if n >= MAX_SIGN_CASES:
                return
            g, strict, half = f, [False] * len(self.gens), [False] * len(self.gens)
            for k, bound, side, is_strict in choice:
                strict[k], half[k] = is_strict and side != 0, side != 0
                if side != 0 and (bound != 0 or side < 0):
                    g = g.compose(self.gens[k], self.poly(bound) + side * self.gens[k])
            yield g, strict, half

    @staticmethod
    def _obvious(f: Poly, half: list[bool]) -> bool:
        """No term can be negative: coefficients are positive, odd powers only of what is >= 0."""
        return all(
            c > 0 and not any(e % 2 and not h for e, h in zip(monomial, half, strict=True)) for monomial, c in f.terms()
        )

    @staticmethod
    def _somewhere(f: Poly, strict: list[bool]) -> bool:
        """Some term is a product of what is > 0."""
        return any(all(e == 0 or s for e, s in zip(monomial, strict, strict=True)) for monomial, _ in f.terms())


def exact_quotient(f: Poly, g: Poly) -> Poly | None:
    """f / g when it is a polynomial, else None; stops at the first leading monomial that g does not divide."""
    lead, c = g.LT
    rest = dict(g.terms())
    del rest[lead]
    out, left = {}, dict(f.terms())
    while left:
        top = max(left)
        shift = tuple(a - b for a, b in zip(top, lead, strict=True))
        if min(shift) < 0:
            return None
        q = left.pop(top) / c
        out[shift] = q
        for monomial, d in rest.items():
            at = tuple(a + b for a, b in zip(monomial, shift, strict=True))
            new = left.get(at, 0) - q * d
            if new:
                left[at] = new
            else:
                left.pop(at, None)
    return f.ring.from_dict(out)
