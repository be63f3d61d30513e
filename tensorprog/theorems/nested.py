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
)
