"""Attention on top of attention: the formal rule, which no theorem proves (Sakai et al. name it as open)."""

from __future__ import annotations

from tensorprog.theorems.attention import AFTER, BEFORE, SCORES
from tensorprog.theorems.statement import Theorem

THEOREM = Theorem(
    "attention-nested",
    "Scores of later layers, conditionally on earlier ones (formal)",
    "the rule of Sakai, Karakida & Imaizumi 2025 applied layer after layer; named there as open",
    "given all earlier scores, vectors are conditionally iid over coordinates with the conditional Gaussian law, so"
    " that later covariances are those of Definition 1 with E[. | earlier scores]",
    (*BEFORE, *SCORES, *AFTER),
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
)
