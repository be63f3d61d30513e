"""Jumps that scores reach: whether the limit is there with positive probability, and whether every width is.

A score r = n^(-1/2) v.x with E[x^2] = 0 tends to 0, and step(r) is 0 or 1 with probability 1/2 at every width. So a
jump that is reached in the limit alone has no value there. sign(relu(p) u) is 0 wherever p < 0, at every width, and is
averaged as it is written; sign(relu(p) u + mean(e)) is the sign of the average there, and has no limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flint import acb, arb

from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.sympy_bridge import to_sympy
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.limit.averages import Averages
from tensorprog.limit.jumps.exact import Exact
from tensorprog.limit.jumps.jumps import Jump, jumps_of
from tensorprog.limit.jumps.standing import Gaussian
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parts import affine
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import Num, Term, Var, to_text


def refuse_jumps(c: Averages, terms: Iterable[Term]) -> None:
    """Raise NotCovered if a jump of the expressions, or of what they are made of, stands where no width is known to be.

    What is made without scores is asked about where its expectations are taken.
    """
    terms = list(terms)
    for t in c.u.with_ancestors(terms):
        scores = [v for v in c.u.below(t) if c.u.leaves[v].kind == "score" or c.u.level(v)]
        if not (scores or t in terms):
            continue
        for j in jumps_of(t):
            first = [v for v in c.u.below(j.gap) if c.u.leaves[v].kind == "score" and c.u.level(v) == 1]
            if any(_is_zero(c, c.leaf_covariance(v, v)) for v in first) or _is_still(c, j):
                raise NotCovered(f"{to_text(j.place)} jumps where the limit of {to_text(j.gap)} has no variance")
            if scores and _reached_in_the_limit(c, j):
                because = "may have positive probability, and is not known to hold at every width"
                raise NotCovered(f"{to_text(j.place)} jumps, and in the limit {to_text(j.gap)} = 0 {because}")


def _reached_in_the_limit(c: Averages, j: Jump) -> bool:
    """Return whether what is constant in the limit alone, such as mean(e), may decide the side of the jump."""
    exact = Exact(c.u, c.engine.values)
    below = sorted(c.u.below(j.gap), key=repr)
    known = {v: x for v in below if (x := exact.constant(v)) is not None}
    leaves = [v for v in below if v not in known]
    later = [v for v in leaves if c.u.level(v) > int(c.u.leaves[v].kind == "score")]
    moments = [v for v in leaves if c.u.leaves[v].kind == "moment"]
    names = [v for v in leaves if v not in later and v not in moments]
    still = [v for v in names if _is_zero(c, c.leaf_covariance(v, v))]
    if not (still or moments) or exact.beside(j) is not None:
        return False
    if later:
        return True
    fixed: dict[Term, Term] = {v: Num(x) for v, x in known.items()}
    for n, x in c.engine.values.items():
        fixed[Var(n)] = Num(x)
    gap = substitute(j.gap, fixed)
    limits: dict[Term, Any] = {v: _ball(c.number(c.moment(v))) for v in moments}

    def constant(t: Term, at: Mapping[Term, Any]) -> Any:
        inside = {**limits, **at}
        used = [v for v in variables(t) if v in inside]
        spelled: dict[Term, Term] = {v: Var(f"x{k}") for k, v in enumerate(used)}
        found = ball_function(substitute(t, spelled), [f"x{k}" for k in range(len(used))])(
            [acb(inside[v]) for v in used], False
        )
        return found.real if found.imag.contains(0) else arb("nan")

    def covariance(i: int, k: int) -> Any:
        return _ball(c.number(c.leaf_covariance(names[i], names[k])))

    means = [_ball(c.number(c.mean(v))) for v in names]
    law = Gaussian(names, covariance, means, constant, lambda v: v not in limits)
    return bool(law.may_stand(gap, j.periodic))


def _ball(x: Estimate) -> Any:
    return arb(x.value, x.error) if x.known and x.rigorous else arb("nan")


def _is_still(c: Averages, j: Jump) -> bool:
    """Return whether the argument is a combination of scores and vectors that cancel in the limit."""
    leaves = frozenset(v for v in c.u.below(j.gap) if c.u.leaves[v].kind != "moment")
    straight = affine(j.gap, leaves, c.u.below)
    if straight is None or not any(c.u.leaves[v].kind == "score" for v in leaves):
        return False
    parts: list[tuple[Var, Term]] = list(straight[0].items())
    if any(c.u.level(v) > 1 or c.u.below(a) for v, a in parts):
        return False
    total = sum(to_sympy(a) * to_sympy(b) * c.leaf_covariance(v, w) for v, a in parts for w, b in parts)
    return bool(parts) and _is_zero(c, total)


def _is_zero(c: Averages, variance: object) -> bool:
    found = c.number(variance)
    return bool(abs(found.value) <= max(found.error, 1e-12))
