"""The rule about readouts that enter functions: routers, learned queries, additive attention, functions of outputs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Premises, Statement
from tensorprog.kernel.ground.nodes import Dot, Input, MatMul, Moment
from tensorprog.kernel.ground.term import ZERO, Var
from tensorprog.kernel.verdict.premises import Case, case_of, covering


class Routed(Case):
    """An output below which the initial vectors of these names are readout vectors; their readouts may be read."""

    def __init__(self, ctx: Context, roots: list[Var], vectors: tuple[str, ...]) -> None:
        self.vectors = vectors
        super().__init__(ctx, roots)

    def vector(self, d: Dot) -> Var | None:
        """The side of a dot product that is a readout vector, and the other is none."""
        found = [s for s in (d.left, d.right) if s.name in self.vectors]
        return found[0] if len(found) == 1 and all(isinstance(n, Input) for n in self.ctx.resolve(found[0])) else None


def readout_scores(
    ctx: Context,
    premises: Premises,
    output: int,
    vectors: tuple[str, ...],
    remarks: tuple[str, ...] = (),
    extra: tuple[int, ...] = (),
) -> Statement:
    """Readouts of vectors below them are Gaussian, independent of all else; the program without them is covered."""
    case = case_of(ctx, output, extra, partial(Routed, vectors=vectors))
    names = {side.name for side in case.readouts.values()}
    for n in case.nodes:
        if isinstance(n, Input) and names & {*n.group.names}:
            require(n.group.mean[n.position] == ZERO, "a readout vector is centred")
            require(n.name in names, "what is correlated with a readout vector is one")
        late = isinstance(n, MatMul | Moment | Dot) and case.depends(r for r, _ in ctx.program.references(n))
        require(not late, "readouts are read by functions alone")
    base = "attention" if case.scores else "netsor-plus"
    return replace(covering(premises, case, base, output, remarks), theorem=f"readout-scores over {base}")
