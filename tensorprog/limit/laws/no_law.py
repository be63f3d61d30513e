"""The law of variables that have none: their names, why, and no number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tensorprog.limit.averages import Averages
from tensorprog.limit.laws.cumulants import Moments
from tensorprog.limit.laws.law import Law
from tensorprog.limit.mixtures.pieces import Sum
from tensorprog.limit.mixtures.structure import Structure
from tensorprog.limit.rules.quantities import no_limit
from tensorprog.numbers.estimate import Estimate, unknown
from tensorprog.terms import Var


@dataclass(frozen=True)
class NoLaw(Law):
    """Variables of which one has no limit; moments are unknown, and what needs the law raises NoLimit (TP402)."""

    because: str = ""

    @cached_property
    def _sum(self) -> Sum:
        raise no_limit("TP402", f"{', '.join(self.of)}: there is no limit law", None, self.because)

    @cached_property
    def _exact(self) -> Moments | None:
        return None

    def _asked(self, what: str, *shape: int) -> Estimate:
        return replace(unknown(self.because), value=np.full(shape, np.nan), error=np.full(shape, np.inf))

    def moment(self, *powers: int) -> Estimate:
        """No number."""
        return unknown(self.because)

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object for each variable; it says why there are no numbers."""
        return [{**entry, "because": self.because} for entry in super().to_json()]

    def __repr__(self) -> str:
        return f"law of {', '.join(self.of)}: none ({self.supported_by})\n  no law: {self.because}"


def without_law(averages: Averages, members: Sequence[Var], supported_by: str, because: str) -> NoLaw:
    """Say of some variables that they have no law."""
    refs = tuple(members)
    structure = Structure(averages, {}, refs, refs, (), (), (), tuple("none" for _ in refs), False)
    return NoLaw(structure, supported_by, because=because)
