"""The normal form in a certificate is the program: of every program it is accepted, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.ground.json_form import Unreadable
from tensorprog.kernel.ground.nodes import Input
from tensorprog.kernel.verdict.normal_form import Validation, read
from tensorprog.program.graph.graph import Graph as Instructions
from tensorprog.proof.writer import written
from tests.kernel.dense import FUNCTIONS, Dense
from tests.kernel.dishonest.normal_forms import normal_form

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "tests" / "corpus").rglob("*.tp"), *(ROOT / "examples").rglob("*.tp")])
LARGE = 12
"""Families of more members than this are compared, but not evaluated."""


def rewritten(path: Path) -> tuple[tp.Program, list[Any]] | None:
    """A program whose normal form is another, and the instructions of that."""
    try:
        program = tp.load(path)
        normal = program.analysis
    except TensorProgError:
        return None
    if normal.nodes == program.nodes:
        return None
    return program, [written(n) for n in normal.nodes if not isinstance(n, Input)]


PROGRAMS = {path.stem: found for path in FILES if (found := rewritten(path)) is not None}


def accepted(program: Instructions, data: Any) -> Instructions | None:
    """The normal form, if it is shown to be the program."""
    try:
        new = read(program, data)
        Validation(program, new).check()
    except (Refused, TensorProgError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return new


def small(program: Instructions) -> bool:
    heads = {t for p in (program,) for n in p.nodes for t in _heads(getattr(n, "body", None))}
    return all(hi - lo < LARGE for lo, hi in program.indices.values()) and heads <= {*FUNCTIONS, "sum", "softmax"}


def _heads(t: Any) -> Iterator[str]:
    if t is not None and hasattr(t, "head"):
        yield t.head
        for a in t.args:
            yield from _heads(a)


def differ(old: Instructions, new: Instructions, seed: int) -> list[str]:
    """The members of the old program that have another value in the new one, or none that is put out."""
    asked = {o.ref.name for o in old.outputs}
    with np.errstate(all="ignore"):
        one, two = Dense(old, seed).values, Dense(new, seed).values
    one = {k: x for k, x in one.items() if k in two or k[0] in asked}
    return [str(k) for k, x in one.items() if k not in two or not np.allclose(x, two[k], 1e-9, 1e-9, equal_nan=True)]


def test_there_are_many_programs_with_another_normal_form() -> None:
    assert len(PROGRAMS) > 80


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_normal_form_is_accepted(name: str) -> None:
    program, data = PROGRAMS[name]
    assert accepted(program, data) is not None


@pytest.mark.parametrize("name", [k for k, (p, _) in PROGRAMS.items() if small(p)][::4])
def test_what_is_accepted_has_the_same_values(name: str) -> None:
    program, data = PROGRAMS[name]
    opened = accepted(program, data)
    assert opened is not None
    lowered = tp.Program.from_json(program.to_json())
    assert not differ(_without_attention(lowered), opened, 5)


def _without_attention(program: tp.Program) -> Instructions:
    if all(type(n).__name__ != "Attention" for n in program.nodes):
        return program
    return program.analysis


HOSTILE: list[list[Any]] = [
    ["MatMul", "z", [], ["var", "U", "i~"], ["var", "u", 1]],
    ["MatMul", "z", [], ["var", "U", "i'"], ["var", "u", 1]],
    ["MatMul", "z", ["i"], ["var", "U", "j"], ["var", "u", "i"]],
    ["MatMul", "z", [], ["var", "U", 0], ["var", "u", 1]],
    ["MatMul", "z", [], ["var", "nothing"], ["var", "u", 1]],
    ["MatMul transposed", "z", [], ["var", "W"], ["var", "w"]],
    ["LinComb", "z", ["i~"], ["var", "u", "i"]],
    ["LinComb", "z", [4], ["var", "u", 4]],
    ["LinComb", "n", [], ["var", "q"]],
    ["LinComb", "u", [1], ["var", "q"]],
    ["LinComb", "W", [], ["var", "q"]],
    ["LinComb", "z", [True], ["var", "q"]],
    ["LinComb", "z", ["i", "i"], ["var", "u", "i"]],
    ["Nonlin", "z", [], ["add", ["var", "q"], ["var", "w"]]],
    ["Moment", "z", [], ["num", "1"]],
    ["Input", "z", [], ["var", "q"]],
    ["Dot", "z", [], ["var", "q"], ["var", "u", 1], ["var", "i"]],
    ["Scalar", "z", [], ["bind", "sum", [["var", "p", "j"]], ["j"], ["lt", ["var", "j"], ["num", "2"]]]],
    ["Scalar", "z", [], ["var", "later"]],
]


@pytest.mark.parametrize("extra", HOSTILE, ids=str)
def test_an_instruction_that_no_program_could_have_is_refused(extra: list[Any]) -> None:
    """Unbound indices, matrices and members that do not exist, names taken, vectors of two widths."""
    with pytest.raises((Refused, TensorProgError, Unreadable, KeyError, AttributeError, ValueError, TypeError)):
        normal_form(extra)


def mutants(data: list[Any], rng: random.Random, count: int) -> Iterator[list[Any]]:
    """One change in one instruction, or the loss, the doubling or the exchange of instructions."""
    names = sorted({str(x[1]) for x in _lists(data) if x[:1] == ["var"]})
    for _ in range(count):
        new = _copy(data)
        k = rng.randrange(len(new))
        kind = rng.choice(["number", "name", "subscript", "summand", "kind", "lost", "twice", "order", "head"])
        inside = [x for x in _lists(new[k][3:]) if x]
        if kind == "lost":
            del new[k]
        elif kind == "twice":
            new.insert(k, _copy(new[k]))
        elif kind == "order" and k:
            new[k - 1], new[k] = new[k], new[k - 1]
        elif kind == "kind":
            new[k][0] = rng.choice(["Nonlin", "LinComb", "Scalar", "Moment", "Dot", "MatMul", "MatMul transposed"])
        elif kind == "number":
            if not (found := [x for x in inside if x[0] == "num"]):
                continue
            rng.choice(found)[1] = rng.choice(["0", "2", "-1", "3/7"])
        elif kind == "name" and (found := [x for x in inside if x[0] == "var"]):
            rng.choice(found)[1] = rng.choice(names)
        elif kind == "subscript" and (found := [x for x in inside if x[0] == "var" and len(x) > 2]):
            rng.choice(found)[-1] = rng.choice([1, 2, "i", "j", "a"])
        elif kind == "summand" and (found := [x for x in inside if x[0] in ("add", "mul") and len(x) > 3]):
            rng.choice(found).pop()
        elif kind == "head" and (found := [x for x in inside if x[0] in ("add", "mul", "tanh", "neg", "recip")]):
            chosen = rng.choice(found)
            chosen[0] = {"add": "mul", "mul": "add", "tanh": "relu", "neg": "recip", "recip": "neg"}[chosen[0]]
        if new != data:
            yield new


def _copy(x: Any) -> Any:
    return [_copy(y) for y in x] if isinstance(x, list) else x


def _lists(x: Any) -> Iterator[list[Any]]:
    if isinstance(x, list):
        yield x
        for y in x:
            yield from _lists(y)


@pytest.mark.parametrize("part", range(4))
def test_a_changed_normal_form_is_accepted_only_where_no_value_changes(part: int) -> None:
    rng, seen, kept = random.Random(part), 0, 0
    for name, (program, data) in sorted(PROGRAMS.items())[part::4]:
        if not small(program):
            continue
        old = _without_attention(program)
        for mutant in mutants(data, rng, 12):
            seen += 1
            new = accepted(program, mutant)
            if new is not None:
                kept += 1
                assert not differ(old, new, seen), (name, mutant)
    assert seen > 100
    assert kept < seen / 2
