"""The numbers of means over the scores: of functions of scores, and of what scores reach.

Scores are jointly Gaussian and centred. A softmax depends on the differences of its scores only, and its entries are
bounded in a strip in which the imaginary parts differ by less than pi: |softmax_j(u)| <= softmax_j(Re u) / cos(d/2).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import NamedTuple

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.names import Own
from tensorprog.kernel.core.refused import HALF, METER, NIL, ZERO, require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.masks import holds, index_values
from tensorprog.kernel.ground.nodes import Scalar
from tensorprog.kernel.ground.term import App, Bind, Num, Term, Var, power, recip, shift_subs, size, transform
from tensorprog.kernel.limits.algebra import Element, as_term, normal, plus, scaled
from tensorprog.kernel.limits.means import gaussian_score
from tensorprog.kernel.limits.members import chosen, defined, has_values, members, opened, pair, vectors, written
from tensorprog.kernel.limits.moments import given_scores
from tensorprog.kernel.numbers import intervals as iv
from tensorprog.kernel.numbers.intervals import BITS, Interval, enclosure, rounded, spelled, times
from tensorprog.kernel.numbers.statements import Number
from tensorprog.kernel.numbers.strip import Bound, Grid, bound
from tensorprog.kernel.numbers.values import Numbers, number_of, shown, values

MAX_VARIABLES = 4
SMALL = {3: 1 << BITS - 44, 4: 1 << BITS - 36}
"""The density beyond which a function is anywhere within its bound, by the number of variables."""


def quadrature_over_scores(
    ctx: Context, premises: Premises, term: Term, strip: Fraction, spacing: Fraction, count: int
) -> Statement:
    """The mean of a function of scores, or of a product of members that are Gaussian given them: by the trapezoid
    rule."""
    at, inside = function_of_scores(ctx, premises, term)
    f, grid = Integrand(ctx, at, inside), Grid(strip, spacing, count)
    line = f.bound(ZERO)
    error = grid.error(f.bound(strip), len(f.rows), line)
    return Number(term, *shown(iv.plus(f.sum(grid, line), (-error[1], error[1]))))


def function_of_scores(ctx: Context, premises: Premises, term: Term) -> tuple[Numbers, Term]:
    """The numbers that premises state, and what a term is given the scores."""
    known = [p for p in premises if not isinstance(p, Number)]
    at = values(ctx, [p for p in premises if isinstance(p, Number)])
    inside = given_scores(ctx, known, term) if vectors(ctx, written(ctx, term, True)) else term
    require(has_values(ctx, whole(ctx, inside)), "every part has a value")
    return at, inside


def whole(ctx: Context, t: Term) -> Term:
    """A term with binders and what scalars stand for written out."""
    t = written(ctx, t, True)
    while scalars := [v for v in members(ctx, t) if isinstance(defined(ctx, v)[0], Scalar)]:
        ctx.spend(100 + 10 * size(t))
        t = written(ctx, substituted(t, {v: opened(ctx, v) for v in scalars}), True)
    return t


class Shares:
    """A term with its softmaxes of scores by variables of the kernel's own: which exponents each softmax has, and
    which of its shares stand in the term."""

    def __init__(self, ctx: Context, term: Term) -> None:
        self.ctx = ctx
        self.softmaxes: dict[tuple[Term, ...], dict[int, Own]] = {}
        self.term = whole(ctx, transform(term, self._share))

    def _share(self, t: Term) -> Term | None:
        """A softmax, or a power of 1/(1 + e^u), by a variable."""
        match t:
            case App("recip", (App("add", (Num(1), App("exp", (u,)))),)):
                return self._entry((NIL, whole(self.ctx, u)), 0, t)
            case App("pow", (App("add", (Num(1), App("exp", (u,)))) as below, Num(e))) if e < 0 and e.denominator == 1:
                return power(self._entry((NIL, whole(self.ctx, u)), 0, recip(below)), Num(-e))
            case Bind("softmax", (u, *entry), over, mask):
                self.ctx.spend(20 * size(u))
                places = [p for p in index_values(list(over), self.ctx.program) if mask is None or holds(mask, p)]
                parts = tuple(whole(self.ctx, shift_subs(u, dict(p))) for p in places)
                wanted = chosen(self.ctx, over, entry, places)
                hits = [k for k, p in enumerate(places) if p == wanted]
                return self._entry(parts, hits[0], t) if hits else NIL
        return None

    def _entry(self, parts: tuple[Term, ...], k: int, t: Term) -> Own:
        """The share of one of these exponents."""
        entries, before = self.softmaxes.setdefault(parts, {}), sum(map(len, self.softmaxes.values()))
        return entries.setdefault(k, Own(f"share {before}", t))


Weights = dict[Var, Interval]


def combination(ctx: Context, at: Numbers, p: Element) -> tuple[Weights, Interval]:
    """The weights of scores in a combination of them, and what stands beside."""
    weights, centre = Weights(), rounded(0)
    for m, c in p.items():
        scores = [(t, e) for t, e in m if members(ctx, t)]
        rest = enclosure(spelled(as_term({tuple(f for f in m if f not in scores): c})), at)
        if not scores:
            centre = iv.plus(centre, rest)
            continue
        (v, e), *more = scores
        require(isinstance(v, Var) and e == 1 and not more, "a combination of scores")
        assert isinstance(v, Var)
        gaussian_score(ctx, v)
        weights[v] = iv.plus(weights.get(v, rounded(0)), rest)
    return weights, centre


def covariance(at: Numbers, a: Weights, b: Weights) -> Interval:
    """Of two combinations of scores."""
    METER.get()(1 + 4 * len(a) * len(b))
    return iv.plus(*(times(times(x, y), number_of(at, pair(v, w))) for v, x in a.items() for w, y in b.items()))


class Row(NamedTuple):
    """The softmax of some combinations of scores: which of the differences to the first each exponent is."""

    exponents: Sequence[int | None]
    entries: dict[int, Own]


class Integrand:
    """A function of combinations of scores, which are L x with x independent and standard normal, and of softmaxes."""

    def __init__(self, ctx: Context, at: Numbers, term: Term) -> None:
        self.ctx, self.at = ctx, dict(at)
        self.forms: list[Element] = []
        shares = Shares(ctx, term)
        self.softmaxes = [Row(self._exponents(parts), entries) for parts, entries in shares.softmaxes.items()]
        self.direct = {v: self._form(normal(v)) for v in members(ctx, shares.term)}
        self.term = spelled(shares.term)
        self.rows, self.centres = self._standard()

    def _exponents(self, parts: Sequence[Term]) -> list[int | None]:
        first = normal(parts[0])
        return [self._form(plus(normal(p), scaled(first, -1))) for p in parts]

    def _form(self, p: Element) -> int | None:
        """The number of a combination of scores, those of one value once; none for 0."""
        if not p:
            return None
        if p not in self.forms:
            self.forms.append(p)
        require(len(self.forms) <= MAX_VARIABLES, "few combinations of scores")
        return self.forms.index(p)

    def _standard(self) -> tuple[list[list[Interval]], list[Interval]]:
        """L with L L' the covariance of the combinations, lower triangular; and what stands in them beside scores."""
        forms = [combination(self.ctx, self.at, p) for p in self.forms]
        cov = [[covariance(self.at, a, b) for b, _ in forms] for a, _ in forms]
        rows: list[list[Interval]] = []
        for k, line in enumerate(cov):
            row: list[Interval] = []
            for j in range(k):
                known = [times(row[i], rows[j][i]) for i in range(j)]
                row.append(times(iv.plus(line[j], iv.minus(iv.plus(*known))), iv.over(rows[j][j])))
            row.append(iv.root(iv.plus(line[k], iv.minus(iv.plus(*(times(x, x) for x in row))))))
            rows.append(row)
        return rows, [centre for _, centre in forms]

    def bound(self, strip: Fraction) -> Bound:
        """Where one of the variables has an imaginary part of at most `strip`."""
        below: dict[Term, Bound] = {}
        a = rounded(strip)
        for row in self.softmaxes:
            far = max((self._spread(row, j) for j in range(len(self.rows))), default=0)
            apart = times(a, (far, far))
            require(apart[1] < iv.pi()[0], "imaginary parts that differ by less than pi")
            most = iv.over(iv.cos(times(rounded(HALF), apart)))
            below |= dict.fromkeys(row.entries.values(), Bound(most, 0, most))
        for v, k in self.direct.items():
            assert k is not None
            most = (0, max(abs(end) for x in self.rows[k] for end in x))
            height = times(a, most)
            below[v] = Bound(iv.plus(height, most), 1, height)  # |L| (|x1| + ... + a)
        return bound(self.term, below, self.at)

    def _spread(self, row: Row, j: int) -> int:
        """How far the coefficients of one variable in the exponents are apart."""
        found = [self.rows[k][j] if k is not None and j <= k else (0, 0) for k in row.exponents]
        return max(high for _, high in found) - min(low for low, _ in found)

    def sum(self, grid: Grid, line: Bound) -> Interval:
        """h sum of the density times the function, over the grid in each variable; in three variables and more of a
        bounded function it is anywhere within its bound where the density is small."""
        here, mass, most = dict(self.at), iv.plus(*(w for _, w in grid.weighted)), line.size[1]
        small = SMALL.get(len(self.rows), 0) if not line.growth else 0

        def over(j: int, at: list[Interval], weight: int) -> Interval:
            METER.get()(1 + len(at))
            if weight < small:
                return reduce(times, [mass] * (len(self.rows) - j), (-most, most))
            if j == len(self.rows):
                return self._value(here, at)
            total = rounded(0)
            for x, w in grid.weighted:
                moved = [iv.plus(y, times(row[j], x)) for y, row in zip(at[j:], self.rows[j:], strict=True)]
                total = iv.plus(total, times(w, over(j + 1, [*at[:j], *moved], times((weight, weight), w)[1])))
            return total

        return over(0, self.centres, rounded(1)[1])

    def _value(self, here: dict[Term, Interval], at: Sequence[Interval]) -> Interval:
        """The function at a point; a softmax is that of its exponents less a number near the largest."""
        for row in self.softmaxes:
            exponents = [rounded(0) if k is None else at[k] for k in row.exponents]
            top = max(high for _, high in exponents)
            shares = [iv.exp((low - top, high - top)) for low, high in exponents]
            back = iv.over(iv.plus(*shares))
            here |= {own: times(shares[place], back) for place, own in row.entries.items()}
        for v, k in self.direct.items():
            assert k is not None
            here[v] = at[k]
        return enclosure(self.term, here)
