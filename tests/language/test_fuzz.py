"""Random damage to good texts and good JSON: a program or a TensorProgError, never anything else."""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tensorprog.errors import TensorProgError
from tensorprog.language import load, loads
from tensorprog.program import Limits, Program
from tensorprog.terms.heads import HEADS
from tensorprog.terms.reserved import RESERVED

CORPUS = Path(__file__).parent.parent / "corpus"
TEXTS = [p.read_text(encoding="utf-8") for p in sorted(CORPUS.glob("*/*.tp")) if p.stat().st_size < 4_000]
BATCHES, EACH = int(os.environ.get("FUZZ_BATCHES", "6")), 400
LIMITS = Limits(statements=500, index_value=3_000, family_members=10**7)  # so that damage to a loop bound stays small

CHARACTERS = "()[]{}<>=+-*/^@.,:;'\"#~!?&|%$\\ \t\n\r\0\x0b\x7fxijn019_αΑ√·≤\u202e\u00a0\ud800\ufeff²"
WORDS = [*sorted(HEADS), *sorted(RESERVED), "..", "**", "==", "1e9999", "1e-9999", "9^9^9", "-1", "0", "i'", "mask =",
         "over j", "for i", "in", "scale =", "within 1", "iid(student(2), 1/n)", "[[1, 2], [2, 1]]", "\n    ",
         "\n\t"]  # fmt: skip


def damaged(text: str, rng: random.Random) -> str:
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(text) + 1)
        size = rng.choice([0, 1, 1, 2, 5, 20])
        other = rng.choice(TEXTS)
        start = rng.randrange(len(other))
        new = rng.choice(
            ["", "", rng.choice(CHARACTERS), rng.choice(WORDS), f" {rng.choice(WORDS)} ",
             other[start : start + rng.randrange(60)], text[at : at + 30] * 2,
             rng.choice(CHARACTERS) * rng.choice([2, 300])]
        )  # fmt: skip
        text = text[:at] + new + text[at + size :]
    return text


def swapped(text: str, rng: random.Random) -> str:
    """Lines exchanged, repeated, left out, or their words exchanged: often still grammatical."""
    lines = text.splitlines()
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines[a], lines[b] = lines[b], lines[a]
        case 1:
            lines.insert(a, lines[b])
        case 2:
            del lines[a]
        case _:
            words = sorted(set("".join(c if c.isalnum() else " " for c in text).split()))
            lines[a] = lines[a].replace(rng.choice(words), rng.choice(words))
    return "\n".join(lines)


def survives(text: str) -> bool:
    """Does the text load? Then it prints and reads back."""
    try:
        program = loads(text, limits=LIMITS)
    except TensorProgError as error:
        return not str(error).startswith("error[TP")  # an error that says nothing would be no error
    assert loads(program.to_text(), limits=Limits()).hash == program.hash
    return True


@pytest.mark.parametrize("seed", range(BATCHES))
def test_damaged_texts(seed: int) -> None:
    rng = random.Random(seed)
    alive = sum(survives(rng.choice([damaged, swapped])(rng.choice(TEXTS), rng)) for _ in range(EACH))
    assert 0 < alive < EACH, "some damage is harmless, and some is not"


@pytest.mark.parametrize("seed", range(2))
def test_random_characters_and_bytes(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        survives("".join(rng.choices(CHARACTERS, k=rng.randrange(200))))
        survives(" ".join(rng.choices(WORDS, k=rng.randrange(60))))


def json_texts() -> list[Any]:
    paths = [p for p in sorted(CORPUS.glob("*/*.tp")) if p.parent.name != "error" and p.stat().st_size < 4_000]
    return [load(p).to_json() for p in paths[::5]]


def spots(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    out: list[tuple[Any, Any]] = []
    todo = [data]
    while todo:
        top = todo.pop()
        items = list(top.items()) if isinstance(top, dict) else list(enumerate(top)) if isinstance(top, list) else []
        out += [(top, k) for k, _ in items]
        todo += [v for _, v in items]
    return out


def damaged_json(data: Any, rng: random.Random) -> Any:
    data = copy.deepcopy(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        where = spots(data)
        holder, key = rng.choice(where)
        other, place = rng.choice(where)
        new = rng.choice(
            [None, True, 0, -1, 10**30, 1.5, float("nan"), "", "x", "n", "\0", "i'", "1e5", [], {}, ["num", "1"], [[]],
             ["var", "n"], [rng.choice(WORDS), ["num", "1"]], rng.choice(WORDS), copy.deepcopy(other[place]),
             [holder[key]]]
        )  # fmt: skip
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, new)
            case _:
                holder[key] = new
    return data


@pytest.mark.parametrize("seed", range(BATCHES // 2))
def test_damaged_json(seed: int) -> None:
    rng = random.Random(seed)
    good = json_texts()
    refused = 0
    for _ in range(EACH):
        data = damaged_json(rng.choice(good), rng)
        try:
            program = Program.from_json(data, LIMITS)
        except TensorProgError as error:
            refused += str(error).startswith("error[TP")
            continue
        assert Program.from_json(json.loads(json.dumps(program.to_json()))).hash == program.hash
    assert refused > EACH / 2


@pytest.mark.parametrize("data", [None, 1, 1.5, "x", [], {}, [[]], {"schema": 1}, {"schema": "tensorprog/program/1"}])
def test_what_is_no_program(data: object) -> None:
    with pytest.raises(TensorProgError, match="TP001"):
        Program.from_json(data)


def test_deep_json() -> None:
    data = loads("input u ~ N(0, 1)\ny = relu(u)\noutput y").to_json()
    deep: Any = ["var", "u"]
    for _ in range(50_000):
        deep = ["relu", deep]
    data["nodes"][0]["term"] = deep
    with pytest.raises(TensorProgError, match="TP902"):
        Program.from_json(data)
