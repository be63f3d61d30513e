"""The steps of a certificate as they are found: each is run by the kernel's own rule, and written once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from tensorprog.errors import TensorProgError
from tensorprog.kernel.certificate import FUEL, SCHEMA
from tensorprog.kernel.core.check import Theorem, apply
from tensorprog.kernel.core.context import Context
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.core.statements import S, Statement
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.json_form import Unreadable
from tensorprog.kernel.ground.nodes import Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.rules import TABLE
from tensorprog.kernel.written.statements import concluded, words
from tensorprog.program import Program
from tensorprog.proof.certificate import Certificate
from tensorprog.proof.explain import Reader, said
from tensorprog.terms import Term, to_json


def written(n: Node) -> list[object]:
    """Return an instruction of the normal form, as `kernel.verdict.normal_form.read` reads it."""
    parts: tuple[Term, ...]
    match n:
        case MatMul(weight=w, transposed=transposed, arg=x):
            kind, parts = f"MatMul{' transposed' * transposed}", (w, x)
        case Dot(left=u, right=v, factor=f):
            kind, parts = "Dot", (u, v, f)
        case LinComb() | Nonlin() | Moment() | Scalar():
            kind, parts = type(n).__name__, (n.body,)
        case _:
            raise AssertionError(n)
    return [kind, n.name, list(n.subs), *map(to_json, parts)]


class Writer:
    """Steps so far, equal ones once, with what the kernel concludes from each."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.context = Context(program.analysis, 100 * FUEL)
        self.steps: list[tuple[str, dict[str, Any], list[int], list[str]]] = []
        self.theorems: list[Theorem] = []
        self.without: list[str] = []
        self._known: dict[str, int | Refused] = {}

    @cached_property
    def verdict(self) -> Any:
        """What the checker says of the program."""
        from tensorprog.theorems import check

        return check(self.program)

    def step(self, rule: str, premises: Sequence[int] = (), **params: Any) -> int:
        """Apply a rule to earlier steps; the number of the step, or Refused."""
        key = json.dumps([rule, params, list(premises)], sort_keys=True)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._applied(rule, list(premises), params)
        if isinstance(found, Refused):
            raise found
        return found

    def _applied(self, rule: str, premises: list[int], params: dict[str, Any]) -> int | Refused:
        try:
            out = apply(self.context, TABLE[rule](), rule, [self.theorems[k] for k in premises], params)
        except (Refused, CannotCompose, TensorProgError, Unreadable) as error:
            return Refused(str(error))
        self.steps.append((rule, params, premises, concluded(out)))
        self.theorems.append(out)
        return len(self.steps) - 1

    def stated(self, step: int, kind: type[S]) -> S:
        """Return what a step says, which is of this kind."""
        found = self.theorems[step].statement
        assert isinstance(found, kind)
        return found

    def says(self, steps: Sequence[int]) -> list[Statement]:
        """Return what steps say."""
        return [self.theorems[k].statement for k in steps]

    def _normal(self) -> str:
        """Return the instructions of the normal form, where it is another program."""
        normal = self.context.program
        if normal.nodes == self.program.nodes:
            return "null"
        lines = (json.dumps(written(n), separators=(",", ":")) for n in normal.nodes if not isinstance(n, Input))
        inside = ",\n".join(lines)
        return f"[\n{inside}\n]"

    def certificate(self, goals: Sequence[int]) -> Certificate:
        """Return the steps that the goals need, numbered anew in their order."""
        used, stack = set(goals), list(goals)
        while stack:
            for k in self.steps[stack.pop()][2]:
                if k not in used:
                    used.add(k)
                    stack.append(k)
        number = {k: i for i, k in enumerate(sorted(used))}
        axioms = sorted({a for k in goals for a in self.theorems[k].axioms})
        lines = []
        for k in sorted(used):
            rule, params, premises, concluded = self.steps[k]
            lines.append(json.dumps([rule, params, [number[p] for p in premises], concluded], separators=(",", ":")))
        head = (
            f'{{"schema":{json.dumps(SCHEMA)},"program":{json.dumps(self.program.hash)},"normal":{self._normal()},\n'
            f'"axioms":{json.dumps(axioms)}'
        )
        body = ",\n".join(lines)
        text = f'{head},"steps":[\n{body}\n],"goals":{json.dumps([number[k] for k in goals])}}}\n'
        said_goals = tuple(map(words, self.says(goals)))
        reader = Reader(self.program)
        statements = tuple(said(s, reader) for s in self.says(goals))
        return Certificate(
            self.program.name, text, len(lines), tuple(axioms), said_goals, tuple(self.without), statements
        )
