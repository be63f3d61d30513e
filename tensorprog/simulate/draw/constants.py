"""Constant terms as numbers and arrays over indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tensorprog.errors import fail
from tensorprog.kernel.ground.indices import Range
from tensorprog.simulate.arrays import Array, Named
from tensorprog.simulate.draw.evaluate import Evaluator
from tensorprog.simulate.plan.numbers import Numbers
from tensorprog.terms import Term, Var


@dataclass(frozen=True, slots=True)
class Constants:
    """Evaluates terms of params, widths, indices and constant arrays at one width."""

    numbers: Numbers

    def range(self, name: str) -> Range | None:
        """Return the range of an index name, primed or renamed ones included."""
        return self.numbers.program.indices.get(name.rstrip("~'"))

    def length(self, name: str) -> int:
        low, high = self.range(name) or (1, 0)
        return high - low + 1

    def leaf(self, v: Var, dtype: np.dtype[np.generic]) -> Named | float:
        """Return a param, a width, or entries of a constant array."""
        if not v.subs:
            return self.numbers.constant(v.name, v.place)
        array = self.numbers.matrix(v.name)
        axes = tuple(dict.fromkeys(s for s in v.subs if isinstance(s, str)))
        grids = dict(zip(axes, np.indices([self.length(a) for a in axes]), strict=True))
        for s, extent in zip(v.subs, array.shape, strict=True):
            low, high = (s, s) if isinstance(s, int) else self.range(s) or (1, 0)
            if low < 1 or high > extent:
                raise fail("TP004", f"{v.name} has entries 1..{extent}, and {low}..{high} are read", v.place)
        where = tuple(grids[s] + (self.range(s) or (1, 1))[0] - 1 if isinstance(s, str) else s - 1 for s in v.subs)
        return Named(axes, np.asarray(array[where], dtype=dtype)[None, ..., None])

    def array(self, t: Term, axes: Sequence[str]) -> Array:
        """Return the term over `axes`, with size 1 where it does not depend on one."""
        dtype = np.dtype(float)
        with np.errstate(all="ignore"):
            value = Evaluator(t, self.range, dtype)(lambda v: self.leaf(v, dtype), axes)
        return value.to(tuple(axes))[0, ..., 0]
