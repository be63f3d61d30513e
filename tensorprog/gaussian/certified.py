"""Rigorous enclosures of one- and two-dimensional expectations in Arb's ball arithmetic, tails included.

One dimension: Arb's adaptive Gauss–Legendre (acb.integral), pieces between the kinks. Two dimensions, analytic: the
trapezoid rule with its strip bound. Two dimensions with kinks: Gauss–Legendre on panels of the two lines, the error of
each panel bounded on a Bernstein ellipse: for g analytic inside the ellipse of parameter r and |g| <= M there, the
rule of n nodes on [-1, 1] errs by at most (64/15) M r^{-2n}/(1 - r^{-2}) (Trefethen 2013, Theorem 19.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from typing import Any

from flint import acb, arb, ctx

from tensorprog.gaussian.balls import Ball, Complex, ball_function, exact, name_of
from tensorprog.gaussian.envelope import Envelope, envelope
from tensorprog.gaussian.estimate import covariance, rational
from tensorprog.gaussian.growth import check_exists
from tensorprog.gaussian.kinks import Plane, loci
from tensorprog.gaussian.quadrature import Values, canonical, undefined
from tensorprog.gaussian.rectangles import rectangles
from tensorprog.gaussian.strip import walls
from tensorprog.terms import Num, Term, Var
from tensorprog.terms.term import substitute, variables

MOST_POINTS = 250_000


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Arb's working precision within a block."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def enclose(
    term: Term,
    variables: Sequence[Var],
    cov: Sequence[Sequence[Any]],
    mean: Sequence[Any] | None = None,
    values: Values | None = None,
    digits: int = 12,
) -> tuple[float, float] | None:
    """(low, high) with low <= E F(Z) <= high, certain up to the soundness of Arb; None where no proof is found.

    >>> from tensorprog.terms import read
    >>> low, high = enclose(read("relu(z)^2"), [Var("z")], [[1]])
    >>> low <= 0.5 <= high, high - low < 1e-11
    (True, True)
    """
    ball = enclosure(term, variables, cov, mean, values, digits)
    if ball is None or not ball.is_finite():
        return None
    return _down(ball.lower()), -_down(-ball.upper())


def _down(x: Ball) -> float:
    """The greatest float that is surely not above x."""
    y = float(x.mid())
    return y if arb(y) <= x else math.nextafter(y, -math.inf)


def enclosure(
    term: Term,
    vars: Sequence[Var],
    cov: Sequence[Sequence[Any]],
    mean: Sequence[Any] | None = None,
    values: Values | None = None,
    digits: int = 12,
) -> Ball | None:
    """The same as an Arb ball."""
    K = covariance(cov)
    m = [rational(x) for x in mean] if mean is not None else [Fraction(0)] * len(K)
    term, names = canonical(term, vars, values)
    fixed: dict[Term, Term] = {Var(n): Num(m[i]) for i, n in enumerate(names) if K[i][i] == 0}
    term = substitute(term, fixed)
    used = [i for i, n in enumerate(names) if n in {name_of(v) for v in variables(term)}]
    with precision(math.ceil(3.33 * digits) + 40):
        if not used:
            point = ball_function(term, [])([], False)
            if not point.is_finite():
                raise undefined()
            return point.real
        kept = [[K[i][j] for j in used] for i in used]
        return _enclose(term, [names[i] for i in used], kept, [m[i] for i in used], digits)


def _enclose(
    term: Term, names: Sequence[str], K: Sequence[Sequence[Fraction]], m: Sequence[Fraction], digits: int
) -> Ball | None:
    import numpy as np

    if len(names) > 2:
        from tensorprog.gaussian.grid import grid

        return grid(term, names, [[exact(x) for x in row] for row in K], [exact(x) for x in m])
    L = _factor(K)
    f = ball_function(term, names)
    approximate = np.array([[float(x.mid()) for x in row] for row in L])
    if not check_exists(f, np.array([float(x) for x in m]), approximate):
        return None
    centre = [exact(x) for x in m]
    over = envelope(term, names, [0.0] * len(names))
    if over is None:
        return None
    # R <= |m| + |L| |t|
    shift = math.sqrt(sum(float(x) ** 2 for x in m)) * (1 + 1e-12)
    stretch = math.sqrt(float(np.sum(approximate**2))) * (1 + 1e-9)
    d = len(L[0])
    radius, tail = _tail(over, shift, stretch, d, digits)
    if not math.isfinite(tail):
        return None
    box = [
        (float(a) - radius * math.sqrt(float(K[i][i])) * 1.01, float(a) + radius * math.sqrt(float(K[i][i])) * 1.01)
        for i, a in enumerate(m)
    ]
    found = loci(term, names, {}, box)
    if not found.complete:
        return None
    planes = [p for p in found.planes if p.hard]
    slack = arb(0, tail)
    if d == 1:
        line = _line(f, L, centre, planes, radius)
        return line + slack if line is not None else None
    if not planes:
        # Outside a square two wider than the tail's radius, the grid's sum is below thrice that tail: every point
        # of it is dominated by a cell that lies nearer to the origin, and no place is in more than three such cells.
        plane = _trapezoid(term, names, f, L, centre, shift, stretch, radius + 2, digits)
        return plane + 4 * slack if plane is not None else None
    if any(all(p.normal) for p in planes):
        return None
    cuts = [sorted({p.offset / p.normal[i] for p in planes if p.normal[i]}) for i in range(2)]
    whole = rectangles(term, names, K, centre, cuts, radius, digits)
    if whole is None:
        return None
    # The cuts are floats, off by rounding: slivers where the wrong branch was taken.
    greatest = math.exp(over.log_at(shift + stretch * (2 * radius + 2)))
    sliver = sum(2.0**-48 * (abs(c) + abs(float(m[i]))) / math.sqrt(K[i][i]) for i in range(2) for c in cuts[i] if c)
    return whole + slack + arb(0, 2 * greatest * sliver)


def _factor(K: Sequence[Sequence[Fraction]]) -> list[list[Ball]]:
    """L with K = L L^T in balls, one column for a singular K."""
    if len(K) == 1:
        return [[exact(K[0][0]).sqrt()]]
    (a, b), (_, c) = K
    determinant = a * c - b * b
    first = exact(a).sqrt()
    if determinant <= 0:
        return [[first], [exact(b) / first]]
    return [[first, arb(0)], [exact(b) / first, (exact(determinant) / exact(a)).sqrt()]]


def _tail(over: Envelope, shift: float, stretch: float, d: int, digits: int) -> tuple[float, float]:
    """T and a bound of E|F|; |t| > T. The radial integrand's logarithm h is concave, so ∫_T e^h <= e^h/|h'|."""
    if 2 * over.s * stretch**2 >= 0.999:
        return 0.0, math.inf
    T = 4.0
    while T < 400.0:
        R = shift + stretch * T
        h = over.log_at(R) - T * T / 2 + (d - 1) * math.log(T)
        slope = T - (d - 1) / T - stretch * (over.p / (1 + R) + over.q + 2 * over.s * R)
        if slope > 0.5 and h - math.log(slope) < -(digits + 3) * math.log(10):
            return T, 1.01 * math.exp(h) / slope
        T += 0.25
    return 0.0, math.inf


def _line(f: Complex, L: list[list[Ball]], m: list[Ball], planes: Sequence[Plane], radius: float) -> Ball | None:
    """∫ F(m + L t) φ(t) dt over |t| <= radius, the kinks being ends of pieces."""
    scale = 1 / (2 * arb.pi()).sqrt()

    def integrand(t: Ball, analytic: bool) -> Ball:
        z = [acb(a) + acb(row[0]) * t for a, row in zip(m, L, strict=True)]
        return f(z, analytic) * (-t * t / 2).exp() * scale

    cuts = {0.0}
    for p in planes:
        slope = sum(n * float(row[0].mid()) for n, row in zip(p.normal, L, strict=True))
        if slope:
            at = (p.offset - sum(n * float(a.mid()) for n, a in zip(p.normal, m, strict=True))) / slope
            cuts.add(at)
    ends = [-radius, *sorted(c for c in cuts if -radius < c < radius), radius]
    total = acb(0)
    for a, b in pairwise(ends):
        # A kink's float may be off by rounding: the piece around it is then enclosed as a whole, without smoothness.
        total += acb.integral(integrand, acb(a), acb(b))
    return total.real if total.is_finite() else None


def _short(h: float) -> float:
    """The greatest float of four significant bits that is not above h: exact, and so are its multiples."""
    unit = 2.0 ** (math.floor(math.log2(h)) - 3)
    return math.floor(h / unit) * unit


def _trapezoid(
    term: Term,
    names: Sequence[str],
    f: Complex,
    L: list[list[Ball]],
    m: list[Ball],
    shift: float,
    stretch: float,
    radius: float,
    digits: int,
) -> Ball | None:
    """h1 h2 Σ F(m + L t) φ(t) over the grid inside the square, with the strip bounds of both variables.

    On the strip |F(m + L(t + i a e))| <= C (1+R)^p e^{qR}, and (1+R)^p <= (pw/e)^p e^{(1+R)/w} for w = max(1, stretch).
    With c = (q + 1/w) stretch its mean times e^{a²/2} is at most
    C (pw/e)^p e^{1/w + (q + 1/w) shift} e^{a²/2} (2 e^{c²/2})².
    """
    limits = walls(term, names)
    if limits is None:
        return None
    best: list[tuple[float, float]] = []
    for k in range(2):
        column = [abs(float(row[k].mid())) * (1 + 1e-9) for row in L]
        widest = min(
            (w.width / s for w in limits if (s := sum(abs(n) * c for n, c in zip(w.normal, column, strict=True))) > 0),
            default=math.inf,
        )
        choices = [0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0]
        if math.isfinite(widest):
            choices = [c * widest for c in (0.4, 0.6, 0.8, 0.9)]
        found = (0.0, 0.0)
        for a in choices:
            over = envelope(term, names, [a * c for c in column])
            if over is None or over.s:
                continue
            w = max(1.0, stretch)
            c = (over.q + 1 / w) * stretch
            log_m = math.log(over.C + 1e-300) + (over.p * math.log(over.p * w / math.e) if over.p else 0.0)
            log_m += 1 / w + (over.q + 1 / w) * shift + a * a / 2 + c * c + 2 * math.log(2) + 1e-6
            # 2M/(e^{2πa/h} - 1) <= 10^-(digits+2)
            h = 2 * math.pi * a / (log_m + (digits + 2) * math.log(10) + 2)
            found = max(found, (h, 4 * math.exp(log_m - 2 * math.pi * a / h)))
        if found[0] == 0.0:
            return None
        best.append(found)
    steps = [_short(h) for h, _ in best]
    counts = [math.ceil(radius / h) for h in steps]
    if math.prod(2 * n + 1 for n in counts) > MOST_POINTS:
        return None
    half = [[(-((arb(k) * h) ** 2) / 2).exp() for k in range(n + 1)] for n, h in zip(counts, steps, strict=True)]
    total = acb(0)
    for i in range(-counts[0], counts[0] + 1):
        t1 = arb(i) * steps[0]
        row = acb(0)
        for j in range(-counts[1], counts[1] + 1):
            t2 = arb(j) * steps[1]
            z = [acb(a + r[0] * t1 + r[1] * t2) for a, r in zip(m, L, strict=True)]
            row += f(z, False) * half[1][abs(j)]
        total += row * half[0][abs(i)]
    value = (total * acb(steps[0]) * acb(steps[1]) / (2 * acb.pi())).real
    return value + arb(0, sum(e for _, e in best))
