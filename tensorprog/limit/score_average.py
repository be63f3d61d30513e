"""What is polynomial in scores, averaged over them exactly: E over a Gaussian of a polynomial, by Isserlis' rule.

Attention without softmax is of this kind: y_i = Σ_j p_ij v_j has E[y_i y_i'] = Σ_jj' Cov(p_ij, p_i'j') Cov(v_j, v_j').
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from tensorprog.limit.cores import PLAIN, isserlis
from tensorprog.limit.engine import Engine
from tensorprog.terms import Term
from tensorprog.terms.term import mul

MAX_MONOMIALS = 500


def expectation(engine: Engine, term: Term) -> Any | None:
    """E[term] as a sympy expression, or None where it is no polynomial in one layer of scores."""
    layers = engine.scores([term])
    if len(layers) > 1:
        return None
    expr = engine.formula(term)
    if expr is None or not layers:
        return expr
    symbols = {engine.formulas.score(p): p for p in layers[0]}
    used = [s for s in symbols if s in expr.free_symbols]
    if not used:
        return expr
    if not expr.is_polynomial(*used):
        return None
    monomials = sympy.Poly(expr, *used).terms()
    if len(monomials) > MAX_MONOMIALS:
        return None
    cov: list[Any] = []
    for i, s in enumerate(used):
        for t in used[i:]:
            entry = engine.score_formula(symbols[s], symbols[t])
            if entry is None:
                return None
            cov.append(entry)
    zero = [sympy.S.Zero] * len(used)
    return sympy.Add(*(c * isserlis(tuple(powers), cov, zero, PLAIN) for powers, c in monomials))


def covariance(engine: Engine, terms: Sequence[Term]) -> Any | None:
    """Cov of two terms, averaged over scores, as a sympy expression or None."""
    a, b = terms
    both, one, two = (expectation(engine, t) for t in (mul(a, b), a, b))
    return None if both is None or one is None or two is None else both - one * two
