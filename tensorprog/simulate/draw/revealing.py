"""Gaussian matrices revealed product by product: exact in law at every width, never built.

Keep, for W (m x n, entries N(0, s^2)), an orthonormal basis Q of the inputs seen so far with its images W Q, and an
orthonormal basis U of the inputs of W' with W'U. A new input is x = Q c + R q with q orthonormal and orthogonal to Q.
Given everything so far, W q has in the directions U the entries U'Wq = (W'U)'q that are known already, and fresh
independent normals in all others:

    W q = U (W'U)'q + s (I - UU') g,    W x = (W Q) c + R W q.

The same with the roles exchanged gives W'u. Vectors are rows here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorprog.simulate.arrays import Array, times
from tensorprog.simulate.draw.noise import Source
from tensorprog.simulate.draw.streams import Stream


def root(x: Array, stream: Stream) -> Array:
    """L with X = L Q for some Q with orthonormal rows: (..., k, n) gives (..., k, min(k, n)).

    X X' = L L' by Cholesky where that is accurate; where vectors are nearly dependent, through the QR of X.
    """
    k, n = x.shape[-2:]
    if k >= n:
        return x
    gram = stream.gram(x)
    if k == 1:
        return np.asarray(np.sqrt(gram))
    worst = 1e-8 if x.dtype == np.float64 else 1e-3
    try:
        out = np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return _root_by_qr(x)
    pivots = np.square(np.diagonal(out, axis1=-2, axis2=-1))
    good = (pivots >= worst * np.diagonal(gram, axis1=-2, axis2=-1)).all(axis=-1)
    if not good.all():
        out[~good] = _root_by_qr(x[~good])
    return out


def _root_by_qr(x: Array) -> Array:
    r: Array = np.asarray(np.linalg.qr(x.swapaxes(-1, -2), mode="r"))
    return r.swapaxes(-1, -2)


@dataclass(slots=True)
class Side:
    """What one direction of a matrix has seen: an orthonormal basis of its inputs, and their images."""

    basis: Array
    images: Array
    count: int = 0

    @property
    def known(self) -> tuple[Array, Array]:
        return self.basis[..., : self.count, :], self.images[..., : self.count, :]


@dataclass(slots=True)
class Revealed:
    """The matrices of one slab: W applied to rows by `forward`, W' by `backward`.

    `deviation` is s, of the shape of the slab or a number. Every input is (draws, slab or 1..., k, coordinates).
    """

    stream: Stream
    draws: int
    deviation: Array
    out: Source
    into: Source
    shared: bool
    dtype: np.dtype[Any]
    front: Side = field(init=False)
    back: Side = field(init=False)

    def __post_init__(self) -> None:
        self.front = self._side(self.out.each, self.into, self.out, self.shared)
        self.back = self._side(self.into.each, self.out, self.into, False)

    def _side(self, capacity: int, read: Source, made: Source, shared: bool) -> Side:
        keys = tuple(1 for _ in read.sizes) if shared else read.sizes
        basis = np.empty((self.draws, *keys, capacity, read.layout.size), dtype=self.dtype)
        return Side(basis, np.empty((self.draws, *made.sizes, capacity, made.layout.size), dtype=self.dtype))

    def forward(self, x: Array) -> Array:
        return self._apply(x, self.front, self.back, self.out)

    def backward(self, x: Array) -> Array:
        return self._apply(x, self.back, self.front, self.into)

    def _apply(self, x: Array, here: Side, there: Side, source: Source) -> Array:
        k = x.shape[-2]
        if x.shape[:-2] != here.basis.shape[:-2]:
            x = np.broadcast_to(x, (*here.basis.shape[:-2], *x.shape[-2:]))
        basis, images = here.known
        c, r, q = orthonormal(x, basis)
        fresh = source.draw(self.stream, self.draws, here.count, k, self.dtype)
        if there.count:
            u, wu = there.known
            fresh -= times(times(fresh, u.swapaxes(-1, -2)), u)
            fresh *= self.deviation
            fresh += times(times(q, wu.swapaxes(-1, -2)), u)
        else:
            fresh *= self.deviation
        out = times(r, fresh)
        if here.count:
            out += times(c, images)
        if here.count + k < here.basis.shape[-2] or there.basis.shape[-2]:
            here.basis[..., here.count : here.count + k, :] = q
            here.images[..., here.count : here.count + k, :] = fresh
        here.count += k
        return np.asarray(out)


def orthonormal(x: Array, basis: Array) -> tuple[Array, Array, Array]:
    """(c, R, q) with X = c Q + R q, q orthonormal rows orthogonal to Q; a dependent vector gets a zero row.

    Gram-Schmidt twice against Q; then the Cholesky factor of the residuals' Gram, twice, or vector by vector where
    they are nearly dependent.
    """
    k = x.shape[-2]
    size = np.sqrt(np.einsum("...i,...i->...", x, x))
    rest = x.copy()
    c = np.zeros((*x.shape[:-1], basis.shape[-2]), dtype=x.dtype)
    if basis.shape[-2]:
        across = basis.swapaxes(-1, -2)
        for _ in range(2):
            more = times(rest, across)
            rest -= times(more, basis)
            c += more
    double = x.dtype == np.float64
    r = np.broadcast_to(np.eye(k, dtype=x.dtype), (*x.shape[:-1], k))
    for _ in range(2 if k > 1 else 1):
        try:
            step = np.linalg.cholesky(times(rest, rest.swapaxes(-1, -2)))
        except np.linalg.LinAlgError:
            break
        pivots = np.diagonal(step, axis1=-2, axis2=-1) * np.diagonal(r, axis1=-2, axis2=-1)
        if not (pivots > (1e-5 if double else 1e-2) * size).all():
            break
        rest = times(np.linalg.inv(step), rest)
        r = times(r, step)
    else:
        return c, r, rest
    return _one_by_one(x, basis, size, 1e-12 if double else 1e-5)


def _one_by_one(x: Array, basis: Array, size: Array, tolerance: float) -> tuple[Array, Array, Array]:
    """Gram-Schmidt with re-orthogonalisation, one vector after the other."""
    k, old = x.shape[-2], basis.shape[-2]
    q = np.zeros((*x.shape[:-2], old + k, x.shape[-1]), dtype=x.dtype)
    q[..., :old, :] = basis
    coefficients = np.zeros((*x.shape[:-1], old + k), dtype=x.dtype)
    for j in range(k):
        row = x[..., j : j + 1, :].copy()
        seen = q[..., : old + j, :]
        for _ in range(2):
            more = times(row, seen.swapaxes(-1, -2))
            row -= times(more, seen)
            coefficients[..., j : j + 1, : old + j] += more
        length = np.sqrt(np.einsum("...i,...i->...", row, row))
        new = length[..., 0] > tolerance * size[..., j]
        coefficients[..., j, old + j] = np.where(new, length[..., 0], 0.0)
        scale = np.where(new, 1.0 / np.where(new, length[..., 0], 1.0), 0.0)
        q[..., old + j, :] = row[..., 0, :] * scale[..., None]
    return coefficients[..., :old], coefficients[..., old:], q[..., old:, :]


@dataclass(slots=True)
class Once:
    """Matrices that are applied a single time: W X = L (W Q) with W Q fresh."""

    stream: Stream
    draws: int
    deviation: Array
    out: Source
    dtype: np.dtype[Any]

    def forward(self, factor: Array) -> Array:
        """Return the products, from the root of the inputs."""
        k, rank = factor.shape[-2:]
        scaled = factor * self.deviation
        if k == rank == 1:
            return self.out.draw(self.stream, self.draws, 0, rank, self.dtype, scaled)
        fresh = self.out.draw(self.stream, self.draws, 0, rank, self.dtype)
        return times(scaled, fresh)


@dataclass(slots=True)
class Built:
    """Matrices in memory, as rows of images of the unit vectors: (draws, slab..., inputs, outputs)."""

    matrix: Array

    def forward(self, x: Array) -> Array:
        return times(x, self.matrix)

    def backward(self, x: Array) -> Array:
        return times(x, self.matrix.swapaxes(-1, -2))
