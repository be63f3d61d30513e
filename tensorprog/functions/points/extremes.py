"""Infimum and supremum, where they are certain: a bound from outside that values or limits from inside meet.

Outside: the range that the rules prove, or, for N(x)/D(x)^m exp(E(x)) with polynomials N, D, E, the certified real
zeros of the derivative's numerator N' D - m N D' + N D E'. Inside: exact values at points, and limits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, product
from typing import Any

from tensorprog.functions.evaluate.balls import Undecided, Undefined, ball, evaluate, lower, upper
from tensorprog.functions.evaluate.polynomial import Polynomial, normal
from tensorprog.functions.named.library import library
from tensorprog.functions.rules.info import Info, Regularity
from tensorprog.functions.rules.rates import BOUNDED
from tensorprog.functions.rules.roots import coefficients
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.functions.tails.expand import Expansion
from tensorprog.functions.tails.lower_bounds import WAVES, T, curves
from tensorprog.functions.tails.series import UNIT
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.numbers.interval import REALS
from tensorprog.terms import App, Term, Var

SIMPLE = tuple(Fraction(v) for v in ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "10", "-10"))
_CLOSE = Fraction(1, 10**12)


def extremes(rules: Analyzer, t: Term, info: Info) -> tuple[float | None, float | None]:
    """inf and sup where they are known: -inf and inf where infinite, None where not known."""
    if not info.total:
        return None, None
    xs = [v for v in variables(t) if v.name in rules.variables]
    whole = _critical_values(rules, t, xs, info)
    if whole is not None:
        return whole
    direct = _library_range(t, xs)
    if direct is not None:
        return direct
    known = _library_minimum(t, xs)
    inside: list[Fraction | float] = [*_values(t, xs), *_limits(rules, t, xs)]
    if not inside:
        return None, None
    low, high = min(inside), max(inside)
    inf = known if known is not None else _meet(low, info.range.low, -math.inf)
    return inf, _meet(high, info.range.high, math.inf)


def _meet(inside: Fraction | float, outside: Fraction | None, infinite: float) -> float | None:
    if inside == infinite:
        return infinite
    if isinstance(inside, float) or outside is None:
        return None
    return float(outside) if abs(inside - outside) <= _CLOSE * (1 + abs(outside)) else None


def _library_range(t: Term, xs: list[Var]) -> tuple[float, float] | None:
    """A monotone library function with a finite range, of an affine form: it comes arbitrarily close to both ends."""
    record = library().get(t.head) if isinstance(t, App) and len(t.args) == 1 else None
    if record is None or record.monotone is None or record.domain != REALS or not _affine(t, xs):
        return None
    low, high = record.range.low, record.range.high
    return None if low is None or high is None else (float(low), float(high))


def _affine(t: Term, xs: list[Var]) -> bool:
    """Return whether the argument is a nonconstant affine form with rational coefficients: it takes every value."""
    assert isinstance(t, App)
    try:
        form = normal(t.args[0])
    except Undecided:
        return False
    return any(form.terms) and all(not m or (len(m) == 1 and m[0][0] in xs and m[0][1] == 1) for m in form.terms)


def _library_minimum(t: Term, xs: list[Var]) -> float | None:
    """Return the minimum of a library function of an affine form, which takes every value."""
    if not isinstance(t, App) or len(t.args) != 1 or t.head not in library() or not xs:
        return None
    minimum = library()[t.head].minimum
    return float(minimum) if minimum is not None and _affine(t, xs) else None


def _values(t: Term, xs: list[Var]) -> Iterator[Fraction]:
    """Yield values (bounds within 1e-20) at simple points; none where there is a param."""
    if any(v not in xs for v in variables(t)):
        return
    for at in islice(product(SIMPLE, repeat=len(xs)), 40):
        try:
            value = evaluate(t, dict(zip(xs, at, strict=True)))
        except (Undecided, Undefined):
            continue
        low, high = lower(value), upper(value)
        if low is not None and high is not None and high - low < _CLOSE:
            yield (low + high) / 2 if low != high else low


def _limits(rules: Analyzer, t: Term, xs: list[Var]) -> Iterator[Fraction | float]:
    """Limits, and limits along sequences, at the ends of a few curves."""
    for curve in islice(curves(xs), 8) if xs else ():
        body = substitute(t, dict(curve.at))
        for wave in (None, *WAVES):
            expansion = Expansion(T, rules.constant_sign, 4, False, wave, rules.fuel)
            try:
                series = expansion.of(body)
                bound = series.bound
                order = -1 if bound is None else expansion.algebra.compare(bound, UNIT)
                if order < 0:
                    yield Fraction(0)
                    if wave is None:
                        break
                    continue
                if not series.terms or expansion.oscillating(series.terms[0][1]):
                    continue
                c = series.terms[0][1]
                if order > 0:
                    sign = expansion.sign(c)
                    if sign:
                        yield math.inf * sign
                elif not variables(c.term()):
                    value = evaluate(c.term(), {}, 120)
                    low, high = lower(value), upper(value)
                    if low is not None and high is not None:
                        yield low if low == high else (low + high) / 2
            except (Undecided, Undefined):
                continue
            if wave is None:
                break


def _critical_values(rules: Analyzer, t: Term, xs: list[Var], info: Info) -> tuple[float, float] | None:
    """inf and sup of N/D^m exp(E), from the values where the derivative vanishes and the limits at both ends."""
    if len(xs) != 1 or info.regularity < Regularity.LIPSCHITZ or len(variables(t)) != 1:
        return None
    x = xs[0]
    try:
        pieces = _quotient(normal(t), x)
        if pieces is None:
            return None
        n, d, m, e = pieces
        ends = []
        for side in (-1, 1):
            series = rules.expand(t, x, side)
            if not series.terms:
                if series.error is not None and rules.rate(series.error) >= BOUNDED:
                    return None
                ends.append(ball(Fraction(0)))
                continue
            rate, sign = rules.rate(series.terms[0][0]), rules.constant_sign(series.terms[0][1].term())
            if rate > BOUNDED:
                ends.append(math.inf * sign)
            else:
                ends.append(ball(Fraction(0)) if rate < BOUNDED else ball(evaluate(series.terms[0][1].term(), {}, 120)))
        slope = n.derivative() * d - m * n * d.derivative() + n * d * e.derivative()
        inner = [ball(evaluate(t, {x: root}, 120)) for root in _real_zeros(slope)]
    except (Undecided, Undefined, AssertionError):
        return None
    values = [*ends, *inner]
    floats = [v if isinstance(v, float) else float(v.mid()) for v in values]
    if any(not isinstance(v, float) and not v.rad() < 1e-12 for v in values):
        return None
    return min(floats), max(floats)


def _quotient(form: Polynomial, x: Var) -> tuple[Any, Any, int, Any] | None:
    """(N, D, m, E) with form = N/D^m exp(E), as flint polynomials; None if it is not of that shape."""
    from flint import fmpq, fmpq_poly

    def poly(p: Polynomial) -> Any:
        cs = coefficients(p, x)
        return None if cs is None else fmpq_poly([fmpq(c.numerator, c.denominator) for c in cs])

    below: Term | None = None
    exponential: Term | None = None
    seen_plain = False
    groups: dict[int, dict[Any, Fraction]] = {}
    for m, c in form.terms.items():
        rest: list[tuple[Term, Fraction]] = []
        depth, own = 0, None
        for atom, e in m:
            if atom == x and e.denominator == 1 and e > 0:
                rest.append((atom, e))
            elif isinstance(atom, App) and atom.head == "exp" and e == 1:
                own = atom.args[0]
            elif (
                isinstance(atom, App) and atom.head == "add" and e.denominator == 1 and e < 0 and below in (None, atom)
            ):
                below, depth = atom, -int(e)
            else:
                return None
        if own is None:
            seen_plain = True
        elif exponential not in (None, own):
            return None
        exponential = own if own is not None else exponential
        group = groups.setdefault(depth, {})
        group[tuple(rest)] = group.get(tuple(rest), Fraction(0)) + c
    if seen_plain and exponential is not None:
        return None
    d = fmpq_poly([1]) if below is None else poly(normal(below))
    exponent = fmpq_poly([0]) if exponential is None else poly(normal(exponential))
    top = max(groups, default=0)
    numerator = fmpq_poly([0])
    for depth, own_terms in groups.items():
        part = poly(Polynomial(own_terms))
        if part is None or d is None:
            return None
        numerator = numerator + part * d ** (top - depth)
    return None if exponent is None else (numerator, d, top, exponent)


def _real_zeros(p: Any) -> list[Any]:
    """Certified balls around the real zeros."""
    from flint import fmpz_poly

    if p.degree() < 1:
        return []
    whole = fmpz_poly([int(v) for v in (p * p.denom()).coeffs()])
    found: list[Any] = list(whole.complex_roots())
    return [root.real for root, _ in found if root.imag == 0]
