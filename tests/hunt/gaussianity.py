"""Whether a function of one or two independent Gaussians is Gaussian, by its cumulants."""

from __future__ import annotations

import math

import numpy as np

from tests.hunt.claims import Setting, Values
from tests.hunt.scalars import values
from tests.hunt.syntax import X


def is_gaussian(f: X, s: Setting, at: Values) -> bool | None:
    """True for constants too; None where the moments do not settle."""
    names = [k for k in s.variances if any(y.op == "ref" and y.name == k for y in f.walk())]
    spread = {k: float(values(s.variances[k], at)) ** 0.5 for k in names}
    live = [k for k in names if spread[k] > 0]
    u, w = np.polynomial.hermite_e.hermegauss(180)
    w = w / w.sum()
    points = dict.fromkeys(names, 0.0)
    if not live:
        return True
    grids = np.meshgrid(*[u] * len(live), indexing="ij")
    weights = math.prod(np.meshgrid(*[w] * len(live), indexing="ij"))
    y = values(f, {**at, **points, **{k: spread[k] * g for k, g in zip(live, grids, strict=True)}}) + 0.0 * grids[0]
    if not np.all(np.isfinite(y)):
        return None
    mean = np.sum(weights * y)
    variance = np.sum(weights * (y - mean) ** 2)
    if variance < 1e-24:
        return True
    z = (y - mean) / variance**0.5
    fourth = np.sum(weights * z**4)
    if fourth > 1e3:
        return None if fourth > 1e6 else False
    off = [
        abs(np.sum(weights * np.cos(t * z)) - math.exp(-t * t / 2)) + abs(np.sum(weights * np.sin(t * z)))
        for t in (0.5, 1.0, 1.7)
    ]
    if max(off) < 1e-9:
        return True
    return False if max(off) > 3e-3 else None
