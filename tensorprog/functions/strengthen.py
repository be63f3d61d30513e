"""Stronger methods for a whole function, where composition leaves something open: points, and partial derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tensorprog.functions.calculus import Analyzer
from tensorprog.functions.derivative import Underivable, derivative
from tensorprog.functions.info import ZERO, Info, Regularity
from tensorprog.functions.pieces import Pieces, examine
from tensorprog.functions.rates import least, most
from tensorprog.functions.rules import settled
from tensorprog.terms import Term, Var
from tensorprog.terms.term import size

MAX_SIZE = 300


def strengthen(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> tuple[Info, Pieces | None]:
    """The info of a whole function, improved; and what was found point by point."""
    pieces: Pieces | None = None
    if len(xs) == 1 and info.regularity < Regularity.LIPSCHITZ and size(t) <= MAX_SIZE:
        pieces = examine(rules, t, xs[0])
        better = replace(info, vars=frozenset(xs), regularity=max(info.regularity, _level(pieces)))
        if better.regularity > info.regularity:
            info = rules.step("piecewise", t, settled(better), (info.step,), "; ".join(pieces.said))
            info = rules.improve(t, info)
    if len(xs) > 1 and info.regularity >= Regularity.LIPSCHITZ and not info.slope.bounded and size(t) <= MAX_SIZE:
        info = by_partials(rules, t, info, xs)
    return info, pieces


def _level(found: Pieces) -> Regularity:
    if not found.total:
        return Regularity.UNKNOWN
    if found.continuous:
        return Regularity.LIPSCHITZ if found.lipschitz else Regularity.CONTINUOUS
    return Regularity.LOCALLY_BOUNDED if found.tame else Regularity.TOTAL


def by_partials(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var]) -> Info:
    """|grad f| from the growth of each partial derivative (almost everywhere, r large)."""
    rates = [ZERO]
    union = frozenset(xs)
    premises = [info.step]
    try:
        for v in xs:
            part = rules.info(derivative(t, v))
            rates.append(part.growth_within(union) if part.vars else part.growth)
            premises.append(part.step)
    except (Underivable, RecursionError):
        return info
    slope = least(info.slope, most(*rates))
    if slope == info.slope:
        return info
    return rules.step("partial derivatives", t, replace(info, slope=slope), tuple(premises))
