"""Functions of vectors and scalars near the limits of the scalars, for the members that a case needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from tensorprog.errors import Diagnostic
from tensorprog.functions.decide.judge import judge
from tensorprog.functions.decide.positivity import parametric
from tensorprog.functions.rules.facts import Fact, Facts
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.indices import Range, assignments, length
from tensorprog.kernel.ground.nodes import Moment, Node
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.term import shift_subs, transform
from tensorprog.numbers.interval import Interval
from tensorprog.program.graph.constants import with_entries
from tensorprog.program.lowering.known import free_indices
from tensorprog.terms import Sub, Term, Var, to_text
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.common import first_problem
from tensorprog.theorems.conditions.finding import Finding, proved, refuted, unknown
from tensorprog.theorems.limits.at_limit import AtLimit, Here, Pulled
from tensorprog.theorems.limits.limit import Limit
from tensorprog.theorems.limits.near import falsified, neighbourhood
from tensorprog.theorems.limits.pulling import pull
from tensorprog.theorems.vectors.nonlinearities import function_place, in_words_of

MAX_MEMBERS = 256
BECAUSE = "functions of vectors and scalars must be pseudo-Lipschitz jointly, near the limits of the scalars"
KEEP_AWAY = "keep the scalar away from its singular value, for example sqrt(v + eps)"
Ranges = Mapping[str, Range]


def terms_of(case: Case, node: Node) -> list[tuple[Term, Ranges]]:
    """Return the node's function of atoms, for each set of its members that the case needs; raises CannotCompose.

    Of a Moment, the function that it averages. One term where all members are defined alike.
    """
    body = node.body if isinstance(node, Moment) else Var(node.name, node.subs)
    axes = [s for s in node.subs if isinstance(s, str)]
    out: dict[Term, Ranges] = {}
    for pattern in case.demand.get(id(node)) or [case.box(node)]:
        first: dict[Sub, str] = {}
        at: dict[str, Sub] = {}
        ranges: dict[str, Range] = {}
        for axis, slot in zip(axes, pattern.slots, strict=True):
            at[axis] = slot if isinstance(slot, int) else first.setdefault(slot, axis)
            if isinstance(slot, str) and at[axis] == axis:
                ranges[axis] = dict(pattern.ranges)[slot]
        for t in case.functions.composer.members(shift_subs(body, at), ranges):
            out[t] = ranges
    return list(out.items())


def reads_scalar(case: Case, node: Node) -> bool:
    """Return whether the function depends, through names, on some scalar."""
    return id(node) in case.shared.reading_scalars


def each_member(case: Case, t: Term, ranges: Ranges, decide: Callable[[Term], Finding]) -> Finding:
    """Decide for all members at once; where that fails, for one after the other."""
    found = decide(t)
    if found.status == "proved":
        return found
    free = free_indices(case.program, t)
    where = {s: ranges.get(s) or case.program.range_of(s) for s in free}
    if not free or prod(map(length, where.values())) > MAX_MEMBERS:
        return found
    findings: list[Finding] = []
    for at in assignments(where):
        each = decide(shift_subs(t, at))
        if each.status == "refuted":
            return each
        findings.append(each)
    return next((f for f in findings if f.status != "proved"), findings[0])


def every_member(
    case: Case, node: Node, decide: Callable[[Term], Finding], otherwise: Finding | None = None
) -> Finding:
    """Decide about a node's function of atoms for all members that the case needs: the worst of the findings.

    `otherwise`: what is said of a function that is too large once composed.
    """
    try:
        terms = terms_of(case, node)
    except CannotCompose as why:
        return otherwise or unknown(str(why))
    return first_problem([each_member(case, t, ranges, decide) for t, ranges in terms], "")


def at_limit(case: Case) -> AtLimit:
    """Return the judge of functions of this program's scalars."""
    return case.shared.at_limit


def pulled(case: Case, t: Term) -> Pulled:
    """Return the term with its continuous parts in scalars alone as scalars."""
    memo = case.shared.near
    t = case.functions.at_infinity(t)
    if ("pulled", t) not in memo:
        memo["pulled", t] = pull(at_limit(case), t)
    found: Pulled = memo["pulled", t]
    return found


def smooth_at_limits(case: Case, t: Term) -> Fact:
    """Return whether a composed term is pseudo-Lipschitz in vectors and scalars jointly, near the moments' limits."""
    found = pulled(case, t)
    plain = case.functions.facts(found.term, found.limits).pseudo_lipschitz
    if plain.proved:
        return plain
    memo = case.shared.near
    key, renamed, limits, assumptions = _canonical(case, found)
    at = ("smooth", key, tuple(limits.items()))
    if at not in memo:
        random = [k for k, v in limits.items() if v.random]
        own = {k: v.at for k, v in limits.items() if not v.random}
        memo[at] = parametric(key, [*_vectors(renamed, limits), *random], own, assumptions)
    near: Fact = memo[at]
    return near if near.proved else at_limits(case, t).pseudo_lipschitz


def at_limits(case: Case, t: Term) -> Facts:
    """Return all facts of a composed term, its moments near their limits; scores stay variables."""
    found = pulled(case, t)
    memo = case.shared.near
    key, renamed, limits, assumptions = _canonical(case, found)
    at = ("facts", key, tuple(limits.items()))
    if at not in memo:
        inside, known = neighbourhood(key, limits, assumptions)
        ranges = {i: case.program.range_of(i) for i in case.program.indices}
        memo[at] = judge(inside, [*_vectors(renamed, limits), *limits], known, ranges, extremes=False)
    return in_words_of(memo[at], key, renamed, found.whole)


def _vectors(renamed: dict[Var, str], limits: dict[str, Limit]) -> list[str]:
    return [new for new in dict.fromkeys(renamed.values()) if new not in limits]


def _canonical(case: Case, found: Pulled) -> tuple[Term, dict[Var, str], dict[str, Limit], dict[str, Interval]]:
    """Return the term under short names, these, what is known of its scalars, and of its constants."""
    t = with_entries(found.term, case.program.matrices)
    key, renamed = case.functions.canonical(t, found.limits)
    limits = {new: found.limits[v.name] for v, new in renamed.items() if v.name in found.limits}
    return key, renamed, limits, {**at_limit(case).assumptions, **case.functions.entry_ranges(t)}


def at_zero(found: Pulled) -> Term:
    """Return the function of vectors at the limits of its scalars, where these are known exactly."""
    exact = {k: v.value for k, v in found.limits.items() if v.value is not None}
    return transform(found.term, lambda v: exact.get(v.name) if isinstance(v, Var) else None)


def scalars_in(case: Case, t: Term) -> list[Var]:
    """Return the scalars that a composed term depends on."""
    return [v for v in at_limit(case).scalars(t) if v.name in case.program.families]


def averages_in(case: Case, t: Term) -> list[Var]:
    """Return the scalars that are averages over coordinates, of functions of scores too."""
    found = [(v, n) for v in scalars_in(case, t) for n, _ in case.program.resolve(v)]
    return list(dict.fromkeys(v for v, n in found if isinstance(n, Moment) or not case.powers.is_score(n)))


# -- functions of scalars alone --------------------------------------------------------------------------------------


def limit_of(case: Case, node: Node) -> Finding:
    """Return whether a function of scalars converges: whether it is continuous at the limits of its arguments."""
    return every_member(case, node, lambda t: _converges(case, node, t))


def _converges(case: Case, node: Node, t: Term) -> Finding:
    t = with_entries(case.functions.at_infinity(t), case.program.matrices)
    here = at_limit(case).judge(t)
    text = to_text(t)
    if here.continuous:
        return proved(f"{text}: continuous at the limit of its arguments")
    refutation = stands_off(at_limit(case), t, [(t, here)], place_of(node))
    if refutation is not None:
        return refutation
    because = "not shown to be continuous at the limit of its arguments"
    message = f"could not decide about {text}"
    why = "a function of scalars has a limit if it is continuous at the limit of its arguments; this was not shown"
    return unknown(f"{text}: {because}", Diagnostic("TP203", message, place_of(node), why, "", KEEP_AWAY, "warning"))


def stands_off(near: AtLimit, t: Term, faults: Sequence[tuple[Term, Here]], place: Place | None) -> Finding | None:
    """Refuted where a part in scalars alone is singular at their limit, or stays away from its value there."""
    for part, here in faults:
        if here.how == "singular":
            return singular(t, place)
        if here.how == "jump":
            apart = near.pulled_apart(part)
            if falsified(apart.term, apart.limits):
                return jumps(t, place)
    return None


def singular(t: Term, place: Place | None, why: str = "") -> Finding:
    """Refuted: a function with a pole or an edge of its domain at the limit of its scalars has no value there."""
    message = "this function is singular at the limit of its scalars"
    because = f"{BECAUSE}; {why}" if why else BECAUSE
    said = f"{to_text(t)} is singular at the limit of its scalars"
    return refuted(said, Diagnostic("TP205", message, place, because, "", KEEP_AWAY))


def jumps(t: Term, place: Place | None) -> Finding:
    """Refuted: the limit of a function that jumps at the limit of its scalars is not its value there."""
    message = "this function jumps at the limit of its scalars"
    then = "its limit is not its value at the limit (Yang's counterexample)"
    said = f"{to_text(t)} is discontinuous at the limit of its scalars"
    return refuted(said, Diagnostic("TP204", message, place, BECAUSE, then, "use a continuous function"))


def place_of(node: Node) -> Place | None:
    body = getattr(node, "body", None)
    return (function_place(body) if body is not None else None) or node.place
