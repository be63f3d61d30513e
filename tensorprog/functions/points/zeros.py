"""The zeros of a function of one variable, where they can be found exactly: all of them, or None."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import normal
from tensorprog.functions.named.library import library
from tensorprog.functions.rules.roots import rational_roots
from tensorprog.kernel.ground.term import add, variables
from tensorprog.terms import App, Num, Term, Var

if TYPE_CHECKING:
    from tensorprog.functions.tails.analyzer import Analyzer


def _only_at_zero(head: str) -> bool:
    return head in library() and library()[head].only_zero


def zeros(rules: Analyzer, u: Term, x: Var) -> list[Fraction] | None:
    """Return all zeros of u, if they are known and rational.

    >>> from tensorprog.functions.tails.analyzer import Analyzer
    >>> from tensorprog.terms import read
    >>> zeros(Analyzer(frozenset("x"), {}), read("(x^2 - 1)*tanh(x)"), Var("x"))
    [Fraction(-1, 1), Fraction(0, 1), Fraction(1, 1)]
    """
    found = _zeros(rules, u, x)
    return None if found is None else sorted(set(found))


def _zeros(rules: Analyzer, u: Term, x: Var) -> list[Fraction] | None:
    info = rules.info(u)
    if info.range.positive or info.range.negative:
        return []
    if x not in variables(u):
        return None
    match u:
        case App("neg", (a,)):
            return _zeros(rules, a, x)
        case App("mul", args):
            parts = [_zeros(rules, a, x) for a in args]
            return None if None in parts else [r for p in parts if p is not None for r in p]
        case App("recip", _):
            return []
        case App("pow", (a, Num(p))) if p > 0:
            return _zeros(rules, a, x)
        case App(head, (a,)) if _only_at_zero(head):
            return _zeros(rules, a, x)
        case App("log", (a,)):
            return _zeros(rules, add(a, Num(-1)), x)
    try:
        form = normal(u)
    except Undecided:
        return None
    roots = rational_roots(form, x)
    return roots if roots is not None else _shifted(rules, u, x)


def _shifted(rules: Analyzer, u: Term, x: Var) -> list[Fraction] | None:
    """f(w) + c with f invertible at -c: |w| - c, exp(w) - 1, and sums c f(w) alike."""
    try:
        form = normal(u)
    except Undecided:
        return None
    rest = form.terms.get((), Fraction(0))
    varying = [(m, c) for m, c in form.terms.items() if m]
    if len(varying) != 1 or len(varying[0][0]) != 1:
        return None
    ((atom, exponent),), c = varying[0]
    level = -rest / c
    if exponent == -1 and level != 0:
        return _zeros(rules, add(atom, Num(-1 / level)), x)
    if exponent != 1 or not isinstance(atom, App):
        return None
    w = atom.args[0]
    if atom.head == "abs":
        if level < 0:
            return []
        both = [_zeros(rules, add(w, Num(-level)), x), _zeros(rules, add(w, Num(level)), x)]
        return None if None in both else [r for b in both if b is not None for r in b]
    if atom.head == "exp":
        return [] if level <= 0 else _zeros(rules, w, x) if level == 1 else None
    if level == 0 and len(atom.args) == 1 and _only_at_zero(atom.head):
        return _zeros(rules, w, x)
    return None
