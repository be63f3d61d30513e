"""Attention on top of attention: the formal rule, which no theorem proves (Sakai et al. name it as open)."""

from __future__ import annotations

from dataclasses import replace

from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.common import SAMPLED
from tensorprog.theorems.conditions.finding import Finding, proved
from tensorprog.theorems.conditions.statement import Theorem
from tensorprog.theorems.papers.attention import AFTER, SCORES, has_scores


def has_random_scalars(case: Case) -> Finding:
    """Return scores of either kind: of two products, or readouts that enter functions."""
    if case.readout_scores and not case.scores:
        return proved(f"readout scores: {', '.join(dict.fromkeys(d.name for d in case.readout_scores))}")
    return has_scores(case)


THEOREM = Theorem(
    "attention-nested",
    "Scores of later layers, conditionally on earlier ones (formal)",
    "the rule of Sakai, Karakida & Imaizumi 2025 applied layer after layer; named there as open",
    "given all earlier scores, vectors are conditionally iid over coordinates with the conditional Gaussian law, so"
    " that later covariances are those of Definition 1 with E[. | earlier scores]",
    (
        *SAMPLED,
        replace(
            SCORES[0],
            statement="a score is a dot product of two vectors divided by sqrt(n), or a readout that enters a function",
            decide=has_random_scalars,
        ),
        *SCORES[1:],
        *AFTER,
    ),
    formal=True,
    example="""
index i, j in 1..4
input h0 ~ N(0, 1)
weight U[i], Q1, K1, V1, Q2, K2, V2 ~ N(0, 1/n)
x[i] = tanh(U[i] @ h0)
z[i] = tanh(attention(Q1 @ x[i], K1 @ x[j], V1 @ x[j] over j, scale = 1/sqrt(n)))
y[i] = attention(Q2 @ z[i], K2 @ z[j], V2 @ z[j] over j, scale = 1/sqrt(n))
output y
""",
    cites=("sakai2025attention",),
)
