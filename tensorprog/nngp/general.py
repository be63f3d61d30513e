"""Dual kernels of any activation: Mehler's series with tables of coefficients, or a derived closed form.

E φ(Z1) φ(Z2) = Σ a_k(K11) a_k(K22) ρ^k. The coefficients are smooth in log K11: they are found at Chebyshev points of
an interval and interpolated (checked at points in between); a call then costs a small matrix product, whatever the
number of inputs. What is left out after N terms is at most |ρ|^N r_N(K11) r_N(K22), r_N² = E φ² - Σ_{k<N} a_k²: N is
chosen so for each block, and entries that no table reaches are integrated one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from tensorprog.errors import TensorProgError, fail
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.named.library import library
from tensorprog.gaussian.arrays.compiled import Compiled, compile_closed_form
from tensorprog.gaussian.arrays.duals import NAMES, PairKernel, pair_kernel
from tensorprog.gaussian.arrays.series import NoSeries, expand, pair_matrix, prepare
from tensorprog.gaussian.closed.special import Phi2
from tensorprog.gaussian.expect import expect
from tensorprog.kernel.ground.term import mul, substitute, walk
from tensorprog.nngp.duals import Array, Vectors
from tensorprog.terms import App, Num, Term, Var, to_text

COUNT = 192
POINTS = 20
"""Chebyshev points for each factor of four in the variance."""
GRAIN = 4
"""Intervals end at powers of 2^(1/GRAIN), so that calls with similar data share their tables."""


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A closed form derived by the Gaussian engine, for activations without one written by hand."""

    kernel: PairKernel
    compiled: Compiled
    tolerance: float

    def prepare(self, q: Array) -> Vectors:
        return (q, np.sqrt(q), np.sqrt(self.square(q, ())))

    def square(self, q: Array, made: Vectors) -> Array:
        return self.kernel(q, q, q)

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        limit = np.multiply(rows[1][:, None], columns[1], out=work[0])
        np.clip(c, -limit, limit, out=c)
        a, b = np.broadcast_to(rows[0][:, None], c.shape), np.broadcast_to(columns[0], c.shape)
        with np.errstate(all="ignore"):
            values, errors = self.compiled.with_error(a, c, b)
        # near correlation 1 a closed form may lose half of its digits: its own error bound says where
        bad = ~(errors <= self.tolerance * rows[2][:, None] * columns[2]) | (a == 0) | (b == 0)
        if bad.any():
            triples, back = np.unique(np.stack([a[bad], c[bad], b[bad]]), axis=1, return_inverse=True)
            found = np.array([_one(self.kernel, *map(float, t)) for t in triples.T])
            values[bad] = found[back.ravel()]
        c[...] = values


def _one(kernel: PairKernel, a: float, c: float, b: float) -> float:
    """Return one entry by integration."""
    if a * b == 0 or c * c >= a * b * (1 - 1e-14):
        # perfectly correlated: f(√a t) f(±√b t) in one variable
        scale = [Num(Fraction(s)) for s in (a**0.5, float(np.copysign(b**0.5, c)))]
        term = mul(*(substitute(kernel.f, {kernel.var: mul(s, kernel.var)}) for s in scale))
        found = expect(term, [[1]], vars=[kernel.var], tolerance=kernel.tolerance, certified=False)
    else:
        term = mul(kernel.f, substitute(kernel.f, {kernel.var: Var("y_")}))
        found = expect(term, [[a, c], [c, b]], vars=[kernel.var, Var("y_")], tolerance=kernel.tolerance,
                       certified=False)  # fmt: skip
    assert found.value is not None
    return float(found.value)


@dataclass(frozen=True, eq=False)
class Table:
    """Coefficients at Chebyshev points of log q in [low, high], as Chebyshev series."""

    low: float
    high: float
    series: Array
    """Axes: (Chebyshev degree, k); the last column is E φ²."""

    def at(self, q: Array) -> Array:
        """a_0..a_{COUNT-1} and E φ² (rows) for each variance (columns)."""
        middle, half = (self.low + self.high) / 2, max((self.high - self.low) / 2, 1e-300)
        x = np.clip((np.log(q) - middle) / half, -1.0, 1.0)
        basis = np.polynomial.chebyshev.chebvander(x, len(self.series) - 1)
        out: Array = np.ascontiguousarray((basis @ self.series).T)
        return out


@lru_cache(maxsize=64)
def _table(term: Term, low: int, high: int, tolerance: float) -> Table | None:
    """The table for variances from 2^(low/GRAIN) to 2^(high/GRAIN); None where interpolation misses the tolerance."""
    ends = (low / GRAIN * math.log(2), high / GRAIN * math.log(2))
    function = prepare(term, math.exp(ends[1]))
    count = max(POINTS, math.ceil(POINTS * (high - low) / (2 * GRAIN)))
    nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    between = np.cos(np.pi * np.arange(1, count, max(1, count // 6)) / count)
    q = np.exp((ends[0] + ends[1]) / 2 + (ends[1] - ends[0]) / 2 * np.concatenate([nodes, between]))
    found = expand(function, q, COUNT)
    if float(np.max(found.error / np.sqrt(found.square))) > tolerance / 4:
        return None
    values = np.concatenate([found.coefficients, found.square[None]]).T
    transform = np.cos(np.arange(count)[:, None] * np.arccos(nodes)) * (2 / count)
    transform[0] /= 2
    table = Table(*ends, transform @ values[:count])
    scale = np.sqrt(found.square[count:])
    off = np.abs(table.at(q[count:]) - values[count:].T)
    miss = np.sqrt(np.sum(off[:-1] ** 2, axis=0)) / scale + off[-1] / scale**2
    return table if float(np.max(miss)) <= tolerance / 4 else None


@dataclass(frozen=True, slots=True)
class Series:
    """Mehler's series of an activation without a closed form; each entry is within tolerance·√(Eφ(Z1)² Eφ(Z2)²)."""

    term: Term
    tolerance: float

    def prepare(self, q: Array) -> Vectors:
        # A variance of 0 is a constant φ(0), the limit of small variances: its coefficients are (φ(0), 0, 0, ...).
        positive = q > 0
        columns = np.zeros((COUNT + 1, len(q)))
        if positive.any():
            try:
                columns[:, positive] = self._coefficients(q[positive])
            except NoSeries:
                raise no_second_moment(self.term) from None
        if not positive.all():
            start = float(compile_numpy(self.term, ("z1",))(np.zeros(1))[0])
            columns[0, ~positive], columns[-1, ~positive] = start, start**2
        coefficients, square = columns[:-1], columns[-1]
        left = square - np.concatenate([np.zeros((1, len(q))), np.cumsum(coefficients**2, axis=0)])[:-1]
        rest = np.sqrt(np.maximum(left, 0.0) + 1e-15 * square)
        s = np.sqrt(q)
        inverse = np.divide(1.0, s, out=np.zeros_like(s), where=positive)
        return coefficients, rest, np.sqrt(square), inverse, q

    def _coefficients(self, q: Array) -> Array:
        unique, back = np.unique(q, return_inverse=True)
        low, high = (math.log2(float(v)) * GRAIN for v in (unique[0], unique[-1]))
        table = None
        if high - low < 24 * GRAIN:
            table = _table(self.term, math.floor(low), math.ceil(high + 1e-9), self.tolerance)
        if table is not None:
            return table.at(q)
        found = expand(prepare(self.term, float(unique[-1])), unique, COUNT)
        if float(np.max(found.error / np.sqrt(found.square))) > self.tolerance:
            raise fail("TP501", f"the coefficients of {to_text(self.term)} are not known to the tolerance",
                       help="ask for a larger tolerance")  # fmt: skip
        return np.concatenate([found.coefficients, found.square[None]])[:, back]

    def square(self, q: Array, made: Vectors) -> Array:
        return made[2] ** 2

    def apply(self, c: Array, rows: Vectors, columns: Vectors, work: Array) -> None:
        (a, rest, size, inverse, q), (b, rest2, size2, inverse2, q2) = rows, columns
        total, outer = work
        k12 = c.copy()
        c *= inverse[:, None]
        c *= inverse2
        np.clip(c, -1.0, 1.0, out=c)
        worst = (rest / np.where(size > 0, size, 1.0)).max(axis=1) * (rest2 / np.where(size2 > 0, size2, 1.0)).max(
            axis=1
        )
        near = max(float(c.max()), -float(c.min()))
        with np.errstate(under="ignore"):
            enough = np.nonzero(worst * near ** np.arange(COUNT) <= self.tolerance / 2)[0]
            count = int(enough[0]) if len(enough) else COUNT - 1
            scale, scale2 = (np.where(s > 0, s, 1.0) for s in (size, size2))
            weight = np.abs(a[:count] / scale).max(axis=1) * np.abs(b[:count] / scale2).max(axis=1)
            kept = np.nonzero(weight > 1e-18)[0]
            square = c * c
            total.fill(0.0)
            above = 0
            for k in kept[::-1]:
                for _ in range((above - k) // 2 if above else 0):
                    total *= square
                if above and (above - k) % 2:
                    total *= c
                np.multiply(a[k][:, None], b[k], out=outer)
                total += outer
                above = int(k)
            for _ in range(above // 2):
                total *= square
            if above % 2:
                total *= c
            np.abs(c, out=c)
            bound = c**count * (rest[count][:, None] * rest2[count])
        far = bound > self.tolerance * (size[:, None] * size2)
        c[...] = total
        if far.any():
            i, j = np.nonzero(far)
            c[i, j] = _exact(self.term, q[i], k12[i, j], q2[j], self.tolerance)


def _exact(term: Term, k11: Array, k12: Array, k22: Array, tolerance: float) -> Array:
    limit = np.sqrt(k11 * k22)
    values, errors = pair_matrix(term, term, k11, np.clip(k12, -limit, limit), k22, tolerance=tolerance)
    size = np.sqrt(pair_matrix(term, term, k11, k11, k11)[0] * pair_matrix(term, term, k22, k22, k22)[0])
    if (errors > 2 * tolerance * size).any():
        what = f"entries of the kernel of {to_text(term)} near correlation 1"
        raise fail("TP501", f"{what} are not known to the tolerance", help="ask for a larger tolerance")
    return values


def general(term: Term, tolerance: float) -> ClosedForm | Series:
    """Return the dual of any term in x with a second moment; DivergentError or TP501 where there is none."""
    kernel = pair_kernel(term, term, Var("x"))
    if kernel.method == "closed-form" and not _cancels(term, kernel):
        try:
            return ClosedForm(kernel, compile_closed_form(kernel.expr, NAMES), tolerance)
        except NotImplementedError:
            pass  # a function of the formula has no numpy form: the series
    moved = substitute(term, {Var("x"): Var("z1")})
    try:
        prepare(moved, 1e-6)
    except NoSeries:
        raise no_second_moment(term) from None
    return Series(moved, tolerance)


def _cancels(term: Term, kernel: PairKernel) -> bool:
    """Return whether the closed form is made of exponentials that grow times tails that vanish, as that of elu.

    It loses its digits at large variances, entry by entry; the series does not.
    """
    return kernel.expr.has(Phi2) and _has_exponential(term)


def _has_exponential(term: Term) -> bool:
    """Return whether an exponential occurs in the term, or in the definition of a function in it."""
    inside = [u for u in walk(term) if isinstance(u, App)]
    bodies = [library()[u.head].definition for u in inside if u.head in library()]
    return any(u.head == "exp" for u in inside) or any(b is not None and _has_exponential(b) for b in bodies)


def no_second_moment(term: Term) -> TensorProgError:
    """TP501."""
    return fail("TP501", f"{to_text(term)} has no second moment here", help="the limit kernel does not exist")
