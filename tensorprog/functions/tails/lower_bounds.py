"""Lower bounds along curves: what a function certainly reaches, for refutations and for the least order.

A curve x(t), t -> oo, makes a function of one variable of it, whose expansion is exact. The bound counts against
the curve's own |x(t)|; a gradient is read only where the function is differentiable (never on a kink).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product

from tensorprog.functions.evaluate.balls import Undecided, Undefined
from tensorprog.functions.evaluate.derivative import Underivable, derivative
from tensorprog.functions.named.library import library, opened
from tensorprog.functions.rules.rates import Rate
from tensorprog.functions.tails.analyzer import Analyzer, scale_term
from tensorprog.functions.tails.expand import Expansion
from tensorprog.functions.tails.series import Series
from tensorprog.kernel.ground.term import add, mul, neg, power, recip, size, substitute, walk
from tensorprog.terms import App, Num, Term, Var, to_text

T = Var("t")
MAX_CURVES = 80
WORK = 6000
WAVES = tuple((Fraction(s), Fraction(c)) for s, c in ((1, 0), (-1, 0), (0, 1), (0, -1)))


@dataclass(frozen=True, slots=True)
class Curve:
    """x(t) for every variable, and the exponent of |x(t)| ~ t^size (0 if the curve stays bounded)."""

    at: tuple[tuple[Var, Term], ...]
    size: Fraction

    def __str__(self) -> str:
        return ", ".join(f"{to_text(v)} = {to_text(e)}" for v, e in self.at)


@dataclass(frozen=True, slots=True)
class Reached:
    """A rate that is reached along a curve, and how."""

    rate: Rate
    curve: Curve
    value: str
    sign: int = 0


def curves(xs: Sequence[Var]) -> Iterator[Curve]:
    """Rays, shifted rays and parabolas; for one variable both directions."""
    t = T
    if len(xs) == 1:
        yield from (Curve(((xs[0], t),), Fraction(1)), Curve(((xs[0], neg(t)),), Fraction(1)))
        return
    near: list[Term] = [t, Num(0), Num(1), neg(t), Num(-1)]
    choices: Iterator[tuple[Term, ...]] = product(near, repeat=len(xs)) if len(xs) <= 3 else _few(near, len(xs))
    for values in islice(choices, 4 * MAX_CURVES):
        if any(v in (t, neg(t)) for v in values):
            yield Curve(tuple(zip(xs, values, strict=True)), Fraction(1))
    if len(xs) == 2:
        for a, b, size in (
            (t, power(t, Num(2)), 2), (power(t, Num(2)), t, 2), (t, recip(t), 1), (recip(t), t, 1),
            (t, mul(Num(2), t), 1), (mul(Num(2), t), t, 1), (t, add(t, Num(1)), 1), (t, recip(power(t, Num(2))), 1),
            (t, App("sqrt", (t,)), 1), (App("sqrt", (t,)), t, 1), (t, add(t, recip(t)), 1),
        ):  # fmt: skip
            yield Curve(tuple(zip(xs, (a, b), strict=True)), Fraction(size))


def _few(near: list[Term], count: int) -> Iterator[tuple[Term, ...]]:
    """Yield all alike, then one or two moving and the rest fixed."""
    t = near[0]
    for value in (t, neg(t)):
        yield (value,) * count
    for fixed in near[1:3]:
        for k in range(count):
            yield tuple(t if j == k else fixed for j in range(count))
        for k in range(count - 1):
            yield tuple(t if j in (k, k + 1) else fixed for j in range(count))
            yield tuple(t if j == k else neg(t) if j == k + 1 else fixed for j in range(count))
    yield tuple(t if k % 2 else Num(1) for k in range(count))


def reached(rules: Analyzer, t: Term, curve: Curve, strict: bool = False) -> Reached | None:
    """Return a rate that |t| reaches along a curve; None if nothing can be said."""
    body = substitute(t, dict(curve.at))
    best: Reached | None = None
    for wave in (None, *WAVES):
        expansion = Expansion(T, rules.constant_sign, 4, strict, wave, rules.fuel)
        try:
            series = expansion.of(body)
        except (Undefined, Underivable, RecursionError):
            return best
        except Undecided:
            if _heads(body) & {"sin", "cos", "sinc"}:
                continue
            return _huge(rules, body, curve)
        found = leading(rules, expansion, series)
        if found is not None:
            rate, said, sign = found
            here = Reached(_against(rate, curve.size), curve, said, sign)
            best = here if best is None or here.rate > best.rate else best
        if wave is None and (best is not None or not series.terms):
            return best
    return best


def _heads(t: Term) -> set[str]:
    return {u.head for u in walk(opened(t, lambda record: record.total)) if isinstance(u, App)}


def leading(rules: Analyzer, expansion: Expansion, series: Series) -> tuple[Rate, str, int] | None:
    """The rate of the leading term if its coefficient certainly does not vanish (along a sequence, if it oscillates).

    A nonzero trigonometric polynomial in one phase A(x) -> oo (continuous) is nonzero for some phase, which is met
    again and again.
    """
    if not series.terms:
        return None
    scale, c = series.terms[0]
    try:
        waves = set(expansion.oscillating(c))
        sign = 0
        if not waves:
            sign = expansion.sign(c)
            if sign == 0:
                return None
        else:
            phases = {expansion.phases[w][1] if w in expansion.phases else w for w in waves}
            mixed = any(not (isinstance(t, Var) and t.name in waves) for m in c.terms for t, _ in m)
            if len(phases) != 1 or mixed or not waves <= expansion.phases.keys():
                return None
        return rules.rate(scale), to_text(scale_term(scale, c, T)).replace("~", "w"), sign
    except Undecided:
        return None


def _against(rate: Rate, size: Fraction) -> Rate:
    """Return the rate in r = |x(t)| ~ t^size."""
    return Rate(rate.level, rate.power / size if not isinstance(rate.power, float) else rate.power, rate.logs)


def _huge(rules: Analyzer, body: Term, curve: Curve) -> Reached | None:
    """Bound t where the expansion leaves the scale: log|t| of a product of exponentials, beyond every exp(r^a)."""
    inner = _log(body)
    if inner is None:
        return None
    expansion = Expansion(T, rules.constant_sign, 4, fuel=rules.fuel)
    try:
        found = leading(rules, expansion, expansion.of(inner))
    except (Undecided, Undefined, Underivable):
        return None
    if found is None or found[2] <= 0:
        return None
    rate, said, _ = found
    if rate.level == 1:
        return Reached(Rate(1, Fraction(10**6)), curve, f"exp({said})", 1)
    if rate.level == 0 and (rate.power > 0 or rate.logs > 1):
        return Reached(_against(Rate(1, rate.power, rate.logs), curve.size), curve, f"exp({said})", 1)
    return None


def _log(t: Term) -> Term | None:
    """log t for products and powers of exponentials."""
    match t:
        case App("exp", (u,)):
            return u
        case App("mul", args):
            parts = [_log(a) or App("log", (App("abs", (a,)),)) for a in args]
            return add(*parts)
        case App("recip", (u,)):
            inner = _log(u)
            return None if inner is None else neg(inner)
        case App("pow", (u, Num() as p)):
            inner = _log(u)
            return None if inner is None else mul(p, inner)
        case App("neg", (u,)):
            return _log(u)
        case App(head, (u,)) if head in library() and library()[head].exponential:
            return App("abs", (u,))
    return None


def best_growth(rules: Analyzer, t: Term, xs: Sequence[Var], enough: Rate | None = None) -> Reached | None:
    """Return the largest rate of |t| that a curve reaches; the search stops at `enough`."""
    return _best(rules, [(t, False)], xs, enough)


def best_slope(rules: Analyzer, t: Term, xs: Sequence[Var], enough: Rate | None = None) -> Reached | None:
    """Return the largest rate of |grad t| that a curve reaches, where t is differentiable."""
    partials: list[tuple[Term, bool]] = []
    for v in xs:
        with suppress(Underivable):
            d = derivative(t, v)
            if d != Num(0):
                partials.append((d, True))
    return _best(rules, partials, xs, enough)


def _best(rules: Analyzer, parts: list[tuple[Term, bool]], xs: Sequence[Var], enough: Rate | None) -> Reached | None:
    best: Reached | None = None
    budget = WORK
    for curve in curves(xs):
        for t, strict in parts:
            budget -= 10 + size(t)
            if budget < 0:
                return best
            found = reached(rules, t, curve, strict)
            if found is not None and (best is None or found.rate > best.rate):
                best = found
                if enough is not None and best.rate >= enough:
                    return best
    return best
