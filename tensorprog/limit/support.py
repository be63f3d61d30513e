"""Which theorem carries a statement about some variables: the theorems judged for exactly these, jointly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.program.api import Program
from tensorprog.program.graph.nodes import Dot
from tensorprog.terms import Var
from tensorprog.theorems.check import judge
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.verdict import THEOREMS


@dataclass(frozen=True, slots=True)
class Support:
    """The theorem that covers (`covered`), or the formal rule, or `none`."""

    name: str
    covered: bool


class Supports:
    """The supports of statements about one program."""

    def __init__(self, program: Program) -> None:
        self.shared = Shared.of(program.analysis)
        self._known: dict[tuple[Var, ...], Support] = {}

    def of(self, refs: Sequence[Var]) -> Support:
        """The weakest theorem that covers all these variables together."""
        key = tuple(dict.fromkeys(refs))
        if key not in self._known:
            self._known[key] = self._judged(key)
        return self._known[key]

    def _judged(self, refs: tuple[Var, ...]) -> Support:
        if not refs:
            return Support("netsor", True)
        case = Case(self.shared, refs)
        found = _weakest(case)
        if not found.covered and case.scores:
            # Scores that the program defines beside these may absorb further products of a score's matrix.
            mine = {id(d) for d in case.dots}
            nodes = self.shared.program.nodes
            more = [n for n in nodes if isinstance(n, Dot) and self.shared.powers.is_score(n) and id(n) not in mine]
            if more:
                wider = _weakest(Case(self.shared, [*refs, *(Var(n.name, n.subs) for n in more)]))
                found = wider if wider.covered else found
        return found


def _weakest(case: Case) -> Support:
    reports = [judge(case, t) for t in THEOREMS]
    for r in reports:
        if r.status in ("applies", "applies-by-remark"):
            return Support(r.theorem.id, True)
    formal = next((r for r in reports if r.status == "formal"), None)
    return Support(formal.theorem.id if formal else "none", False)
