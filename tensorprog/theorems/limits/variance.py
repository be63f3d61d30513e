"""Which limits have positive variance, member by member.

A vector is F(Z) for members Z = (Z_1, ..., Z_k) of initial vectors and products, jointly Gaussian. Two members of
different blocks (matrices, or initial vectors that no covariance couples) are independent. The mean of a block lies in
its support, and every point does if its covariance is nonsingular. Hence, for a continuous F,

    E F(Z)^2 > 0   if F(z, m) != 0 for some z: one member's value, the others at their means, its block nonsingular;
                   or if F(m) != 0;
                   or if F(z) != 0 for some z, all blocks nonsingular (looked for on a line through 0).

The block of W x_1, ..., W x_r is nonsingular if x_1, ..., x_r are linearly independent: if, one after the other, each
has a member Z_A that none of the later ones has, its block nonsingular, and x_k(z, m) is no constant in z = Z_A. (For
sum a_k x_k, take the first k with a_k != 0: the sum is not constant on the line of points (z, m) of the support.)
"""

from __future__ import annotations

from collections.abc import Callable

from tensorprog.errors import TensorProgError
from tensorprog.functions.decide.positivity import nonzero_somewhere, sign_of
from tensorprog.functions.evaluate.balls import Undecided, Undefined, ball, evaluate
from tensorprog.kernel.ground.nodes import Input, LinComb, MatMul, Nonlin, Scalar, primed_indices
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import add, mul, neg, variables
from tensorprog.numbers.interval import Interval
from tensorprog.program.graph.constants import at_indices
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.known import free_indices
from tensorprog.terms import Term, Var
from tensorprog.theorems.limits.limit import Limit
from tensorprog.theorems.vectors.member import Member, covariance, matrix_of, member_of, order
from tensorprog.theorems.vectors.nonlinearities import Nonlinearities
from tensorprog.theorems.vectors.slices import Slices, TooMuch, Z

LARGEST_BLOCK = 32


class Variances:
    """Positive second moments for the members of one program; `limit`: what is known of a scalar."""

    def __init__(self, program: Graph, functions: Nonlinearities, limit: Callable[[Var], Limit]) -> None:
        self.program = program
        self.functions = functions
        self.slices = Slices(program, lambda m: _known(limit(m.ref)))
        self._asked: dict[Term | int, bool] = {}
        self._positive: dict[Member, bool] = {}
        self._blocks: dict[frozenset[Member], bool] = {}
        self._continuous: dict[int, bool] = {}
        self._found: dict[Term, bool] = {}
        self._signs: dict[Term, str] = {}

    # -- what is asked -------------------------------------------------------------------------------------------

    def every_product(self, node: MatMul) -> bool:
        """Return whether every member of this product has positive variance in the limit."""
        return self._every(id(node), node, lambda m: self._block(frozenset({m})))

    def somewhere(self, t: Term) -> bool:
        """Return whether E F(Z)^2 > 0 is proved for every member of a composed term F."""
        return self._every(t, Nonlin("", tuple(free_indices(self.program, t)), t), self.positive)

    def _every(self, key: Term | int, node: MatMul | Nonlin, ask: Callable[[Member], bool]) -> bool:
        if key not in self._asked:
            try:
                self._asked[key] = all(ask(Member(node, at)) for at in self.slices.classes(node))
            except (TooMuch, RecursionError, TensorProgError):
                self._asked[key] = False
        return self._asked[key]

    # -- positivity ----------------------------------------------------------------------------------------------

    def positive(self, m: Member) -> bool:
        """Return whether E F(Z)^2 > 0 is proved."""
        if m not in self._positive:
            self._positive[m] = False
            self._positive[m] = self._is_positive(m)
        return self._positive[m]

    def _is_positive(self, m: Member) -> bool:
        atoms = self.slices.atoms(m)
        continuous = self._is_continuous(m)
        if continuous and self._sign(self.slices.slice(m, None)) in _NONZERO:
            return True
        if len(atoms) > 1 and not continuous:
            return False
        tried: set[Term] = set()
        for a in sorted(atoms, key=order):
            t = self.slices.slice(m, a)
            if t not in tried and Z in variables(t) and self._regular(a, atoms):
                tried.add(t)
                if self._nonzero(t):
                    return True
        few = 1 < len(atoms) <= LARGEST_BLOCK
        return few and self._nonzero(self.slices.slice(m, "line")) and all(self._regular(a, atoms) for a in atoms)

    def _regular(self, a: Member, atoms: frozenset[Member]) -> bool:
        """Return whether the block of this atom is nonsingular, as far as it occurs here."""
        key = self._source(a)
        return self._block(frozenset(b for b in atoms if self._source(b) == key))

    def _source(self, a: Member) -> object:
        """The matrix, or the initial vectors that are coupled with this one. Different sources are independent."""
        match a.node:
            case MatMul(weight=w):
                return (w.name, matrix_of(a))
            case Input(group=group):
                coupled = primed_indices(group)
                return (id(group), tuple(v for s, v in a.env.items() if s not in coupled))
            case _:
                raise TooMuch

    def _block(self, block: frozenset[Member]) -> bool:
        if block not in self._blocks:
            self._blocks[block] = False
            first = next(iter(block)).node
            self._blocks[block] = len(block) <= LARGEST_BLOCK and (
                self._inputs(block) if isinstance(first, Input) else self._products(block)
            )
        return self._blocks[block]

    def _products(self, block: frozenset[Member]) -> bool:
        """W x_1, ..., W x_r: the matrix is not 0, and the x_k are linearly independent."""
        if len(block) > 1 and any(isinstance(m.node, MatMul) and m.node.transposed for m in block):
            return False
        one = min(block, key=order)
        assert isinstance(one.node, MatMul)
        weight = self.program.weights[one.node.weight.name]
        variance = at_indices(weight.variance, dict(zip(weight.subs, matrix_of(one), strict=True)), self.program)
        part = width_power(variance, self.program.widths)
        if part is None or self._sign(part[0]) != "positive":
            return False
        inputs = {member_of(self.program, m.node.arg, m.env) for m in block if isinstance(m.node, MatMul)}
        return len(inputs) == len(block) and self._independent(inputs)

    def _independent(self, vectors: set[Member]) -> bool:
        """Return whether these vectors are linearly independent in the limit."""
        if len(vectors) == 1:
            return self.positive(next(iter(vectors)))
        if not all(map(self._is_continuous, vectors)):
            return False
        every = frozenset(a for x in vectors for a in self.slices.atoms(x))
        left = sorted(vectors, key=order)
        while len(left) > 1:
            for x in left:
                shared = {a for y in left if y is not x for a in self.slices.atoms(y)}
                own = sorted(self.slices.atoms(x) - shared, key=order)
                if any(self._moves(x, a) and self._regular(a, every) for a in own):
                    left.remove(x)
                    break
            else:
                return False
        return self.positive(left[0])

    def _moves(self, x: Member, a: Member) -> bool:
        """Return whether the slice along one atom is no constant."""
        at_mean = self.slices.slice(x, None)
        return self._nonzero(add(self.slices.slice(x, a), neg(at_mean)))

    def _inputs(self, block: frozenset[Member]) -> bool:
        """Return whether the covariance of initial vectors is nonsingular."""
        members = sorted(block, key=order)
        entries = [[covariance(self.program, a, b) for b in members] for a in members]
        if len(members) == 1:
            return self._sign(entries[0][0]) == "positive"
        if any(v.name in self.program.params for row in entries for t in row for v in variables(t)):
            (a, b), (c, d) = entries[0][:2], entries[1][:2]
            det = add(mul(a, d), neg(mul(b, c)))
            return len(members) == 2 and self._sign(a) == self._sign(det) == "positive"
        from tensorprog.numbers.roots import is_positive_definite  # loads numpy, which few programs need

        try:
            return is_positive_definite([[ball(evaluate(t, {})) for t in row] for row in entries])
        except (Undecided, Undefined):
            return False

    # -- facts ---------------------------------------------------------------------------------------------------

    def _is_continuous(self, m: Member) -> bool:
        """Return whether every function on the way to the atoms is continuous."""
        node = m.node
        if not isinstance(node, LinComb | Nonlin | Scalar):
            return True
        if id(node) not in self._continuous:
            refs = [n for ref, _ in self.program.references(node) for n, _ in self.program.resolve(ref)]
            inner = all(self._is_continuous(Member(n, ())) for n in refs)
            local = inner and self.functions.facts(node.body).continuous.proved
            self._continuous[id(node)] = local or self.functions.continuous(node).proved
        return self._continuous[id(node)]

    def _nonzero(self, t: Term) -> bool:
        if t not in self._found:
            self._found[t] = nonzero_somewhere(t, [Z.name], self._known(t)).proved
        return self._found[t]

    def _sign(self, t: Term) -> str:
        if t not in self._signs:
            self._signs[t] = sign_of(t, self._known(t))
        return self._signs[t]

    def _known(self, t: Term) -> dict[str, Interval]:
        own = {v.name: self.slices.scalars[v.name] for v in variables(t) if v.name in self.slices.scalars}
        return {**self.functions.assumptions, **own}


_NONZERO = ("positive", "negative", "nonzero")


def _known(limit: Limit) -> tuple[Term | None, Interval]:
    return limit.value, limit.at
