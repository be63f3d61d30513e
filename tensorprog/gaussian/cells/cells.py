"""The line and the plane cut into cells along the kinks of a function: trapezoids between straight lines.

z = m + L t with t standard normal in one or two dimensions, t = (x, y). A cell is a part x0 <= x <= x1,
v0 <= v <= v1 of a strip y = low(x) + (high(x) - low(x)) v between two lines, so that slanted kinks and slanted narrow
features are edges of cells. Edges are floats; a kink that an edge misses by its rounding runs through a sliver of the
cell, whose measure is known (`Region.slivers`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

from flint import acb, arb

from tensorprog.functions.evaluate.ball_function import Ball, ball_function
from tensorprog.gaussian.behaviour.kinks import Loci
from tensorprog.gaussian.cells.law import Form, Law
from tensorprog.terms import App, Num, Term

SLACK = 2.0**-50
"""A bound on the relative rounding of the few operations that place a point."""
GAP = 2.0**-42
"""Half the width of the strip that is left around a kink known to the last digits only."""
STANDARD = 8.5
"""Beyond this the density is negligible unless the function grows."""
MOST_LINES, MOST_COLUMNS = 60, 400
NARROW = 0.7


@dataclass(frozen=True, slots=True)
class Line:
    """y = a + b x."""

    a: float
    b: float

    def at(self, x: float) -> float:
        return self.a + self.b * x

    def rounding(self, xs: tuple[float, float]) -> float:
        """Return how far a point may be off between these."""
        return SLACK * max(abs(self.a) + abs(self.b * x) for x in xs)


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of the line (without `low` and `high`) or of the strip between two lines."""

    x: tuple[float, float]
    low: Line | None = None
    high: Line | None = None
    v: tuple[float, float] = (0.0, 1.0)

    def corners(self) -> list[tuple[float, ...]]:
        if self.low is None or self.high is None:
            return [(x,) for x in self.x]
        out: list[tuple[float, ...]] = []
        for x in self.x:
            below, above = self.low.at(x), self.high.at(x)
            out += [(x, below + (above - below) * v) for v in self.v]
        return out

    def halves(self, along_x: bool) -> tuple[Cell, Cell]:
        low, high = self.x if along_x else self.v
        middle = (low + high) / 2
        if along_x:
            return Cell((low, middle), self.low, self.high, self.v), Cell((middle, high), self.low, self.high, self.v)
        return Cell(self.x, self.low, self.high, (low, middle)), Cell(self.x, self.low, self.high, (middle, high))

    @property
    def area(self) -> float:
        """A bound of the area (in one dimension the length)."""
        length = self.x[1] - self.x[0]
        if self.low is None or self.high is None:
            return length * (1 + 1e-12)
        heights = [abs(self.high.at(x) - self.low.at(x)) * (self.v[1] - self.v[0]) for x in self.x]
        return length * (max(heights) + self.rounding() * (self.v[1] - self.v[0])) * (1 + 1e-12)

    def rounding(self) -> float:
        """Return how far y may be off at a corner."""
        if self.low is None or self.high is None:
            return 0.0
        return max(self.low.rounding(self.x), self.high.rounding(self.x))

    def density(self) -> tuple[float, float]:
        """Return bounds of the Gaussian density on the cell, from below and from above."""
        least = most = 0.0
        for axis in zip(*self.corners(), strict=True):
            low, high = min(axis), max(axis)
            near = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
            far = max(abs(low), abs(high))
            least, most = least + near * near, most + far * far
        scale = (2 * math.pi) ** (-len(self.corners()[0]) / 2)
        slack = 1e-13 * (1 + most) + self.rounding() * (1 + math.sqrt(most))
        return scale * math.exp(-most / 2 - slack), scale * math.exp(-least / 2 + slack)


@dataclass
class Region:
    """What is known of terms on a cell; collects the slivers in which its answers may be wrong."""

    law: Law
    cell: Cell
    ranges: list[Ball] = field(init=False)
    slivers: float = 0.0

    def __post_init__(self) -> None:
        self._corners = self.cell.corners()
        self._far = [max(abs(t) for t in axis) for axis in zip(*self._corners, strict=True)]
        self._off = self.cell.rounding()
        self.ranges = [acb(interval(*self._ends(f)[:2])) for f in self.law.variables]

    def _ends(self, form: Form) -> tuple[float, float, float]:
        """(low, high, slack) of a form on the cell; slack is already in low and high."""
        if len(form.slopes) == 1:
            (a,), c = form.slopes, form.constant
            values = [c + a * t[0] for t in self._corners]
            slack = SLACK * (form.size + form.weights[0] * self._far[0])
        else:
            (a, b), c = form.slopes, form.constant
            values = [c + a * x + b * y for x, y in self._corners]
            (p, q), (x, y) = form.weights, self._far
            slack = SLACK * (form.size + p * x + q * y) + q * self._off
        return min(values) - slack, max(values) + slack, slack

    def positive(self, u: Term) -> bool | None:
        """Return the sign of u on the cell but for slivers beside its edges."""
        match u:
            case App("mul", args):
                signs = [self.positive(a) for a in args]
                return None if None in signs else signs.count(False) % 2 == 0
            case App("neg", (a,)):
                sign = self.positive(a)
                return None if sign is None else not sign
            case Num(value):
                return None if value == 0 else value > 0
        form = self.law.affine(u)
        if form is None:
            real = ball_function(u, self.law.names)(self.ranges, False).real
            return True if real > 0 else False if real < 0 else None
        low, high, slack = self._ends(form)
        if low > 0 or high < 0:
            return low > 0
        gradient = math.hypot(*form.slopes)
        if gradient == 0:
            return None
        wrong = min(-low, high)
        if wrong <= 8 * slack < max(-low, high):
            # a strip of the plane as wide as wrong/|gradient|
            self.slivers += wrong / gradient * (1 + 1e-9)
            return high > -low
        return None

    def floor(self, u: Term) -> int | None:
        """Return the integer part of u on the cell but for slivers."""
        real = ball_function(u, self.law.names)(self.ranges, False).real
        if not real.is_finite():
            return None
        guess = math.floor(float(real.mid()))
        inside = (
            self.positive(App("add", (u, Num(-guess)))),
            self.positive(App("add", (Num(guess + 1), App("neg", (u,))))),
        )
        return guess if inside == (True, True) else None

    @property
    def mass(self) -> float:
        """A bound of the cell's Gaussian measure: at most that of its hull, coordinate by coordinate."""
        product = 1.0
        for axis, far in zip(zip(*self._corners, strict=True), self._far, strict=True):
            low, high = min(axis) - self._off, max(axis) + self._off
            near = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
            top = 0.39894229 * math.exp(-near * near / 2 + 1e-12 * (1 + far * far))
            product *= min(top * (high - low), 1.0 if near == 0 else min(0.5, top / near)) * (1 + 1e-12)
        return min(product, self.cell.area * self.cell.density()[1])


def interval(low: float, high: float) -> Ball:
    """Return a real ball around an interval."""
    middle = (low + high) / 2
    return arb(middle, max(high - middle, middle - low) * (1 + 2.0**-50) + 1e-320)


def partition(law: Law, found: Loci, reach: float) -> list[Cell]:
    """Cells that fill |x|, |y| <= reach, with the kinks and the narrow features as edges."""
    lines, columns = _edges(law, found)
    columns |= {-reach, reach, *((-STANDARD, STANDARD) if reach > STANDARD else ()), 0.0}
    if law.dimension == 1:
        inside = sorted(c for c in columns if -reach <= c <= reach)
        return [Cell(pair) for pair in pairwise(inside)]
    flat = [
        Line(-reach, 0.0),
        Line(reach, 0.0),
        *((Line(-STANDARD, 0.0), Line(STANDARD, 0.0)) if reach > STANDARD else ()),
    ]
    every = list(dict.fromkeys([*flat, *lines]))
    for one, other in combinations(every, 2):
        if one.b != other.b and abs(x := (other.a - one.a) / (one.b - other.b)) < reach:
            columns.add(x)
    cells = []
    for x0, x1 in pairwise(sorted(c for c in columns if -reach <= c <= reach)):
        middle = (x0 + x1) / 2
        here = sorted(every, key=lambda line: line.at(middle))
        here = here[here.index(flat[0]) : here.index(flat[1]) + 1]
        cells += [Cell((x0, x1), low, high) for low, high in pairwise(here) if low.at(middle) < high.at(middle)]
    return cells


def _edges(law: Law, found: Loci) -> tuple[list[Line], set[float]]:
    """Return the special places as lines y = a + bx and as columns x = c."""
    lines: dict[Line, None] = {}
    columns: set[float] = set()
    hard = [p for p in found.planes if p.hard]
    cut = {(p.normal, p.offset) for p in hard}
    for p in hard + [p for p in found.planes if not p.hard and (p.normal, p.offset) not in cut]:
        form = law.form(p.normal, -p.offset)
        slopes, constant, size = form.slopes, form.constant, form.size
        if len(lines) > MOST_LINES or len(columns) > MOST_COLUMNS:
            break
        steep = math.hypot(*slopes)
        if steep <= 1e-14 * math.hypot(*form.weights) or (not p.hard and p.scale > NARROW * steep):
            continue
        shifts = (-1.0, 1.0) if p.solved and p.hard else (0.0,)
        for shift in shifts:
            c = constant + shift * GAP * (size + steep)
            if law.dimension == 1 or abs(slopes[1]) <= 1e-13 * abs(slopes[0]):
                columns.add(-c / slopes[0])
            else:
                lines[Line(-c / slopes[1], -slopes[0] / slopes[1])] = None
    return list(lines), columns


def coefficients(law: Law, cell: Cell) -> list[tuple[Ball, ...]]:
    """z_i = c0 + c1 x in one dimension, c0 + c1 x + (d0 + d1 x) v in two."""
    if cell.low is None or cell.high is None:
        return [(m, row[0]) for m, row in zip(law.exact_centre, law.exact_slopes, strict=True)]
    a, b = arb(cell.low.a), arb(cell.low.b)
    w0, w1 = arb(cell.high.a) - a, arb(cell.high.b) - b
    return [
        (m + row[1] * a, row[0] + row[1] * b, row[1] * w0, row[1] * w1)
        for m, row in zip(law.exact_centre, law.exact_slopes, strict=True)
    ]


def around(parts: Sequence[tuple[Any, ...]], x: Any, v: Any, dx: Any, dv: Any) -> list[Any]:
    """z at (x + dx, v + dv) from the coefficients, so ordered that balls dx and dv around 0 lose little.

    Beside the upper line z hardly depends on x, because p1 + p3 v is small there: it is summed before it meets a ball.
    """
    out = []
    for p in parts:
        centre, along = p[0] + p[1] * x, p[1]
        if len(p) == 4:
            centre, along = centre + (p[2] + p[3] * x) * v, along + p[3] * v
        here = centre + along * dx
        out.append(here + (p[2] + p[3] * x + p[3] * dx) * dv if len(p) == 4 else here)
    return out
