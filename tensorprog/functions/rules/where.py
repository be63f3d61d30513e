"""Piecewise functions: where(condition, a, b), and products with sign or step.

Two pieces that agree on the boundary make a continuous function; locally Lipschitz pieces a locally Lipschitz one
(each piece is Lipschitz on a convex box that holds its region, and a segment from one region to the other passes
through the boundary).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce

from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import Polynomial, is_zero, normal
from tensorprog.functions.named.library import library
from tensorprog.functions.rules import ranges
from tensorprog.functions.rules.calculus import Calculus
from tensorprog.functions.rules.info import Info, Regularity, settled
from tensorprog.functions.rules.rates import most
from tensorprog.functions.rules.roots import divides, rational_roots
from tensorprog.kernel.ground.term import mul, neg, sub, substitute, variables
from tensorprog.numbers.interval import Interval
from tensorprog.terms import App, Num, Term, Var

MAX_BRANCHES = 12


def where_info(rules: Calculus, t: Term, condition: Term, yes: Term, no: Term) -> Info:
    """where(condition, yes, no)."""
    if rules.depth > MAX_BRANCHES:
        return Info(_vars(rules, t))
    conditions = condition.args if isinstance(condition, App) and condition.head == "and" else (condition,)
    if not all(isinstance(c, App) and c.head in ("lt", "le", "gt", "ge") for c in conditions):
        return Info(_vars(rules, t))
    decided = [decide(rules, c) for c in conditions]
    premises = tuple(rules.info(difference(c)).step for c in conditions)
    if not all(rules.info(difference(c)).total for c in conditions):
        return rules.step("piecewise", t, Info(_vars(rules, t)), premises, "the condition may be undefined")
    if False in decided or all(decided):
        chosen = rules.info(no if False in decided else yes)
        return rules.step("piecewise", t, chosen, (*premises, chosen.step), "only one branch is ever read")
    open_conditions = [c for c, d in zip(conditions, decided, strict=True) if d is None]
    where_yes: dict[Var, Interval] = {}
    for c in open_conditions:
        for v, interval in region(rules, c, True).items():
            where_yes[v] = ranges.meet(where_yes.get(v, interval), interval)
    where_no = region(rules, open_conditions[0], False) if len(open_conditions) == 1 else {}
    a, b = rules.inside(where_yes).info(yes), rules.inside(where_no).info(no)
    lowest = Regularity(min(a.regularity, b.regularity))
    regularity = Regularity(min(lowest, Regularity.LOCALLY_BOUNDED))
    note = ""
    smooth_boundary = lowest >= Regularity.CONTINUOUS and all(
        rules.info(difference(c)).regularity >= Regularity.CONTINUOUS for c in open_conditions
    )
    if smooth_boundary and all(vanishes(rules, sub(yes, no), difference(c)) for c in open_conditions):
        regularity = Regularity(min(lowest, Regularity.LIPSCHITZ))
        note = "the branches agree on the boundary"
    union = a.vars | b.vars | frozenset().union(*(rules.info(difference(c)).vars for c in open_conditions))
    info = Info(
        union,
        regularity,
        ranges.hull(a.range, b.range),
        most(a.growth_within(union), b.growth_within(union)),
        most(a.slope_within(union), b.slope_within(union)),
        a.below and b.below,
        a.above and b.above,
        away=a.away and b.away,
        up=_least(a, b, union, up=True),
        down=_least(a, b, union, up=False),
    )
    if not union:
        return rules.constant(t, regularity, info.range, (*premises, a.step, b.step))
    return rules.step("piecewise", t, settled(info), (*premises, a.step, b.step), note)


def _least(a: Info, b: Info, union: frozenset[Var], up: bool) -> Fraction | None:
    x, y = (a.up, b.up) if up else (a.down, b.down)
    if x is None or y is None or a.vars != union or b.vars != union:
        return None
    return min(x, y)


def _vars(rules: Calculus, t: Term) -> frozenset[Var]:
    return frozenset(v for v in variables(t) if v.name in rules.variables)


def difference(condition: Term) -> Term:
    """left - right of a comparison."""
    assert isinstance(condition, App)
    a, b = condition.args
    return a if b == Num(0) else App("add", (a, neg(b)))


def decide(rules: Calculus, condition: Term) -> bool | None:
    """Return the truth of a condition, if it is the same everywhere."""
    assert isinstance(condition, App)
    d = difference(condition)
    head = condition.head
    if not rules.info(d).total:
        return None
    if is_zero(d):
        return head in ("le", "ge")
    x = rules.info(d).range
    if x.positive:
        return head in ("gt", "ge")
    if x.negative:
        return head in ("lt", "le")
    if x.nonnegative and head in ("ge", "lt"):
        return head == "ge"
    if x.nonpositive and head in ("le", "gt"):
        return head == "le"
    return None


def linear(form: Polynomial, v: Var) -> tuple[Polynomial, Polynomial] | None:
    """form = slope * v + rest with v in neither; None if it is not affine in v."""
    slope: dict[tuple[tuple[Term, Fraction], ...], Fraction] = {}
    rest: dict[tuple[tuple[Term, Fraction], ...], Fraction] = {}
    for m, c in form.terms.items():
        inside: list[tuple[Term, Fraction]] = [(t, e) for t, e in m if v in variables(t)]
        if not inside:
            rest[m] = c
        elif len(inside) == 1 and inside[0] == (v, Fraction(1)):
            slope[tuple(x for x in m if x[0] != v)] = c
        else:
            return None
    return (Polynomial(slope), Polynomial(rest)) if slope else None


def solutions(rules: Calculus, d: Term) -> list[tuple[Var, Term]] | None:
    """Substitutions v := e that together cover {d = 0}; None if they cannot be found.

    d affine in v; or affine in |v| or v^2, with both signs.
    """
    try:
        form = normal(d)
    except Undecided:
        return None
    if len(form.terms) == 1:  # a product vanishes where a factor does
        factors = [t for m in form.terms for t, e in m if e > 0]
        if all(isinstance(f, Var) and f.name in rules.variables for f in factors):
            return [(f, Num(0)) for f in factors if isinstance(f, Var)]
    for v in sorted(_vars(rules, d), key=repr):
        for atom, roots in ((v, 1), (App("abs", (v,)), 2)):
            w = Var("solved for")
            try:
                moved = normal(substitute(form.term(), {atom: w}))
            except Undecided:
                continue
            if v in variables(moved.term()) or (split := linear(moved, w)) is None:
                continue
            slope = rules.info(split[0].term())
            if not (slope.constant and slope.away):
                continue
            root = App("mul", (Num(-1), split[1].term(), App("recip", (split[0].term(),))))
            return [(v, root)] if roots == 1 else [(v, root), (v, neg(root))]
        if (rational := rational_roots(form, v)) is not None:
            return [(v, Num(r)) for r in rational]
    return None


def region(rules: Calculus, condition: Term, holds: bool) -> Mapping[Var, Interval]:
    """Return a box that holds the closed region where the condition is true (or false): v <= e or v >= e."""
    assert isinstance(condition, App)
    try:
        form = normal(difference(condition))
    except Undecided:
        return {}
    own = list(_vars(rules, form.term()))
    if len(own) != 1 or (split := linear(form, own[0])) is None:
        return {}
    slope, rest = split[0].constant(), split[1].constant()
    if slope is None or rest is None or slope == 0:
        return {}
    at = -rest / slope
    less = (condition.head in ("lt", "le")) == (slope > 0)
    if less == holds:
        return {own[0]: Interval(None, at, False, True)}
    return {own[0]: Interval(at, None, True, False)}


def _vanishing(rules: Calculus, d: Term) -> Term:
    """Return a term that is 0 where d is: d without its factors that are nowhere 0."""
    if not (isinstance(d, App) and d.head == "mul"):
        return d
    known = [(a, rules.info(a)) for a in d.args]
    return mul(*(_vanishing(rules, a) for a, i in known if not (i.total and (i.range.positive or i.range.negative))))


def vanishes(rules: Calculus, t: Term, d: Term) -> bool:
    """Return whether t = 0 on {d = 0}."""
    d = _vanishing(rules, d)
    roots = solutions(rules, d)
    if roots is not None:
        return all(is_zero(substitute(t, {v: e})) for v, e in roots)
    own = sorted(_vars(rules, d), key=repr)
    try:
        return len(own) == 1 and divides(normal(d), normal(t), own[0])
    except Undecided:
        return False


def _jumps(head: str) -> bool:
    """Return whether a named function jumps at 0 and is constant on both sides."""
    record = library().get(head)
    return record is not None and record.constant_between and record.halves is not None


def jump_product(rules: Calculus, t: Term, args: tuple[Term, ...]) -> Info | None:
    """rest * sign(u) (or step): continuous if rest = 0 where u = 0; |rest| and |grad rest| bound it."""
    jumps = [a for a in args if isinstance(a, App) and _jumps(a.head) and not rules.info(a).constant]
    rest = [a for a in args if a not in jumps]
    if not jumps or not rest:
        return None
    body = mul(*rest)
    r = rules.info(body)
    inner = [rules.info(j.args[0]) for j in jumps]
    if r.regularity < Regularity.CONTINUOUS or any(i.regularity < Regularity.CONTINUOUS for i in inner):
        return None
    if not all(vanishes(rules, body, j.args[0]) for j in jumps):
        return None
    interval = reduce(ranges.mul, (rules.info(j).range for j in jumps), r.range)
    union = r.vars.union(*(i.vars for i in inner))
    regularity = Regularity(min(r.regularity, Regularity.LIPSCHITZ))
    info = Info(union, regularity, interval, r.growth_within(union), r.slope_within(union))
    return rules.step("piecewise", t, settled(info), (r.step, *(i.step for i in inner)), "0 where the sign changes")
