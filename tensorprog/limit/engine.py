"""The calculus of one program's limit: expectations given the scores, as numbers over arrays and as formulas.

Everything asked here is *conditional on the scores*: given them, vectors are iid over coordinates and jointly Gaussian
up to coordinatewise functions (theory: Yang 2019; Sakai, Karakida & Imaizumi 2025, Theorem 1). A question that
involves no scores has a plain answer; otherwise the caller gives their values, or averages over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tensorprog.program import Program
from tensorprog.terms import Term, Var

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Scores = Mapping[str, Array]
    """Values of score families: leading axes the family's subscripts (its box, in order), then one axis of draws."""


class Engine:
    """Expectations in the limit of one program; `program` is the normal form, in which attention is opened.

    Terms are expressions in members with integer subscripts (`x[1]`, as `tensorprog.terms.read` gives them) of the
    original program or of its normal form. Everything is computed once and remembered.
    """

    def __init__(self, program: Program, values: Mapping[str, Fraction | float] | None = None) -> None:
        self.original = program
        self.program: Program = program
        self.values = dict(values or {})

    # -- structure -----------------------------------------------------------------------------------------------

    def scores(self, terms: Sequence[Term]) -> tuple[tuple[Var, ...], ...]:
        """The score members that the limits of `terms` depend on, in layers.

        The covariance of the scores in one layer depends on those in earlier layers only: layer 0 is jointly
        Gaussian, layer 1 Gaussian given layer 0, and so on. No layers: no scores.
        """
        raise NotImplementedError

    def is_linear(self, ref: Var) -> bool:
        """Is Z^ref, given the scores, Gaussian: a sum of (functions of scores and constants) times Gaussians?"""
        raise NotImplementedError

    # -- numbers, vectorised over draws of the scores --------------------------------------------------------------

    def expectation(self, term: Term, scores: Scores | None = None) -> Array:
        """E[term | scores]: shape (draws,), or () where no scores are given or none matter."""
        raise NotImplementedError

    def second_moments(self, terms: Sequence[Term], scores: Scores | None = None) -> Array:
        """E[t_a t_b | scores]: shape (draws, k, k), or (k, k) where no scores are given or none matter."""
        raise NotImplementedError

    def covariance(self, terms: Sequence[Term], scores: Scores | None = None) -> Array:
        """Cov(t_a, t_b | scores), centred; shapes as `second_moments`."""
        raise NotImplementedError

    def score_covariance(self, refs: Sequence[Var], scores: Scores | None = None) -> Array:
        """Cov(p_a, p_b | earlier scores) = C(a1,b1) C(a2,b2) + C(a1,b2) C(a2,b1) for members p_a of score families."""
        raise NotImplementedError

    # -- formulas --------------------------------------------------------------------------------------------------

    def formula(self, term: Term) -> Any | None:
        """E[term | scores] as a sympy expression in the params and in score symbols (`p[1,1,2]`), or None.

        None where some expectation has no closed form, or where the composed formula would be too large to read.
        """
        raise NotImplementedError

    def score_formula(self, p: Var, q: Var) -> Any | None:
        """Cov(p, q | earlier scores) as a sympy expression, or None."""
        raise NotImplementedError
