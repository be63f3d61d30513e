"""Functions of Gaussian combinations in a strip around the real axis: their bounds, and sums over grids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import HALF, ZERO, require
from tensorprog.kernel.core.statements import Premises
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.term import App, Num, Term, Var, variables
from tensorprog.kernel.limits.lemmas import Terms
from tensorprog.kernel.limits.members import affine, gaussian, members, pair, vectors, written
from tensorprog.kernel.limits.pieces import Z1, Z2
from tensorprog.kernel.numbers.intervals import (
    Interval,
    density,
    enclosure,
    exp,
    folded,
    hull,
    minus,
    over,
    pi,
    plus,
    root,
    rounded,
    spelled,
    times,
)
from tensorprog.kernel.numbers.values import Numbers, number_of, values

ANALYTIC = ("add", "mul", "neg", "pow", "exp", "tanh", "softplus", "cos", "Phi")


@dataclass(frozen=True)
class Bound:
    """|u| <= size exp(growth (|x1| + ...)) and |Im u| <= height, where one of x1, ... has an imaginary part <= a."""

    size: Interval
    growth: int = 0
    height: Interval | None = None


def bound(t: Term, below: Mapping[Term, Bound], at: Numbers) -> Bound:
    """A bound of a function, analytic in the strip, from those of the variables in it."""
    match t:
        case Var() if t in below:
            return below[t]
        case App(head, args) if head in ANALYTIC and _inside(t, below):
            parts = [bound(a, below, at) for a in args]
            size, growth, heights = parts[0].size, parts[0].growth, [p.height for p in parts]
            if head == "add":
                known = [h for h in heights if h is not None]
                return Bound(
                    plus(*(p.size for p in parts)),
                    max(p.growth for p in parts),
                    plus(*known) if len(known) == len(parts) else None,
                )
            if head == "mul":
                varying = [p for a, p in zip(args, parts, strict=True) if _inside(a, below)]
                size, growth = reduce(times, [p.size for p in parts]), sum(p.growth for p in parts)
                if len(varying) == 1 and varying[0].height is not None:
                    fixed = [p.size for a, p in zip(args, parts, strict=True) if not _inside(a, below)]
                    return Bound(size, growth, reduce(times, fixed, varying[0].height))
                return Bound(size, growth, size if not growth else None)
            if head == "pow":
                e = args[1].value if isinstance(args[1], Num) else ZERO
                require(e.denominator == 1 and 1 <= e <= 64, "a whole power")
                size, growth = reduce(times, [size] * int(e)), growth * int(e)
                return Bound(size, growth, size if not growth else None)
            if head == "neg":
                return parts[0]
            if head == "exp":
                require(not growth, "a bounded exponent")
                return Bound(exp(size), 0, exp(size))
            y = heights[0]
            require(y is not None, "a bounded imaginary part")
            assert y is not None
            if head == "softplus":  # 0 <= log |1 + e^u| <= |x| + log 2 and |arg(1 + e^u)| <= |y| where |y| <= pi/2
                require(2 * y[1] <= pi()[0], "no branch point in the strip")
                return Bound(plus(size, rounded(3)), growth, y)
            if head == "cos":  # |cos u| <= cosh y, |Im cos u| <= sinh y
                return Bound(exp(y), 0, times(y, exp(y)))
            if head == "Phi":  # |Phi(x + iy) - Phi(x)| <= y exp(y^2/2) / sqrt(2 pi)
                z = times(y, exp(times(rounded(HALF), times(y, y))))
                return Bound(plus(rounded(1), z), 0, z)
            require(2 * y[1] < pi()[0], "no pole in the strip")
            square = times(pi(), pi())  # |tanh| <= max(1, tan y), |Im tanh| <= tan y <= y pi^2 / (pi^2 - 4 y^2)
            z = times(times(y, square), over(plus(square, minus(times(rounded(4), times(y, y))))))
            return Bound((max(z[0], rounded(1)[0]), max(z[1], rounded(1)[1])), 0, z)
    x = enclosure(t, at)  # a constant: what else is not bounded here has variables without values
    return Bound(hull((max(x[0], -x[1], 0),) * 2, (max(-x[0], x[1]),) * 2), 0, rounded(0))


def _inside(t: Term, below: Mapping[Term, Bound]) -> bool:
    return t in below if isinstance(t, Var) else isinstance(t, App) and any(_inside(a, below) for a in t.args)


class Integrand:
    """A function of one combination of Gaussian members, or two: m + L x with x independent and standard normal."""

    def __init__(self, ctx: Context, premises: Premises, term: Term, forms: Terms) -> None:
        require(not ctx.late & {v.name for v in members(ctx, term)}, "no score stands in the term")
        require(1 <= len(forms) <= 2 and all(affine(ctx, a) for a in forms), "a combination for each variable")
        require(all(gaussian(ctx, v) for a in forms for v in vectors(ctx, a)), "Gaussian members")
        self.at, self.over = values(ctx, premises), (Z1, Z2)[: len(forms)]
        self.means = m = [number_of(self.at, a) for a in forms]
        cov = [
            [plus(number_of(self.at, pair(a, b)), minus(times(m[i], m[j]))) for j, b in enumerate(forms)]
            for i, a in enumerate(forms)
        ]
        self.rows = [[root(cov[0][0])]]  # K = L L', L lower triangular
        if len(self.over) == 2:
            low = times(cov[0][1], over(self.rows[0][0]))
            self.rows.append([low, root(plus(cov[1][1], minus(times(low, low))))])
        inside = substituted(term, dict(zip(forms, self.over, strict=True)))
        left = [v for v in variables(inside) if v.name in ctx.program.families]
        require(all(ctx.program.families[v.name].kind == "scalar" for v in left), "a function of the combinations")
        self.at |= {v: number_of(self.at, v) for v in left}
        self.term = spelled(written(ctx, inside, True))

    def bound(self, strip: Fraction) -> Bound:
        """Where x1 or x2 has an imaginary part of at most `strip`."""
        below: dict[Term, Bound] = {}
        for v, m, row in zip(self.over, self.means, self.rows, strict=True):
            most, centre = (0, max(abs(end) for x in row for end in x)), (0, max(map(abs, m)))
            a = times(rounded(strip), most)
            below[v] = Bound(plus(centre, a, most), 1, a)  # |m| + a |L| + |L| (|x1| + |x2|)
        return bound(self.term, below, self.at)

    def sum(self, grid: Grid) -> Interval:
        """h sum of the density times the function, over the grid in each variable."""
        total, at = rounded(0), dict(self.at)
        for x, w in grid.weighted:
            at[self.over[0]] = plus(self.means[0], times(self.rows[0][0], x))
            if len(self.over) == 1:
                total = plus(total, times(w, enclosure(self.term, at)))
                continue
            here = dict(at)
            rest, centre = folded(self.term, self.over[1], here), plus(self.means[1], times(self.rows[1][0], x))
            for y, u in grid.weighted:
                here[self.over[1]] = plus(centre, times(self.rows[1][1], y))
                total = plus(total, times(times(w, u), enclosure(rest, here)))
        return total


class Grid:
    """The points k h with |k| <= count, and what the trapezoid rule on them is off for a bounded function."""

    def __init__(self, strip: Fraction, spacing: Fraction, count: int) -> None:
        require(strip > 0 and spacing > 0 and 1 <= count <= 500, "a strip, a spacing and a count")
        self.strip, self.spacing, self.count = strip, spacing, count
        points = [rounded(k * spacing) for k in range(-count, count + 1)]
        self.weighted = [(x, times(rounded(spacing), density(x))) for x in points]

    def error(self, f: Bound, variables: int, line: Bound | None = None) -> Interval:
        """2 E|f| on the edges of the strip / (exp(2 pi a/h) - 1), and what lies beyond the grid; of more variables, one
        after the other, where E exp(g |x|) <= 2 exp(g^2/2), or the sum on the grid, bounds the growth in the others.
        `line`: a bound of f on the real line, if it is known to be less."""
        g = rounded(f.growth)
        half, end = exp(times(rounded(HALF), times(g, g))), rounded(self.count * self.spacing - f.growth)
        require(end[0] >= rounded(1)[0], "a grid that reaches far enough")
        around = plus(exp(times(pi(), rounded(2 * self.strip / self.spacing))), rounded(-1))
        edge = times(exp(rounded(self.strip**2 / 2)), over(around))
        one = plus(
            times(f.size, times(rounded(4), times(half, edge))),
            times((line or f).size, times(rounded(2), times(half, density(end)))),
        )
        growth = plus(*(times(w, exp(times(g, (max(*x, *minus(x)),) * 2))) for x, w in self.weighted))
        others = rounded(1)  # sum of growth^k (2 half)^(variables - 1 - k)
        for k in range(1, variables):
            others = plus(times(others, times(rounded(2), half)), reduce(times, [growth] * k, rounded(1)))
        return times(one, others)
