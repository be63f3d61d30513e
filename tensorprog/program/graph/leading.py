"""Constants in the limit: the leading parts of sums of powers of the width."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tensorprog.kernel.ground.scaling import mentions_width, width_power
from tensorprog.kernel.ground.term import App, Term, add, children, rebuild


def leading(t: Term, widths: Mapping[str, Fraction]) -> Term:
    """The term with powers of n left out: they belong to the dot products that they scale. A width m = r n leaves r.

    In a sum of constants the largest power counts: 1 + 2/n leaves 1.

    >>> from tensorprog.terms import App, Num, Var
    >>> leading(App("add", (Num(1), App("recip", (Var("n"),)))), {"n": Fraction(1)})
    Num(1)
    """
    if not mentions_width(t, widths):
        return t
    part = width_power(t, widths)
    if part is not None:
        return part[0]
    if isinstance(t, App) and t.head == "add":
        found = [width_power(a, widths) for a in t.args]
        sizes = [p[1] for p in found if p is not None]
        if len(sizes) == len(found):
            return add(*(p[0] for p in found if p is not None and p[1] == max(sizes)))
    return rebuild(t, tuple(leading(a, widths) for a in children(t)))


def moves(t: Term, widths: Mapping[str, Fraction]) -> bool:
    """Return whether this is a sum of constants of several powers of n, 1 + 2/n: constant in the limit, at no n."""
    return isinstance(t, App) and t.head == "add" and mentions_width(t, widths) and width_power(t, widths) is None
