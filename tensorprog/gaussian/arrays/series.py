"""Mehler's series for whole matrices: E f(Z1) g(Z2) = Σ a_k(K11) b_k(K22) ρ^k, with its rigorous tail.

a_k(v) = E f(√v t) h_k(t), h_k the normalised Hermite polynomials, are found once per distinct variance. What is left
out after k = N is at most |ρ|^{N+1} √(‖f‖² - Σ a_k²) √(‖g‖² - Σ b_k²) (Cauchy–Schwarz). Perfect correlation is one
dimensional; entries too near to it are integrated one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import fail
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.gaussian.arrays.compiled import blocks
from tensorprog.gaussian.behaviour.growth import poles_vanish, shrinks
from tensorprog.gaussian.behaviour.kinks import Plane, loci
from tensorprog.gaussian.integrate.panels import Rule, line_nodes
from tensorprog.gaussian.integrate.quadrature import expectation
from tensorprog.gaussian.problem.covariance import rational
from tensorprog.kernel.ground.term import mul, substitute, variables
from tensorprog.terms import Term, Var, to_text

Array = NDArray[np.float64]
COUNTS = (48, 192, 640)
REACH = 13.0
MOST_PAIRS = 3_000
"""Entries too near to perfect correlation that are integrated one by one at most; the others keep their error."""
_CHUNK = 400_000


class NoSeries(Exception):
    """A function without a second moment, or too large to expand: its expectations may still exist."""


@dataclass(frozen=True, slots=True)
class Table:
    """For each variance (columns): coefficients a_0..a_{N-1}, ‖f‖², and a bound on the coefficients' joint error."""

    coefficients: Array
    square: Array
    error: Array

    def rest(self) -> Array:
        """√(‖f‖² - Σ_{k<n} a_k²) for n = 0..N, rounded up."""
        sums = np.concatenate([np.zeros((1, len(self.square))), np.cumsum(self.coefficients**2, axis=0)])
        slack = 8e-16 * self.square + 2 * self.error * np.sqrt(self.square)
        out: Array = np.sqrt(np.maximum(self.square - sums, 0.0) + slack)
        return out


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one variable, ready to be expanded."""

    term: Term
    planes: tuple[Plane, ...]
    fastest: float

    def __call__(self, z: Array) -> Array:
        out: Array = compile_numpy(self.term, ("z1",))(z)
        return out


def prepare(term: Term, largest: float) -> Function:
    """Check that f has a second moment up to the largest variance, and find its special places."""
    term = term if variables(term) else mul(term)
    sigma = math.sqrt(largest)
    if sigma > 0:
        # the series needs E f², at this variance
        ball = ball_function(mul(term, term), ("z1",))
        if not shrinks(ball, np.zeros(1), np.array([[sigma]])):
            raise NoSeries
    span = 2 * REACH * max(sigma, 1e-300)
    found = loci(term, ("z1",), {}, [(-span, span)])
    if not found.poles_known or not poles_vanish(compile_numpy(term, ("z1",)), found.planes, 1):
        raise NoSeries
    return Function(term, found.planes, max((abs(w[0]) for w in found.waves), default=0.0))


def _rows(functions: Sequence[tuple[Function, Array]], rule: Rule) -> tuple[Array, Array, Array]:
    """Return nodes t for each row, the places of functions f(s t) being cut out; s is one number for each row."""
    places, scales = [], []
    fastest = 0.0
    for f, s in functions:
        fastest = max(fastest, f.fastest * float(np.max(np.abs(s), initial=0.0)))
        for p in f.planes:
            with np.errstate(all="ignore"):
                places.append(np.where(s == 0, np.inf, p.offset / (p.normal[0] * s)))
                size = np.where(s == 0, np.inf, np.abs(p.scale / (p.normal[0] * s)))
            scales.append(size if not p.hard else np.full(len(s), 0.0 if p.kind in {"singular", "pole"} else np.inf))
    width = min(rule.width, 2 * rule.width / fastest) if fastest > 2 else rule.width
    return line_nodes(places, scales, len(functions[0][1]), REACH, Rule(rule.order, width))


def expand(f: Function, variances: Array, count: int) -> Table:
    """Return coefficients for every variance, by two rules whose difference bounds the error."""
    fine = _expand(f, variances, count, Rule(24, min(1.5, 14 / math.sqrt(count))))
    coarse = _expand(f, variances, count, Rule(20, min(1.7, 13 / math.sqrt(count))))
    difference = np.sqrt(np.sum((fine[0] - coarse[0]) ** 2, axis=0))
    error = 2 * difference + 4e-16 * math.sqrt(count) * np.sqrt(fine[1])
    return Table(fine[0], fine[1] + np.abs(fine[1] - coarse[1]), error)


def _expand(f: Function, variances: Array, count: int, rule: Rule) -> tuple[Array, Array]:
    out, square = np.empty((count, len(variances))), np.empty(len(variances))
    step = max(1, _CHUNK // 1_500)
    for start in range(0, len(variances), step):
        sigma = np.sqrt(variances[start : start + step])
        rows, t, lengths = _rows([(f, sigma)], rule)
        with np.errstate(all="ignore"):
            y = np.broadcast_to(f(sigma[rows] * t), t.shape)
        if not np.all(np.isfinite(y)):
            raise NoSeries
        half = np.exp(-t * t / 4) * (2 * math.pi) ** -0.25
        weighted = lengths * y * half
        first = np.searchsorted(rows, np.arange(len(sigma)))
        square[start : start + step] = np.add.reduceat(weighted * y * half, first)
        # ψ_k = h_k √density is bounded: √(k+1) ψ_{k+1} = t ψ_k - √k ψ_{k-1}
        before, now = np.zeros_like(t), half
        for k in range(count):
            out[k, start : start + step] = np.add.reduceat(weighted * now, first)
            before, now = now, (t * now - math.sqrt(k) * before) / math.sqrt(k + 1)
    return out, square


def _single(term: Term) -> Term:
    change: dict[Term, Term] = {}
    free = variables(term)
    if len(free) > 1:
        raise fail("TP016", f"a function of one variable is wanted, not of {', '.join(map(name_of, free))}")
    if free:
        change[free[0]] = Var("z1")
    return substitute(term, change)


def pair_matrix(f: Term, g: Term, K11: Any, K12: Any, K22: Any, tolerance: float = 1e-10) -> tuple[Array, Array]:
    """(values, errors) of E f(Z1) g(Z2) for arrays of covariances: |value - truth| <= error, entry by entry.

    >>> from tensorprog.terms import read
    >>> t = read("tanh(z)")
    >>> value, error = pair_matrix(t, t, 1.0, [0.0, 0.5], 2.0)
    >>> bool(abs(value[1] - 0.14675411546038742) <= error[1] < 1e-10)
    True
    """
    f, g = _single(f), _single(g)
    try:
        return _by_series(_Pair(f, g, K11, K12, K22), tolerance)
    except NoSeries:
        arrays = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (K11, K12, K22)))
        out, error = np.full(arrays[0].shape, np.nan), np.full(arrays[0].shape, np.inf)
        _one_by_one(f, g, arrays, np.argwhere(np.ones(out.shape, dtype=bool)), out, error, tolerance)
        return out, error


def _one_by_one(
    f: Term, g: Term, arrays: Sequence[Array], places: Any, out: Array, error: Array, tolerance: float
) -> None:
    """Compute some entries by two-dimensional quadrature, where that is the better number."""
    swapped: dict[Term, Term] = {Var("z1"): Var("z2")}
    forward, backward = mul(f, substitute(g, swapped)), mul(g, substitute(f, swapped))
    known: dict[tuple[tuple[float, ...], bool], tuple[float, float]] = {}
    for place in places:
        at = tuple(place)
        key = tuple(float(x[at]) for x in arrays)
        # The smaller variance first, so that (f, Z1) and (g, Z2) may be exchanged.
        turn = (key[2], to_text(g)) < (key[0], to_text(f))
        key = key[::-1] if turn else key
        if (key, turn) not in known:
            a, b, c = map(rational, key)
            term = backward if turn else forward
            got = expectation(term, [Var("z1"), Var("z2")], [[a, b], [b, c]], tolerance=tolerance)
            known[key, turn] = got.value, got.error
        if known[key, turn][1] < error[at]:
            out[at], error[at] = known[key, turn]


def _by_series(pair: _Pair, tolerance: float) -> tuple[Array, Array]:
    out, error = pair.series(COUNTS[0], tolerance)
    for count in (*COUNTS[1:], None):
        bad = error > tolerance * pair.scale()
        if not np.any(bad):
            break
        if count is not None:
            better, less = pair.only(bad).series(count, tolerance)
            use = less < error[bad]
            out[bad], error[bad] = np.where(use, better, out[bad]), np.where(use, less, error[bad])
        else:
            full = [np.broadcast_to(x, pair.rho.shape).reshape(pair.shape) for x in (pair.K11, pair.K12, pair.K22)]
            # the entries that the series cannot reach
            _one_by_one(*pair.terms, full, np.argwhere(bad)[:MOST_PAIRS], out, error, tolerance)
    return out, error


def _cut(x: Any, at: tuple[Any, ...]) -> Any:
    """Return the part of a broadcastable array that belongs to a part of the whole."""
    full = (*at, *(slice(None),) * (x.ndim - len(at)))
    return x[tuple(slice(None) if n == 1 else s for n, s in zip(x.shape, full, strict=True))]


class _Pair:
    """Two functions and the arrays of their covariances, with a table of coefficients for the distinct variances."""

    def __init__(self, f: Term, g: Term, K11: Any, K12: Any, K22: Any) -> None:
        self.terms = f, g
        arrays = [np.asarray(x, dtype=float) for x in (K11, K12, K22)]
        self.shape = np.broadcast_shapes(*(x.shape for x in arrays))
        # An axis along which an array was only broadcast is taken back to one entry.
        arrays = [x[tuple(slice(0, 1) if n == 0 else slice(None) for n in x.strides)] for x in arrays]
        width = max(1, len(self.shape))
        self.K11, self.K12, self.K22 = (x.reshape((1,) * (width - x.ndim) + x.shape) for x in arrays)
        if not all(np.all(np.isfinite(x)) for x in arrays):
            raise fail("TP008", "an infinity or NaN in a covariance", help="every entry must be a finite number")
        if np.any(self.K11 < 0) or np.any(self.K22 < 0):
            raise fail("TP008", "a negative variance")
        limit = np.sqrt(self.K11) * np.sqrt(self.K22)
        if np.any(np.abs(self.K12) > limit * (1 + 1e-9)):
            raise fail("TP008", "a covariance larger than the variances allow")
        with np.errstate(all="ignore"):
            rho = np.where(limit > 0, self.K12 / limit, 0.0)
        self.rho = np.broadcast_to(np.clip(rho, -1.0, 1.0), self.shape or (1,))
        # Rounded Gram matrices are singular to a few units: |ρ| within 4 units of 1 is 1.
        self.perfect = np.abs(self.rho) >= 1 - 2.0**-50
        self.u1, i1 = np.unique(self.K11, return_inverse=True)
        self.u2, i2 = np.unique(self.K22, return_inverse=True)
        self.i1, self.i2 = i1.reshape(self.K11.shape), i2.reshape(self.K22.shape)
        self.functions = tuple(
            prepare(t, float(np.max(u, initial=0.0))) for t, u in zip(self.terms, (self.u1, self.u2), strict=True)
        )
        self.same = f == g and np.array_equal(self.u1, self.u2)
        self.tables: dict[int, tuple[Table, Table]] = {}

    def only(self, which: Any) -> _Pair:
        at = np.nonzero(np.broadcast_to(which, self.rho.shape))
        full = [np.broadcast_to(x, self.rho.shape)[at] for x in (self.K11, self.K12, self.K22)]
        return _Pair(*self.terms, *full)

    def table(self, count: int) -> tuple[Table, Table]:
        if count not in self.tables:
            first = expand(self.functions[0], self.u1, count)
            self.tables[count] = first, first if self.same else expand(self.functions[1], self.u2, count)
        return self.tables[count]

    def scale(self) -> Array:
        """‖f‖ ‖g‖, what the tolerance is relative to, entry by entry."""
        a, b = self.table(COUNTS[0])
        out = np.sqrt(a.square)[self.i1] * np.sqrt(b.square)[self.i2]
        return np.broadcast_to(out, self.rho.shape).reshape(self.shape)

    def series(self, count: int, tolerance: float) -> tuple[Array, Array]:
        a, b = self.table(count)
        rest1, rest2 = a.rest(), b.rest()
        size1, size2 = np.sqrt(a.square), np.sqrt(b.square)
        own = (
            a.error[self.i1] * size2[self.i2] + size1[self.i1] * b.error[self.i2] + a.error[self.i1] * b.error[self.i2]
        )
        out, error = np.empty(self.rho.shape), np.array(np.broadcast_to(own, self.rho.shape))
        # One number of terms for all entries, so that a symmetric problem has an exactly symmetric answer.
        n = self._enough(np.abs(self.rho[~self.perfect]), rest1, rest2, size1, size2, tolerance, count)
        with np.errstate(under="ignore"):
            for at in blocks(self.rho.shape):
                rho, i, j = self.rho[at], _cut(self.i1, at), _cut(self.i2, at)
                total = np.zeros(rho.shape)
                for k in range(n - 1, -1, -1):
                    total *= rho
                    total += a.coefficients[k][i] * b.coefficients[k][j]
                out[at] = total
                error[at] += np.abs(rho) ** n * rest1[n][i] * rest2[n][j] + 4e-16 * size1[i] * size2[j]
        self._perfect(out, error)
        return out.reshape(self.shape), error.reshape(self.shape)

    def _enough(
        self, rho: Array, rest1: Array, rest2: Array, size1: Array, size2: Array, tolerance: float, count: int
    ) -> int:
        """Return how many terms the block needs for its largest correlation, in steps of eight."""
        top = float(np.max(rho, initial=0.0))
        with np.errstate(all="ignore"):
            worst = [np.nanmax(np.where(s > 0, r / s, 0.0), axis=1) for r, s in ((rest1, size1), (rest2, size2))]
        for n in range(8, count, 8):
            if top**n * worst[0][n] * worst[1][n] <= 0.1 * tolerance:
                return n
        return count

    def _perfect(self, out: Array, error: Array) -> None:
        """Compute entries with |ρ| = 1: E f(s1 t) g(±s2 t), one dimensional."""
        at = np.nonzero(self.perfect)
        if not len(at[0]):
            return
        full = [np.broadcast_to(x, self.rho.shape)[at] for x in (self.K11, self.K12, self.K22)]
        triples, back = np.unique(np.stack([full[0], np.sign(full[1]), full[2]], axis=1), axis=0, return_inverse=True)
        found = []
        for rule in (Rule(24, 1.2), Rule(20, 1.5)):
            parts = []
            for start in range(0, len(triples), 300):
                v1, sign, v2 = triples[start : start + 300].T
                s1, s2 = np.sqrt(v1), sign * np.sqrt(v2)
                rows, t, lengths = _rows([(self.functions[0], s1), (self.functions[1], s2)], rule)
                y = self.functions[0](s1[rows] * t) * self.functions[1](s2[rows] * t)
                density = np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
                first = np.searchsorted(rows, np.arange(len(s1)))
                parts.append(np.stack([np.add.reduceat(w * lengths * density, first) for w in (y, np.abs(y))]))
            found.append(np.concatenate(parts, axis=1))
        value, absolute = found[0]
        bound = 4 * np.abs(value - found[1][0]) + 4e-15 * absolute
        out[at], error[at] = value[back.ravel()], bound[back.ravel()]
