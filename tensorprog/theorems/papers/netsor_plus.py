"""Netsor+: moments of vectors as scalars that later functions use: layernorm, batchnorm, attention at 1/n."""

from __future__ import annotations

from contextlib import suppress

from tensorprog.errors import Diagnostic
from tensorprog.functions.rules.facts import Fact
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import MatMul, Moment, Node, Scalar
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.powers import MOMENT
from tensorprog.kernel.ground.term import mul, transform, variables
from tensorprog.program.normal.open import unrolled
from tensorprog.terms import App, Bind, Num, Term, Var, to_text
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.common import (
    READOUTS,
    SAMPLED,
    first_problem,
    judged,
    scaling_problem,
)
from tensorprog.theorems.conditions.finding import Finding, proved, refuted, unknown
from tensorprog.theorems.conditions.off_limit import off_limit
from tensorprog.theorems.conditions.scalars import (
    BECAUSE,
    KEEP_AWAY,
    at_limit,
    at_zero,
    every_member,
    limit_of,
    place_of,
    pulled,
    reads_scalar,
    scalars_in,
    smooth_at_limits,
)
from tensorprog.theorems.conditions.statement import Premise, Theorem
from tensorprog.theorems.limits.at_limit import Pulled
from tensorprog.theorems.papers.netsor import controlled, controlled_term
from tensorprog.theorems.vectors.nonlinearities import Judged

EACH_SMOOTH = "every function is pseudo-Lipschitz near the limit scalars"
STABLE = "matrices multiply what reads no scalar, but for factors, so the ranks are stable"
MAX_UNROLLED = 64
NOT_SMOOTH = "this function is not pseudo-Lipschitz near the limit"


def instructions(case: Case) -> Finding:
    for d in case.scores:
        return Finding("refuted", f"{d.name} is a dot product scaled by n^(-1/2): a score, which stays random", d.place)
    for d in case.readout_scores:
        return Finding("refuted", f"{d.name} is a readout that enters a function: it stays random", d.place)
    return proved("every scalar is a Moment, or a dot product scaled by 1/n")


def scaling(case: Case) -> Finding:
    allowed = frozenset({MOMENT, MOMENT / 2} if case.scores or case.readouts else {MOMENT})
    return scaling_problem(case, allowed) or proved("every scalar has a limit at its scale")


def nonlinearities(case: Case) -> Finding:
    """Jointly pseudo-Lipschitz near the limit scalars; controlled where no function uses a scalar.

    A function of scalars alone is asked for continuity at the limit of its arguments.
    """
    if not case.has_scalars:
        return controlled(case)
    nodes = list(dict.fromkeys([*case.consumed, *(n for n in case.nodes if isinstance(n, Moment))]))
    inside = any(reads_scalar(case, node) for node in nodes)
    found = [_judged(case, n, inside) for n in nodes]
    ranks = any(f.status == "proved" and STABLE in f.because for f in found)
    if ranks and all(f.status == "proved" for f in found):
        return proved(f"every function is parameter-controlled at the limit scalars; {STABLE}")
    return first_problem(found, EACH_SMOOTH)


def rests_on_ranks(finding: Finding) -> bool:
    """Return whether rank stability (TP I, C.4) proves it, some function not being pseudo-Lipschitz near the limits."""
    return STABLE in finding.because


def _judged(case: Case, node: Node, inside: bool) -> Finding:
    """Judge one function: of scalars alone, of vectors near the limits of scalars, or of vectors."""
    if isinstance(node, Scalar):
        return limit_of(case, node)
    if case.functions.pseudo_lipschitz(node).fact.proved:
        return proved("")
    by_ranks: list[Finding] = []

    def decide(t: Term) -> Finding:
        made = _near_limit(case, node, t) if inside else controlled_term(case, t, place_of(node), "function")
        by_ranks.extend([made] if STABLE in made.because else [])
        return made

    return first_problem([every_member(case, node, decide), *by_ranks], "")


def _near_limit(case: Case, node: Node, t: Term) -> Finding:
    smooth = smooth_at_limits(case, t)
    text = to_text(t)
    if smooth.proved:
        return proved(f"{text}: {smooth.because}")
    place = place_of(node)
    if not scalars_in(case, t):
        facts = case.functions.facts(t)
        if facts.controlled.proved and rank_stable(case, t):
            return proved(f"{text}: {facts.controlled.because}; {STABLE}")
        if facts.pseudo_lipschitz.refuted and facts.controlled.proved:
            why = "it is controlled, but with scalars in the program rank stability would have to be shown"
            undecided = Diagnostic("TP203", f"could not decide about {text}", place, why, severity="warning")
            return unknown(f"{text}: {why}", undecided)
        return judged(Judged(facts.pseudo_lipschitz, text, place), "TP202", NOT_SMOOTH, BECAUSE, KEEP_AWAY)
    found = pulled(case, t)
    summands = _written_out(case, t)
    if _parameter_controlled(case, pulled(case, summands)) and rank_stable(case, summands):
        return proved(f"{text}: parameter-controlled; {STABLE}")
    refutation = off_limit(case, at_limit(case), t, found, place) or _uncontrolled(case, t, found, place)
    if refutation is not None:
        return refutation
    fact = Fact("unknown", f"not near the limits of the scalars: {smooth.because}")
    return judged(Judged(fact, text, place), "TP202", NOT_SMOOTH, BECAUSE, KEEP_AWAY)


def rank_stable(case: Case, t: Term) -> bool:
    """Return whether all products are those of a Netsor program, and a function is one of such products.

    W(s x) = s (W x) for a scalar s: what matrices multiply may be a sum of scalars times vectors that depend on none.
    Their product, a sum of s (W x), depends on scalars itself: it may enter smooth functions, and others as a factor.
    """
    late = [n for n in case.nodes if isinstance(n, MatMul) and _is_late(case, n.arg)]
    if not late:
        return True
    inner = [f for s in _arguments(t, "add") for f in _arguments(s, "mul") if not _is_power_of_product(f)]
    moved = any(_is_late(case, v) for f in inner for v in case.program.vectors_in(f))
    return not moved and all(_scaled(case, n.arg) for n in late)


def _is_late(case: Case, x: Var) -> bool:
    """Return whether a vector depends on a scalar."""
    return any(id(n) in case.shared.after_scalars for n, _ in case.program.resolve(x))


def _is_power_of_product(t: Term) -> bool:
    """Return whether this is a vector, or a whole power of one."""
    if isinstance(t, App) and t.head == "pow":
        base, e = t.args
        return isinstance(base, Var) and isinstance(e, Num) and e.value >= 0 and e.value.denominator == 1
    return isinstance(t, Var)


def _scaled(case: Case, x: Var) -> bool:
    """Return whether a vector is a sum of scalars times vectors that depend on none."""
    try:
        terms = [_written_out(case, t) for t in case.functions.composer.members(x)]
    except CannotCompose:
        return False
    factors = [f for t in terms for s in _arguments(t, "add") for f in _arguments(s, "mul")]
    vectors = [f for f in factors if case.program.vectors_in(f)]
    late = any(_is_late(case, v) for f in vectors for v in case.program.vectors_in(f))
    return not late and not any(scalars_in(case, f) for f in vectors)


def _written_out(case: Case, t: Term) -> Term:
    """Return the term with sums over indices written out, where they are short."""

    def short(u: Term) -> Term | None:
        with suppress(CannotCompose):
            return unrolled(case.program, u, MAX_UNROLLED) if isinstance(u, Bind) and u.head == "sum" else None
        return None

    return transform(t, short)


def _parameter_controlled(case: Case, found: Pulled) -> bool:
    """Return whether this is a sum of products s(theta) f(x), s continuous at the limit and f controlled.

    |s(theta) f(x) - s(limit) f(x)| <= |s(theta) - s(limit)| |f(x)|, and the first factor is continuous and 0 there.
    """
    if found.faults or any(v.random for v in found.limits.values()):
        return False
    for summand in _arguments(found.term, "add"):
        inside = [f for f in _arguments(summand, "mul") if not (isinstance(f, Var) and f.name in found.limits)]
        rest = mul(*inside)
        if scalars_in(case, rest) or any(v.name in found.limits for v in variables(rest)):
            return False
        if not case.functions.facts(rest).controlled.proved:
            return False
    return True


def _arguments(t: Term, head: str) -> list[Term]:
    """Return the summands or the factors of a term, whatever its parentheses and signs."""
    opened = isinstance(t, App) and t.head in (head, "neg")
    return [s for a in t.args for s in _arguments(a, head)] if opened else [t]  # type: ignore[union-attr]


def _uncontrolled(case: Case, t: Term, found: Pulled, place: Place | None) -> Finding | None:
    """Refuted where the limits of all scalars are known, and the function of vectors that they leave is no function."""
    if found.faults or any(v.value is None for v in found.limits.values()):
        return None
    limit = case.functions.facts(at_zero(found))
    if limit.controlled.refuted or limit.total.refuted:
        message, why = "this function is not controlled at the limit of its scalars", limit.controlled.because
        diagnostic = Diagnostic("TP205", message, place, f"{BECAUSE}; {why}", "", KEEP_AWAY)
        return refuted(f"{to_text(t)} is singular at the limit of its scalars", diagnostic)
    return None


THEOREM = Theorem(
    "netsor-plus",
    "Netsor+ Master Theorem",
    "Yang 2019, Tensor Programs I, Theorem C.4; Yang 2020, Tensor Programs III, Theorems E.11 and E.15",
    "moments converge almost surely to constants, and (1/n) sum_a psi(g_a; theta) -> E[psi(Z^g; theta limit)]",
    (
        *SAMPLED,
        Premise("instructions", "Netsor's instructions, Moment, and Scalar", instructions),
        Premise("scaling", "every scalar converges: averages over coordinates, dot products over n", scaling),
        READOUTS,
        Premise(
            "nonlinearities",
            "every function is pseudo-Lipschitz jointly in vectors and scalars near the limit scalars"
            " (or parameter-controlled, with rank stability)",
            nonlinearities,
        ),
    ),
    example="""
input u ~ N(0, 1)
weight A, B ~ N(0, 1/n)
h = A @ u
m = mean(h)
v = mean((h - m)^2)
y = B @ relu((h - m) / sqrt(v + 1/1000))
output y
""",
    cites=("yang2019wide", "yang2020tp3"),
)
