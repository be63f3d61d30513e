"""Assumptions on params, written as text, as an interval, or as a pair of ends: one reader for every door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tensorprog.errors import TensorProgError, fail
from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import normal
from tensorprog.kernel.ground.nodes import Param
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Term, Var, read

Assumption = Interval | Param | str | tuple[Any, Any] | None
"""An `Interval`, a declared param, a relation such as "> 0" or "in [0, 1]", a pair of open ends, or nothing."""

_IN = re.compile(r"\s*([^\W\d]\w*)\s+in\s*([\[(])([^,]*),([^,]*)([\])])\s*\Z")
_FLIPPED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


def assumptions_of(given: Mapping[str, Assumption] | str | Sequence[str] | None, *exprs: Any) -> dict[str, Interval]:
    """Return the interval of each param that `given` names, met with what sympy symbols in `exprs` are assumed to be.

    Text is a list of comparisons with constants, separated by commas, semicolons or `and`; a mapping has relations
    without the name.

    >>> {name: str(i) for name, i in assumptions_of("C > 0, a in [0, 1); 2 >= p").items()}
    {'C': '(0, oo)', 'a': '[0, 1)', 'p': '(-oo, 2]'}
    >>> {name: str(i) for name, i in assumptions_of({"C": "> 0", "a": "in [0, 1)", "p": (None, 2)}).items()}
    {'C': '(0, oo)', 'a': '[0, 1)', 'p': '(-oo, 2)'}
    """
    known = _each(given or "")
    if exprs:
        from tensorprog.functions.evaluate.sympy_bridge import symbol_assumptions

        known += _each(symbol_assumptions(*exprs))
    out: dict[str, Interval] = {}
    for name, interval in known:
        out[name] = meet(name, out.get(name, REALS), interval)
    return out


def intervals(params: Iterable[Param]) -> dict[str, Interval]:
    """Return the interval in which a program declares each of its params."""
    return {p.name: _of(p.name, p) for p in params}


def _each(given: Mapping[str, Assumption] | str | Sequence[str]) -> list[tuple[str, Interval]]:
    if isinstance(given, Mapping):
        return [(name, _of(name, x)) for name, x in given.items()]
    texts: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise fail("TP001", f"{given!r:.60} is not text of assumptions", help='write "C > 0", or {"C": "> 0"}')
    return [_one(part) for text in texts for part in _split(text)]


def _of(name: str, x: Assumption) -> Interval:
    match x:
        case None:
            return REALS
        case Interval():
            return x
        case Param():
            return Interval(x.low, x.high, not x.low_open, not x.high_open)
        case str():
            return _one(f"x {x}")[1]
        case (low, high):
            return _interval(name, _end(low, "-oo"), _end(high, "oo"))
    raise fail("TP001", f"{x!r:.60} is not an assumption", help='write "> 0", ">= 1", "< 2" or "in [0, 1)"')


def _split(text: str) -> list[str]:
    """Split at commas and semicolons outside brackets, and at `and`."""
    parts, depth, start = [], 0, 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c in ",;" and depth == 0:
            parts.append(text[start:k])
            start = k + 1
    parts.append(text[start:])
    return [q for p in parts for q in re.split(r"\band\b", p) if q.strip()]


def _one(text: str) -> tuple[str, Interval]:
    if found := _IN.match(text):
        name, opening, low, high, closing = found.groups()
        return name, _interval(name, _end(low, "-oo"), _end(high, "oo"), opening == "[", closing == "]")
    match read(text):
        case App(head, (Var(name, ()), bound)) if head in _FLIPPED:
            return name, _half(head, _number(bound))
        case App(head, (bound, Var(name, ()))) if head in _FLIPPED:
            return name, _half(_FLIPPED[head], _number(bound))
    raise fail("TP001", f"{text.strip()} is not an assumption", help="write C > 0, or a in (0, 1)")


def _half(head: str, bound: Fraction) -> Interval:
    if head in ("gt", "ge"):
        return Interval(bound, None, head == "ge")
    return Interval(None, bound, False, head == "le")


def _end(x: Any, infinite: str) -> Fraction | None:
    """Read an end of an interval; None is infinite, and so is -oo on the left, oo on the right."""
    text = infinite if x is None else str(x).strip()
    return None if text == infinite else _number(read(text))


def _number(t: Term) -> Fraction:
    try:
        value = normal(t).constant()
    except Undecided:
        value = None
    if value is None:
        raise fail("TP001", "the bound of an assumption is a rational number", getattr(t, "place", None))
    return value


def _interval(
    name: str, low: Fraction | None, high: Fraction | None, low_closed: bool = False, high_closed: bool = False
) -> Interval:
    try:
        return Interval(low, high, low is not None and low_closed, high is not None and high_closed)
    except ValueError:
        raise _none_fits(name) from None


def _none_fits(name: str) -> TensorProgError:
    return fail("TP017", f"no number {name} fits the assumptions")


def meet(name: str, a: Interval, b: Interval) -> Interval:
    """Return the numbers that fit both assumptions on a param; TP017 where there are none."""
    try:
        return a.meet(b)
    except ValueError:
        raise _none_fits(name) from None
