"""Rewrites that do not change the function do not change the verdict: names, order, sums, masks, pieces, unused scores.

REWRITES=N in the environment runs N rewritten programs in the place of a fixed sample.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import tensorprog as tp
from tests.theorems.rewriting import Rewriter

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("tests/corpus", "tests/faults/programs", "examples")
    for path in (ROOT / folder).rglob("*.tp")
    if path.parent.name != "error"
)
MANY = int(os.environ.get("REWRITES", "0"))
Judgement = list[tuple[str, str, list[str]]]


def judgement(program: tp.Program) -> Judgement:
    return [(o.of, o.verdict, o.covered_by) for o in tp.check(program).outputs]


def rewritten(path: Path, seed: int) -> Iterator[tuple[list[str], str]]:
    """A program after one, two, ... rewrites, with their names."""
    rewriter, steps = Rewriter(tp.load(path).to_text(), seed), []
    for _ in range(random.Random(seed).choice([1, 2, 3, 5])):
        steps.append(rewriter.step())
        yield list(steps), rewriter.text


def the_last_that_loads(path: Path, seed: int) -> tuple[list[str], tp.Program] | None:
    """The longest chain of rewrites that is still a program (an inlined sum may meet its own index)."""
    found = None
    for steps, text in rewritten(path, seed):
        try:
            found = steps, tp.loads(text)
        except tp.TensorProgError:
            break
    return found


def sample() -> list[tuple[Path, int]]:
    rng = random.Random(MANY or 20)
    return [(rng.choice(FILES), rng.randrange(10**6)) for _ in range(MANY or 45)]


@pytest.mark.parametrize(("path", "seed"), sample(), ids=lambda v: v.stem if isinstance(v, Path) else str(v))
def test_a_rewritten_program_has_the_same_verdict(path: Path, seed: int) -> None:
    try:
        program = tp.load(path)
    except tp.TensorProgError:
        pytest.skip("refused as text")
    found = the_last_that_loads(path, seed)
    if found is not None:
        steps, other = found
        assert judgement(other) == judgement(program), f"{steps}\n{other.to_text()}"


LAWS = """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight A, B, V ~ N(0, 1/n)
x[i] = tanh(u[i])
p[i,j] = dot(A @ x[i], B @ x[j])/sqrt(n)
y[i] = V @ sum(softmax(p[i,j] over j)*x[j] for j)
z = sin(p[1,2])*(x[1] + x[2])*u[1]
w = V @ (u[1] + u[2])
output y[1]
output z
output w
"""


def test_most_rewrites_are_programs_and_every_kind_occurs() -> None:
    """Else the test above would compare nothing."""
    kinds, refused = set(), 0
    for seed in range(40):
        rewriter = Rewriter(tp.loads(LAWS).to_text(), seed)
        kinds |= {rewriter.step() for _ in range(3)}
    for seed in range(40):
        for steps, text in rewritten(FILES[seed % len(FILES)], seed):
            kinds.add(steps[-1])
            try:
                tp.loads(text)
            except tp.TensorProgError:
                refused += 1
                break
    assert refused < 8
    assert kinds >= {"commute", "name_part", "inline", "distribute", "unused_scores", "true_mask", "split", "trivial",
                     "alias", "multiply_out", "associate"}  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_a_rewritten_program_has_the_same_covariances(seed: int) -> None:
    rewriter = Rewriter(tp.loads(LAWS).to_text(), seed)
    for _ in range(4):
        rewriter.step()
    before, after = (tp.derive(tp.loads(text)) for text in (LAWS, rewriter.text))
    for a, b in (("z", "z"), ("w", "w"), ("y[1]", "y[1]")):
        one, two = before.cov(a, b), after.cov(a, b)
        assert one.supported_by == two.supported_by, rewriter.text
        assert abs(one.value - two.value) <= 1e-9 + one.error + two.error, rewriter.text
