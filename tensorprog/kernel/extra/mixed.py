"""The rule about vectors that are not Gaussian, because their variance given the scores takes two values."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Premises, Statement, asked
from tensorprog.kernel.ground.nodes import Dot
from tensorprog.kernel.ground.text import claim_text
from tensorprog.kernel.limits.lemmas import Terms
from tensorprog.kernel.limits.members import instruction_of, members, pair, written
from tensorprog.kernel.limits.statements import GivenScores
from tensorprog.kernel.numbers.intervals import enclosure, rounded, spelled, times
from tensorprog.kernel.numbers.numbers import _claim
from tensorprog.kernel.numbers.statements import Confirmed
from tensorprog.kernel.numbers.values import number_of, values, where


def mixed(ctx: Context, premises: Premises, node: int, at: Terms, points: tuple[Fraction, ...]) -> Statement:
    """A vector is not Gaussian whose variance given the scores takes two values where the scores have their law."""
    c, cases = _claim(ctx, node, "not gaussian")
    laws, known = premises[: len(cases)], values(ctx, premises[len(cases) :])
    for (v, _), premise, score, t in zip(cases, laws, at, points, strict=True):
        law = asked(premise, GivenScores, "the law of the vector")
        require(law.gaussian and law.a == law.b == v, "the law of the vector")
        variance = spelled(written(ctx, law.value, True))
        scores = members(ctx, variance)
        made = [instruction_of(ctx, p, Dot)[0] for p in scores]
        early = [isinstance(n, Dot) and not {n.left.name, n.right.name} & ctx.late for n in made]  # these are Gaussian
        require(all(early) and all(map(ctx.powers.is_score, made)), "a function of scores")
        zero, other = known | dict.fromkeys(scores, rounded(0)), dict(known)
        for p in scores:  # t times a column of their covariance, which is a point of the support
            other[p] = times(rounded(t), number_of(known, pair(p, score)))
        (a, b), (d, e) = enclosure(variance, zero, True), enclosure(variance, other, True)
        require(b < d or e < a, "two variances that differ")
    return Confirmed(node, claim_text(c), where(ctx))
