"""Exact algebra: Laurent polynomials with rational coefficients in atoms, the normal form in which terms are compared.

An atom is a variable, pi, a function of normal terms, a square root, or a sum in a denominator. Two terms with equal
normal forms are equal wherever both are defined. K11, K12, K22 are the entries of a positive definite
covariance; roots of products of what is then positive are split, and reduced by √v √v = v. √-1 is a root like others.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from functools import reduce
from math import isqrt

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import LEMMA, Own
from tensorprog.kernel.core.refused import HALF, METER, Refused, remembered, require
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.core.table import DEFINED, IMAGINARY, definition
from tensorprog.kernel.ground.term import ONE, App, Bind, Num, Term, Var, add, mul, neg, power, recip, size, walk
from tensorprog.kernel.ground.text import to_text

Monomial = tuple[tuple[Term, int], ...]

Element = dict[Monomial, Fraction]

MAX_TERMS = 2000

MAX_BITS = 10_000

NIL: Element = {}

IDENTITY: Element = {(): Fraction(1)}

K11, K12, K22, DET = LEMMA["K11"], LEMMA["K12"], LEMMA["K22"], Own("K11 K22 - K12^2")


ALWAYS = (K11, K22, DET, App("pi"))

ODD = ("asin", "sin", "tanh", "erf", "atan", "softsign", "relu", "abs", "sign", "hardtanh", "selu")


@remembered(1 << 16)
def text(t: Term) -> str:
    out = to_text(t)
    METER.get()(len(out))
    return out


def small(p: Element) -> Element:
    METER.get()(3 + len(p))
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
    return plus(*({n: e * (c * d) for n, e in _monomial(m + k).items()} for m, c in p.items() for k, d in q.items()))


def product(*factors: Element) -> Element:
    return reduce(times, factors, IDENTITY)


def _monomial(factors: Monomial) -> Element:
    METER.get()(8 + len(factors))
    exponents: dict[Term, int] = {}
    for t, e in factors:
        exponents[t] = exponents.get(t, 0) + e
    out = IDENTITY
    rest, inner = list[tuple[Term, int]](), list[Term]()
    for t, e in exponents.items():
        match t:
            case App("exp", (a,)):
                inner += [mul(Num(e), a)] if e else []
            case App("add") if e > 0:
                require(e <= 12, "powers stay small")
                out = product(out, *[normal(t)] * e)
            case App("pow", (a, Num(half))) if half == HALF and e not in (0, 1):
                out = times(out, to_the(normal(a), e // 2))
                rest += [(t, 1)] * (e % 2)
            case _:
                rest += [(t, e)] if e else []
    rest += [f for m in _exponential(together(normal(add(*inner)))) for f in m]
    key = tuple(sorted(rest, key=lambda f: (text(f[0]), f[1])))
    return {key: out[()]} if set(out) == {()} else times(out, {key: Fraction(1)}) if key else out


def _exponential(exponent: Element) -> Element:
    return _one(App("exp", (as_term(exponent),))) if exponent else IDENTITY


def as_term(p: Element) -> Term:
    """Back to a term, in one fixed order."""
    ordered = sorted(p.items(), key=_order)
    return add(*(mul(Num(c), *(t if e == 1 else power(t, Num(e)) for t, e in m)) for m, c in ordered))


def _order(mc: tuple[Monomial, Fraction]) -> list[tuple[str, int]]:
    return [(text(t), e) for t, e in mc[0]]


def to_the(p: Element, e: int) -> Element:
    """p^e: whole powers are expanded; of a negative one, what divides all terms is split off, the sum is an atom."""
    require(abs(e) <= 64, "powers stay small")
    if e >= 0:
        return product(*[p] * e)
    require(p, "no negative power of 0")
    c, m, rest = parts(p)
    below = () if set(rest) == {()} else ((as_term(rest), e),)
    return scaled(_monomial(tuple((t, k * e) for t, k in m) + below), c**e)


def parts(p: Element) -> tuple[Fraction, Monomial, Element]:
    """p = c m q: m has the denominators and what divides all terms, q has leading coefficient 1 and common factors
    with no denominator."""
    least: dict[Term, int] = {}
    for t in {t for m in p for t, _ in m if not (isinstance(t, App) and t.head == "exp")}:
        least[t] = min(dict(m).get(t, 0) for m in p)
    clear = tuple((t, -e) for t, e in least.items() if e)
    p = plus(*(scaled(_monomial(m + clear), c) for m, c in p.items())) if clear else p
    for t, e in least.items():
        while e < 0 and isinstance(t, App) and t.head == "add" and (q := divided(p, normal(t))) is not None:
            p, e = q, e + 1
        least[t] = e
    if any(e < 0 for m in p for _, e in m):
        return Fraction(1), (), p
    lead = min(p.items(), key=_order)[1] if p else Fraction(1)
    return lead, tuple((t, e) for t, e in least.items() if e), scaled(p, 1 / lead)


def together(p: Element) -> Element:
    """p over one denominator, in lowest terms."""
    if not any(e < 0 and isinstance(t, App) and t.head == "add" for m in p for t, e in m):
        return p
    c, m, rest = parts(p)
    return scaled(plus(*(scaled(_monomial(m + k), d) for k, d in rest.items())), c)


def divided(p: Element, d: Element) -> Element | None:
    """p / d if the polynomial d divides p, else None."""
    names = sorted({t for m in (*p, *d) for t, _ in m}, key=text)
    if not all(isinstance(t, Var) or t == App("pi") for m in d for t, _ in m):
        return None

    def powers(m: Monomial) -> tuple[int, ...]:
        return tuple(dict(m).get(t, 0) for t in names)

    out, lead = Element(), max(d, key=powers)
    while p:
        top = max(p, key=powers)
        step = [a - b for a, b in zip(powers(top), powers(lead), strict=True)]
        if min(step, default=0) < 0 or len(out) > 60:
            return None
        q = {tuple((t, e) for t, e in zip(names, step, strict=True) if e): p[top] / d[lead]}
        out, p = plus(out, q), plus(p, scaled(times(q, d), -1))
    return out


def positive(p: Element, assumed: Collection[Term] = ()) -> bool:
    """Whether p > 0 is plain: with K12^2 = K11 K22 - D, p is a sum of products of squares and of what is positive."""

    def sure(t: Term) -> bool:
        if isinstance(t, App) and t.head in ("pow", "add", "asin") and t != IMAGINARY:
            return positive(normal(t if t.head == "add" else t.args[0]), assumed)
        if isinstance(t, App) and t.head in ("exp", "Phi"):
            return all(positive(normal(s.args[0]), assumed) for s in walk(t) if isinstance(s, App) and s.head == "pow")
        return t in ALWAYS or t in assumed

    c, outside, rest = parts(p)
    if not p or not all(sure(t) for t, _ in outside):
        return False
    total, swap = Element(), plus(_one(K11, K22), scaled(_one(DET), -1))
    for m, d in rest.items():
        e = dict(m).get(K12, 0)
        if e % 2:
            return False
        total = plus(total, times({tuple(f for f in m if f[0] != K12): c * d}, to_the(swap, e // 2)))
    signs = all(d > 0 and all(sure(t) or (isinstance(t, Var) and e % 2 == 0) for t, e in m) for m, d in total.items())
    return signs and any(all(sure(t) for t, _ in m) for m in total)


def _one(*atoms: Term) -> Element:
    return {tuple((t, 1) for t in atoms): Fraction(1)}


def root(p: Element) -> Element:
    """√p: square roots of positive factors are split off, the rest is one atom."""
    if not p:
        return {}
    c, m, rest = parts(p)
    if positive(scaled(rest, -1)):
        c, rest = -c, scaled(rest, -1)
    hidden, out = scaled(IDENTITY, 1 if c > 0 else -1), scaled(IDENTITY, Fraction(1, c.denominator))
    whole = abs(c.numerator) * c.denominator
    for t, e in (*m, *(((as_term(rest), 1),) if set(rest) != {()} else ())):
        if t in ALWAYS or (isinstance(t, App) and t.head == "add" and positive(normal(t))):
            out = product(out, to_the(normal(t), e // 2), _one(*[App("pow", (t, Num(HALF)))] * (e % 2)))
        else:
            hidden = times(hidden, to_the(normal(t), e))
    for d in range(2, min(1000, whole + 1)):
        while whole % d == 0:
            square = whole % (d * d) == 0
            whole //= d * d if square else d
            out = times(out, scaled(IDENTITY, d) if square else _one(App("pow", (Num(d), Num(HALF)))))
    r = isqrt(whole)
    out = scaled(out, r) if r * r == whole else times(out, _one(App("pow", (Num(whole), Num(HALF)))))
    return out if hidden == IDENTITY else times(out, _one(App("pow", (as_term(hidden), Num(HALF)))))


def normal(t: Term) -> Element:
    """The normal form of a term."""
    return dict(_normal(t))


@remembered(1 << 14)
def _normal(t: Term) -> Element:
    match t:
        case Num(value):
            return scaled(IDENTITY, value)
        case Var() | Bind() | App("pi"):
            return _one(t)
        case App("add", args):
            return plus(*map(normal, args))
        case App("mul", args):
            return product(*map(normal, args))
        case App("neg", (a,)):
            return scaled(normal(a), -1)
        case App("recip", (a,)):
            return to_the(normal(a), -1)
        case App("pow", (App("mul", a), Num(x) as e)) if x.denominator == 1 or all(positive(normal(b)) for b in a):
            return product(*(normal(power(b, e)) for b in a))
        case App("pow", (a, Num(e))) if e.denominator == 1:
            return to_the(normal(a), int(e))
        case App("pow", (a, Num(e))) if e.denominator == 2:
            return to_the(root(normal(a)), int(2 * e))
        case App("pow", (a, Num() as e)):
            return _one(App("pow", (as_term(normal(a)), e)))
        case App("pow", (a, e)) if not (exponent := normal(e)).keys() - {()}:  # a number, once it is computed
            return normal(power(a, Num(exponent.get((), Fraction(0)))))
        case App("sigmoid", (a,)):
            return normal(recip(add(ONE, App("exp", (neg(a),)))))
        case App("softplus", (a,)):
            return normal(App("log", (add(ONE, App("exp", (a,))),)))
        case App("exp", (a,)):
            return _exponential(together(normal(a)))
        case App(head) if head in (*DEFINED, "softsign"):
            return normal(definition(t))
        case App("Phi2", (_, _, _)):
            return _bivariate(*(together(normal(a)) for a in t.args))
        case App("Phi" | "asin" as head, (a,)) if _leading(p := together(normal(a))) < 0:
            back = normal(App(head, (as_term(scaled(p, -1)),)))
            return plus(IDENTITY if head == "Phi" else NIL, scaled(back, -1))
        case App(head, args) if head != "pow":
            inner = tuple(as_term(together(normal(a))) for a in args)
            exact = _at_numbers(head, [a.value for a in inner if isinstance(a, Num)], len(inner))
            return _one(App(head, inner)) if exact is None else normal(Num(exact))
    raise Refused("a term with a normal form")


def _leading(p: Element) -> Fraction:
    return min(p.items(), key=_order)[1] if p else Fraction(0)


def _bivariate(h: Element, k: Element, r: Element) -> Element:
    """P(X <= h, Y <= k) for correlation r: Phi(h) Phi(k) at r = 0, symmetric, Phi(k) less that of (-h, k, -r)."""
    h, k = sorted((h, k), key=lambda p: text(as_term(scaled(p, -1 if _leading(p) < 0 else 1))))
    one, other = (normal(App("Phi", (as_term(p),))) for p in (h, k))
    if not r:
        return times(one, other)
    if _leading(h) < 0 or (not h and _leading(r) < 0):
        return plus(other, scaled(_bivariate(scaled(h, -1), k, scaled(r, -1)), -1))
    if _leading(k) < 0:
        return plus(one, scaled(_bivariate(h, scaled(k, -1), scaled(r, -1)), -1))
    return _one(App("Phi2", tuple(map(as_term, (h, k, r)))))


def _at_numbers(head: str, values: list[Fraction], count: int) -> Fraction | int | None:
    """Exact values: of maxima, minima and absolute values, of odd functions at 0, and of Phi at 0."""
    if head == "abs" and len(values) == 1:
        return abs(values[0])
    if head in ("max", "min") and len(values) == count:
        return max(values) if head == "max" else min(values)
    return (HALF if head == "Phi" else 0) if head in (*ODD, "Phi") and values == [0] else None


def is_zero(ctx: Context, t: Term) -> bool:
    """Whether t is 0 wherever it is defined."""
    ctx.spend(5000 + 3 * size(t) ** 2)
    return vanishes(normal(t))


def vanishes(p: Element) -> bool:
    """Whether p is 0: denominators are cleared, roots of products split; then nothing is left. Sound, not complete."""
    for _ in range(8):
        least: dict[Term, int] = {}
        for a, e in (f for m in p for f in m):
            if isinstance(a, App) and a.head == "add" and e < 0:
                least[a] = min(least.get(a, e), e)
        clear = tuple((a, -e) for a, e in least.items())
        p = plus(*(scaled(_monomial(m + clear), c) for m, c in p.items())) if clear else p
        if not p or (not clear and (q := _split(p)) == p):
            break
        p = p if clear else q
    return not p


def _split(p: Element) -> Element:
    """p with powers of v w written as powers of v and w, where v has a power in p too."""
    powers = {s for m in p for t, _ in m for s in walk(t) if isinstance(s, App) and s.head == "pow"}
    sums = {s.args[0]: normal(s.args[0]) for s in sorted(powers, key=text) if isinstance(s.args[0], App)}
    for (a, v), (b, w) in ((x, y) for x in sums.items() for y in sums.items() if x != y and 1 < len(y[1]) <= len(x[1])):
        if (q := divided(v, w)) is not None:
            return normal(
                substituted(
                    as_term(p),
                    {
                        power(a, s.args[1]): power(mul(b, as_term(q)), s.args[1])
                        for s in powers
                        if isinstance(s, App) and s.args[0] == a
                    },
                )
            )
    return p
