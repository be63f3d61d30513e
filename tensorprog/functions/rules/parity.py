"""Even and odd functions of some variables."""

from __future__ import annotations

from collections.abc import Collection

from tensorprog.functions.evaluate.polynomial import is_zero
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import add, walk
from tensorprog.terms import App, Bind, Num, Term, Var


def parity(t: Term, flipped: Collection[Var], positive: Collection[str] = ()) -> int | None:
    """-1 if t changes sign with the variables in `flipped`, 1 if it does not change, None if neither is seen.

    `positive` are names of constants that are >= 0: clip(x, -t, t) is odd for t >= 0, and the constant t for t < 0.

    >>> from tensorprog.terms import read
    >>> parity(read("x*cos(y)"), {Var("x"), Var("y")}), parity(read("tanh(x)^2 + 1"), {Var("x")})
    (-1, 1)
    """
    match t:
        case Num():
            return 1
        case Var():
            return -1 if t in flipped else 1
        case Bind(head, args):
            if not any(v in flipped for v in walk(t)):
                return 1
            inner = parity(args[0], flipped, positive)
            return inner if inner == 1 or (head == "sum" and len(args) == 1) else None
        case App("neg" | "recip", (a,)):
            return parity(a, flipped, positive)
        case App("mul", args):
            signs = [parity(a, flipped, positive) for a in args]
            return None if None in signs else (-1) ** signs.count(-1)
        case App("pow", (a, Num(k))) if k.denominator == 1:
            s = parity(a, flipped, positive)
            return s if s is None or k % 2 else 1
        case App("min", (App("max", (a, low)), high)):
            s = parity(a, flipped, positive)
            fixed = parity(low, flipped, positive) == parity(high, flipped, positive) == 1
            ordered = (isinstance(high, Num) and high.value >= 0) or (isinstance(high, Var) and high.name in positive)
            return s if fixed and (s == 1 or (s == -1 and ordered and is_zero(add(low, high)))) else None
        case App("hermite", (Num(k), a)):
            s = parity(a, flipped, positive)
            return s if s is None or k % 2 else 1
        case App(head, args):
            signs = [parity(a, flipped, positive) for a in args]
            if all(s == 1 for s in signs):
                return 1
            if head == "add" and all(s == -1 for s in signs):
                return -1
            if len(args) == 1 and signs[0] == -1:
                record = library().get(head)
                known = None if record is None else record.parity
                opened = record.expand(args) if record is not None and known is None else None
                return parity(opened, flipped, positive) if opened is not None else known
            return None
