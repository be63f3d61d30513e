"""Cells that a curve u = 0 crosses, cut along it: u has one sign beside a strip as thin as the cell's size squared.

Around the centre c of a cell, u(t) = u(c) + g·(t - c) with g among the gradient's values on the cell (mean value
theorem, a cell is convex). With n the middle of the gradient's enclosure and e its radii,

    |u(t) - u(c) - n·(t - c)| <= B = max over corners of e·|t - c|,

so that u > 0 where n·(t - c) + u(c) > B, and u < 0 where it is < -B: beyond two parallel lines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from flint import acb, arb

from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.branch import resolve
from tensorprog.functions.evaluate.derivative import smooth_derivative
from tensorprog.gaussian.cells.cells import SLACK, Cell, Line, Region
from tensorprog.gaussian.cells.nodes import upper
from tensorprog.kernel.ground.term import add, mul, sub
from tensorprog.terms import Num, Term, Var

LOOSER = 1e-12
"""What ranges are widened by, relative to their size: far more than the rounding of corners."""
THIN = 0.25
"""A cut is worth its cells if the strip has at most this part of the cell's area."""


@dataclass(frozen=True, slots=True)
class Centred:
    """|u(t) - (value + n·(t - centre))| <= within on the cell."""

    centre: tuple[float, ...]
    value: float
    n: tuple[float, ...]
    within: float

    def at(self, t: tuple[float, ...]) -> float:
        return self.value + sum(a * (x - c) for a, x, c in zip(self.n, t, self.centre, strict=True))

    def off(self, t: tuple[float, ...]) -> float:
        """Return a bound of the rounding in `at`, and in the corner t itself."""
        size = sum(abs(a) * (abs(x) + abs(c)) for a, x, c in zip(self.n, t, self.centre, strict=True))
        return 16 * SLACK * (size + abs(self.value))


def centred(u: Term, region: Region) -> Centred | None:
    """Return the linear form around the cell's centre; None where u has no derivative that is bounded there."""
    law, corners = region.law, region.cell.corners()
    slopes = [smooth_derivative(u, Var(name)) for name in law.names]
    if any(s is None for s in slopes):
        return None
    far = [max(abs(t) for t in axis) for axis in zip(*corners, strict=True)]
    wide = []
    for ball, form in zip(region.ranges, law.variables, strict=True):
        size = form.size + sum(w * x for w, x in zip(form.weights, far, strict=True))
        wide.append(acb(ball.real + arb(0, LOOSER * size + 1e-300)))
    parts = [ball_function(s, law.names)(wide, False).real for s in slopes if s is not None]
    centre = tuple(sum(axis) / len(axis) for axis in zip(*corners, strict=True))
    n, radii = [], []
    for k in range(law.dimension):
        g = sum((p * row[k] for p, row in zip(parts, law.exact_slopes, strict=True)), arb(0))
        if not g.is_finite():
            return None
        n.append(float(g.mid()))
        radii.append(upper(g.rad() + abs(g.mid()) * 2.0**-50))
    z = [
        m + sum((s * c for s, c in zip(row, centre, strict=True)), arb(0))
        for m, row in zip(law.exact_centre, law.exact_slopes, strict=True)
    ]
    value = ball_function(u, law.names)([acb(x) for x in z], False).real
    if not value.is_finite():
        return None
    off = region.cell.rounding() + LOOSER * max(far)
    reach = max(sum(r * (abs(x - c) + off) for r, x, c in zip(radii, t, centre, strict=True)) for t in corners)
    middle = float(value.mid())
    return Centred(centre, middle, tuple(n), reach * (1 + 1e-12) + upper(abs(value - middle)) + 1e-300)


def enclosed(u: Term, region: Region) -> tuple[float, float] | None:
    """Return both ends of u's values on the cell, by the centred form."""
    form = centred(u, region)
    if form is None:
        return None
    corners = region.cell.corners()
    slack = form.within + region.cell.rounding() * sum(map(abs, form.n))
    low = min(form.at(t) - form.off(t) for t in corners) - slack
    high = max(form.at(t) + form.off(t) for t in corners) + slack
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


@dataclass
class Curved(Region):
    """A region that knows signs from cuts, asks the centred form where ranges do not tell, and keeps what is open."""

    signs: Mapping[Term, bool] = field(default_factory=dict)
    open: Term | None = None

    def positive(self, u: Term) -> bool | None:
        if u in self.signs:
            return self.signs[u]
        said = super().positive(u)
        if said is None and self.open is None and not isinstance(u, Num):
            ends = None if self.law.affine(u) is not None else enclosed(u, self)
            if ends is not None and (ends[0] > 0 or ends[1] < 0):
                return ends[0] > 0
            self.open = u
        return said


def between(term: Term, region: Curved, u: Term) -> tuple[Term, float] | None:
    """Return the mean of the formulas that the term follows on both sides of u = 0, and how far it is from either."""
    sides = [Curved(region.law, region.cell, signs={**region.signs, u: s}) for s in (True, False)]
    up, down = (resolve(term, side) for side in sides)
    if up is None or down is None or any(side.slivers for side in sides):
        return None
    gap = sub(up, down)
    real = ball_function(gap, region.law.names)(region.ranges, False).real
    size = upper(abs(real)) if real.is_finite() else math.inf
    ends = enclosed(gap, region)
    if ends is not None:
        size = min(size, -ends[0] if -ends[0] > ends[1] else ends[1])
    if not math.isfinite(size):
        return None
    return mul(Num(Fraction(1, 2)), add(up, down)), size / 2 * (1 + 1e-12)


Part = tuple[Cell, bool | None]


def cut(u: Term, region: Region) -> tuple[list[Part], float] | None:
    """Cells that fill the cell but for an area (the second), with the sign of u on each; None if it is no gain."""
    cell = region.cell
    form = centred(u, region)
    if form is None or cell.low is None or cell.high is None:
        return None
    corners = cell.corners()
    slack = max(form.off(t) for t in corners) + 64 * cell.rounding() * sum(map(abs, form.n))
    border = form.within + 4 * slack
    edges, lost = [_edge(cell, v) for v in cell.v], 0.0
    if cell.v != (0.0, 1.0):
        lost = 8 * max(cell.rounding(), *(e.rounding(cell.x) for e in edges)) * (cell.x[1] - cell.x[0])
    lines, columns = [], set(cell.x)
    tall = max(t[1] for t in corners) - min(t[1] for t in corners)
    n, c = form.n, form.centre
    for side in (-border, border):
        if abs(n[1]) * tall > border / 8:
            line = Line(c[1] - (form.value + side - n[0] * c[0]) / n[1], -n[0] / n[1])
            if line.rounding(cell.x) > LOOSER / 16 * max(abs(t[1]) for t in corners):
                return None
            lines.append(line)
            for e in edges:
                if e.b != line.b:
                    columns.add((line.a - e.a) / (e.b - line.b))
        elif n[0]:
            columns.add(c[0] - (form.value + side + math.copysign(border / 4, side)) / n[0])
        else:
            return None
    parts: list[Part] = []
    thin = 0.0
    for x0, x1 in pairwise(sorted(x for x in columns if cell.x[0] <= x <= cell.x[1])):
        middle = (x0 + x1) / 2
        bottom, top = (e.at(middle) for e in edges)
        stack = [
            edges[0],
            *sorted((m for m in lines if bottom < m.at(middle) < top), key=lambda m: m.at(middle)),
            edges[1],
        ]
        for low, high in pairwise(stack):
            part = Cell((x0, x1), low, high)
            values = [form.at(t) for t in part.corners()]
            least = form.within + slack
            sign = True if min(values) > least else False if max(values) < -least else None
            thin += part.area if sign is None else 0.0
            parts.append((part, sign))
    return (parts, lost) if thin < THIN * cell.area else None


def _edge(cell: Cell, v: float) -> Line:
    assert cell.low is not None
    assert cell.high is not None
    if v in (0.0, 1.0):
        return cell.high if v else cell.low
    return Line(cell.low.a + (cell.high.a - cell.low.a) * v, cell.low.b + (cell.high.b - cell.low.b) * v)


def longer(cell: Cell) -> bool | None:
    """Return whether a cell is a strip along x, or across it (false); None if it is neither."""
    if cell.low is None or cell.high is None:
        return None
    height = max(abs(cell.high.at(x) - cell.low.at(x)) for x in cell.x) * (cell.v[1] - cell.v[0])
    length = (cell.x[1] - cell.x[0]) * (1 + cell.low.b**2)
    return True if length > 4 * height else False if height > 4 * length else None
