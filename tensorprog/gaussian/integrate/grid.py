"""E F(Z1, ..., Zk) with a true bound, for bounded F analytic in a strip: the trapezoid rule on a grid of k dimensions.

With z = m + L t, t standard normal in r dimensions, and |F(m + L(t + i b e_j))| <= C_j for |b| <= a_j, the rule of
steps h_j over |t_j| <= n_j h_j errs by at most (Trefethen & Weideman 2014, Theorem 5.1, one variable after the other)

    Σ_j 2 C_j e^{a_j²/2} / (e^{2π a_j/h_j} - 1)  +  sup|F| Σ_j 2 Φ(-n_j h_j)  +  rounding.

L is a matrix of floats, so L L' is not quite the covariance K. By Price's theorem ∂E F/∂K_ij = E ∂_i∂_j F (half of it
for i = j) and ∂E F/∂m_i = E ∂_i F, and by Cauchy's estimates |∂_i∂_j F| <= C/a², |∂_i² F| <= 2C/a², |∂_i F| <= C/a
with C a bound of |F| where those variables have imaginary parts up to a. The same covers inexact K and m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from tensorprog.functions.evaluate.ball_function import Ball
from tensorprog.functions.evaluate.systems import evaluate
from tensorprog.functions.named.rounded_forms import ROUNDED
from tensorprog.functions.named.system import NotComputed
from tensorprog.gaussian.behaviour.envelope import bound
from tensorprog.gaussian.integrate.strip import Wall, walls
from tensorprog.gaussian.problem.covariance import over_root, pivoted
from tensorprog.numbers.precision import precision
from tensorprog.numbers.rounded import UNIT, Rounded
from tensorprog.numbers.trapezoid import Axis, discretisation, step_for
from tensorprog.terms import Term

Array = NDArray[np.float64]
UP = 1 + 1e-12
"""Covers the rounding of the few operations that make a bound."""
NEGLIGIBLE = 1e-14
"""Residual variances below this, relative to the largest variance, are left to the bound for an inexact covariance."""
MOST_NODES = 150_000_000
BLOCK = 300_000
GOALS = (1e-15, 1e-13, 1e-11, 1e-9, 1e-7)
"""Errors aimed at, relative to sup|F|, until the grid is small enough."""
WIDTHS = tuple(0.1 * 1.15**k for k in range(36))


def grid(term: Term, names: Sequence[str], cov: Sequence[Sequence[Ball]], mean: Sequence[Ball]) -> Ball | None:
    """Return a ball around E F(Z), Z ~ N(mean, cov) with real balls for their entries; None where no bound is known.

    >>> from tensorprog.terms import read
    >>> K = [[arb(1), arb(1) / 2], [arb(1) / 2, arb(1)]]
    >>> ball = grid(read("erf(a) * erf(b)"), ["a", "b"], K, [arb(0), arb(0)])
    >>> ball.contains((arb(1) / 3).asin() * 2 / arb.pi()), float(ball.rad()) < 1e-12
    (True, True)
    """
    limits = walls(term, names)
    if limits is None:
        return None
    F = Bounded(term, tuple(names), limits)
    try:
        top = F.bound([0.0] * len(names))
        if top is None:
            return None
        columns, _ = pivoted([[Fraction(float(x.mid())) for x in row] for row in cov], NEGLIGIBLE)
        L = np.array([[over_root(c[i], pivot) for c, pivot in columns] for i in range(len(cov))])
        m = np.array([float(x.mid()) for x in mean])
        inexact = _inexact_law(F, L, m, cov, mean)
        made = None if inexact is None else plan(F, L, top)
        if made is None or inexact is None:
            return None
        axes, error = made
        value, rounded = _sum(F, L, m, axes, top)
    except NotComputed:
        return None
    return arb(value, UP * (error + rounded + inexact))


@dataclass(frozen=True)
class Bounded:
    """A function with its bounds in strips."""

    term: Term
    names: tuple[str, ...]
    limits: tuple[Wall, ...]

    def bound(self, imag: Sequence[float]) -> float | None:
        """sup |F| where |Im z_j| <= imag[j]; None where F may be unbounded or not analytic there."""
        for w in self.limits:
            if sum(abs(n) * y for n, y in zip(w.normal, imag, strict=True)) >= 0.99 * w.width:
                return None
        try:
            over = bound(self.term, self.names, imag)
        except OverflowError:
            return None
        return over if math.isfinite(over) else None

    def derivatives(self, which: Sequence[int]) -> float | None:
        """sup of |∂_i F|, |∂_i∂_j F| or, for which = (i, i), |∂_i² F|, by Cauchy's estimates."""
        found = []
        for a in WIDTHS:
            C = self.bound([a if k in which else 0.0 for k in range(len(self.names))])
            if C is not None:
                found.append((2 if len(which) == 2 and which[0] == which[1] else 1) * C / a ** len(which))
        return min(found, default=None)


def _inexact_law(F: Bounded, L: Array, m: Array, cov: Sequence[Sequence[Ball]], mean: Sequence[Ball]) -> float | None:
    """Return what the difference between N(mean, cov) and N(m, L L') contributes."""
    out = 0.0
    size = range(len(m))
    with precision(160):
        for i in size:
            shift = _upper(mean[i] - arb(m[i]))
            if shift:
                slope = F.derivatives((i,))
                if slope is None:
                    return None
                out += slope * shift
            for j in range(i, len(m)):
                made = sum((arb(a) * arb(b) for a, b in zip(L[i].tolist(), L[j].tolist(), strict=True)), arb(0))
                gap = _upper(cov[i][j] - made)
                if gap:
                    slope = F.derivatives((i, j))
                    if slope is None:
                        return None
                    out += slope * gap * (0.5 if i == j else 1.0)
    return UP * out


def _upper(x: Ball) -> float:
    return 0.0 if x.is_zero() else float(abs(x).upper()) * (1 + 2.0**-50)


def plan(F: Bounded, L: Array, top: float) -> tuple[list[Axis], float] | None:
    """The axes, and the sum of the errors of discretisation and truncation; None where the grid would be too large."""
    rank = L.shape[1]
    options = [_options(F, np.abs(L[:, k])) for k in range(rank)]
    if not all(options):
        return None
    for goal in GOALS:
        axes, error = [], 0.0
        aim = max(goal * top, 1e-300)
        for pairs in options:
            # e^{2πa/h} - 1 >= 2 rank C e^{a²/2} / aim
            h, a, M = max((step_for(a, rank * M, aim), a, M) for a, M in pairs)
            h = _short(min(h, 1.0))
            n = math.ceil(math.sqrt(max(1.0, 2 * math.log(rank * top / aim))) / h)
            # Φ(-x) <= e^{-x²/2}/2; the sums over the other axes are below 1 + 1e-8, as Σ h φ(kh) is for h <= 1.
            error += discretisation(h, a, M) + top * math.exp(-((n * h) ** 2) / 2)
            axes.append(Axis(h, n))
        if math.prod(2 * x.count + 1 for x in axes) <= MOST_NODES:
            return axes, 1.0001 * error
    return None


def _options(F: Bounded, column: Array) -> list[tuple[float, float]]:
    """(a, C e^{a²/2}) for one variable t_j."""
    found = []
    for a in WIDTHS:
        C = F.bound([a * float(c) * (1 + 1e-12) for c in column])
        if C is not None and C < 1e250:
            found.append((a, 1.0001 * C * math.exp(a * a / 2)))
    return found


def _short(h: float) -> float:
    """Return the greatest float of eight significant bits that is not above h: its multiples are exact."""
    unit = 2.0 ** (math.floor(math.log2(h)) - 7)
    return math.floor(h / unit) * unit


def _sum(F: Bounded, L: Array, m: Array, axes: Sequence[Axis], top: float) -> tuple[float, float]:
    """Σ w F over the grid, and a bound on its rounding; |F| is at most `top`."""
    rank = len(axes)
    points, weights = [x.points for x in axes] or [np.zeros(1)], [x.weights for x in axes] or [np.ones(1)]
    rows = math.prod(len(p) for p in points[1:])
    block = max(1, BLOCK // rows)
    total = np.zeros(2)
    for start in range(0, len(points[0]), block):
        here = [points[0][start : start + block], *points[1:]]
        across = [
            Rounded(p.reshape([-1 if j == k else 1 for j in range(rank)]), 0.0) for k, p in enumerate(here[:rank])
        ]
        at = {n: _line(L[i], float(m[i]), across) for i, n in enumerate(F.names)}
        with np.errstate(all="ignore"):
            y = evaluate(F.term, at, ROUNDED)
        for k, x in enumerate((y.value, y.error)):
            out: Any = np.broadcast_to(x, [len(p) for p in here])
            for w in reversed(weights[1:]):
                out = out @ w
            total[k] += out @ weights[0][start : start + block]
    # A sum of n products errs by at most n units of Σ |terms|, and each weight by two of its own.
    terms = sum(len(p) + 4 for p in points) + len(points[0]) // block
    return float(total[0]), 1.0001 * (float(total[1]) + UNIT * terms * (top + float(total[1])))


def _line(row: Array, centre: float, points: Sequence[Rounded]) -> Rounded:
    """m + Σ L_j t_j on the grid; the points are exact."""
    out = Rounded(centre, 0.0)
    for factor, p in zip(row.tolist(), points, strict=True):
        out = out + Rounded(factor, 0.0) * p if factor else out
    return out
