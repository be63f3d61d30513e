"""The rules about functions of three shapes: norms, entries of softmaxes written out, branches."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.rates import ANY
from tensorprog.kernel.core.refused import Refused, require
from tensorprog.kernel.core.statements import Fact, Premises, Statement
from tensorprog.kernel.ground.term import App, Bind, Num, Var, add, mul, neg, power, recip, shift_subs
from tensorprog.kernel.verdict.facts import either, facts
from tensorprog.kernel.verdict.rates import combine, settle


def norm(ctx: Context, premises: Premises) -> Statement:
    """(u^2 + v^2 + ...)^(1/2)."""
    terms, infos = facts(premises)
    require(len(terms) >= 2, "two parts or more")
    t = power(add(*(power(u, Num(2)) for u in terms)), Num(Fraction(1, 2)))
    out = combine(App("max", tuple(terms)), [combine(App("abs", (u,)), [i]) for u, i in zip(terms, infos, strict=True)])
    return Fact(t, out._replace(nonzero=any(i.nonzero for i in infos), away=any(i.away for i in infos)))


def share(ctx: Context, premises: Premises) -> Statement:
    """An entry of a softmax written out: exp(u at j) / sum(exp(u) over l)."""
    (entry,), (info,) = facts(premises, 1)
    match entry:
        case Bind("softmax", (u, *at), over, None) if all(isinstance(j, Var) and not j.subs for j in at):
            places = {k: j.name for k, j in zip(over, at, strict=True) if isinstance(j, Var)}
            spans = [(ctx.program.range_of(j), ctx.program.range_of(k)) for k, j in places.items()]
            require(all(k[0] <= j[0] and j[1] <= k[1] for j, k in spans), "the entry is one of the summands")
            total = Bind("sum", (App("exp", (u,)),), over, None)
            return Fact(mul(App("exp", (shift_subs(u, dict(places)),)), recip(total)), info)
    raise Refused("an entry of a softmax without a mask")


def branches(ctx: Context, premises: Premises, head: str) -> Statement:
    """where(left <> right, yes, no) without continuity: what holds of both branches; of one, if it alone is read."""
    (left, right, yes, no), (a, b, u, v) = facts(premises, 4)
    require(head in ("lt", "le", "gt", "ge"), "a comparison")
    t = App("where", (App(head, (left, right)), yes, no))
    every = combine(App("add", (left, right, yes, no)), [a, b, u, v])
    gap = combine(add(left, neg(right)), [a, b.negated])
    if gap.nonzero and (gap.plus or gap.minus):
        return Fact(t, (u if gap.plus == (head in ("gt", "ge")) else v)._replace(local=every.local))
    return Fact(t, settle(either(u, v)._replace(level=1, slope=ANY, constant=every.constant, local=every.local)))
