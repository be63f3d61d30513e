"""A dishonest prover: an honest certificate, one step of which is changed; what the rule then concludes is written.

A step stands after honest ones, so that whatever it concludes is accepted by the kernel. `requests` goes further: it
asks for openings of all kinds of members, with premises that an honest prover finds for it.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.hunt import kernels
from tests.hunt.ask import Overtime, alarm
from tests.hunt.kernels import Said, said
from tests.hunt.sampler import Unknown

Step = tuple[str, dict[str, Any], list[int]]
NAMES = ("pi", "n", "K11", "z1", "t")
BINDERS = ("sum", "max", "min", "softmax")
PATIENCE = 8.0
"""CPU seconds for one goal."""
CONDITIONS = (["le", ["var", "?"], ["num", "1"]], ["lt", ["var", "?"], ["num", "2"]])


@dataclass(frozen=True)
class Accepted:
    """A step that the kernel takes, and what it concludes."""

    step: Step
    says: Said
    how: str


class Bench:
    """A program with the kernel's context; works with every version of the package that has these rules."""

    def __init__(self, text: str) -> None:
        from tensorprog import loads

        self.program = loads(text)
        self.lowered = kernels.normalized(self.program)
        self.context = kernels.context(self.lowered, 10**8)
        self.rules, self._applied = kernels.rules()
        self.steps: list[Step] = []
        self.done: list[Any] = []

    def accepted(self, step: Step, before: list[Any]) -> Any | None:
        """What the kernel concludes; None if it refuses."""
        rule, params, premises = step
        try:
            if not all(0 <= k < len(before) for k in premises):
                return None
            with alarm(4):
                return self._applied(self.context, rule, [before[k] for k in premises], params)
        except (Exception, Overtime):  # as `verify` does: whatever goes wrong, nothing is accepted
            return None

    def prove(self, goal: str) -> tuple[tuple[str, ...], ...]:
        """The steps of an honest certificate, and its goals."""
        from tensorprog import prove

        try:
            with alarm(PATIENCE):
                found = prove(self.program, [goal] if goal else [])
        except (Exception, Overtime):  # of a traceback the other judges tell
            return ()
        offset = len(self.steps)
        for rule, params, before, _ in found.to_json()["steps"]:
            step = (rule, params, [k + offset for k in before])
            if (out := self.accepted(step, self.done)) is None:  # it takes too long
                return ()
            self.steps.append(step)
            self.done.append(out)
        return tuple(found.goals)


def members_of(bench: Bench) -> list[list[Any]]:
    """Single members of all families, as JSON."""
    out = []
    for name, family in bench.lowered.families.items():
        for box in family.boxes:
            out.append(["var", str(name), *(low for low, _ in box)])
            out.append(["var", str(name), *(high for _, high in box)])
    return [v for k, v in enumerate(out) if v not in out[:k]]


def mutants(bench: Bench, rng: random.Random, count: int) -> Iterator[Accepted]:
    """Changed steps that the kernel takes with another conclusion."""
    members = members_of(bench)
    for _ in range(count):
        k = rng.randrange(len(bench.steps))
        how, step = mutant(bench, k, members, rng)
        before = bench.done if how == "later premise" else bench.done[:k]
        out = bench.accepted(step, before)
        if out is not None and said(out) != said(bench.done[k]):
            yield Accepted(step, said(out), how)


def mutant(bench: Bench, k: int, members: list[Any], rng: random.Random) -> tuple[str, Step]:
    rule, params, before = copy.deepcopy(bench.steps[k])
    how = rng.choice(["params", "params", "params", "params", "premise", "order", "drop", "rule", "of another", "at"])
    alike = [s for s in bench.steps if s[0] == rule]
    if how == "params" and params:
        key = rng.choice(sorted(params))
        params[key] = changed(params[key], key, members, rng)
        if rng.random() < 0.3:
            key = rng.choice(sorted(params))
            params[key] = changed(params[key], key, members, rng)
    elif how == "premise" and before and k:
        before[rng.randrange(len(before))] = rng.randrange(k)
    elif how == "order":
        rng.shuffle(before)
    elif how == "drop" and before:
        before.pop(rng.randrange(len(before)))
    elif how == "rule":
        rule = rng.choice(bench.rules)
        if rule == "limit_scalar":
            params = {"var": rng.choice(members)}
            before = []
    elif how == "at" and rule == "linear":
        params["at"] = [*params.get("at", []), rng.choice(members)]
    else:
        params = copy.deepcopy(rng.choice(alike)[1])
    return how, (rule, params, before)


def changed(x: Any, key: str, members: list[Any], rng: random.Random) -> Any:
    """Other data of the same kind."""
    if key in ("strip", "spacing", "count"):
        factor = rng.choice([2, 3, 4, 8, 16])
        return _scaled(x, factor, key == "count")
    if isinstance(x, str):
        if x.lstrip("-").replace("/", "").isdigit():
            return rng.choice(["0", "1", "2", "-1", "1/2", "3", x + "0", x.lstrip("-")])
        return rng.choice(["netsor", "netsor-plus", "add", "mul", "max", "min", "tanh", "relu", "growth", "slope", x])
    if not isinstance(x, list) or not x:
        return x
    if x[0] == "var":
        return rng.choice(members) if rng.random() < 0.9 else ["var", rng.choice(NAMES)]
    if x[0] == "bind" and rng.random() < 0.5:
        mask = copy.deepcopy(rng.choice(CONDITIONS))
        mask[1] = ["var", x[3][0]]
        return [*x[:4], mask]
    places = [k for k, y in enumerate(x) if isinstance(y, list)]
    if not places:
        return [x[0], changed(x[1], key, members, rng), *x[2:]] if x[0] == "num" else x
    out, k = list(x), rng.choice(places)
    if isinstance(x[0], str) and rng.random() < 0.12:
        j = rng.choice(places)
        out[k], out[j] = out[j], out[k]
    elif isinstance(x[0], str) and rng.random() < 0.08:
        out[k] = rng.choice(members)
    else:
        out[k] = changed(x[k], key, members, rng)
    return out


def _scaled(x: str, by: int, whole: bool) -> str:
    from fractions import Fraction

    y = Fraction(x) * by if not whole else Fraction(max(1, int(Fraction(x)) // by))
    return str(y)


def requests(bench: Bench, rng: random.Random, count: int) -> Iterator[Accepted]:
    """`linear` asked to open members of any kind: E t = E t', where t' has their right-hand sides in their places."""
    from tensorprog.proof.covariances import Means
    from tensorprog.proof.functions import Functions
    from tensorprog.proof.writer import Writer
    from tensorprog.terms import from_json, to_json

    mul, substitute = kernels.terms().mul, kernels.terms().substitute
    writer = Writer(bench.program)
    means = Means(writer, Functions(writer))
    members = [from_json(v) for v in members_of(bench)]
    opened = [(v, b) for v in members if (b := body(bench, v)) is not None]
    for _ in range(count if opened else 0):
        v, b = rng.choice(opened)
        term = rng.choice([v, mul(v, v), mul(v, v), mul(v, rng.choice(members)), mul(v, rng.choice(members), v)])
        target = substitute(term, {v: b})
        try:
            with alarm(3):
                premise = kernels.established(writer, means.mean(target))
        except (Exception, Overtime):
            continue
        params = {"term": to_json(term), "weights": [["num", "1"]], "at": [to_json(v)]}
        out = bench.accepted(("linear", params, [0]), [premise])
        if out is not None:
            yield Accepted(("linear", params, [0]), said(out), f"opened {v}")


def body(bench: Bench, v: Any) -> Any | None:
    """The right-hand side of a member, if it has one; an average counts as what it averages."""
    found = bench.lowered.resolve(v)
    if len(found) != 1 or not hasattr(found[0][0], "body"):
        return None
    n = found[0][0]
    try:
        return kernels.terms().shift_subs(
            n.body, {s: k for s, k in zip(n.subs, v.subs, strict=True) if isinstance(s, str)}
        )
    except (ValueError, Unknown):
        return None
