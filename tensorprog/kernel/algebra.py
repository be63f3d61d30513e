"""Exact algebra: Laurent polynomials with rational coefficients in atoms, the normal form in which terms are compared.

An atom is a variable, pi, a function of normal terms, or a sum in a denominator. Two terms with equal normal forms
are equal wherever both are defined.
"""

# fmt: off
from __future__ import annotations

from fractions import Fraction
from functools import reduce

from tensorprog.kernel.functions import DEFINED, Refused, definition, require
from tensorprog.terms import App, Num, Term, Var, to_text
from tensorprog.terms.term import ONE, add, mul, neg, power, recip

Monomial = tuple[tuple[Term, int], ...]
Element = dict[Monomial, Fraction]
MAX_TERMS = 400
MAX_BITS = 10_000
ODD = ("sin", "tanh", "erf", "atan", "softsign", "relu", "abs", "sign", "hardtanh", "selu")

def small(p: Element) -> Element:
    bits = (c.numerator.bit_length() + c.denominator.bit_length() for c in p.values())
    require(max(bits, default=0) <= MAX_BITS, "numbers stay small")
    return p

def plus(*parts: Element) -> Element:
    out: Element = {}
    for m, c in (mc for p in parts for mc in p.items()):
        out[m] = out.get(m, Fraction(0)) + c
    return small({m: c for m, c in out.items() if c})

def scaled(p: Element, c: Fraction | int) -> Element:
    return small({m: c * d for m, d in p.items()} if c else {})

def times(p: Element, q: Element) -> Element:
    """The product: powers of one atom add up, exponentials merge, denominators that cancel are expanded."""
    require(len(p) * len(q) <= MAX_TERMS, "expressions stay small")
    return plus(*(scaled(_monomial(m + k), c * d) for m, c in p.items() for k, d in q.items()))

def _monomial(factors: Monomial) -> Element:
    exponents: dict[Term, int] = {}
    for t, e in factors:
        exponents[t] = exponents.get(t, 0) + e
    out: Element = {(): Fraction(1)}
    rest, inner = list[tuple[Term, int]](), list[Term]()
    for t, e in exponents.items():
        if isinstance(t, App) and t.head == "exp":
            inner.append(mul(Num(e), t.args[0]))
        elif e > 0 and isinstance(t, App) and t.head == "add":
            require(e <= 12, "powers stay small")
            out = reduce(times, [normal(t)] * e, out)
        elif e:
            rest.append((t, e))
    exponent = as_term(normal(add(*inner)))
    rest += [(App("exp", (exponent,)), 1)] if exponent != Num(0) else []
    key = tuple(sorted(rest, key=lambda f: (to_text(f[0]), f[1])))
    return {key: out[()]} if set(out) == {()} else times(out, {key: Fraction(1)}) if key else out

def as_term(p: Element) -> Term:
    """Back to a term, in one fixed order."""
    ordered = sorted(p.items(), key=lambda mc: [(to_text(t), e) for t, e in mc[0]])
    return add(*(mul(Num(c), *(t if e == 1 else power(t, Num(e)) for t, e in m)) for m, c in ordered))

def to_the(p: Element, e: int) -> Element:
    """p^e: whole powers are expanded, monomials split, a sum in a denominator is an atom."""
    require(abs(e) <= 64, "powers stay small")
    if e >= 0:
        return reduce(times, [p] * e, {(): Fraction(1)})
    require(p, "no negative power of 0")
    m, c = next(iter(p.items()))
    if len(p) == 1:
        return scaled(_monomial(tuple((t, k * e) for t, k in m)), c**e)
    return scaled({((as_term(scaled(p, 1 / c)), e),): Fraction(1)}, c**e)

def normal(t: Term) -> Element:
    """The normal form of a term."""
    match t:
        case Num(value):
            return scaled({(): Fraction(1)}, value)
        case Var() | App("pi"):
            return {((t, 1),): Fraction(1)}
        case App("add", args):
            return plus(*map(normal, args))
        case App("mul", args):
            return reduce(times, map(normal, args))
        case App("neg", (a,)):
            return scaled(normal(a), -1)
        case App("recip", (a,)):
            return to_the(normal(a), -1)
        case App("pow", (a, Num(e))) if e.denominator == 1:
            return to_the(normal(a), int(e))
        case App("pow", (a, Num() as e)):
            return {((App("pow", (as_term(normal(a)), e)), 1),): Fraction(1)}
        case App("sigmoid", (a,)):
            return normal(recip(add(ONE, App("exp", (neg(a),)))))
        case App("softplus", (a,)):
            return normal(App("log", (add(ONE, App("exp", (a,))),)))
        case App("softsign", (a,)):
            return normal(mul(a, recip(add(ONE, App("abs", (a,))))))
        case App("exp", (a,)):
            return _monomial(((App("exp", (a,)), 1),))
        case App(head) if head in DEFINED:
            return normal(definition(t))
        case App(head, args) if head not in ("where", "pow"):
            inner = tuple(as_term(normal(a)) for a in args)
            exact = _at_numbers(head, [a.value for a in inner if isinstance(a, Num)], len(inner))
            return {((App(head, inner), 1),): Fraction(1)} if exact is None else normal(Num(exact))
    raise Refused("a term with a normal form")

def _at_numbers(head: str, values: list[Fraction], count: int) -> Fraction | int | None:
    """Exact values: of maxima and minima, and of odd functions at 0."""
    if head in ("max", "min") and len(values) == count:
        return max(values) if head == "max" else min(values)
    return 0 if head in ODD and values == [0] else None

def is_zero(t: Term) -> bool:
    """Whether t is 0 wherever it is defined: denominators are cleared, then nothing is left. Sound, not complete."""
    p = normal(t)
    for _ in range(8):
        least: dict[Term, int] = {}
        for a, e in (f for m in p for f in m):
            if isinstance(a, App) and a.head == "add" and e < 0:
                least[a] = min(least.get(a, e), e)
        clear = tuple((a, -e) for a, e in least.items())
        p = plus(*(scaled(_monomial(m + clear), c) for m, c in p.items())) if clear else p
    return not p
