"""Exact elements: sums of (polynomial / powers of radicands) · Π √f · Π atoms · exp(element).

The form is canonical: radicands are irreducible, each square of a root is multiplied out, each fraction reduced.
So an element is zero only if it has no terms, whenever the radicands are independent.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.gaussian.exact.ground import MINUS_ONE, PI, Ground, NoClosedForm, Poly, exact_quotient

Den = tuple[tuple[int, int], ...]
Key = tuple[tuple[int, ...], tuple[tuple[int, int], ...], int]
Frac = tuple[Poly, Den]
_RATIONAL: Key = ((), (), 0)


class Element:
    """One exact value over a `Ground`; immutable."""

    __slots__ = ("_hash", "ground", "terms")

    def __init__(self, ground: Ground, terms: dict[Key, Frac]) -> None:
        self.ground = ground
        self.terms = terms
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: Element) -> Element:
        if not other.terms:
            return self
        if not self.terms:
            return other
        out = dict(self.terms)
        for key, fraction in other.terms.items():
            if key in out:
                total = _add(self.ground, out[key], fraction)
                if total[0]:
                    out[key] = total
                else:
                    del out[key]
            else:
                out[key] = fraction
        return Element(self.ground, out)

    def __neg__(self) -> Element:
        return Element(self.ground, {key: (-num, den) for key, (num, den) in self.terms.items()})

    def __sub__(self, other: Element) -> Element:
        return self + (-other)

    def __mul__(self, other: Element) -> Element:
        out: dict[Key, Frac] = {}
        for key1, fraction1 in self.terms.items():
            for key2, fraction2 in other.terms.items():
                key, fraction = _multiply(self.ground, key1, fraction1, key2, fraction2)
                if key in out:
                    fraction = _add(self.ground, out[key], fraction)
                if fraction[0]:
                    out[key] = fraction
                else:
                    out.pop(key, None)
        return Element(self.ground, out)

    def scale(self, c: Fraction | int) -> Element:
        """Return the rational multiple c·x."""
        if c == 0:
            return Element(self.ground, {})
        q = self.ground.poly(c).LC
        return Element(self.ground, {key: (num * q, den) for key, (num, den) in self.terms.items()})

    def __pow__(self, n: int) -> Element:
        out, base = one(self.ground), self if n >= 0 else self.inverse()
        for _ in range(abs(n)):
            out = out * base
        return out

    def only(self) -> tuple[Key, Frac]:
        """Return the single term, or no closed form."""
        if len(self.terms) != 1:
            raise NoClosedForm("a sum where a single product is needed")
        return next(iter(self.terms.items()))

    def inverse(self) -> Element:
        """1/x for a single product without atoms."""
        (odd, atoms, exponent), (num, den) = self.only()
        if atoms:
            raise NoClosedForm("division by a transcendental value")
        g = self.ground
        content, factors = g.factor(num)
        out = Element(g, {((), (), 0): (g.poly(1 / content), ())})
        for f, m in factors:
            out = out * Element(g, {_RATIONAL: _reduced(g, g.one, {g.radical(f, g.sign(f) == 1): m})})
        top = g.one
        for r, k in den:
            top *= g.radicals[r] ** k
        out = out * Element(g, {_RATIONAL: (top, ())})
        for r in odd:
            out = out * root(g, r) * _over(g, r)
        return out if not exponent else out * exponential(-g.exponents[exponent])

    def sqrt(self) -> Element:
        """√x for a single positive product: square roots of its positive factors, multiplied."""
        (odd, atoms, exponent), (num, den) = self.only()
        if odd or atoms:
            raise NoClosedForm("a nested square root")
        g = self.ground
        denominator = g.one
        for r, k in den:
            if k % 2:
                num *= g.radicals[r]
            k = (k + 1) // 2
            if not g.is_positive[r] and k % 2:
                num, k = num * g.radicals[r] ** 2, k + 1
            denominator *= g.radicals[r] ** k
        content, parts = g.split_positive(num)
        outside, inside = g.numeric_root(content)
        out = number(g, outside)
        for r in inside:
            out = out * root(g, r)
        for r, m in parts:
            out = out * root(g, r) ** m
        out = out * Element(g, {_RATIONAL: (denominator, ())}).inverse()
        return out if not exponent else out * exponential(g.exponents[exponent].scale(Fraction(1, 2)))

    def is_rational(self) -> bool:
        """Return whether x is a rational function of the generators."""
        return all(key == _RATIONAL for key in self.terms)

    def rational_value(self) -> Fraction | None:
        """Return the value of a rational number, else None."""
        if not self.terms:
            return Fraction(0)
        fraction = self.terms.get(_RATIONAL)
        if len(self.terms) > 1 or fraction is None or fraction[1] or not fraction[0].is_ground:
            return None
        return Fraction(int(fraction[0].LC.numerator), int(fraction[0].LC.denominator))

    def imaginary(self) -> Element:
        """Return the imaginary part of an element whose exponents and atoms are real."""
        out = {(odd[1:], atoms, e): c for (odd, atoms, e), c in self.terms.items() if odd[:1] == (MINUS_ONE,)}
        return Element(self.ground, out)

    def real(self) -> Element:
        """Return the real part: Re(c e^(x+iy)) = e^x (Re c · cos y - Im c · sin y)."""
        g = self.ground
        out = zero(g)
        for (odd, atoms, e), fraction in self.terms.items():
            phase = zero(g) if not e else g.exponents[e].imaginary()
            unit = odd[:1] == (MINUS_ONE,)
            bare = Element(g, {(odd[1:] if unit else odd, atoms, 0): fraction})
            if e:
                bare = bare * exponential(g.exponents[e] - imaginary_unit(g) * phase)
            if not phase:
                out = out if unit else out + bare
            else:
                out = out - bare * atom(g, "sin", phase) if unit else out + bare * atom(g, "cos", phase)
        return out

    def leading_sign(self) -> int:
        """Return a sign chosen by the form alone, opposite for x and -x."""
        _, (num, _) = min(self.terms.items(), key=lambda item: item[0])
        return 1 if num.LC > 0 else -1

    def sign(self) -> int | None:
        """-1, 0, 1, or None when the assumptions do not decide it."""
        if not self.terms:
            return 0
        signs = set()
        for (odd, atoms, _), (num, den) in self.terms.items():
            if atoms or MINUS_ONE in odd:
                return None
            s = self.ground.sign(num)
            for r, k in den:
                if s is not None and k % 2 and not self.ground.is_positive[r]:
                    s = None
            signs.add(s)
        if len(signs) == 1:
            return signs.pop()
        return _sign_of_number(self)


def at_least_zero(x: Element) -> bool:
    """Return whether x >= 0 is certain (for a rational function with positive denominator)."""
    if x.sign() in (0, 1):
        return True
    if not x.is_rational():
        return False
    num, den = x.only()[1]
    return x.ground.at_least_zero(num) and all(k % 2 == 0 or x.ground.is_positive[r] for r, k in den)


def _sign_of_number(x: Element) -> int | None:
    """Return the sign of a combination of square roots of numbers, by 60 digits."""
    from mpmath import mp, mpf

    g = x.ground
    with mp.workdps(60):
        total = mpf(0)
        for (odd, _, exponent), (num, den) in x.terms.items():
            if exponent or den or not num.is_ground or PI in odd:
                return None
            c = Fraction(int(num.LC.numerator), int(num.LC.denominator)) if num else Fraction(0)
            value = mpf(c.numerator) / c.denominator
            for r in odd:
                if not g.radicals[r].is_ground:
                    return None
                value *= mp.sqrt(int(g.radicals[r].LC))
            total += value
        return None if abs(total) < mpf(10) ** -40 else (1 if total > 0 else -1)


def _reduced(g: Ground, num: Poly, den: dict[int, int]) -> Frac:
    """num / Π f^k in lowest terms; a numeric f is divided out."""
    if not num:
        return num, ()
    for r in list(den):
        f = g.radicals[r]
        if f.is_ground:
            num = num.quo_ground(f.LC ** den.pop(r))
            continue
        while den[r] > 0:
            quotient = exact_quotient(num, f)
            if quotient is None:
                break
            num, den[r] = quotient, den[r] - 1
        if not den[r]:
            del den[r]
    return num, tuple(sorted(den.items()))


def _add(g: Ground, a: Frac, b: Frac) -> Frac:
    if a[1] == b[1]:
        return _reduced(g, a[0] + b[0], dict(a[1])) if a[1] else (a[0] + b[0], ())
    g.spend(len(a[0]) + len(b[0]))
    left, right = dict(a[1]), dict(b[1])
    num1, num2, den = a[0], b[0], {}
    for r in left.keys() | right.keys():
        k1, k2 = left.get(r, 0), right.get(r, 0)
        den[r] = max(k1, k2)
        num1 = num1 * g.radicals[r] ** (k2 - k1) if k2 > k1 else num1
        num2 = num2 * g.radicals[r] ** (k1 - k2) if k1 > k2 else num2
    return _reduced(g, num1 + num2, den)


def _multiply(g: Ground, key1: Key, a: Frac, key2: Key, b: Frac) -> tuple[Key, Frac]:
    g.spend(len(a[0]) * len(b[0]))
    num = a[0] * b[0]
    den = dict(a[1])
    for r, k in b[1]:
        den[r] = den.get(r, 0) + k
    odd = key1[0]
    if key2[0]:
        both = set(odd) & set(key2[0])
        odd = tuple(sorted(set(odd) ^ set(key2[0])))
        for r in both:
            if den.get(r, 0):
                den[r] -= 1
            else:
                num *= g.radicals[r]
        den = {r: k for r, k in den.items() if k}
    atoms = key1[1]
    if key2[1]:
        powers = dict(atoms)
        for at, n in key2[1]:
            powers[at] = powers.get(at, 0) + n
        atoms = tuple(sorted(powers.items()))
    exponent = key1[2] or key2[2]
    if key1[2] and key2[2]:
        exponent = exponent_number(g.exponents[key1[2]] + g.exponents[key2[2]])
    return (odd, atoms, exponent), _reduced(g, num, den) if den else (num, ())


def zero(g: Ground) -> Element:
    """0."""
    return Element(g, {})


def one(g: Ground) -> Element:
    """1."""
    return Element(g, {_RATIONAL: (g.one, ())})


def number(g: Ground, value: Fraction | int) -> Element:
    """Return a rational number."""
    return Element(g, {_RATIONAL: (g.poly(value), ())} if value else {})


def from_poly(g: Ground, f: Poly) -> Element:
    """Return a polynomial in the generators."""
    return Element(g, {_RATIONAL: (f, ())} if f else {})


def generator(g: Ground, name: str) -> Element:
    """Return a covariance entry, a mean, a param, or π."""
    return from_poly(g, g.gens[g.names.index(name)])


def root(g: Ground, r: int) -> Element:
    """Return the radical √f_r."""
    return Element(g, {((r,), (), 0): (g.one, ())})


def _over(g: Ground, r: int) -> Element:
    return Element(g, {_RATIONAL: _reduced(g, g.one, {r: 1})})


def imaginary_unit(g: Ground) -> Element:
    """i."""
    return root(g, MINUS_ONE)


def pi(g: Ground) -> Element:
    """π."""
    return from_poly(g, g.gens[-1])


def exponent_number(x: Element) -> int:
    """Return the number under which e^x is kept."""
    g = x.ground
    if not x.terms:
        return 0
    if x not in g.exponent_index:
        g.exponent_index[x] = len(g.exponents)
        g.exponents.append(x)
    return g.exponent_index[x]


def exponential(x: Element) -> Element:
    """e^x."""
    return Element(x.ground, {((), (), exponent_number(x)): (x.ground.one, ())})


def atom(g: Ground, kind: str, *args: Element) -> Element:
    """A transcendental value: erf, erfi, asin, sin, cos, sgn2, ...; odd functions lose the sign of their argument."""
    flip = 1
    if kind in ("erf", "erfi", "asin", "sin", "cos") and args[0].leading_sign() < 0:
        flip = 1 if kind == "cos" else -1
        args = (-args[0],)
    what = (kind, *args)
    if what not in g.atom_index:
        g.atom_index[what] = len(g.atoms)
        g.atoms.append(what)
    return Element(g, {((), ((g.atom_index[what], 1),), 0): (g.poly(flip), ())})
