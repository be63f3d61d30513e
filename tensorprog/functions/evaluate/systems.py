"""A term in any system of numbers: the system says what numbers, powers and a few functions are, definitions the rest.

The systems are in `functions/named`: doubles with a bound on the error of each entry (`rounded_forms`), and
complex arrays (`numpy_forms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

from tensorprog.functions.named.library import library
from tensorprog.functions.named.system import HALF, NotComputed, System
from tensorprog.terms import App, Num, Term, Var

R = TypeVar("R")


def evaluate(t: Term, z: Mapping[str, R], system: System[R], memo: dict[Term, R] | None = None) -> R:
    """Return the term at numbers for its variables; raises NotComputed.

    >>> import math
    >>> from tensorprog.functions.named.rounded_forms import ROUNDED, Rounded
    >>> from tensorprog.terms import read
    >>> y = evaluate(read("exp(x)^2 - 1"), {"x": Rounded(0.5, 0.0)}, ROUNDED)
    >>> bool(abs(y.value - math.expm1(1)) <= y.error < 1e-13)
    True
    """
    memo = {} if memo is None else memo
    if t not in memo:
        memo[t] = _evaluate(t, z, system, memo)
    return memo[t]


def _evaluate(t: Term, z: Mapping[str, R], system: System[R], memo: dict[Term, R]) -> R:
    def of(a: Term) -> R:
        return evaluate(a, z, system, memo)

    match t:
        case Num(value):
            return system.number(value)
        case Var(name, ()) if name in z:
            return z[name]
        case App("pi"):
            return system.pi
        case App("add" | "mul" as head, args):
            out = of(args[0])
            for a in args[1:]:
                out = out + of(a) if head == "add" else out * of(a)  # type: ignore[operator]
            return out
        case App("neg", (a,)):
            return -of(a)  # type: ignore[operator,no-any-return]
        case App("recip", (Num(value),)) if value:
            return system.number(1 / value)
        case App("recip", (a,)):
            return system.power(of(a), Fraction(-1))
        case App("sqrt", (a,)):
            return system.power(of(a), HALF)
        case App("pow", (a, Num(p))):
            return system.power(of(a), p)
        case App("pow", (a, p)) if {"exp", "log"} <= system.named.keys():
            return system.named["exp"](of(p) * system.named["log"](of(a)))  # type: ignore[operator]
        case App("hermite", (Num(k), a)):
            return _hermite(int(k), of(a), system)
        case App(head, (a,)) if head in system.named:
            return system.named[head](of(a))
        case App(head, args) if head in library() and (body := library()[head].expand(args)) is not None:
            return of(body)
    raise NotComputed(t)


def _hermite(k: int, u: R, system: System[R]) -> R:
    """He_k(u)/√(k!) by √(j+1) h_{j+1} = u h_j - √j h_{j-1}."""
    before, now = system.number(Fraction(0)), system.number(Fraction(1))
    for j in range(k):
        root, over = (system.power(system.number(Fraction(*q)), HALF) for q in ((j, 1), (1, j + 1)))
        before, now = now, (u * now + -(root * before)) * over  # type: ignore[operator]
    return now
