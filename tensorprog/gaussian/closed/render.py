"""Exact elements as short sympy expressions, in the forms that textbooks print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from tensorprog.gaussian.closed.special import ErfIm, ErfRe, OwenT, Phi2, Signs4
from tensorprog.gaussian.exact.element import Element, one
from tensorprog.gaussian.exact.ground import MINUS_ONE, Ground, NoClosedForm, Poly

MAX_TERMS_TO_FACTOR = 60


@dataclass
class Renderer:
    """Writes the elements of one ground; `symbols` are the sympy forms of its generators."""

    ground: Ground
    symbols: Sequence[Any]
    _radicands: dict[int, Any] = field(default_factory=dict)
    _atoms: dict[int, Any] = field(default_factory=dict)

    def expression(self, x: Element) -> Any:
        """Return the sympy form of an element."""
        groups: dict[tuple[Any, int], list[Any]] = {}
        for (odd, atoms, exponent), (num, den) in sorted(x.terms.items(), key=lambda item: item[0]):
            groups.setdefault((atoms, exponent), []).append(self._algebraic(odd, num, dict(den)))
        total = []
        for (atoms, exponent), parts in groups.items():
            factor = sympy.Mul(*(self.atom(a) ** n for a, n in atoms))
            if exponent:
                factor *= sympy.exp(self.expression(self.ground.exponents[exponent]))
            if factor.is_Add and all(p.is_Number for p in parts):
                total.append(sympy.expand_mul(sympy.Add(*parts) * factor))
            elif atoms or exponent:
                total.append(sympy.Add(*parts) * factor)
            else:
                total += parts
        return sympy.Add(*total)

    def _algebraic(self, odd: tuple[int, ...], num: Poly, den: dict[int, int]) -> Any:
        """num / Π f^k · Π √f, roots gathered under one sign above and one below."""
        above, below, rest = [], [], []
        for r in odd:
            if r == MINUS_ONE:
                rest.append(sympy.I)
            elif den.get(r, 0):
                below.append(self.radicand(r))
                den[r] -= 1
            else:
                above.append(self.radicand(r))
        rest += [sympy.Pow(self.radicand(r), -k) for r, k in den.items() if k]
        for side, gathered in ((1, above), (-1, below)):
            numbers = sympy.Mul(*(x for x in gathered if x.is_Number))
            rest += [
                sympy.sqrt(numbers) ** side,
                sympy.sqrt(sympy.Mul(*(x for x in gathered if not x.is_Number))) ** side,
            ]
        return sympy.Add(*(sympy.Mul(*part, *rest) for part in self._numerator(num, odd)))

    def _numerator(self, num: Poly, odd: tuple[int, ...]) -> list[list[Any]]:
        """The factors of the numerator, or of q·f and r where writing it as q·f + r with a radicand f is shorter."""
        for r in odd:
            f = self.ground.radicals[r]
            if len(f) < 2 or len(num) <= len(f):
                continue
            (quotient,), remainder = num.div([f])
            quotient, remainder = (num.ring.from_dict(dict(x)) for x in (quotient, remainder))
            if len(quotient) + len(remainder) < len(num) - 1:
                parts = [[*self._factors(quotient), self.radicand(r)]]
                return [*parts, self._factors(remainder)] if remainder else parts
        return [self._factors(num)]

    def _factors(self, f: Poly) -> list[Any]:
        if len(f) > MAX_TERMS_TO_FACTOR:
            return [f.as_expr(*self.symbols)]
        content, factors = self.ground.factor(f)
        return [sympy.Rational(content), *(self._irreducible(g) ** m for g, m in factors)]

    def _irreducible(self, f: Poly) -> Any:
        """f itself, or (product) - c g² when f + c g² has factors: the form in which determinants are remembered."""
        plain = f.as_expr(*self.symbols)
        if len(f) < 4:
            return plain
        for k, g in enumerate(self.ground.gens):
            square = tuple(2 * int(k == j) for j in range(len(self.ground.gens)))
            c = dict(f.terms()).get(square, 0)
            if c < 0:
                rest = f - g**2 * c
                content, factors = self.ground.factor(rest)
                if sum(m for _, m in factors) > 1:
                    product = sympy.Mul(*(h.as_expr(*self.symbols) ** m for h, m in factors))
                    number = sympy.Rational(int(c.numerator), int(c.denominator))
                    return sympy.Rational(content) * product + number * self.symbols[k] ** 2
        return plain

    def radicand(self, r: int) -> Any:
        if r not in self._radicands:
            self._radicands[r] = sympy.Mul(*self._factors(self.ground.radicals[r]))
        return self._radicands[r]

    def atom(self, number: int) -> Any:
        """Return the sympy form of a transcendental atom."""
        if number not in self._atoms:
            kind, *args = self.ground.atoms[number]
            self._atoms[number] = self._named(kind, args)
        return self._atoms[number]

    def _named(self, kind: str, args: Sequence[Element]) -> Any:
        if kind == "sgn2":
            return self._two_signs(*args)
        if kind == "erfc":
            x = self.expression(args[0])
            return 1 + sympy.erf(-x) if x.could_extract_minus_sign() else sympy.erfc(x)
        function = {
            "erf": sympy.erf, "erfi": sympy.erfi, "asin": sympy.asin, "sin": sympy.sin,
            "cos": sympy.cos, "Phi2": Phi2, "sgn4": Signs4,
            "erf_re": ErfRe, "erf_im": ErfIm,
        }[kind]  # fmt: skip
        return function(*(self.expression(x) for x in args))

    def _two_signs(self, h: Element, k: Element, r: Element) -> Any:
        """4 Φ2 - erf - erf - 1; with Owen's T, 1 - 8 T(h, √((1-r)/(1+r))) for h = k and 4 T(k, r/√(1-r²)) for h = 0."""
        unit = one(self.ground)
        try:
            if h == k:
                return 1 - 8 * OwenT(self.expression(h), self.expression(((unit - r) * (unit + r).inverse()).sqrt()))
            if not h or not k:
                slope = r * (unit - r * r).sqrt().inverse()
                return 4 * OwenT(self.expression(h if h else k), self.expression(slope))
        except NoClosedForm:
            pass
        left, right, rho = (self.expression(x) for x in (h, k, r))
        root2 = sympy.sqrt(2)
        return 4 * Phi2(left, right, rho) - sympy.erf(left / root2) - sympy.erf(right / root2) - 1
