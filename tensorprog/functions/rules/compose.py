"""The composition rules: from what is known of the parts to what holds of the whole, with exact exponents.

With |f| <= A(1+r^g) and slope <= B(1+r^s): a sum has the larger exponents; a product g1+g2 and max(s1+g2, g1+s2);
f of u has g_f g_u and s_f g_u + s_u; max, min and a piecewise function that is continuous across its boundaries
have the larger of their pieces' exponents. A denominator needs a lower bound c > 0, or grows and so absorbs.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import reduce

from tensorprog.functions.named.library import library
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.calculus import Calculus
from tensorprog.functions.rules.heads import averaged, bind_info, function_info, opened, side
from tensorprog.functions.rules.info import Info, Regularity, of_variable, settled, slope_times
from tensorprog.functions.rules.power import power_info
from tensorprog.functions.rules.rates import ANY, BOUNDED, Rate, most
from tensorprog.functions.rules.softmax import log_sum_exp, reciprocal_share, share_info
from tensorprog.functions.rules.where import jump_product, where_info
from tensorprog.kernel.ground.term import mul, neg
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Bind, Num, Term, Var


class Rules(Calculus):
    """The rule for each head."""

    def rule(self, t: Term) -> Info:
        match t:
            case Num(value):
                return self.constant(t, Regularity.SMOOTH, ranges.point(value))
            case Var(name) if name in self.variables:
                return self.step("variable", t, of_variable(t, self.env.get(t, REALS), -1))
            case Var(name):
                return self.constant(t, Regularity.SMOOTH, self.assumptions.get(name, REALS))
            case Bind(_, (body, *_)):
                inner, v = self.info(body), averaged(t)
                found = bind_info(t, inner, None if v is None else self.info(v), self.sizes)
                return self._recorded(t, found, [inner])
            case App("pi"):
                return self.constant(t, Regularity.SMOOTH, Interval(Fraction("3.14159265"), Fraction("3.14159266")))
            case App("add", args):
                return self.sum(t, args)
            case App("mul", args):
                return self.product(t, args)
            case App("neg", (u,)):
                return self.negative(t, u)
            case App("recip", (u,)):
                return self.reciprocal(t, u)
            case App("pow", (base, exponent)):
                return power_info(self, t, base, exponent)
            case App("sqrt", (u,)):
                return power_info(self, t, u, Num(Fraction(1, 2)))
            case App("where", (condition, yes, no)):
                return where_info(self, t, condition, yes, no)
            case App("log", (u,)) if (summed := log_sum_exp(self, t, u)) is not None:
                return summed
            case App(head, args) if opened(head, args):
                definition = library()[head].expand(args)
                if definition is None:
                    return Info(frozenset().union(*(self.info(a).vars for a in args)))
                inner = self.info(definition)
                return self.step("definition", t, inner, (inner.step,))
            case App(head, args):
                parts = [self.info(a) for a in args]
                if len(parts) == 1 and (at := side(head, parts[0])) is not None:
                    return self.constant(t, Regularity.SMOOTH, self.info(at).range, (parts[0].step,))
                return self._recorded(t, function_info(head, parts), parts)
        raise AssertionError(t)

    def _recorded(self, t: Term, found: tuple[str, Info], parts: list[Info]) -> Info:
        rule, info = found
        premises = tuple(p.step for p in parts)
        if rule == "const":
            return self.constant(t, info.regularity, info.range, premises)
        return self.step(rule, t, info, premises) if rule else info

    def sum(self, t: Term, args: tuple[Term, ...]) -> Info:
        parts = [self.info(a) for a in args]
        interval = reduce(ranges.add, (p.range for p in parts))
        regularity = Regularity(min(p.regularity for p in parts))
        steps = tuple(p.step for p in parts)
        union = frozenset().union(*(p.vars for p in parts))
        if not union:
            return self.constant(t, regularity, interval, steps)
        growth = most(*(p.growth_within(union) for p in parts))
        slope = most(*(p.slope_within(union) for p in parts))
        below, above = all(p.below for p in parts), all(p.above for p in parts)
        if regularity >= Regularity.LOCALLY_BOUNDED and growth.bounded:
            below = above = True
        nonnegative = all(p.range.nonnegative for p in parts)
        nonpositive = all(p.range.nonpositive for p in parts)
        away = regularity > 0 and (nonnegative or nonpositive) and any(p.away for p in parts)
        up, down = _coercive(parts, union, +1), _coercive(parts, union, -1)
        info = Info(union, regularity, interval, growth, slope, below or up is not None, above or down is not None,
                    away, up, down)  # fmt: skip
        return self.step("sum", t, settled(info), steps)

    def product(self, t: Term, args: tuple[Term, ...]) -> Info:
        special = jump_product(self, t, args) or share_info(self, t, args)
        if special is not None:
            return special
        factors = [self.info(a) for a in args]
        if any(p.constant and p.total and p.range.point == 0 for p in factors) and all(p.total for p in factors):
            return self.constant(t, Regularity.SMOOTH, ranges.point(0), tuple(p.step for p in factors))
        groups = self._groups(args)
        if len(groups) > 1:
            parts = [self.info(mul(*g)) for g in groups]
        else:
            parts = [self.info(a) for a in args]
        regularity = Regularity(min(p.regularity for p in parts))
        interval = self._product_range(args, parts)
        steps = tuple(p.step for p in parts)
        union = frozenset().union(*(p.vars for p in parts))
        if not union:
            return self.constant(t, regularity, interval, steps)
        return self.product_of(t, parts, interval)

    def _groups(self, args: tuple[Term, ...]) -> list[tuple[Term, ...]]:
        """Return the factors, those that share variables together; constant factors each alone."""
        groups: list[tuple[frozenset[Var], list[Term]]] = []
        for a in args:
            own, members = self.info(a).vars, [a]
            rest = []
            for seen, others in groups:
                if own & seen:
                    own, members = own | seen, others + members
                else:
                    rest.append((seen, others))
            groups = [*rest, (own, members)]
        return [tuple(members) for _, members in groups]

    def _product_range(self, args: tuple[Term, ...], parts: list[Info]) -> Interval:
        """Equal factors are squares, so that x*x >= 0; so is u f(u) for an f with the sign of its argument."""
        for k, a in enumerate(args):
            record = library().get(a.head) if isinstance(a, App) else None
            if isinstance(a, App) and record is not None and record.keeps_sign and a.args[0] in args:
                rest = [b for j, b in enumerate(args) if j != k]
                rest.remove(a.args[0])
                return reduce(ranges.mul, (self.info(b).range for b in rest), Interval(Fraction(0), None, True))
        if len(parts) != len(args) or len(set(args)) == len(args):
            return reduce(ranges.mul, (p.range for p in parts))
        powers = (ranges.whole_power(self.info(a).range, args.count(a)) for a in dict.fromkeys(args))
        return reduce(ranges.mul, powers)

    def negative(self, t: Term, u: Term) -> Info:
        p = self.info(u)
        if p.constant:
            return self.constant(t, p.regularity, ranges.neg(p.range), (p.step,))
        return self.step(
            "sum",
            t,
            replace(p, range=ranges.neg(p.range), below=p.above, above=p.below, up=p.down, down=p.up),
            (p.step,),
        )

    def reciprocal(self, t: Term, u: Term) -> Info:
        share = reciprocal_share(self, t, u)
        if share is not None:
            return share
        if isinstance(u, App) and u.head == "exp":
            inner = self.info(App("exp", (neg(u.args[0]),)))
            return self.step("quotient", t, inner, (inner.step,), "1/exp(u) = exp(-u)")
        p = self.info(u)
        nonzero = p.away or _off_zero(p.range)
        regularity = p.regularity if nonzero else Regularity.UNKNOWN
        if not p.away and regularity < Regularity.CONTINUOUS:
            regularity = Regularity(min(regularity, Regularity.TOTAL))
        interval = ranges.recip(p.range) if _off_zero(p.range) else REALS
        if p.constant:
            return self.constant(t, regularity, interval, (p.step,))
        exponent = p.up if p.up is not None else p.down
        growth = Rate(0, -exponent) if exponent is not None else BOUNDED if p.away else ANY
        slope = slope_times(p.slope, growth.times(growth))
        inverse = Info(
            p.vars, regularity, interval, growth, slope, p.away or interval.positive, p.away or interval.negative,
            away=nonzero and p.bounded,
        )  # fmt: skip
        note = "" if nonzero else "the denominator may vanish"
        return self.step("quotient", t, settled(inverse), (p.step,), note)


def _off_zero(x: Interval) -> bool:
    return x.positive or x.negative


def _coercive(parts: list[Info], union: frozenset[Var], sign: int) -> Fraction | None:
    """sum >= c r^h - K: summands that go to +oo cover all variables, the others are bounded below or grow slower.

    sum_i (c_i r_i^h_i - K_i) >= c r^(min h_i) - K, because r <= sum r_i.
    """
    covered: frozenset[Var] = frozenset()
    exponents: list[Fraction] = []
    rest: list[Info] = []
    for p in parts:
        h = p.up if sign > 0 else p.down
        if h is not None:
            covered |= p.vars
            exponents.append(h)
        elif p.regularity < Regularity.LOCALLY_BOUNDED:
            return None
        elif not (p.below if sign > 0 else p.above):
            rest.append(p)
    if not exponents or covered != union:
        return None
    low = min(exponents)
    for p in rest:
        g = p.growth_within(union)
        if g.level > 0 or (g.level == 0 and (g.power, g.logs) >= (low, 0)):
            return None
    return low
