"""The values of cells: sums over Gauss–Legendre nodes in floats with running bounds, in balls where floats overflow."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from flint import acb, arb
from numpy.typing import NDArray

from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.systems import evaluate
from tensorprog.functions.named.rounded_forms import ROUNDED
from tensorprog.functions.named.system import NotComputed
from tensorprog.gaussian.cells.cells import Cell, around, coefficients
from tensorprog.gaussian.cells.law import Law
from tensorprog.numbers.precision import precision
from tensorprog.numbers.rounded import UNIT, Rounded
from tensorprog.terms import Term

Array = NDArray[np.float64]
BLOCK = 200_000
MOST_BALLS = 30
"""Cells of a block that are summed in balls because floats lose too much."""


Signs = Mapping[Term, bool]
NONE: Signs = MappingProxyType({})


@dataclass(slots=True)
class Leaf:
    """A cell with its error: by a rule of nodes of `value` times the formula `piece`, or with its value known."""

    cell: Cell
    error: float
    along_x: bool
    value: float = 0.0
    piece: Term | None = None
    counts: tuple[int, int] = (1, 1)
    crossed: Term | None = None
    """What may change its sign in the cell."""
    signs: Signs = field(default_factory=lambda: NONE)
    """Signs that are known on the cell."""
    known: Term | None = None
    """The formula that F follows on the whole cell, no sliver left out."""


def upper(x: Any) -> float:
    """Return a float that is surely not below a nonnegative ball."""
    value = float(arb(x).upper())
    return value * (1 + 1e-14) + 1e-320 if math.isfinite(value) else math.inf


@cache
def _rule(n: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss–Legendre on [-1, 1], correctly rounded but for a unit."""
    with precision(120):
        made = [arb.legendre_p_root(n, k, weight=True) for k in range(n)]
        return np.array([float(x.mid()) for x, _ in made]), np.array([float(w.mid()) for _, w in made])


def total(law: Law, leaves: Sequence[Leaf]) -> tuple[float, float, float]:
    """Return the sum of all cells' values, a bound of the rounding in it, and about the sum of their sizes."""
    values = [x.value for x in leaves if x.piece is None]
    error = size = 0.0
    groups: dict[tuple[Term, tuple[int, int]], list[Leaf]] = defaultdict(list)
    for x in leaves:
        if x.piece is not None:
            groups[x.piece, x.counts].append(x)
    for (piece, counts), members in groups.items():
        step = max(1, BLOCK // (counts[0] * counts[1]))
        for start in range(0, len(members), step):
            value, off, sized = _by_nodes(law, piece, counts, members[start : start + step])
            values.append(value)
            error += off
            size += sized
    return math.fsum(values), error + 1e-15 * math.fsum(map(abs, values)), size


def _by_nodes(law: Law, piece: Term, counts: tuple[int, int], leaves: Sequence[Leaf]) -> tuple[float, float, float]:
    """Σ weights · F · density over the nodes of cells, its rounding, and Σ of sizes; by balls where floats fail."""
    cells = [leaf.cell for leaf in leaves]
    factors = np.array([leaf.value for leaf in leaves])[:, None, None]
    x, wx = _rule(counts[0])
    ends = np.array([c.x for c in cells])
    half, middle = (ends[:, 1] - ends[:, 0]) / 2, (ends[:, 1] + ends[:, 0]) / 2
    at = middle[:, None] + half[:, None] * x
    size = np.abs(middle) + half
    t = [Rounded(at[:, :, None], 3 * UNIT * size[:, None, None])]
    weights = (half[:, None] * wx)[:, :, None] * factors
    weight = Rounded(weights, 5 * UNIT * np.abs(weights))
    if law.dimension == 2:
        v, wv = _rule(counts[1])
        ends = np.array([c.v for c in cells])
        half, middle = (ends[:, 1] - ends[:, 0]) / 2, (ends[:, 1] + ends[:, 0]) / 2
        at = middle[:, None] + half[:, None] * v
        lines = np.array([(c.low.a, c.low.b, c.high.a, c.high.b) for c in cells if c.low and c.high])
        a, b, c, d = (Rounded(lines[:, k][:, None, None], 0.0) for k in range(4))
        minus = Rounded(-1.0, 0.0)
        below = a + b * t[0]
        height = (c + minus * a) + (d + minus * b) * t[0]
        across = Rounded(at[:, None, :], 3 * UNIT * (np.abs(middle) + half)[:, None, None])
        t.append(below + height * across)
        weight = (
            weight * Rounded((half[:, None] * wv)[:, None, :], 4 * UNIT * (half[:, None] * wv)[:, None, :]) * height
        )
    z = {}
    for name, m, row in zip(law.names, law.centre, law.slopes, strict=True):
        out = Rounded(m, UNIT * abs(m))
        for slope, coordinate in zip(row, t, strict=True):
            out = out + Rounded(slope, UNIT * abs(slope)) * coordinate
        z[name] = out
    try:
        with np.errstate(all="ignore"):
            square = t[0] * t[0] if len(t) == 1 else t[0] * t[0] + t[1] * t[1]
            exponent = Rounded(-0.5 * square.value, 0.5 * square.error)
            scale = (2 * math.pi) ** (-len(t) / 2)
            density = np.exp(exponent.value) * scale
            off = density * (np.expm1(np.minimum(exponent.error, 700.0)) + 8 * UNIT) + 1e-300
            y = evaluate(piece, z, ROUNDED) * (weight * Rounded(density, off))
    except NotComputed:
        return _by_balls(law, piece, counts, leaves)
    values = np.broadcast_to(y.value, (len(cells), counts[0], counts[1]))
    errors = np.broadcast_to(y.error, values.shape)
    good = np.isfinite(values).all(axis=(1, 2)) & np.isfinite(errors).all(axis=(1, 2))
    with np.errstate(all="ignore"):
        # beside a pole floats lose what balls of more digits keep
        off, most = errors.sum(axis=(1, 2)), 1e-14 * np.abs(values[good]).sum()
        lost = good & (off > np.array([leaf.error for leaf in leaves]) + most)
    good[np.argsort(np.where(lost, -off, 0.0))[: min(MOST_BALLS, int(lost.sum()))]] = False
    value, error = math.fsum(values[good].sum(axis=(1, 2)).tolist()), float(errors[good].sum()) * (1 + 1e-9)
    size = float(np.abs(values[good]).sum())
    error += 2e-15 * size
    if not good.all():
        more = _by_balls(law, piece, counts, [x for x, fine in zip(leaves, good, strict=True) if not fine])
        value, error, size = value + more[0], error + more[1], size + more[2]
    return value, error, size


def _by_balls(law: Law, piece: Term, counts: tuple[int, int], leaves: Sequence[Leaf]) -> tuple[float, float, float]:
    """Return the same in ball arithmetic."""
    f = ball_function(piece, law.names)
    sum_ = arb(0)
    with precision(100):
        scale = (2 * arb.pi()) ** (arb(-law.dimension) / 2)
        rules = [[arb.legendre_p_root(n, k, weight=True) for k in range(n)] for n in counts[: law.dimension]]
        for leaf in leaves:
            cell = leaf.cell
            parts = coefficients(law, cell)
            x0, x1 = map(arb, cell.x)
            v0, v1 = map(arb, cell.v)
            for s, wx in rules[0]:
                x = (x1 + x0) / 2 + (x1 - x0) / 2 * s
                for u, wv in rules[1] if law.dimension == 2 else [(arb(0), arb(1))]:
                    v = (v1 + v0) / 2 + (v1 - v0) / 2 * u
                    weight, square = wx * wv * (x1 - x0) / 2, x * x
                    if cell.low is not None and cell.high is not None:
                        below = arb(cell.low.a) + arb(cell.low.b) * x
                        height = arb(cell.high.a) + arb(cell.high.b) * x - below
                        y = below + height * v
                        weight, square = weight * height * (v1 - v0) / 2, square + y * y
                    z = [acb(c) for c in around(parts, x, v, 0, 0)]
                    sum_ += f(z, False).real * weight * (-square / 2).exp() * scale * arb(leaf.value)
    if not sum_.is_finite():
        return math.nan, math.inf, 0.0
    return float(sum_.mid()), upper(sum_.rad()), abs(float(sum_.mid()))
