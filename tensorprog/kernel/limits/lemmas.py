"""The rules about Gaussian expectations: E h(z1, z2) = value, z1 and z2 centred with covariance K11, K12, K22."""

from __future__ import annotations

from fractions import Fraction

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import HALF, require
from tensorprog.kernel.core.statements import Premises, Statement, asked
from tensorprog.kernel.core.substitution import substituted
from tensorprog.kernel.ground.term import ONE, ZERO, App, Num, Term, Var, add, mul, power, size, sub, variables
from tensorprog.kernel.limits.algebra import (
    DET,
    IDENTITY,
    K11,
    K12,
    K22,
    NIL,
    Element,
    as_term,
    normal,
    plus,
    positive,
    product,
    root,
    scaled,
    times,
    to_the,
    vanishes,
)
from tensorprog.kernel.limits.pieces import TWO_PI, UNIT, Z1, Z2, Form, Piece, plain, scale, total
from tensorprog.kernel.limits.reader import Reader
from tensorprog.kernel.limits.statements import Lemma

DETERMINANT = sub(mul(K11, K22), power(K12, Num(2)))

Terms = tuple[Term, ...]

RESERVED = (Z1, Z2, K11, K12, K22, DET)

LAW = (NIL, NIL, normal(K11), normal(K12), normal(K22))


def differentiated(p: Element, v: Var) -> Element:
    """The derivative of a value in a covariance entry, by the chain rule."""
    out = NIL
    for m, c in p.items():
        for t, e in m:
            if v in variables(t) and (d := _slope(t, v)):
                rest = tuple(f for f in m if f[0] != t)
                lower = to_the({((t, 1),): Fraction(1)}, e - 1) if e != 1 else IDENTITY
                out = plus(out, product({rest: c * e}, lower, d))
    return out


def _slope(t: Term, v: Var) -> Element:
    """The derivative of an atom."""

    def of(a: Term) -> Element:
        return differentiated(normal(a), v)

    match t:
        case Var():
            return IDENTITY if t == v else NIL
        case App("add", args):
            return plus(*map(of, args))
        case App("mul", args):
            return plus(*(product(of(a), normal(mul(*args[:k], *args[k + 1 :]))) for k, a in enumerate(args)))
        case App("pow", (a, Num(e))) if e == HALF:
            return product(of(a), to_the(root(normal(a)), -1), {(): HALF})
        case App("exp", (a,)):
            return times(of(a), normal(t))
        case App("Phi", (a,)):
            return times(of(a), _density(a))
        case App("asin", (a,)):
            return times(of(a), to_the(root(normal(sub(ONE, mul(a, a)))), -1))
        case App("Phi2", (h, k, r)):
            below = root(normal(sub(ONE, mul(r, r))))
            over = as_term(to_the(below, -1))
            edges = [
                product(of(a), _density(a), normal(App("Phi", (mul(sub(b, mul(r, a)), over),))))
                for a, b in ((h, k), (k, h))
                if of(a)
            ]
            square = add(mul(h, h), mul(Num(-2), r, h, k), mul(k, k))
            bell = normal(App("exp", (mul(Num(-HALF), square, over, over),)))
            return plus(*edges, product(of(r), bell, to_the(times(TWO_PI, below), -1)) if of(r) else NIL)
    require(v not in variables(t), "a value with a known derivative")
    return NIL


def _density(a: Term) -> Element:
    return times(normal(App("exp", (mul(Num(-HALF), a, a),))), to_the(root(TWO_PI), -1))


class _Question:
    """A function with what is known of it: lemmas with weights, and params that are assumed to be positive."""

    def __init__(self, ctx: Context, premises: Premises, term: Term, weights: Terms, assumed: Terms) -> None:
        params = {*variables(term)} - {Z1, Z2} | {v for w in weights for v in variables(w)} | {*assumed}
        declared = [isinstance(v, Var) and v.name in ctx.program.params and not v.subs for v in params]
        require(all(declared) and not params & {*RESERVED}, "a function of z1, z2 and params")
        lemmas = [p for p in premises if isinstance(p, Lemma)]
        require(len(lemmas) == len(premises), "premises about expectations")
        ctx.spend(1000 + 10 * size(term))
        self.ctx, self.reader, self.assumed = ctx, Reader(assumed), assumed
        self.form, self.lemmas = self.reader.form(term), lemmas
        self.weights = [normal(plain(w)) for w in weights]
        for w in weights:
            self.reader.defined(w)

    def known(self, target: Form, own: Term | None = None) -> Element:
        """E target: premises with their weights, the value itself with the last weight, and the rest by `mean`."""
        values, terms = [p.value for p in self.lemmas], [self.reader.form(p.term) for p in self.lemmas]
        values, terms = (values, terms) if own is None else ([*values, own], [*terms, self.form])
        rest = total(target, *(scale(f, scaled(w, -1)) for f, w in zip(terms, self.weights, strict=True)))
        found = [times(w, normal(plain(v))) for w, v in zip(self.weights, values, strict=True)]
        return plus(*found, *(times(c, self.reader.mean(LAW, a, b)) for (a, b), c in rest.items()))

    def domain(self, *more: Term) -> Terms:
        """Positive variances where a step needs them, finite means on the segment from K12 = 0; what premises need."""
        out = [*self.assumed, *more, *sorted(self.reader.kinks, key=str)]
        for a, b in self.form:
            ends = [(LAW, a, UNIT), (LAW, UNIT, b), (LAW, a, b)]
            dets = [self.reader.spread(*end) for end in ends if end[1] != UNIT or end[2] != UNIT]
            out += [as_term(d) for d in dets if not positive(d, self.assumed)]
        return tuple(dict.fromkeys((*out, *(d for p in self.lemmas for d in p.domain))))

    def concluded(self, term: Term, value: Term, domain: Terms) -> Statement:
        return Lemma(term, value, domain)


def gaussian_mean(ctx: Context, premises: Premises, term: Term, weights: Terms = (), assumed: Terms = ()) -> Statement:
    """A combination of lemmas and of means with a sign in one variable only, computed by tilting and by Stein."""
    s = _Question(ctx, premises, term, weights, assumed)
    return s.concluded(term, as_term(s.known(s.form)), s.domain())


def price(ctx: Context, premises: Premises, term: Term, value: Term, weights: Terms, assumed: Terms = ()) -> Statement:
    """Price's theorem: d/dK12 E h = E d1 d2 h, and at K12 = 0 the mean of a product is the product of the means."""
    s = _Question(ctx, premises, term, weights, assumed)
    _smooth(s, value)
    mixed = s.reader.derivative(s.reader.derivative(s.form, 0), 1)
    slope = differentiated(normal(plain(value)), K12)
    found = vanishes(plus(slope, scaled(s.known(mixed, value), -1)))
    require(found, "the derivative in K12 is the mean of the mixed derivative")
    one, other = ((NIL, NIL, NIL, NIL, v) for v in (LAW[2], LAW[4]))
    apart = plus(
        *(product(c, s.reader.mean(one, UNIT, a), s.reader.mean(other, UNIT, b)) for (a, b), c in s.form.items())
    )
    start = normal(substituted(plain(value), {K12: ZERO}))
    require(vanishes(plus(start, scaled(apart, -1))), "the value at K12 = 0 is the product of the means")
    return s.concluded(term, value, s.domain(K11, K22, DETERMINANT))


def heat(ctx: Context, premises: Premises, term: Term, value: Term, weights: Terms, assumed: Terms = ()) -> Statement:
    """One variable: d/dK11 E h = E h''/2, and as K11 tends to 0 the mean of h, continuous at 0, tends to h(0)."""
    s = _Question(ctx, premises, term, weights, assumed)
    _smooth(s, value)
    alone = not any({K12, K22} & set(variables(d)) for d in s.domain())
    require(alone and all(b == UNIT for _, b in s.form), "a function of z1 alone")
    twice = scale(s.reader.derivative(s.reader.derivative(s.form, 0), 0), {(): HALF})
    slope = differentiated(normal(plain(value)), K11)
    found = vanishes(plus(slope, scaled(s.known(twice, value), -1)))
    require(found, "the derivative in K11 is half the mean of the second")
    still = substituted(plain(value), {K11: ZERO})
    s.reader.defined(still)
    at = plus(*(times(c, s.reader.at(a, ZERO)) for (a, _), c in s.form.items()))
    require(vanishes(plus(normal(still), scaled(at, -1))), "the value at K11 = 0 is that of the function at 0")
    return s.concluded(term, value, s.domain(K11))


def smoothed(ctx: Context, premises: Premises, term: Term, slope: Term, assumed: Terms = ()) -> Statement:
    """Phi(c z1 + b) = E step(c z1 + b + N): of f(z1) step(z2 + b), at z2 = c z1 + N, it remains f(z1) Phi(c z1 + b)."""
    (premise,) = premises
    p = asked(premise, Lemma, "a premise about an expectation")
    s = _Question(ctx, premises, term, (slope,), assumed)
    c, found = as_term(normal(slope)), Form()
    for (a, b), x in s.reader.form(p.term).items():
        require(b == UNIT or (len(b.signs) == 1 and b == Piece(signs=(("step", b.signs[0][1], ZERO),))), "a step of z2")
        phi = App("Phi", (sub(mul(c, Z1), b.signs[0][1]),)) if b.signs else ONE
        found = total(found, scale(s.reader.joined({(a, UNIT): IDENTITY}, s.reader.form(phi)), x))
    require(not total(found, scale(s.form, scaled(IDENTITY, -1))), "the function is that of the premise, smoothed")
    swap: dict[Term, Term] = {K12: mul(c, K11), K22: add(ONE, mul(c, c, K11))}
    domain = [substituted(d, swap) for d in p.domain]
    left = [d for d in domain if not positive(normal(d), assumed)]
    return s.concluded(term, substituted(plain(p.value), swap), tuple(dict.fromkeys((*assumed, K11, *left))))


def rewritten(ctx: Context, premises: Premises, value: Term) -> Statement:
    """Another form of a value."""
    (premise,) = premises
    p = asked(premise, Lemma, "a premise about an expectation")
    s = _Question(ctx, premises, p.term, (), tuple(d for d in p.domain if isinstance(d, Var) and d not in RESERVED))
    _smooth(s, value)
    require(vanishes(plus(normal(plain(value)), scaled(normal(plain(p.value)), -1))), "the two values are equal")
    return s.concluded(p.term, value, s.domain(*_needs(value)))


def _smooth(s: _Question, value: Term) -> None:
    """The value is smooth where K11, K22 and D are positive, in covariances and params only."""
    s.ctx.spend(1000 + 10 * size(value))
    params = {v for v in variables(value) if v not in (K11, K12, K22)}
    require(all(v.name in s.ctx.program.params and not v.subs for v in params), "a value in covariances and params")
    s.reader.defined(value)


def _needs(value: Term) -> tuple[Term, ...]:
    """Positive entries that a value may rely on."""
    used = set(variables(value))
    return tuple(d for d, v in ((K11, K11), (K22, K22), (DETERMINANT, K12)) if {v, K12} & used)
