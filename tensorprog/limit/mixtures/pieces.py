"""A law as a sum of independent pieces (heads with their own matrices): cumulants add, transforms multiply.

Alike pieces are averaged once. What is not additive (densities, distribution functions) is averaged over all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import comb
from typing import Any

import numpy as np

from tensorprog.kernel.ground.term import substitute
from tensorprog.limit.members.averaging import POWERS, Array, Group, rule_for, sampled
from tensorprog.limit.members.compiled import is_smooth
from tensorprog.limit.members.parts import Parts
from tensorprog.limit.mixtures.conditional import Conditional, Given, terms_of
from tensorprog.limit.mixtures.kinds import blocks
from tensorprog.limit.mixtures.mixture import Mixture, drawn
from tensorprog.limit.mixtures.nested import Nested
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.numbers.budget import Budget, search
from tensorprog.numbers.estimate import Estimate, worst_kind, worst_method
from tensorprog.numbers.roots import roots_of
from tensorprog.terms import Term, Var, to_text

NESTED_POWERS = range(4, 11)
"""Points of one scrambling, as powers of two, where each point needs its own covariances."""


@dataclass(frozen=True)
class Piece:
    """One independent summand, and how many there are like it."""

    source: Conditional | Nested
    count: int
    smooth: bool
    aim: Budget
    seed: int

    @property
    def dimension(self) -> int:
        return self.source.dimension

    @cached_property
    def mixture(self) -> Mixture:
        """Conditional means and covariances at the points that make cumulants accurate."""
        nested = isinstance(self.source, Nested)
        return averaged(self.source.draw, self.dimension, self.smooth, self.aim, self.seed, nested)

    @cached_property
    def cumulants(self) -> Estimate:
        """Mean, covariance and fourth cumulants, in one row: m + m*m + m numbers."""
        mix = self.mixture
        rows = [
            cumulants(group.weights, given.mean, given.cov)
            for group, given in zip(mix.rule.groups, mix.groups, strict=True)
        ]
        return mix.rule.combine(rows)


def cumulants(weights: Array, m: Array, c: Array) -> Array:
    """Mean, covariance and fourth cumulants: k4 = E[d^4 + 6 d^2 C + 3 C^2] - 3 Var^2 with d = m - E m."""
    mean = weights @ m
    d = m - mean
    cov = np.tensordot(weights, c + d[:, :, None] * d[:, None, :], axes=(0, 0))
    v = np.einsum("nii->ni", c)
    fourth = weights @ (d**4 + 6 * d**2 * v + 3 * v**2) - 3 * np.diag(cov) ** 2
    return np.concatenate([mean, cov.ravel(), fourth])


def averaged(
    draw: Callable[[Array], Given],
    dimension: int,
    smooth: bool,
    aim: Budget,
    seed: int,
    nested: bool = False,
    goal: float = 1e-9,
) -> Mixture:
    """Return the mixture at the points of the cheapest rule that gives variance and fourth moment to the tolerance."""
    known: dict[int, tuple[Group, Given]] = {}

    def at(group: Group) -> Given:
        if id(group) not in known:
            known[id(group)] = group, drawn(draw, group.points)
        return known[id(group)][1]

    def probe(group: Group) -> Array:
        given = at(group)
        v = np.einsum("nii->ni", given.cov)
        m = group.weights @ given.mean
        square = group.weights @ (v + given.mean**2)
        spread = group.weights @ (v + (given.mean - m) ** 2) ** 2
        return np.concatenate([square, spread])

    with search(aim):
        rule = rule_for(dimension, probe, aim.aim, seed, smooth, NESTED_POWERS if nested else POWERS, goal)
    return Mixture(rule, tuple(at(g) for g in rule.groups))


def pieces(s: Structure, aim: Budget, seed: int) -> tuple[Piece, ...]:
    """Return the independent summands of a law, alike ones together."""
    if s.nested:
        return (Piece(Nested(s, s.parts), 1, False, aim, seed),)
    found: dict[object, tuple[Conditional, int, bool]] = {}
    apart = blocks(s)
    for parts in apart:
        one = Conditional(s, parts)
        key = _signature(one, parts) if len(apart) > 1 else None
        found[key] = (one, found[key][1] + 1 if key in found else 1, is_smooth(terms_of(parts)))
    return tuple(Piece(source, count, smooth, aim, seed) for source, count, smooth in found.values())


def _signature(c: Conditional, parts: Sequence[Parts]) -> object:
    """Equal for pieces that differ in names only: same coefficients, same covariances."""
    names: dict[Term, Var] = {v: Var(f"u{k}") for k, v in enumerate((*c.linear, *c.given, *c.features.scores))}
    names |= {v: Var(f"m{k}") for k, v in enumerate(c.moments)}
    texts = [to_text(substitute(t, names)) for t in terms_of(parts)]
    layout = [[names[g].name for g in p.coefficients] for p in parts]
    arrays = (c.score_covariance, c.leaf_covariance, c.mean, np.array(list(c.averages.values())))
    return (str(texts), str(layout), *((a.shape, (np.round(a, 12) + 0.0).tobytes()) for a in arrays))


@dataclass(frozen=True)
class Sum:
    """The whole: sums, products and joint averages of the pieces."""

    pieces: tuple[Piece, ...]
    size: int
    aim: Budget
    seed: int
    error: float
    """Relative error of the covariances that the averages start from."""

    @property
    def mean(self) -> Estimate:
        return self._cumulants(0, self.size)

    @property
    def covariance(self) -> Estimate:
        return self._cumulants(self.size, self.size, self.size)

    @property
    def fourth(self) -> Estimate:
        return self._cumulants(self.size + self.size**2, self.size)

    def _cumulants(self, first: int, *shape: int) -> Estimate:
        """Return some of the cumulants, from the row in which they come."""
        row, at = self._row, slice(first, first + math.prod(shape))
        return replace(row, value=row.value[at].reshape(shape), error=row.error[at].reshape(shape))

    @cached_property
    def _row(self) -> Estimate:
        value = error = np.zeros(2 * self.size + self.size**2)
        for p in self.pieces:
            value, error = value + p.count * p.cumulants.value, error + p.count * p.cumulants.error
        kind = worst_kind(*(p.cumulants.error_kind for p in self.pieces))
        method = worst_method(*(p.cumulants.method for p in self.pieces))
        return Estimate(value, error + 8 * self.error * np.abs(value), kind, method)

    def moment(self, powers: Sequence[int]) -> Estimate:
        """E[prod y_i^k_i]: the multinomial convolution of the pieces' moments, |error| by products of (|v| + e)."""
        box = [range(k + 1) for k in powers]
        value = exact = bound = {(0,) * len(powers): 1.0}
        kinds, methods = [], []
        for p in self.pieces:
            at = {k: p.mixture.moment(k) for k in product(*box)}
            kinds.append(at[tuple(powers)].error_kind)
            methods.append(at[tuple(powers)].method)
            for _ in range(p.count):
                value = _convolved(value, {k: float(a.value) for k, a in at.items()}, box)
                exact = _convolved(exact, {k: abs(float(a.value)) for k, a in at.items()}, box)
                bound = _convolved(bound, {k: abs(float(a.value)) + float(a.error) for k, a in at.items()}, box)
        top = tuple(powers)
        slack = bound[top] - exact[top] + 4 * sum(powers) * self.error * exact[top]
        return Estimate(value[top], slack, worst_kind(*kinds), worst_method(*methods))

    def characteristic(self, t: Array) -> Estimate:
        """Return the product of the pieces' characteristic functions."""
        value, error = np.ones(len(t), dtype=complex), np.zeros(len(t))
        found: list[Estimate] = []
        for p in self.pieces:
            one = p.mixture.characteristic(t)
            found.append(one)
            value = value * one.value**p.count
            error = error + p.count * np.abs(one.error)
        kind = worst_kind(*(one.error_kind for one in found))
        return Estimate(value, error + self.error, kind, worst_method(*(one.method for one in found)))

    @property
    def dimension(self) -> int:
        return sum(p.count * p.dimension for p in self.pieces)

    def draw(self, points: Array) -> Given:
        """Return all pieces at once, each copy with its own coordinates."""
        mean, cov = np.zeros((len(points), self.size)), np.zeros((len(points), self.size, self.size))
        at = 0
        for p in self.pieces:
            for _ in range(p.count):
                one = p.source.draw(points[:, at : at + p.dimension])
                mean, cov, at = mean + one.mean, cov + one.cov, at + p.dimension
        return Given(mean, cov)

    def expect(self, f: Callable[..., Array]) -> Estimate:
        """E f(y), y drawn given the scores."""
        d = self.dimension

        def mean(group: Group) -> Array:
            points = group.points
            given = self.draw(points[:, :d])
            y = given.mean + np.einsum("nij,nj->ni", roots_of(given.cov), points[:, d:])
            return np.asarray(group.weights @ f(*y.T))

        return sampled(d + self.size, mean, self.aim.aim, range(10, 15), self.seed)

    @cached_property
    def sampled(self) -> Mixture:
        """The mixture over everything at once, at random points."""
        return averaged(self.draw, self.dimension, False, self.aim, self.seed)

    @cached_property
    def joint(self) -> Mixture:
        """The mixture over everything at once."""
        if len(self.pieces) == 1 and self.pieces[0].count == 1:
            return self.pieces[0].mixture
        smooth = all(p.smooth for p in self.pieces)
        return averaged(self.draw, self.dimension, smooth, self.aim, self.seed, goal=1e-6)


def _convolved(a: dict[Any, float], b: dict[Any, float], box: Sequence[range]) -> dict[Any, float]:
    out = {}
    for k in product(*box):
        total = 0.0
        for j in product(*(range(i + 1) for i in k)):
            rest = tuple(x - y for x, y in zip(k, j, strict=True))
            if j in a:
                ways = np.prod([comb(x, y) for x, y in zip(k, j, strict=True)])
                total += float(ways) * a[j] * b[rest]
        out[k] = total
    return out
