"""Netsor+: moments of vectors as scalars that later functions use: layernorm, batchnorm, attention at 1/n."""

from __future__ import annotations

from tensorprog.errors import Diagnostic, Place
from tensorprog.functions.facts import Fact
from tensorprog.functions.positivity import sign_of
from tensorprog.program.compose import CannotCompose
from tensorprog.program.nodes import Moment, Node
from tensorprog.program.powers import MOMENT
from tensorprog.terms import App, Term, Var, to_text
from tensorprog.terms.term import ZERO, transform, walk
from tensorprog.theorems.case import Case
from tensorprog.theorems.common import (
    GAUSSIAN,
    READOUTS,
    SAMPLING,
    TRANSPOSES,
    VARIANCE,
    first_problem,
    judged,
    scaling_problem,
)
from tensorprog.theorems.near import jumps_at_zero
from tensorprog.theorems.netsor import controlled
from tensorprog.theorems.nonlinearities import Judged, function_place
from tensorprog.theorems.scalars import at_limits, composed, limit_signs, reads_scalar, scalars_in, smooth_at_limits
from tensorprog.theorems.statement import Finding, Premise, Theorem, proved, refuted, unknown

KEEP_AWAY = "keep the scalar away from its singular value, for example sqrt(v + eps)"


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
    """Jointly pseudo-Lipschitz near the limit scalars; or, where no function uses a scalar, controlled."""
    if not case.has_scalars:
        return controlled(case)
    nodes = list(dict.fromkeys([*case.consumed, *(n for n in case.nodes if isinstance(n, Moment))]))
    hard = [n for n in nodes if not case.functions.pseudo_lipschitz(n).fact.proved]
    terms: list[tuple[Node, Term]] = []
    for node in hard:
        try:
            terms.append((node, composed(case, node)))
        except CannotCompose as why:
            return unknown(str(why))
    inside = any(reads_scalar(case, node) for node in nodes)
    judge = _near_limit if inside else _controlled
    return first_problem(
        [judge(case, n, t) for n, t in terms], "every function is pseudo-Lipschitz near the limit scalars"
    )


def _controlled(case: Case, node: Node, t: Term) -> Finding:
    facts = case.functions.facts(t)
    return judged(
        Judged(facts.controlled, to_text(t), _place(node), facts),
        "TP205",
        "this function is not controlled",
        "every function must be pseudo-Lipschitz, or at least bounded by exp(C|x|^(2-eps) + c)",
        "use a function that is defined everywhere and grows more slowly",
    )


def _place(node: Node) -> Place | None:
    body = getattr(node, "body", None)
    return (function_place(body) if body is not None else None) or node.place


def _near_limit(case: Case, node: Node, t: Term) -> Finding:
    facts = case.functions.facts(t)
    if facts.pseudo_lipschitz.proved:
        return proved(f"{to_text(t)}: {facts.pseudo_lipschitz.because}")
    scalars = scalars_in(case, t)
    smooth = smooth_at_limits(case, t)
    if smooth.proved:
        return proved(f"{to_text(t)}: {smooth.because}")
    near = at_limits(case, t)
    zero = {v.name for v in scalars if limit_signs(case, v) == {"zero"}}
    at_zero = transform(t, lambda v: ZERO if isinstance(v, Var) and v.name in zero else None)
    limit = case.functions.facts(at_zero)
    place = _place(node)
    because = "functions of vectors and scalars must be pseudo-Lipschitz jointly, near the limits of the scalars"
    nowhere = any(isinstance(s, App) and s.head == "recip" and sign_of(s.args[0]) == "zero" for s in walk(at_zero))
    singular = zero == {v.name for v in scalars} and (limit.controlled.refuted or limit.total.refuted)
    if nowhere or singular:
        what = " at the limit, where " + ", ".join(sorted(zero)) + " = 0" if zero else ""
        message = f"this function is not controlled{what}"
        why = f"{because}; {limit.controlled.because}"
        return refuted(f"{to_text(t)} is singular{what}", Diagnostic("TP205", message, place, why, "", KEEP_AWAY))
    if (
        zero
        and near.continuous.refuted
        and jumps_at_zero(case.functions.without_widths(t), zero, set(case.program.families))
    ):
        message = "this function jumps at the limit of its scalars"
        then = "its limit is not its value at the limit (Yang's counterexample)"
        why = f"{because}; {near.continuous.because}"
        said = f"{to_text(t)} is discontinuous, and {', '.join(sorted(zero))} tends to 0"
        return refuted(said, Diagnostic("TP204", message, place, why, then, "use a continuous function"))
    if not scalars and facts.pseudo_lipschitz.refuted and facts.controlled.proved:
        why = "it is controlled, but with scalars in the program rank stability would have to be shown"
        undecided = Diagnostic("TP203", f"could not decide about {to_text(t)}", place, why, severity="warning")
        return unknown(f"{to_text(t)}: {why}", undecided)
    fact: Fact = near.pseudo_lipschitz
    if scalars and fact.refuted:
        fact = Fact("unknown", f"it fails where the limits of the scalars are not known to be: {fact.because}")
    message = "this function is not pseudo-Lipschitz near the limit"
    return judged(Judged(fact, to_text(t), place), "TP202", message, because, KEEP_AWAY)


THEOREM = Theorem(
    "netsor-plus",
    "Netsor+ Master Theorem",
    "Yang 2019, Tensor Programs I, Theorem C.4; Yang 2020, Tensor Programs III, Theorems E.11 and E.15",
    "moments converge almost surely to constants, and (1/n) sum_a psi(g_a; theta) -> E[psi(Z^g; theta limit)]",
    (
        SAMPLING,
        VARIANCE,
        GAUSSIAN,
        TRANSPOSES,
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
)
