"""Means of products, found: by Isserlis, and over the scores by what is known given them."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Protocol

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import F1, Refused
from tensorprog.kernel.ground.term import ONE, mul
from tensorprog.kernel.limits.algebra import as_term, normal, text
from tensorprog.kernel.limits.members import given, members, pair, vectors, weighted, written
from tensorprog.kernel.limits.moments import MAX_SUMMANDS, factors, given_scores
from tensorprog.kernel.limits.pieces import plain
from tensorprog.kernel.limits.statements import GivenScores
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Num, Term, Var, to_json, to_text


class Means(Protocol):
    """What is asked of the steps about means."""

    writer: Writer
    context: Context

    def mean(self, t: Term) -> int:
        """The step that says what E t is."""

    def law(self, a: Var, b: Var) -> int:
        """The step that states the law of two members given the scores."""

    def named(self, t: Term) -> list[Term]:
        """The means whose references stand in a value."""

    def with_what_is_below(self, steps: list[int]) -> list[int]:
        """These steps with those that they rest on, if they are few."""


def law(means: Means, at: list[Var]) -> int:
    """The step that states the joint law of members that no score reaches, or of scores."""
    found = [*at, *(pair(a, b) for a, b in combinations_with_replacement(at, 2))]
    steps = means.with_what_is_below([means.mean(t) for t in dict.fromkeys(found)])
    return means.writer.step("gaussian_law", steps, at=list(map(to_json, at)))


def isserlis(means: Means, t: Term) -> int:
    """A product of Gaussian members from their means and covariances."""
    distinct = sorted(set(factors(means.context, t)), key=to_text)
    needs = dict.fromkeys([*distinct, *(pair(a, b) for a, b in combinations_with_replacement(distinct, 2))])
    return means.writer.step("isserlis", [means.mean(m) for m in needs], term=to_json(t))


def is_product(means: Means, t: Term) -> bool:
    """Is a term a product of powers of members, of three factors or more?"""
    parts = t.args if isinstance(t, App) and t.head == "mul" else (t,)
    bases = [p.args[0] if isinstance(p, App) and p.head == "pow" and isinstance(p.args[1], Num) else p for p in parts]
    if not all(isinstance(b, Var) and b.name in means.context.program.families for b in bases):
        return False
    try:
        return len(factors(means.context, t)) > 2
    except Refused:
        return False


def laws(means: Means, t: Term) -> list[int]:
    """The laws given the scores of the members in a product; where these are not Gaussian and centred, the means of
    products of what they are combinations of."""
    found = factors(means.context, t)
    distinct = sorted(set(found), key=to_text)
    steps = [means.law(a, b) for a, b in combinations_with_replacement(distinct, 2)]
    if all(isinstance(s, GivenScores) and s.gaussian for s in means.writer.says(steps)):
        return steps
    keys: set[tuple[Term, ...]] = {()}
    for v in found:
        parts = [u for u in weighted(means.context, given(means.context, v)) if u != ONE]
        keys |= {tuple(sorted((*us, u), key=text)) for us in keys for u in parts}
        if len(keys) > MAX_SUMMANDS:
            raise Refused("few summands")
    return [means.mean(mul(*us)) for us in sorted(keys, key=str) if us]


def conditional(means: Means, t: Term, steps: list[int]) -> tuple[Term, list[Term]]:
    """The mean of a product given the scores, and the means that it refers to."""
    said = means.writer.says(steps)
    value = given_scores(means.context, said, t)
    values = [s.value for s in said if isinstance(s, GivenScores)] or [value]
    return value, list(dict.fromkeys(m for x in values for m in means.named(x)))


def over_scores(means: Means, t: Term) -> int:
    """The mean of a product of members that scores reach, where it is a polynomial in scores given them."""
    steps = laws(means, t)
    value, named = conditional(means, t, steps)
    monomials = list[Term]()
    for m in normal(plain(written(means.context, value, True))):
        inside = tuple(f for f in m if members(means.context, f[0]))
        if not all(isinstance(v, Var) for v, _ in inside):
            raise Refused("a polynomial in scores; `laws:` says what holds given them, `numbers:` averages over them")
        monomials += [as_term({inside: F1})] if inside else []
    needs = dict.fromkeys([*monomials, *named])
    return means.writer.step("over_scores", [*steps, *(means.mean(m) for m in needs)], term=to_json(t))


def reached(means: Means, t: Term) -> bool:
    """Does a score reach a vector in a term?"""
    return any(v.name in means.context.late for v in vectors(means.context, t))


def is_random(means: Means, t: Term) -> bool:
    """Is a term a function of scores, or a product of members that scores reach?"""
    found = members(means.context, written(means.context, t, True))
    return any(v.name in means.context.late for v in found)
