"""Terms evaluated at points and over boxes: exact rationals where possible, else certified balls (Arb).

A value is a Fraction, or an `arb` that is certain to contain the true value. `Undefined` means that the term
certainly has no value there; `Undecided` that the enclosure is too wide to tell.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import children
from tensorprog.terms import App, Num, Term, Var

Ball = Any
Value = Fraction | Ball
MAX_BITS = 4000
MAX_EXPONENT = 1 << 12


class Undefined(Exception):
    """The term has no value at the point; `term` is the smallest part to blame."""

    def __init__(self, term: Term) -> None:
        super().__init__(term)
        self.term = term


class Undecided(Exception):
    """It could not be decided."""


def ball(x: Value) -> Ball:
    """Return the value as an arb."""
    from flint import arb, fmpq

    return arb(fmpq(x.numerator, x.denominator)) if isinstance(x, Fraction) else x


def _bound(x: Ball, down: bool) -> Fraction | None:
    """Return an exact ball as a rational; beyond 2^4096, or nearer to 0 than its inverse, rounded down or up."""
    if not x.is_finite():
        return None
    man, exp = map(int, x.man_exp())
    far = abs(man).bit_length() + exp
    if abs(far) <= MAX_EXPONENT:
        return Fraction(man * 2**exp) if exp >= 0 else Fraction(man, 2**-exp)
    sign, inwards = 1 if man > 0 else -1, (man > 0) == down
    if far < 0:
        return Fraction(0) if inwards else Fraction(sign, 2**MAX_EXPONENT)
    return Fraction(sign * 2**MAX_EXPONENT) if inwards else None


def middle(x: Ball) -> Fraction:
    """Return the centre of a ball, exactly."""
    mantissa, exponent = x.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def lower(x: Value) -> Fraction | None:
    """Return a certified lower bound, None if there is none."""
    if isinstance(x, Fraction):
        return x
    return _bound(x.lower(), down=True)


def upper(x: Value) -> Fraction | None:
    """Return a certified upper bound, None if there is none."""
    if isinstance(x, Fraction):
        return x
    return _bound(x.upper(), down=False)


def sign_at(x: Value) -> int | None:
    """-1, 0, 1, or None where the ball contains 0."""
    if isinstance(x, Fraction):
        return (x > 0) - (x < 0)
    return 1 if x > 0 else -1 if x < 0 else None


def evaluate(term: Term, env: Mapping[Term, Value], bits: int = 80) -> Value:
    """Return the value of a term, each `Var` read from `env`; raises Undefined, Undecided.

    >>> from tensorprog.terms import read
    >>> evaluate(read("x^2/4 + max(x, 1)"), {Var("x"): Fraction(3)})
    Fraction(21, 4)
    """
    from tensorprog.numbers.precision import precision

    try:
        with precision(bits):
            return _value(term, env, {})
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        raise Undecided(str(error)) from None


def _value(t: Term, env: Mapping[Term, Value], memo: dict[Term, Value]) -> Value:
    if isinstance(t, Num):
        return t.value
    if t in memo:
        return memo[t]
    if isinstance(t, Var):
        if t not in env:
            raise Undecided(f"{t.name} has no value")
        return env[t]
    if not isinstance(t, App):
        raise Undecided("a binder")
    if t.head == "where":
        out = _choose(t, env, memo)
    else:
        out = _apply(t, [_value(a, env, memo) for a in children(t)])
    if isinstance(out, Fraction):
        if max(abs(out.numerator), out.denominator).bit_length() > MAX_BITS:
            out = ball(out)
    elif not out.is_finite():
        raise Undecided("no finite enclosure")
    memo[t] = out
    return out


def _choose(t: App, env: Mapping[Term, Value], memo: dict[Term, Value]) -> Value:
    holds = truth(t.args[0], env, memo)
    if holds is not None:
        return _value(t.args[1 if holds else 2], env, memo)
    yes, no = (ball(_value(a, env, memo)) for a in t.args[1:])
    return yes.union(no)


def truth(cond: Term, env: Mapping[Term, Value], memo: dict[Term, Value] | None = None) -> bool | None:
    """Return whether a condition holds; None where the enclosures do not tell."""
    memo = {} if memo is None else memo
    match cond:
        case App("and", args):
            each = [truth(a, env, memo) for a in args]
            return False if False in each else None if None in each else True
        case App(head, (a, b)):
            x, y = _value(a, env, memo), _value(b, env, memo)
            s = sign_at(x - y if isinstance(x, Fraction) and isinstance(y, Fraction) else ball(x) - ball(y))
            if s is None:
                return None
            return {"lt": s < 0, "le": s <= 0, "gt": s > 0, "ge": s >= 0, "eq": s == 0, "ne": s != 0}[head]
    raise Undecided("not a condition")


def _apply(t: App, xs: list[Value]) -> Value:
    from flint import acb, arb

    from tensorprog.functions.named.ball_forms import FORMS

    head = t.head
    exact = all(isinstance(x, Fraction) for x in xs)
    match head:
        case "pi":
            return arb.pi()
        case "add" | "mul":
            join = operator.add if head == "add" else operator.mul
            total = xs[0]
            for x in xs[1:]:
                both = isinstance(total, Fraction) and isinstance(x, Fraction)
                total = join(total, x) if both else join(ball(total), ball(x))
            return total
        case "neg":
            return -xs[0]
        case "recip":
            if xs[0] == 0:
                raise Undefined(t)
            if not exact and sign_at(xs[0]) is None:
                raise Undecided("a denominator that may vanish")
            return 1 / xs[0]
        case "pow":
            return _power(t, xs[0], xs[1])
        case "sqrt":
            return _power(t, xs[0], Fraction(1, 2))
        case "abs":
            return abs(xs[0])
        case "max" | "min":
            if exact:
                return max(xs) if head == "max" else min(xs)
            total = ball(xs[0])
            for x in xs[1:]:
                total = total.max(ball(x)) if head == "max" else total.min(ball(x))
            return total
        case "sign":
            s = sign_at(xs[0])
            return Fraction(s) if s is not None else arb(0, 1)
        case "floor" if exact:
            return Fraction(xs[0].numerator // xs[0].denominator)
    if head in ("log", "asin"):
        return _partial(t, xs[0])
    record = library().get(head)
    if exact and xs[0] == 0 and record is not None and record.at_zero is not None:
        return record.at_zero
    if record is None:
        raise Undecided(head)
    if record.total and len(xs) == 1 and (form := FORMS.get(head)) is not None:
        return form(acb(ball(xs[0])), False).real
    names = [Var(n) for n in record.args]
    plain = record.expand((t.args[0], names[1]) if head == "hermite" else tuple(names[: len(xs)]))
    if plain is None:
        raise Undecided(head)
    return _value(plain, dict(zip(names, xs, strict=False)), {})


def _power(t: App, x: Value, p: Value) -> Value:
    """x^p: whole p on all reals (x != 0 if negative), other p on x > 0, and 0^p = 0 for p > 0; 0^0 = 1."""
    if isinstance(p, Fraction) and p.denominator == 1:
        n = int(p)
        if abs(n) > 1000:
            raise Undecided("a large power")
        if x == 0 and n < 0:
            raise Undefined(t)
        if n < 0 and sign_at(x) is None:
            raise Undecided("a base that may vanish")
        if isinstance(x, Fraction):
            return x**n
        from flint import acb

        from tensorprog.functions.named.ball_forms import whole_power

        value = whole_power(acb(x), abs(n)).real
        return value if n >= 0 else 1 / value
    s = sign_at(x)
    if s == -1:
        if isinstance(p, Fraction):
            raise Undefined(t)
        raise Undecided("a negative base")
    if s == 0:
        if sign_at(p) == 1:
            return Fraction(0)
        raise Undefined(t) if sign_at(p) == -1 else Undecided("0 to an unknown power")
    if s is None:
        if not isinstance(p, Fraction) or p < 0:
            raise Undecided("a base that may vanish")
        if ball(x).lower() < 0:
            raise Undecided("a base that may be negative")
        top = ball(x).upper() ** ball(p)
        return top.union(top * 0)
    if isinstance(x, Fraction) and isinstance(p, Fraction):
        root = _exact_root(x, p)
        if root is not None:
            return root
    if p == Fraction(1, 2):
        return ball(x).sqrt()
    return ball(x) ** ball(p)


def _exact_root(x: Fraction, p: Fraction) -> Fraction | None:
    from math import isqrt

    if p.denominator != 2 or abs(p.numerator) > 60:
        return Fraction(1) if x == 1 else None
    a, b = isqrt(x.numerator), isqrt(x.denominator)
    return Fraction(a, b) ** p.numerator if a * a == x.numerator and b * b == x.denominator else None


def _partial(t: App, x: Value) -> Value:
    """log on x > 0, asin on [-1, 1]."""
    if t.head == "log":
        s = sign_at(x)
        if s is None:
            raise Undecided("log of a ball around 0")
        if s <= 0:
            raise Undefined(t)
        return Fraction(0) if x == 1 else ball(x).log()
    if isinstance(x, Fraction):
        if abs(x) > 1:
            raise Undefined(t)
        return Fraction(0) if x == 0 else ball(x).asin()
    if abs(x) > 1:
        raise Undefined(t)
    if not abs(x) <= 1:
        raise Undecided("asin near its ends")
    return x.asin()
