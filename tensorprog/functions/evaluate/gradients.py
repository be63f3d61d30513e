"""Symbolic derivatives of smooth terms, for enclosures in centred form."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import ONE, ZERO, add, mul, neg, recip, sub


def _square(u: Term) -> Term:
    return App("pow", (u, Num(2)))


def _bell(u: Term, over: Term) -> Term:
    """exp(-u² over)."""
    return App("exp", (neg(mul(over, _square(u))),))


_RULES: dict[str, Callable[[Term], Term]] = {
    "exp": lambda u: App("exp", (u,)),
    "log": recip,
    "log1p": lambda u: recip(add(ONE, u)),
    "sqrt": lambda u: recip(mul(Num(2), App("sqrt", (u,)))),
    "sin": lambda u: App("cos", (u,)),
    "cos": lambda u: neg(App("sin", (u,))),
    "sinh": lambda u: App("cosh", (u,)),
    "cosh": lambda u: App("sinh", (u,)),
    "tanh": lambda u: sub(ONE, _square(App("tanh", (u,)))),
    "sigmoid": lambda u: mul(App("sigmoid", (u,)), App("sigmoid", (neg(u),))),
    "softplus": lambda u: App("sigmoid", (u,)),
    "atan": lambda u: recip(add(ONE, _square(u))),
    "erf": lambda u: mul(Num(2), recip(App("sqrt", (App("pi", ()),))), _bell(u, ONE)),
    "Phi": lambda u: mul(recip(App("sqrt", (mul(Num(2), App("pi", ())),))), _bell(u, Num(Fraction(1, 2)))),
    "gelu": lambda u: add(App("Phi", (u,)), mul(u, _RULES["Phi"](u))),
    "silu": lambda u: add(App("sigmoid", (u,)), mul(u, _RULES["sigmoid"](u))),
}


@lru_cache(2048)
def derivative(t: Term, v: Var) -> Term | None:
    """dt/dv; None where no rule is known, as for kinked heads.

    >>> from tensorprog.terms import read, to_text
    >>> to_text(derivative(read("x^2*tanh(y) - x"), Var("x")))
    '(2*x)*tanh(y) - 1'
    """
    match t:
        case Num() | App("pi"):
            return ZERO
        case Var():
            return ONE if t == v else ZERO
        case App("neg", (a,)):
            return _times(Num(-1), derivative(a, v))
        case App("add", args):
            return _sum([derivative(a, v) for a in args])
        case App("mul", args):
            return _sum([_times(derivative(a, v), *args[:k], *args[k + 1 :]) for k, a in enumerate(args)])
        case App("recip", (a,)):
            return _times(Num(-1), recip(_square(a)), derivative(a, v))
        case App("pow", (a, Num(p))):
            outer: Term = ONE if p == 1 else a if p == 2 else App("pow", (a, Num(p - 1)))
            return _times(Num(p), outer, derivative(a, v))
        case App(head, (a,)) if head in _RULES:
            return _times(_RULES[head](a), derivative(a, v))
    return None


def _sum(parts: list[Term | None]) -> Term | None:
    known = [p for p in parts if p is not None]
    kept = [p for p in known if p != ZERO]
    return None if len(known) < len(parts) else add(*kept) if len(kept) > 1 else kept[0] if kept else ZERO


def _times(*factors: Term | None) -> Term | None:
    known = [f for f in factors if f is not None]
    if ZERO in known:
        return ZERO
    kept = [f for f in known if f != ONE]
    return None if len(known) < len(factors) else mul(*kept) if len(kept) > 1 else kept[0] if kept else ONE
