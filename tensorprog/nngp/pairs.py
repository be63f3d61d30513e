"""The limit of one program on blocks of pairs of inputs: the calculus of `limit/`, its values arrays over the block.

The program holds two inputs, of which the Gram matrix is all that the limit depends on. Its entries within the first
input vary with the rows of a block, those within the second with the columns, the others with both; everything that
follows from them varies with what it must. So variances are computed once for each input and not for each pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from tensorprog.errors import TensorProgError, fail
from tensorprog.functions.api import facts
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.limit.engine import Engine
from tensorprog.limit.jumps.jumps import Jump
from tensorprog.limit.rules.labels import Field, Label, apply
from tensorprog.limit.rules.quantities import Core, no_limit
from tensorprog.limit.solver import Solver
from tensorprog.limit.values.algebra import Algebra
from tensorprog.limit.values.arrays import operation
from tensorprog.limit.values.cores import CoreFunction, no_value
from tensorprog.limit.values.members import Members
from tensorprog.nngp.duals import Array, Dual, recognise
from tensorprog.nngp.general import general
from tensorprog.program.graph.constants import array
from tensorprog.terms import App, Num, Term, Var, to_text

ROWS, COLUMNS = Label("rows", (0, 0)), Label("columns", (0, 0))
TOLERANCE = 1e-12


class Pairs(Algebra[Field]):
    """Quantities as arrays over the rows of a block, its columns, or both."""

    def __init__(self, engine: Engine, matrix: str, entry: Callable[[int, int], Field]) -> None:
        """`entry(i, j)`: the Gram matrix, named `matrix` in the program, for this block."""
        super().__init__(engine.program)
        self.numbers, self.cores = engine.numbers, engine.cores
        self.matrix, self.entry = matrix, entry
        self._fixed: dict[str, Array] = {}

    def zero(self) -> Field:
        return Field.number(0.0)

    def add(self, a: Field, b: Field) -> Field:
        return a + b

    def mul(self, a: Field, b: Field) -> Field:
        return a * b

    def is_zero(self, a: Field) -> bool:
        return a.is_zero()

    def score(self, ref: Var) -> Field:
        raise no_limit("TP402", f"the limit of {ref.name} is random", ref.place, "the kernel depends on scores",
                       "scale them by 1/n, or ask for the law of the output with derive")  # fmt: skip

    def evaluated(self, t: Term, found: dict[Term, Field]) -> Field:
        if t in found:
            return found[t]
        match t:
            case Num(value):
                return Field.number(float(value))
            case Var(name, (int() as i, int() as j)) if name == self.matrix:
                return self.entry(i, j)
            case Var(name, subs) if name in self.program.matrices:
                if name not in self._fixed:
                    self._fixed[name] = array(self.program.matrices[name], {}, self.program)
                return Field.number(float(self._fixed[name][tuple(int(s) - 1 for s in subs)]))
            case Var(name, ()):
                if name not in self.numbers.values:
                    raise no_value(name)
                return Field.number(float(self.numbers.values[name]))
            case App("pi"):
                return Field.number(float(np.pi))
            case App(head, args):
                return apply(operation(head), *(self.evaluated(a, found) for a in args))
        raise AssertionError(t)

    def standing(
        self, body: Term, cov: Sequence[Field], mean: Sequence[Field], found: dict[Term, Field],
        shown: Sequence[Term] = (),
    ) -> Sequence[Jump]:  # fmt: skip
        """Refuse a function with jumps: some inputs of a block may be at one, others not."""
        raise _discontinuous(body)

    def core(self, core: Core, cov: Sequence[Field], mean: Sequence[Field], constants: Sequence[Field]) -> Field:
        function = self.cores.of(core)
        if not _is_continuous(function):
            raise _discontinuous(function.body)
        dual = _dual(function)
        if dual is not None and {cov[0].axes, cov[2].axes} == {(ROWS,), (COLUMNS,)}:
            rows, columns = (cov[0], cov[2]) if cov[0].axes == (ROWS,) else (cov[2], cov[0])
            shape = (len(rows.data), len(columns.data))
            block = np.array(np.broadcast_to(cov[1].to((ROWS, COLUMNS)), shape))
            made = dual.prepare(rows.data), dual.prepare(columns.data)
            dual.apply(block, *made, np.empty((2, *shape)))
            return Field((ROWS, COLUMNS), block)
        return function.on_fields(cov, mean, constants)


Block = Solver[Field, Members[Field, Pairs]]
"""The quantities of one block of pairs."""


def block(engine: Engine, matrix: str, entry: Callable[[int, int], Field]) -> Block:
    """`entry(i, j)`: the Gram matrix, named `matrix` in the program, for these inputs."""
    return Solver(Members(engine.rules, Pairs(engine, matrix, entry)))


def _discontinuous(body: Term) -> TensorProgError:
    return fail("TP402", f"{to_text(body)} is not known to be continuous", help="a kernel with a jump loses half of "
                "the digits near correlation 1; MLPKernel has sign and step in full")  # fmt: skip


@lru_cache(maxsize=256)
def _is_continuous(function: CoreFunction) -> bool:
    """Return whether its kernel has a finite slope wherever two variables become one."""
    return function.size < 2 or function.powers is not None or facts(function.body).continuous.proved


@lru_cache(maxsize=256)
def _dual(function: CoreFunction) -> Dual | None:
    """E φ(z1) φ(z2), for one φ without params, as a dual in place."""
    if function.size != 2 or function.powers is not None or function.pair is None:
        return None
    f, g = function.pair
    if f != g or {v.name for v in variables(f)} != {"z"}:
        return None
    term = substitute(f, {Var("z"): Var("x")})
    return recognise(term) or general(term, TOLERANCE)
