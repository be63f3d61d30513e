"""The format of a certificate, read strictly, and what an accepted one establishes.

    {"schema": "tensorprog/certificate/2", "program": "<sha256>", "normal": [instruction, ...] or null,
     "axioms": ["theorem attention"], "steps": [["rule", {params}, [premises], conclusion], ...], "goals": [6, 40]}

`normal` is the form in which the program is judged, if it is another (`verdict.normal_form`). A premise is the number
of an earlier step. What has to be concluded is computed here from the program: for each output, that a theorem covers
it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from tensorprog.kernel.core.check import Theorem, check
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.printed import words
from tensorprog.kernel.core.refused import METER, Fuel, Refused, require
from tensorprog.kernel.core.statements import (
    Applies,
    Claimed,
    Confirmed,
    Covariance,
    CovarianceNumber,
    Expectation,
    ExpectationNumber,
    GaussianLaw,
    GivenScores,
    Property,
    Refuted,
)
from tensorprog.kernel.ground.canonical import digest
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.rules import TABLE
from tensorprog.kernel.verdict.normal_form import Validation
from tensorprog.kernel.verdict.normal_form import read as read_normal

SCHEMA = "tensorprog/certificate/2"
FUEL = 2_500_000
MAX_BYTES = 10_000_000
ENTRIES = {"schema", "program", "normal", "axioms", "steps", "goals"}
MORE = (Property, Refuted, Expectation, Covariance, GaussianLaw, GivenScores, ExpectationNumber, CovarianceNumber)
"""What may be a goal, beside that a theorem applies, and the claims of the program."""


@dataclass(frozen=True)
class Accepted:
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

    @property
    def goals(self) -> tuple[tuple[str, ...], ...]:
        """The goals in words."""
        return tuple(words(t.statement) for t in self.proved)


def read(text: str | bytes) -> Any:
    """JSON without floats, constants or keys that stand twice."""

    def refuse(what: str) -> NoReturn:
        raise Refused(f"no floating-point numbers: {what[:20]}")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        require(len(dict(items)) == len(items), "no key stands twice")
        return dict(items)

    require(len(text) <= MAX_BYTES, "a certificate of bounded size")
    return json.loads(text, parse_float=refuse, parse_constant=refuse, object_pairs_hook=pairs)


def verify(program: Instructions, certificate: str | bytes, fuel: int = FUEL) -> Accepted:
    """Accept a certificate for this program, or refuse it, with the step and the reason."""
    done: list[Theorem] = []
    try:
        data = read(certificate)
        require(isinstance(data, dict), "an object")
        require(data.get("schema") == SCHEMA, f"the schema {SCHEMA}: of another one, prove it anew")
        require(set(data) == ENTRIES, "the six entries")
        require(data["program"] == digest(program), "the hash is that of this program")
        ctx = Context(*_judged(program, data["normal"], fuel))
        ctx.spend(len(certificate) // 5)
        require(isinstance(data["steps"], list) and isinstance(data["goals"], list), "lists of steps and goals")
        files = check(ctx, TABLE, data["steps"], done)
        proved = _goals(len(program.outputs), done, data["goals"])
        used = sorted({a for t in proved for a in t.axioms})
        require(data["axioms"] == used, "the axioms are those that were used")
        return Accepted(tuple(done), proved, tuple(used), tuple(sorted(files)))
    except Exception as error:  # whatever goes wrong, nothing is accepted
        raise Refused(f"step {len(done)} is rejected: {str(error) or type(error).__name__}") from None


def _judged(program: Instructions, instructions: Any, fuel: int) -> tuple[Instructions, int]:
    """The program in its normal form, which is shown to be the same program, and the fuel that is left."""
    if instructions is None:
        return program, fuel
    left = Fuel(fuel)
    meter = METER.set(left.spend)
    try:
        normal = read_normal(program, instructions)
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
    further = [isinstance(t.statement, (*MORE, Claimed, Confirmed)) for t in proved[outputs:]]
    require(all(further), "every further goal is one of these kinds")
    return proved
