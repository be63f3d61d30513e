"""E F(Z) with a proved bound, for any function in one or two dimensions: cells that are split where they err most.

On a cell (see `cells`) where F follows one smooth formula, Gauss–Legendre with n nodes for each coordinate errs, for an
integrand bounded by M on the Bernstein ellipse of parameter r, by at most (64/15) M r^{-2n}/(1 - r^{-2}) times half the
length (Trefethen 2008, Theorem 4.5, for n nodes); M is an enclosure in ball arithmetic. Elsewhere the cell counts
with its enclosure times its measure, which is all that is asked of F. Outside a box `tails` has the bound. So narrow
features, gates and kinks at any scale are found by splitting, and none can be overlooked: a cell's error is a bound
at every moment, and the sum is what is given when the goal is reached or the work used up.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from flint import acb, arb

from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.evaluate.ball_function import Ball, Complex, ball_function
from tensorprog.functions.evaluate.branch import resolve
from tensorprog.gaussian.behaviour.kinks import loci
from tensorprog.gaussian.cells import singular
from tensorprog.gaussian.cells.cells import Cell, Region, around, coefficients, interval, partition
from tensorprog.gaussian.cells.curves import Curved, between, cut, longer
from tensorprog.gaussian.cells.law import Law, law_of
from tensorprog.gaussian.cells.nodes import NONE, Leaf, Signs, total, upper
from tensorprog.gaussian.cells.tails import radius
from tensorprog.gaussian.cells.thin import thin
from tensorprog.kernel.ground.term import ONE
from tensorprog.numbers.budget import spent
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.precision import precision
from tensorprog.numbers.rounded import UNIT
from tensorprog.terms import Term

ELLIPSES = (6.0, 3.0, 1.8)
NODES = (4, 6, 8, 11, 14, 18, 22, 28)
MOST_CELLS = {1: 4_000, 2: 2_500}
BITS = 64
SHARE = 3000.0
"""A cell is good enough when its error is below the goal over this."""
RESTARTS = 3
LONGEST = 0.8
"""Of the time for a number, what may have passed before no cell is split any more."""


@dataclass
class Integral:
    """One expectation being enclosed."""

    term: Term
    law: Law
    goal: float = 0.0
    f: Complex = field(init=False)
    pieces: dict[Term, Complex] = field(default_factory=dict)
    work: int = 0
    lost: float = 0.0
    """A bound of the integral over what the rounding of edges leaves out."""

    def __post_init__(self) -> None:
        self.f = ball_function(self.term, self.law.names)

    def look(self, cell: Cell, known: Term | None = None, signs: Signs = NONE) -> Leaf:
        """A cell with the best bound of its error, and what is known of it; `signs` are those of curves beside it."""
        region = Curved(self.law, cell, signs=signs)
        leaf = self._look(cell, region, known)
        leaf.signs = signs
        leaf.crossed = region.open if self.law.dimension == 2 and leaf.known is None else None
        return leaf

    def _look(self, cell: Cell, region: Curved, known: Term | None) -> Leaf:
        """A cell with the best bound of its error; `known` is the formula F follows on a cell that holds this one."""
        self.work += 1
        whole = self.f(region.ranges, False).real
        mass = interval(0.0, region.mass)
        if whole.is_finite():
            # the cell's own mass is not needed: the middle of the enclosure times the middle of a range for it
            rough = whole * mass
            leaf = Leaf(cell, upper(rough.rad()), True, float(rough.mid()))
            if leaf.error <= self.goal / SHARE:
                return leaf
        else:
            leaf = Leaf(cell, singular.integral(self.term, region), True)
            if leaf.error <= self.goal / SHARE:
                return leaf
        piece = known or resolve(self.term, region)
        if piece is None:
            return self._by_both(cell, region, self._crossed(cell, region, whole, leaf))
        return self._smooth(cell, piece, region, whole, leaf)

    def parts(self, leaf: Leaf) -> list[tuple[Cell, Signs]]:
        """The cells that a cell is divided into, along a curve across it or by halves; none if it is too small."""
        if leaf.crossed is not None:
            region = Curved(self.law, leaf.cell, signs=leaf.signs)
            whole = self.f(region.ranges, False).real
            made = cut(leaf.crossed, region) if whole.is_finite() else None
            if made is not None:
                self.lost += made[1] * upper(abs(whole)) * leaf.cell.density()[1]
                known = leaf.signs
                return [(c, known if s is None else {**known, leaf.crossed: s}) for c, s in made[0]]
        if not _divisible(leaf.cell, leaf.along_x):
            return []
        return [(half, leaf.signs) for half in leaf.cell.halves(leaf.along_x)]

    def _by_both(self, cell: Cell, region: Curved, leaf: Leaf) -> Leaf:
        """A cell that a curve crosses: the mean of the formulas on both its sides, wrong by half their difference."""
        made = between(self.term, region, region.open) if region.open is not None else None
        if made is None or made[1] * region.mass >= leaf.error / 2:
            return leaf
        piece, error = made[0], made[1] * region.mass
        return self._by_nodes(cell, ball_function(piece, self.law.names), error, 1.0, piece, leaf)

    def _crossed(self, cell: Cell, region: Curved, whole: Ball, leaf: Leaf) -> Leaf:
        """Return a cell that a kink may cross: the middle of F's enclosure times the cell's measure, by nodes."""
        long = longer(cell) if region.open is not None else None
        leaf.along_x = self._wider(cell) if long is None else long
        if not whole.is_finite() or whole.contains(0):
            return leaf
        middle = float(whole.mid())
        error = upper(abs(whole - middle)) * region.mass
        if error > leaf.error / 4:
            return leaf
        return self._by_nodes(cell, lambda z, a: acb(middle), error, middle, ONE, leaf)

    def _by_nodes(self, cell: Cell, g: Complex, error: float, value: float, piece: Term, leaf: Leaf) -> Leaf:
        """Return the mean of `value` times `piece`, which is g, by nodes; the leaf where that is no better known."""
        errors = [self._rules(cell, g, axis) for axis in range(self.law.dimension)]
        if not all(errors):
            return leaf
        counts = [next((n for n, e in zip(NODES, es, strict=True) if e <= error / 10), NODES[-1]) for es in errors]
        error += sum(es[NODES.index(n)] for n, es in zip(counts, errors, strict=True))
        if error >= leaf.error:
            return leaf
        return Leaf(cell, error, leaf.along_x, value, piece, (counts[0], counts[1] if len(counts) == 2 else 1))

    def _smooth(self, cell: Cell, piece: Term, region: Region, whole: Ball, leaf: Leaf) -> Leaf:
        g = self.pieces.get(piece)
        if g is None:
            g = self.pieces[piece] = ball_function(piece, self.law.names)
        beside = 0.0
        known = None if region.slivers else piece
        leaf.known = known
        if region.slivers:
            other = g(region.ranges, False).real
            if not (whole.is_finite() and other.is_finite()):
                leaf.along_x = self._wider(cell)
                return leaf
            beside = self._in_slivers(region, abs(whole).upper() + abs(other).upper())
        errors = []
        for axis in range(self.law.dimension):
            errors.append(self._rules(cell, g, axis))
        best = [min(e, default=math.inf) for e in errors]
        share = self.goal / SHARE / len(best)
        counts = [next((n for n, e in zip(NODES, es, strict=False) if e <= share), NODES[-1]) for es in errors]
        error = beside + sum(es[NODES.index(n)] if es else math.inf for n, es in zip(counts, errors, strict=True))
        if len(best) == 2 and math.isinf(best[0]) and math.isinf(best[1]):
            along_x = self._wider(cell)
        else:
            along_x = len(best) == 1 or best[0] >= best[1]
        if len(best) == 2 and beside > error / 2:
            along_x = self._less_beside(cell, along_x)
        if error < leaf.error:
            return Leaf(
                cell, error, along_x, 1.0, piece, (counts[0], counts[1] if len(counts) == 2 else 1), known=known
            )
        leaf.along_x = along_x
        return leaf

    def _rules(self, cell: Cell, g: Complex, axis: int) -> list[float]:
        """Return the errors of the rules in one coordinate, for each number of nodes; empty if no ellipse is free."""
        out: list[float] = []
        size = math.log(cell.area * 32 / 15) if cell.area > 0 else -math.inf
        for r in ELLIPSES:
            M = self._greatest(cell, g, axis, r)
            if math.isinf(M):
                continue
            made = [M + size - 2 * n * math.log(r) - math.log1p(-(r**-2.0)) + 1e-9 for n in NODES]
            now = [math.exp(e) if e < 700 else math.inf for e in made]
            out = [min(a, b) for a, b in zip(out, now, strict=True)] if out else now
            if out[2] <= self.goal / SHARE / 2:
                break
        return out

    def _greatest(self, cell: Cell, g: Complex, axis: int, r: float) -> float:
        """log of a bound of |F density| per area, one coordinate on its ellipse and the other along its side."""
        a, b = (r + 1 / r) / 2 * (1 + 1e-12), (r - 1 / r) / 2 * (1 + 1e-12)
        centres, steps = [], []
        for k, (low, high) in enumerate((cell.x, cell.v)):
            centre = (low + high) / 2
            half = max(high - centre, centre - low) * (1 + 1e-15)
            centres.append(arb(centre))
            steps.append(acb(arb(0, half * a), arb(0, half * b)) if k == axis else acb(arb(0, half)))
        z = around(coefficients(self.law, cell), *centres, *steps)
        size = g(z, True) * self._density(cell, *(acb(c) + s for c, s in zip(centres, steps, strict=True)))
        return _log(abs(size)) if size.is_finite() else math.inf

    def _density(self, cell: Cell, x: Ball, v: Ball) -> Ball:
        """Return the density times the Jacobian, over the greatest height of the cell, which `area` has."""
        if cell.low is None or cell.high is None:
            return (-x * x / 2).exp() * arb((2 * math.pi) ** -0.5 * (1 + 1e-15))
        below = arb(cell.low.a) + arb(cell.low.b) * x
        height = arb(cell.high.a) - arb(cell.low.a) + (arb(cell.high.b) - arb(cell.low.b)) * x
        y = below + height * v
        heights = max(abs(cell.high.at(t) - cell.low.at(t)) for t in cell.x)
        scale = arb(1 / (2 * math.pi) * (1 + 1e-15)) / max(heights, 1e-300)
        return (-(x * x + y * y) / 2).exp() * height * scale

    def _wider(self, cell: Cell) -> bool:
        """Return which way F's enclosure gains more from halving."""
        if self.law.dimension == 1:
            return True
        widths = []
        for along_x in (True, False):
            total = 0.0
            for half in cell.halves(along_x):
                region = Region(self.law, half)
                ball = self.f(region.ranges, False).real
                total += min(upper(ball.rad()), 1e300) * half.area if ball.is_finite() else 1e300
            widths.append(total)
        if widths[0] == widths[1]:
            middle = [sum(c) / 4 for c in zip(*cell.corners(), strict=True)]
            spread = [0.0, 0.0]
            for row in self.law.slopes:
                height = abs(cell.high.at(middle[0]) - cell.low.at(middle[0])) if cell.low and cell.high else 0.0
                slope = cell.low.b if cell.low else 0.0
                spread[0] = max(spread[0], abs(row[0] + row[1] * slope) * (cell.x[1] - cell.x[0]))
                spread[1] = max(spread[1], abs(row[1]) * height * (cell.v[1] - cell.v[0]))
            return bool(spread[0] >= spread[1])
        return widths[0] < widths[1]

    def _in_slivers(self, region: Region, size: Ball) -> float:
        """A bound of the integral over the slivers of what is at most `size`: each as long as the cell at most."""
        spread = max(max(axis) - min(axis) for axis in zip(*region.cell.corners(), strict=True))
        length = 1.0 if self.law.dimension == 1 else 2 * spread
        return upper(size) * region.slivers * min(0.4, region.cell.density()[1] * length)

    def _less_beside(self, cell: Cell, otherwise: bool) -> bool:
        """Return which way of halving leaves less in the slivers."""
        sums = []
        for along_x in (True, False):
            total = 0.0
            for half in cell.halves(along_x):
                region = Region(self.law, half)
                whole = self.f(region.ranges, False).real
                if resolve(self.term, region) is None or not whole.is_finite():
                    return otherwise
                total += self._in_slivers(region, abs(whole))
            sums.append(total)
        return otherwise if sums[0] == sums[1] else sums[0] < sums[1]


def _log(size: Ball) -> float:
    """log of an upper bound."""
    top = size.upper()
    if not top > 0:
        return -1e6
    return float(top.log().upper()) + 1e-9


def bounded(
    term: Term,
    names: Sequence[str],
    K: Sequence[Sequence[Fraction]],
    mean: Sequence[Fraction],
    tolerance: float = 1e-10,
    most: int | None = None,
) -> Estimate | None:
    """E F(Z), Z ~ N(mean, K) of rank one or two, aiming at an error of tolerance · E|F|; None if no bound is known.

    >>> from tensorprog.terms import read
    >>> out = bounded(read("relu(a - b)*tanh(a)"), ["a", "b"], [[1, 0], [0, 1]], [0, 0])
    >>> out.error < 1e-9
    True
    """
    if not thin(term):
        return None
    with precision(BITS):
        law = law_of(names, K, mean)
        goal = max(tolerance * _scale(term, law), 1e-300)
        best: Estimate | None = None
        size = 0.0
        for restart in range(RESTARTS):
            made = _integral(term, law, goal, MOST_CELLS[law.dimension] if most is None else most)
            if made is None:
                return best
            if best is None or made[0].error <= best.error:
                best, size = made
            if restart == RESTARTS - 1 or not goal > 3 * tolerance * size > 0 or best.error <= tolerance * size:
                return best
            goal = max(tolerance * size, 1e-300)
    return best


def _scale(term: Term, law: Law) -> float:
    """About E|F|, from a few points; what it misses is seen when the cells are summed."""
    t = np.random.default_rng(3).standard_normal((2000, law.dimension))
    z = np.array(law.centre) + t @ np.array(law.slopes).T
    with np.errstate(all="ignore"):
        y = np.abs(np.broadcast_to(compile_numpy(term, law.names)(*z.T), (len(z),)))
    y = y[np.isfinite(y)]
    mean = float(np.mean(y)) if len(y) else 0.0
    return mean if 0 < mean < 1e250 else 1.0


def _integral(term: Term, law: Law, goal: float, most: int) -> tuple[Estimate, float] | None:
    """Return the bound that is reached with so much work, and about E|F|."""
    reach, left = radius(term, law, math.log(goal) - 4)
    if left == math.inf:
        return None
    box = []
    for m, row in zip(law.centre, law.slopes, strict=True):
        room = reach * sum(map(abs, row)) * (1 + 1e-9)
        box.append((m - room, m + room))
    problem = Integral(term, law, goal)
    leaves: list[Leaf] = []
    for cell in partition(law, loci(term, law.names, {}, box), reach):
        if len(leaves) % 16 == 15 and spent():
            return None
        leaves.append(problem.look(cell))
    leaves = _refine(problem, leaves, most)
    if not all(math.isfinite(x.error) for x in leaves):
        return None
    value, rounding, size = total(law, leaves)
    error = math.fsum(x.error for x in leaves) + rounding + problem.lost + math.exp(min(left, 700.0))
    if not (math.isfinite(value) and math.isfinite(error)):
        return None
    return Estimate(value, error * (1 + 1e-12), "bound", "quadrature"), size


def _refine(problem: Integral, leaves: Sequence[Leaf], most: int) -> list[Leaf]:
    """Split the worst cells until the errors add up to the goal or the work is used up."""
    heap = [(-x.error, k, x) for k, x in enumerate(leaves)]
    heapq.heapify(heap)
    done: list[Leaf] = []

    def left() -> float:
        return math.fsum(min(-e, 1e300) for e, _, _ in heap) + math.fsum(min(x.error, 1e300) for x in done)

    counter, total = len(heap), left()
    while heap and problem.work < most and not spent(LONGEST):
        if counter % 64 == 0 or total <= problem.goal or not total < 1e280:
            total = left()
        if total <= problem.goal:
            break
        _, _, worst = heapq.heappop(heap)
        parts = problem.parts(worst)
        if not parts:
            done.append(worst)
            continue
        total -= worst.error
        for cell, signs in parts:
            leaf = problem.look(cell, worst.known, signs)
            counter += 1
            total += leaf.error
            heapq.heappush(heap, (-leaf.error, counter, leaf))
    return done + [leaf for _, _, leaf in heap]


def _divisible(cell: Cell, along_x: bool) -> bool:
    low, high = cell.x if along_x else cell.v
    return high - low > 4 * UNIT * max(abs(low), abs(high)) and high - low > 1e-290
