"""The formulas of a function in pieces: relu(a) is a or 0, max(a, b) one of both, where(c, a, b) too."""

from __future__ import annotations

from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import rebuild, walk
from tensorprog.terms import App, Term

MOST = 64
"""Formulas of one function that are looked at."""


def formulas(t: Term, left: int = MOST) -> list[Term] | None:
    """The term with each function in pieces replaced by one of its pieces, in every way; None where these are too many.

    >>> from tensorprog.terms import read, to_text
    >>> [to_text(f) for f in formulas(read("max(relu(a), b)"))]
    ['a', 'b', '0', 'b']
    """
    for s in walk(t):
        if isinstance(s, App) and (choices := _choices(s)) is not None:
            if any(isinstance(r, App) and _choices(r) is not None for a in _read(s) for r in walk(a)):
                continue
            if left < len(choices):
                return None
            each = [formulas(_replaced(t, s, c), left // len(choices)) for c in choices]
            return None if any(e is None for e in each) else [f for e in each if e is not None for f in e]
    return [t]


def _read(s: App) -> tuple[Term, ...]:
    """Return the arguments whose pieces are pieces of the value."""
    return s.args[1:] if s.head == "where" else s.args


def _choices(s: App) -> list[Term] | None:
    """Return the formulas of the pieces of a function in pieces."""
    match s:
        case App("max" | "min", args):
            return list(args)
        case App("where", (_, x, y)):
            return [x, y]
        case App(head, args) if head in library() and library()[head].analytic is None:
            record = library()[head]
            if record.halves is not None:
                return [record.call(half, args) for half in record.halves[::-1]]
            body = record.expand(args)
            return None if body is None else [body]
    return None


def _replaced(t: Term, old: Term, new: Term) -> Term:
    if t == old:
        return new
    if not isinstance(t, App):
        return t
    return rebuild(t, tuple(_replaced(a, old, new) for a in t.args))
