"""A term that is written as a polynomial of some variables, over any numbers that add and multiply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import add
from typing import Any, TypeVar

from tensorprog.kernel.ground.term import ONE
from tensorprog.terms import App, Num, Term, Var

C = TypeVar("C")
Exponents = tuple[int, ...]


def name_of(v: Var) -> str:
    """Return the name under which the value of a variable is given: `x`, `x[1,2]`."""
    return v.name + (f"[{','.join(str(s) for s in v.subs)}]" if v.subs else "")


def rational(t: Term) -> Fraction | None:
    """Return a number that is written as one."""
    match t:
        case Num(value):
            return value
        case App("recip", (Num(value),)) if value:
            return 1 / value
    return None


def expanded(
    t: Term, names: Sequence[str], constant: Callable[[Term], C | None], most: int
) -> dict[Exponents, C] | None:
    """The coefficients of a polynomial of at most this degree by its exponents, without zeros; None of what is none.

    `constant` gives the coefficient that a term is, None if it is none.

    >>> from tensorprog.terms import read
    >>> expanded(read("(x + y)*(x - y)/2"), ["x", "y"], rational, 2)
    {(2, 0): Fraction(1, 2), (0, 2): Fraction(-1, 2)}
    """
    parts: list[dict[Exponents, C] | None]
    match t:
        case App("add" | "mul", args):
            parts = [expanded(a, names, constant, most) for a in args]
        case App("neg", (a,)):
            inner = expanded(a, names, constant, most)
            return None if inner is None else {k: -c for k, c in inner.items()}  # type: ignore[operator]
        case App("pow", (a, Num(p))) if p.denominator == 1 and 1 <= p <= most:
            parts = [expanded(a, names, constant, most)] * int(p)
        case _:
            size = range(len(names))
            if isinstance(t, Var) and (name := name_of(t)) in names:
                one = constant(ONE)
                assert one is not None
                return {tuple(int(names[k] == name) for k in size): one}
            c = constant(t)
            return None if c is None else {(0,) * len(names): c} if c else {}
    out = parts[0]
    for part in parts[1:]:
        if out is None or part is None:
            return None
        out = _plus(out, part) if t.head == "add" else _times(out, part, most)
    return out


def _plus(p: dict[Exponents, C], q: dict[Exponents, C]) -> dict[Exponents, C]:
    out: dict[Exponents, Any] = {**p}
    for k, c in q.items():
        out[k] = out[k] + c if k in out else c
    return {k: c for k, c in out.items() if c}


def _times(p: dict[Exponents, C], q: dict[Exponents, C], most: int) -> dict[Exponents, C] | None:
    out: dict[Exponents, Any] = {}
    for j, x in p.items():
        for k, y in q.items():
            e = tuple(map(add, j, k))
            if sum(e) > most:
                return None
            out[e] = out[e] + x * y if e in out else x * y  # type: ignore[operator]
    return {k: c for k, c in out.items() if c}


def affine(
    t: Term, names: Sequence[str], constant: Callable[[Term], C | None], zero: C
) -> tuple[tuple[C, ...], C] | None:
    """(a, c) with t = a·z + c, if t is so written."""
    found = expanded(t, names, constant, 1)
    if found is None:
        return None
    size = range(len(names))
    return tuple(found.get(tuple(int(j == k) for j in size), zero) for k in size), found.get((0,) * len(names), zero)
