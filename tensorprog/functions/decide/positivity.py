"""Signs of constants, functions that do not vanish, and pseudo-Lipschitz jointly in vectors and limit scalars."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice, product
from typing import Literal

from tensorprog.functions.decide.judge import order_of, trace
from tensorprog.functions.decide.strengthen import strengthen
from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, sign_at
from tensorprog.functions.evaluate.polynomial import is_zero
from tensorprog.functions.rules.facts import Fact, PseudoLipschitz, Step
from tensorprog.functions.rules.info import Info, Regularity
from tensorprog.functions.rules.rates import BOUNDED
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.functions.tails.collapse import collapse
from tensorprog.kernel.ground.term import substitute, walk
from tensorprog.kernel.ground.term import variables as variables_of
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Bind, Num, Term, Var, to_text

Sign = Literal["positive", "negative", "zero", "nonnegative", "nonpositive", "nonzero", "unknown"]
_POINTS = tuple(Fraction(v) for v in ("1", "-1", "2", "0", "-2", "1/2", "-1/2", "3", "-3"))
_MAX_POINTS = 60


def sign_of(term: Term, assumptions: Mapping[str, Interval] | None = None) -> Sign:
    """Return the sign of a constant for every admissible param.

    >>> from tensorprog.terms import read
    >>> sign_of(read("sigma^2/4")), sign_of(read("sigma^2/4"), {"sigma": Interval(Fraction(0), None)})
    ('nonnegative', 'positive')
    """
    rules = Analyzer(frozenset(), assumptions or {})
    info = rules.info(term)
    if not info.total:
        return "unknown"
    try:
        return {1: "positive", 0: "zero", -1: "negative"}[rules.constant_sign(term)]  # type: ignore[return-value]
    except Undecided:
        pass
    if info.range.nonnegative:
        return "nonnegative"
    if info.range.nonpositive:
        return "nonpositive"
    return "nonzero" if info.away else "unknown"


def nonzero_somewhere(
    term: Term, variables: Collection[str], assumptions: Mapping[str, Interval] | None = None
) -> Fact:
    """Return whether f is different from 0 on a set of positive measure, for every admissible param.

    proved: continuous and nonzero at a rational point, or nonzero on a small box, or with a leading term at infinity;
    refuted: the normal form is 0.

    >>> from tensorprog.terms import read
    >>> nonzero_somewhere(read("tanh(x)"), ["x"]).status, nonzero_somewhere(read("x - x"), ["x"]).status
    ('proved', 'refuted')
    """
    rules = Analyzer(frozenset(variables), assumptions or {})
    if any(isinstance(u, Bind) for u in walk(term)):
        whole = rules.info(term)
        return _nonzero(rules, collapse(term, rules), whole.regularity)
    info = rules.info(term)
    xs = [v for v in variables_of(term) if v.name in rules.variables]
    info, _ = strengthen(rules, term, info, xs)
    return _nonzero(rules, term, info.regularity)


def _nonzero(rules: Analyzer, term: Term, regularity: Regularity) -> Fact:
    xs = [v for v in variables_of(term) if v.name in rules.variables]
    if is_zero(term):
        return Fact("refuted", "it is 0 everywhere", (Step("algebra", term, (), (("equal to", "0"),)),))
    for values in islice(product(_POINTS, repeat=len(xs)), _MAX_POINTS):
        at: dict[Term, Term] = {v: Num(c) for v, c in zip(xs, values, strict=True)}
        where = ", ".join(f"{to_text(v)} = {c}" for v, c in zip(xs, values, strict=True)) or "every point"
        here = substitute(term, at)
        try:
            sign = rules.constant_sign(here) if rules.info(here).total else 0
        except Undecided:
            sign = 1 if rules.info(here).away else 0
        if sign == 0:
            continue
        if regularity >= Regularity.CONTINUOUS:
            because = f"continuous, and not 0 at {where}"
            return Fact("proved", because, (Step("nonzero at a point", term, (), (("point", where),)),))
        if _nonzero_on_a_box(term, xs, values):
            because = f"not 0 on a box at {where}"
            return Fact("proved", because, (Step("nonzero on a box", term, (), (("corner", where),)),))
    tails = rules.tails(term) if len(xs) == 1 else None
    for tail in tails or []:
        if rules._lead(tail.series) is not None:
            because = f"its leading term at {tail.end} is not 0"
            return Fact("proved", because, (Step("calculus", term, (), (("nonzero near", tail.end),)),))
    return Fact("unknown", "no point was found where it is certainly not 0")


def _nonzero_on_a_box(term: Term, xs: list[Var], corner: tuple[Fraction, ...]) -> bool:
    from flint import arb

    width = arb(0, 1) / 64
    env: dict[Term, object] = {v: arb(c.numerator) / c.denominator + width for v, c in zip(xs, corner, strict=True)}
    try:
        return sign_at(evaluate(term, env)) not in (None, 0)
    except (Undecided, Undefined):
        return False


@dataclass(eq=False)
class _Near(Analyzer):
    """The rules on a neighbourhood of the limits of some scalars.

    A term in scalars alone that is positive at the limits stays above half its value nearby (if it is continuous
    there); one that is only >= 0 at the limits may be negative nearby, and nothing is concluded from its sign.
    """

    scalars: Mapping[str, Interval] = field(kw_only=True)
    limits: Analyzer = field(kw_only=True)

    def improve(self, t: Term, found: Info) -> Info:
        own = {v.name for v in found.vars}
        if not own or not own <= self.scalars.keys():
            return super().improve(t, found)
        at_limit = self.limits.info(t)
        positive = at_limit.total and ((at_limit.away and at_limit.range.nonnegative) or at_limit.range.positive)
        negative = at_limit.total and ((at_limit.away and at_limit.range.nonpositive) or at_limit.range.negative)
        continuous = found.regularity >= Regularity.CONTINUOUS
        interval = REALS
        if continuous and positive:
            interval = Interval(Fraction(0), None)
        elif continuous and negative:
            interval = Interval(None, Fraction(0))
        slope = BOUNDED if found.regularity >= Regularity.LIPSCHITZ else found.slope
        near = replace(
            found, range=interval, growth=BOUNDED, slope=slope, below=continuous, above=continuous,
            away=interval != REALS, up=None, down=None,
        )  # fmt: skip
        return near if near == found else self.step("near the limit", t, near, (found.step,))


def parametric(
    term: Term,
    variables: Collection[str],
    scalars: Mapping[str, Interval],
    assumptions: Mapping[str, Interval] | None = None,
) -> PseudoLipschitz:
    """Return whether f(vectors; scalars) is pseudo-Lipschitz jointly, on a neighbourhood of the limit scalars.

    `scalars`: for each scalar an interval that is known to hold its limit (v > 0 as (0, oo), v >= 0 as [0, oo)).

    >>> from tensorprog.terms import read
    >>> f, limits = read("(x - m)/sqrt(v + e)"), {"m": REALS, "v": Interval(Fraction(0), None, True)}
    >>> parametric(f, ["x"], limits, {"e": Interval(Fraction(0), None)}).status
    'proved'
    >>> parametric(read("(x - m)/sqrt(v)"), ["x"], limits).status
    'unknown'
    """
    known = assumptions or {}
    names = frozenset(variables) | scalars.keys()
    rules = _Near(names, known, scalars=scalars, limits=Analyzer(frozenset(), {**known, **scalars}))
    info = rules.info(term)
    if info.constant:
        return PseudoLipschitz("proved", "a constant", trace(rules.steps, info.step), (), Fraction(1), True, True)
    if info.regularity < Regularity.LIPSCHITZ or not info.slope.polynomial:
        return PseudoLipschitz("unknown", "no rule bounds it near the limits of its scalars")
    order, attained = order_of(info.slope)
    because = f"locally Lipschitz near the limits, slope at most {info.slope.said()}"
    return PseudoLipschitz("proved", because, trace(rules.steps, info.step), (), order, attained or None)
