"""What validation asks of a theory, and the theory of the limit as one that answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import TensorProgError
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.numbers.estimate import Estimate


class Theory(Protocol):
    """Claims about the limit; None where nothing is claimed."""

    def moment(self, members: Sequence[str]) -> Estimate | None:
        """E of the product of the limit variables (`x[1]`), each as often as it is listed."""

    def cdf(self, member: str, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
        """P(Z <= .) at points, and a bound on its error."""


@dataclass(frozen=True)
class LimitTheory:
    """The claims of `tensorprog.limit.derive`."""

    limit: Any
    remembered: dict[tuple[str, ...], Estimate | None] = field(default_factory=dict, compare=False, repr=False)

    def moment(self, members: Sequence[str]) -> Estimate | None:
        """Means and covariances by formula; higher moments by expectation."""
        key = tuple(sorted(members))
        if key not in self.remembered:
            self.remembered[key] = self._moment(key)
        return self.remembered[key]

    def _moment(self, members: Sequence[str]) -> Estimate | None:
        try:
            match list(members):
                case [a]:
                    return known(self.limit.mean(a))
                case [a, b]:
                    c, left, right = known(self.limit.cov(a, b)), self.moment([a]), self.moment([b])
                    return None if c is None or left is None or right is None else c + left * right
                case several if len(set(several)) == 1:
                    return known(self.limit.law(several[0]).moment(len(several)))
            return known(self.limit.expect("*".join(members)))
        except (TensorProgError, NotCovered, TypeError):
            return None

    def cdf(self, member: str, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float] | None:
        """Return the law's distribution function."""
        try:
            found = self.limit.law(member).cdf(points)
        except (TensorProgError, NotCovered, TypeError):
            return None
        return np.asarray(found.value, dtype=float), float(np.max(found.error))


def known(found: Any) -> Estimate | None:
    """Return the number of a result, or None where it has none."""
    number = found if isinstance(found, Estimate) else found.number
    return number if number is not None and number.known else None
