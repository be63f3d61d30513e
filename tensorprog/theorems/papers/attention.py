"""Finite-head softmax attention with 1/sqrt(n) scores: Sakai, Karakida & Imaizumi 2025, Theorem 1 and Corollary 2."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from tensorprog.errors import Diagnostic
from tensorprog.functions.rules.facts import Fact
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import Dot, Input, MatMul, Moment, Node, Scalar
from tensorprog.kernel.ground.powers import MOMENT, SCORE
from tensorprog.kernel.ground.text import member_text
from tensorprog.terms import Var, to_text
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.common import READOUTS, SAMPLED, first_problem, judged, scaling_problem
from tensorprog.theorems.conditions.exclusivity import not_distinct, not_exclusive
from tensorprog.theorems.conditions.finding import Finding, proved, refuted, unknown
from tensorprog.theorems.conditions.scalars import at_limits, averages_in, limit_of, smooth_at_limits
from tensorprog.theorems.conditions.statement import Premise, Theorem
from tensorprog.theorems.vectors.nonlinearities import Judged, function_place

PSEUDO_LIPSCHITZ = "the paper asks every nonlinearity to be pseudo-Lipschitz (controlled is not enough here)"


def has_scores(case: Case) -> Finding:
    if not case.scores:
        return Finding("refuted", "the output depends on no score of two products")
    names = ", ".join(dict.fromkeys(d.name for d in case.scores))
    return proved(f"scores: {names}", case.scores[0].place)


def scaling(case: Case) -> Finding:
    problem = scaling_problem(case, frozenset({SCORE, MOMENT}))
    return problem or proved("every score is a dot product divided by the square root of its width")


def matmul(case: Case) -> Finding:
    for d in case.scores:
        for ref, node, _ in case.sides(d):
            if not isinstance(node, MatMul):
                kind = "an initial vector" if isinstance(node, Input) else "made by a nonlinearity"
                return refuted(
                    f"the side {to_text(ref)} of {d.name} is {kind}",
                    Diagnostic(
                        "TP103",
                        f"no MatMul made the side {to_text(ref)} of this score",
                        d.place,
                        f"each side of a score must be W x for a weight W; {to_text(ref)} is {kind}",
                        "the sum over coordinates need not be centred, and then the score diverges like sqrt(n)",
                        _multiplied(case, d),
                    ),
                )
    return proved("every side of a score is made by a MatMul")


def _multiplied(case: Case, d: Dot) -> str:
    """Return the change that gives each side of a score that no MatMul made a weight of its own."""
    sides = [ref for ref in (d.left, d.right) if any(not isinstance(n, MatMul) for n, _ in case.program.resolve(ref))]
    free = (name for name in ("D", "D2", *(f"D{k}" for k in range(3, 99))) if case.program.role(name) is None)
    fresh = dict(zip(sides, free, strict=False))
    products = " and ".join(f"`{name} @ {to_text(ref)}` for {to_text(ref)}" for ref, name in fresh.items())
    return f"multiply by a fresh weight: `weight {', '.join(fresh.values())} ~ N(0, 1/n)` above, and {products}"


def bounded(case: Case) -> Finding:
    findings = []
    for d in case.scores:
        for ref, node, _ in case.sides(d):
            if isinstance(node, MatMul):
                findings += [_bounded_feature(case, node, source) for source, _ in case.program.resolve(node.arg)]
            else:
                findings.append(unknown(f"{to_text(ref)} is made by no MatMul"))
    return first_problem(list(dict.fromkeys(findings)), "every feature is bounded")


def _bounded_feature(case: Case, side: MatMul, source: Node) -> Finding:
    made_by = near_moments(case, source, case.functions.bounded(source), "bounded")
    if made_by.fact.proved:
        return proved(f"{made_by.text} ({made_by.fact.because})", made_by.place)
    what = f"{to_text(side.arg)}" if made_by.facts is None else made_by.text
    place = made_by.place if made_by.facts is not None else side.place
    asked = (
        f"Assumption 1: what {to_text(side.weight)} multiplies into a side of a score is bounded and pseudo-Lipschitz"
    )
    remark = "the paper calls boundedness inessential and kept for simplicity of the proof; the verdict is by remark"
    mend = "clip the feature, for example clip(x, -C, C), for a verdict without the remark"
    if made_by.fact.refuted:
        note = Diagnostic("TP201", f"the feature {what} is not bounded", place, asked, remark, mend, "note")
        return refuted(f"{what} is not bounded: {made_by.fact.because}", note)
    note = Diagnostic("TP203", f"could not decide whether {what} is bounded", place, asked, remark, mend, "note")
    return unknown(f"{what} is not known to be bounded: {made_by.fact.because}", note)


def exclusive(case: Case) -> Finding:
    found = not_exclusive(case, case.scores)
    if found is None:
        return proved("the matrices that make score sides make nothing else")
    absorbed = _absorbing(case, found.at)
    return refuted(
        f"{found.weight} makes the score side {found.side}, and also {found.other}",
        Diagnostic(
            "TP101",
            f"the score weight {found.weight} is used elsewhere",
            found.at.place,
            f"Assumption 1(a): a weight that makes a side of a score makes nothing else; {found.weight} makes the side"
            f" {found.side}, and here {found.other} as well",
            "the score and this vector are then dependent in the limit in a way the theorem does not describe",
            absorbed or "use a separate weight here",
            related=((found.score_side.place, "makes a score side here"),)
            if found.score_side is not None and found.score_side.place
            else (),
        ),
    )


def _absorbing(case: Case, node: object) -> str:
    """Return the line that would make the extra product a side of an unused score."""
    if not isinstance(node, MatMul) or any(isinstance(n, Input) for n, _ in case.program.resolve(node.arg)):
        return ""
    if case.depends_on_score(node.arg):
        return ""
    subs = [s for s in node.subs if isinstance(s, str)]
    vector = member_text(node.name, node.subs)
    fresh = next(c for c in ("D", "D_", "D__", "D_fresh") if case.program.role(c) is None)
    score = next(c for c in ("s", "s_", "s__", "s_fresh") if case.program.role(c) is None)
    left = f"{score}[{','.join(subs)}]" if subs else score
    return (
        f"use a separate weight here; or, since this product's input is a feature, absorb it with an unused score:"
        f" `weight {fresh} ~ N(0, 1/n)` and `{left} = dot({vector}, {fresh} @ {to_text(node.arg)}) / sqrt(n)`"
    )


def distinct(case: Case) -> Finding:
    found = not_distinct(case, case.scores)
    if found is None:
        return proved("the two sides of every score come through different matrices")
    d = found.at
    assert isinstance(d, Dot)
    tied = "sigma^2 E[x_i x_j]"
    return refuted(
        f"both sides of {found.side} come through {found.weight}",
        Diagnostic(
            "TP102",
            f"both sides of the score {found.side} come through {found.weight}",
            d.place,
            "Assumption 1(b): scores may share weights, but the two sides of one score come through different ones",
            f"the score grows like sqrt(n) {tied}; scaled by 1/n instead it converges to {tied}",
            "use separate query and key weights, or divide by n",
            related=((found.score_side.place, "the matrix is used here"),)
            if found.score_side is not None and found.score_side.place
            else (),
        ),
    )


def nonlinearities(case: Case) -> Finding:
    """Judge every function before the scores; what depends on scores is judged under `final`."""
    if not (case.scores or case.readout_scores):
        return unknown("not examined: the output depends on no score")
    nodes = [n for n in case.consumed if id(n) not in case.score_dependent]
    return first_problem([smooth(case, n) for n in nodes], "every nonlinearity is pseudo-Lipschitz")


def smooth(case: Case, node: Node) -> Finding:
    """Return whether a function of vectors and scalars is pseudo-Lipschitz jointly, and one of scalars converges."""
    if isinstance(node, Scalar):
        return continuous_output(case, node)
    smooth = near_moments(case, node, case.functions.pseudo_lipschitz(node), "pseudo_lipschitz")
    jump = smooth.fact.refuted and case.functions.continuous(node).refuted
    return judged(
        smooth,
        "TP204" if jump else "TP202",
        f"this nonlinearity is {'discontinuous' if jump else 'not pseudo-Lipschitz'}",
        PSEUDO_LIPSCHITZ,
        "use a locally Lipschitz function of polynomial growth",
    )


def near_moments(case: Case, node: Node, found: Judged, name: Literal["pseudo_lipschitz", "bounded"]) -> Judged:
    """Judge the same with moments near their limits; what fails elsewhere is unknown, not refuted."""
    if found.fact.proved:
        return found
    try:
        t = case.functions.composer.of_term(Var(node.name, node.subs))
    except CannotCompose:
        return found
    if not averages_in(case, t):
        return found
    fact = smooth_at_limits(case, t) if name == "pseudo_lipschitz" else at_limits(case, t).bounded
    return replace(
        found, fact=fact if fact.proved else Fact("unknown", "it depends on moments whose limits are not known")
    )


def continuous_output(case: Case, node: Scalar) -> Finding:
    """A function of scalars: continuity is enough; where it jumps, the law of r would have to give the jump no mass."""
    found = limit_of(case, node)
    fact = case.functions.continuous(node)
    if found.status != "unknown" or not fact.refuted:
        return found
    place = function_place(node.body) or node.place
    why = "an output that is a function of readouts must be continuous in them"
    jump = Diagnostic("TP204", "this function of readouts is discontinuous", place, f"{why}; {fact.because}",
                      "where the readout is continuously distributed the limit may still hold", "",
                      "warning")  # fmt: skip
    return unknown(f"{to_text(node.body)} is discontinuous: {fact.because}", jump)


def scores_last(case: Case) -> Finding:
    for node in case.nodes:
        if isinstance(node, MatMul) and case.depends_on_score(node.arg):
            return Finding("refuted", f"{node.name} multiplies a function of scores by a weight", node.place)
        if isinstance(node, Dot) and (case.depends_on_score(node.left) or case.depends_on_score(node.right)):
            kind = "a readout" if node in case.readouts else "a dot product"
            return Finding("refuted", f"{node.name} is {kind} of vectors that depend on scores", node.place)
    return proved("scores enter only through the final functions of vectors and scores")


def no_moments(case: Case) -> Finding:
    for node in case.moments:
        name = to_text(Var(node.name, node.subs))
        why = f"{name} is an average over coordinates: the paper's programs have none besides scores"
        said = "no theorem here is known to cover scores over sqrt(n) of what is normalised by averages"
        mend = "divide the scores by n instead of sqrt(n), which netsor-plus covers; or rely on `validate`"
        return unknown(why, Diagnostic("TP203", said, node.place, why, "", mend, "warning"))
    scalars = [n for n in case.nodes if isinstance(n, Scalar) and id(n) not in case.score_dependent]
    for node in scalars:
        if any(True for _ in case.program.references(node)):
            return unknown(f"{node.name} is a scalar that is no function of scores")
    return proved("no scalars but scores and functions of them")


def final(case: Case) -> Finding:
    nodes = [n for n in case.consumed if id(n) in case.score_dependent and not isinstance(n, Dot | Moment)]
    return first_problem([smooth(case, n) for n in nodes], "the output is pseudo-Lipschitz in vectors and scores")


def positive(case: Case) -> Finding:
    for d in case.scores:
        for ref, node, _ in case.sides(d):
            if not isinstance(node, MatMul) or case.depends_on_score(node.arg):
                continue
            if case.shared.limits.exact.vanishes(node.arg):
                return refuted(
                    f"the side {to_text(ref)} of {d.name} has limit variance 0",
                    Diagnostic("TP301", f"the limit of the score {d.name} has variance 0", d.place,
                               "the limit scores are random variables with positive variance", "the score vanishes",
                               "give the initial vectors a positive variance"),
                )  # fmt: skip
            if not case.shared.limits.variances.every_product(node):
                return unknown(
                    f"the limit variance of {to_text(ref)} is not known to be positive",
                    Diagnostic("TP203", f"could not show that the limit of {d.name} has positive variance", d.place,
                               "the limit scores are random variables with positive variance", "",
                               "declare params that scale weights as positive: param sigma > 0", "warning"),
                )  # fmt: skip
    later = " (given earlier scores: not examined)" if len(_later_scores(case)) else ""
    return proved(f"every score has positive limit variance sigma_q^2 sigma_k^2 E[x^2] E[x'^2]{later}")


def _later_scores(case: Case) -> list[Dot]:
    return [d for d in case.scores if case.depends_on_score(d.left) or case.depends_on_score(d.right)]


def widths(case: Case) -> Finding:
    used = {case.program.families[n.name].width for n in case.nodes} - {None}
    ratios = {case.program.widths[w] for w in used if w is not None}
    if len(ratios) <= 1:
        return proved("all vectors have one width")
    return Finding("refuted", f"widths in fixed ratios: {', '.join(sorted(w for w in used if w))}")


SCORES = (
    Premise("A1.scores", "a score is the dot product of two vectors, its sides, divided by sqrt(n)", has_scores),
    Premise("A1.scaling", "every dot product in a score is divided by sqrt(n)", scaling),
    Premise("A1.matmul", "each side of a score is a weight times a vector, its feature", matmul),
    Premise("A1.bounded", "each feature is a bounded pseudo-Lipschitz function of vectors", bounded, by_remark=True),
    Premise(
        "A1.a-exclusive",
        "(a) a weight that makes a side of a score makes no other vector",
        exclusive,
    ),
    Premise("A1.b-distinct", "(b) the two sides of one score are made by different weights", distinct),
    Premise("nonlinearities", "all nonlinearities used in Nonlin are pseudo-Lipschitz", nonlinearities),
    Premise("A1.no-moments", "the underlying program is a Netsor program: no scalars besides scores", no_moments),
)
AFTER = (
    Premise("final", "the output is a pseudo-Lipschitz function of vectors and scores", final),
    Premise("positive-variance", "the limits of the scores have positive variance", positive),
    READOUTS,
    Premise("A1.widths", "all vectors have the width n (the paper: for simplicity)", widths, by_remark=True),
)

THEOREM = Theorem(
    "attention",
    "Infinite-width limit of an attention layer",
    "Sakai, Karakida & Imaizumi 2025, Infinite-Width Limit of a Single Attention Layer, Theorem 1 and Corollary 2",
    "(y^1_a, ..., y^k_a) -> (Z^{y^1}, ..., Z^{y^k}) in distribution; the scores' limits are Gaussian, and independent"
    " of the Z^g",
    (
        *SAMPLED,
        *SCORES,
        Premise("scores-last", "scores enter only at the end: no feature depends on a score", scores_last, open=True),
        *AFTER,
    ),
    example="""
index i, j in 1..4
input h0 ~ N(0, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
x[i] = tanh(U[i] @ h0)
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)
output y
""",
    cites=("sakai2025attention", "yang2019wide"),
)
