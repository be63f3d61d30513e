"""The rules about programs: a theorem's premises for one output, recomputed here, and what discharges each of them.

What is a matter of structure (scaling, the origin of score sides, exclusivity, distinctness, order) is decided from
the program alone; what depends on functions or variances becomes a list of obligations, one premise for each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fractions import Fraction

from tensorprog.kernel.core.context import MAPS, Context
from tensorprog.kernel.core.refused import require
from tensorprog.kernel.core.statements import Applies, Assumed, Instruction, Premises, Statement, Varies
from tensorprog.kernel.ground.indices import Pattern, uncovered
from tensorprog.kernel.ground.masks import index_values
from tensorprog.kernel.ground.members import Members, Product, independent_input
from tensorprog.kernel.ground.nodes import (
    Dot,
    Input,
    InputGroup,
    LinComb,
    MatMul,
    Moment,
    Nonlin,
    Scalar,
    primed_indices,
)
from tensorprog.kernel.ground.powers import MOMENT, SCORE
from tensorprog.kernel.ground.scaling import mentions_width, rational, width_power
from tensorprog.kernel.ground.term import Var, shift_subs, transform
from tensorprog.kernel.verdict.constants import number

REMARKS = ("A1.bounded", "A1.widths")
"""Premises that their source calls inessential."""


class Case:
    """An output with its ancestors: what of it is a score, and what depends on one."""

    def __init__(self, ctx: Context, roots: list[Var]) -> None:
        self.ctx, self.program, self.roots = ctx, ctx.program, roots
        self.members = Members(ctx.program, roots, ctx.spend)
        self.nodes = self.members.nodes
        self.dots = [n for n in self.nodes if isinstance(n, Dot)]
        self.read = {r.name for n in self.nodes for r, _ in self.program.references(n)}
        scores = [d for d in self.dots if ctx.powers.is_score(d)]
        self.readouts = {id(d): side for d in scores if (side := self.vector(d)) is not None}
        self.scores = [d for d in scores if id(d) not in self.readouts]
        self.late = {id(d) for d in scores if id(d) not in self.readouts or d.name in self.read}
        for n in self.nodes:
            if self.depends(r for r, _ in self.program.references(n)):
                self.late.add(id(n))

    def vector(self, d: Dot) -> Var | None:
        """The side of a readout that nothing reads: an initial vector, centred and independent of all others."""
        for side, other in ((d.left, d.right), (d.right, d.left)) if d.name not in self.read else ():
            if other.name != side.name and all(map(independent_input, self.ctx.resolve(side))):
                return side
        return None

    def depends(self, refs: Iterable[Var]) -> bool:
        """Return whether one of these depends on a score."""
        return any(id(n) in self.late for r in refs for n, _ in self.program.resolve(r))

    def consumed(self) -> list[int]:
        """The maps whose functions matter: arguments of products and of dot products, and the outputs."""
        names = {r.name for r in self.roots}
        refs = [r for n in self.nodes if isinstance(n, MatMul | Dot) for r, _ in self.program.references(n)]
        found = [n for r in refs for n in self.ctx.resolve(r)] + [n for n in self.nodes if n.name in names]
        return sorted({self.ctx.index(n) for n in found if isinstance(n, MAPS) and id(n) in self.members.need})

    def sampled(self, allowed: tuple[Fraction, ...]) -> None:
        """How weights are sampled, transposes, powers of the width, readouts: what all theorems ask."""
        for n in self.nodes:
            if isinstance(n, MatMul):
                w = self.program.weights[n.weight.name]
                part = width_power(w.variance, self.program.widths)
                require(part and part[1] == -1 and number(self.ctx, part[0]).plus, "variance")
                require(w.law == "gaussian", "gaussian")
                require(not n.transposed, "transposes")
            if isinstance(n, LinComb | Nonlin | Moment):
                require(not mentions_width(n.body, self.program.widths), "scaling")
            if isinstance(n, Scalar):
                require(self.ctx.powers.seen(n.body), "a width stands in no function")
            if isinstance(n, Dot | Input):  # the factor and the mean have values
                number(self.ctx, n.factor if isinstance(n, Dot) else n.group.mean[n.position])
            for r, _ in self.program.references(n):
                used = any(r.name == side.name for side in self.readouts.values())
                require(not used or (id(n) in self.readouts and self.readouts[id(n)] is r), "readouts")
            late = id(n) in self.readouts and self.depends(r for r, _ in self.program.references(n))
            require(not late, "readouts")
        powers = self.ctx.powers
        uses = [u for n in self.nodes for u in powers.by_user.get(id(n), ())]
        for u in [*uses, *(u for r in self.roots for u in powers.of_output(r))]:
            require(u.power in allowed if isinstance(u.source, Dot) else u.power == 0, "scaling")

    def each(self, n: MatMul, patterns: Collection[Pattern]) -> Iterable[Product]:
        self.ctx.spend(2 * sum(p.size for p in patterns))
        return self.members.products(n, patterns)

    def sides(self) -> list[MatMul]:
        """The products that are sides of scores; the matrices of one pair differ, and make nothing else."""
        found: dict[int, list[Pattern]] = {}
        for d in self.scores:
            for pattern in self.members.need[id(d)]:
                pair = [self.members.at(d, pattern, r) for r in (d.left, d.right)]
                require(all(isinstance(n, MatMul) for side in pair for n, _ in side), "A1.matmul")
                for n, used in pair[0] + pair[1]:
                    found.setdefault(id(n), []).append(used)
                left, right = ({n.weight.name for n, _ in side if isinstance(n, MatMul)} for side in pair)
                self.ctx.spend(6 * pattern.size if left & right else 0)
                for member in pattern.members() if left & right else ():
                    one = [x for r in (d.left, d.right) for x in self.members.at(d, Pattern(member, ()), r)]
                    tied = [self.members.product(n, m.first())[0] for n, m in one if isinstance(n, MatMul)]
                    require(len(tied) == 2 and tied[0] != tied[1], "A1.b-distinct")
        products = [n for n in self.nodes if isinstance(n, MatMul)]
        sides = [n for n in products if id(n) in found]
        users = [n for n in products if any(n.weight.name == s.weight.name for s in sides)]
        need = self.members.need
        parts = [(n, p) for n in users for p in need[id(n)]]
        doubtful = {n.weight.name for n, p in parts if uncovered(p, found.get(id(n), ()), self.ctx.spend) is not None}
        made = {x for n in sides if n.weight.name in doubtful for x in self.each(n, found[id(n)])}
        matrices = {matrix for matrix, _ in made}
        for n in users:
            for x in self.each(n, need[id(n)]) if n.weight.name in doubtful else ():
                require(x in made or x[0] not in matrices, "A1.a-exclusive")
        return sides


def obligations(case: Case, theorem: str, remarks: tuple[str, ...]) -> list[tuple[str, int]]:
    """What is left to discharge of a theorem's premises: (property, instruction). Refuses what the program breaks."""
    program, index, used = case.program, case.ctx.index, case.consumed()
    scalars = any(program.families[name].kind == "scalar" for name in case.read)
    moments = [index(n) for n in case.nodes if isinstance(n, Moment)]
    if theorem == "netsor":
        case.sampled((SCORE,))
        require(not moments and len(case.dots) == len(case.readouts), "instructions")
        return [("controlled", k) for k in used]
    if theorem == "netsor-plus":
        case.sampled((MOMENT, SCORE) if case.readouts else (MOMENT,))
        require(not case.scores, "instructions")
        kind = "pseudo-Lipschitz" if scalars else "controlled"
        alone = {k for k in used if isinstance(program.nodes[k], Scalar)}  # functions of scalars alone, at their limits
        return [("continuous" if k in alone else kind, k) for k in (*used, *moments)]
    require(theorem == "attention" and case.scores, "A1.scores")
    case.sampled((SCORE,))
    sides = case.sides()
    require(not moments, "A1.no-moments")
    for n in case.nodes:
        refs = [r for r, _ in program.references(n)]
        require(not isinstance(n, MatMul | Dot) or not case.depends(refs), "scores-last")
        require(not isinstance(n, Scalar) or all(case.depends([r]) for r in refs), "A1.no-moments")
    widths = {program.widths[w] for n in case.nodes if (w := program.families[n.name].width) is not None}
    require(len(widths) <= 1 or "A1.widths" in remarks, "A1.widths")
    features = [n for side in sides for n in case.ctx.resolve(side.arg)] if "A1.bounded" not in remarks else []
    require(all(isinstance(n, MAPS) for n in features), "A1.bounded")
    asked = [("pseudo-Lipschitz", k) for k in used] + [("bounded", index(n)) for n in features]
    return list(dict.fromkeys([*asked, *(("variance", index(n)) for n in sides)]))


def case_of(ctx: Context, output: int, extra: tuple[int, ...], kind: Callable[..., Case] = Case) -> Case:
    """An output with its ancestors, and unused scores of the program, which may absorb further products."""
    require(0 <= output < len(ctx.program.outputs), "the output exists")
    unused = [ctx.node(k) for k in extra]
    require(all(ctx.powers.is_score(n) for n in unused), "the extra scores are scores of the program")
    return kind(ctx, [ctx.program.outputs[output].ref, *(Var(n.name, n.subs) for n in unused)])


def applies(
    ctx: Context,
    premises: Premises,
    theorem: str,
    output: int,
    remarks: tuple[str, ...] = (),
    extra: tuple[int, ...] = (),
) -> Statement:
    """A theorem covers an output: every premise holds, or its source calls it inessential."""
    return covering(premises, case_of(ctx, output, extra), theorem, output, remarks)


def covering(premises: Premises, case: Case, theorem: str, output: int, remarks: tuple[str, ...]) -> Applies:
    require(not remarks or (theorem == "attention" and set(remarks) <= set(REMARKS)), "remarks of the theorem")
    wanted = obligations(case, theorem, remarks)
    require(len(premises) == len(wanted), "one premise for each obligation")
    for (what, k), p in zip(wanted, premises, strict=True):
        require(_discharges(p, what, k, theorem), f"instruction {k}: {what}")
    inputs = [n for n in case.nodes if isinstance(n, Input)]
    sure = {n.group.names for n in inputs if independent_input(n) and number(case.ctx, n.group.cov[0][0]).plus}
    sure |= {g.names for g in {n.group for n in inputs if n.group.names not in sure} if semidefinite(case.ctx, g)}
    waived = tuple(r for r in REMARKS if r in remarks)
    return Applies(theorem, output, waived, tuple(sorted({n.group.names for n in inputs} - sure)))


def _discharges(p: Statement, what: str, k: int, theorem: str) -> bool:
    """Return whether it says this property of the instruction; facts near limits are for netsor-plus alone."""
    match p:
        case Assumed(node, _, property):
            return (node, property) == (k, what)
        case Varies(node):
            return (node, what) == (k, "variance")
        case Instruction(node, info) if what != "variance":
            return node == k and info.has(what) and (theorem == "netsor-plus" or not info.local)
    return False


def semidefinite(ctx: Context, group: InputGroup) -> bool:
    """Return whether a rational matrix is a covariance, by Gauss: no pivot < 0, and a pivot 0 has a row 0."""
    coupled = sorted(primed_indices(group))
    for at in index_values([s for s in group.subs if s not in coupled], ctx.program):
        places = [(k, i) for k in range(len(group.names)) for i in index_values(coupled, ctx.program)]
        if len(places) > 50:
            return False
        ctx.spend(len(places) ** 3)
        found = [
            [
                rational(
                    transform(shift_subs(group.cov[k][m], {**at, **i, **{f"{s}'": v for s, v in j.items()}}), ctx.entry)
                )
                for m, j in places
            ]
            for k, i in places
        ]
        rows = [[x for x in row if x is not None] for row in found]
        if list(map(list, zip(*found, strict=True))) != rows:
            return False
        while rows:
            (pivot, *first), *rest = rows
            if pivot < 0 or (pivot == 0 and any(first)):
                return False
            rows = [[x - y * row[0] / (pivot or 1) for x, y in zip(row[1:], first, strict=True)] for row in rest]
    return True
