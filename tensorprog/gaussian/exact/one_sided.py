"""Signs back into indicators: fewer terms, and no cancellation between large exponentials.

The engine speaks of E sg sg = S and E sg = erf; the same sums are shorter in P(w1 > 0, w2 > 0) and erfc. For σ, τ = ±1

    S(h, k; r) = στ (4 Φ2(σh, τk; στr) - 1) - τ erf(h/√2) - σ erf(k/√2),     erf(x) = σ (1 - erfc(σx)),

and of the four or two ways to write a group of terms with one exponential the one that leaves least is taken.
"""

from __future__ import annotations

from itertools import product

from tensorprog.gaussian.exact.base_cases import error_function, repr_key
from tensorprog.gaussian.exact.element import Element, Key, atom, exponential, number, zero

Atoms = tuple[tuple[int, int], ...]
MAX_ERRORS = 6


def one_sided(x: Element) -> Element:
    """Return an equal element, written with Φ2 and erfc where that is shorter."""
    groups: dict[int, dict[Atoms, Element]] = {}
    for (odd, atoms, exponent), fraction in x.terms.items():
        key: Key = (odd, (), 0)
        group = groups.setdefault(exponent, {})
        group[atoms] = group.get(atoms, zero(x.ground)) + Element(x.ground, {key: fraction})
    out = zero(x.ground)
    for exponent, group in groups.items():
        extra = _quadrants(x, group)
        if exponent:
            extra = extra + _tails(x, group)
        for atoms, c in group.items():
            extra = extra + c * Element(x.ground, {((), atoms, 0): (x.ground.one, ())})
        out = out + (extra * exponential(x.ground.exponents[exponent]) if exponent else extra)
    return out


def _cost(*parts: Element) -> int:
    return sum(len(num) for p in parts for num, _ in p.terms.values())


def _the_atom(x: Element) -> Atoms:
    return next(iter(x.terms))[1]


def _quadrants(x: Element, group: dict[Atoms, Element]) -> Element:
    """Take the S out of a group, as Φ2; its other terms change with it."""
    g, out = x.ground, zero(x.ground)
    half = number(g, 2).sqrt().inverse()
    for atoms in list(group):
        if len(atoms) != 1 or atoms[0][1] != 1 or g.atoms[atoms[0][0]][0] != "sgn2":
            continue
        _, h, k, r = g.atoms[atoms[0][0]]
        if not h or not k:
            continue
        left, right = (_the_atom(error_function(y * half)) for y in (h, k))
        if h == k and left not in group:
            continue
        c = group.pop(atoms)
        best: tuple[int, dict[Atoms, Element], Element] | None = None
        for s, t in product((1, -1), repeat=2):
            new = dict(group)
            for at, sign in ((left, t), (right, s), ((), s * t)):
                new[at] = new.get(at, zero(g)) - c.scale(sign)
            cost = _cost(*new.values())
            if best is None or cost < best[0]:
                sides = sorted((h.scale(s), k.scale(t)), key=repr_key, reverse=True)
                best = cost, new, c.scale(4 * s * t) * atom(g, "Phi2", *sides, r.scale(s * t))
        assert best is not None
        group.clear()
        group.update({at: e for at, e in best[1].items() if e})
        out = out + best[2]
    return out


def _tails(x: Element, group: dict[Atoms, Element]) -> Element:
    """Write the error functions of a group with erfc if then no constant is left."""
    g = x.ground
    errors = [a for a in group if len(a) == 1 and a[0][1] == 1 and g.atoms[a[0][0]][0] == "erf"]
    if () not in group or not errors or len(errors) > MAX_ERRORS:
        return zero(g)
    for signs in product((1, -1, 0), repeat=len(errors)):
        left = group[()]
        for a, s in zip(errors, signs, strict=True):
            left = left + group[a].scale(s)
        if not left:
            del group[()]
            out = zero(g)
            for a, s in zip(errors, signs, strict=True):
                if s:
                    c = group.pop(a)
                    out = out - c.scale(s) * atom(g, "erfc", g.atoms[a[0][0]][1].scale(s))
            return out
    return zero(g)
