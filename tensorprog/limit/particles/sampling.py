"""Populations of growing size, until their answers are good enough or the time is over.

Populations are scrambled Sobol points. Independent ones, drawn side by side, give the standard error; the difference
to half of the points gives the bias, which is added to it. One run answers all questions about its families.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.functions.decide.judge import judge
from tensorprog.kernel.ground.term import substitute
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.particles.plan import Plan
from tensorprog.limit.particles.population import Population
from tensorprog.limit.particles.reading import Reader
from tensorprog.limit.particles.unseen import Unseen
from tensorprog.numbers.budget import budget, spent, suffices
from tensorprog.numbers.estimate import STANDARD_ERRORS, Estimate, unknown
from tensorprog.numbers.progress import Progress
from tensorprog.numbers.scrambled import CANCELLING, CONSTANT, MOST_DIMENSIONS, SCRAMBLINGS, Points, streams
from tensorprog.terms import Num, Term, Var

Array = NDArray[np.float64]
FIRST, LAST = 10, 17
"""Particles of one population after the first and the last step, as powers of two."""
MOST_NUMBERS = 1 << 28
"""Numbers that all populations of one step may hold."""
SEED = 0
SURE_AFTER = 3
"""Steps after which a variance that differs between populations is taken for one that vanishes."""
FIRST_DIMENSIONS = 24
"""The first dimensions of a Sobol sequence are good in all pairs."""
ROUNDED = 1e-13
RARE = "it may rest on values that are too rare for a sample"
CANCELLED = 1e-10
"""Beside the largest number on the way to it, a term as small as this is not told from rounding."""

Answer = tuple[Array, Array]
"""For the terms of a family: E f and E f g, in each population."""
Statistic = Callable[[Array, Array], tuple[Array, Array, Array]]
"""From these to some numbers in each population, the sizes that their errors are measured by, and those of what they
are differences of."""


class Run:
    """The populations of some families, and what they have answered so far."""

    def __init__(self, reader: Reader, families: Sequence[tuple[Term, ...]]) -> None:
        self.reader = reader
        self.families = list(families)
        self.plan = Plan(reader, families)
        self.dimension = len(self.plan.drawn)
        if self.dimension > MOST_DIMENSIONS:
            raise NotCovered(f"more than {MOST_DIMENSIONS} vectors")
        self.power = FIRST - 1
        self.answers: list[Answer] = []
        self.halves: list[Answer] = []
        self.constant = self.standing = False
        self.inexact = 0.0
        self.largest = 0.0
        self.lost = 0.0
        self.ends: dict[Var, tuple[float, float, float]] = {}
        self.took = 0.0
        self._rare: dict[int, Unseen] = {}
        self._above: Unseen | None = None

    @property
    def last(self) -> bool:
        """Whether no larger population can be drawn."""
        exact = self.dimension == 0 and bool(self.answers)
        return exact or self.power >= LAST or SCRAMBLINGS * self.plan.width << self.power + 1 > MOST_NUMBERS

    def advance(self) -> None:
        """Populations of twice the size."""
        start = time.monotonic()
        self.power += 1
        count = 1 << self.power
        normals = np.empty((SCRAMBLINGS, self.dimension, count if self.dimension else 1))
        if self.dimension:
            for k, stream in enumerate(streams(SEED, self.dimension)):
                normals[k] = _normals(self.dimension, stream, count)
        with np.errstate(all="ignore"):
            made = Population(self.plan, normals)
        self.halves, self.answers = self.answers, made.answers
        self.constant, self.inexact, self.largest = made.constant, made.inexact, made.largest
        self.standing = made.standing
        self.ends = made.ends
        self.lost = self._lost(made) if self.dimension else 0.0
        self.took = time.monotonic() - start

    def _lost(self, made: Population) -> float:
        """Which part of the averages that others are made of may not have been seen."""
        arguments = [v for leaves in self.plan.origins.values() for v in leaves if v in self.reader.arguments]
        averages = [*self.plan.averages]
        if not (arguments or averages):
            return 0.0
        if self._above is None:
            terms = [self.reader.arguments[v] for v in arguments] + [self.reader.moments[v] for v in averages]
            self._above = Unseen(self.reader, terms, self.ends)
        ordinary = self._above.ordinary[len(arguments) :]
        means = np.array([max(map(abs, self.ends[v][:2])) for v in averages])
        rms = np.array([*[math.sqrt(made.squares(v)) for v in arguments], *np.maximum(means, ordinary)])
        one, two = self._above.of(rms, SCRAMBLINGS << self.power)
        size, missed = (
            np.concatenate([x[: len(arguments)], y[len(arguments) :]]) for x, y in ((rms**2, rms), (two, one))
        )
        with np.errstate(invalid="ignore"):
            part = missed[rms > 0] / size[rms > 0]
        return float(np.where(np.isfinite(part), part, np.inf).max(initial=0.0))

    def _missing(self, family: int, statistic: Statistic) -> Array:
        """How far the values move if what may not have been seen is put in."""
        first, second = self.answers[family]
        if family not in self._rare:
            self._rare[family] = Unseen(self.reader, self.families[family], self.ends)
        rms = np.sqrt(np.maximum(np.diagonal(second.mean(axis=0)), 0.0))
        one, two = self._rare[family].of(rms, SCRAMBLINGS << self.power)
        here = statistic(first, second)[0]
        moved = [statistic(first + one, second), statistic(first, second + np.sqrt(np.outer(two, two)))]
        return np.asarray(sum(np.abs(m[0] - here).mean(axis=0) for m in moved))

    def ask(self, family: int, statistic: Statistic, cancelling: float = CANCELLING) -> Estimate:
        """A statistic of a family: to the tolerance, or as well as the time allows."""
        progress = Progress.of(LAST - FIRST + 1, budget().progress, unit="steps of sampling")
        try:
            while True:
                out, settled = self._estimate(family, statistic, cancelling) if self.answers else (unknown(""), False)
                known = self.halves or self.dimension == 0
                if settled or (self.last and self.answers):
                    return out
                if self.answers and known and not suffices(2.5 * self.took):
                    spent()
                    return out
                self.advance()
                progress.add(1)
        finally:
            progress.close()

    def _estimate(self, family: int, statistic: Statistic, cancelling: float) -> tuple[Estimate, bool]:
        numbers, sizes, whole = statistic(*self.answers[family])
        if not np.isfinite(numbers).all():
            return unknown("the sample is not finite"), True
        value, size = numbers.mean(axis=0), sizes.mean(axis=0)
        if self.standing:
            return unknown("the limit may stand at a jump"), self.last or self.power >= FIRST + SURE_AFTER
        if self.dimension and (self.constant or not np.all(size > 0)):
            return unknown(CONSTANT), self.last
        squares = np.diagonal(self.answers[family][1], axis1=1, axis2=2)
        if self.dimension and np.any(squares < (CANCELLED * self.largest) ** 2):
            return unknown("what is left of it is nothing but rounding"), self.last
        rounded = max(ROUNDED, 4 * self.inexact) * whole.mean(axis=0)
        if not self.dimension:
            note = "expectations of pairs, none drawn"
            return _shaped(value, rounded, "estimate", "quadrature", note), True
        spread = numbers.std(axis=0, ddof=1) / math.sqrt(len(numbers))
        half = statistic(*self.halves[family])[0].mean(axis=0) if self.halves else None
        bias = np.abs(value) / 8 if half is None else np.abs(value - half)
        with np.errstate(all="ignore"):
            missing = self._missing(family, statistic) + self.lost * whole.mean(axis=0)
        if not np.all(missing <= whole.mean(axis=0)):
            return unknown(RARE), self.last
        error = STANDARD_ERRORS * spread + bias + rounded + missing
        goal = budget().aim * np.maximum(np.abs(value), cancelling * size)
        settled = half is not None and bool(np.all(error <= goal))
        stop = "the tolerance" if settled else "the last step" if self.last else "the time"
        steps = self.power - FIRST + 1
        drawn = f"{len(numbers)} x {1 << self.power} particles of {self.dimension} vectors"
        return _shaped(value, error, "sampling", "sampling", f"{drawn}, {steps} steps; stopped by {stop}"), settled


def _normals(dimension: int, stream: np.random.SeedSequence, count: int) -> Array:
    """Points of one population. Of many dimensions some pair is as if correlated for thousands of points: populations
    take different ones, so that no covariance rests on one bad pair in all of them."""
    if dimension <= FIRST_DIMENSIONS:
        return Points(dimension, stream).next(count).T
    most = min(2 * dimension, MOST_DIMENSIONS)
    places = np.random.default_rng(stream).permutation(most)[:dimension]
    return Points(most, stream).next(count)[:, places].T


def _shaped(value: Array, error: Array, kind: str, method: str, note: str) -> Estimate:
    one = value.ndim == 0
    return Estimate(float(value) if one else value, float(error) if one else error, kind, method, note)  # type: ignore[arg-type]


def mean(k: int) -> Statistic:
    """E f for the term number k."""

    def found(first: Array, second: Array) -> tuple[Array, Array, Array]:
        size = np.sqrt(second[:, k, k])
        return first[:, k], size, size

    return found


def covariance(i: int, j: int) -> Statistic:
    """Cov(f, g) for two terms."""

    def found(first: Array, second: Array) -> tuple[Array, Array, Array]:
        values, sizes, whole = covariances(first, second)
        return values[:, i, j], sizes[:, i, j], whole[:, i, j]

    return found


def covariances(first: Array, second: Array) -> tuple[Array, Array, Array]:
    """Cov(f, g) for all pairs, sd f sd g, and the roots of E f^2 E g^2."""
    values = second - first[:, :, None] * first[:, None, :]
    sd = np.sqrt(np.maximum(np.diagonal(values, axis1=1, axis2=2), 0.0))
    norm = np.sqrt(np.maximum(np.diagonal(second, axis1=1, axis2=2), 0.0))
    return values, sd[:, :, None] * sd[:, None, :], norm[:, :, None] * norm[:, None, :]


@dataclass
class Sampler:
    """The runs of one program."""

    reader: Reader
    runs: list[Run]

    def run(self, terms: Sequence[Term], families: Callable[[], Sequence[Sequence[Term]]]) -> tuple[Run, int]:
        """A run that answers for these terms, and which of its families does; `families` may be asked for later."""
        wanted = {self.reader.read(t) for t in terms}
        if (found := self._holding(wanted)) is None:
            read = [tuple(dict.fromkeys(self.reader.read(t) for t in f)) for f in families()]
            self.runs.append(
                Run(self.reader, read if any(wanted <= {*f} for f in read) else [tuple(sorted(wanted, key=repr))])
            )
            found = self._holding(wanted)
        assert found is not None
        return found

    def _holding(self, wanted: set[Term]) -> tuple[Run, int] | None:
        places = ((run, k) for run in self.runs for k, family in enumerate(run.families) if wanted <= {*family})
        return next(places, None)


_samplers: WeakKeyDictionary[Unfolding, Sampler] = WeakKeyDictionary()


def run_of(
    u: Unfolding,
    terms: Sequence[Term],
    values: Mapping[str, Fraction],
    families: Callable[[], Sequence[Sequence[Term]]] = tuple,
) -> tuple[Run, int]:
    """The run that answers for some terms in leaves; NotCovered where scores matter or a param has no value."""
    sampler = _samplers.get(u)
    if sampler is None or sampler.reader.values != values:
        sampler = _samplers[u] = Sampler(Reader(u, values), [])
    return sampler.run(terms, families)


def sampled(
    u: Unfolding,
    terms: Sequence[Term],
    values: Mapping[str, Fraction],
    families: Callable[[], Sequence[Sequence[Term]]] = tuple,
) -> Estimate:
    """The mean of a term in leaves, or the covariance of two."""

    def ask(run: Run, k: int, places: Sequence[int]) -> Estimate:
        return run.ask(k, mean(places[0]) if len(terms) == 1 else covariance(places[0], places[1]))

    return _asked(u, terms, values, families, ask)


def sampled_matrix(u: Unfolding, terms: Sequence[Term], values: Mapping[str, Fraction]) -> Estimate:
    """All covariances of some terms in leaves, each to the tolerance beside the standard deviations of its two."""

    def ask(run: Run, k: int, places: Sequence[int]) -> Estimate:
        return run.ask(k, lambda f, s: covariances(f[:, places], s[:, places][:, :, places]), 1.0)

    return _asked(u, terms, values, lambda: [terms], ask)


def _asked(
    u: Unfolding,
    terms: Sequence[Term],
    values: Mapping[str, Fraction],
    families: Callable[[], Sequence[Sequence[Term]]],
    ask: Callable[[Run, int, Sequence[int]], Estimate],
) -> Estimate:
    """The answer, or why there is none: scores, params without a value, no second moment, only facts declared."""
    try:
        run, k = run_of(u, terms, values, families)
        return ask(run, k, [run.families[k].index(run.plan.reader.read(t)) for t in terms])
    except NotCovered as why:
        return unknown(str(why))
    except DivergentError:  # of a square on the way, so that the mean itself may exist; a sample would look finite
        return unknown("a second moment that its error rests on is infinite")
    except TensorProgError as why:
        if why.diagnostics[0].code != "TP003":
            raise
        return unknown(why.diagnostics[0].message)


def improved(number: Estimate, u: Unfolding, terms: Sequence[Term], values: Mapping[str, Fraction],
             families: Callable[[], Sequence[Sequence[Term]]] = tuple) -> Estimate:  # fmt: skip
    """The mean of a term, or the covariance of two, given a number that proves nothing: a better one if a sample is,
    and never an error beyond what the range of the terms allows."""
    try:
        inside = [u.expression(t) for t in terms]
    except NotCovered:
        return number
    if not number.known or number.error > budget().aim * abs(number.value):
        other = sampled(u, inside, values, families)
        if other.known and not (number.known and number.error <= other.error):
            number = other
    ranges = [_range(u, t, values) for t in inside]
    if any(r is None for r in ranges):
        return number
    if len(terms) == 1:
        return number.within(*ranges[0])  # type: ignore[misc]
    # |Cov(f, g)| <= sd f sd g, and a variable between a and b has a variance of at most (b - a)^2/4 (Popoviciu 1935)
    most = math.prod((high - low) / 2 for low, high in ranges)  # type: ignore[misc]
    return number.within(0.0 if inside[0] == inside[1] else -most, most)


def _range(u: Unfolding, t: Term, values: Mapping[str, Fraction]) -> tuple[float, float] | None:
    """Between which numbers a term lies, where that is proved: rounded outward."""
    leaves = sorted(u.below(t), key=repr)
    change: dict[Term, Term] = {v: Var(f"u{k}") for k, v in enumerate(leaves)}
    change |= {Var(n): Num(x) for n, x in values.items()}
    return _range_of(substitute(t, change), len(leaves))


@lru_cache(maxsize=1024)
def _range_of(t: Term, count: int) -> tuple[float, float] | None:
    found = judge(t, [f"u{k}" for k in range(count)], {}).bounded
    if not found.proved or found.inf is None or found.sup is None:
        return None
    low, high = float(found.inf), float(found.sup)
    slack = 1e-15 * max(abs(low), abs(high))
    return low - slack, high + slack
