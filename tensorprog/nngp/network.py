"""The limit kernel of any network between two sets of inputs: convolutions, recurrent networks, attention at 1/n."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.limit.derive import Limit
from tensorprog.limit.rules.labels import Field
from tensorprog.limit.rules.quantities import Sum
from tensorprog.nngp.blocks import finite, processors, store, target
from tensorprog.nngp.duals import Array
from tensorprog.nngp.pairs import COLUMNS, ROWS, Block, block
from tensorprog.program.api import Program
from tensorprog.program.graph.constants import array
from tensorprog.terms import Term

HELD = 1 << 25
"""Numbers that the quantities of one block hold together, over all threads."""
SIDES = (16, 256)


@dataclass(frozen=True, eq=False)
class NetworkKernel:
    """Cov(f(x), f(y)) in the limit of any network whose data enters by its Gram matrix, as a kernel function.

        k = NetworkKernel(lambda gram: models.convolution(gram, (8, 8), depth=2), tokens=64)
        K = k(X)         X: (inputs, tokens, d), or (inputs, tokens·d);  K: (inputs, inputs)

    build: from the Gram matrix x_i·x_j/d of the tokens of two inputs (2·tokens rows, the first input's tokens first;
    pixels, positions and time steps are tokens too) to a program. of: what is read of the first and of the second
    input, as ("y[3]", "y[6]"); None where the output has just two members. matrix: the Gram matrix's name in the
    program. block: side of a block, None for what fits into memory. threads: None is one for each processor.

    The program is judged once: what no theorem covers is refused. So are jumps (sign, step), whose kernels lose half of
    the digits near correlation 1 (MLPKernel keeps them). Batch normalisation, where inputs see one another, has no
    kernel of pairs. Every pair of positions that the network mixes is computed: a global average of p positions needs
    p² arrays a layer.

    Errors: TP008 data that is not finite; TP402 the kernel depends on scores at 1/√n; TP501 infinite moments.

    >>> from tensorprog import models
    >>> k = NetworkKernel(lambda gram: models.rnn(gram, lengths=[2, 2]), tokens=2, of=("y[2]", "y[4]"))
    >>> k([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]).round(6).tolist()
    [[0.429802, 0.244715], [0.244715, 0.429802]]
    """

    build: Callable[[Any], Program]
    tokens: int = 1
    of: tuple[str, str] | None = None
    matrix: str = "K"
    block: int | None = None
    threads: int | None = None

    def __deepcopy__(self, memo: Any) -> NetworkKernel:
        return self  # it does not change, and scikit-learn copies what it is given

    def __post_init__(self) -> None:
        if self.tokens < 1 or (self.block is not None and self.block < 1):
            raise ValueError("tokens and block are at least 1")

    # -- the program -------------------------------------------------------------------------------------------------

    @cached_property
    def program(self) -> Program:
        """The network on two inputs in general position."""
        size = 2 * self.tokens
        (program, gram), (other, _) = (self._built(seed) for seed in (0, 1))
        matrix = program.matrices.get(self.matrix)
        if matrix is None or matrix.shape != (size, size):
            raise ValueError(f"the program has no {size} x {size} matrix {self.matrix}: which is the Gram matrix?")
        if array(program.matrices[self.matrix], {}, program).tolist() != gram:
            raise ValueError(f"{self.matrix} is not the Gram matrix that was given: scale the data, not the matrix")
        if _text(program, self.matrix) != _text(other, self.matrix):
            raise ValueError(f"the program depends on the Gram matrix by more than {self.matrix}")
        from tensorprog.theorems.check import check

        found = check(program)
        if found.verdict not in ("valid", "valid-by-remark"):
            raise fail("TP402", f"no theorem covers the network: the verdict is {found.verdict}",
                       help="tensorprog.check(build(gram)) says at which line and why")  # fmt: skip
        return program

    def _built(self, seed: int) -> tuple[Program, list[list[float]]]:
        size = 2 * self.tokens
        x = np.random.default_rng(seed).standard_normal((size, 2 * size))
        gram: list[list[float]] = np.round(x @ x.T / (2 * size), 6).tolist()
        return self.build(gram), gram

    @cached_property
    def _limit(self) -> Limit:
        return Limit(self.program)

    @cached_property
    def _read(self) -> tuple[Term, Term]:
        of = self.of
        if of is None:
            members = [m for o in self.program.outputs for m in self._limit.lookup.members(o.ref, 3)]
            if len(members) != 2:
                raise ValueError("the output has not just two members: say with `of` what is read of each input")
            return members[0], members[1]
        one, two = (self._limit.lookup.term(t) for t in of)
        return one, two

    @cached_property
    def _sums(self) -> tuple[Sum, Sum, Sum]:
        """Cov(f(x), f(y)), Var f(x), Var f(y) as sums of products of quantities."""
        one, two = self._read
        return tuple(self._limit.engine.covariance_sum(a, b) for a, b in ((one, two), (one, one), (two, two)))  # type: ignore[return-value]

    @cached_property
    def _held(self) -> int:
        """Quantities of a block that vary with rows and columns; made with two inputs, which tests the symmetry too."""
        x = np.random.default_rng(1).standard_normal((2, self.tokens, 3))
        pairs = self._block(x, x)
        both = self._values(pairs, self._sums[0], (2, 2))
        one, two = (
            self._values(pairs, s, (2,), (axis,)) for s, axis in zip(self._sums[1:], (ROWS, COLUMNS), strict=True)
        )
        unequal = max(float(np.abs(both - both.T).max()), float(np.abs(one - two).max()))
        if unequal > 1e-9 * float(np.abs(one).max()):
            raise ValueError("the two inputs do not pass through the same network, or something else is read of them")
        return sum(len(f.axes) == 2 for f in pairs.memo.values()) + 4

    # -- the kernel --------------------------------------------------------------------------------------------------

    def __call__(self, X: Any, Y: Any = None, out: Array | str | Path | None = None) -> Array:
        """K(X, Y), or K(X, X) with its exact diagonal and symmetric to the last bit.

        out: an array to write into (a memory map, say), or a path: a new .npy file, memory-mapped.
        """
        x = self._data(X)
        y = x if Y is None else self._data(Y)
        if x.shape[2] != y.shape[2]:
            raise ValueError(f"the tokens of X have {x.shape[2]} entries and those of Y {y.shape[2]}")
        threads = processors(self.threads)
        side = self.block or int(np.clip((HELD / (threads * self._held)) ** 0.5, *SIDES))
        diagonal = self.diag(x) if Y is None or Y is X else None
        result = target(out, (len(x), len(y)))

        def work(tile: tuple[slice, slice]) -> None:
            r, c = tile
            pairs = self._block(x[r], y[c])
            values = self._values(pairs, self._sums[0], (len(x[r]), len(y[c])))
            store(result, r, c, values, diagonal)

        rows, columns = ([slice(k, min(k + side, n)) for k in range(0, n, side)] for n in (len(x), len(y)))
        tiles = [(r, c) for r in rows for c in columns if diagonal is None or c.start >= r.start]
        if threads == 1 or len(tiles) < 2:
            for tile in tiles:
                work(tile)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(work, tiles))
        return result

    def diag(self, X: Any) -> Array:
        """K(x, x) for each input: the diagonal of K(X, X)."""
        x = self._data(X)
        assert self._held
        return self._values(self._block(x, x[:1]), self._sums[1], (len(x),), (ROWS,))

    def _block(self, x: Array, y: Array) -> Block:
        """Return the calculus with the Gram matrices of these inputs; an entry is computed when asked for."""
        made: dict[tuple[int, int], Field] = {}

        def entry(i: int, j: int) -> Field:
            i, j = sorted((i - 1, j - 1))
            if (i, j) not in made:
                made[i, j] = _products(x, y, i, j, self.tokens)
            return made[i, j]

        return block(self._limit.engine, self.matrix, entry)

    def _values(self, of: Block, parts: Sum, shape: tuple[int, ...], axes: tuple[str, ...] = (ROWS, COLUMNS)) -> Array:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                found = of.total(parts)
            except ZeroDivisionError:
                raise fail("TP501", "the kernel divides by a variance that is 0", help="give a positive eps") from None
        if not set(found.axes) <= set(axes):
            raise ValueError("what is read of one input depends on the other")
        values = np.array(np.broadcast_to(found.to(axes), shape))
        if not np.isfinite(values).all():
            raise fail("TP501", "the kernel leaves the range of floats", help="smaller weights, data or depth")
        return values

    def _data(self, X: Any) -> Array:
        x: Array = np.ascontiguousarray(X, dtype=np.float64)
        if x.ndim == 2 and x.shape[1] % self.tokens == 0:
            x = x.reshape(len(x), self.tokens, -1)
        if x.ndim != 3 or x.shape[1] != self.tokens or not x.size:
            raise ValueError(f"the inputs are an array (inputs, {self.tokens} tokens, d) or (inputs, {self.tokens}·d)")
        return finite(x)


def _text(program: Program, matrix: str) -> str:
    """Return the program without its Gram matrix."""
    return "\n".join(line for line in program.to_text().splitlines() if not line.startswith(f"matrix {matrix} ="))


def _products(x: Array, y: Array, i: int, j: int, tokens: int) -> Field:
    """x_i·x_j/d for i <= j among the tokens of the rows' inputs and then of the columns' inputs."""
    d = x.shape[2]
    if j < tokens:
        return Field((ROWS,), np.einsum("nd,nd->n", x[:, i], x[:, j]) / d)
    if i >= tokens:
        return Field((COLUMNS,), np.einsum("nd,nd->n", y[:, i - tokens], y[:, j - tokens]) / d)
    return Field((ROWS, COLUMNS), x[:, i] @ y[:, j - tokens].T / d)
