"""Certified averages over softmaxes of many scores, against sums over products of Gauss points and against draws."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tensorprog.kernel.core.statements import Statement
from tensorprog.kernel.numbers.intervals import UNIT
from tensorprog.kernel.numbers.shares import Kind, Line, Model, Transforms
from tensorprog.kernel.numbers.statements import CovarianceNumber, ExpectationNumber
from tensorprog.kernel.numbers.strip import Grid
from tensorprog.language import load, loads
from tensorprog.proof import prove, verify
from tensorprog.proof.moments import grids

EXAMPLE = Path(__file__).parents[3] / "examples" / "attention.tp"
TOKENS = """
index i, j in 1..{tokens}
matrix K = {matrix}
input x[i] ~ N(0, K)
weight Wq, Wk, Wv ~ N(0, 1/n)
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)
output y
"""


def said(text: str, *goals: str) -> list[tuple[float, float]]:
    """The intervals of the goals of a program."""
    program = loads(text)
    found: list[Statement] = [t.statement for t in verify(program, prove(program, goals)).proved]
    return [(float(s.low), float(s.high)) for s in found if isinstance(s, ExpectationNumber | CovarianceNumber)]


def shares(p: np.ndarray) -> np.ndarray:
    """The softmax along the first axis."""
    e = np.exp(p - p.max(axis=0))
    out: np.ndarray = e / e.sum(axis=0)
    return out


def gauss(points: int, variables: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of independent standard Gaussian variables and their weights."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    each = np.array(list(product(range(points), repeat=variables))).T
    return x[each], np.prod((w / w.sum())[each], axis=0)


def kind(variance: Fraction, mean: Fraction) -> Kind:
    return int(variance * UNIT), (int(mean * UNIT), int(mean * UNIT))


class Alone(Model):
    """A product of shares of one softmax of independent scores."""

    def __init__(self, kinds: list[Kind], powers: dict[int, int]) -> None:
        self.rows, self.gap = [kinds], 0
        self.summands = [((UNIT, UNIT), {(0, k): m for k, m in powers.items()})]

    def number(self) -> tuple[float, float]:
        """On the grids that the prover finds."""
        found = grids(self)
        line = Line(*map(Fraction, found["points"]))
        grid = Grid(Fraction(found["strip"]), Fraction(found["spacing"]), int(found["count"]))
        low, high = self.mean(line, grid)
        return low / UNIT, high / UNIT


@pytest.mark.parametrize("seed", range(3))
def test_products_of_shares_of_scores_of_several_laws(seed: int) -> None:
    """Three scores of random variances and means, by 60^3 points."""
    rng = random.Random(seed)
    laws = [(Fraction(rng.randint(0, 64), 48), Fraction(rng.randint(-16, 16), 16)) for _ in range(3)]
    powers = {k: m for k in range(3) if (m := rng.randint(0, 2))} or {0: 1}
    low, high = Alone([kind(*law) for law in laws], powers).number()
    z, w = gauss(60, 3)
    s = shares(np.array([[float(d) ** 0.5] for d, _ in laws]) * z + np.array([[float(m)] for _, m in laws]))
    truth = float(np.sum(w * np.prod([s[k] ** m for k, m in powers.items()], axis=0)))
    assert low - 1e-9 < truth < high + 1e-9
    assert high - low < 1e-10


def test_shares_add_up_to_one() -> None:
    """By symmetry each of 200 has the mean 1/200, and 1 = 200 E s1^2 + 200 199 E s1 s2."""
    one = kind(Fraction(1), Fraction(0))
    low, high = Alone([one] * 200, {0: 1}).number()
    assert low <= 1 / 200 <= high
    assert high - low < 1e-11
    (a, b), (c, d) = Alone([one] * 200, {0: 2}).number(), Alone([one] * 200, {0: 1, 1: 1}).number()
    assert 200 * a + 200 * 199 * c <= 1 <= 200 * b + 200 * 199 * d
    assert 200 * (b - a) + 200 * 199 * (d - c) < 1e-7


def test_a_transform_is_a_mean() -> None:
    """G(t) = E exp(2 (t + u) - e^(t + u)), by 120 points."""
    line = Line(Fraction(1), Fraction(1), Fraction(-3), Fraction(4))
    found = Transforms(line, Grid(Fraction(1), Fraction(1, 8), 72), 2).of(kind(Fraction(9, 4), Fraction(1, 2)))
    z, w = gauss(120, 1)
    for t, values in zip(range(-3, 5), found, strict=True):
        u = t + 0.5 + 1.5 * z[0]
        for m, (low, high) in enumerate(values):
            truth = float(np.sum(w * np.exp(m * u - np.exp(u))))
            assert low / UNIT - 1e-6 < truth < high / UNIT + 1e-6
            assert (high - low) / UNIT < 1e-9


@pytest.mark.long
def test_the_variance_and_the_fourth_moment_of_the_first_example() -> None:
    """Two heads of four tokens: (1/2) sum over heads and tokens of shares squared is the variance given the scores."""
    program = load(EXAMPLE)
    proof = verify(program, prove(program, ["numbers:y[1]", "means:y[1]^4"]))
    z, w = gauss(24, 4)
    squares = (shares(z) ** 2).sum(axis=0)
    one, two = float(np.sum(w * squares)), float(np.sum(w * squares**2))
    found = [t.statement for t in proof.proved if isinstance(t.statement, ExpectationNumber | CovarianceNumber)]
    assert Counter(type(s) for s in found) == {ExpectationNumber: 1, CovarianceNumber: 1}
    for s in found:
        low, high = float(s.low), float(s.high)
        truth = one if isinstance(s, CovarianceNumber) else 3 * (two + one**2) / 2
        assert low - 1e-6 < truth < high + 1e-6
        assert high - low < 1e-10


def matrix(tokens: int, correlation: str, near: int) -> str:
    """Of variables of which each two have one correlation if their numbers are near."""
    every = range(tokens)
    rows = [["1" if i == j else correlation if abs(i - j) <= near else "0" for j in every] for i in every]
    return str(rows).replace("'", "")


@pytest.mark.long
@pytest.mark.parametrize("tokens", [5, 8])
def test_many_tokens_of_one_correlation(tokens: int) -> None:
    """Scores of variance 1 and covariance 1/4, values likewise."""
    found = said(TOKENS.format(tokens=tokens, matrix=matrix(tokens, "1/4", tokens)), "means:y[1]*y[1],y[1]^4")
    rng = np.random.default_rng(7)
    s = shares(0.75**0.5 * rng.standard_normal((tokens, 400_000)))
    given = 0.25 + 0.75 * (s**2).sum(axis=0)
    for (low, high), draws in zip(found, (given, 3 * given**2), strict=True):
        assert abs(draws.mean() - (low + high) / 2) < 4 * draws.std() / 400_000**0.5
        assert high - low < 1e-8


@pytest.mark.long
def test_tokens_of_several_correlations_have_a_wider_interval() -> None:
    """Five tokens, of which neighbours have the correlation 1/100."""
    ((low, high),) = said(TOKENS.format(tokens=5, matrix=matrix(5, "1/100", 1)), "means:y[1]*y[1]")
    k = np.eye(5) + (np.eye(5, k=1) + np.eye(5, k=-1)) / 100
    s = shares(np.linalg.cholesky(k) @ np.random.default_rng(9).standard_normal((5, 400_000)))
    draws = np.einsum("in,ij,jn->n", s, k, s)
    error = 4 * draws.std() / 400_000**0.5
    assert low - error < draws.mean() < high + error
    assert 0.001 < high - low < 0.1
