"""What a certificate establishes: its normal form is the program, its steps follow, its goals are judgements.

What has to be concluded is computed here from the program: for each output, that a theorem covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorprog.kernel.core.check import Theorem, Written, check
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import METER, Fuel, require
from tensorprog.kernel.core.statements import Applies
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.rules import TABLE


@dataclass(frozen=True)
class Established:
    """What an accepted certificate establishes."""

    theorems: tuple[Theorem, ...]
    """Of all steps."""
    proved: tuple[Theorem, ...]
    """The goals."""
    axioms: tuple[str, ...]
    files: tuple[str, ...]
    """The files of the kernel whose rules were used."""

    @property
    def steps(self) -> int:
        """How many steps were checked."""
        return len(self.theorems)


def establish(
    program: Instructions,
    normal: Any,
    steps: list[Any],
    goals: list[Any],
    fuel: int,
    done: list[Theorem],
    agree: Written,
) -> Established:
    """Check the steps; `done` gets their theorems, and `agree` may refuse one that is not what is written."""
    judged, left = (program, fuel) if normal is None else _judged(program, normal, fuel)
    files = check(Context(judged, left), TABLE, steps, done, agree)
    files |= set() if normal is None else {"verdict.normal_form"}
    proved = _goals(len(program.outputs), done, goals)
    axioms = sorted({a for t in proved for a in t.axioms})
    return Established(tuple(done), proved, tuple(axioms), tuple(sorted(files)))


def _judged(program: Instructions, instructions: Any, fuel: int) -> tuple[Instructions, int]:
    """The program in its normal form, which is shown to be the same program, and the fuel that is left."""
    from tensorprog.kernel.verdict.normal_form import Validation, read

    left = Fuel(fuel)
    meter = METER.set(left.spend)
    try:
        normal = read(program, instructions)
        Validation(program, normal).check()
        return normal, left.left
    finally:
        METER.reset(meter)


def _goals(outputs: int, done: list[Theorem], goals: list[Any]) -> tuple[Theorem, ...]:
    """The goals: every output is judged, once and in order; then properties, covariances and claims, if any."""
    require(all(type(k) is int and 0 <= k < len(done) for k in goals), "goals are steps")
    require(goals and len(set(goals)) == len(goals), "goals, each once")
    proved = tuple(done[k] for k in goals)
    judged = [t.statement.output for t in proved[:outputs] if isinstance(t.statement, Applies)]
    require(judged == list(range(outputs)), "the goals judge every output in order")
    require(all(t.statement.goal for t in proved[outputs:]), "every further goal is one of these kinds")
    return proved
