"""Mean, variance and excess kurtosis of streams of draws, in constant memory however many draws there are.

Central moments of two parts a, b with d = mean_b - mean_a and n = n_a + n_b (Pebay 2008):

    M2 = M2a + M2b + d^2 na nb/n
    M3 = M3a + M3b + d^3 na nb (na - nb)/n^2 + 3 d (na M2b - nb M2a)/n
    M4 = M4a + M4b + d^4 na nb (na^2 - na nb + nb^2)/n^3 + 6 d^2 (na^2 M2b + nb^2 M2a)/n^2 + 4 d (na M3b - nb M3a)/n
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorprog.simulate.arrays import Array
from tensorprog.simulate.plan.references import SHOWN


@dataclass(frozen=True)
class Moments:
    """Count, mean and the sums of second, third and fourth powers of deviations, for several columns."""

    count: int
    mean: Array
    second: Array
    third: Array
    fourth: Array

    @staticmethod
    def of(x: Array) -> Moments:
        """From rows of draws."""
        mean = x.mean(axis=0)
        d = x - mean
        with np.errstate(over="ignore", invalid="ignore"):
            return Moments(len(x), mean, (d**2).sum(axis=0), (d**3).sum(axis=0), (d**4).sum(axis=0))

    def merged(self, b: Moments) -> Moments:
        """Return those of both parts together."""
        na, nb, n = self.count, b.count, self.count + b.count
        d = b.mean - self.mean
        with np.errstate(over="ignore", invalid="ignore"):
            second = self.second + b.second + d**2 * (na * nb / n)
            third = self.third + b.third + d**3 * (na * nb * (na - nb) / n**2)
            third = third + 3 * d * (na * b.second - nb * self.second) / n
            fourth = self.fourth + b.fourth + d**4 * (na * nb * (na * na - na * nb + nb * nb) / n**3)
            fourth = fourth + 6 * d**2 * (na**2 * b.second + nb**2 * self.second) / n**2
            fourth = fourth + 4 * d * (na * b.third - nb * self.third) / n
        return Moments(n, self.mean + d * (nb / n), second, third, fourth)

    @property
    def standard_error(self) -> Array:
        """sqrt(variance / count), the draw being the unit of replication."""
        if self.count < 2:
            return np.full_like(self.mean, np.inf)
        return np.asarray(np.sqrt(self.second / (self.count - 1) / self.count))

    @property
    def skewness(self) -> Array:
        """The size of the skewness of the mean: that of the draws over sqrt(count); 0 where it is not a number."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = np.abs(self.third) / self.second**1.5
        return np.asarray(np.where(np.isfinite(found), found, 0.0))

    def rows(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return one record a column: SE(mean) = sqrt(var/N), SE(var) = var sqrt((kurtosis + 2)/N)."""
        out = []
        for k, name in enumerate(names):
            variance = float(self.second[k]) / self.count
            kurtosis = float(self.fourth[k]) / self.count / variance**2 - 3.0 if variance > 0 else 0.0
            out.append(
                {
                    "of": name,
                    "mean": float(self.mean[k]),
                    "mean_standard_error": (variance / self.count) ** 0.5,
                    "variance": variance,
                    "variance_standard_error": variance * max(0.0, (kurtosis + 2.0) / self.count) ** 0.5,
                    "excess_kurtosis": kurtosis,
                }
            )
        return out


@dataclass
class Summary:
    """Moments of coordinate 1 of the first members of each output; blocks may arrive in any order."""

    labels: Sequence[Sequence[str]]
    samples: int
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    moments: Moments | None = None
    pending: dict[int, Moments] = field(default_factory=dict)
    next: int = 0

    def add(self, block: int, arrays: Sequence[Array]) -> None:
        """Take a block; it is merged when all before it are there, so that the sums do not depend on arrival."""
        count = min(len(arrays[0]), self.samples - block * len(arrays[0]))
        if not self.shapes:
            self.shapes = [a.shape[1:] for a in arrays]
        columns = [a[:count, ..., 0].reshape(count, -1)[:, :SHOWN] for a in arrays]
        self.pending[block] = Moments.of(np.concatenate(columns, axis=1).astype(float))
        while self.next in self.pending:
            part = self.pending.pop(self.next)
            self.moments = part if self.moments is None else self.moments.merged(part)
            self.next += 1

    def rows(self) -> list[dict[str, Any]]:
        assert self.moments is not None
        return self.moments.rows([label for of_output in self.labels for label in of_output])
