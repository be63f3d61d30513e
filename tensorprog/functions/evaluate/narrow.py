"""The part of a box where a condition can hold, or where a product of factors can differ from 0.

Only comparisons that come down to one variable and a number narrow a box: |2z - 1| < 3, z² <= 2, z > 1 and z < 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

from tensorprog.functions.evaluate.directions import linear
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import neg, sub, walk
from tensorprog.terms import App, Num, Term

Box = tuple[tuple[float, float], ...]


def narrowed(names: Sequence[str], box: Box, condition: Term, holds: bool) -> Box:
    """Return the box where a condition holds (or fails), closed; empty where a low end is above a high one.

    >>> from tensorprog.terms import read
    >>> where = read("where(abs(z) < 3, 1, 0)").args[0]
    >>> narrowed(("z",), ((-math.inf, 5.0),), where, True), narrowed(("z",), ((-math.inf, 5.0),), where, False)
    (((-3.0, 3.0),), ((-inf, 5.0),))
    """
    match condition:
        case App("and", parts) if holds:
            for part in parts:
                box = narrowed(names, box, part, True)
        case App("lt" | "le" | "gt" | "ge" as head, (left, right)):
            box = (
                _below(names, box, left, right) if (head in {"lt", "le"}) == holds else _below(names, box, right, left)
            )
        case App("eq", (left, right)) if holds:
            box = _below(names, _below(names, box, left, right), right, left)
        case App("ne", (left, right)) if not holds:
            box = _below(names, _below(names, box, left, right), right, left)
    return box


def _below(names: Sequence[str], box: Box, small: Term, big: Term) -> Box:
    """Return the box where small <= big."""
    match small, big:
        case App("abs", (u,)), _:
            return _below(names, _below(names, box, u, big), neg(u), big)
        case App("pow", (u, Num(p))), Num(value) if p == 2 and value >= 0:
            root = Num(Fraction(math.sqrt(float(value)) * (1 + 2.0**-50)))
            return _below(names, _below(names, box, u, root), neg(u), root)
    if (found := _half_line(tuple(names), small, big)) is None:
        return box
    k, cut, up = found
    low, high = box[k]
    new = (max(low, cut), high) if up else (low, min(high, cut))
    return (*box[:k], new, *box[k + 1 :])


@lru_cache(4096)
def _half_line(names: tuple[str, ...], small: Term, big: Term) -> tuple[int, float, bool] | None:
    """(k, c, up): where small <= big, z_k >= c (up) or z_k <= c; c a float outward of the true place."""
    line = linear(sub(big, small), names)
    if line is None or sum(map(bool, line[0])) != 1:
        return None
    k = next(j for j, slope in enumerate(line[0]) if slope)
    end, up = -line[1] / line[0][k], line[0][k] > 0
    try:
        cut = float(end)
    except OverflowError:
        return None
    if cut != end:  # 0 is exact
        cut = math.nextafter(cut, -math.inf if up else math.inf)
    return k, cut, up


def may_vanish(factors: Iterable[Term]) -> bool:
    """Return whether `support` has anything to look for in a product."""
    for f in factors:
        match f:
            case App("max" | "where"):
                return True
            case App(head, (_,)) if _one_sided(head):
                return True
            case App("mul" | "neg" | "abs" | "sqrt" | "pow", args) if may_vanish(args):
                return True
    return False


def partial(term: Term) -> bool:
    """Return whether a head of the term may have no value somewhere."""

    def somewhere(s: App) -> bool:
        match s:
            case App("pow", (_, Num(p))):
                return p.denominator != 1 or p < 0
            case App("recip" | "pow"):
                return True
        return s.head in library() and not library()[s.head].total

    return any(isinstance(s, App) and somewhere(s) for s in walk(term))


_KEPT = frozenset({"max", "min", "where", "add", "mul", "neg", "abs", "and", "lt", "le", "gt", "ge"})


def vanishing(product: Term) -> tuple[int, ...]:
    """Return which factors of a product, where they are 0 in floating point, are 0, and the other ones finite.

    relu(z) is, and relu(z) e^-z is 0 at -1000, where the other factor overflows; e^z is not, and neither is a product
    with 1/z as its other factor.

    >>> from tensorprog.terms import read
    >>> [vanishing(read(t)) for t in ("relu(z)*exp(-z)", "exp(z)*cosh(z)", "relu(z)*(1/z)")]
    [(0,), (), ()]
    """
    if not isinstance(product, App) or partial(product):
        return ()
    return tuple(
        k
        for k, f in enumerate(product.args)
        if may_vanish((f,)) and all(not isinstance(s, App) or s.head in _KEPT or _one_sided(s.head) for s in walk(f))
    )


def _one_sided(head: str) -> bool:
    """Return whether a named function is 0 for negative arguments: relu, step."""
    return head in library() and library()[head].one_sided


def support(names: Sequence[str], box: Box, factors: Iterable[Term]) -> Box:
    """Return the part of the box outside of which one of the factors is 0.

    >>> from tensorprog.terms import read
    >>> support(("z",), ((-9.0, 9.0),), read("relu(z - 1)^2*where(z < 3, z, 0)").args)
    ((1.0, 3.0),)
    """
    zero = Num(0)
    for f in factors:
        match f:
            case App(head, (u,)) if _one_sided(head):
                box = _below(names, box, zero, u)
            case App("max", (u, Num(value))) | App("max", (Num(value), u)) if value == 0:
                box = _below(names, box, zero, u)
            case App("where", (c, _, Num(value))) if value == 0:
                box = narrowed(names, box, c, True)
            case App("where", (c, Num(value), _)) if value == 0:
                box = narrowed(names, box, c, False)
            case App("mul", args):
                box = support(names, box, args)
            case App("neg" | "abs" | "sqrt", (a,)):
                box = support(names, box, (a,))
            case App("pow", (a, Num(p))) if p > 0:
                box = support(names, box, (a,))
    return box
