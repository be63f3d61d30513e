"""Tails of terms along curves x(t), t -> oo: what refutes a property, and how fast a function of one variable grows.

A tail says u = (c + o(1)) exp(E), c not 0, or, without c, |u| <= C exp(E). E is a sum of t^p (key p > 0), of log t
(key 0) and log log t (key -1) with constant coefficients. All of it is computed from the term.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from math import ceil, floor

from tensorprog.kernel.core.context import MAPS, Context
from tensorprog.kernel.core.names import T
from tensorprog.kernel.core.rates import Rate
from tensorprog.kernel.core.refused import F1, NIL, ZERO, Refused, require
from tensorprog.kernel.core.statements import Fact, Premises, Statement
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.core.table import ENDS, EXPANDED, LIBRARY
from tensorprog.kernel.core.table import definition as expanded
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ONE, App, Num, Term, Var, add, mul, neg, power, recip, size, variables
from tensorprog.kernel.limits.algebra import as_term, is_zero, normal
from tensorprog.kernel.verdict.constants import number
from tensorprog.kernel.verdict.facts import facts
from tensorprog.kernel.verdict.rates import settle

LOG, LOGLOG = ZERO, -F1


class Undefined(Refused):
    """The term has no value, however late."""


@dataclass(frozen=True)
class Tail:
    """(c + o(1)) exp(E); see the module."""

    c: Term | None
    e: tuple[tuple[Fraction, Term], ...] = ()


def powers(t: Term) -> dict[Fraction, Term] | None:
    """The term as a sum of powers of t with constant coefficients, if it is one."""
    out: dict[Fraction, Term] = {}
    for m, c in normal(t).items():
        p, rest = sum(e for f, e in m if f == T), tuple(f for f in m if f[0] != T)
        if any(T in variables(f) for f, _ in rest):
            return None
        out[Fraction(p)] = add(out.get(Fraction(p), NIL), as_term({rest: c}))
    return out


class Path:
    """Terms in t; `whole`: t runs through whole numbers only."""

    def __init__(self, ctx: Context, whole: bool) -> None:
        self.ctx, self.whole = ctx, whole

    def constant(self, c: Term) -> int:
        """The sign of a constant; 0 if it is not known."""
        info = number(self.ctx, c)
        return (info.plus - info.minus) * info.nonzero

    def made(self, c: Term | None, *parts: tuple[Fraction, Term]) -> Tail:
        e: dict[Fraction, Term] = {}
        for k, x in parts:
            e[k] = as_term(normal(add(e.get(k, NIL), x)))
        c = None if c is None else as_term(normal(c))
        known = c is not None and self.constant(c)
        return Tail(c if known else None, tuple(sorted((f for f in e.items() if f[1] != NIL), reverse=True)))

    def rises(self, s: Tail) -> int:
        """1 if exp(E) tends to oo, -1 if to 0, 0 if it is 1."""
        sign = self.constant(s.e[0][1]) if s.e else 0
        require(sign or not s.e, "the sign of the exponent is known")
        return sign

    def limit(self, s: Tail) -> Term | None:
        """The limit, if it is finite and known."""
        d = self.rises(s)
        return NIL if d < 0 else s.c if d == 0 else None

    def product(self, s: Tail, t: Tail) -> Tail:
        return self.made(None if s.c is None or t.c is None else mul(s.c, t.c), *s.e, *t.e)

    def raised(self, s: Tail, p: Fraction) -> Tail:
        require(s.c is not None or p > 0, "a power of what may vanish is positive")
        c = None if s.c is None else recip(s.c) if p == -1 else power(s.c, Num(p))
        return self.made(c, *((k, mul(Num(p), x)) for k, x in s.e))

    def total(self, tails: list[Tail]) -> Tail:
        """The sum: those of the largest scale."""
        top: list[Tail] = []
        for s in tails:
            d = self.rises(self.made(None, *s.e, *((k, neg(x)) for k, x in top[0].e))) if top else 1
            top = [s] if d > 0 else [*top, s] if d == 0 else top
        known = [s.c for s in top if s.c is not None]
        return self.made(add(*known) if len(known) == len(top) else None, *top[0].e)

    def sign(self, t: Term) -> int | None:
        """The sign of the term, late enough."""
        p = normal(t)
        c = self.tail(as_term(p)).c if p else NIL
        return self.constant(c) if c is not None else 0 if is_zero(self.ctx, t) else None

    def late(self, t: Term) -> Term:
        """An equal term, late enough: conditions, maxima, signs decided. Undefined, if it certainly has no value."""
        self.ctx.spend(100 + 10 * size(t))
        match t:
            case App("where", (App("lt" | "le" | "gt" | "ge" as head, (left, right)), yes, no)):
                s = self.sign(add(self.late(left), neg(self.late(right))))
                require(s is not None, "the comparison is decided")
                return self.late(yes if s in {"lt": (-1,), "le": (-1, 0), "gt": (1,), "ge": (1, 0)}[head] else no)
            case App(head, args) if head != "where":
                return self._decided(head, [self.late(a) for a in args])
            case Num() | Var():
                return t
        raise Refused("a term with a tail")

    def _decided(self, head: str, args: list[Term]) -> Term:
        t, u = App(head, tuple(args)), args[0] if args else NIL
        if head in EXPANDED:
            return self.late(expanded(t))
        if head in ("max", "min"):
            return reduce(lambda x, y: self._larger(head, x, y), args)
        if head in ("sin", "cos"):
            return self._wave(head, u)
        if head in ("floor", "ceil"):
            return self._rounded(head, u)
        if head not in ("abs", "sign", "step", "recip", "log", "pow"):
            return as_term(normal(t))
        s, p = self.sign(u), args[1] if head == "pow" else Num(-F1)
        if head in ("abs", "sign", "step") and s is not None:
            return mul(Num(s), u) if head == "abs" else Num(s) if head == "sign" else Num(Fraction(1 + s, 2))
        if not isinstance(p, Num) or s is None:
            return t
        if (s == 0 and p.value < 0) or (s < 0 and (head == "log" or p.value.denominator > 1)):
            raise Undefined("the term has values")
        return NIL if s == 0 and p.value > 0 else t

    def _larger(self, head: str, x: Term, y: Term) -> Term:
        s = self.sign(add(x, neg(y)))
        return App(head, (x, y)) if s is None else x if (s >= 0) == (head == "max") else y

    def _rounded(self, head: str, u: Term) -> Term:
        x = u if isinstance(u, Num) else self.limit(self.tail(u))
        s = self.sign(add(u, neg(x))) if isinstance(x, Num) else None
        if not isinstance(x, Num) or (s is None and x.value.denominator == 1):
            return App(head, (u,))
        near = s if s is not None and x.value.denominator == 1 else 0  # on which side of a whole number
        return Num(floor(x.value) - (near < 0) if head == "floor" else ceil(x.value) + (near > 0))

    def _wave(self, head: str, u: Term) -> Term:
        """sin and cos at q pi/2 + 2 k pi, q whole and k whole for every whole t."""
        found = powers(mul(Num(2), u, recip(App("pi")))) or {}
        turns = {p: rational(as_term(normal(c))) for p, c in found.items()}
        whole = [c is not None and p >= 0 and (c if p == 0 else c / 4).denominator == 1 for p, c in turns.items()]
        if not all(whole) or (found.keys() - {ZERO} and not self.whole) or (not found and u != NIL):
            return App(head, (u,))
        return Num((0, 1, 0, -1)[(int(turns.get(ZERO) or 0) + (head == "cos")) % 4])

    def tail(self, t: Term) -> Tail:
        """The tail of a term that `late` has made."""
        self.ctx.spend(100 + 10 * size(t))
        if T not in variables(t):
            return self.made(t)
        match t:
            case Var():
                return self.made(ONE, (LOG, ONE))
            case App("add" | "max" | "min" as head, args):
                s = self.total([self.tail(a) for a in args])
                return s if head == "add" else replace(s, c=None)
            case App("mul", args):
                return reduce(self.product, map(self.tail, args))
            case App("neg", (u,)):
                return self.product(self.made(Num(-1)), self.tail(u))
            case App("recip", (u,)):
                return self.raised(self.tail(u), -F1)
            case App("pow", (u, Num(p))):
                return self.raised(self.tail(u), p)
            case App("exp", (u,)) if (found := powers(u)) is not None:
                return self.made(App("exp", (found.get(ZERO, NIL),)), *(f for f in found.items() if f[0] > 0))
            case App(head, (u,)):
                return self._function(head, self.tail(u))
        raise Refused("a term with a tail")

    def _function(self, head: str, s: Tail) -> Tail:
        side, x = self.constant(s.c) if s.c is not None else 0, self.limit(s)
        if head == "abs":
            return replace(s, c=None)
        if head == "exp":
            require(self.rises(s) <= 0 or side < 0, "the exponent is bounded above")
            return self.made(None if x is None else App("exp", (x,)))
        if head == "log":
            require(side > 0 and (not s.e or s.e[0][0] >= 0), "a logarithm of what has a simple positive tail")
            k, c = s.e[0] if s.e else (-F1, App("log", (s.c,)))  # type: ignore[arg-type]
            return self.made(c, *([(LOG, Num(k))] if k > 0 else [(LOGLOG, ONE)] if s.e else []))
        require(head in LIBRARY, "a term with a tail")
        level, exponent, kind = LIBRARY[head]
        if self.rises(s) > 0 and side and (head in ("floor", "ceil") or (head in ENDS and (side > 0 or kind == "odd"))):
            return self.made(mul(Num(side), ENDS[head])) if head in ENDS else s
        if level == 3 and x is not None and (x != NIL or kind != "odd"):
            return self.made(App(head, (x,)))
        if level == 3 and kind == "odd" and self.rises(s) < 0:
            return replace(s, c=None)  # |f(u)| <= A |u|
        return Tail(None) if not exponent or self.rises(s) <= 0 else replace(s, c=None)


def derivative(t: Term) -> Term:
    """The derivative in t of a term that `late` has made, if it has no kinks."""
    match t:
        case _ if T not in variables(t):
            return NIL
        case Var():
            return ONE
        case App("add", args):
            return add(*map(derivative, args))
        case App("mul", args):
            return add(*(mul(*args[:k], derivative(a), *args[k + 1 :]) for k, a in enumerate(args)))
        case App("neg", (u,)):
            return neg(derivative(u))
        case App("recip", (u,)):
            return neg(mul(derivative(u), recip(power(u, Num(2)))))
        case App("pow", (u, Num(p))):
            return mul(Num(p), power(u, Num(p - 1)), derivative(u))
        case App("exp" | "log" | "sin" | "cos" | "tanh" | "erf" | "Phi" | "atan" as head, (u,)):
            square, pi = power(u, Num(2)), App("pi")
            half = mul(Num(Fraction(1, 2)), add(App("exp", (u,)), App("exp", (neg(u),))))
            outer = {
                "exp": t,
                "log": recip(u),
                "sin": App("cos", (u,)),
                "cos": neg(App("sin", (u,))),
                "tanh": recip(power(half, Num(2))),
                "atan": recip(add(ONE, square)),
                "erf": mul(Num(2), power(recip(pi), Num(Fraction(1, 2))), App("exp", (neg(square),))),
                "Phi": mul(
                    power(recip(mul(Num(2), pi)), Num(Fraction(1, 2))), App("exp", (mul(Num(Fraction(-1, 2)), square),))
                ),
            }[head]
            return mul(outer, derivative(u))
    raise Refused("a term with a derivative")


def tails(ctx: Context, premises: Premises, var: Var, what: str) -> Statement:
    """A continuous function of one basic vector or scalar grows as its tails do; its slope, as those of u'."""
    (u,), (info,) = facts(premises, 1)
    require(what in ("growth", "slope") and info.level >= (2 if what == "growth" else 3), "the term is continuous")
    require([v for v in variables(u) if v.name in ctx.program.families] == [var], "a function of one variable")
    require(not any(isinstance(n, MAPS) for n in ctx.resolve(var)), "a basic vector or scalar")
    along, rate = Path(ctx, False), Rate(0)
    for end in (T, neg(T)):
        v = along.late(substituted(u, {var: end}))
        s = along.tail(v if what == "growth" else along.late(derivative(v)))
        if along.rises(s) > 0:
            require(s.e[0][0] <= 0, "the tail is at most a power")
            a = rational(dict(s.e).get(LOG, NIL))
            require(a is not None, "a power that is a number")
            rate = max(rate, Rate(0, (a or ZERO) + (LOGLOG in dict(s.e))))  # log t <= t
    return Fact(u, settle(info._replace(**{what: min(rate, getattr(info, what))})))
