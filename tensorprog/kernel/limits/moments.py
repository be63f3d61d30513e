"""The rules about laws that no score changes, and about means over the scores: products of Gaussian variables.

Isserlis: E v w u ... = E v E w u ... + cov(v, w) E u ... + ..., one summand for each partner of v.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product as every

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import NIL, require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.core.substitution import part, substituted
from tensorprog.kernel.ground.nodes import Scalar
from tensorprog.kernel.ground.term import ONE, App, Num, Term, Var, add, mul, power, size, walk
from tensorprog.kernel.limits.algebra import IDENTITY, Element, as_term, normal, plus, text, times
from tensorprog.kernel.limits.known import Known
from tensorprog.kernel.limits.laws import covered
from tensorprog.kernel.limits.lemmas import Terms
from tensorprog.kernel.limits.means import gaussian_score
from tensorprog.kernel.limits.members import defined, gaussian, given, members, opened, pair, weighted, written
from tensorprog.kernel.limits.pieces import plain
from tensorprog.kernel.limits.statements import Expectation, GaussianLaw, GivenScores, Mean

MAX_FACTORS = 8
MAX_SUMMANDS = 400
MAX_MEMBERS = 64


def expectation(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The mean of a function of members, in the limit."""
    found = members(ctx, written(ctx, term, True))
    require(bool(found), "a mean of members of the program")
    covered(ctx, found)
    known = Known(ctx, premises)
    return Expectation(term, known.spelled(known.mean(term)))


def gaussian_law(ctx: Context, premises: Premises, at: Terms) -> Statement:
    """Members are jointly Gaussian in the limit: combinations of products and initial vectors, or scores of these."""
    require(1 <= len(set(at)) == len(at) <= MAX_MEMBERS, "members, each once")
    found = [v for t in at for v in members(ctx, t)]
    require(tuple(found) == at, "single members of the program")
    covered(ctx, found)
    jointly_gaussian(ctx, found)
    known = Known(ctx, premises)
    mean = tuple(known.spelled(known.mean(v)) for v in at)
    rows = tuple(tuple(known.spelled(known.covariance(a, b)) for b in at) for a in at)
    return GaussianLaw(at, mean, rows)


def jointly_gaussian(ctx: Context, found: Sequence[Var]) -> None:
    """Ask that the limits of members are jointly Gaussian: vectors that no score reaches, or scores of such vectors."""
    kinds = {ctx.program.families[v.name].kind for v in found}
    require(len(kinds) == 1, "vectors alone, or scores alone")
    for v in found:
        if kinds == {"vector"}:
            require(v.name not in ctx.late, "a law that no score changes")
            require(gaussian(ctx, v), "Gaussian members")
        else:
            gaussian_score(ctx, v)


def factors(ctx: Context, term: Term) -> tuple[Var, ...]:
    """The members of which a term is the product, each as often as it occurs."""
    ctx.spend(20 * size(term))
    monomial, *more = normal(term).items() or [((), Fraction(0))]
    found = tuple(t for t, e in monomial[0] for _ in range(e) if isinstance(t, Var) and members(ctx, t) == (t,))
    whole = len(found) == sum(abs(e) for _, e in monomial[0]) > 0 and not any(map(part, walk(term)))
    require(whole and monomial[1] == 1 and not more, "a product of members")
    require(len(found) <= MAX_FACTORS, "a product of few factors")
    return found


def moment(of: Sequence[Var], mean: Callable[[Term], Term], covariance: Callable[[Term, Term], Term]) -> Term:
    """The mean of a product of jointly Gaussian variables, by Isserlis."""
    done: dict[tuple[Var, ...], Term] = {(): ONE}

    def found(vs: tuple[Var, ...]) -> Term:
        if vs not in done:
            first, rest = vs[0], vs[1:]
            parts = [mul(mean(first), found(rest))] if mean(first) != NIL else []
            for v, count in Counter(rest).items():
                k = rest.index(v)
                parts.append(_powers(mul(Num(count), covariance(first, v), found(rest[:k] + rest[k + 1 :]))))
            done[vs] = add(*parts)
        return done[vs]

    return found(tuple(of))


def _powers(t: Term) -> Term:
    """A product with equal factors written once."""
    if not (isinstance(t, App) and t.head == "mul"):
        return t
    return mul(*(power(a, Num(count)) if count > 1 else a for a, count in Counter(t.args).items()))


def isserlis(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The mean of a product of jointly Gaussian members, from their means and covariances."""
    known, found = Known(ctx, premises), factors(ctx, term)
    jointly_gaussian(ctx, found)
    ctx.spend(4**MAX_FACTORS // 16 if len(found) > 4 else 500)
    return known.concluded(term, moment(found, known.mean, known.covariance))


def given_scores(ctx: Context, premises: Premises, term: Term) -> Term:
    """The mean given the scores of a product of members, a function of scores: by the laws of these given the scores,
    or by the means of products of what they are combinations of."""
    laws = [p for p in premises if isinstance(p, GivenScores)]
    if not laws:
        return _summed(ctx, Known(ctx, premises), term)
    require(all(p.gaussian for p in laws), "laws given the scores")
    known = {pair(p.a, p.b): p.value for p in laws}

    def covariance(a: Term, b: Term) -> Term:
        require(pair(a, b) in known, "the law of the members given the scores")
        return known[pair(a, b)]

    found = factors(ctx, term)
    for v in found:
        covariance(v, v)
    ctx.spend(4**MAX_FACTORS // 16 if len(found) > 4 else 500)
    return moment(found, lambda v: NIL, covariance)


def _summed(ctx: Context, known: Known, term: Term) -> Term:
    """Each member as a combination of functions of vectors that no score reaches; scores are independent of these."""
    parts: dict[Terms, Element] = {(): IDENTITY}
    for v in factors(ctx, term):
        more, grown = weighted(ctx, given(ctx, v)), dict[Terms, Element]()
        require(len(parts) * len(more) <= MAX_SUMMANDS, "few summands")
        for (us, a), (u, b) in every(parts.items(), more.items()):
            key = tuple(sorted((*us, u), key=text)) if u != ONE else us
            grown[key] = plus(grown.get(key, {}), times(a, b))
        parts = grown
    value = add(*(mul(as_term(a), known.mean(mul(*us)) if us else ONE) for us, a in parts.items()))
    return substituted(
        value, {v: opened(ctx, v) for v in members(ctx, value) if isinstance(defined(ctx, v)[0], Scalar)}
    )


def over_scores(ctx: Context, premises: Premises, term: Term) -> Statement:
    """The mean of a product of members that scores reach: of its mean given the scores, a polynomial in scores."""
    known = Known(ctx, [p for p in premises if not isinstance(p, GivenScores)])
    value = written(ctx, given_scores(ctx, premises, term), True)
    parts = list[Term]()
    for monomial, c in normal(plain(value)).items():
        inside = tuple(f for f in monomial if members(ctx, f[0]))
        require(all(isinstance(t, Var) and e > 0 for t, e in inside), "a polynomial in scores")
        rest = as_term({tuple(f for f in monomial if f not in inside): c})
        parts.append(mul(rest, known.mean(as_term({inside: Fraction(1)})) if inside else ONE))
    out = add(*parts)
    ctx.spend(500 + 5 * size(out))
    return Mean(term, as_term(normal(plain(out))), known.positive(out))
