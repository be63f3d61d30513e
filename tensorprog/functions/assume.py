"""Assumptions on params from text: `C > 0, a in (0, 1), p >= 1`."""

from __future__ import annotations

import re
from fractions import Fraction

from tensorprog.errors import fail
from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import normal
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Term, Var, read

_IN = re.compile(r"\s*([^\W\d]\w*)\s+in\s*([\[(])([^,]*),([^,]*)([\])])\s*\Z")


def read_assumptions(text: str) -> dict[str, Interval]:
    """The interval of every param named in a list of comparisons with constants, separated by commas or semicolons.

    >>> {name: str(interval) for name, interval in read_assumptions("C > 0, a in (0, 1), 2 >= p").items()}
    {'C': '(0, oo)', 'a': '(0, 1)', 'p': '(-oo, 2]'}
    """
    out: dict[str, Interval] = {}
    for part in _split(text):
        name, interval = _one(part)
        out[name] = meet(name, out.get(name, REALS), interval)
    return out


def _split(text: str) -> list[str]:
    """At commas and semicolons outside brackets; `and` separates too."""
    parts, depth, start = [], 0, 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c in ",;" and depth == 0:
            parts.append(text[start:k])
            start = k + 1
    parts.append(text[start:])
    return [q for p in parts for q in re.split(r"\band\b", p) if q.strip()]


def _one(text: str) -> tuple[str, Interval]:
    found = _IN.match(text)
    if found:
        name, opening, low, high, closing = found.groups()
        return name, _interval(name, _number(read(low)), _number(read(high)), opening == "[", closing == "]")
    match read(text):
        case App(head, (Var(name, ()), bound)) if head in ("lt", "le", "gt", "ge"):
            return name, _half(head, _number(bound))
        case App(head, (bound, Var(name, ()))) if head in ("lt", "le", "gt", "ge"):
            return name, _half({"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}[head], _number(bound))
    raise fail("TP001", f"{text.strip()} is not an assumption", help="write C > 0, or a in (0, 1)")


def _half(head: str, bound: Fraction) -> Interval:
    if head in ("gt", "ge"):
        return Interval(bound, None, head == "ge")
    return Interval(None, bound, False, head == "le")


def _number(t: Term) -> Fraction:
    try:
        value = normal(t).constant()
    except Undecided:
        value = None
    if value is None:
        raise fail("TP001", "the bound of an assumption is a rational number", getattr(t, "place", None))
    return value


def _interval(name: str, low: Fraction, high: Fraction, low_closed: bool, high_closed: bool) -> Interval:
    try:
        return Interval(low, high, low_closed, high_closed)
    except ValueError:
        raise fail("TP017", f"no number {name} fits the assumptions") from None


def meet(name: str, a: Interval, b: Interval) -> Interval:
    """Both assumptions on a param at once; TP017 where no number satisfies them."""
    low, low_closed = max(((i.low, not i.low_closed) for i in (a, b) if i.low is not None), default=(None, True))
    high, high_closed = min(((i.high, i.high_closed) for i in (a, b) if i.high is not None), default=(None, False))
    try:
        return Interval(low, high, low is not None and not low_closed, high is not None and high_closed)
    except ValueError:
        raise fail("TP017", f"no number {name} fits the assumptions") from None
