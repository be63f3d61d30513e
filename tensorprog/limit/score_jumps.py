"""Jumps in scores whose limit has no variance: at no width is the score where its limit is.

A score r = n^(-1/2) v.x with E[x^2] = 0 tends to 0, and step(r) is 0 or 1 with probability 1/2 at every width. So a
jump that a score reaches in the limit alone has no value there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorprog.limit.decompose import affine
from tensorprog.limit.jumps import Jump, jumps_of
from tensorprog.limit.unfold import NotCovered
from tensorprog.terms import Term, Var, to_text
from tensorprog.terms.sympy_bridge import to_sympy

if TYPE_CHECKING:
    from tensorprog.limit.certified import Certified


def refuse_jumps(c: Certified, t: Term) -> None:
    """Raise NotCovered if a jump of the expression stands where scores without variance end."""
    for j in jumps_of(t):
        scores = [v for v in c.u.below(j.gap) if c.u.leaves[v].kind == "score" and c.u.level(v) == 1]
        if any(_is_zero(c, c.covariance(v, v)) for v in scores) or _is_still(c, j):
            raise NotCovered(f"{to_text(j.place)} jumps where the limit of {to_text(j.gap)} has no variance")


def _is_still(c: Certified, j: Jump) -> bool:
    """Is the argument a combination of scores and vectors that cancel in the limit?"""
    leaves = frozenset(v for v in c.u.below(j.gap) if c.u.leaves[v].kind != "moment")
    straight = affine(j.gap, leaves, c.u.below)
    if straight is None or not any(c.u.leaves[v].kind == "score" for v in leaves):
        return False
    parts: list[tuple[Var, Term]] = list(straight[0].items())
    if any(c.u.level(v) > 1 or c.u.below(a) for v, a in parts):
        return False
    total = sum(to_sympy(a) * to_sympy(b) * c.covariance(v, w) for v, a in parts for w, b in parts)
    return bool(parts) and _is_zero(c, total)


def _is_zero(c: Certified, variance: object) -> bool:
    found = c.number(variance)
    return bool(abs(found.value) <= max(found.error, 1e-12))
