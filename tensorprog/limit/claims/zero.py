"""Whether a formula is zero, in a normal form: fractions of polynomials over atoms that are treated as unrelated.

Atoms are symbols, pi, roots, exponentials and other functions of normal forms; two relations are used, sqrt(f)^2 = f
and exp(a + b) = exp(a) exp(b), with roots of positive rationals split into primes. A formula whose numerator vanishes
is zero wherever it is defined. One whose numerator does not vanish may still be zero: that is never concluded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy

from tensorprog.functions.named.library import library
from tensorprog.functions.named.sympy_forms import heads
from tensorprog.limit.members.parts import accumulate
from tensorprog.limit.rules.open import TooLarge

MAX_TERMS = 3_000
MAX_POWER = 40

Atom = tuple[Any, ...]
Monomial = frozenset[tuple[Atom, Fraction]]
Poly = dict[Monomial, Fraction]
Ratio = tuple[Poly, Poly]

UNIT: Monomial = frozenset()


class Undecidable(Exception):
    """The normal form would be too large, or divides by what is identically 0."""


def is_zero(expr: Any, positive: frozenset[str] = frozenset()) -> bool:
    """Proved to be zero (for all values for which it is defined), or not proved. `positive` are symbols > 0.

    >>> K = sympy.Symbol("K", real=True)
    >>> is_zero(sympy.sqrt(12) * K - 2 * sympy.sqrt(3) * K), is_zero(K - sympy.sqrt(K**2), frozenset({"K"}))
    (True, True)
    """
    try:
        return not Normal(positive).ratio(expr)[0]
    except (Undecidable, TooLarge, RecursionError):
        return False


class Normal:
    """Normal forms of one formula."""

    def __init__(self, positive: frozenset[str]) -> None:
        self.positive = positive
        self.squares: dict[Atom, Poly] = {}
        self.memo: dict[Any, Ratio] = {}

    def ratio(self, e: Any) -> Ratio:
        """Numerator and denominator."""
        if e not in self.memo:
            self.memo[e] = self._ratio(e)
        return self.memo[e]

    def _ratio(self, e: Any) -> Ratio:
        if e.is_Rational:
            return _constant(Fraction(int(e.p), int(e.q))), _constant(Fraction(1))
        if e.is_Symbol:
            return _atom(("symbol", e.name)), _constant(Fraction(1))
        if e is sympy.pi:
            return _atom(("pi",)), _constant(Fraction(1))
        if e is sympy.E:
            return self._exponential(sympy.S.One)
        if e.is_Add:
            out = self.ratio(e.args[0])
            for a in e.args[1:]:
                out = self._add(out, self.ratio(a))
            return out
        if e.is_Mul:
            out = self.ratio(e.args[0])
            for a in e.args[1:]:
                other = self.ratio(a)
                out = self._times(out[0], other[0]), self._times(out[1], other[1])
            return out
        if isinstance(e, sympy.exp) or (e.is_Pow and e.base is sympy.E):
            return self._exponential(e.args[0] if isinstance(e, sympy.exp) else e.exp)
        if e.is_Pow:
            return self._power(e.base, e.exp)
        return self._function(e)

    def _add(self, a: Ratio, b: Ratio) -> Ratio:
        if a[1] == b[1]:
            return _plus(a[0], b[0]), a[1]
        return _plus(self._times(a[0], b[1]), self._times(b[0], a[1])), self._times(a[1], b[1])

    def _power(self, base: Any, exponent: Any) -> Ratio:
        if exponent.is_Integer:
            top, bottom = self.ratio(base) if exponent >= 0 else self.ratio(base)[::-1]
            if not bottom:
                raise Undecidable
            return self._power_of((top, bottom), abs(int(exponent)))
        if exponent.is_Rational and exponent.q == 2:
            root = self._root(base)
            one = self._power_of(root, abs(int(exponent.p)))
            return one if exponent > 0 else (one[1], one[0])
        top, bottom = self.ratio(exponent)
        return _atom(("power", _key(self.ratio(base)), _key((top, bottom)))), _constant(Fraction(1))

    def _power_of(self, r: Ratio, n: int) -> Ratio:
        if n > MAX_POWER:
            raise Undecidable
        out = _constant(Fraction(1)), _constant(Fraction(1))
        for _ in range(n):
            out = self._times(out[0], r[0]), self._times(out[1], r[1])
        return out

    def _root(self, base: Any) -> Ratio:
        """sqrt(n/d) = sqrt(n d)/d where d > 0 is a number; else an atom whose square is n/d stays whole."""
        top, bottom = self.ratio(base)
        if not bottom:
            raise Undecidable
        number = _number(bottom)
        if number is None:
            if not self._is_positive(bottom):
                return _atom(("sqrt", _key((top, bottom)))), _constant(Fraction(1))
            return self._root_of(self._times(top, bottom)), bottom
        return self._root_of({m: c / number for m, c in top.items()}), _constant(Fraction(1))

    def _root_of(self, p: Poly) -> Poly:
        """Return the square root of a polynomial: positive contents and positive symbols leave it."""
        if not p:
            return {}
        content, inside = Fraction(1), p
        lead = min(p, key=hash)  # which one does not matter, as long as it is the same one
        content = abs(p[lead])
        inside = {m: c / content for m, c in p.items()}
        out = self._numeric_root(content)
        if len(inside) == 1:
            monomial, sign = next(iter(inside.items()))
            rest: dict[Atom, Fraction] = {}
            for atom, e in monomial:
                if atom[0] == "exp" or (atom[0] == "pi") or (atom[0] == "symbol" and atom[1] in self.positive):
                    if atom[0] == "exp" or (e.denominator == 1 and e % 2 == 0):
                        out = self._times(out, {frozenset({(atom, e / 2)}): Fraction(1)})
                    else:
                        half = Fraction(e // 2)
                        if half:
                            out = self._times(out, {frozenset({(atom, half)}): Fraction(1)})
                        out = self._times(out, self._root_atom({frozenset({(atom, Fraction(1))}): Fraction(1)}))
                else:
                    rest[atom] = e
            inside = {frozenset(rest.items()): sign}
            if inside == _constant(Fraction(1)):
                return out
        return self._times(out, self._root_atom(inside))

    def _root_atom(self, inside: Poly) -> Poly:
        atom = ("sqrt", _key((inside, _constant(Fraction(1)))))
        self.squares[atom] = inside
        return _atom(atom)

    def _numeric_root(self, c: Fraction) -> Poly:
        """sqrt(p/q) = sqrt(p q)/q, by primes."""
        out: Poly = _constant(Fraction(1, c.denominator))
        for prime, e in sympy.factorint(c.numerator * c.denominator).items():
            out = self._times(out, _constant(Fraction(int(prime)) ** (e // 2)))
            if e % 2:
                out = self._times(out, self._root_atom(_constant(Fraction(int(prime)))))
        return out

    def _is_positive(self, p: Poly) -> bool:
        """All terms are positive: numbers, pi, exponentials and symbols known to be."""
        return all(
            c > 0 and all(a[0] in ("pi", "exp", "sqrt") or (a[0] == "symbol" and a[1] in self.positive) for a, _ in m)
            for m, c in p.items()
        )

    def _exponential(self, argument: Any) -> Ratio:
        top, bottom = self.ratio(argument)
        number = _number(bottom)
        if number is None or number == 0:
            return _atom(("exp of", _key((top, bottom)))), _constant(Fraction(1))
        return {frozenset((("exp", m), c / number) for m, c in top.items()): Fraction(1)}, _constant(Fraction(1))

    def _function(self, e: Any) -> Ratio:
        name = e.func.__name__
        if not e.args:
            return _atom(("constant", str(e))), _constant(Fraction(1))
        if name == "erfc":
            return self._add((_constant(Fraction(1)), _constant(Fraction(1))), self.ratio(-sympy.erf(e.args[0])))
        if name == "acos":
            return self.ratio(sympy.pi / 2 - sympy.asin(e.args[0], evaluate=False))
        parts = [self.ratio(a) for a in e.args if hasattr(a, "free_symbols")]
        if name == "Abs" and all(map(self._is_positive, parts[0])):
            return parts[0]
        sign = Fraction(1)
        record = library().get(heads().get(e.func, ""))
        parity = -1 if name == "erfi" else None if record is None else record.parity
        if parity is not None and parts[0][0] and parts[0][0][min(parts[0][0], key=hash)] < 0:
            parts = [({m: -c for m, c in parts[0][0].items()}, parts[0][1])]
            sign = Fraction(parity)
        if name in ("Max", "Min"):
            parts = sorted(parts, key=lambda p: hash(_key(p)))
        atom = (name, *(_key(p) for p in parts), *(str(a) for a in e.args if not hasattr(a, "free_symbols")))
        return {frozenset({(atom, Fraction(1))}): sign}, _constant(Fraction(1))

    def _times(self, a: Poly, b: Poly) -> Poly:
        if len(a) * len(b) > 20 * MAX_TERMS:
            raise Undecidable
        out: Poly = {}
        for m, c in a.items():
            for k, d in b.items():
                powers = dict(m)
                for atom, e in k:
                    powers[atom] = powers.get(atom, Fraction(0)) + e
                extra: Poly | None = None
                for atom in [x for x, e in powers.items() if x in self.squares and e >= 2]:
                    times = powers[atom] // 2
                    powers[atom] -= 2 * times
                    for _ in range(int(times)):
                        inside = self.squares[atom]
                        extra = inside if extra is None else self._times(extra, inside)
                one: Poly = {frozenset((x, e) for x, e in powers.items() if e): c * d}
                out = _plus(out, one if extra is None else self._times(one, extra))
        return out


def _plus(a: Poly, b: Poly) -> Poly:
    out = dict(a)
    accumulate(out, b)
    return out


def _constant(c: Fraction) -> Poly:
    return {UNIT: c} if c else {}


def _atom(atom: Atom) -> Poly:
    return {frozenset({(atom, Fraction(1))}): Fraction(1)}


def _number(p: Poly) -> Fraction | None:
    return p[UNIT] if len(p) == 1 and UNIT in p else None


def _key(r: Ratio) -> Any:
    """Equal for equal normal forms, up to a common numeric factor."""
    top, bottom = r
    if not bottom:
        raise Undecidable
    scale = bottom[min(bottom, key=hash)]
    return (
        frozenset((m, c / scale) for m, c in top.items()),
        frozenset((m, c / scale) for m, c in bottom.items()),
    )
