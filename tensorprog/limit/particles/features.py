"""Functions of single forms that are not drawn: the expectations of their pairs, in each population."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.gaussian.arrays.series import Function, NoSeries, Table, expand, pair_matrix, prepare
from tensorprog.kernel.ground.term import ONE, substitute
from tensorprog.limit.particles.reading import Reader
from tensorprog.limit.particles.splitting import Z, exact, shape
from tensorprog.terms import Term, Var

Array = NDArray[np.float64]

TERMS = 64
PRECISE = 1e-9
"""What Mehler's series with so many terms may be off, relatively; other entries are found one by one."""


class Features:
    """psi_0 = 1, psi_1, psi_2, ... and E psi_i psi_j."""

    def __init__(self, reader: Reader, count: int, covariance: Callable[[Var, Var], Array]) -> None:
        self.reader, self.count, self.covariance = reader, count, covariance
        self.inexact = 0.0
        self._places: dict[Term, int] = {}
        self._known: list[tuple[Var | None, Term]] = [(None, ONE)]
        self._matrix = np.ones((count, 1, 1))
        self._tables: dict[int, Table | None] = {}

    def place(self, t: Term) -> int:
        """The number of a feature."""
        if t not in self._places:
            self._places[t] = len(self._known)
            self._known.append(shape(self.reader, t))
        return self._places[t]

    def matrix(self) -> Array:
        """E psi_i psi_j for all that were met: populations, features, features."""
        before, size = self._matrix.shape[1], len(self._known)
        if before == size:
            return self._matrix
        whole = np.zeros((self.count, size, size))
        whole[:, :before, :before] = self._matrix
        wrong = np.zeros_like(whole)
        asked: dict[tuple[Term, Term], list[tuple[int, int]]] = {}
        for i in range(before, size):
            for j in range(i + 1):
                asked.setdefault((self._known[i][1], self._known[j][1]), []).append((i, j))
        for (f, g), places in asked.items():
            rows, columns = np.array(places).T
            arrays = [np.stack([self._covariance(a, b) for a, b in pairs], axis=1) for pairs in
                      (zip(rows, rows, strict=True), places, zip(columns, columns, strict=True))]  # fmt: skip
            found, error = self._expected((f, g), places, *arrays)
            whole[:, rows, columns] = whole[:, columns, rows] = found
            wrong[:, rows, columns] = wrong[:, columns, rows] = error
        self._matrix = whole
        norms = np.sqrt(np.maximum(np.diagonal(whole, axis1=1, axis2=2), 1e-300))
        self.inexact = max(self.inexact, float((wrong / (norms[:, :, None] * norms[:, None, :])).max()))
        return whole

    def _covariance(self, i: int, j: int) -> Array:
        one, two = self._known[i][0], self._known[j][0]
        return np.ones(self.count) if one is None and two is None else (
            np.zeros(self.count) if one is None or two is None else self.covariance(one, two))  # fmt: skip

    def _expected(self, pair: tuple[Term, Term], places: list[tuple[int, int]], a: Array, c: Array, b: Array
                  ) -> tuple[Array, Any]:  # fmt: skip
        if pair == (Z, Z):
            return c, 0.0
        kernel = exact(*pair)
        edge = np.sqrt(np.maximum(a, 0.0)) * np.sqrt(np.maximum(b, 0.0))
        c = np.clip(c, -edge, edge)
        if kernel is not None and kernel.method == "closed-form":
            return kernel(a, c, b), 0.0
        with np.errstate(all="ignore"):
            values, errors = self._series(places, np.where(edge > 0, c / edge, 0.0))
        bad = ~(errors <= PRECISE * self._size(places))
        if bad.any():
            values[bad], errors[bad] = pair_matrix(*pair, a[bad], c[bad], b[bad])
        return values, errors

    def _table(self, k: int) -> Table | None:
        """Mehler's coefficients of a feature for its variance in each population: found once."""
        if k not in self._tables:
            v, f = self._known[k]
            variances = np.ones(self.count) if v is None else np.maximum(self.covariance(v, v), 0.0)
            largest = 2.0 ** math.ceil(math.log2(max(float(variances.max()), 1e-300)))
            function = _prepared(f, largest)
            try:
                self._tables[k] = None if function is None else expand(function, variances, TERMS)
            except NoSeries:
                self._tables[k] = None
        return self._tables[k]

    def _size(self, places: list[tuple[int, int]]) -> Array:
        tables = [[self._table(k) for k in p] for p in places]
        return np.array([np.zeros(self.count) if s is None or t is None else np.sqrt(s.square * t.square)
                         for s, t in tables]).T  # fmt: skip

    def _series(self, places: list[tuple[int, int]], rho: Array) -> tuple[Array, Array]:
        """E f g = sum_k a_k b_k rho^k for each pair and population, and a bound of the error (or inf)."""
        values, errors = np.zeros(rho.shape), np.full(rho.shape, np.inf)
        powers = np.ones((TERMS + 1, *rho.shape))
        np.cumprod(np.broadcast_to(rho, (TERMS, *rho.shape)), axis=0, out=powers[1:])
        for k, (i, j) in enumerate(places):
            s, t = self._table(i), self._table(j)
            if s is None or t is None:
                continue
            size = np.sqrt(s.square), np.sqrt(t.square)
            rounded = s.error * size[1] + t.error * size[0] + s.error * t.error + 4e-16 * size[0] * size[1]
            if i == j:
                values[:, k], errors[:, k] = s.square, rounded
                continue
            values[:, k] = np.einsum("kr,kr,kr->r", s.coefficients, t.coefficients, powers[:TERMS, :, k])
            errors[:, k] = np.abs(powers[TERMS, :, k]) * s.rest()[-1] * t.rest()[-1] + rounded
        return values, errors


@lru_cache(maxsize=256)
def _prepared(f: Term, largest: float) -> Function | None:
    try:
        return prepare(substitute(f, {Z: Var("z1")}), largest)
    except NoSeries:
        return None
