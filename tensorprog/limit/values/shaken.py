"""Arrays whose every number is moved at random by what rounding may have moved it: how far results move is their error.

Stochastic arithmetic (Parker 1997; Vignes 2004). It measures, at the price of a few more evaluations of the arrays,
what an error made early has become at the end; that is an estimate, and no bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tensorprog.gaussian.arrays.duals import UNSETTLED
from tensorprog.limit.rules.labels import Array, Field
from tensorprog.limit.rules.quantities import Core
from tensorprog.limit.values.arrays import Arrays, Asking
from tensorprog.limit.values.cores import CoreFunction

REPLICAS = 3
SAFETY = 4.0
"""The largest of a few movements, times this, is given as the error."""
ULP = 2.0**-51


def level(function: CoreFunction) -> float | None:
    """How far an expectation's array may be off, relative to its largest entry; None where it has no such tolerance."""
    if function.has_formula:
        return UNSETTLED
    return None if function.kernel is None else function.kernel.tolerance


class Shaken(Arrays):
    """The arrays of `of`, moved; another seed moves them otherwise."""

    def __init__(self, of: Arrays, seed: int) -> None:
        super().__init__(of.rules, of.numbers, of.cores, single=of.single)
        self._random = np.random.default_rng(seed)

    def core(self, core: Core) -> Asking:
        found = yield from super().core(core)
        function = self.cores.of(core) if core.size else None
        off = ULP if function is None or function.powers is not None else level(function)
        assert off is not None
        return self._moved(found, off * float(np.abs(found.data).max(initial=0.0)))

    def contracted(self, factors: Sequence[Field], over: Sequence[str]) -> Field:
        return super().contracted([self._moved(f, ULP * np.abs(f.data)) for f in factors], over)

    def _moved(self, f: Field, by: float | Array) -> Field:
        signs = self._random.integers(0, 2, f.data.shape) * 2.0 - 1.0
        return Field(f.axes, f.data + by * signs)
