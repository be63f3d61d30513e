"""What validation asks of a theory, and the theory of the limit as one that answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import TensorProgError
from tensorprog.limit.members.leaves import NotCovered


@dataclass(frozen=True, slots=True)
class Known:
    """A number that a theory claims, with a bound on its error, or five standard errors if it was sampled."""

    value: float
    error: float = 0.0
    sampled: bool = False


class Theory(Protocol):
    """Claims about the limit; None stands for no claim."""

    def moment(self, members: Sequence[str]) -> Known | None:
        """E of the product of the limit variables (`x[1]`), each as often as it stands there."""

    def cdf(self, member: str, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
        """P(Z <= .) at points, and a bound on its error."""


@dataclass(frozen=True)
class LimitTheory:
    """The claims of `tensorprog.limit.derive`."""

    limit: Any
    remembered: dict[tuple[str, ...], Known | None] = field(default_factory=dict, compare=False, repr=False)

    def moment(self, members: Sequence[str]) -> Known | None:
        """Means and covariances by formula; higher moments by expectation."""
        key = tuple(sorted(members))
        if key not in self.remembered:
            self.remembered[key] = self._moment(key)
        return self.remembered[key]

    def _moment(self, members: Sequence[str]) -> Known | None:
        try:
            match list(members):
                case [a]:
                    return known(self.limit.mean(a))
                case [a, b]:
                    c, left, right = known(self.limit.cov(a, b)), self.moment([a]), self.moment([b])
                    if c is None or left is None or right is None:
                        return None
                    error = c.error + left.error * abs(right.value) + right.error * abs(left.value)
                    sampled = c.sampled or left.sampled or right.sampled
                    return Known(c.value + left.value * right.value, error, sampled)
                case several if len(set(several)) == 1:
                    return known(self.limit.law(several[0]).moment(len(several)))
            return known(self.limit.expect("*".join(members)))
        except (TensorProgError, NotCovered, TypeError):
            return None

    def cdf(self, member: str, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
        """The law's distribution function."""
        try:
            found = self.limit.law(member).cdf(points)
        except (TensorProgError, NotCovered, TypeError):
            return None
        return np.asarray(found.value, dtype=float), float(np.max(found.error))


def known(found: Any) -> Known | None:
    """A number with its error, from whatever carries `value`, `error` and `method`; None where there is no number."""
    value = np.ravel(np.asarray(getattr(found, "value", found), dtype=float))  # None becomes nan
    error = getattr(found, "error", 0.0)
    bound = 0.0 if error is None else float(np.max(np.ravel(np.asarray(error, dtype=float))))
    if not (np.isfinite(value[0]) and np.isfinite(bound)):
        return None
    return Known(float(value[0]), bound, getattr(found, "error_kind", "") == "sampling")
