"""The rules about functions that compare terms in the exact algebra."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import Refused, require
from tensorprog.kernel.core.statements import Fact, Premises, Statement
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.term import App, Num, Term, Var, add, mul, neg, size, variables
from tensorprog.kernel.limits.algebra import as_term, is_zero, normal
from tensorprog.kernel.verdict.facts import facts


def equal(ctx: Context, premises: Premises) -> Statement:
    """What holds of a term holds of another that is equal to it and defined everywhere."""
    (known, target), (better, info) = facts(premises, 2)
    require(info.level and better.level, "both are defined everywhere")
    require(is_zero(ctx, add(known, neg(target))), "the two terms are equal")
    return Fact(target, better._replace(local=better.local | info.local))


def clamped(ctx: Context, premises: Premises, term: Term, solve: Var) -> Statement:
    """where(d > 0, a, b), a sign(d) or a step(d) written with max(v, c) and min(v, c), where d = 0 is v = c.

    If a = b at v = c, where(v > c, a(v), b(v)) is a(max(v,c)) + b(min(v,c)) - a(c); if a = 0 there, a(v) sign(v-c) is
    the same with b = -a, and a(v) step(v-c) with b = 0.
    """
    (body, condition), (info, gap) = facts(premises, 2)
    match term:
        case App("where", (App("gt" | "ge" | "lt" | "le" as head, (left, right)), yes, no)):
            d, above, below = add(left, neg(right)), *((yes, no) if head in ("gt", "ge") else (no, yes))
        case App("mul", (*rest, App("sign" | "step" as head, (d,)))):
            above = mul(*rest)
            below = neg(above) if head == "sign" else Num(0)
        case _:
            raise Refused("a piecewise term")
    require(condition == d, "the condition is defined everywhere")
    ctx.spend(5000 + 3 * size(d) ** 2)
    q = normal(d)
    slope, inside = q.pop(((solve, 1),), Fraction(0)), {v for m in q for t, _ in m for v in variables(t)}
    require(slope and solve not in inside, "the condition is affine in the variable")
    at = as_term({m: -c / slope for m, c in q.items()})
    if slope < 0:
        above, below = below, above
    require(is_zero(ctx, substituted(add(above, neg(below)), {solve: at})), "the branches agree on the boundary")
    high, low = (substituted(t, {solve: App(w, (solve, at))}) for t, w in ((above, "max"), (below, "min")))
    unfolded = add(high, low, neg(substituted(above, {solve: at})))
    require(body == unfolded and info.level, "the premise is about the term with max and min, defined everywhere")
    return Fact(term, info._replace(local=info.local | gap.local))
