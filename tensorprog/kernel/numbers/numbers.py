"""The rules about numbers: means in the limit, where the params have the values that the program gives them.

A number lies between two fractions. What no rule computes is an axiom of the kind trusted-numeric.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.ground.nodes import Claim
from tensorprog.kernel.ground.term import Num, Term, add, mul, power, recip, sub
from tensorprog.kernel.ground.text import claim_text
from tensorprog.kernel.limits.known import Known
from tensorprog.kernel.limits.laws import covered, instances, sides
from tensorprog.kernel.limits.lemmas import Terms
from tensorprog.kernel.limits.members import has_values, members, pair, reference, written
from tensorprog.kernel.numbers.intervals import enclosure, minus, plus, rounded, spelled, times
from tensorprog.kernel.numbers.statements import Confirmed, CovarianceNumber, ExpectationNumber, Kurtosis, Number
from tensorprog.kernel.numbers.strip import Grid, Integrand
from tensorprog.kernel.numbers.values import number_of, shown, values, where

METHODS = ("closed-form", "series", "quadrature")

NARROW = Fraction(1, 10**9)
"""How near two numbers are that are taken to be the same, where a claim names no tolerance."""


def evaluated(ctx: Context, premises: Premises, term: Term) -> Statement:
    """A mean that is known in terms of others, at their numbers."""
    known, at = Known(ctx, premises[:1]), values(ctx, premises[1:])
    known.mean(term)
    return Number(term, *shown(enclosure(spelled(known.whole[term]), at, True)))


def quadrature(
    ctx: Context, premises: Premises, term: Term, at: Terms, strip: Fraction, spacing: Fraction, count: int
) -> Statement:
    """The mean of a function, analytic near the real axis, of one or two combinations, by the trapezoid rule."""
    f, grid = Integrand(ctx, premises, term, at), Grid(strip, spacing, count)
    error = grid.error(f.bound(strip), len(f.over))
    return Number(term, *shown(plus(f.sum(grid), (-error[1], error[1]))))


def trusted(ctx: Context, premises: Premises, term: Term, low: Fraction, high: Fraction, method: str) -> Statement:
    """A number that was computed elsewhere, and is believed: an axiom."""
    require(not premises and low <= high and method in METHODS, "a number that was computed by a known method")
    require(members(ctx, term) != (), "a mean of members of the program")
    require(has_values(ctx, term), "every part has a value")
    return Number(term, *shown((rounded(low)[0], rounded(high)[1])), method)


def located(ctx: Context, premises: Premises, at: Terms) -> Statement:
    """The number of the covariance of two members in the limit."""
    known, (a, b) = values(ctx, premises), at
    covered(ctx, (*members(ctx, a), *members(ctx, b)))
    require(members(ctx, a) == (a,) and members(ctx, b) == (b,), "single members of the program")
    x = plus(number_of(known, pair(a, b)), minus(times(number_of(known, a), number_of(known, b))))
    return CovarianceNumber(a, b, *shown(x), where(ctx))


def kurtosis(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The number of the fourth central moment of a member, over the square of its variance, in the limit."""
    covered(ctx, members(ctx, term))
    require(members(ctx, term) == (term,), "single members of the program")
    m, two, three, four = map(reference, (term, pair(term, term), power(term, Num(3)), power(term, Num(4))))
    fourth = add(four, mul(Num(-4), m, three), mul(Num(6), power(m, Num(2)), two), mul(Num(-3), power(m, Num(4))))
    inverse = recip(sub(two, power(m, Num(2))))
    x = enclosure(mul(fourth, inverse, inverse), values(ctx, premises))
    return Kurtosis(term, *shown(x), where(ctx))


def enclosed(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The number of the mean of a function of members in the limit."""
    found = members(ctx, written(ctx, term, True))
    require(bool(found), "a mean of members of the program")
    covered(ctx, found)
    return ExpectationNumber(term, *shown(number_of(values(ctx, premises), term)), where(ctx))


def _claim(ctx: Context, node: int, form: str) -> tuple[Claim, list[tuple[Term, Term]]]:
    """A claim of the program and its instances."""
    require(0 <= node < len(ctx.program.claims), "a claim of the program")
    c = ctx.program.claims[node]
    require(c.form == form, "a claim of another form")
    cases = instances(ctx, c)
    require(bool(cases), "a claim about something")
    return c, cases


def confirmed(ctx: Context, premises: Premises, node: int) -> Statement:
    """The numbers of the two sides of a claim are within its tolerance, or within 1e-9 of each other."""
    at, (c, cases) = values(ctx, premises), _claim(ctx, node, "equal")
    near = enclosure(spelled(c.tolerance or Num(NARROW)), at)
    for two in cases:
        covered(ctx, [v for t in two for v in members(ctx, t)])
        left, right = (enclosure(spelled(t), at) for t in sides(ctx, two, reference))
        gap = plus(left, minus(right))
        require(max(-gap[0], gap[1]) <= near[0], "the sides of the claim are near")
    within = "" if c.tolerance is not None else f" within {NARROW}"
    return Confirmed(node, claim_text(c) + within, where(ctx))
