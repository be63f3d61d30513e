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

from tensorprog.kernel.ground.term import add, neg, walk
from tensorprog.limit.members.averaging import MOST_GRID_DIMENSIONS, REACH, Group, grid, grids, scrambled
from tensorprog.limit.members.compiled import Compiled, Row
from tensorprog.limit.members.parts import affine
from tensorprog.numbers.budget import spent
from tensorprog.numbers.estimate import UNKNOWN, Estimate
from tensorprog.numbers.roots import root_of
from tensorprog.numbers.trapezoid import discretisation
from tensorprog.terms import App, Num, Term, Var

ROUNDING = 1e-13
LARGEST = 13
WIDEST = 30.0
"""Half the widest strip that is looked at."""


def average(t: Term, names: Sequence[Var], cov: Any, mean: Any, values: Mapping[str, Fraction]) -> Estimate:
    """E[t] for t in the variables `names`, jointly Gaussian."""
    leaves = frozenset(names)
    params = {n: float(v) for n, v in values.items()}
    k = np.array([[float(x) for x in row] for row in cov]).reshape(len(names), len(names))
    center = np.array([float(x) for x in mean])
    rows = {tuple(s.args[1:]) for s in walk(t) if isinstance(s, App) and s.head == "softmax"}
    maps = {row: _affine(row, list(names), params) for row in rows}
    count = entries(t)
    compiled = Compiled([t], leaves, params)
    if count is None or any(m is None for m in maps.values()):
        root = root_of(k)

        def plain(group: Group) -> float:
            z = group.points @ root.T + center
            return float(group.weights @ compiled({v: z[:, i] for i, v in enumerate(names)})[0])

        return _sampled(root.shape[1], plain)
    order = list(rows)
    matrix = np.concatenate([maps[row][0] for row in order])  # type: ignore[index]
    shift = np.concatenate([maps[row][1] for row in order]) + matrix @ center  # type: ignore[index]
    root = root_of(matrix @ k @ matrix.T)
    ends = np.cumsum([len(row) - 1 for row in order])[:-1]

    def value(group: Group) -> float:
        f = group.points @ root.T + shift
        logits = dict(zip(order, np.split(f, ends, axis=1), strict=True))
        given: dict[Row, Any] = {row: np.vstack([np.zeros(len(f)), part.T]) for row, part in logits.items()}
        return float(group.weights @ compiled({}, given)[0])

    d = root.shape[1]
    if d == 0:
        return Estimate(value(Group(lambda: np.zeros((1, 0)), np.ones(1))), ROUNDING, "estimate", "closed-form")
    if d > MOST_GRID_DIMENSIONS:
        return _sampled(d, value)
    half = [max((max(0.0, *c) - min(0.0, *c)) / 2 for c in np.split(root[:, i], ends)) for i in range(d)]
    steps = grids(d)
    h = next((h for h in steps if _bound(half, h, count, d) < 1e-9), steps[-1])
    error = _bound(half, h, count, d)
    if error > 1e-4:
        return _sampled(d, value)
    return Estimate(value(grid(d, h)), error + ROUNDING, "bound", "quadrature")


def _bound(half: Sequence[float], h: float, entries: int, d: int) -> float:
    total = 0.0
    for r in half:
        # beyond 2 pi/h the Gaussian itself stops the gain
        strips = [(a, min(a / r if r else WIDEST, 2 * math.pi / h, WIDEST)) for a in np.linspace(0.1, 1.5, 29)]
        total += min(discretisation(h, w, math.cos(a) ** -entries * math.exp(w**2 / 2)) for a, w in strips)
    inner = REACH[d] - h * math.sqrt(d)
    return total + 4 * float(special.chdtrc(d, inner**2))


def _sampled(dimension: int, value: Any) -> Estimate:
    found = UNKNOWN
    for power in range(10, LARGEST + 1):
        rule = scrambled(dimension, power, 0)
        a = rule.combine([np.asarray(value(g)) for g in rule.groups])
        found = Estimate(float(a.value), float(a.error), "sampling", "sampling")
        if found.error <= 1e-4 * abs(found.value) or spent():
            break
    return found


def holds_softmax(t: Term) -> bool:
    """Does an entry of a softmax occur, written as a function of its logits?"""
    return any(isinstance(s, App) and s.head == "softmax" for s in walk(t))


def entries(t: Term) -> int | None:
    """How many softmax factors a product has; None if anything else varies in it."""
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


def _affine(row: Row, names: list[Var], params: Mapping[str, float]) -> tuple[Any, Any] | None:
    """Differences of logits to the first as matrix @ z + constant."""
    leaves = frozenset(names)

    def below(t: Term) -> frozenset[Var]:
        return frozenset(v for v in walk(t) if isinstance(v, Var) and v in leaves)

    matrix, constant = np.zeros((len(row) - 1, len(names))), np.zeros(len(row) - 1)
    for n, b in enumerate(row[1:]):
        found = affine(add(b, neg(row[0])), leaves, below)
        if found is None:
            return None
        for v, c in found[0].items():
            matrix[n, names.index(v)] += float(Compiled([c], frozenset(), params)({})[0])
        constant[n] = float(Compiled([found[1]], frozenset(), params)({})[0])
    return matrix, constant
