"""Functions of vectors and scalars: every continuous part in scalars alone becomes one scalar, as if it had a name."""

from __future__ import annotations

from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.term import add, children, mul, rebuild
from tensorprog.numbers.interval import REALS
from tensorprog.program.normal.open import unrolled
from tensorprog.terms import App, Bind, Term, Var
from tensorprog.theorems.limits.at_limit import CONDITIONS, MAX_UNROLLED, AtLimit, Pulled


def pull(at_limit: AtLimit, t: Term) -> Pulled:
    """Name the largest continuous parts in scalars alone, and decide the conditions that the limits decide."""
    out = Pulled(t)
    out.term = _pull(at_limit, t, out)
    return out


def _pull(at_limit: AtLimit, t: Term, out: Pulled) -> Term:
    if not at_limit.scalars(t):
        return t
    if isinstance(t, Var):
        return at_limit.named(t, out) if at_limit.alone(t) or at_limit.always(t) != REALS else t
    if isinstance(t, App) and t.head in CONDITIONS:
        return rebuild(t, tuple(_pull(at_limit, c, out) for c in children(t)))
    if at_limit.alone(t):
        here = at_limit.judge(t)
        if here.continuous:
            return at_limit.named(t, out)
        out.faults.append((t, here))
        return rebuild(t, tuple(_pull(at_limit, c, out) for c in children(t)))
    match t:
        case App("where", (condition, yes, no)):
            holds = at_limit.truth(condition) if not at_limit.program.vectors_in(condition) else None
            if holds is not None:
                return _pull(at_limit, yes if holds else no, out)
            return App("where", tuple(_pull(at_limit, c, out) for c in (condition, yes, no)), t.place)
        case App("add" | "mul", args):
            mine = [a for a in args if at_limit.alone(a)]
            if len(mine) > 1:
                joined = add(*mine) if t.head == "add" else mul(*mine)
                rest = [a for a in args if not at_limit.alone(a)]
                if at_limit.judge(joined).continuous:
                    parts = [at_limit.named(joined, out), *(_pull(at_limit, a, out) for a in rest)]
                    return add(*parts) if t.head == "add" else mul(*parts)
        case Bind(head) if head != "softmax" and at_limit.moments(t):
            try:
                return _pull(at_limit, unrolled(at_limit.program, t, MAX_UNROLLED), out)
            except CannotCompose:
                pass
    return rebuild(t, tuple(_pull(at_limit, c, out) for c in children(t)))
