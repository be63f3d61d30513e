"""Softmax written out: e^u_j / sum_i c_i e^u_i, and log sum_i c_i e^u_i.

The weights w_i = c_i e^u_i / sum are in (0, 1) and sum to 1, and grad w_j = w_j (grad u_j - sum_i w_i grad u_i), so
|grad w_j| <= 2 max_i |grad u_i|; the logarithm's gradient is sum_i w_i grad u_i, an average.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.functions.evaluate.polynomial import is_zero
from tensorprog.functions.named.library import library
from tensorprog.functions.rules.calculus import Calculus
from tensorprog.functions.rules.info import Info, Regularity
from tensorprog.functions.rules.ranges import image
from tensorprog.functions.rules.rates import ANY, BOUNDED, least, most
from tensorprog.kernel.ground.term import ONE, ZERO, add, mul, neg, recip, shift_subs, variables
from tensorprog.numbers.interval import Interval
from tensorprog.terms import App, Bind, Term

Part = tuple[Term, Term]
"""c and u of a summand c e^u; a constant summand has u = 0."""


def parts_of(rules: Calculus, total: Term) -> list[Part] | None:
    """Return the summands c_i e^u_i of a sum of exponentials with constants c_i > 0; None if it is not one."""
    if not (isinstance(total, App) and total.head == "add"):
        return None
    out = [_part(rules, a) for a in _summands(total)]
    kept = [p for p in out if p is not None]
    return kept if len(kept) == len(out) and any(u != ZERO for _, u in kept) else None


def _summands(t: Term) -> list[Term]:
    """Return the summands of a sum, whatever its parentheses."""
    return [s for a in t.args for s in _summands(a)] if isinstance(t, App) and t.head == "add" else [t]


def _part(rules: Calculus, t: Term) -> Part | None:
    match t:
        case App("exp", (u,)):
            return (ONE, u)
        case App("mul", args):
            constants = [a for a in args if rules.info(a).constant]
            rest = [a for a in args if not rules.info(a).constant]
            if len(rest) == 1 and isinstance(rest[0], App) and rest[0].head == "exp":
                c = mul(*constants)
                return (c, rest[0].args[0]) if rules.info(c).range.positive else None
            return None
        case _:
            info = rules.info(t)
            return (t, ZERO) if info.constant and info.total and info.range.positive else None


def share_info(rules: Calculus, t: Term, args: tuple[Term, ...]) -> Info | None:
    """Return a product that holds 1/(sum of exponentials) and one of them (or a sum of multiples of them)."""
    for k, a in enumerate(args):
        if not (isinstance(a, App) and a.head == "recip"):
            continue
        found = _indexed(rules, t, a, [*args[:k], *args[k + 1 :]])
        if found is not None:
            return found
        parts = parts_of(rules, a.args[0])
        if parts is None:
            continue
        others = [*args[:k], *args[k + 1 :]]
        for j, b in enumerate(others):
            rest = [*others[:j], *others[j + 1 :]]
            own = next((p for p in parts if p[1] != ZERO and b == App("exp", (p[1],))), None)
            if own is not None:
                share = _share(rules, mul(b, a), parts, own)
                return rules.product_of(t, [share, *(rules.info(r) for r in rest)]) if rest else share
            above = _summands(b)
            if len(above) > 1 and all(_holds(p, parts) for p in above):
                spread = add(*(mul(*_factors(p), a, *rest) for p in above))
                inner = rules.info(spread)
                return rules.step("softmax", t, inner, (inner.step,), "each exponential over the sum is a weight")
    return None


def _indexed(rules: Calculus, t: Term, below: App, others: list[Term]) -> Info | None:
    """w_j = e^u_j / (c + sum_k e^u_k) over an index, c >= 0: grad w_j = w_j (grad u_j - sum_k w_k grad u_k)."""
    total = below.args[0]
    summands = total.args if isinstance(total, App) and total.head == "add" else (total,)
    sums = [s for s in summands if isinstance(s, Bind) and s.head == "sum" and len(s.over) == 1 and s.mask is None]
    rest = [rules.info(s) for s in summands if s not in sums]
    if len(sums) != 1 or not all(i.constant and i.total and i.range.nonnegative for i in rest):
        return None
    (index,), (body,) = sums[0].over, sums[0].args
    if not (isinstance(body, App) and body.head == "exp"):
        return None
    for j, b in enumerate(others):
        if isinstance(b, App) and b.head == "exp" and _is_member(rules, b.args[0], body.args[0], index):
            u = rules.info(body.args[0])
            if not u.total:
                return None
            share = Info(u.vars, u.regularity, Interval(Fraction(0), Fraction(1), False, True), BOUNDED, u.slope,
                         True, True)  # fmt: skip
            found = rules.step("softmax", mul(b, below), share, (u.step,))
            left = [*others[:j], *others[j + 1 :]]
            return rules.product_of(t, [found, *(rules.info(r) for r in left)]) if left else found
    return None


def _is_member(rules: Calculus, one: Term, u: Term, index: str) -> bool:
    """Return whether this term is u at some value of the index."""
    if index not in rules.sizes:
        return False
    low, high = rules.sizes[index]
    for s in dict.fromkeys(s for v in variables(one) for s in v.subs):
        lo, hi = (s, s) if isinstance(s, int) else rules.sizes.get(s, (low - 1, high))
        there = shift_subs(u, {index: s})
        if low <= lo and hi <= high and (there == one or (rules.info(one).total and is_zero(add(there, neg(one))))):
            return True
    return False


def _factors(t: Term) -> tuple[Term, ...]:
    return t.args if isinstance(t, App) and t.head == "mul" else (t,)


def _holds(t: Term, parts: list[Part]) -> bool:
    return any(f == App("exp", (u,)) for f in _factors(t) for _, u in parts if u != ZERO)


def _share(rules: Calculus, t: Term, parts: list[Part], own: Part) -> Info:
    """e^u_j / sum_i c_i e^u_i, in (0, 1/c_j)."""
    infos = [rules.info(u) for _, u in parts if u != ZERO]
    union = frozenset().union(*(i.vars for i in infos))
    regularity = Regularity(min(i.regularity for i in infos))
    high = rules.info(recip(own[0])).range.high
    if len(parts) < 2 or not all(i.total for i in infos):
        return Info(union)
    info = Info(
        union,
        Regularity(max(regularity, Regularity.LOCALLY_BOUNDED)),
        Interval(Fraction(0), high),
        BOUNDED,
        most(*(i.slope_within(union) for i in infos)),
        True,
        True,
    )
    return rules.step("softmax", t, info, tuple(i.step for i in infos))


def reciprocal_share(rules: Calculus, t: Term, total: Term) -> Info | None:
    """1/(c + sum_i c_i e^u_i) with c > 0: (1/c) times a weight."""
    parts = parts_of(rules, total)
    if parts is None:
        return None
    own = next((p for p in parts if p[1] == ZERO), None)
    return _inverse_sum(rules, t, parts) if own is None else _share(rules, t, parts, own)


def _inverse_sum(rules: Calculus, t: Term, parts: list[Part]) -> Info | None:
    """1/sum_i c_i e^u_i <= e^-u_1/c_1, with the gradient -(sum_i w_i grad u_i)/sum."""
    infos = [rules.info(u) for _, u in parts]
    union = frozenset().union(*(i.vars for i in infos))
    if not all(i.total for i in infos):
        return None
    growth = least(*(i.growth_within(union).clipped().exponential() for i in infos))
    slope = most(*(i.slope_within(union) for i in infos)).times(growth)
    regularity = Regularity(min(i.regularity for i in infos))
    return rules.step(
        "quotient", t, Info(union, regularity, Interval(Fraction(0), None), growth, slope, True),
        tuple(i.step for i in infos),
    )  # fmt: skip


def log_sum_exp(rules: Calculus, t: Term, total: Term) -> Info | None:
    """log sum_i c_i e^u_i: between max_i (u_i + log c_i) and that plus log k; the slope of the u_i."""
    parts = parts_of(rules, total)
    if parts is None:
        return None
    infos = [rules.info(u) for _, u in parts]
    union = frozenset().union(*(i.vars for i in infos))
    if not all(i.total for i in infos) or not union:
        return None
    low = any(i.below for i in infos)
    growth = most(BOUNDED, *(i.growth_within(union).clipped() for i in infos))
    info = Info(
        union,
        Regularity(min(i.regularity for i in infos)),
        image(rules.info(total).range, library()["log"]),
        growth=growth if growth.level <= 1 else ANY,
        slope=most(*(i.slope_within(union) for i in infos)),
        below=low,
        above=all(i.above for i in infos),
    )
    return rules.step("log-sum-exp", t, info, tuple(i.step for i in infos))
