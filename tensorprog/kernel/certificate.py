"""The format of a certificate, read strictly.

    {"schema": "tensorprog/certificate/2", "program": "<sha256>", "normal": [instruction, ...] or null,
     "axioms": ["theorem attention"], "steps": [["rule", {params}, [premises], conclusion], ...], "goals": [6, 40]}

`normal` is the form in which the program is judged, if it is another (`verdict.normal_form`). A premise is the number
of an earlier step. Nothing here proves anything: what `establish` finds is given back, or refused because the
certificate says something else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from tensorprog.kernel.acceptance import Established, establish
from tensorprog.kernel.core.check import Theorem
from tensorprog.kernel.core.refused import Refused, require
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.written.canonical import digest
from tensorprog.kernel.written.statements import concluded, words

SCHEMA = "tensorprog/certificate/2"
FUEL = 2_500_000
MAX_BYTES = 10_000_000
ENTRIES = {"schema", "program", "normal", "axioms", "steps", "goals"}


@dataclass(frozen=True)
class Accepted(Established):
    """What an accepted certificate establishes, and says in words."""

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
        steps, goals = data["steps"], data["goals"]
        require(isinstance(steps, list) and isinstance(goals, list), "lists of steps and goals")
        left = fuel - len(certificate) // 5
        require(left > 0, "the fuel lasts")
        found = establish(program, data["normal"], steps, goals, left, done, _agree)
        require(data["axioms"] == list(found.axioms), "the axioms are those that were used")
        return Accepted(found.theorems, found.proved, found.axioms, found.files)
    except Exception as error:  # whatever goes wrong, nothing is accepted
        raise Refused(f"step {len(done)} is rejected: {str(error) or type(error).__name__}") from None


def _agree(theorem: Theorem, conclusion: Any) -> None:
    """Refuse a step whose rule concludes something else than what is written."""
    require(concluded(theorem) == conclusion, "the conclusion is what the rule concludes")
