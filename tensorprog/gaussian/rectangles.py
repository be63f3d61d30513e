"""Certified E F(Z1, Z2) where F is analytic on the rectangles between its kinks: Gauss–Legendre on panels.

With x_i = (z_i - m_i)/σ_i the density (1/2πs) exp(-(x1 - ρ x2)²/(2 s²) - x2²/2), s² = 1 - ρ², is entire. For a panel
pair A x B, half lengths a and b, and |F density| <= M on E_A x B and on A x E_B (E the Bernstein ellipses of
parameter r), the tensor rule errs by at most 2 · (64/15) M r^{-2n}/(1 - r^{-2}) · (a · 2b + 2a · b)/2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from flint import acb, arb

from tensorprog.gaussian.balls import Ball, Complex, ball_function, exact
from tensorprog.gaussian.branch import branch
from tensorprog.terms import Term

ELLIPSE = 3.0
MOST_PAIRS = 4_000


def rectangles(
    term: Term,
    names: Sequence[str],
    K: Sequence[Sequence[Fraction]],
    m: Sequence[Ball],
    cuts: Sequence[Sequence[float]],
    radius: float,
    digits: int,
) -> Ball | None:
    """The integral over |x1|, |x2| <= radius, panel pair by panel pair; None if it would take too many."""
    sigma = [exact(K[i][i]).sqrt() for i in range(2)]
    rho = exact(K[0][1]) / (sigma[0] * sigma[1])
    s = (exact(K[0][0] * K[1][1] - K[0][1] ** 2)).sqrt() / (sigma[0] * sigma[1])
    width = max(0.05, min(1.0, 1.3 * float(s.mid())))
    sides = []
    for i in range(2):
        inside = [(c - float(m[i].mid())) / float(sigma[i].mid()) for c in cuts[i]]
        # a cut is a place in z; as an exact float in x it may be off by rounding, which the caller allows for
        ends = [-radius, *sorted(x for x in inside if -radius < x < radius), radius]
        panels = []
        for a, b in pairwise(ends):
            count = max(1, math.ceil((b - a) / width))
            edges = [a + (b - a) * k / count for k in range(count)] + [b]
            panels += list(pairwise(edges))
        sides.append(panels)
    n = max(8, math.ceil((digits + 6) * math.log(10) / (2 * math.log(ELLIPSE))) + 2)
    nodes = [arb.legendre_p_root(n, k, weight=True) for k in range(n)]
    return _sum(term, names, sides, m, sigma, rho, s, nodes, digits)


def _sum(
    term: Term,
    names: Sequence[str],
    sides: Sequence[Sequence[tuple[float, float]]],
    m: Sequence[Ball],
    sigma: Sequence[Ball],
    rho: Ball,
    s: Ball,
    nodes: Sequence[tuple[Ball, Ball]],
    digits: int,
) -> Ball | None:
    n = len(nodes)
    scale = 1 / (2 * arb.pi() * s)
    half_s = 1 / (2 * s * s)
    negligible = 10.0 ** -(digits + 4) / (len(sides[0]) * len(sides[1]))
    constant = 64 / 15 * ELLIPSE ** (-2 * n) / (1 - ELLIPSE**-2)
    a_axis, b_axis = (ELLIPSE + 1 / ELLIPSE) / 2 * (1 + 1e-12), (ELLIPSE - 1 / ELLIPSE) / 2 * (1 + 1e-12)
    total, done = arb(0), 0
    smooth: dict[Term, Complex] = {}

    def density(x: Ball, y: Ball) -> Ball:
        gap = x - acb(rho) * y
        return (-(gap * gap) * half_s - y * y / 2).exp() * scale

    def whole(low: float, high: float, axes: bool) -> Ball:
        c, h = (low + high) / 2, (high - low) / 2 * (1 + 1e-15)
        return acb(arb(c, h * (a_axis if axes else 1.0)), arb(0, h * b_axis) if axes else arb(0))

    for low1, high1 in sides[0]:
        for low2, high2 in sides[1]:
            area = (high1 - low1) * (high2 - low2) * (1 + 1e-12)
            real = [whole(low1, high1, False), whole(low2, high2, False)]
            z = [acb(m[i]) + acb(sigma[i]) * real[i] for i in range(2)]
            crude = abs(ball_function(term, names)(z, False)).upper() * abs(density(*real)).upper() * area
            if crude < negligible:
                total += arb(0, float(crude.mid()) * 1.001 + 1e-300)
                continue
            centres = ((low1 + high1) / 2, (low2 + high2) / 2)
            middle = [float((m[i] + sigma[i] * arb(c)).mid()) for i, c in enumerate(centres)]
            piece = branch(term, names, middle)
            done += 1
            if piece is None or done > MOST_PAIRS:
                return None
            f = smooth.setdefault(piece, ball_function(piece, names))
            bound = arb(0)
            for pair in ((whole(low1, high1, True), real[1]), (real[0], whole(low2, high2, True))):
                z = [acb(m[i]) + acb(sigma[i]) * pair[i] for i in range(2)]
                size = f(z, True) * density(*pair)
                if not size.is_finite():
                    return None
                bound += abs(size).upper()
            error = bound * constant * area
            part = arb(0)
            h1, h2 = (arb(high1) - arb(low1)) / 2, (arb(high2) - arb(low2)) / 2
            c1, c2 = (arb(high1) + arb(low1)) / 2, (arb(high2) + arb(low2)) / 2
            for x, u in nodes:
                t1 = acb(c1 + h1 * x)
                row = arb(0)
                for y, v in nodes:
                    t2 = acb(c2 + h2 * y)
                    z = [acb(m[0]) + acb(sigma[0]) * t1, acb(m[1]) + acb(sigma[1]) * t2]
                    row += v * (f(z, False) * density(t1, t2)).real
                part += u * row
            total += part * h1 * h2 + arb(0, float(error.upper().mid()) * 1.001)
    return total
