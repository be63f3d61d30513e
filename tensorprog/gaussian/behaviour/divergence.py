"""Proofs that an expectation does not exist: too much growth, a pole, or no value with positive probability.

Growth: the lower bound of `cones` outweighs the density. In one variable the cone is the ray itself and all is exact,
so that exp(z²/4)/√(1 + z²) at variance 2 is decided too. Poles: |F| >= c/|h| beside a zero of an affine h. What is
not proved here is not said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from flint import acb, arb
from numpy.typing import NDArray

from tensorprog.errors import Diagnostic, DivergentError
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate
from tensorprog.functions.evaluate.directions import Posed, Row, linear
from tensorprog.functions.evaluate.expanded import expanded, rational
from tensorprog.functions.named.library import library
from tensorprog.gaussian.behaviour.cones import Cone, Low
from tensorprog.gaussian.behaviour.growth import directions, steepest
from tensorprog.gaussian.behaviour.sizes import Size, Unbounded
from tensorprog.gaussian.problem.covariance import factor
from tensorprog.terms import App, Num, Term, Var

Array = NDArray[np.float64]
WIDTH = Fraction(1, 256)
"""Half the opening of a cone."""
WIDE = 1e-3
"""Half the width of a tube."""
TRIES = 48
TOO_FAST = "far out the function grows at least as fast as the inverse of the Gaussian density"


def divergent(
    because: str, help: str = "lower the variance, or use a function that grows more slowly"
) -> DivergentError:
    """TP501, with the reason."""
    return DivergentError((Diagnostic("TP501", "this expectation does not exist", because=because, help=help),))


def undefined() -> DivergentError:
    """TP501 of a function that has no value with positive probability."""
    help = "restrict it with where(...), or use a function that is defined everywhere"
    return divergent("the function is undefined with positive probability", help)


def refuse(p: Posed) -> None:
    """Raise TP501 if E F is proved not to exist; `p` has no constant variables."""
    if not p.names:
        if undefined_at(p.term):
            raise undefined()
        return
    if _undefined_somewhere(p):
        raise undefined()
    if _has_pole(p):
        raise divergent("the function has a pole that is not integrable")
    still = _without_waves(p)
    if _exceeds(still) or _grows(still):
        raise divergent(TOO_FAST)


def undefined_at(term: Term) -> bool:
    """Return whether a term without variables certainly has no value."""
    try:
        evaluate(term, {})
    except Undefined:
        return True
    except Undecided:
        return False
    return False


def _undefined_somewhere(p: Posed) -> bool:
    """Return whether the term certainly has no value in the whole of some small ball."""
    rng = np.random.default_rng(5)
    L = np.array(factor(p.cov)).reshape(len(p.names), -1)
    m = np.array([float(x) for x in p.mean])
    for k in range(TRIES):
        z = m + L @ (rng.standard_normal(L.shape[1]) * 2.0 ** (k % 3 - 1))
        balls: dict[Term, Any] = {
            Var(n): arb(float(x), 1e-9 * max(abs(float(x)), 1e-30)) for n, x in zip(p.names, z, strict=True)
        }
        try:
            evaluate(p.term, balls)
        except Undefined:
            # a denominator that is 0 on the ball is exactly 0
            return True
        except Undecided:
            continue
    return False


def _without_waves(p: Posed) -> Posed:
    """Without factors sin(h) and cos(h), h affine and not constant: E |F| is infinite if it is without them.

    `_exceeds` and `_grows` find rays, so many that they fill a set of positive measure, on which |F| density without
    the factors is at least exp(ar² + br)/r^g whose integral is infinite: positive, and monotone from somewhere on. On
    a ray |Π sin(n_k r + c_k)| is almost periodic and not 0 for almost every ray, so its mean over long stretches is
    positive, and the integral stays infinite.
    """
    kept = []
    for f in _factors(p.term):
        match f:
            case App("sin" | "cos", (h,)) if _varies(h, p):
                continue
            case App("pow", (App("sin" | "cos", (h,)), Num(e))) if e > 0 and e.denominator == 1 and _varies(h, p):
                continue
        kept.append(f)
    return p if len(kept) == len(_factors(p.term)) else replace(p, term=App("mul", (Num(1), Num(1), *kept)))


def _varies(h: Term, p: Posed) -> bool:
    line = linear(h, p.names)
    if line is None:
        return False
    return sum(x * y * p.cov[j][k] for j, x in enumerate(line[0]) for k, y in enumerate(line[0])) > 0


def _exceeds(p: Posed) -> bool:
    """Whether F is exp(z'Qz + ...) times what stays away from 0, in two variables, and 2QK has an eigenvalue >= 1.

    If the eigenvalue is 1, what F has beside the exponential need only stay away from 0 far out (`_level`).

    The roots t of det((1 + t)I - 2QK) = t² + (2 - tr)t + 1 - tr + det are the eigenvalues' distances from 1, negated.
    """
    if len(p.names) != 2:
        return False
    whole = Size(p.names, ((-math.inf, math.inf),) * 2)
    exponent = {(i, j): Fraction(0) for i in range(3) for j in range(3 - i)}
    rest: list[Term] = []
    for f in _factors(p.term):
        if isinstance(f, App) and f.head == "exp" and (found := expanded(f.args[0], p.names, rational, 2)) is not None:
            for k in exponent:
                exponent[k] += found.get(k, Fraction(0))
            continue
        if whole.range(f).away is None:
            rest.append(f)
    (a, b), (_, c) = p.cov
    x, y, z = 2 * exponent[2, 0], exponent[1, 1], 2 * exponent[0, 2]
    if rest:
        N = ((a * x + b * y - 1, a * y + b * z), (b * x + c * y, b * y + c * z - 1))
        return a * c > b * b and _level(p, N, (exponent[1, 0], exponent[0, 1]), rest)
    trace, determinant = x * a + 2 * y * b + z * c, (x * z - y * y) * (a * c - b * b)
    return 2 - trace <= 0 or 1 - trace + determinant <= 0


def _level(p: Posed, N: Sequence[Row], slope: Row, rest: Sequence[Term]) -> bool:
    """Whether exponent and density balance along a direction d, N d = (2KQ - I) d = 0, where the rest is away from 0.

    On the tube z = m + r d + δ, δ small and r from somewhere on, the whole exponent is r (slope·d + m'K^{-1}d) and
    bounded terms, as K^{-1}d = 2Qd removes what is mixed of r and δ. If it does not fall, the tube's part is infinite.
    """
    (s, t), (u, v) = N
    if s * v != t * u:
        return False
    (a, b), (_, c) = p.cov
    m, det = p.mean, a * c - b * b
    for d in ((t, -s), (v, -u)) if any((s, t, u, v)) else ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1))):
        if not any(d):
            continue
        dual = ((c * d[0] - b * d[1]) / det, (a * d[1] - b * d[0]) / det)
        rate = sum((g * x + n * y for g, x, n, y in zip(slope, d, m, dual, strict=True)), Fraction(0))
        for sign in (1, -1):
            tube = Cone(p.names, m, tuple((sign * x, sign * x) for x in d)).size
            around = Size(p.names, tuple((low - WIDE, high + WIDE) for low, high in tube.box))
            if sign * rate >= 0 and all(around.range(f).away is not None for f in rest):
                return True
    return False


def _grows(p: Posed) -> bool:
    if len(p.names) == 1:
        v, m = p.cov[0][0], p.mean[0]
        for sign in (1, -1):
            cone = Cone(p.names, (Fraction(0),), ((Fraction(sign),) * 2,))
            try:
                f = cone.low(p.term)
            except (Unbounded, OverflowError, ValueError):
                continue
            # -(z - m)²/2v = -r²/2v ± r m/v + const
            total = f + Low(-1 / (2 * v), sign * m / v, Fraction(0), 0.0)
            if (total.a, total.b, total.g) >= (0, 0, -1):
                return True
        return False
    L = np.array(factor(p.cov)).reshape(len(p.names), -1)
    d = L.shape[1]
    shift = tuple(p.mean)
    ball = ball_function(p.term, p.names)
    for u in [*directions(d), *steepest(ball, np.array([float(x) for x in shift]), L, d)]:
        slopes = []
        for row in L @ u, np.abs(L).sum(axis=1):
            slopes.append([Fraction(float(x)) for x in row])
        cone = Cone(p.names, shift, tuple((c - WIDTH * w, c + WIDTH * w) for c, w in zip(*slopes, strict=True)))
        try:
            low = cone.low(p.term)
        except (Unbounded, OverflowError, ValueError):
            continue
        # |u + δ|² <= (1 + √d WIDTH)², and a little for the rounding of L
        if low.a > (1 + 2 * d * WIDTH) / 2:
            return True
    return False


def _factors(t: Term) -> list[Term]:
    match t:
        case App("mul", args):
            return [f for a in args for f in _factors(a)]
        case App("neg", (a,)):
            return _factors(a)
    return [t]


def _vanishing(t: Term) -> list[Term]:
    match t:
        case App("mul", args):
            return [f for a in args for f in _vanishing(a)]
        case App("neg" | "abs", (a,)):
            return _vanishing(a)
        case App("pow", (a, Num(p))) if p >= 1:
            return _vanishing(a)
    return [t]


def _has_pole(p: Posed) -> bool:
    """A factor 1/g, g^-p with p >= 1, or tan(g), an affine zero h of g, and other factors away from 0 beside it."""
    factors = _factors(p.term)
    L = np.array(factor(p.cov)).reshape(len(p.names), -1)
    m = np.array([float(x) for x in p.mean])
    for k, f in enumerate(factors):
        match f:
            case App("recip", (g,)):
                zeros = [(h, 0.0) for h in _vanishing(g)]
            case App("pow", (g, Num(e))) if e <= -1:
                zeros = [(h, 0.0) for h in _vanishing(g)]
            case App(head, (g,)) if head in library():
                zeros = [(g, b.at) for b in library()[head].breaks if b.kind == "pole"]
            case _:
                continue
        rest = [*factors[:k], *factors[k + 1 :]]
        if any(_stands(h, at, rest, p, m, L) for h, at in zeros):
            return True
    return False


def _stands(h: Term, at: float, rest: Sequence[Term], p: Posed, m: Array, L: Array) -> bool:
    """Return whether the other factors keep away from 0 on a small box on one side of a point of the plane h = at."""
    line = linear(h, p.names)
    if line is None or not any(line[0]):
        return False
    normal = np.array([float(x) for x in line[0]])
    offset = float(line[1]) - at
    slope = L.T @ normal
    if float(slope @ slope) == 0:
        return False
    rng = np.random.default_rng(11)
    functions = [ball_function(g, p.names) for g in rest]
    single = len(p.names) == 1
    for _ in range(12):
        t = rng.standard_normal(L.shape[1])
        z = m + L @ (t - slope * (normal @ (m + L @ t) + offset) / (slope @ slope))
        radius = np.array([2.0 ** math.floor(math.log2(max(1e-6 * r, 1e-300))) for r in np.abs(L).sum(axis=1)])
        # in one dimension one side of the pole is enough; in more the box lies across the plane
        for side in (1.0, -1.0) if single else (0.0,):
            box = [acb(arb(float(c + side * r), float(r))) for c, r in zip(z, radius, strict=True)]
            values = [g(box, False).real for g in functions]
            if all(v.is_finite() and not v.contains(0) for v in values):
                return True
    return False
