"""What is averaged over scores without sampling: polynomials in them, and functions of few of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorprog.functions.named.library import grows_exponentially
from tensorprog.kernel.ground.term import walk
from tensorprog.limit.averages import Averages
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.mixtures.score_jumps import refuse_jumps
from tensorprog.limit.values.formulas import MAX_FORMULA, NoFormula
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import App, Term, Var

MAX_LEAVES = 3


def exact(averages: Averages, terms: Sequence[Term]) -> tuple[Any | None, Estimate | None, str] | None:
    """E[t] of one term, Cov(s, t) of two, averaged over scores without sampling: formula, number, what is missing."""
    expr = averages.polynomial(*terms) if len(terms) == 1 else averages.polynomial_covariance(*terms)
    if expr is None:
        found = gaussian(averages, terms)
        return found and (*found, "" if found[0] is not None else "averaged over scores")
    named = averages.algebra
    everywhere = not any({s.name for s in c.free_symbols} <= named.symbols.keys() for c in named.conditions(expr))
    plain = everywhere and not named.names(expr) and named.written(expr).count_ops() <= MAX_FORMULA
    try:
        number, because = named.number(expr).number, "" if plain else "averaged over scores"
    except NoFormula as why:
        number, because = None, str(why)
    if number is None and not plain:
        return None
    return named.plain(expr) if plain else None, number, because


def gaussian(averages: Averages, terms: Sequence[Term]) -> tuple[Any | None, Estimate] | None:
    """E[t] of one term, Cov(s, t) of two, where they read few scores of the first layer: a formula and its number.

    Scores of one layer are jointly Gaussian and independent of the vectors, so functions of them, such as the error
    function of a readout, are averaged by the calculus of Gaussian expectations. None where this gives no number.
    """
    u = averages.u
    try:
        inside = [u.expression(t) for t in terms]
        leaves = frozenset().union(*map(u.below, inside))
        if len(leaves) > MAX_LEAVES or any(u.level(v) > _first_layer(averages, v) for v in leaves):
            return None
        refuse_jumps(averages, inside)
        expr = averages.expectation(*terms) if len(terms) == 1 else averages.covariance(*terms)
    except NotCovered:
        return None
    number = averages.number(expr)
    if not math.isfinite(number.value + number.error) or number.method == "sampling":
        return None
    closed = averages.opened(expr)
    grows = any(isinstance(s, App) and grows_exponentially(s.head) for t in inside for s in walk(t))
    # an exponential's mean may not exist everywhere
    withheld = averages.names(expr) or (closed.free_symbols and grows)
    return (None if withheld else closed), number


def _first_layer(averages: Averages, leaf: Var) -> int:
    """Return the level of a leaf whose law depends on no other score."""
    return int(averages.u.leaves[leaf].kind == "score" and not averages.u.is_plain(leaf))
