"""The numbers of means of products of shares of softmaxes, whose scores may be many: by Laplace transforms.

With S = sum_l e^(u_l) and M = sum_l m_l > 0, 1/S^M = 1/(M-1)! times the integral of e^(M t) exp(-e^t S) over all t. So
for independent u_l the mean of prod_l softmax_l(u)^(m_l) is

    1/(M-1)! times the integral of prod_l G_l(t),    G_l(t) = E exp(m_l (t + u_l) - e^(t + u_l)),

two integrals, one after the other, of any number of scores. A common summand of all u_l changes nothing, and scores
of another covariance are compared with such ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from math import factorial
from typing import Any

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import METER, require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.ground.term import Term
from tensorprog.kernel.limits.algebra import as_term, normal
from tensorprog.kernel.numbers import intervals as iv
from tensorprog.kernel.numbers.intervals import BITS, UNIT, Interval, enclosure, rounded, spelled, times
from tensorprog.kernel.numbers.scores import Shares, Weights, combination, covariance, function_of_scores
from tensorprog.kernel.numbers.statements import Number
from tensorprog.kernel.numbers.strip import Bound, Grid
from tensorprog.kernel.numbers.values import Numbers, shown

MAX_SCORES, MAX_DEGREE, MAX_POINTS = 256, 32, 2000
COARSE = BITS - 56
"""Variances of the independent scores are multiples of 2^-56, so that those of one value are found to be one."""
FAR = rounded(90)

Kind = tuple[int, Interval]
"""Variance and mean of a score."""
Chosen = tuple[tuple[int, Kind], ...]
"""The powers of shares in a product, and the kinds of their scores."""


def shares_over_scores(
    ctx: Context,
    premises: Premises,
    term: Term,
    strip: Fraction,
    spacing: Fraction,
    count: int,
    points: tuple[Fraction, ...],
) -> Statement:
    """The mean of a polynomial in shares of softmaxes; `points`: strip, spacing, first point and last of the integral
    in t."""
    at, inside = function_of_scores(ctx, premises, term)
    require(len(points) == 4, "a strip, a spacing and two ends")
    return Number(term, *shown(Model(ctx, at, inside).mean(Line(*points), Grid(strip, spacing, count))))


class Line:
    """The points t = first, first + h, ... up to last, and what the sum over them is off."""

    def __init__(self, strip: Fraction, spacing: Fraction, first: Fraction, last: Fraction) -> None:
        require(spacing > 0 and 0 <= last - first <= MAX_POINTS * spacing, "few points")
        require(strip > 0 and 2 * rounded(strip)[1] < iv.pi()[0], "a positive real part of e^t in the strip")
        self.strip, self.spacing = strip, spacing
        self.points = [first + k * spacing for k in range((last - first) // spacing + 1)]

    def error(self, chosen: Chosen, kinds: Collection[Kind]) -> Interval:
        """2 E|f| cos(a)^-M / (exp(2 pi a/h) - 1) with |f| <= 1; and beyond the ends, where the sums are less than
        integrals, E exp(sum m (t + u)) and ((M + q)/e)^(M + q) E exp(-q (t + u)), for the best q and u."""
        degree, (first, *_, last) = sum(m for m, _ in chosen), [self.points[0], *self.points]
        around = iv.plus(iv.exp(times(iv.pi(), rounded(2 * self.strip / self.spacing))), rounded(-1))
        edge = times(rounded(2), iv.over(times(_power(iv.cos(rounded(self.strip)), degree), around)))[1]
        left = iv.plus(*(_exponent(m, first, kind) for m, kind in chosen))
        tops = {
            n: times(rounded(n), iv.plus(iv.log(rounded(n)), rounded(-1))) for n in range(degree + 1, 2 * MAX_DEGREE)
        }
        METER.get()(100 * len(tops))
        right = min(iv.plus(top, _exponent(degree - n, last, kind))[1] for kind in kinds for n, top in tops.items())
        return -edge, edge + iv.exp(left)[1] + iv.exp((right, right))[1]


def _exponent(m: int, t: Fraction, kind: Kind) -> Interval:
    """log E exp(m (t + u))."""
    METER.get()(5)
    return iv.plus(times(rounded(m), kind[1]), times(rounded(Fraction(m * m, 2)), (kind[0], kind[0])), rounded(m * t))


def _power(x: Interval, n: int) -> Interval:
    """Of a number that is not negative."""
    half = _power(x, n // 2) if n else rounded(1)
    return times(times(half, half), x if n % 2 else rounded(1))


class Model:
    """A polynomial in shares, and independent scores that have nearly the covariance of those in it."""

    def __init__(self, ctx: Context, at: Numbers, term: Term) -> None:
        found = Shares(ctx, term)
        rows = [[combination(ctx, at, normal(p)) for p in parts] for parts in found.softmaxes]
        self.rows, self.gap = _independent(at, rows)
        places: dict[Term, tuple[int, int]] = {
            own: (r, k) for r, row in enumerate(found.softmaxes.values()) for k, own in row.items()
        }
        self.summands: list[tuple[Interval, dict[tuple[int, int], int]]] = []
        for monomial, c in normal(found.term).items():
            powers = {places[t]: e for t, e in monomial if t in places and e > 0}
            rest = tuple((t, e) for t, e in monomial if t not in places or e < 0)
            self.summands.append((enclosure(spelled(as_term({rest: c})), at), powers))
            require(sum(powers.values()) <= MAX_DEGREE, "a product of few shares")

    def mean(self, line: Line, grid: Grid) -> Interval:
        """Of all summands. Where the covariances of all scores are off by at most `gap`, the mean of a product of M
        shares is off by a factor of at most exp((2 M^2 + M) gap)."""
        known: dict[tuple[Chosen, Any], Interval] = {}
        transforms = Transforms(line, grid, max((m for _, powers in self.summands for m in powers.values()), default=0))
        total = rounded(0)
        for weight, powers in self.summands:
            degree = sum(powers.values())
            off = times(rounded(2 * degree**2 + degree), (-self.gap, self.gap))
            value = iv.exp((off[0], off[0]))[0], iv.exp((off[1], off[1]))[1]
            for r, row in enumerate(self.rows):
                chosen: Chosen = tuple(sorted((m, row[k]) for (s, k), m in powers.items() if s == r))
                if chosen and (key := (chosen, tuple(sorted(row)))) not in known:
                    known[key] = transforms.mean(chosen, Counter(row) - Counter(kind for _, kind in chosen))
                value = times(value, known[key]) if chosen else value
            total = iv.plus(total, times(weight, (max(value[0], 0), min(value[1], UNIT))))
        return total


def _independent(at: Numbers, rows: Sequence[Sequence[tuple[Weights, Interval]]]) -> tuple[list[list[Kind]], int]:
    """Scores u + v, with v common to a softmax and all u independent, with the means of the given ones; and how far
    the covariances are off. The variance of v does not matter, and may be negative."""
    out, gap, every = list[list[Kind]](), 0, [(r, a) for r, row in enumerate(rows) for a, _ in row]
    require(len(every) <= MAX_SCORES, "few scores")
    for r, row in enumerate(rows):
        cov = [[covariance(at, a, b) for b, _ in row] for a, _ in row]
        apart = [sum(x) // 2 for k, line in enumerate(cov) for x in line[:k]]
        common = sum(apart) // len(apart) if apart else 0
        own = [max(sum(line[k]) // 2 - common, 0) >> COARSE << COARSE for k, line in enumerate(cov)]
        out.append([(d, mean) for d, (_, mean) in zip(own, row, strict=True)])
        for k, line in enumerate(cov):
            for j, x in enumerate(line):
                y = common + (own[k] if j == k else 0)
                gap = max(gap, x[1] - y, y - x[0])
        gap = max([gap, *(abs(end) for a, _ in row for s, b in every if s < r for end in covariance(at, a, b))])
    return out, gap


class Transforms:
    """G(t) = E exp(m (t + u) - e^(t + u)) on a line, by the trapezoid rule: |exp(m w - e^w)| <= (m/(e c))^m where the
    real part of e^w is at least c |e^w|."""

    def __init__(self, line: Line, grid: Grid, most: int) -> None:
        self.line, self.grid, self.most = line, grid, most
        self.known: dict[Kind, list[list[Interval]]] = {}

    def of(self, kind: Kind) -> list[list[Interval]]:
        """At each point, for each power m."""
        if kind not in self.known:
            root = iv.root((kind[0], kind[0]))
            side = times(rounded(self.grid.strip), root)
            require(2 * side[1] < iv.pi()[0], "a positive real part of e^u in the strip")
            tops = [_top(m, rounded(1)) for m in range(self.most + 1)]
            wide = [_top(m, iv.cos(side)) for m in range(self.most + 1)]
            errors = [self.grid.error(Bound(w), 1, Bound(top))[1] for w, top in zip(wide, tops, strict=True)]
            beyond = [(0, times(iv.exp(iv.minus(FAR)), _power(FAR, m))[1]) for m in range(self.most + 1)]
            self.known[kind] = []
            for t in self.line.points:
                sums = self._sums(iv.plus(rounded(t), kind[1]), root, beyond)
                ends = zip(sums, errors, tops, strict=True)
                self.known[kind].append([(max(x[0] - e, 0), min(x[1] + e, top[1])) for x, e, top in ends])
        return self.known[kind]

    def _sums(self, centre: Interval, root: Interval, beyond: Sequence[Interval]) -> list[Interval]:
        """The sums over the grid; x^m e^-x falls where x >= 90, and e^5 > 90."""
        low, high = [0] * len(beyond), [0] * len(beyond)
        for x, w in self.grid.weighted:
            METER.get()(2 + len(beyond))
            u, values = iv.plus(centre, times(root, x)), beyond
            if u[0] < 5 * UNIT:
                e = iv.exp(u)
                values = list(accumulate([e] * (len(beyond) - 1), times, initial=iv.exp(iv.minus(e))))
            for m, value in enumerate(values):
                part = times(w, value)
                low[m], high[m] = low[m] + part[0], high[m] + part[1]
        return list(zip(low, high, strict=True))

    def mean(self, chosen: Chosen, others: Counter[Kind]) -> Interval:
        """Of a product of shares of one softmax, `others` being the scores that it has beside."""
        total, degree = rounded(0), sum(m for m, _ in chosen)
        for k in range(len(self.line.points)):
            METER.get()(5 + len(chosen) + 10 * len(others))
            parts = [self.of(kind)[k][m] for m, kind in chosen]
            parts += [_power(self.of(kind)[k][0], count) for kind, count in others.items()]
            total = iv.plus(total, reduce(times, parts))
        whole = times(total, rounded(self.line.spacing / factorial(degree - 1)))
        low, high = iv.plus(whole, self.line.error(chosen, {*others, *(kind for _, kind in chosen)}))
        return max(low, 0), min(high, UNIT)


def _top(m: int, c: Interval) -> Interval:
    """(m/(e c))^m."""
    return _power(times(rounded(m), iv.over(times(iv.exp(rounded(1)), c))), m)
