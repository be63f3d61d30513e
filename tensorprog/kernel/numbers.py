"""The rules about numbers: means in the limit, where the params have the values that the program gives them.

A number lies between two fractions. What no rule computes is an axiom of the kind trusted-numeric.
"""

# fmt: off
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from tensorprog.kernel.algebra import text
from tensorprog.kernel.expectations import Terms
from tensorprog.kernel.functions import HALF, ZERO, require
from tensorprog.kernel.gaussian import Z1, Z2
from tensorprog.kernel.intervals import (
    BITS,
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
from tensorprog.kernel.laws import covered, instances, sides
from tensorprog.kernel.members import (
    Known,
    affine,
    gaussian,
    has_values,
    instruction_of,
    members,
    pair,
    reference,
    vectors,
    written,
)
from tensorprog.kernel.rules import Context, Judgement, Premises, inherited
from tensorprog.kernel.spelling import substituted
from tensorprog.program.forms.text import claim_text
from tensorprog.program.graph.nodes import Claim, Dot
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import ONE, variables

PLACES = 20
SHOWN = 10**PLACES
METHODS = ("closed-form", "series", "quadrature")
ANALYTIC = ("add", "mul", "neg", "pow", "exp", "tanh", "softplus", "cos", "Phi")
NARROW = Fraction(1, 10**9)
"""How near two numbers are that are taken to be the same, where a claim names no tolerance."""
Numbers = Mapping[Term, Interval]

def values(ctx: Context, premises: Premises) -> dict[Term, Interval]:
    """The numbers of params, and of means that premises are about."""
    require(all(p.words[0] == "number" and p.term is not None for p in premises), "premises about numbers")
    out: dict[Term, Interval] = {}
    for name, p in ctx.program.params.items():
        if p.default is None:
            continue
        out[Var(name)] = x = enclosure(spelled(p.default), {})
        low, high = (None if end is None else rounded(end) for end in (p.low, p.high))
        require(low is None or low[1] < x[0] or (low == x and not p.low_open), "an admissible value")
        require(high is None or x[1] < high[0] or (high == x and not p.high_open), "an admissible value")
    return out | {reference(p.term or ONE): read(*p.words[1:]) for p in premises}

def shown(x: Interval) -> tuple[str, str]:
    """The ends as decimals, rounded outwards."""
    return _decimal((x[0] * SHOWN) >> BITS), _decimal(-(-x[1] * SHOWN >> BITS))

def _decimal(k: int) -> str:
    digits = f"{abs(k):0{PLACES + 1}d}"
    return f"{'-' if k < 0 else ''}{digits[:-PLACES]}.{digits[-PLACES:]}"

def read(low: str, high: str) -> Interval:
    return rounded(Fraction(low))[0], rounded(Fraction(high))[1]

def number(premises: Premises, term: Term, x: Interval) -> Judgement:
    return Judgement(("number", *shown(x)), term, axioms=inherited(premises))

def evaluated(ctx: Context, premises: Premises, term: Term) -> Judgement:
    """A mean that is known in terms of others, at their numbers."""
    known, at = Known(ctx, premises[:1]), values(ctx, premises[1:])
    known.mean(term)
    return number(premises, term, enclosure(spelled(known.whole[term]), at))

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
                return Bound(plus(*(p.size for p in parts)), max(p.growth for p in parts),
                             plus(*known) if len(known) == len(parts) else None)
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
        self.at, self.over = values(ctx, premises), (Z1, Z2)[:len(forms)]
        self.means = m = [_known(self.at, a) for a in forms]
        cov = [[plus(_known(self.at, pair(a, b)), minus(times(m[i], m[j]))) for j, b in enumerate(forms)]
               for i, a in enumerate(forms)]
        self.rows = [[root(cov[0][0])]]  # K = L L', L lower triangular
        if len(self.over) == 2:
            low = times(cov[0][1], over(self.rows[0][0]))
            self.rows.append([low, root(plus(cov[1][1], minus(times(low, low))))])
        inside = substituted(term, dict(zip(forms, self.over, strict=True)))
        left = [v for v in variables(inside) if v.name in ctx.program.families]
        require(all(ctx.program.families[v.name].kind == "scalar" for v in left), "a function of the combinations")
        self.at |= {v: _known(self.at, v) for v in left}
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

    def error(self, f: Bound, variables: int) -> Interval:
        """2 E|f| on the edges of the strip / (exp(2 pi a/h) - 1), and what lies beyond the grid; of two variables, one
        after the other, where E exp(g |x|) <= 2 exp(g^2/2), or the sum on the grid, bounds the growth in the other."""
        g = rounded(f.growth)
        half, end = exp(times(rounded(HALF), times(g, g))), rounded(self.count * self.spacing - f.growth)
        require(end[0] >= rounded(1)[0], "a grid that reaches far enough")
        around = plus(exp(times(pi(), rounded(2 * self.strip / self.spacing))), rounded(-1))
        edge = times(exp(rounded(self.strip**2 / 2)), over(around))
        one = times(f.size, plus(times(rounded(4), times(half, edge)), times(rounded(2), times(half, density(end)))))
        if variables == 1:
            return one
        growth = [times(w, exp(times(g, (max(*x, *minus(x)),) * 2))) for x, w in self.weighted]
        return times(one, plus(times(rounded(2), half), *growth))

def quadrature(ctx: Context, premises: Premises, term: Term, at: Terms, strip: Fraction, spacing: Fraction,
               count: int) -> Judgement:
    """The mean of a function, analytic near the real axis, of one or two combinations, by the trapezoid rule."""
    f, grid = Integrand(ctx, premises, term, at), Grid(strip, spacing, count)
    error = grid.error(f.bound(strip), len(f.over))
    return number(premises, term, plus(f.sum(grid), (-error[1], error[1])))

def _known(at: Numbers, t: Term) -> Interval:
    require(reference(t) in at, "the number is known")
    return at[reference(t)]

def trusted(ctx: Context, premises: Premises, term: Term, low: Fraction, high: Fraction, method: str) -> Judgement:
    """A number that was computed elsewhere, and is believed: an axiom."""
    require(not premises and low <= high and method in METHODS, "a number that was computed by a known method")
    require(members(ctx, term) != (), "a mean of members of the program")
    require(has_values(ctx, term), "every part has a value")
    x = shown((rounded(low)[0], rounded(high)[1]))
    said = f"trusted-numeric: E({text(term)}) in [{x[0]}, {x[1]}] by {method}"
    return Judgement(("number", *x), term, axioms=(said,))

def where(ctx: Context) -> tuple[str, ...]:
    """The values of the params, of which a number is a statement."""
    return tuple(f"{name} = {text(p.default)}" for name, p in ctx.program.params.items() if p.default is not None)

def located(ctx: Context, premises: Premises, at: Terms) -> Judgement:
    """The number of the covariance of two members in the limit."""
    known, (a, b) = values(ctx, premises), at
    covered(ctx, (*members(ctx, a), *members(ctx, b)))
    require(members(ctx, a) == (a,) and members(ctx, b) == (b,), "single members of the program")
    x = plus(_known(known, pair(a, b)), minus(times(_known(known, a), _known(known, b))))
    return Judgement(("covariance number", text(a), text(b), *shown(x), *where(ctx)), axioms=inherited(premises))

def _claim(ctx: Context, node: int, form: str) -> tuple[Claim, list[tuple[Term, Term]]]:
    """A claim of the program and its instances."""
    require(0 <= node < len(ctx.program.claims), "a claim of the program")
    c = ctx.program.claims[node]
    require(c.form == form, "a claim of another form")
    cases = instances(ctx, c)
    require(bool(cases), "a claim about something")
    return c, cases

def mixed(ctx: Context, premises: Premises, node: int, at: Terms, points: tuple[Fraction, ...]) -> Judgement:
    """A vector is not Gaussian whose variance given the scores takes two values where the scores have their law."""
    c, cases = _claim(ctx, node, "not gaussian")
    laws, known = premises[:len(cases)], values(ctx, premises[len(cases):])
    for (v, _), law, score, t in zip(cases, laws, at, points, strict=True):
        require(law.words[:3] == ("law given the scores", text(v), text(v)), "the law of the vector")
        variance = spelled(written(ctx, law.value or ONE, True))
        scores = members(ctx, variance)
        made = [instruction_of(ctx, p, Dot)[0] for p in scores]
        early = [isinstance(n, Dot) and not {n.left.name, n.right.name} & ctx.late for n in made]  # these are Gaussian
        require(all(early) and all(map(ctx.powers.is_score, made)), "a function of scores")
        zero, other = known | dict.fromkeys(scores, rounded(0)), dict(known)
        for p in scores:  # t times a column of their covariance, which is a point of the support
            other[p] = times(rounded(t), _known(known, pair(p, score)))
        (a, b), (d, e) = enclosure(variance, zero), enclosure(variance, other)
        require(b < d or e < a, "two variances that differ")
    return Judgement(("claim confirmed", str(node), claim_text(c), *where(ctx)), axioms=inherited(premises))

def confirmed(ctx: Context, premises: Premises, node: int) -> Judgement:
    """The numbers of the two sides of a claim are within its tolerance, or within 1e-9 of each other."""
    at, (c, cases) = values(ctx, premises), _claim(ctx, node, "equal")
    near = enclosure(spelled(c.tolerance or Num(NARROW)), at)
    for two in cases:
        covered(ctx, [v for t in two for v in members(ctx, t)])
        left, right = (enclosure(spelled(t), at) for t in sides(ctx, two, reference))
        gap = plus(left, minus(right))
        require(max(-gap[0], gap[1]) <= near[0], "the sides of the claim are near")
    within = "" if c.tolerance is not None else f" within {NARROW}"
    return Judgement(("claim confirmed", str(node), claim_text(c) + within, *where(ctx)), axioms=inherited(premises))
