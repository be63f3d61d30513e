"""Functions of vectors and scalars near the limits of the scalars."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from tensorprog.functions.facts import Fact, Facts
from tensorprog.functions.interval import Interval
from tensorprog.functions.positivity import parametric
from tensorprog.program.nodes import Moment, Node
from tensorprog.program.powers import MOMENT
from tensorprog.terms import Term, Var
from tensorprog.terms.term import variables
from tensorprog.theorems.case import Case
from tensorprog.theorems.near import near_limits


def scalars_in(case: Case, t: Term) -> list[Var]:
    """The scalars that a composed term depends on."""
    families = case.program.families
    return [v for v in variables(t) if v.name in families and families[v.name].kind == "scalar"]


def composed(case: Case, node: Node) -> Term:
    """The node's function of atoms; of a Moment, the function that it averages."""
    return case.functions.composer.of_term(node.body if isinstance(node, Moment) else Var(node.name, node.subs))


def reads_scalar(case: Case, node: Node) -> bool:
    """Does the function depend, through names, on some scalar?"""
    return id(node) in case.shared.reading_scalars


def moments_in(case: Case, t: Term) -> list[Var]:
    """The scalars whose limit is a constant: moments, and dot products over n."""
    out = []
    for v in scalars_in(case, t):
        nodes = case.program.families[v.name].pieces
        if all(isinstance(n, Moment) or case.powers.dot_powers.get(id(n)) == {MOMENT} for n in nodes):
            out.append(v)
    return out


def limit_signs(case: Case, v: Var) -> set[str]:
    return {case.signs.sign(n) for n in case.program.families[v.name].pieces}


def smooth_at_limits(case: Case, t: Term) -> Fact:
    """Is a composed term pseudo-Lipschitz jointly in vectors and scalars, its moments near their limits?"""
    key, others, limits = _near(case, t)
    memo = case.shared.near
    if (key, "smooth") not in memo:
        memo[key, "smooth"] = parametric(key[0], others, limits, case.functions.assumptions)
    found = memo[key, "smooth"]
    return found if found.proved else at_limits(case, t).pseudo_lipschitz


def at_limits(case: Case, t: Term) -> Facts:
    """All facts of a composed term, its moments near their limits; scores stay variables."""
    key, others, limits = _near(case, t)
    memo = case.shared.near
    if key not in memo:
        memo[key] = near_limits(key[0], others, limits, case.functions.assumptions)
    facts: Facts = memo[key]
    return facts


def _near(case: Case, t: Term) -> tuple[tuple[Term, tuple[tuple[str, str], ...]], list[str], dict[str, Interval]]:
    key, renamed = case.functions.canonical(t)
    limits = {renamed[v]: _known(limit_signs(case, v)) for v in moments_in(case, t) if v in renamed}
    others = sorted(set(renamed.values()) - limits.keys())
    return (key, tuple(sorted((k, str(v)) for k, v in limits.items()))), others, limits


def _known(signs: Collection[str]) -> Interval:
    """Where the limit of a scalar lies."""
    if set(signs) == {"zero"}:
        return Interval(Fraction(0), Fraction(0), True, True)
    if set(signs) == {"positive"}:
        return Interval(Fraction(0), None)
    if set(signs) <= {"positive", "nonnegative", "zero"}:
        return Interval(Fraction(0), None, True)
    return Interval()
