"""The limit itself sampled, for numbers that neither formulas nor quadrature give: the engine of last resort.

One coordinate of every vector is a particle, and a population of particles stands for the law of a coordinate. A
MatMul is drawn as what it is in the limit: a Gaussian, independent of its argument, whose covariance with the other
products of the same matrix is the population's mean of the products of their arguments (Yang 2019),

    Cov(Z^{Wx}, Z^{Wx'}) = sigma_W^2 E Z^x Z^x',      (Z^{Wx})_new = sum_j L_j xi_j + sqrt(rest) xi_new,

L a row of the Cholesky factor, which grows with each product. Everything else acts particle by particle, and a Moment
is the population's mean. So an error made early is carried through the program as the program carries it. Populations
are scrambled Sobol points; independent ones give the standard error, and half of the points the bias.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import TensorProgError
from tensorprog.functions.decide.judge import judge
from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.ground.term import substitute
from tensorprog.limit.members.compiled import Compiled, number
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.rules.quantities import Cov, Mean
from tensorprog.numbers.budget import PATIENCE, budget, remaining, spent
from tensorprog.numbers.estimate import STANDARD_ERRORS, Estimate, unknown
from tensorprog.numbers.progress import Progress
from tensorprog.numbers.scrambled import CANCELLING, CONSTANT, MOST_DIMENSIONS, Points, streams
from tensorprog.terms import Num, Term, Var, to_text

Array = NDArray[np.float64]
FIRST, LAST = 9, 17
"""Particles of one population after the first and the last step, as powers of two."""
SEED = 0
TINY = 1e-12

Statistic = Callable[[list[Array]], tuple[float, float]]
"""From the populations of some terms to a number, and the size against which its error is measured."""


def mean(populations: list[Array]) -> tuple[float, float]:
    """E f."""
    (f,) = populations
    return float(f.mean()), float(np.abs(f).mean())


def covariance(populations: list[Array]) -> tuple[float, float]:
    """Cov(f, g)."""
    f, g = populations
    value = float(np.mean((f - f.mean()) * (g - g.mean())))
    return value, float(np.sqrt(f.var() * g.var()))


def sampled(u: Unfolding, terms: Sequence[Term], values: Mapping[str, Fraction], statistic: Statistic) -> Estimate:
    """A statistic of some terms in leaves; no number where scores matter, a param has no value, or one is infinite."""
    try:
        plan = Plan(u, terms, values)
    except NotCovered as why:
        return unknown(str(why))
    except TensorProgError as why:  # a registered function of which only facts are declared
        if why.diagnostics[0].code != "TP003":
            raise
        return unknown(why.diagnostics[0].message)
    if plan.dimension > MOST_DIMENSIONS:
        return unknown(f"more than {MOST_DIMENSIONS} vectors")
    known = _samples.setdefault(u, {})
    key = plan.signature, statistic, budget().aim
    before = known.get(key)
    if before is None or remaining() > PATIENCE * before.seconds:
        start = time.monotonic()
        number, ended = _drawn(plan, statistic)
        before = known[key] = _Sample(number, math.inf if ended else time.monotonic() - start)
    return before.number


@dataclass(frozen=True, slots=True)
class _Sample:
    number: Estimate
    seconds: float
    """How long it took until the time stopped it; infinite if more time would not have changed it."""


_samples: WeakKeyDictionary[Unfolding, dict[object, _Sample]] = WeakKeyDictionary()


def _drawn(plan: Plan, statistic: Statistic) -> tuple[Estimate, bool]:
    """The statistic, and whether it came to its own end."""
    out, before = unknown("no sample could be drawn"), math.nan
    progress = Progress.of(LAST - FIRST + 1, budget().progress, unit="steps of sampling")
    try:
        for step, power in enumerate(range(FIRST, LAST + 1), 1):
            found = []
            for stream in streams(SEED, plan.dimension, power):
                with np.errstate(all="ignore"):
                    found.append(statistic(plan.populations(Points(max(plan.dimension, 1), stream).next(1 << power))))
            numbers, sizes = np.array(found).T
            if not np.isfinite(numbers).all():
                return unknown("the sample is not finite"), True
            progress.add(1)
            value, size = float(numbers.mean()), float(sizes.mean())
            spread = float(numbers.std(ddof=1)) / math.sqrt(len(numbers))
            bias = abs(value - before) if step > 1 else abs(value) / 8  # it halves from step to step
            error, before = STANDARD_ERRORS * spread + bias + 1e-14 * size, value
            settled = step > 1 and error <= budget().aim * max(abs(value), CANCELLING * size)
            stop = "the tolerance" if settled else "the last step" if power == LAST else "the time"
            note = f"{len(numbers)} x {1 << power} particles, {step} steps; stopped by {stop}"
            # a size of 0 is particles of one value only, whose spread says nothing of rarer ones
            out = Estimate(value, error, "sampling", "sampling", note) if size else unknown(CONSTANT)
            if settled or (step > 1 and spent()):
                return out, settled
    finally:
        progress.close()
    return out, True


def improved(number: Estimate, u: Unfolding, terms: Sequence[Term], values: Mapping[str, Fraction]) -> Estimate:
    """The mean of a term, or the covariance of two, given a number that proves nothing: a better one if a sample is,
    and never an error beyond what the range of the terms allows."""  # fmt: skip
    try:
        inside = [u.expression(t) for t in terms]
    except NotCovered:
        return number
    if not number.known or number.error > budget().aim * abs(number.value):
        other = sampled(u, inside, values, mean if len(terms) == 1 else covariance)
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


@dataclass
class _Group:
    """Vectors that are jointly Gaussian: their normals, and the rows of the Cholesky factor so far."""

    members: list[Var] = field(default_factory=list)
    normals: list[Array] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)

    def draw(self, leaf: Var, covariances: Array, variance: float, fresh: Array) -> Array:
        """The next vector, given its covariances with those before."""
        row = np.zeros(len(self.rows) + 1)
        for j, other in enumerate(self.rows):
            rest = covariances[j] - float(row[:j] @ other[:j])
            row[j] = rest / other[j] if other[j] > 0 else 0.0
        left = variance - float(row @ row)
        row[-1] = math.sqrt(left) if left > TINY * variance else 0.0
        self.members.append(leaf)
        self.normals.append(fresh)
        self.rows.append(row)
        return np.asarray(sum(r * x for r, x in zip(row, self.normals, strict=True)))


class Plan:
    """What is drawn, and in which order, for some terms."""

    def __init__(self, u: Unfolding, terms: Sequence[Term], values: Mapping[str, Fraction]) -> None:
        self.u, self.terms = u, tuple(terms)
        self.params = {name: float(x) for name, x in values.items()}
        self._inputs: dict[Var, tuple[Array, float]] = {}
        self.order = self._ordered()
        self.dimension = sum(u.leaves[v].kind == "vector" for v in self.order)
        leaves = frozenset(u.leaves)
        try:
            self.parts = {
                v: Compiled([u.leaves[v].parts[0]], leaves, self.params) for v in self.order if u.leaves[v].parts
            }
            self.factors = {v: number(u.leaves[v].factor, self.params) for v in self.order}
            self.wanted = Compiled(self.terms, leaves, self.params)
        except KeyError as name:
            raise NotCovered(f"{name} has no value") from None

    @cached_property
    def signature(self) -> object:
        """Equal for questions that differ in names only: members of a family with one pattern of indices."""
        names: dict[Term, Term] = {v: Var(f"u{k}") for k, v in enumerate(self.order)}
        groups: dict[object, tuple[int, list[Var]]] = {}
        out: list[object] = []
        for leaf in self.order:
            here = self.u.leaves[leaf]
            parts = tuple(substitute(t, names) for t in here.parts[:1])
            if here.kind == "moment":
                out.append(parts)
                continue
            place, before = groups.setdefault(self.u.origin(leaf), (len(groups), []))
            if isinstance(here.node, Input):
                k, centre = self._input(leaf, before)
                out.append((place, tuple(k.tolist()), centre))
            else:
                out.append((place, self.factors[leaf], parts))
            before.append(leaf)
        return tuple(out), tuple(substitute(t, names) for t in self.terms), tuple(self.params.items())

    def _ordered(self) -> list[Var]:
        """The leaves that matter, each after those that it is made of."""
        u, out = self.u, dict[Var, None]()
        stack = [(v, False) for t in self.terms for v in sorted(u.below(t), key=repr)]
        while stack:
            leaf, ready = stack.pop()
            if leaf in out:
                continue
            if u.leaves[leaf].kind == "score":
                raise NotCovered(f"{to_text(leaf)} is a score: its law is another question")
            if ready:
                out[leaf] = None
                continue
            stack.append((leaf, True))
            stack += [(v, False) for t in u.leaves[leaf].parts for v in sorted(u.below(t), key=repr)]
        return list(out)

    def populations(self, normals: Array) -> list[Array]:
        """The terms at the particles: `normals` has one row for each of them."""
        count, column = len(normals), 0
        at: dict[Var, Any] = {}
        arguments: dict[Var, Array] = {}
        groups: dict[object, _Group] = {}
        for leaf in self.order:
            here = self.u.leaves[leaf]
            if here.parts:
                arguments[leaf] = np.broadcast_to(np.asarray(self.parts[leaf](at)[0], dtype=float), (count,))
            if here.kind == "moment":
                at[leaf] = arguments[leaf].mean()
                continue
            group = groups.setdefault(self.u.origin(leaf), _Group())
            fresh, column = normals[:, column], column + 1
            if isinstance(here.node, Input):
                k, centre = self._input(leaf, group.members)
                at[leaf] = centre + group.draw(leaf, k[:-1], float(k[-1]), fresh)
            else:
                x = arguments[leaf]
                k = np.array([self.factors[leaf] * float(np.mean(x * arguments[v])) for v in (*group.members, leaf)])
                at[leaf] = group.draw(leaf, k[:-1], float(k[-1]), fresh)
        return [np.broadcast_to(np.asarray(x, dtype=float), (count,)) for x in self.wanted(at)]

    def _input(self, leaf: Var, before: Sequence[Var]) -> tuple[Array, float]:
        """Covariances of an initial vector with earlier ones and with itself, and its mean."""
        if leaf in self._inputs:
            return self._inputs[leaf]
        row = [number(self.u.declared(Cov(leaf, other)), self.params) for other in (*before, leaf)]
        self._inputs[leaf] = np.array(row), number(self.u.declared(Mean(leaf)), self.params)
        return self._inputs[leaf]
