"""E F(Z) as a number with an error bound, in one to four dimensions; beyond that by sampling.

Reduce (unused and constant variables, independent factors, dependent variables), make sure the moment exists, find
where F is not smooth, then integrate: the trapezoid rule with its strip bound where F is analytic, nested
Gauss–Legendre panels elsewhere, refined until two rules agree to the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flint import acb, arb
from numpy.typing import NDArray

from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.evaluate.ball_function import Complex, ball_function
from tensorprog.functions.evaluate.directions import Posed
from tensorprog.gaussian.behaviour.divergence import refuse, undefined
from tensorprog.gaussian.behaviour.domains import defined
from tensorprog.gaussian.behaviour.growth import Reach, poles_vanish, reach
from tensorprog.gaussian.behaviour.kinks import Loci, Plane, loci
from tensorprog.gaussian.behaviour.moments import integrable
from tensorprog.gaussian.behaviour.sizes import Size
from tensorprog.gaussian.integrate import strip
from tensorprog.gaussian.integrate.panels import Rule, nested
from tensorprog.gaussian.problem.covariance import factor
from tensorprog.gaussian.problem.factors import Values, independent_factors, needed, posed
from tensorprog.numbers.budget import budget, spent
from tensorprog.numbers.estimate import Estimate, unknown
from tensorprog.numbers.scrambled import CANCELLING, sample
from tensorprog.numbers.trapezoid import discretisation
from tensorprog.terms import Term, Var

Array = NDArray[np.float64]
MOST_NODES = 12_000_000
MOST_GRID = 20_000_000
MOST_MENDED = 5_000
LADDER = tuple(
    Rule(*r)
    for r in (
        (5, 3.0),
        (6, 2.6),
        (8, 2.4),
        (12, 2.0),
        (16, 1.5),
        (20, 1.1),
        (24, 0.7),
        (24, 0.3),
        (24, 0.1),
        (24, 0.03),
    )
)
FIRST_RULE = {1: 2, 2: 2, 3: 1}
MOST_DIMENSIONS = 4


class NoValue(Exception):
    """The function has no value at a point where it was asked for."""


@dataclass(frozen=True, slots=True)
class Problem:
    """E F(m + L t) for standard normal t, F a term in the names z1, z2, ... only."""

    term: Term
    names: tuple[str, ...]
    mean: Array
    L: Array
    f: Callable[..., Any]
    ball: Complex
    posed: Posed

    @property
    def dimension(self) -> int:
        return int(self.L.shape[1])

    def z_of(self, *t: Array) -> list[Array]:
        return [self.mean[i] + sum(self.L[i, j] * t[j] for j in range(len(t))) for i in range(len(self.names))]

    def f_of_t(self, *t: Array) -> Array:
        """F at standard normal points, as floating point gives it."""
        out: Array = self.f(*self.z_of(*t))
        return out

    def at(self, *t: Array) -> Array:
        """F at standard normal points; overflow within F is mended by ball arithmetic, what is too large is inf."""
        z = self.z_of(*t)
        y: Array = self.f(*z)
        bad = np.nonzero(~np.isfinite(y))
        if 0 < len(bad[0]) <= MOST_MENDED:
            for k in zip(*bad, strict=True):
                y[k] = self._mended([float(x[k]) for x in z])
        if np.isnan(y).any():
            raise NoValue
        return y

    def shaken(self, *t: Array) -> Array:
        """Return how much F changes when z is off by its rounding, all coordinates one way or alternating."""
        z = self.z_of(*t)
        size = [
            2.0**-52 * (abs(self.mean[i]) + sum(abs(self.L[i, j]) * np.abs(t[j]) for j in range(len(t))))
            for i in range(len(self.names))
        ]
        y = self.f(*z)
        out = np.zeros(np.shape(y))
        for flip in (1.0, -1.0):
            moved = self.f(*(x + flip**i * h for i, (x, h) in enumerate(zip(z, size, strict=True))))
            with np.errstate(all="ignore"):
                out = np.maximum(out, np.abs(moved - y))
        return np.where(np.isfinite(out), out, 0.0)

    def _mended(self, z: Sequence[float]) -> float:
        ball = self.ball([acb(arb(x)) for x in z], False)
        return float(ball.real.mid()) if ball.is_finite() else math.nan


def expectation(
    term: Term,
    variables: Sequence[Var],
    cov: Sequence[Sequence[Any]],
    mean: Sequence[Any] | None = None,
    values: Values | None = None,
    tolerance: float = 1e-10,
    seed: int = 0,
) -> Estimate:
    """E F(Z), Z ~ N(mean, cov), within `tolerance` times E|F| where that can be had; the error says what was had.

    Raises TP008 for what is no covariance, TP501 where the moment does not exist or F is undefined. Beyond four
    dimensions the method is `sampling`, and the error five standard errors.
    """
    return _reduce(posed(term, variables, cov, mean, values), tolerance, seed)


def _reduce(p: Posed, tolerance: float, seed: int) -> Estimate:
    """Split products over independent blocks."""
    p = needed(p)
    groups = independent_factors(p)
    if len(groups) > 1:
        out = Estimate(1.0, 0.0, "exact", "quadrature")
        for part in groups:
            out = out * _reduce(replace(p, term=part), tolerance / (2 * len(groups)), seed)
        return out
    problem = pose(p)
    try:
        return integrate(problem, tolerance, seed)
    except NoValue:
        refuse(problem.posed)
        if defined(p.term, Size(p.names, ((-math.inf, math.inf),) * len(p.names))):
            return unknown("floating point has no number for the function at some points")
        return unknown("the function may have no value at some point, and it is not known how likely that is")


def pose(p: Posed) -> Problem:
    """Return the problem in standard normal variables."""
    rows = factor(p.cov)
    L = np.array(rows, dtype=float).reshape(len(p.names), len(rows[0]) if rows else 0)
    mean = np.array([float(x) for x in p.mean])
    return Problem(p.term, p.names, mean, L, compile_numpy(p.term, p.names), ball_function(p.term, p.names), p)


def integrate(p: Problem, tolerance: float, seed: int) -> Estimate:
    """Return the expectation of a reduced problem, by the method that fits it."""
    d = p.dimension
    if d == 0:
        return _point(p)
    if not integrable(p.term, p.names, p.L):
        refuse(p.posed)
        return unknown("it is not proved that this expectation exists")
    if d > MOST_DIMENSIONS:
        return sampled(p, seed)
    far = reach(p.f_of_t, p.ball, p.mean, p.L, tolerance)
    box = [(float(a - far.radius * r), float(a + far.radius * r)) for a, r in zip(p.mean, _norms(p.L), strict=True)]
    found = loci(p.term, p.names, {}, box)
    if not (found.poles_known and poles_vanish(p.f, found.planes, len(p.names))):
        refuse(p.posed)
        return unknown("it is not known whether this expectation exists: the function has a pole")
    noise = _rounding(p)
    if found.smooth and (made := _by_trapezoid(p, far, tolerance, noise)) is not None:
        return made
    if d == MOST_DIMENSIONS:  # panels would take longer than a sample of their accuracy
        return sampled(p, seed)
    return improved(_by_panels(p, far, found, tolerance, noise), p, seed)


def sampled(p: Problem, seed: int) -> Estimate:
    """Return the expectation by scrambled points; none where the spread of the function is infinite."""
    if not integrable(p.term, p.names, p.L, 2):
        return unknown("the function varies too much to be sampled: it is not proved that its square has a mean")
    return sample(lambda t: p.at(*t.T), p.dimension, seed)


def improved(out: Estimate, p: Problem, seed: int) -> Estimate:
    """Return what quadrature found, or what a sample says where that is better."""
    t = np.random.default_rng(seed).standard_normal((p.dimension, 256))
    with np.errstate(all="ignore"):
        size = float(np.mean(np.abs(p.f_of_t(*t))))
    if out.known and not out.error > budget().aim * max(abs(out.value), CANCELLING * size):
        return out
    other = sampled(p, seed)
    return other if other.known and not (out.known and out.error <= other.error) else out


def _norms(L: Array) -> Array:
    return np.asarray(np.sqrt(np.sum(L * L, axis=1)))


def _point(p: Problem) -> Estimate:
    """Without randomness: F at the mean, which a float gives to within half a unit in its last place."""
    ball = p.ball([acb(arb(float(x), abs(float(x)) * 2.0**-53)) for x in p.mean], False)
    if not ball.is_finite():
        raise undefined()
    value = float(ball.real.mid())
    return Estimate(value, float(ball.real.rad()) * (1 + 2.0**-20) + 2.0**-52 * abs(value), "bound", "quadrature")


def _rounding(p: Problem) -> float:
    """Return how far floating point is from the exact function, at typical points: covers cancellation inside F."""
    t = np.random.default_rng(1).standard_normal((12, p.dimension))
    z = p.mean + t @ p.L.T
    with np.errstate(all="ignore"):
        computed = np.broadcast_to(p.f(*z.T), (len(z),))
    worst = 0.0
    for row, y in zip(z, computed, strict=True):
        ball = p.ball([acb(arb(float(x))) for x in row], False)
        gap = float(abs(ball.real - arb(float(y))).mid()) if ball.is_finite() and math.isfinite(y) else 0.0
        worst = max(worst, gap)
    return 2.0 * worst


def _by_trapezoid(p: Problem, far: Reach, tolerance: float, noise: float) -> Estimate | None:
    """Return two shifted trapezoid rules with the strip bound; None where panels are the better way."""
    d = p.dimension
    # The size E|F| is needed to state the goal: a coarse rule is enough.
    size = max(strip.trapezoid(p.at, [0.5] * d, min(far.radius, 12.0))[1], 1e-300)
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * far.radius**d
    goal = max(tolerance * 1e-2, 1e-17)
    while True:
        made = strip.plan(p.term, p.names, p.mean, p.L, far.radius, goal * size)
        if made is None or goal > 1e-2:
            return None
        steps, bounds = made
        nodes = ball / math.prod(steps)
        if nodes <= (MOST_GRID if d > 2 else 400_000):
            break
        if d <= 2:
            return None
        goal *= 30
    a, absolute = strip.trapezoid(p.at, steps, far.radius)
    b, _ = strip.trapezoid(p.at, steps, far.radius, 0.5)
    if not (math.isfinite(a) and math.isfinite(b) and far.sure):
        return None
    noise += strip.trapezoid(p.shaken, [0.5] * d, min(far.radius, 12.0))[0]
    proved = sum(discretisation(h, *edge) for h, edge in zip(steps, bounds, strict=True))
    error = max(proved, abs(a - b)) + far.tail + noise + 1e-15 * absolute
    return Estimate((a + b) / 2, error, "estimate", "quadrature") if error <= tolerance * absolute or d > 2 else None


def _by_panels(p: Problem, far: Reach, found: Loci, tolerance: float, noise: float) -> Estimate:
    """Nested panels by finer and finer rules, until two in a row agree."""
    planes = [_in_t(q, p) for q in found.planes]
    planes = list(dict.fromkeys(q for q in planes if any(q.normal)))
    waves = [tuple(float(x) for x in np.array(w) @ p.L) for w in found.waves]
    first = LADDER[FIRST_RULE[p.dimension]]
    shaken = nested(p.shaken, p.dimension, planes, first, far.radius, waves, MOST_NODES)
    noise += shaken.value if shaken is not None else 0.0
    before: float | None = None
    best = unknown("the quadrature did not settle")
    change = math.inf
    for rule in LADDER[FIRST_RULE[p.dimension] :]:
        if before is not None and spent():
            break
        sums = nested(p.at, p.dimension, planes, rule, far.radius, waves, MOST_NODES)
        if sums is None:
            break
        if not math.isfinite(sums.value):
            break
        if before is not None:
            last, change = change, abs(sums.value - before)
            # An unknown kink makes two rules agree by chance; then three have to, with a wide margin.
            difference = 4 * change if found.complete else 30 * max(change, last)
            error = difference + far.tail + noise + 2e-15 * sums.absolute
            if error < best.error and far.sure:
                best = Estimate(sums.value, error, "estimate", "quadrature")
            if best.error <= tolerance * sums.absolute or change <= 2e-15 * sums.absolute:
                break
        before = sums.value
    return best


def _in_t(q: Plane, p: Problem) -> Plane:
    """Return a plane of z as a plane of t, z = m + L t."""
    normal = np.array(q.normal)
    slope = normal @ p.L
    slope[np.abs(slope) <= 1e-15 * np.abs(normal) @ np.abs(p.L)] = 0.0
    return Plane(tuple(map(float, slope)), float(q.offset - normal @ p.mean), q.kind, q.scale)
