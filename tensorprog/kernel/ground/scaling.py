"""Powers of the width: constants like 3/sqrt(n) taken apart into a coefficient and a power of n."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tensorprog.kernel.ground.term import ONE, App, Num, Term, Var, add, mul, power, recip, walk

MAX_BITS = 20_000


def mentions_width(t: Term, widths: Mapping[str, Fraction]) -> bool:
    return any(isinstance(s, Var) and s.name in widths for s in walk(t))


def width_power(t: Term, widths: Mapping[str, Fraction]) -> tuple[Term, Fraction] | None:
    """(c, e) with t = c n^e, or None if t is not of that form. A width m = r n counts as r n.

    >>> width_power(App("recip", (App("sqrt", (Var("n"),)),)), {"n": Fraction(1)})
    (Num(1), Fraction(-1, 2))
    >>> width_power(App("add", (Var("n"), Var("m"))), {"n": Fraction(1), "m": Fraction(2)})
    (Num(3), Fraction(1, 1))
    """
    match t:
        case Var(name, ()) if name in widths:
            return Num(widths[name]), Fraction(1)
        case _ if not mentions_width(t, widths):
            return t, Fraction(0)
        case App("mul", args):
            coefficient: Term = ONE
            exponent = Fraction(0)
            for a in args:
                part = width_power(a, widths)
                if part is None:
                    return None
                coefficient, exponent = mul(coefficient, part[0]), exponent + part[1]
            return coefficient, exponent
        case App("add", args):
            parts = [part for a in args if (part := width_power(a, widths)) is not None]
            if len(parts) < len(args) or len({e for _, e in parts}) > 1:
                return None
            return _total([c for c, _ in parts]), parts[0][1]
        case App("neg", (a,)):
            part = width_power(a, widths)
            return part and (mul(Num(-1), part[0]), part[1])
        case App("recip", (a,)):
            part = width_power(a, widths)
            return part and (recip(part[0]), -part[1])
        case App("sqrt", (a,)):
            part = width_power(a, widths)
            return part and (ONE if part[0] == ONE else App("sqrt", (part[0],)), part[1] / 2)
        case App("pow", (a, exponent_term)):
            part, e = width_power(a, widths), rational(exponent_term)
            if part is None or e is None:
                return None
            return ONE if part[0] == ONE else power(part[0], exponent_term), part[1] * e
        case _:
            return None


def _total(terms: list[Term]) -> Term:
    """The sum, as a number if all terms are numbers."""
    numbers = [t.value for t in terms if isinstance(t, Num)]
    return Num(sum(numbers, Fraction(0))) if len(numbers) == len(terms) else add(*terms)


def rational(t: Term) -> Fraction | None:
    """The value of a term of rational arithmetic (integer powers up to 64), or None."""
    match t:
        case Num(value):
            return value
        case App("neg", (a,)):
            v = rational(a)
            return None if v is None else -v
        case App("recip", (a,)):
            v = rational(a)
            return None if not v else 1 / v
        case App("abs", (a,)):
            v = rational(a)
            return None if v is None else abs(v)
        case App("add" | "mul" as head, args):
            out = Fraction(0 if head == "add" else 1)
            for a in args:
                v = rational(a)
                if v is None or out.numerator.bit_length() + out.denominator.bit_length() > MAX_BITS:
                    return None
                out = out + v if head == "add" else out * v
            return out
        case App("pow", (a, b)):
            v, e = rational(a), rational(b)
            if v is None or e is None or e.denominator != 1 or abs(e) > 64 or (v == 0 and e < 0):
                return None
            return v ** int(e) if max(v.numerator.bit_length(), v.denominator.bit_length()) <= 256 else None
        case _:
            return None


def width_monomials(t: Term, widths: Mapping[str, Fraction]) -> list[tuple[Term, Fraction]] | None:
    """A sum as coefficients with their powers of n, products of sums multiplied out; None where n stands elsewhere."""
    if (part := width_power(t, widths)) is not None:
        return [part]
    match t:
        case App("add", args):
            out: list[tuple[Term, Fraction]] = []
            for a in args:
                found = width_monomials(a, widths)
                if found is None:
                    return None
                out += found
            return out
        case App("neg", (a,)):
            found = width_monomials(a, widths)
            return None if found is None else [(mul(Num(-1), c), e) for c, e in found]
        case App("mul", args):
            out = [(ONE, Fraction(0))]
            for a in args:
                found = width_monomials(a, widths)
                if found is None or len(out) * len(found) > 10_000:
                    return None
                out = [(mul(c, d), e + f) for c, e in out for d, f in found]
            return out
        case _:
            return None


def leading_part(t: Term, widths: Mapping[str, Fraction]) -> tuple[Term, Fraction] | None:
    """(c, e) with t = c n^e (1 + o(1)): the largest power of n that does not cancel; None where n is elsewhere.

    >>> from tensorprog.terms import read
    >>> leading_part(read("(1 - n)*(2 + 1/n) + 2*n"), {"n": Fraction(1)})
    (Num(1), Fraction(0, 1))
    """
    monomials = width_monomials(t, widths)
    if monomials is None:
        return None
    for power_of_n in sorted({e for _, e in monomials}, reverse=True):
        c = _total([c for c, e in monomials if e == power_of_n])
        if (value := rational(c)) != 0:
            return (c if value is None else Num(value)), power_of_n
    return Num(Fraction(0)), Fraction(0)
