"""Unused scores that a program defines: the theorem's scores p_1, ..., p_r may be more than the output reads.

A product W x of a score matrix W is no violation of Assumption 1(a) if it is a side of an unused score. Any set of
scores may be added of which each qualifies by itself and whose matrices make nothing but score sides. The union of two
such sets is one, so there is a greatest: what is left when scores with a matrix that makes something else are removed
from all that qualify, until there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from tensorprog.program.nodes import Dot, Input
from tensorprog.terms import Var
from tensorprog.theorems import attention
from tensorprog.theorems.case import Case, Shared
from tensorprog.theorems.exclusivity import Violation, makes_side, not_distinct, not_exclusive

FEW_MEMBERS = 40
ASKED = (attention.scaling, attention.matmul, attention.positive, attention.nonlinearities, attention.no_moments)


@dataclass(frozen=True, slots=True)
class _Extra:
    """One unused score (or a family of them), and what it depends on."""

    root: Var
    case: Case


def with_unused_scores(shared: Shared, root: Var, case: Case, bounded: bool = False) -> Case | None:
    """The case with the greatest set of unused scores that qualifies, if that makes score matrices exclusive.

    `bounded`: only scores of bounded features, which the theorem asks for but for a remark.
    """
    extras = [e for e in (_Extra(r, Case(shared, [r])) for r in _unused(shared, case)) if _qualifies(e.case)]
    if bounded:
        extras = [e for e in extras if attention.bounded(e.case).status == "proved"]
    while extras:
        wider = Case(shared, [root, *(e.root for e in extras)])
        found = not_exclusive(wider, wider.scores)
        if found is None:
            return wider
        left = [e for e in extras if not _to_blame(e, found, case)]
        if len(left) == len(extras):
            return None
        extras = left
    return None


def _unused(shared: Shared, case: Case) -> list[Var]:
    """Scores that the case does not read, or not all members of; one by one where they are few."""
    p = shared.program
    mine = {id(d) for d in case.dots}
    nodes = [n for n in p.nodes if isinstance(n, Dot) and shared.powers.is_score(n) and id(n) not in mine]
    nodes = [n for n in nodes if not any(isinstance(m, Input) for s in (n.left, n.right) for m, _ in p.resolve(s))]
    nodes += [n for n in case.scores if case.demand[id(n)] != [case.box(n)]]
    if sum(case.box(n).size for n in nodes) > FEW_MEMBERS:
        return [Var(n.name, n.subs) for n in nodes]
    out = []
    for n in nodes:
        ranges = [range(s, s + 1) if isinstance(s, int) else range(*_span(shared, s)) for s in n.subs]
        out += [Var(n.name, at) for at in product(*ranges)]
    return out


def _span(shared: Shared, index: str) -> tuple[int, int]:
    lo, hi = shared.program.range_of(index)
    return lo, hi + 1


def _qualifies(case: Case) -> bool:
    """Does a score satisfy by itself what the theorem asks of each, all but exclusivity?"""
    if not case.scores or any(case.depends_on_score(side) for d in case.scores for side in (d.left, d.right)):
        return False
    return not_distinct(case, case.scores) is None and all(decide(case).status == "proved" for decide in ASKED)


def _to_blame(extra: _Extra, found: Violation, case: Case) -> bool:
    """Must this score go: its own matrix makes something else, or it alone asks for what another matrix makes?"""
    if makes_side(extra.case, extra.case.scores, found.at, found.matrix):
        return True
    return id(found.at) in extra.case.demand and id(found.at) not in case.demand
