"""Terms that are positive wherever they are defined, by their form alone: whatever their variables are."""

from __future__ import annotations

from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.scaling import rational
from tensorprog.terms import App, Bind, Num, Term


def is_positive(t: Term, strict: bool = True) -> bool:
    """Return whether the term is positive, or without `strict` at least 0, wherever it is defined.

    >>> from tensorprog.terms import read
    >>> is_positive(read("x^2 + 1/2")), is_positive(read("x*x")), is_positive(read("x*x"), strict=False)
    (True, False, True)
    """
    if (value := rational(t)) is not None:
        return value > 0 or (value == 0 and not strict)
    match t:
        case App("softmax" | "pi") | Bind("softmax", mask=None):
            return True
        case Bind("softmax"):
            return not strict
        case App("pow", (_, Num(e))) if not strict and e.denominator == 1 and e % 2 == 0:
            return True
        case App("sqrt", (a,)) if strict:
            return is_positive(a)
        case App("pow", (a, _)) | Bind("sum" | "max" | "min", (a,)):
            return is_positive(a, strict)
        case App("recip", (a,)):
            return is_positive(a, strict=False)
        case App("add", args):
            return all(is_positive(a, strict=False) for a in args) and (not strict or any(map(is_positive, args)))
        case App("max", args):
            return any(is_positive(a, strict) for a in args)
        case App("min", args):
            return all(is_positive(a, strict) for a in args)
        case App("mul", args):
            odd = [a for a in dict.fromkeys(args) if strict or args.count(a) % 2]
            return all(is_positive(a, strict) for a in odd)
        case App(head) if head in library():
            return library()[head].range.positive if strict else library()[head].range.nonnegative
    return False
