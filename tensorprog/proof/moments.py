"""Means of products, found: by Isserlis, and over the scores by what is known given them; and how finely the two
integrals are to be spaced that average a product of shares of softmaxes."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any, Protocol

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import F1, Refused
from tensorprog.kernel.ground.term import ONE, mul
from tensorprog.kernel.limits.algebra import as_term, normal, text
from tensorprog.kernel.limits.members import given, members, pair, vectors, weighted, written
from tensorprog.kernel.limits.moments import MAX_SUMMANDS, factors, given_scores
from tensorprog.kernel.limits.pieces import plain
from tensorprog.kernel.limits.statements import GivenScores
from tensorprog.kernel.numbers.intervals import UNIT
from tensorprog.kernel.numbers.shares import MAX_DEGREE, Kind, Model
from tensorprog.proof.writer import Writer
from tensorprog.terms import App, Num, Term, Var, to_json, to_text


class Means(Protocol):
    """What is asked of the steps about means."""

    writer: Writer
    context: Context

    def mean(self, t: Term) -> int:
        """Return the step that says what E t is."""

    def law(self, a: Var, b: Var) -> int:
        """Return the step that states the law of two members given the scores."""

    def named(self, t: Term) -> list[Term]:
        """Return the means that a value refers to."""

    def with_what_is_below(self, steps: list[int]) -> list[int]:
        """Return these steps with those that they rest on, if they are few."""


def law(means: Means, at: list[Var]) -> int:
    """Return the step that states the joint law of members that no score reaches, or of scores."""
    found = [*at, *(pair(a, b) for a, b in combinations_with_replacement(at, 2))]
    steps = means.with_what_is_below([means.mean(t) for t in dict.fromkeys(found)])
    return means.writer.step("gaussian_law", steps, at=list(map(to_json, at)))


def isserlis(means: Means, t: Term) -> int:
    """Return a product of Gaussian members from their means and covariances."""
    distinct = sorted(set(factors(means.context, t)), key=to_text)
    needs = dict.fromkeys([*distinct, *(pair(a, b) for a, b in combinations_with_replacement(distinct, 2))])
    return means.writer.step("isserlis", [means.mean(m) for m in needs], term=to_json(t))


def is_product(means: Means, t: Term) -> bool:
    """Return whether a term is a product of powers of members, of three factors or more."""
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
    """Return the mean of a product given the scores, and the means that it refers to."""
    said = means.writer.says(steps)
    value = given_scores(means.context, said, t)
    values = [s.value for s in said if isinstance(s, GivenScores)] or [value]
    return value, list(dict.fromkeys(m for x in values for m in means.named(x)))


def over_scores(means: Means, t: Term) -> int:
    """Return the mean of a product of members that scores reach, where it is a polynomial in scores given them."""
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
    """Return whether a score reaches a vector in a term."""
    return any(v.name in means.context.late for v in vectors(means.context, written(means.context, t, True)))


def is_random(means: Means, t: Term) -> bool:
    """Return whether a term is a function of scores, or a product of members that scores reach."""
    found = members(means.context, written(means.context, t, True))
    return any(v.name in means.context.late for v in found)


ACCURACY = math.log(1e-13)
"""How near each of the integrals is to be, on a logarithmic scale."""
SAME = UNIT // 10**14
"""Covariances that are off by less are taken to be those of independent scores."""
STRIPS = tuple(k / 20 for k in range(1, 161))


def is_near(model: Model) -> bool:
    """Return whether the scores have almost the covariance of independent ones."""
    return model.gap <= SAME


def grids(model: Model) -> dict[str, Any]:
    """Return the params of `shares_over_scores`."""
    products = list[tuple[int, list[tuple[int, float, float]]]]()
    for _, powers in model.summands:
        for r in {r for r, _ in powers}:
            chosen = [(m, *_moments(model.rows[r][k])) for (s, k), m in powers.items() if s == r]
            products.append((sum(m for m, *_ in chosen), chosen))
    kinds = sorted({_moments(kind) for row in model.rows for kind in row})
    if not products or not kinds:
        raise Refused("a softmax of scores")
    return {**_inner(max(d for d, _ in kinds) ** 0.5, max(degree for degree, _ in products)),
            "points": _outer(products, kinds)}  # fmt: skip


def _moments(kind: Kind) -> tuple[float, float]:
    return kind[0] / UNIT, sum(kind[1]) / 2 / UNIT


def _inner(sigma: float, degree: int) -> dict[str, str]:
    """In the Gaussian variable: the coarsest grid over all strips in which the real part of e^u is positive."""
    wanted, found = ACCURACY - 4, list[tuple[float, float]]()
    for a in STRIPS:
        if (c := math.cos(min(sigma * a, 2))) > 0.01:
            top = max(0.0, degree * (math.log(degree) - 1 - math.log(c)))
            found.append((math.tau * a / (math.log(4) + top + a * a / 2 - wanted), a))
    if not found:
        raise Refused("scores of small variance")
    spacing, strip = max(found)
    h = Fraction(math.floor(256 * spacing), 256)
    end = math.sqrt(2 * (max(0.0, degree * (math.log(degree) - 1)) - wanted))
    return {"strip": str(Fraction(strip).limit_denominator(20)), "spacing": str(h), "count": str(math.ceil(end / h))}


def _outer(products: list[tuple[int, list[tuple[int, float, float]]]], kinds: list[tuple[float, float]]) -> list[str]:
    """In the variable of the Laplace transform."""
    degree = max(degree for degree, _ in products)
    a = max((k / 20 for k in range(10, 32)), key=lambda a: a / (1 - ACCURACY - degree * math.log(math.cos(a))))
    h = math.tau * a / (1 - ACCURACY - degree * math.log(math.cos(a)))
    first = min((ACCURACY - sum(m * mu + m * m * d / 2 for m, d, mu in chosen)) / n for n, chosen in products)
    last = max(
        min(
            (n * (math.log(n) - 1) - q * mu + q * q * d / 2 - ACCURACY) / q
            for d, mu in kinds
            for q in range(1, MAX_DEGREE)
            for n in (m + q,)
        )
        for m, _ in products
    )
    ends = Fraction(math.floor(16 * first), 16), Fraction(math.ceil(16 * last), 16)
    return list(map(str, (Fraction(a).limit_denominator(20), Fraction(math.floor(256 * h), 256), *ends)))
