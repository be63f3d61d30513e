"""Unused scores that a program defines: the theorem's scores p_1, ..., p_r may be more than the output reads.

A product W x of a score matrix W is no violation of Assumption 1(a) if it is a side of an unused score. Any set of
scores may be added of which each qualifies by itself and whose matrices make nothing but score sides. The union of two
such sets is one, so there is a greatest: what is left when scores with a matrix that makes something else are removed
from all that qualify, until there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.kernel.ground.indices import Pattern
from tensorprog.kernel.ground.nodes import Dot, Input, Node
from tensorprog.kernel.ground.powers import SCORE
from tensorprog.terms import Var
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.exclusivity import Violation, makes_side, not_distinct, not_exclusive
from tensorprog.theorems.papers import attention

FEW_MEMBERS = 40
ASKED = (attention.matmul, attention.positive, attention.nonlinearities, attention.no_moments)


@dataclass(frozen=True, slots=True)
class _Extra:
    """One unused score (or a family of them), and what it depends on."""

    members: tuple[tuple[Node, Pattern], ...]
    case: Case


def with_unused_scores(shared: Shared, roots: Sequence[Var], case: Case, bounded: bool = False) -> Case | None:
    """Return the case with the greatest set of unused scores that qualifies, if that makes score matrices exclusive.

    `bounded`: only scores of bounded features, which the theorem asks for but for a remark.
    """
    extras = [_Extra(found, Case(shared, [], found)) for found in _unused(shared, case)]
    extras = [e for e in extras if _qualifies(e.case)]
    if bounded:
        extras = [e for e in extras if attention.bounded(e.case).status == "proved"]
    while extras:
        wider = Case(shared, roots, [member for e in extras for member in e.members])
        found = not_exclusive(wider, wider.scores)
        if found is None:
            return wider
        left = [e for e in extras if not _to_blame(e, found, case)]
        if len(left) == len(extras):
            return None
        extras = left
    return None


def _unused(shared: Shared, case: Case) -> list[tuple[tuple[Node, Pattern], ...]]:
    """Return scores that the case does not read, or not all members of; one by one where they are few."""
    p = shared.program
    mine = {id(d) for d in case.dots}
    nodes = [n for n in p.nodes if isinstance(n, Dot) and shared.powers.dot_powers.get(id(n)) == {SCORE}]
    nodes = [n for n in nodes if id(n) not in mine or (n in case.scores and case.demand[id(n)] != [case.box(n)])]
    nodes = [n for n in nodes if not any(isinstance(m, Input) for s in (n.left, n.right) for m, _ in p.resolve(s))]
    if sum(case.box(n).size for n in nodes) > FEW_MEMBERS:
        return [((n, case.box(n)),) for n in nodes]
    return [((n, Pattern(at, ())),) for n in nodes for at in case.box(n).members()]


def _qualifies(case: Case) -> bool:
    """Return whether a score satisfies by itself what the theorem asks of each, all but exclusivity."""
    if not case.scores or any(case.depends_on_score(side) for d in case.scores for side in (d.left, d.right)):
        return False
    return not_distinct(case, case.scores) is None and all(decide(case).status == "proved" for decide in ASKED)


def _to_blame(extra: _Extra, found: Violation, case: Case) -> bool:
    """Return whether this score must go: its matrix makes something else, or it alone asks for another's product."""
    if makes_side(extra.case, extra.case.scores, found.at, found.matrix):
        return True
    return id(found.at) in extra.case.demand and id(found.at) not in case.demand
