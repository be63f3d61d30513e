"""Derivatives by our own table, valid almost everywhere (off the kinks of a locally Lipschitz function)."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import ONE, ZERO, add, call, mul, neg, power, recip, substitute, variables, walk
from tensorprog.terms import App, Num, Term, Var


class Underivable(Exception):
    """No derivative is known for this term."""


def derivative(t: Term, v: Var) -> Term:
    """d t / d v; terms that are 0 are left out (which can only enlarge the domain).

    >>> from tensorprog.terms import read, to_text
    >>> to_text(derivative(read("x*exp(-x^2)"), Var("x")))
    'exp(-x^2) + x*-(2*x)*exp(-x^2)'
    """
    if v not in variables(t):
        return ZERO
    match t:
        case Var():
            return ONE
        case App("add", args):
            return plus(*(derivative(a, v) for a in args))
        case App("neg", (a,)):
            return negative(derivative(a, v))
        case App("mul", args):
            parts = [times(*args[:k], derivative(a, v), *args[k + 1 :]) for k, a in enumerate(args)]
            return plus(*parts)
        case App("recip", (a,)):
            return times(derivative(a, v), negative(recip(power(a, Num(2)))))
        case App("sqrt", (a,)):
            return times(derivative(a, v), Num(Fraction(1, 2)), recip(t))
        case App("pow", (a, b)):
            return _of_power(a, b, v)
        case App("max" | "min", args) if len(args) > 2:
            return derivative(App(t.head, (App(t.head, args[:-1]), args[-1])), v)
        case App("where", (c, a, b)):
            return App("where", (c, derivative(a, v), derivative(b, v)))
        case App(head, args) if head in library() and not library()[head].derivatives:
            body = library()[head].expand(args)
            if body is None:
                raise Underivable(head)
            return derivative(body, v)
        case App(head, args) if head in library():
            record = library()[head]
            full = args if len(args) == len(record.args) else (*args, *(ONE,) * (len(record.args) - len(args)))
            names: dict[Term, Term] = dict(zip(map(Var, record.args), full, strict=True))
            parts = [
                times(derivative(a, v), substitute(d, names))
                for a, d in zip(full, record.derivatives, strict=True)
                if v in variables(a)
            ]
            return plus(*parts)
    raise Underivable(t)


@lru_cache(2048)
def smooth_derivative(t: Term, v: Var) -> Term | None:
    """dt/dv for enclosures in centred form; None where a head is not known to be differentiable.

    >>> from tensorprog.terms import read
    >>> smooth_derivative(read("x*abs(y)"), Var("x")) is None
    True
    """
    for u in walk(t):
        if not isinstance(u, App | Num | Var) or (
            isinstance(u, App) and u.head in library() and library()[u.head].kinked
        ):
            return None
    try:
        return derivative(t, v)
    except Underivable:
        return None


def _of_power(a: Term, b: Term, v: Var) -> Term:
    if v not in variables(b):
        exponent = Num(b.value - 1) if isinstance(b, Num) else add(b, Num(-1))
        if exponent == Num(0):
            return derivative(a, v)
        below = a if exponent == ONE else power(a, exponent)
        return times(b, below, derivative(a, v))
    inner = mul(b, call("log", a))
    return times(power(a, b), derivative(inner, v))


def plus(*parts: Term) -> Term:
    """Return a sum without zeros."""
    return add(*(p for p in parts if p != ZERO))


def times(*parts: Term) -> Term:
    """Return a product, 0 if a factor is; nested products flattened."""
    if ZERO in parts:
        return ZERO
    flat: list[Term] = []
    for p in parts:
        flat.extend(p.args if isinstance(p, App) and p.head == "mul" else (p,))
    return mul(*flat)


def negative(t: Term) -> Term:
    return ZERO if t == ZERO else neg(t)
