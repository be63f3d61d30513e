"""One quantity has one value, whichever command is asked: cov, mean, --matrix, law and claims on random networks."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.limit.derive import Limit
from tensorprog.limit.show.results import Result
from tensorprog.terms import to_text
from tests.networks import network

ROOT = Path(__file__).parents[2]
CORPUS = [*(ROOT / "tests" / "corpus").glob("[!ei]*/*.tp"), *(ROOT / "tests" / "faults" / "programs").glob("*.tp")]
PROGRAMS: list[Path | int] = [*sorted(CORPUS), *sorted((ROOT / "examples").rglob("*.tp")), *range(200)]
"""Files, and seeds of random networks."""
PIECES = 40
MOST_MEMBERS = 4
SECONDS = 4.0

SMALL = """
param z >= 0 = 0
index i in 1..2
input u[i] ~ N(0, 1)
input (a, b) ~ N([0, 1], [[1, 2], [2, 4]])
input e ~ N(0, z)
weight W, V ~ N(0, 1/n)
m = mean(u[1]^2)
h[i] = W @ relu(u[i])
s = sign(e)
t = where(b > 2*a + 1, 1, u[1])
w = V @ sign(W @ a - (W @ b)/2 + W @ (0*a + 1)/2)
x[i] = tanh(h[i]) + m
y = step(h[1] - h[2])
output h, s, t, w, x, y
"""


def same(one: Result, value: float, error: float, what: str) -> None:
    assert one.value is not None
    assert one.error is not None
    room = one.error + error + 1e-9 * max(1.0, abs(one.value))
    assert abs(one.value - value) <= room, f"{what}: {one.of} = {one.value} +- {one.error}, and {value} +- {error}"


def compared(program: tp.Program, most: int) -> int:
    """How many numbers of other commands were held against those of `derive`."""
    limit, count = tp.derive(program, seconds=SECONDS), 0
    families = [f for f in program.families.values() if f.kind == "vector" and not f.name.startswith("_")]
    members = [to_text(m) for f in families for m in limit.lookup.members(limit.lookup.family(f.name), 2)]
    for name in members[:most]:
        try:
            variance, mean = limit.cov(name, name), limit.mean(name)
        except TensorProgError:
            continue
        if variance.value is None or mean.value is None or variance.error is None or not math.isfinite(variance.error):
            continue
        count += matrix_agrees(limit, name, variance) + law_agrees(limit, name, mean, variance)
        count += claims_agree(program, name, mean, variance)
    return count + sum(pair_agrees(limit, a, b) for a, b in pairwise(members[:most]))


def pair_agrees(limit: Limit, a: str, b: str) -> int:
    """Two members: in either order, alone and within the joint law and the array of their family."""
    try:
        one, other, law = limit.cov(a, b), limit.cov(b, a), limit.law(a, b)
    except TensorProgError:
        return 0
    if one.value is None or other.value is None:
        return 0
    assert other.error is not None
    same(one, other.value, other.error, f"cov({b}, {a})")
    if math.isfinite(law.covariance.value[0, 1]):
        same(one, float(law.covariance.value[0, 1]), float(law.covariance.error[0, 1]), "joint law")
    for k, name in enumerate((a, b)):
        single, variance = limit.law(name).variance, law.variance
        if math.isfinite(single.value[0]):
            assert abs(single.value[0] - variance.value[k]) <= single.error[0] + variance.error[k]
    return 2


def matrix_agrees(limit: Limit, name: str, variance: Result) -> int:
    try:
        entry = limit.matrix(name)
    except TensorProgError:
        return 0
    same(variance, float(entry.reshape(())), 1e-6 * abs(float(entry.reshape(()))), "matrix")
    return 1


def law_agrees(limit: Limit, name: str, mean: Result, variance: Result) -> int:
    try:
        law = limit.law(name)
    except TensorProgError:
        return 0
    same(variance, float(law.variance.value[0]), float(law.variance.error[0]), "law")
    same(mean, float(law.mean.value[0]), float(law.mean.error[0]), "law")
    return 2


def claims_agree(program: tp.Program, name: str, mean: Result, variance: Result) -> int:
    """Both sides are asked of claims, and a true claim is never refuted nor a false one confirmed or proved."""
    text = program.to_text()
    off = (variance.value or 0.0) + 10 * (variance.error or 0.0) + 0.01
    lines = [f"var({name}) = {off:.12f}", f"var({name}) = cov({name}, {name})"]
    lines.append(f"E({name}) = {mean.value:.12f} within 1e-6")
    found = list(tp.claims(tp.loads(text + "".join(f"\nclaim {line}" for line in lines) + "\n")))[-3:]
    false, true, near = found
    assert false.status in ("refuted", "undecided"), false.because
    assert true.status != "refuted", true.because
    assert program.params or near.status != "refuted", near.because  # with params it may fail at another value
    if false.left is not None:
        same(variance, false.left, 0.0, "claims")
    return 3


def test_the_small_programs_of_atoms() -> None:
    assert compared(tp.loads(SMALL), 10) >= 40


@pytest.mark.parametrize("seed", [3])
def test_random_networks(seed: int) -> None:
    compared(tp.loads(network(random.Random(seed))), 3)


@pytest.mark.long
@pytest.mark.parametrize("piece", range(PIECES))
def test_many_programs(piece: int, request: pytest.FixtureRequest) -> None:
    """The corpus, the examples, the faults and random networks; the first of each piece where not all is asked for."""
    mine = PROGRAMS[piece::PIECES]
    for at in mine if request.config.getoption("--long") else mine[:1]:
        try:
            program = tp.load(at) if isinstance(at, Path) else tp.loads(network(random.Random(at)))
        except TensorProgError:
            continue  # a random network that is refused
        compared(program, MOST_MEMBERS)


def test_an_example() -> None:
    assert compared(tp.load(ROOT / "examples" / "mlp.tp"), 3) > 0


def test_a_family_is_the_matrix_of_its_members() -> None:
    limit = tp.derive(tp.loads(SMALL))
    for name in ("h", "x"):
        whole = limit.matrix(name)
        single = [[limit.cov(f"{name}[{i}]", f"{name}[{j}]").value for j in (1, 2)] for i in (1, 2)]
        assert np.allclose(whole, np.array(single, dtype=float), atol=1e-9)
