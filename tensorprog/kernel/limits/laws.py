"""The rules about limit laws: covariances, laws given the scores, and claims of the program."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import prod

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import remembered, require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.core.substitution import part, substituted
from tensorprog.kernel.ground.indices import Pattern, uncovered
from tensorprog.kernel.ground.masks import holds, index_values
from tensorprog.kernel.ground.nodes import Claim, Scalar
from tensorprog.kernel.ground.term import ONE, App, Term, Var, mul, shift_subs, size, sub, transform, variables, walk
from tensorprog.kernel.ground.text import claim_text
from tensorprog.kernel.limits.algebra import as_term, is_zero, normal, plus
from tensorprog.kernel.limits.algebra import product as multiplied
from tensorprog.kernel.limits.known import Known
from tensorprog.kernel.limits.lemmas import Terms
from tensorprog.kernel.limits.members import (
    defined,
    gaussian,
    given,
    has_values,
    members,
    opened,
    pair,
    vectors,
    weighted,
    written,
)
from tensorprog.kernel.limits.pieces import plain
from tensorprog.kernel.limits.statements import Claimed, Covariance, GivenScores
from tensorprog.kernel.verdict.premises import case_of


@remembered(16)
def _below(ctx: Context, output: int) -> dict[int, dict[Pattern, None]]:
    return case_of(ctx, output, ()).members.need


def covered(ctx: Context, found: Collection[Var]) -> None:
    """Ask that one output, which the first goals judge, is computed from all of these members."""
    wanted = [(id(n), p) for v in found for n, p in ctx.program.resolve(v)]
    need = [_below(ctx, k) for k in range(len(ctx.program.outputs))]
    inside = any(all(uncovered(p, below.get(n, ()), ctx.spend) is None for n, p in wanted) for below in need)
    require(inside, "members below one output")


def covariance(ctx: Context, premises: Premises, at: Terms) -> Statement:
    """The covariance of two members in the limit: the mean of the product less the product of the means."""
    known = Known(ctx, premises)
    a, b = at
    covered(ctx, (*members(ctx, a), *members(ctx, b)))
    require(members(ctx, a) == (a,) and members(ctx, b) == (b,), "single members of the program")
    value = known.spelled(known.covariance(a, b))
    return Covariance(a, b, value)


def conditional(ctx: Context, premises: Premises, at: Terms) -> Statement:
    """The covariance of combinations of functions of members, given the scores; of centred Gaussian ones, the law."""
    known = Known(ctx, premises)
    a, b = at
    covered(ctx, (*members(ctx, a), *members(ctx, b)))
    left, right = (weighted(ctx, given(ctx, v)) for v in at)
    ctx.spend(100 * len(left) * len(right))
    parts = [(p, q, known.covariance(u, v)) for u, p in left.items() for v, q in right.items()]
    value = as_term(plus(*(multiplied(p, q, normal(plain(c))) for p, q, c in parts)))
    scalars = [v for v in members(ctx, value) if isinstance(defined(ctx, v)[0], Scalar)]
    shown = substituted(known.spelled(value), {v: opened(ctx, v) for v in scalars})
    law = all(isinstance(u, Var) and gaussian(ctx, u) and is_zero(ctx, known.mean(u)) for u in (*left, *right))
    return GivenScores(a, b, shown, law)


def instances(ctx: Context, c: Claim) -> list[tuple[Term, Term]]:
    """The sides of a claim at each value of its indices where its condition holds."""
    two = (c.left or ONE, c.right or ONE)
    used = dict.fromkeys(s for t in (*two, c.condition or ONE) for v in variables(t) for s in (v.subs or (v.name,)))
    over = [s for s in used if isinstance(s, str) and s in ctx.program.indices]
    ctx.spend(10 * prod(high - low + 1 for low, high in map(ctx.program.range_of, over)) * sum(map(size, two)))
    cases = [at for at in index_values(over, ctx.program) if c.condition is None or holds(c.condition, at)]
    return list(dict.fromkeys((shift_subs(two[0], dict(at)), shift_subs(two[1], dict(at))) for at in cases))


def sides(ctx: Context, two: tuple[Term, Term], mean: Callable[[Term], Term]) -> list[Term]:
    """The sides of a claim, with what is known of means in their place."""

    def leaf(t: Term) -> Term | None:
        match t:
            case App("cov", (a, b)):
                return sub(mean(pair(a, b)), mul(mean(a), mean(b)))
            case App("var", (a,)):
                return sub(mean(pair(a, a)), mul(mean(a), mean(a)))
            case App("E", (a,)):
                return mean(a)
        return None

    out = [written(ctx, transform(t, leaf)) for t in two]
    require(not any(vectors(ctx, t) or members(ctx, t) for t in out), "a claim about means")
    return out


def claimed(ctx: Context, premises: Premises, node: int) -> Statement:
    """A claim of the program holds, for all values of its indices: two sides are equal, or a vector is Gaussian."""
    known = Known(ctx, premises)
    require(0 <= node < len(ctx.program.claims), "a claim of the program")
    c = ctx.program.claims[node]
    require(c.form in ("equal", "gaussian") and c.tolerance is None, "a claim that terms are equal, or one is Gaussian")
    cases = instances(ctx, c)
    require(bool(cases), "a claim about something")
    valued = {s for v in known.values.values() for s in walk(substituted(v, known.roots)) if part(s)}
    for two in cases:
        covered(ctx, [v for t in two for v in members(ctx, t)])
        if c.form == "gaussian":
            v = two[0]
            require(isinstance(v, Var) and v.name not in ctx.late and gaussian(ctx, v), "Gaussian members")
            known.mean(v)  # which has a value
            continue
        gap = sub(*sides(ctx, two, known.mean))
        require(has_values(ctx, substituted(gap, known.roots), valued, known.sure), "every part has a value")
        require(is_zero(ctx, plain(gap)) or is_zero(ctx, known.spelled(gap)), "the sides of the claim are equal")
    return Claimed(node, claim_text(c))
