"""What holds of a term without vectors and scalars."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import Own
from tensorprog.kernel.core.rates import Info
from tensorprog.kernel.core.refused import Refused, require
from tensorprog.kernel.core.table import DEFINED
from tensorprog.kernel.core.table import definition as expanded
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import App, Bind, Num, Term, Var, add, neg
from tensorprog.kernel.verdict.rates import combine, settle


def number(ctx: Context, t: Term) -> Info:
    """What holds of a constant, for all admissible params and all values of its indices."""
    ctx.spend(2)
    p = ctx.program
    if isinstance(t, Own):
        raise Refused("a constant")
    if (x := rational(t)) is not None:
        return settle(Info(3, plus=x >= 0, minus=x <= 0, nonzero=x != 0, constant=True))
    match t:
        case Var(name, ()) if name in p.params:
            low, high, q = p.params[name].low, p.params[name].high, p.params[name]
            plus, minus = low is not None and low >= 0, high is not None and high <= 0
            off = (plus and (low != 0 or q.low_open)) or (minus and (high != 0 or q.high_open))
            return settle(Info(3, plus=plus, minus=minus, nonzero=off, constant=True))
        case App("pi") | App("sin", (Num(Fraction(numerator=1)),)):
            return settle(Info(3, plus=True, nonzero=True, constant=True))
        case Var(name, ()) if name in p.widths or name.rstrip("~'") in p.indices:
            positive = name in p.widths or p.range_of(name)[0] > 0
            return settle(Info(3, plus=positive, nonzero=positive, constant=True))
        case Var(name, (s, *more)) if name in p.matrices:
            m = p.matrices[name]
            step = m.shape[-1] + 1 if more == [s] else 1  # along the diagonal
            known = [number(ctx, e) for e in (m.entries or ())[::step]]
            sure = bool(known) and all(u.positive for u in known)
            level = min((u.level for u in known), default=3)
            return settle(Info(level, plus=sure, nonzero=sure, constant=True))
        case App(head, args) if head in DEFINED or (head == "pow" and (rational(args[1]) or 0) < 0):
            return number(ctx, expanded(t))
        case App("pow", (a, Num())):
            return combine(t, [number(ctx, a)])
        case App("pow", (a, e)) if number(ctx, a).positive and number(ctx, e).level:
            return number(ctx, App("pi"))  # positive, like every power of a positive number
        case App("where", (App("gt" | "ge" | "lt" | "le" as head, (left, right)), yes, no)):
            gap = number(ctx, add(left, neg(right)))
            require(gap.nonzero and (gap.plus or gap.minus), "the condition is decided")
            return number(ctx, yes if gap.plus == (head in ("gt", "ge")) else no)
        case App(_, args) | Bind("sum" | "max" | "min", args, _, None):
            return combine(t, [number(ctx, a) for a in args])
    raise Refused("a constant")
