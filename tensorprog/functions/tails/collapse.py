"""A family seen at equal members: sum(h(v[j]) for j) with all v[j] = v is N h(v), for counterexamples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorprog.kernel.ground.term import mul, recip
from tensorprog.terms import App, Bind, Num, Term, Var

if TYPE_CHECKING:
    from tensorprog.functions.tails.analyzer import Analyzer


def collapse(t: Term, rules: Analyzer) -> Term:
    """t where every member of a family has the same value; a sum has as many summands as its ranges say, else 2.

    >>> from tensorprog.functions.tails.analyzer import Analyzer
    >>> from tensorprog.terms import read, to_text
    >>> to_text(collapse(read("sum(softmax(p[j] over j)*v[j] for j)"), Analyzer(frozenset("pv"), {}, {"j": (1, 4)})))
    '4*(1/4*v)'
    """
    match t:
        case Var(name, subs) if subs and name in rules.variables:
            return Var(name)
        case App(head, args):
            return App(head, tuple(collapse(a, rules) for a in args), t.place)
        case Bind("softmax", _, over, mask):
            # equal scores weigh equally; a mask leaves some of them, here one
            return Num(1) if mask is not None else recip(Num(count(rules, over)))
        case Bind("sum", (body,), over, _):
            return mul(Num(count(rules, over)), collapse(body, rules))
        case Bind("max" | "min", (body,), _, _):
            return collapse(body, rules)
        case _:
            return t


def count(rules: Analyzer, over: tuple[str, ...]) -> int:
    out = 1
    for i in over:
        low, high = rules.sizes.get(i, (1, 2))
        out *= high - low + 1
    return out
