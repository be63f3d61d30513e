"""Every fact that the kernel accepts, against numbers from code that shares nothing with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorprog.kernel.core.statements import Fact, Instruction
from tensorprog.kernel.ground.composed import CannotCompose, Composer
from tensorprog.kernel.written.statements import concluded, said_of
from tensorprog.language import loads
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import verify
from tensorprog.terms import Term, read
from tests.kernel.certified import FILES, certificate, program
from tests.kernel.oracle import disagreement

SMALL = [p for p in FILES if "1000" not in p.stem]  # a sum over a thousand members, member by member, is slow


@pytest.mark.parametrize("path", SMALL, ids=lambda p: p.stem)
def test_accepted_facts_are_true(path: Path) -> None:
    found = certificate(path)
    if found is None:
        pytest.skip("no theorem is shown to cover it")
    p = normalize(program(path))
    composer = Composer(p)
    seen: set[tuple[Term, str]] = set()
    for theorem in verify(program(path), found.text).theorems:
        match theorem.statement:
            case Fact(term, info):
                pass
            case Instruction(node, info):
                term = p.nodes[node].body  # type: ignore[union-attr]
            case _:
                continue
        try:
            t = composer.of_term(term)
        except CannotCompose:  # a family in pieces: there is no one function to put numbers in
            continue
        said = list(map(str, said_of(info)))
        if (t, str(said)) not in seen:
            seen.add((t, str(said)))
            assert disagreement(p, t, said, draws=6) is None, (concluded(theorem), t)


FALSE = [
    ("x^2", ["locally Lipschitz", "growth poly 1", "slope poly 1"]),
    ("x^2", ["locally Lipschitz", "growth poly 2", "slope poly 0"]),
    ("x*y", ["locally Lipschitz", "growth poly 0", "slope poly 1"]),
    ("step(x)", ["locally Lipschitz", "growth poly 0", "slope poly 0"]),
    ("x - 1", ["locally Lipschitz", "growth poly 1", "slope poly 0", "u >= 0"]),
    ("relu(x)", ["locally Lipschitz", "growth poly 1", "slope poly 0", "nowhere 0"]),
    ("relu(x)", ["locally Lipschitz", "growth poly 1", "slope poly 0", "bounded above"]),
    ("1/x", ["locally bounded", "growth poly 1", "slope any", "u >= 0"]),
    ("sqrt(x)", ["continuous", "growth poly 1", "slope any"]),
    ("C*x", ["locally Lipschitz", "growth poly 1", "slope poly 0", "u <= 0"]),
    ("3 + x", ["locally Lipschitz", "growth poly 0", "slope zero"]),
]


@pytest.mark.parametrize(("text", "said"), FALSE)
def test_the_oracle_catches_false_facts(text: str, said: list[str]) -> None:
    p = loads("param C > 0 = 1\ninput x, y ~ N(0, 1)\noutput x\n")
    assert disagreement(p, read(text), said) is not None
