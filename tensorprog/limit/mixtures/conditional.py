"""The Gaussian law of variables given scores and given those vectors that are inside nonlinear functions.

    y = A(u) g + r(u),    g | u ~ N(m + B (u - m_u), S):        y | u ~ N(A E[g|u] + r, A S A')

u collects the scores (as features) and the given vectors; g are the vectors that occur linearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tensorprog.kernel.ground.nodes import Dot, Moment
from tensorprog.kernel.ground.term import mul
from tensorprog.limit.members.compiled import Compiled, features
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parts import Parts
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.limit.values.balls import OutOfTime
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.roots import Array, root_of
from tensorprog.terms import Term, Var

FLOAT_ROUNDING = 1e-12
MOST_SINGLE = 16
"""Leaves of one family whose covariances are asked pair by pair, in balls; those of more are computed as arrays."""


@dataclass(frozen=True, slots=True)
class Given:
    """Means (draws, k) and covariances (draws, k, k) of k variables given what was averaged over."""

    mean: Array
    cov: Array


def pseudo_inverse(cov: Array) -> Array:
    """Return the Moore–Penrose inverse of a covariance, or of a stack of them."""
    return np.asarray(np.linalg.pinv(cov, hermitian=True)) if cov.shape[-1] else cov


class Second:
    """Second moments of leaves: exact formulas turned into numbers, or given scores by the calculus of the program."""

    def __init__(self, structure: Structure) -> None:
        self.u = structure.unfolding
        self.averages, self.engine = structure.averages, structure.engine
        self.error = 0.0
        """The largest error of a covariance relative to the largest covariance."""

    def vectors(self, leaves: Sequence[Var], scores: Any = None) -> Array:
        """Covariance of Gaussian leaves; readouts are independent of everything but readouts."""
        if scores is None:
            return self._exact(leaves)
        kinds = [self.u.leaves[v].kind for v in leaves]
        blocks = [[k for k, kind in enumerate(kinds) if (kind == "score") == readout] for readout in (False, True)]
        vectors, readouts = (
            ask([leaves[k] for k in block], scores) if block else None
            for ask, block in zip((self.engine.covariance, self.engine.score_covariance), blocks, strict=True)
        )
        if readouts is None:
            return np.asarray(vectors)
        draws = np.broadcast_shapes(*(k.shape[:-2] for k in (vectors, readouts) if k is not None))
        out = np.zeros((*draws, len(leaves), len(leaves)))
        for block, k in zip(blocks, (vectors, readouts), strict=True):
            if k is not None:
                out[..., np.array(block)[:, None], np.array(block)] = k
        return out

    def scores(self, leaves: Sequence[Var], scores: Any = None) -> Array:
        """Covariance of dot products."""
        return self._exact(leaves) if scores is None else self.engine.score_covariance(leaves, scores)

    def _exact(self, leaves: Sequence[Var]) -> Array:
        out, error = np.zeros((len(leaves), len(leaves))), 0.0
        whole = self._families(leaves, out)
        related: dict[object, list[int]] = {}
        for i, a in enumerate(leaves):
            mine = related.setdefault(self.u.origin(a), [])
            mine.append(i)
            for j in mine:
                if whole and whole.get(i) == whole.get(j) is not None:
                    continue
                b = leaves[j]
                number = self._number(a, b)
                out[i, j] = out[j, i] = number.value
                error = max(error, number.error)
        if not np.all(np.isfinite(out)):
            raise NotCovered("a covariance that this law needs is not known")
        if len(leaves):
            self.error = max(self.error, error / max(float(out.max()), 1e-300))
        return out

    def _families(self, leaves: Sequence[Var], out: Array) -> dict[int, str]:
        """Puts in the covariances within large families, as arrays; the families of the leaves for which it did."""
        places: dict[str, list[int]] = {}
        for k, v in enumerate(leaves):
            places.setdefault(v.name, []).append(k)
        done: dict[int, str] = {}
        for name, at in places.items():
            found = self.engine.family_covariance([leaves[k] for k in at]) if len(at) > MOST_SINGLE else None
            if found is not None and np.all(np.isfinite(found)):
                out[np.ix_(at, at)] = found
                self.error = max(self.error, FLOAT_ROUNDING)
                done |= dict.fromkeys(at, name)
        return done

    def _number(self, a: Var, b: Var) -> Estimate:
        """The covariance of two leaves; in floats, whose rounding nobody follows, once the time for balls is over."""
        engine = self.engine
        try:
            ball = engine.leaf_covariance(a, b)
            return self.averages.number(self.averages.leaf_covariance(a, b)) if ball is None else ball.number
        except OutOfTime:
            ask = engine.score_covariance if self.u.leaves[a].kind == "score" else engine.covariance
            value = float(ask([a, b])[0, 1])
            return Estimate(value, FLOAT_ROUNDING * abs(value), "estimate", "quadrature")

    def moment(self, leaf: Var, scores: Any = None) -> Any:
        """Return the limit of an average over coordinates."""
        if scores is None or not self.u.level(leaf):
            return self.averages.number(self.averages.moment(leaf)).value
        node = self.u.leaves[leaf].node
        if isinstance(node, Dot):
            return self.engine.expectation(mul(*self.engine.random.sides(leaf)), scores)
        assert isinstance(node, Moment)
        return self.engine.expectation(leaf, scores)

    def mean(self, leaf: Var) -> float:
        """Return the mean of a Gaussian leaf; only inputs have one."""
        return float(self.averages.number(self.averages.mean(leaf)).value)


class Source:
    """Variables as sums over leaves: those that occur linearly, those that are given values, and averages."""

    def __init__(self, structure: Structure, parts: Sequence[Parts]) -> None:
        self.s, self.parts, self.second = structure, parts, Second(structure)
        u, self.terms = structure.unfolding, terms_of(parts)
        self.used = frozenset().union(*map(u.below, self.terms))
        self.linear = tuple(dict.fromkeys(g for p in parts for g in p.coefficients))
        self.given = tuple(v for v in structure.given if v in self.used)
        self.moments = [v for v in u.leaves if v in self.used and u.leaves[v].kind == "moment"]
        self.mean = np.array([self.second.mean(v) for v in (*self.linear, *self.given)])
        self.compiled = Compiled(self.terms, frozenset(u.leaves), structure.params)


class Conditional(Source):
    """Draws of the law given (u) for variables whose scores lie in one layer (or none)."""

    def __init__(self, structure: Structure, parts: Sequence[Parts]) -> None:
        super().__init__(structure, parts)
        self.averages = {v: float(self.second.moment(v)) for v in self.moments}
        scores = [v for layer in structure.layers for v in layer if v in self.used]
        self.features = features(self.terms, scores, structure.unfolding.below, structure.params)
        self.score_covariance = self.second.scores(scores) if scores else np.zeros((0, 0))
        self.leaf_covariance = self.second.vectors((*self.linear, *self.given))

    @cached_property
    def feature_root(self) -> Array:
        matrix = self.features.matrix
        return root_of(matrix @ self.score_covariance @ matrix.T)

    @cached_property
    def given_root(self) -> Array:
        n = len(self.linear)
        return root_of(self.leaf_covariance[n:, n:])

    @cached_property
    def slope(self) -> Array:
        k, n = self.leaf_covariance, len(self.linear)
        return np.asarray(k[:n, n:] @ pseudo_inverse(k[n:, n:]))

    @cached_property
    def residual(self) -> Array:
        k, n = self.leaf_covariance, len(self.linear)
        return np.asarray(k[:n, :n] - self.slope @ k[n:, :n])

    @property
    def dimension(self) -> int:
        return int(self.feature_root.shape[1] + self.given_root.shape[1])

    def draw(self, points: Array) -> Given:
        """Mean and covariance given standard normal points (draws, dimension)."""
        d = self.feature_root.shape[1]
        f = points[:, :d] @ self.feature_root.T + self.features.constant
        rows, at = self.features.values(f)
        noise = points[:, d:] @ self.given_root.T
        at |= {v: noise[:, k] + self.mean[len(self.linear) + k] for k, v in enumerate(self.given)}
        at |= {v: np.full(len(points), m) for v, m in self.averages.items()}
        values = self.compiled(at, rows)
        a, rest = assemble(self.parts, self.linear, values, len(points))
        inner = self.mean[: len(self.linear)] + noise @ self.slope.T
        mean = rest + np.einsum("ndk,nk->nd", a, inner)
        return Given(mean, np.einsum("ndk,kl,nel->nde", a, self.residual, a, optimize=True))

    def at_scores(self, scores: Mapping[Var, float]) -> Given:
        """Mean and covariance at one set of score values (no vectors given)."""
        p = np.array([scores[v] for v in self.features.scores])
        rows, at = self.features.values((self.features.matrix @ p + self.features.constant)[None, :])
        at |= {v: np.full(1, m) for v, m in self.averages.items()}
        a, rest = assemble(self.parts, self.linear, self.compiled(at, rows), 1)
        return Given(rest + a @ self.mean[: len(self.linear)], np.einsum("ndk,kl,nel->nde", a, self.residual, a))


def assemble(parts: Sequence[Parts], linear: Sequence[Var], values: list[Array], draws: int) -> tuple[Array, Array]:
    """Coefficients (draws, variables, leaves) and rests (draws, variables) from values in the order of `parts`."""
    place = {g: k for k, g in enumerate(linear)}
    a, rest = np.zeros((draws, len(parts), len(linear))), np.zeros((draws, len(parts)))
    it = iter(values)
    for d, p in enumerate(parts):
        for g in p.coefficients:
            a[:, d, place[g]] = next(it)
        rest[:, d] = next(it)
    return a, rest


def terms_of(parts: Sequence[Parts]) -> list[Term]:
    return [t for p in parts for t in (*p.coefficients.values(), p.rest)]
