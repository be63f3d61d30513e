"""Averages of products of softmax entries over Gaussian scores, with a true bound by the trapezoid rule in a strip.

Moving the logits of a softmax by imaginary parts that differ by at most 2a < pi leaves it bounded,
|softmax_k(x + iy)| <= sec(a), because |sum_j exp(x_j + iy_j)| >= cos(a) sum_j exp(x_j) (y centred). So an integrand
of n such factors is analytic and bounded by sec(a)^n in the strip |Im t_i| <= d_i = a / (half range of column i),
and the trapezoid rule with step h errs by at most sum_i 2 sec(a)^n exp(d_i^2/2) / (exp(2 pi d_i/h) - 1)
(Trefethen & Weideman 2014, Theorem 5.1, one axis after the other), plus what is cut off far out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import special

from tensorprog.kernel.ground.term import variables, walk
from tensorprog.limit.members.averaging import MOST_GRID_DIMENSIONS, REACH, Group, grid, grids, sampled
from tensorprog.limit.members.compiled import Compiled, features
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.roots import root_of
from tensorprog.numbers.trapezoid import discretisation
from tensorprog.terms import App, Num, Term, Var

ROUNDING = 1e-13
POWERS = range(10, 14)
SETTLED = 1e-4
"""Points of one scrambling, as powers of two, and the relative error at which they suffice."""
WIDEST = 30.0
"""Half the widest strip that is looked at."""


def average(t: Term, names: Sequence[Var], cov: Any, mean: Any, values: Mapping[str, Fraction]) -> Estimate:
    """E[t] for t in the variables `names`, jointly Gaussian."""
    leaves = frozenset(names)
    params = {n: float(v) for n, v in values.items()}
    k = np.array([[float(x) for x in row] for row in cov]).reshape(len(names), len(names))
    read = features([t], names, lambda s: frozenset(variables(s)) & leaves, params)
    shift = read.matrix @ np.array([float(x) for x in mean]) + read.constant
    root = root_of(read.matrix @ k @ read.matrix.T)
    compiled = Compiled([t], leaves, params)

    def value(group: Group) -> Any:
        rows, at = read.values(group.points @ root.T + shift)
        return group.weights @ compiled(at, rows)[0]

    d, count = root.shape[1], entries(t)
    if d == 0:
        return Estimate(float(value(Group(lambda: np.zeros((1, 0)), np.ones(1)))), ROUNDING, "estimate", "closed-form")
    if count is None or read.direct or d > MOST_GRID_DIMENSIONS:
        return sampled(d, value, SETTLED, POWERS).at()
    parts = [root[list(places)] for places in read.rows.values()]
    half = [max((max(0.0, *c) - min(0.0, *c)) / 2 for c in (part[:, i] for part in parts)) for i in range(d)]
    steps = grids(d)
    h = next((h for h in steps if _bound(half, h, count, d) < 1e-9), steps[-1])
    error = _bound(half, h, count, d)
    if error > 1e-4:
        return sampled(d, value, SETTLED, POWERS).at()
    return Estimate(float(value(grid(d, h))), error + ROUNDING, "bound", "quadrature")


def _bound(half: Sequence[float], h: float, entries: int, d: int) -> float:
    total = 0.0
    for r in half:
        # beyond 2 pi/h the Gaussian itself stops the gain
        strips = [(a, min(a / r if r else WIDEST, 2 * math.pi / h, WIDEST)) for a in np.linspace(0.1, 1.5, 29)]
        total += min(discretisation(h, w, math.cos(a) ** -entries * math.exp(w**2 / 2)) for a, w in strips)
    inner = REACH[d] - h * math.sqrt(d)
    return total + 4 * float(special.chdtrc(d, inner**2))


def holds_softmax(t: Term) -> bool:
    """Return whether an entry of a softmax occurs, written as a function of its logits."""
    return any(isinstance(s, App) and s.head == "softmax" for s in walk(t))


def entries(t: Term) -> int | None:
    """Return how many softmax factors a product has; None if anything else varies in it."""
    match t:
        case App("softmax"):
            return 1
        case App("mul", args):
            parts = [entries(a) for a in args]
            return None if None in parts else sum(p for p in parts if p is not None)
        case App("pow", (a, Num(k))) if k.denominator == 1 and k > 0:
            inner = entries(a)
            return None if inner is None else inner * int(k)
        case _:
            return None
