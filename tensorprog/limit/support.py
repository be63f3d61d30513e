"""Which theorem carries a statement about some variables: the theorems judged for exactly these, jointly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorprog.program.api import Program
from tensorprog.terms import Var
from tensorprog.theorems.check import judge_together
from tensorprog.theorems.conditions.ancestors import Shared


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
        """Return the weakest theorem that covers all these variables together."""
        key = tuple(dict.fromkeys(refs))
        if key not in self._known:
            self._known[key] = self._judged(key)
        return self._known[key]

    def _judged(self, refs: tuple[Var, ...]) -> Support:
        if not refs:
            return Support("netsor", True)
        _, reports = judge_together(self.shared, refs)
        covers = next((r for r in reports if r.status in ("applies", "applies-by-remark")), None)
        found = covers or next((r for r in reports if r.status == "formal"), None)
        return Support(found.theorem.id if found else "none", covers is not None)
