"""Even and odd functions: under a centred Gaussian an odd function has mean 0, exactly."""

from __future__ import annotations

from tensorprog.program.scaling import rational
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import neg

ODD = frozenset({"tanh", "sin", "tan", "erf", "atan", "asin", "sinh", "softsign", "sign", "hardtanh"})
EVEN = frozenset({"abs", "cos", "cosh", "sinc"})


def parity(t: Term, flipped: frozenset[Var]) -> int | None:
    """-1 if t changes sign with the variables in `flipped`, 1 if it does not change, None if neither is seen."""
    match t:
        case Var():
            return -1 if t in flipped else 1
        case App("neg" | "recip", (a,)):
            return parity(a, flipped)
        case App("mul", args):
            signs = [parity(a, flipped) for a in args]
            return None if None in signs else (-1) ** signs.count(-1)
        case App("pow", (a, Num(k))) if k.denominator == 1:
            s = parity(a, flipped)
            return s if s is None or k % 2 else 1
        case App("clip", (a, low, high)):
            s = parity(a, flipped)
            centred = rational(low) is not None and rational(low) == -(rational(high) or 0)
            return s if s == 1 or (s == -1 and (centred or low == neg(high))) else None
        case App("hermite", (Num(k), a)):
            s = parity(a, flipped)
            return s if s is None or k % 2 else 1
        case App(head, args):
            signs = [parity(a, flipped) for a in args]
            if all(s == 1 for s in signs):
                return 1
            if head == "add" and all(s == -1 for s in signs):
                return -1
            if len(args) == 1 and signs[0] == -1:
                return -1 if head in ODD else 1 if head in EVEN else None
            return None
        case _:
            return 1
