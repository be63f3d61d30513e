"""Proved bounds of ∫|F| density outside a box: how F grows there, and the Gaussian's own tail.

With z = m + L t the bound of `sizes` splits into a product over t's coordinates, and ∫_T^∞ e^h <= e^{h(T)}/|h'(T)| for
concave h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tensorprog.gaussian.behaviour.exponents import UP, Growth
from tensorprog.gaussian.behaviour.sizes import Size, Unbounded
from tensorprog.gaussian.cells.law import Law
from tensorprog.terms import Term

RADII = (6.5, 7.5, 8.5, 9.5, 11.0, 13.0, 16.0, 20.0, 26.0, 40.0, 80.0, 160.0, 400.0, 1e3, 2.5e3, 1e4, 1e5, 1e6)
PARTS = 9
SPLITS = (0.003, 0.03, 0.3, 1.0, 3.0, 30.0, 300.0)


def tail(term: Term, law: Law, T: float) -> float:
    """Return the logarithm of a bound of E|F|; outside |t_k| <= T; infinite where none is known."""
    inf = math.inf
    regions: list[list[tuple[float, float]]] = [[(T, inf)], [(-inf, -T)]]
    if law.dimension == 2:
        # where x is small y is not: parts of the strip tell more than the whole
        ends = [T * k / PARTS for k in range(-PARTS, PARTS + 1, 2)]
        strips = list(pairwise(ends))
        regions = [[*r, (-inf, inf)] for r in regions]
        regions += [[(a, b), side] for a, b in strips for side in ((T, inf), (-inf, -T))]
    parts = [-inf]
    for region in regions:
        try:
            g = Size(law.names, _box(law, region)).growth(term)
        except (Unbounded, OverflowError, ValueError):
            return inf
        if g.c > -inf:
            starts = [(0.0, True) if a < 0 < b else (T, False) for a, b in region]
            parts.append(_with_poles(g, law, starts) if g.poles else _integral(g, law, starts))
    return max(parts) + math.log(len(parts))


def _box(law: Law, region: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return where each z_i is when t is in the region."""
    out = []
    for m, row in zip(law.centre, law.slopes, strict=True):
        low = high = m
        for slope, (a, b) in zip(row, region, strict=True):
            if slope:
                low, high = low + min(slope * a, slope * b), high + max(slope * a, slope * b)
        size = abs(m) + sum(abs(s * x) for s, r in zip(row, region, strict=True) for x in r if math.isfinite(x))
        out.append((low - 1e-12 * size, high + 1e-12 * size))
    return out


def _with_poles(g: Growth, law: Law, starts: Sequence[tuple[float, bool]]) -> float:
    """Hölder: E[Π(1 + |h|^-e) G] <= Π (E(1 + |h|^-e)^r)^{1/r} (E G^s)^{1/s}, k/r + 1/s = 1 for k poles.

    A Gaussian of standard deviation σ has a density of at most 0.4/σ, so E|h|^-a <= 1 + 0.8/(σ (1 - a)) for a < 1.
    """
    k, most = len(g.poles), max(e for _, e in g.poles)
    if not most < 1 / k:
        return math.inf
    r = (k + 1 / most) / 2 if most > 1 / (3 * k) else 2.0 * k
    total = 0.0
    for (normal, _), e in g.poles:
        sigma = math.hypot(
            *(sum(n * row[j] for n, row in zip(normal, law.slopes, strict=True)) for j in range(law.dimension))
        )
        if sigma == 0 or e * r >= 1:
            return math.inf
        # (1 + x)^r <= 2^r (1 + x^r); the square for poles that were multiplied
        total += 2 * math.log(2) + math.log(2 + 0.8 / (sigma * (1 - e * r)) * (1 + 1e-9)) / r
    s = 1 / (1 - k / r)
    return total + _integral(replace(g.power(s), poles=()), law, starts) / s


def _integral(g: Growth, law: Law, starts: Sequence[tuple[float, bool]]) -> float:
    """log ∫ e^{growth} density over |t_k| from its start on (twice that where both sides are meant)."""
    best = math.inf
    for split in SPLITS if len(starts) == 2 and any(s > 0 for s in g.s) else (1.0,):
        total = g.c
        logs: list[list[tuple[float, float, float]]] = []
        squares, lines = [], []
        for k in range(len(starts)):
            p_parts, line, square = [], 0.0, 0.0
            for i, row in enumerate(law.slopes):
                A, b = (abs(law.centre[i]) if k == 0 else 0.0), abs(row[k]) * (1 + 1e-12)
                # 1 + A + b|x| + c|y| <= (1 + A + b|x|)(1 + c|y|)
                if g.p[i] > 0:
                    p_parts.append((g.p[i], 1 + A, b))
                q, s = max(g.q[i], 0.0), max(g.s[i], 0.0)
                if s and len(starts) == 2 and (row[1 - k] or law.centre[i]):
                    s *= 1 + (split if k == 0 else 1 / split)
                line += q * b + 2 * s * A * b
                square += s * b * b
                total += q * A + s * A * A
            logs.append(p_parts)
            lines.append(line)
            squares.append(square)
        for k, (start, both) in enumerate(starts):
            total += _line(logs[k], lines[k], squares[k] * (1 + 1e-12), start) + (math.log(2) if both else 0.0)
        best = min(best, total)
    return best


def _line(logs: Sequence[tuple[float, float, float]], q: float, s: float, start: float) -> float:
    """log ∫_start^∞ exp(Σ p log(a + b t) + q t + s t² - t²/2)/√(2π) dt, from above."""
    if s >= 0.4999999:
        return math.inf

    def h(t: float) -> float:
        return sum(p * math.log(a + b * t) for p, a, b in logs) + q * t + (s - 0.5) * t * t - 0.9189385

    def slope(t: float) -> float:
        return sum(p * b / (a + b * t) for p, a, b in logs) + q + (2 * s - 1) * t

    t, step, total = start, 0.5, -math.inf
    while slope(t) > -1.0:
        # h is concave: below its tangent, which is steep where b is large; its terms are monotone
        end = t + step
        rising = sum(p * math.log(a + b * end) for p, a, b in logs) + q * end + (s - 0.5) * t * t - 0.9189385
        part = min(h(t) + max(slope(t), 0.0) * step, rising) + math.log(step)
        total = max(total, part) + math.log1p(math.exp(-abs(total - part))) if total > -math.inf else part
        t += step
        step *= 1.1
        if t > 1e9:
            return math.inf
    last = h(t) - math.log(-slope(t))
    top = max(total, last)
    return top + math.log(math.exp(total - top) + math.exp(last - top)) + UP * (1 + abs(top))


def radius(term: Term, law: Law, log_goal: float) -> tuple[float, float]:
    """T and the bound of what is outside; the first T whose bound is below the goal, else the best."""
    best = (RADII[2], math.inf)
    for T in RADII:
        left = tail(term, law, T)
        if left < best[1]:
            best = T, left
        if left < log_goal:
            break
    return best
