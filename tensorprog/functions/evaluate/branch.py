"""The smooth formula that a piecewise function follows around a point: relu(z) is z near 1 and 0 near -1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import children, rebuild, sub
from tensorprog.terms import App, Num, Term


class Sides(Protocol):
    """What is known of arguments in a region: their sign, and their integer part."""

    def positive(self, u: Term) -> bool | None:
        """Whether u > 0 (true) or u < 0 (false) there but for a set that does not count; None if neither is known."""

    def floor(self, u: Term) -> int | None:
        """Return the integer part of u, where it is the same in the whole region."""


def resolve(t: Term, sides: Sides) -> Term | None:
    """Return the smooth formula that the term follows in a region; None where a boundary may run through it."""
    parts = [resolve(c, sides) if _is_number(c) else c for c in children(t)]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        if isinstance(t, App) and t.head == "where" and parts[0] is not None:
            said = _holds(parts[0], sides.positive)
            return None if said is None else parts[1 if said else 2]
        return None
    t = rebuild(t, tuple(known)) if known else t
    positive = sides.positive

    def pick(u: Term, up: Term, down: Term) -> Term | None:
        side = positive(u)
        return None if side is None else up if side else down

    match t:
        case App("max" | "min" as head, args):
            best: Term | None = args[0]
            for a in args[1:]:
                if best is None:
                    return None
                best = pick(sub(a, best), a, best) if head == "max" else pick(sub(best, a), a, best)
            return best
        case App("where", (condition, yes, no)):
            said = _holds(condition, positive)
            return None if said is None else yes if said else no
        case App("floor", (u,)):
            return None if (n := sides.floor(u)) is None else Num(n)
        case App(head, args) if head in library() and (halves := library()[head].halves) is not None:
            up, down = (library()[head].call(half, args) for half in halves[::-1])
            return pick(args[0], up, down)
        case App(head, args) if head in library() and library()[head].kinked:
            body = library()[head].expand(args)
            return t if body is None else resolve(body, sides)
        case _:
            return t


def _is_number(t: Term) -> bool:
    return not (isinstance(t, App) and t.head in {"lt", "le", "gt", "ge", "eq", "ne", "and"})


def _holds(t: Term, positive: Callable[[Term], bool | None]) -> bool | None:
    match t:
        case App("and", parts):
            said = [_holds(p, positive) for p in parts]
            return False if False in said else None if None in said else True
        case App(head, (left, right)):
            side = positive(sub(left, right))
            if side is None:
                return None
            return {"lt": not side, "le": not side, "gt": side, "ge": side, "eq": False, "ne": True}[head]
    return None
