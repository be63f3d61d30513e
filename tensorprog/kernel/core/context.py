"""The program that is judged, as rules see it, and the work that is still allowed."""

from __future__ import annotations

from tensorprog.kernel.core.refused import require
from tensorprog.kernel.ground.composed import Composer
from tensorprog.kernel.ground.nodes import Attention, Dot, LinComb, Moment, Node, Nonlin, Scalar, entry_term
from tensorprog.kernel.ground.powers import MOMENT, Powers
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import Num, Term, Var, variables

MAPS = (LinComb, Nonlin, Scalar)


class Context:
    """The program in the form in which it is judged, and the work still allowed."""

    def __init__(self, program: Instructions, fuel: int) -> None:
        written_out = not any(isinstance(n, Attention) for n in program.nodes)
        require(written_out, "an attention block is written out")
        self.program, self.fuel = program, fuel
        self.composer, self.powers = Composer(program), Powers(program, self.spend)
        self._index = {id(n): k for k, n in enumerate(program.nodes)}
        self.late = {n.name for n in program.nodes if self.powers.is_score(n)}
        for n in program.nodes:
            if any(r.name in self.late for r, _ in program.references(n)):
                self.late.add(n.name)

    def index(self, n: Node) -> int:
        return self._index[id(n)]

    def spend(self, amount: int) -> None:
        """Use up fuel."""
        self.fuel -= amount
        require(self.fuel > 0, "the fuel lasts")

    def node(self, k: int) -> Node:
        require(0 <= k < len(self.program.nodes), "the instruction exists")
        return self.program.nodes[k]

    def body(self, k: int) -> Term:
        n = self.node(k)
        require(isinstance(n, (*MAPS, Moment)), "an instruction that is an expression")
        return n.body  # type: ignore[union-attr]

    def resolve(self, v: Term) -> list[Node]:
        """The instructions that define a vector or scalar."""
        known = isinstance(v, Var) and v.name in self.program.families and not self.program.missing(v)
        require(known, "a variable of the program")
        assert isinstance(v, Var)
        many = any(isinstance(s, str) for s in v.subs)
        self.spend(1 + (len(self.program.families[v.name].pieces) if many else 0))
        return [n for n, _ in self.program.resolve(v)]

    def basic(self, t: Term) -> bool:
        return not any(v.name in self.program.families for v in variables(t))

    def within(self, e: Term, index: str) -> bool:
        """Return whether an entry, a number or an index, is one of the values of an index."""
        low, high = self.program.range_of(index)
        if isinstance(e, Var) and not e.subs and e.name in self.program.indices:
            return low <= self.program.range_of(e.name)[0] and self.program.range_of(e.name)[1] <= high
        return isinstance(e, Num) and e.value.denominator == 1 and low <= e.value <= high

    def entry(self, t: Term) -> Term | None:
        """An entry of a matrix."""
        if not (isinstance(t, Var) and t.subs and t.name in self.program.matrices):
            return None
        index = [k for k in t.subs if isinstance(k, int)]
        return entry_term(self.program.matrices[t.name], index) if len(index) == len(t.subs) else None

    def converges(self, n: Node) -> bool:
        """Return whether a scalar tends to a constant. An average does, and a dot product whose every use is one."""
        return isinstance(n, Moment) or (isinstance(n, Dot) and self.powers.dot_powers.get(id(n)) == {MOMENT})
