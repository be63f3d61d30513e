"""The calculus of tails: functions of one variable, and their slopes, measured at -oo and +oo.

Composition loses what cancels or decays (x exp(-x^2), x - tanh x, silu). Where only one variable is left, the
expansions at both ends give the exact rates of f and f', and with them order, boundedness and lower bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Self

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, sign_at
from tensorprog.functions.evaluate.derivative import Underivable, derivative
from tensorprog.functions.evaluate.polynomial import Polynomial, is_zero, normal
from tensorprog.functions.rules.compose import Rules
from tensorprog.functions.rules.info import ZERO, Info, Regularity, settled
from tensorprog.functions.rules.ranges import meet, point
from tensorprog.functions.rules.rates import ANY, BOUNDED, INF, Rate, least, most
from tensorprog.functions.rules.roots import coefficients, real_roots
from tensorprog.functions.tails.expand import Expansion
from tensorprog.functions.tails.series import FUEL, LOG, Scale, Series
from tensorprog.kernel.ground.term import add, mul, neg, power, size, substitute, variables, walk
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Bind, Num, Term, Var, to_text

MAX_SIZE = 400


@dataclass(frozen=True, slots=True)
class Tail:
    """One end of a function of one variable: its expansion, and a name for the end."""

    side: int
    series: Series

    @property
    def end(self) -> str:
        return "+oo" if self.side > 0 else "-oo"


@dataclass(eq=False)
class Analyzer(Rules):
    """The composition rules, strengthened by the calculus of tails and exact zero counts of polynomials."""

    expansions: dict[tuple[Var, int, bool], Expansion] = field(default_factory=dict)
    slopes: dict[Term, Rate] = field(default_factory=dict)
    fuel: list[int] = field(default_factory=lambda: [FUEL])

    def inside(self, env: Mapping[Var, Interval]) -> Self:
        return replace(super().inside(env), expansions={}, slopes={})

    def info(self, t: Term) -> Info:
        """Return what is known of t, from the facts of its parts and from its tails."""
        found = self.memo.get(t)
        if found is None:
            found = self.memo[t] = self.improve(t, self.rule(t))
        return found

    def constant_sign(self, t: Term) -> int:
        """Return the sign of a constant, for all admissible params; raises Undecided."""
        if is_zero(t):
            return 0
        interval = self.info(t).range
        if interval.positive:
            return 1
        if interval.negative:
            return -1
        if not variables(t):
            for bits in (80, 400):
                try:
                    s = sign_at(evaluate(t, {}, bits))
                except Undefined as error:
                    raise Undecided(str(error)) from None
                if s is not None:
                    return s
        raise Undecided(f"the sign of {to_text(t)}")

    def tails(self, t: Term, strict: bool = False) -> list[Tail] | None:
        """Return the expansions of a term in one variable at the ends it reaches; None if one is not known."""
        own = [v for v in variables(t) if v.name in self.variables]
        if len(own) != 1 or size(t) > MAX_SIZE or any(isinstance(u, Bind) for u in walk(t)):
            return None
        x = own[0]
        where = self.env.get(x, REALS)
        sides = [s for s, end in ((-1, where.low), (1, where.high)) if end is None]
        out: list[Tail] = []
        for side in sides:
            try:
                out.append(Tail(side, self.expand(t, x, side, strict)))
            except (Undecided, Undefined, Underivable, RecursionError):
                return None
        return out

    def expand(self, t: Term, x: Var, side: int, strict: bool = False) -> Series:
        """Return the expansion at one end; raises Undecided, Undefined."""
        key = (x, side, strict)
        if key not in self.expansions:
            self.expansions[key] = Expansion(x, self.constant_sign, 6, strict, None, self.fuel)
        return self.expansions[key].of(t if side > 0 else substitute(t, {x: neg(x)}))

    def rate(self, scale: Scale | None) -> Rate:
        """Return the rate of a monomial; of 0, the rate of 0."""
        if scale is None:
            return ZERO
        if scale.parts and scale.parts[-1][0] < LOG:  # exp(sqrt(log x)): between the powers, which rates cannot say
            raise Undecided("a factor between the powers and 1")
        for key, c in scale.parts:
            if key == LOG:
                exponent = c.constant()
                if exponent is None:
                    high = self.info(c.term()).range.high
                    return Rate(0, INF if high is None else high, scale.logs)
                return Rate(0, exponent, scale.logs)
            s = self.constant_sign(c.term())
            if s:
                return Rate(s, key[0], key[1])
        return Rate(0, Fraction(0), scale.logs)

    def improve(self, t: Term, found: Info) -> Info:
        """Facts that the expansions at both ends, and counts of zeros, add to those of the rules."""
        if (
            not isinstance(t, App)
            or found.constant
            or len(found.vars) != 1
            or t.head in ("lt", "le", "gt", "ge", "and")
        ):
            return found
        found = self._polynomial(t, found)
        tight = found.growth.bounded and (found.slope.bounded or found.regularity < Regularity.LIPSCHITZ)
        simple = found.growth <= Rate(0, Fraction(1)) and found.slope.bounded and t.head not in ("add", "mul")
        if (tight or simple) and (
            found.away or found.regularity < Regularity.CONTINUOUS or t.head not in ("add", "mul")
        ):
            return found
        if tight and not (found.range.positive or found.range.negative):
            return found
        tails = self.tails(t)
        if not tails:
            return found
        better = self._from_tails(t, found, tails)
        if better == found:
            return found
        return self.step("calculus", t, better, (found.step,), tails=self._said(t, tails, better.slope != found.slope))

    def _said(self, t: Term, tails: list[Tail], with_slope: bool) -> tuple[str, ...]:
        """Return the leading terms of f, and of f' if they were used."""
        out = [f"f {said}" for said in describe(tails)]
        if with_slope:
            (x,) = [v for v in variables(t) if v.name in self.variables]
            slopes = self.tails(derivative(t, x), strict=True)
            out += [f"f' {said}" for said in describe(slopes or [])]
        return tuple(out)

    def _from_tails(self, t: Term, found: Info, tails: list[Tail]) -> Info:
        try:
            rates = [self.rate(tail.series.bound) for tail in tails]
        except Undecided:
            return found
        growth = least(found.growth, most(*rates))
        slope = found.slope
        if not slope.bounded or growth.level < 0:
            slope = least(slope, self.slope_rate(t))
        away, up, down, below, above = found.away, found.up, found.down, found.below, found.above
        signs = [self._lead(tail.series) for tail in tails]
        if None not in signs:
            grows = [r.level == 1 or (r.level == 0 and r.power > 0) for r in rates]
            exponents = [Fraction(64) if r.level == 1 or r.power == INF else Fraction(r.power) for r in rates]
            same = [s for s in (1, -1) if all(x == s for x in signs)]
            if all(grows) and same and found.regularity >= Regularity.LOCALLY_BOUNDED:
                up = min(exponents) if same == [1] else up
                down = min(exponents) if same == [-1] else down
            off = found.range.positive or found.range.negative
            if off and found.regularity >= Regularity.CONTINUOUS and all(r >= BOUNDED for r in rates):
                away = True
        if found.regularity >= Regularity.LOCALLY_BOUNDED:
            below = below or all(r.bounded or s == 1 for r, s in zip(rates, signs, strict=True))
            above = above or all(r.bounded or s == -1 for r, s in zip(rates, signs, strict=True))
        return settled(
            replace(found, growth=growth, slope=slope, away=away, up=up, down=down, below=below, above=above)
        )

    def _lead(self, s: Series) -> int | None:
        """Return the sign of the leading coefficient where it is a constant."""
        if not s.terms:
            return None
        try:
            c = s.terms[0][1]
            if any(isinstance(u, Var) and u.name.startswith("~") for m in c.terms for u, _ in m):
                return None
            return self.constant_sign(c.term()) or None
        except Undecided:
            return None

    def slope_rate(self, t: Term) -> Rate:
        """Return the rate of the derivative at the ends."""
        if t not in self.slopes:
            self.slopes[t] = ANY
            try:
                (x,) = [v for v in variables(t) if v.name in self.variables]
                tails = self.tails(derivative(t, x), strict=True)
                if tails is not None:
                    self.slopes[t] = most(ZERO, *(self.rate(tail.series.bound) for tail in tails))
            except (Underivable, Undecided):
                pass
        return self.slopes[t]

    def _polynomial(self, t: App, found: Info) -> Info:
        """A polynomial without real roots keeps its sign: x^2 - 2 x + 2 > 0."""
        if t.head not in ("add", "mul") or found.range.positive or found.range.negative or self.env:
            return found
        try:
            form = normal(t)
        except Undecided:
            return found
        (x,) = found.vars
        cs = coefficients(form, x)
        if cs is not None and len(cs) == 1 and found.total:
            better = settled(replace(found, range=meet(found.range, point(cs[0])), growth=BOUNDED, slope=ZERO))
            return self.step("algebra", t, better, (found.step,), f"= {cs[0]}")
        if cs is None or len(cs) < 3 or len(cs) % 2 == 0:
            return found
        rational, others = real_roots(cs)
        if rational or others:
            return found
        interval = Interval(Fraction(0), None) if cs[0] > 0 else Interval(None, Fraction(0))
        better = settled(replace(found, range=interval, away=True))
        return self.step("no real root", t, better, (found.step,))


def describe(tails: list[Tail]) -> list[str]:
    """Return the leading behaviour at each end, as a person writes it."""
    said: list[str] = []
    for tail in tails:
        at = Var("x") if tail.side > 0 else App("abs", (Var("x"),))
        lead = tail.series.terms[0] if tail.series.terms else None
        if lead is not None:
            said.append(f"~ {to_text(scale_term(lead[0], lead[1], at))} at {tail.end}")
        elif tail.series.error is not None:
            said.append(f"O({to_text(scale_term(tail.series.error, normal(Num(1)), at))}) at {tail.end}")
        else:
            said.append(f"0 at {tail.end}")
    return said


def scale_term(scale: Scale, c: Polynomial, x: Term) -> Term:
    """c * x^a (log x)^b exp(E) as a term."""
    factors: list[Term] = [] if c.constant() == 1 else [_hide(c.term())]
    exponent: list[Term] = []
    for (a, b), d in scale.parts:
        if (a, b) == LOG:
            factors.append(power(x, d.term()) if d.constant() != 1 else x)
        else:
            exponent.append(mul(d.term(), *_power(x, a), *_power(App("log", (x,)), b)))
    factors += _power(App("log", (x,)), scale.logs)
    if exponent:
        factors.append(App("exp", (add(*exponent),)))
    return mul(*factors) if factors else Num(1)


def _power(x: Term, a: Fraction) -> list[Term]:
    return [] if a == 0 else [x] if a == 1 else [power(x, Num(a))]


def _hide(t: Term) -> Term:
    """Bounded oscillating quantities get a readable name."""
    if isinstance(t, Var):
        return Var("bounded") if t.name.startswith("~") else t
    if isinstance(t, App):
        return App(t.head, tuple(_hide(a) for a in t.args))
    return t
