"""Formulas for a Gaussian with random mean and covariance: everything is an average over what it is given.

y | u ~ N(m(u), C(u)):    E[f(y)] = E[ E[f(y) | u] ]          (Rao-Blackwell: y itself is never drawn)
E[y_i y_j] = E[C_ij + m_i m_j],   density = E[N(y; m, C)],   characteristic function = E[exp(i t'm - t'Ct/2)]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from tensorprog.errors import fail
from tensorprog.limit.members.averaging import Array, Rule
from tensorprog.limit.mixtures.conditional import Given
from tensorprog.limit.values.cores import isserlis
from tensorprog.numbers.estimate import Estimate

CHUNK = 1 << 15
MOST_VALUES = 4_000_000
NEGLIGIBLE = 1e-8
"""Weight of points with a singular covariance below which a density is given: far-out rounding, not a feature."""


@dataclass(frozen=True)
class Mixture:
    """Conditional means and covariances at the points of a rule, group by group."""

    rule: Rule
    groups: tuple[Given, ...]

    @property
    def size(self) -> int:
        return int(self.groups[0].mean.shape[1])

    def average(self, f: Callable[[Array, Array], Array]) -> Estimate:
        """E[f(m, C)] for f vectorised over the first axis."""
        values = []
        for group, given in zip(self.rule.groups, self.groups, strict=True):
            values.append(np.tensordot(group.weights, f(given.mean, given.cov), axes=(0, 0)))
        return self.rule.combine(values)

    def moment(self, powers: Sequence[int]) -> Estimate:
        """E[y_1^k1 ... y_m^km] by E[y_i g] = m_i E[g] + sum_j C_ij E[dg/dy_j] (Stein)."""
        rows, columns = np.triu_indices(self.size)
        return self.average(lambda m, c: isserlis(tuple(powers), [*c[:, rows, columns].T], [*m.T]) * np.ones(len(m)))

    def density(self, points: Array) -> Estimate:
        """Return the density at points (count, variables); needs a nonsingular covariance given the scores."""
        if self._singular() > NEGLIGIBLE:
            raise _no_density()

        def f(m: Array, c: Array, y: Array) -> Array:
            c = np.where(_regular(c)[:, None, None], c, np.eye(self.size) * 1e30)  # no density where there is none
            if self.size == 1:
                v = c[:, 0, 0]
                out = np.exp(-((y[:, 0] - m[:, :1]) ** 2) / (2 * v[:, None])) / np.sqrt(2 * math.pi * v[:, None])
                return np.asarray(out)
            root = np.linalg.cholesky(c)
            out = np.empty((len(m), len(y)))
            norm = np.prod(np.diagonal(root, axis1=1, axis2=2), axis=1) * (2 * math.pi) ** (self.size / 2)
            for k, point in enumerate(y):
                z = np.linalg.solve(root, (point - m)[..., None])[..., 0]
                out[:, k] = np.exp(-np.einsum("nd,nd->n", z, z) / 2) / norm
            return out

        return self._over(points, f)

    def _singular(self) -> float:
        """Return the weight of the points at which the covariance is singular."""
        pairs = zip(self.rule.groups, self.groups, strict=True)
        return max(float(group.weights[~_regular(given.cov)].sum()) for group, given in pairs)

    def _over(self, points: Array, f: Callable[[Array, Array, Array], Array]) -> Estimate:
        """E f(m, C, point) at many points, a few at a time."""
        points = np.asarray(points, dtype=float)
        largest = max(len(given.mean) for given in self.groups)
        few = max(1, MOST_VALUES // largest)
        found = [
            self.average(lambda m, c, here=points[k : k + few]: f(m, c, here))  # type: ignore[misc]
            for k in range(0, len(points), few)
        ]
        value, error = (np.concatenate([getattr(a, word) for a in found]) for word in ("value", "error"))
        return Estimate(value, error, found[0].error_kind, found[0].method)

    def cdf(self, points: Array) -> Estimate:
        """P(y_1 <= y) for one variable."""

        def f(m: Array, c: Array, y: Array) -> Array:
            deviation = np.sqrt(c[:, 0])
            gap = y - m[:, :1]
            with np.errstate(divide="ignore", invalid="ignore"):
                z = np.where(deviation > 0, gap / deviation, np.where(gap >= 0, np.inf, -np.inf))
            return np.asarray(special.ndtr(z))

        return self._over(points, f)

    def characteristic(self, points: Array) -> Estimate:
        """E exp(i t'y) at points t (count, variables)."""

        def f(m: Array, c: Array, t: Array) -> Array:
            q = np.einsum("kd,nde,ke->nk", t, c, t, optimize=True)
            return np.asarray(np.exp(1j * (m @ t.T) - q / 2))

        return self._over(points, f)


def _regular(c: Array) -> NDArray[np.bool_]:
    """Return where a covariance is nonsingular."""
    if c.shape[-1] == 1:
        return np.asarray(c[:, 0, 0] > 1e-13 * max(float(c.max(initial=0.0)), 1e-300))
    values = np.linalg.eigvalsh(c)
    return np.asarray(values[:, 0] > 1e-13 * np.maximum(values[:, -1], 1e-300))


def drawn(draw: Callable[[Array], Given], points: Array) -> Given:
    """Return the law given many points, a chunk at a time."""
    if len(points) <= CHUNK:
        return draw(points)
    pieces = [draw(points[k : k + CHUNK]) for k in range(0, len(points), CHUNK)]
    return Given(np.concatenate([p.mean for p in pieces]), np.concatenate([p.cov for p in pieces]))


def _no_density() -> Exception:
    return fail(
        "TP003",
        "this law has no density here",
        because="given the scores the covariance is singular",
        help="ask for the distribution function, or for the density of fewer variables",
    )
