"""Functions over the length of a Gaussian vector, as batch normalisation makes them, with a proved bound.

    Q^{-a} = 1/Γ(a) ∫_0^∞ s^{a-1} e^{-sQ} ds,      Q = Σ c_i z_i² + c_0 >= 0
    E[F(z) e^{-sQ}] = det(I + 2sAK)^{-1/2} e^{-s c_0} E_{K'}[F] =: G(s),     K' = K (I + 2sAK)^{-1},  A = diag(c)

With s = e^x the integrand h(x) = e^{ax} G(e^x)/Γ(a) is analytic for |Im x| < π/2, where |G(s)| <= E[|F| e^{-Re(s) Q}].
On Im x = y that makes ∫ |h| <= (cos y)^{-a} E[|F| Q^{-a}], so that the trapezoid rule T of step h is off by at most

    ε E[|F| Q^{-a}],     ε = 2 (cos d)^{-a}/(e^{2πd/h} - 1)     for any d < π/2

(Trefethen & Weideman 2014, Theorem 5.1), and E[|F| Q^{-a}] is at most the rule for |F| over 1 - ε. No complex number
is ever evaluated. Ends: to the left G <= E|F|. To the right G <= e^{-s c_0} E|F|; or, if c_0 = 0, the determinant is at
least (2s)^j e_j(AK) for each elementary symmetric function e_j of its eigenvalues, and E_{K'}|F| <= D s^{-p/2} if F is
homogeneous of degree p, because K'_ii <= 1/(2 s c_i).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from flint import arb, arb_mat

from tensorprog.functions.evaluate.ball_function import Ball, exact
from tensorprog.functions.evaluate.expanded import expanded, name_of, rational
from tensorprog.functions.named.library import library
from tensorprog.gaussian.behaviour.sizes import Size, Unbounded
from tensorprog.gaussian.closed.engine import Problem
from tensorprog.gaussian.closed.value import Balls
from tensorprog.gaussian.exact.ground import NoClosedForm
from tensorprog.gaussian.problem.derived import derive, existing
from tensorprog.gaussian.problem.inputs import entries, names_in
from tensorprog.kernel.ground.term import ONE, add, children, mul, power, variables
from tensorprog.numbers.precision import precision
from tensorprog.terms import App, Num, Term, Var

MOST_LENGTHS = 2
Quadratic = tuple[tuple[int, Fraction], ...]
"""(i, c_i) for each variable, i from 0; the constant c_0 under i = -1."""
STEP = Fraction(1, 4)
STRIP = 1.4
REACH = 36.0
"""The ends of the rule are where its terms have fallen by e^-REACH, as far as that is known."""
MOST_NODES = 2000
BITS = 400


@dataclass(frozen=True)
class Ratio:
    """rest(z) Π_m Q_m(z)^{-a_m}."""

    rest: Term
    lengths: tuple[tuple[Quadratic, Fraction], ...]


def ratio(body: Term, names: Sequence[str]) -> Ratio | None:
    """Return the body in that form, or None if it is not a homogeneous function over lengths.

    >>> from tensorprog.terms import read, to_text
    >>> found = ratio(read("relu(z1/sqrt((z1^2 + z2^2)/2))*z2/sqrt((z1^2 + z2^2)/2)"), ["z1", "z2"])
    >>> to_text(found.rest), found.lengths[0][1]
    ('relu(z1)*z2', Fraction(1, 1))
    """
    found = _drawn(body, names)
    if found is None or not found[1] or len(found[1]) > MOST_LENGTHS:
        return None
    return Ratio(found[0], tuple(found[1].items()))


def quadratic(t: Term, names: Sequence[str]) -> Quadratic | None:
    """Return a sum of squares with nonnegative coefficients, plus a nonnegative constant."""
    found = expanded(t, names, rational, 2)
    if found is None or any(c < 0 or not set(e) <= {0, 2} for e, c in found.items()):
        return None
    out = tuple(sorted((e.index(2) if any(e) else -1, c) for e, c in found.items()))
    return out if any(i >= 0 for i, _ in out) else None


Drawn = tuple[Term, dict[Quadratic, Fraction]]


def _drawn(t: Term, names: Sequence[str]) -> Drawn | None:
    """t as (core, exponents): core times Π Q^{-a}; None where a length sits inside something else."""
    match t:
        case App("recip", (App("sqrt", (q,)),)) if (found := quadratic(q, names)) is not None:
            return ONE, {found: Fraction(1, 2)}
        case App("recip", (App("pow", (App("sqrt", (q,)), Num(k))),)) if k > 0 and (found := quadratic(q, names)):
            return ONE, {found: k / 2}
        case App("recip", (App("pow", (q, Num(k))),)) if k > 0 and (found := quadratic(q, names)) is not None:
            return ONE, {found: k}
        case App("recip", (q,)) if (found := quadratic(q, names)) is not None:
            return ONE, {found: Fraction(1)}
        case App("pow", (q, Num(k))) if k < 0 and (found := quadratic(q, names)) is not None:
            return ONE, {found: -k}
        case App("pow", (x, Num(k))) if k.denominator == 1 and k > 0:
            inner = _drawn(x, names)
            return inner and (power(inner[0], Num(k)), {length: k * a for length, a in inner[1].items()})
        case App("mul", args):
            cores: list[Term] = []
            exponents: dict[Quadratic, Fraction] = {}
            for a in args:
                inner = _drawn(a, names)
                if inner is None:
                    return None
                cores.append(inner[0])
                for length, e in inner[1].items():
                    exponents[length] = exponents.get(length, Fraction(0)) + e
            return mul(*cores), exponents
        case App("add", args):
            parts = [p for p in (_drawn(a, names) for a in args) if p is not None]
            if len(parts) < len(args) or any(p[1] != parts[0][1] for p in parts):
                return None
            return add(*(p[0] for p in parts)), parts[0][1]
        case App(head, (x, *rest)) if _degree(head) == 1 and all(isinstance(r, Num) for r in rest):
            inner = _drawn(x, names)
            return inner and (App(head, (inner[0], *rest)), inner[1])
        case _:
            return None if _has_length(t, names) else (t, {})


def _has_length(t: Term, names: Sequence[str]) -> bool:
    stack = [t]
    while stack:
        top = stack.pop()
        if isinstance(top, App) and top.head in ("recip", "sqrt", "pow") and quadratic(top.args[0], names) is not None:
            return len(variables(top)) > 1 or top.head != "pow"
        stack += children(top)
    return False


def degree(t: Term) -> Fraction | None:
    """p where F(cz) = c^p F(z) for all c > 0, seen from how it is written."""
    match t:
        case Num(value):
            return Fraction(0) if value else None
        case Var():
            return Fraction(1)
        case App("mul", args):
            parts = [degree(a) for a in args]
            return None if None in parts else sum((p for p in parts if p is not None), Fraction(0))
        case App("add" | "max" | "min", args):
            parts = [degree(a) for a in args]
            return parts[0] if all(p == parts[0] for p in parts) else None
        case App("pow", (a, Num(k))) if k > 0:
            inner = degree(a)
            return None if inner is None else k * inner
        case App(head, (a, *rest)) if (d := _degree(head)) is not None and all(isinstance(r, Num) for r in rest):
            inner = degree(a)
            return None if inner is None else d * inner
    return None


def _degree(head: str) -> int | None:
    """k where f(cx) = c^k f(x) for all c > 0."""
    return 1 if head == "neg" else library()[head].degree if head in library() else None


def positive(t: Term) -> Term:
    """|t|, factor by factor."""
    match t:
        case App("mul", args):
            return mul(*(positive(a) for a in args))
        case App("neg", (a,)):
            return positive(a)
        case App("pow", (_, Num(k))) if k.denominator == 1 and k % 2 == 0:
            return t
        case App(head) if head in library() and library()[head].range.nonnegative:
            return t
        case Num(value):
            return Num(abs(value))
    return App("abs", (t,))


@lru_cache(maxsize=256)
def _formula(t: Term, names: tuple[str, ...]) -> Any | None:
    """E[t] in K11, K12, ... of the variables named, or None."""
    unknown = names_in(t, names, {})
    cov, mean = entries(None, [0] * len(unknown), len(unknown))
    try:
        _, found = derive(Problem(t, unknown, cov, mean, {}))
        conditions = existing(found, {})
    except NoClosedForm:
        return None
    return None if conditions else found.expr


Mean = Callable[[arb_mat], Ball]
"""E_K[F] in balls, for the covariances K of all variables."""


def _mean_of(t: Term, names: Sequence[str]) -> Mean | None:
    read = {name_of(v) for v in variables(t)}
    used = tuple(n for n in names if n in read)
    expr = _formula(t, used) if len(used) <= 9 else None
    if expr is None:
        return None

    def mean(K: arb_mat) -> Ball:
        balls = Balls()
        for s in expr.free_symbols:
            i, j = (names.index(used[int(k) - 1]) for k in s.name[1:])
            balls.memo[s] = K[i, j]
        return balls.ball(expr)

    return mean


def enclosed(r: Ratio, given: Sequence[Var | str], K: Sequence[Sequence[Ball]]) -> Ball | None:
    """Return a ball around E[F Π Q^{-a}] for centred variables with these covariances; None where none is found.

    >>> from tensorprog.terms import read
    >>> found = ratio(read("x^2/(x^2 + 3*y^2)"), ["x", "y"])
    >>> ball = enclosed(found, ["x", "y"], [[arb(1), arb(0)], [arb(0), arb(1)]])
    >>> bool(ball.contains(1 / (1 + arb(3).sqrt()))), bool(ball.rad() < 1e-12)
    (True, True)
    """
    if len(r.lengths) != 1:
        return None
    names = [name_of(v) if isinstance(v, Var) else v for v in given]
    (q, a), size = r.lengths[0], positive(r.rest)
    with precision(BITS):
        try:
            read = {name_of(v) for v in variables(r.rest)}
            used = [i for i, n in enumerate(names) if n in read]
            # the formulas assume a regular covariance; that of K' is regular if that of K is
            if used and not arb_mat([[K[i][j] for j in used] for i in used]).det() > 0:
                return None
            means = [_mean_of(t, names) for t in ([r.rest] if size == r.rest else [r.rest, size])]
            if None in means:
                return None
            return _rule(_Rule(q, a, arb_mat([list(row) for row in K]), means, r.rest, names))  # type: ignore[arg-type]
        except (NotImplementedError, ZeroDivisionError, ValueError, Unbounded, OverflowError):
            return None


@dataclass(frozen=True)
class _Rule:
    """What the rule is applied to: Q, a, K, and the means of F and of |F|, one for both if they are equal."""

    length: Quadratic
    a: Fraction
    K: arb_mat
    means: list[Mean]
    rest: Term
    names: Sequence[str]

    @property
    def constant(self) -> Fraction:
        return dict(self.length).get(-1, Fraction(0))

    @property
    def AK(self) -> arb_mat:
        c = dict(self.length)
        n = self.K.nrows()
        return arb_mat([[exact(c.get(i, Fraction(0))) * self.K[i, j] for j in range(n)] for i in range(n)])

    def ends(self) -> tuple[int, int, Ball]:
        """Return the first node, the last one, and a bound of all terms of |F|'s rule beyond them."""
        h, a, c = exact(STEP), exact(self.a), dict(self.length)
        scale = float(sum((self.AK[i, i] for i in range(self.K.nrows())), arb(0)).mid())
        centre = -math.log(scale) if scale > 0 else 0.0
        first = math.floor((-math.log(max(scale + float(self.constant), 1e-300)) - REACH / float(self.a)) / float(STEP))
        whole = self.means[-1](self.K)
        factor = h / a.gamma()
        left = factor * whole * (a * h * (first - 1)).exp() / (1 - (-a * h).exp())
        if self.constant:
            # e^x >= S (1 + x - X) beyond X = log S: geometric of rate c_0 S - a
            last = math.ceil(
                math.log((REACH + 4 * float(self.a)) / float(self.constant) + 2 / max(scale, 1e-300)) / float(STEP)
            )
            S = (h * last).exp()
            rate = exact(self.constant) * S - a
            if not rate > 0:
                raise Unbounded(self.rest)
            ratio_ = (-rate * h).exp()
            right = factor * whole * (a * h * last - exact(self.constant) * S).exp() * ratio_ / (1 - ratio_)
            return first, last, left + right
        bound, p = self._far(c)
        best: tuple[int, Ball] | None = None
        for j, e in self._symmetric():
            rate = exact(Fraction(j, 2) + p / 2 - self.a)
            if rate > 0 and e > 0:
                last = math.ceil((centre + REACH / float(rate.mid())) / float(STEP))
                there = (
                    factor
                    * bound
                    * (exact(2**j) * e).rsqrt()
                    * (-rate * h * (last + 1)).exp()
                    / (1 - (-rate * h).exp())
                )
                if best is None or there < best[1] or last < best[0]:
                    best = last, there
        if best is None:
            raise Unbounded(self.rest)
        return first, best[0], left + best[1]

    def _symmetric(self) -> list[tuple[int, Ball]]:
        """(j, e_j), e_j >= 0 the elementary symmetric functions of the eigenvalues of AK."""
        n = self.K.nrows()
        p = self.AK.charpoly()
        return [(j, p[n - j] * (-1) ** j) for j in range(n + 1)]

    def _far(self, c: dict[int, Fraction]) -> tuple[Ball, Fraction]:
        """(D, p) with E_{K'}|F| <= D s^{-p/2} for all s.

        |F| <= C Π(1+|z_i|)^{p_i} has, by Hölder, a mean of at most C max_i E(1+|z_i|)^P <= C 2^P (1 + E z^P) for even
        P >= Σp_i.
        """
        g = Size(tuple(self.names), ((-math.inf, math.inf),) * len(self.names)).growth(self.rest)
        if any(g.q) or any(g.s) or g.poles:
            raise Unbounded(self.rest)
        read = {name_of(v) for v in variables(self.rest)}
        used = [i for i, n in enumerate(self.names) if n in read]
        p = degree(self.rest)
        if p is not None and all(c.get(i) for i in used):
            spread = max((exact(1 / (2 * c[i])) for i in used), default=arb(0), key=lambda x: float(x.mid()))
        else:
            p, spread = Fraction(0), max((self.K[i, i] for i in used), default=arb(0), key=lambda x: float(x.upper()))
        P = 2 * math.ceil(sum(g.p) / 2 + 1e-9)
        moment = arb(math.prod(range(1, P, 2))) * (spread * (1 + arb(2) ** -40)).upper() ** (P // 2)
        return arb(g.c + 1e-9).exp() * arb(2) ** P * (1 + moment), p


def _rule(r: _Rule) -> Ball | None:
    first, last, beyond = r.ends()
    if last - first > MOST_NODES or not beyond.is_finite():
        return None
    h, a, AK = exact(STEP), exact(r.a), r.AK
    n = r.K.nrows()
    one = arb_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])
    sums = [arb(0) for _ in r.means]
    for k in range(first, last + 1):
        s = (h * k).exp()
        inside = one + AK * (2 * s)
        weight = h * (a * h * k - s * exact(r.constant)).exp() / a.gamma() * inside.det().rsqrt()
        tilted = r.K * inside.inv()
        for m, mean in enumerate(r.means):
            sums[m] += weight * mean(tilted)
    d = exact(STRIP)
    off = 2 / d.cos() ** a / ((2 * arb.pi() * d / h).exp() - 1)
    size = (sums[-1] + beyond) / (1 - off)
    error = (beyond + off * size).upper()
    out = sums[0] + arb(0, error)
    return out if out.is_finite() else None
