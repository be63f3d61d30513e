"""Where a term has a value: everywhere, or but for zeros of denominators and of arguments of logarithms."""

from __future__ import annotations

from dataclasses import replace

from tensorprog.functions.evaluate.narrow import narrowed
from tensorprog.functions.named.library import library
from tensorprog.gaussian.behaviour.sizes import Size
from tensorprog.kernel.ground.term import children
from tensorprog.terms import App, Num, Term, Var


def defined(t: Term, size: Size, almost: bool = False) -> bool:
    """Whether the term surely has a value at every point of the box; with `almost`, zeros of denominators set apart.

    >>> from tensorprog.terms import read
    >>> import math
    >>> real = Size(("z",), ((-math.inf, math.inf),))
    >>> [defined(read(t), real, almost=True) for t in ("sqrt(z + 8)", "where(z > 0, sqrt(z), 0)", "log(abs(z))")]
    [False, True, True]
    """

    def of(*terms: Term) -> bool:
        return all(defined(a, size, almost) for a in terms)

    match t:
        case Num() | Var():
            return True
        case App("where", (c, yes, no)):
            said = size.holds(c)
            if said is not None:
                return of(*children(c), yes if said else no)
            sides = (narrowed(size.names, tuple(size.box), c, holds) for holds in (True, False))
            return of(*children(c)) and all(
                defined(a, replace(size, box=box), almost) for a, box in zip((yes, no), sides, strict=True)
            )
        case App("recip", (a,)):
            r = size.range(a)
            return of(a) and (almost or r.positive or r.negative)
        case App("pow", (a, Num(p))):
            r = size.range(a)
            away = p > 0 or almost or r.positive or r.negative
            return of(a) and away and (p.denominator == 1 or r.nonnegative)
        case App("pow", (a, p)):
            return of(a, p) and size.range(a).positive
        case App("sqrt", (a,)):
            return of(a) and size.range(a).nonnegative
        case App("log", (a,)):
            r = size.range(a)
            return of(a) and (r.positive or (almost and r.nonnegative))
        case App("asin", (a,)):
            r = size.range(a)
            return of(a) and r.low is not None and r.high is not None and r.low >= -1 and r.high <= 1
        case App(head, args) if head in library() and not library()[head].total:
            body = library()[head].expand(args)
            return body is not None and of(*args, body)
        case App(_, args):
            return of(*args)
    return False
