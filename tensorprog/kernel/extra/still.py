"""Two rules about means: of a member without variance, and at members of one law."""

from __future__ import annotations

from itertools import product as every

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.term import Term, Var, sub
from tensorprog.kernel.limits.algebra import is_zero
from tensorprog.kernel.limits.known import Known
from tensorprog.kernel.limits.lemmas import Terms
from tensorprog.kernel.limits.members import gaussian, pair, same, vectors
from tensorprog.kernel.verdict.facts import facts


def still(ctx: Context, premises: Premises, term: Term, at: Terms) -> Statement:
    """A continuous function of a Gaussian member without variance, which stands at its mean."""
    (found,), (info,) = facts(premises[:1], 1)
    known, (v,) = Known(ctx, premises[1:]), at
    require(found == term and info.has("continuous") and not info.local, "a function that is continuous")
    require(isinstance(v, Var) and gaussian(ctx, v), "Gaussian members")
    m = known.mean(v)
    require(is_zero(ctx, known.covariance(v, v)), "a member without variance")
    return known.concluded(term, known.mean(substituted(term, {v: m})))


def alike(ctx: Context, premises: Premises, term: Term, at: Terms) -> Statement:
    """The mean of one function at Gaussian members of one law: `at` for those of the first premise."""
    known = Known(ctx, premises)
    first = known.means[0].term
    before = vectors(ctx, first)
    found = [v for v in (*before, *at) if isinstance(v, Var) and gaussian(ctx, v)]
    require(len(at) == len(before) and len(found) == 2 * len(at), "Gaussian members")
    require(not ctx.late & {v.name for v in found}, "a law that no score changes")
    require(same(ctx, term, substituted(first, dict(zip(before, at, strict=True)))), "the term is the first at others")
    moments = [[*side, *every(side, side)] for side in (before, at)]
    for one, other in zip(*moments, strict=True):
        m, k = (known.mean(pair(*t) if isinstance(t, tuple) else t) for t in (one, other))
        require(is_zero(ctx, sub(m, k)), "members of one law")
    return known.concluded(term, known.mean(first), known.means[0].positive)
