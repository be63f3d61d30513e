"""The limit kernel of fully connected networks between two sets of inputs, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import expand, read_term, registry, unknown_activation
from tensorprog.kernel.ground.term import call, variables
from tensorprog.nngp.angular import Angular
from tensorprog.nngp.blocks import finite, processors, store, target
from tensorprog.nngp.duals import Array, Dual, Vectors, cut, recognise
from tensorprog.terms import App, Term, Var

PANEL = 4_000_000
"""Entries of a panel: how much is held beside the result."""
INITIALISATIONS = {"he": 2.0, "lecun": 1.0, "ntk": 1.0, "glorot": 1.0}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is left to do: products of rows of `left` and `right`, each block through `run`; K(x, x) is known."""

    left: Array
    right: Array
    run: Callable[[Array, slice, slice, bool], Array]
    diagonal: Array


@dataclass(frozen=True, eq=True)
class MLPKernel:
    """The covariance of the output of an infinitely wide perceptron with `depth` hidden layers, as a kernel function.

        K(0) = x·y/d,   K(1) = σ_w² K(0) + σ_b²,   K(l+1) = σ_w² E φ(Z1) φ(Z2) + σ_b²,  (Z1, Z2) ~ N(0, K(l))

    activation: a function of the language or an expression in x; a list has one for each of the `depth` hidden layers.
    weights: σ_w² (2 is He, 1 LeCun), or a name. bias: σ_b². Lists of these have depth + 1 entries, for K(1) first.
    branch: None, or the branch scale of a residual network, K(0) ↦ K(l+1) = K(l) + branch² (...), where the
    first layer has no bias (the networks are `tensorprog.models.mlp` and `residual_mlp`). tolerance: for activations
    without a closed form, on each layer and relative to √(K(x,x) K(y,y)). block: side of a block. threads: None is one
    for each processor. engine: "numpy", or "fast" for compiled loops (the extra `fast`: numba), which agree with
    numpy's to a few units in the last place.

    Neal 1996; Cho & Saul 2009; Lee et al. 2018; Matthews et al. 2018. The verdict is `tensorprog.check` of the network.

    >>> k = MLPKernel("relu", depth=1, weights=2)
    >>> k([[1.0, 0.0], [0.0, 1.0]]).round(6).tolist()
    [[1.0, 0.31831], [0.31831, 1.0]]
    """

    activation: str | Sequence[str] = "relu"
    depth: int = 1
    weights: float | str | Sequence[float | str] = "he"
    bias: float | Sequence[float] = 0.0
    branch: float | None = None
    tolerance: float = 1e-11
    block: int = field(default=128, compare=False)
    threads: int | None = field(default=None, compare=False)
    engine: str = "numpy"

    def __post_init__(self) -> None:
        for name in ("activation", "weights", "bias"):
            given = getattr(self, name)
            if not isinstance(given, str | Real):
                object.__setattr__(self, name, tuple(given))  # so that kernels can be compared and hashed
        if self.depth < 0 or self.block < 1 or (self.threads is not None and self.threads < 1):
            raise ValueError("depth is at least 0, block and threads at least 1")
        for name, count in (("activation", self.depth), ("weights", self.depth + 1), ("bias", self.depth + 1)):
            given = getattr(self, name)
            if isinstance(given, tuple) and len(given) != count:
                raise ValueError(
                    f"{name} has {len(given)} entries: with {self.depth} hidden layers it is one for all, or {count}"
                )
        named = [a for a in _each(self.activation, 1) if isinstance(a, str) and a.isidentifier() and a != "x"]
        if strange := [a for a in named if a not in library() and a not in registry()]:
            raise unknown_activation(strange[0])
        if any(isinstance(w, str) and w not in INITIALISATIONS for w in _each(self.weights, 1)):
            raise ValueError(f"weights are numbers or among {', '.join(INITIALISATIONS)}")
        if not all(np.isfinite(x) and x >= 0 for x in (*self.sigma_w2, *self.sigma_b2)):
            raise ValueError("weights and bias are variances: finite and not negative")
        if self.tolerance <= 0:
            raise ValueError("tolerance is positive")
        if self.engine not in ("numpy", "fast"):
            raise ValueError("the engines are numpy and fast")
        if self.engine == "fast" and find_spec("numba") is None:
            raise ValueError("the engine fast needs numba: pip install 'tensorprog[fast]'")

    @cached_property
    def sigma_w2(self) -> tuple[float, ...]:
        """σ_w² as numbers, for K(1) to K(depth + 1)."""
        found = _each(self.weights, self.depth + 1)
        return tuple(INITIALISATIONS[w] if isinstance(w, str) else float(w) for w in found)

    @cached_property
    def sigma_b2(self) -> tuple[float, ...]:
        """σ_b², for K(1) to K(depth + 1)."""
        return tuple(map(float, _each(self.bias, self.depth + 1)))

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """φ of each hidden layer, as terms in x."""
        return tuple(map(_term, _each(self.activation, self.depth)))

    @cached_property
    def duals(self) -> tuple[Dual, ...]:
        """E φ(Z1) φ(Z2) of each hidden layer, closed form or series; the same φ has the same dual."""
        made = {term: self._dual(term) for term in dict.fromkeys(self.terms)}
        return tuple(made[term] for term in self.terms)

    def _dual(self, term: Term) -> Dual:
        found = recognise(term)
        if found is None:
            from tensorprog.nngp.general import general  # the Gaussian engine takes a second to load

            found = general(term, self.tolerance)
        return found

    # -- the kernel ----------------------------------------------------------------------------------------------

    def __call__(self, X: Any, Y: Any = None, out: Array | str | Path | None = None, dask: str | None = None) -> Array:
        """K(X, Y), or K(X, X) with its exact diagonal and symmetric to the last bit.

        out: an array to write into (a memory map, say), or a path: a new .npy file, memory-mapped. dask: the address of
        a Dask cluster that computes the blocks (the extra `distributed`); lost workers are replaced.

        Errors: TP008 data that is not finite; TP501 a moment that is infinite, or not known to the tolerance; TP018 no
        cluster answers.
        """
        x = _data(X)
        y = x if Y is None else _data(Y)
        if x.shape[1] != y.shape[1]:
            raise ValueError(f"X has {x.shape[1]} columns and Y {y.shape[1]}")
        result = target(out, (len(x), len(y)))
        same = Y is None or Y is X
        if dask is not None:
            from tensorprog.nngp.cluster import on_cluster

            return on_cluster(dask, replace(self, threads=1), x, None if same else y, result)
        plan = self._angular(x, y) if self.is_angular else self._smooth(x, y, same)
        diagonal = plan.diagonal

        def work(tile: tuple[slice, slice, Array]) -> None:
            r, c, products = tile
            values = plan.run(np.ascontiguousarray(products), r, c, same and r == c)
            store(result, r, c, values, diagonal if same else None)

        threads = processors(self.threads)
        with ThreadPoolExecutor(threads) as pool:
            for tasks in _panels(plan.left, plan.right, self.block, same):
                if threads == 1 or len(tasks) < 4:
                    for tile in tasks:
                        work(tile)
                else:
                    list(pool.map(work, tasks))
        return result

    def diag(self, X: Any) -> Array:
        """K(x, x) for each input: the diagonal of K(X, X)."""
        x = _data(X)
        return self._angular(x, x).diagonal if self.is_angular else self._levels(_squares(x))[0][-1]

    # -- smooth activations, and those with a kink ------------------------------------------------------------------

    def _smooth(self, x: Array, y: Array, same: bool) -> _Plan:
        q0 = _squares(x) if same else np.concatenate([_squares(x), _squares(y)])
        levels, made = self._levels(q0)
        shift = 0 if same else len(x)
        w, b, d = self.sigma_w2[0], self.sigma_b2[0], x.shape[1]

        def run(k: Array, r: slice, c: slice, on_diagonal: bool) -> Array:
            k *= w / d
            if b and self.branch is None:
                k += b
            if on_diagonal:
                np.fill_diagonal(k, 0.0)  # known exactly, and the one place where the correlation is 1
            work, before = np.empty((2, *k.shape)), np.empty_like(k)
            at = slice(c.start + shift, c.stop + shift)
            for layer, vectors in enumerate(made):
                self._layer(layer, k, cut(vectors, r), cut(vectors, at), work, before)
            return k

        return _Plan(x, y, run, levels[-1][: len(x)])

    def _layer(self, layer: int, k: Array, rows: Vectors, columns: Vectors, work: Array, before: Array) -> None:
        scale = 1.0 if self.branch is None else self.branch**2
        if self.branch is not None:
            before[...] = k
        self._applied[layer](k, rows, columns, work)
        k *= self.sigma_w2[layer + 1] * scale
        if self.sigma_b2[layer + 1]:
            k += self.sigma_b2[layer + 1] * scale
        if self.branch is not None:
            k += before

    @cached_property
    def _applied(self) -> list[Callable[[Array, Vectors, Vectors, Array], None]]:
        if self.engine == "numpy":
            return [dual.apply for dual in self.duals]
        from tensorprog.nngp import fast

        return [partial(fast.apply, dual) for dual in self.duals]

    def _levels(self, q0: Array) -> tuple[list[Array], list[Vectors]]:
        """K(l)(x, x) for l = 1..depth+1, and what the dual makes of all but the last."""
        w, b = self.sigma_w2, self.sigma_b2
        q: Array = w[0] * q0 + (b[0] if self.branch is None else 0.0)
        out, made = [q], []
        for layer, dual in enumerate(self.duals, 1):
            made.append(dual.prepare(q))
            f = w[layer] * dual.square(q, made[-1]) + b[layer]
            q = f if self.branch is None else q + self.branch**2 * f
            out.append(q)
        if not all(np.isfinite(q).all() for q in out):
            raise fail("TP501", "the variances leave the range of floats", help="smaller weights, or fewer layers")
        return out, made

    # -- jumps ----------------------------------------------------------------------------------------------------

    @property
    def is_angular(self) -> bool:
        """Whether it is a network of sign or step."""
        jumps = [t for t in self.terms if isinstance(t, App) and t.head in ("sign", "step") and t.args == (Var("x"),)]
        if not jumps:
            return False
        if len({*self.terms}) > 1 or len({*self.sigma_w2}) > 1 or len({*self.sigma_b2}) > 1:
            raise ValueError("networks of sign or step have one activation, one weight variance and one bias variance")
        return True

    def _angular(self, x: Array, y: Array) -> _Plan:
        if self.branch is not None:
            raise ValueError("sign and step are not offered with residual branches")
        term = self.terms[0]
        assert isinstance(term, App)
        engine = Angular(term.head == "sign", self.depth, self.sigma_w2[0], self.sigma_b2[0])
        u, v = self._normalised(x), self._normalised(y)
        both = np.array(
            [engine.block(u[k : k + 1] @ u[k : k + 1].T, u[k : k + 1], u[k : k + 1])[0, 0] for k in _representatives(u)]
        )
        diagonal = np.where(u.any(axis=1), both[0], both[-1])
        return _Plan(u, v, lambda rho, r, c, _: engine.block(rho, u[r], v[c]), diagonal)

    def _normalised(self, x: Array) -> Array:
        """(σ_w x/√d, σ_b) divided by its length."""
        z: Array = np.concatenate(
            [x * np.sqrt(self.sigma_w2[0] / x.shape[1]), np.full((len(x), 1), np.sqrt(self.sigma_b2[0]))], axis=1
        )
        length = np.linalg.norm(z, axis=1, keepdims=True)
        np.divide(z, length, out=z, where=length > 0)
        return z


def _each(given: Any, count: int) -> tuple[Any, ...]:
    """Return one for each layer."""
    return given if isinstance(given, tuple) else (given,) * count


def _term(activation: str) -> Term:
    """φ as a term in x."""
    least, most = library()[activation].arity if activation in library() else (0, 0)
    if least <= 1 <= most:  # a name alone needs no grammar, whose tables take longer than the kernel
        return expand(call(activation, Var("x")))
    term = read_term(f"{activation}(x)" if most or activation in registry() else activation)
    if set(variables(term)) - {Var("x")}:
        if activation.isidentifier():
            raise unknown_activation(activation)
        raise ValueError(f"{activation!r} is not a function of the language or an expression in x")
    return term


def _representatives(u: Array) -> list[int]:
    """Return one input of positive variance and one of variance 0, as far as there are any."""
    positive = u.any(axis=1)
    return [int(np.argmax(positive)), int(np.argmin(positive))]


def _data(X: Any) -> Array:
    x: Array = np.ascontiguousarray(X, dtype=np.float64)
    if x.ndim != 2 or not x.shape[0] or not x.shape[1]:
        raise ValueError("the inputs are the rows of a matrix, at least one of each")
    return finite(x)


def _squares(x: Array) -> Array:
    """|x|²/d."""
    out: Array = np.einsum("ij,ij->i", x, x) / x.shape[1]
    if not np.isfinite(out).all():
        raise fail("TP501", "the squares of the data leave the range of floats", help="rescale the data")
    return out


def _panels(left: Array, right: Array, side: int, same: bool) -> Iterator[list[tuple[slice, slice, Array]]]:
    """Blocks (rows, columns, left·right) that cover the matrix, or its upper half and diagonal, a panel at a time.

    A panel's products are one call of BLAS, outside of the threads that work on its blocks.
    """
    rows, columns = len(left), len(right)
    height = side * max(1, PANEL // (side * columns))
    for top in range(0, rows, height):
        bottom, start = min(top + height, rows), top if same else 0
        products = left[top:bottom] @ right[start:].T
        yield [
            (slice(i, min(i + side, bottom)), slice(j, min(j + side, columns)),
             products[i - top : min(i + side, bottom) - top, j - start : j + side - start])
            for i in range(top, bottom, side) for j in range(i if same else 0, columns, side)
        ]  # fmt: skip
