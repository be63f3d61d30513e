"""Whether the places where a function jumps have measure zero.

The cells of `adaptive` take the places of jumps for thin sets, whose values do not count. A gap can vanish on a region,
though: floor(a) b on the strip 0 <= a < 1, relu(a) for a < 0, sqrt(a^2) - a for a > 0. A gap is made of pieces, each
analytic on a connected domain; where such a piece is not 0 at one point, its zeros have measure zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, lower, upper
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.functions.evaluate.formulas import formulas
from tensorprog.functions.named.library import library, opened
from tensorprog.gaussian.behaviour.sizes import Size
from tensorprog.kernel.ground.term import mul, sub, variables, walk
from tensorprog.terms import App, Num, Term

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})

POINTS = ((Fraction(3, 7), Fraction(-5, 11)), (Fraction(-17, 13), Fraction(9, 8)), (Fraction(29, 12), Fraction(1, 19)))
"""The k-th variable is p + k q."""


def thin(term: Term) -> bool:
    """Return whether every jump of the function is proved to be reached on a set of measure zero only.

    >>> from tensorprog.terms import read
    >>> [thin(read(t)) for t in ("sign(floor(a)*b)", "where(abs(a) < 1, acos(a), 0)", "step(relu(a))", "floor(a + b)")]
    [False, True, False, True]
    """
    return all(_is_thin(formulas(gap), periodic) for gap, periodic in _gaps(term))


def _is_thin(pieces: list[Term] | None, periodic: bool) -> bool:
    return pieces is not None and all(_is_analytic(p) and _not_reached(p, periodic) for p in pieces)


def _gaps(term: Term) -> Iterator[tuple[Term, bool]]:
    """Yield what vanishes, or is an integer, where a subterm jumps."""
    for s in walk(opened(term, lambda record: record.regularity != "jumps" or bool(record.breaks))):
        match s:
            case App(head, (a, b)) if head in COMPARISONS:
                yield sub(a, b), False
            case App(head, (a, *_)) if head in library():
                for place in library()[head].breaks:
                    if place.kind == "jump":
                        gap = sub(a, Num(Fraction(place.at))) if place.at else a
                        yield mul(gap, Num(1 / Fraction(place.period or 1))), bool(place.period)


def _is_analytic(piece: Term) -> bool:
    parts = [s for s in walk(piece) if isinstance(s, App)]
    return all(_is_meromorphic(s) for s in parts) or all(_is_real_analytic(s) or _tame(s) for s in parts)


# A composition of functions that are analytic near the whole real line is one formula on all of R^k, and one of
# meromorphic functions is one on a connected complex domain. Mixed, neither holds: atan(1/a) + atan(a) is pi/2 for
# a > 0 and -pi/2 for a < 0.
def _is_meromorphic(s: App) -> bool:
    if s.head == "pow":
        return isinstance(s.args[1], Num) and s.args[1].value.denominator == 1
    record = library().get(s.head)
    return s.head in ("add", "mul", "neg", "recip", "pi") or (record is not None and record.meromorphic)


def _is_real_analytic(s: App) -> bool:
    if s.head == "pow":
        return _is_meromorphic(s) and isinstance(s.args[1], Num) and s.args[1].value > 0
    return s.head in ("add", "mul", "neg", "pi") or (s.head in library() and library()[s.head].real_analytic)


def _tame(s: App) -> bool:
    """Return whether it is a root, a logarithm or a quotient of what is positive everywhere."""
    match s:
        case App("pow", (a, Num())) | App("sqrt" | "log" | "recip", (a,)):
            names = tuple(map(name_of, variables(a)))
            return Size(names, ((-math.inf, math.inf),) * len(names)).range(a).positive
        case _:
            return False


def _not_reached(piece: Term, periodic: bool) -> bool:
    """Return whether an analytic piece is not constantly 0 (periodic: not constantly an integer)."""
    seen = []
    names = sorted(variables(piece), key=repr)
    for p, q in POINTS:
        try:
            value = evaluate(piece, {v: p + k * q for k, v in enumerate(names)})
        except (Undefined, Undecided, ArithmeticError, OverflowError):
            continue
        low, high = lower(value), upper(value)
        if low is None or high is None:
            continue
        if not periodic and (low > 0 or high < 0):
            return True
        seen.append((low, high))
    if not periodic:
        return False
    if any(high < a or b < low for k, (low, high) in enumerate(seen) for a, b in seen[:k]):
        return True
    return not names and any(low > low // 1 and high < low // 1 + 1 for low, high in seen)
