"""What is certified of the limits of the corpus: its numbers are those of the limit engine and of simulations."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.kernel.limits.statements import GivenScores
from tensorprog.language import load
from tensorprog.program import Program
from tensorprog.proof import verify
from tensorprog.terms import Var, to_text
from tests.kernel.certified import FILES
from tests.proof.certified_limits import limit_of, numbers_of
from tests.proof.certified_numbers import Means, covariances

PAGE = (Path(__file__).parents[2] / "docs" / "certified.md").read_text(encoding="utf-8")


def certified(kind: str) -> list[Path]:
    """Programs of which the page, which another test keeps true, says that this is certified."""
    return [f for f in FILES if re.search(rf"^\| {f.parent.name}/{f.stem} \|.* \| {kind} \|", PAGE, re.MULTILINE)]


UNNAMED = {"attention_node", "attention_node_causal", "gelu_attention_inline", "stacked_linear_attention"}
"""Scores without a name in the program, or whose law is itself a mixture."""
COVARIANCES = [f for f in certified("covariances") if f.stem != "named_functions"]  # `derive` takes minutes
LAWS = [f for f in certified("(?:law|covariance) given the scores") if f.stem not in UNNAMED]


@pytest.mark.long
@pytest.mark.parametrize("path", COVARIANCES, ids=lambda p: p.stem)
def test_certified_covariances_are_those_of_the_limit_engine(path: Path) -> None:
    found, program = limit_of(path), load(path)
    assert found is not None
    limit = tp.derive(program)
    for (a, b), x in covariances(program, found[1]).items():
        known = limit.cov(a, b)
        assert abs(x - known.value) < 1e-5 * (1 + abs(x)) + 2 * known.error, (a, b, x, known.value)


NUMBERED = [
    f for f in FILES if re.search(rf"^\| {f.parent.name}/{f.stem} \|.* \| (?:certified|\d+ trusted) \|$", PAGE, re.M)
]


@pytest.mark.long
@pytest.mark.parametrize("path", [f for f in NUMBERED if f.stem != "named_functions"], ids=lambda p: p.stem)
def test_certified_numbers_are_those_of_the_limit_engine(path: Path) -> None:
    found, program = numbers_of(path), load(path)
    assert found is not None
    limit = tp.derive(program)
    said = [g for g in verify(program, found).goals if g[0] == "covariance number"]
    assert said
    for _, a, b, low, high, *_ in said:
        known = limit.cov(a, b)
        assert Fraction(low) <= Fraction(known.value) + Fraction(known.error)
        assert Fraction(high) >= Fraction(known.value) - Fraction(known.error)
        assert float(high) - float(low) < 1e-6 * (1 + abs(known.value)) + 4 * known.error


class Asked(dict[Var, float]):
    """Stands for the scores, and keeps which are asked for."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program

    def __contains__(self, v: object) -> bool:
        return isinstance(v, Var) and v.name in self.program.families

    def __missing__(self, v: Var) -> float:
        self[v] = 0.0
        return 0.0


@pytest.mark.long
@pytest.mark.parametrize("path", LAWS, ids=lambda p: p.stem)
def test_laws_given_the_scores_are_those_of_simulations(path: Path) -> None:
    """The certified conditional covariance, averaged over the scores' limit law, against the mean over coordinates.

    The conditional means are 0 in all these programs.
    """
    found, program = limit_of(path), load(path)
    assert found is not None
    accepted = verify(program, found[1])
    laws = [t.statement for t in accepted.theorems if isinstance(t.statement, GivenScores)]
    means, asked = Means(program, accepted), Asked(program)
    for law in laws:
        means.number(law.value, asked)
    scores = sorted(asked, key=to_text)
    limit, rng = tp.derive(program), np.random.default_rng(3)
    cov = np.array([[limit.cov(to_text(u), to_text(v)).value for v in scores] for u in scores])
    draws = rng.multivariate_normal(np.zeros(len(scores)), cov, 10_000, method="eigh")
    at = dict(zip(scores, draws.T, strict=True))
    n, samples = 256, 600
    names = sorted({to_text(v) for law in laws for v in (law.a, law.b)})
    seen = tp.simulate(program, n=n, samples=samples, rng=5, coordinates=32, outputs=names)
    for law in laws:
        given = np.broadcast_to(np.real(means.number(law.value, at)), 10_000)
        per_draw = np.mean(seen[to_text(law.a)] * seen[to_text(law.b)], axis=-1)
        error = np.hypot(per_draw.std() / np.sqrt(samples), given.std() / 100)
        assert abs(per_draw.mean() - given.mean()) < 4.5 * error + 6 * abs(given.mean()) / n + 1e-9, law
