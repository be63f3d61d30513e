"""Where an expression jumps, and what it is where the argument of a jump is a known number.

A jump is settled by its argument: sign(g) jumps where g = 0, `where(a < b, x, y)` where a - b = 0, floor(g) where g is
whole. What is continuous nevertheless is no jump: x*sign(x), where(x > 0, x, 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from tensorprog.functions.evaluate.polynomial import simplified
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ZERO, children, mul, rebuild, sub, substitute, variables
from tensorprog.limit.members.parts import affine, is_zero
from tensorprog.terms import App, Num, Term, Var

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})


@dataclass(frozen=True, slots=True)
class Jump:
    """`place` is discontinuous where `gap` is 0, or where it is a whole number."""

    place: Term
    gap: Term
    periodic: bool = False

    @property
    def by_condition(self) -> bool:
        return isinstance(self.place, App) and self.place.head == "where"


@lru_cache(maxsize=4096)
def jumps_of(t: Term) -> tuple[Jump, ...]:
    """Return all jumps of an expression, the innermost first.

    >>> from tensorprog.terms import read, to_text
    >>> [to_text(j.gap) for j in jumps_of(read("where(a > b, 1, 0) + a*sign(a)"))]
    ['a - b']
    """
    return tuple(dict.fromkeys(_found(t)))


def _found(t: Term) -> Iterator[Jump]:
    if isinstance(t, App) and t.head == "mul":
        yield from _in_product(t.args)
        return
    for c in children(t):
        yield from _found(c)
    match t:
        case App("where", (App(head, (a, b)), x, y)) if head in COMPARISONS:
            if not (head in ("lt", "le", "gt", "ge") and _vanishes(sub(x, y), sub(a, b))):
                yield Jump(t, sub(a, b))
        case App(head, args) if head in library() and library()[head].regularity == "jumps":
            own, opened = library()[head].jump, library()[head].expand(args)
            if own is not None:
                yield Jump(t, args[0], bool(own.period))
            elif opened is not None:
                yield from (Jump(t, j.gap, j.periodic) for j in jumps_of(opened))


def _in_product(factors: tuple[Term, ...]) -> Iterator[Jump]:
    """Signs and steps are bounded: where the other factors are continuous and vanish, the product is continuous."""
    bounded = [f for f in factors if _sign_in(f) is not None]
    rest = mul(*(f for f in factors if f not in bounded))
    for f in factors:
        inner = _sign_in(f)
        if inner is None:
            yield from _found(f)
            continue
        yield from _found(inner.args[0])
        if not _vanishes(rest, inner.args[0]):
            yield Jump(inner, inner.args[0])


def _sign_in(f: Term) -> App | None:
    """Return the function of two values, such as a sign or a step, of which f is a power."""
    match f:
        case App("pow", (inner, Num(k))) if k.denominator == 1 and k > 0:
            return _sign_in(inner)
        case App(head) if head in library() and library()[head].constant_between and library()[head].halves is not None:
            return f
        case _:
            return None


def _vanishes(t: Term, gap: Term) -> bool:
    """Return whether t is continuous, and 0 wherever gap = 0. Solved for a variable that is linear in the gap."""
    names = frozenset(variables(gap))
    if not names or jumps_of(t):
        return False

    def below(s: Term) -> frozenset[Var]:
        return frozenset(variables(s)) & names

    for v in sorted(names, key=repr):
        one = affine(gap, frozenset({v}), lambda s, v=v: below(s) & {v})  # type: ignore[misc]
        if one is None or v not in one[0]:
            continue
        c = rational(one[0][v])
        if c:
            root = mul(Num(-1 / c), one[1]) if one[1] != ZERO else ZERO
            return is_zero(_folded(substitute(t, {v: root})))
    return False


def _folded(t: Term) -> Term:
    """Return the same with f(0) = 0 and products with 0 put in."""
    parts = tuple(map(_folded, children(t)))
    match t:
        case App("mul", _) if any(rational(p) == 0 for p in parts):
            return ZERO
        case App(head, _) if head in library() and library()[head].at_zero == 0:
            return ZERO if rational(parts[0]) == 0 or is_zero(parts[0]) else rebuild(t, parts)
    return rebuild(t, parts) if parts else t


def settled(t: Term, known: Mapping[Jump, Fraction]) -> Term:
    """Return the expression with the jumps whose gap is known replaced by what they are there."""
    at = {j.place: c for j, c in known.items()}

    def moved(s: Term) -> Term:
        if s in at:
            c = at[s]
            match s:
                case App("where", (App(head, _), x, y)):
                    return moved(x if _holds(head, c) else y)
                case App(head, args) if library()[head].jump is not None:
                    return simplified(App(head, (Num(c),)))
                case App(head, args) if (opened := library()[head].expand(args)) is not None:
                    return moved(settled(opened, dict.fromkeys(jumps_of(opened), c)))
        parts = children(s)
        return rebuild(s, tuple(map(moved, parts))) if parts else s

    return moved(t)


def _holds(head: str, gap: Fraction) -> bool:
    return {"lt": gap < 0, "le": gap <= 0, "gt": gap > 0, "ge": gap >= 0, "eq": gap == 0, "ne": gap != 0}[head]
