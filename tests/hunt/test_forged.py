"""The dishonest prover and its judge: nothing false is found of the kernel, and much of one without a condition."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from tensorprog.terms import Num
from tests.hunt import forge, judge_forged, suspects, truth
from tests.hunt.finding import Report
from tests.hunt.forge import Bench, requests
from tests.hunt.judge_forged import forged
from tests.hunt.kernels import Said, said
from tests.hunt.syntax import Define, Input, Program, Weight, X, call, num, op, ref
from tests.hunt.truth import Truth
from tests.kernel.bench import lacking

pytestmark = pytest.mark.filterwarnings("ignore")  # functions overflow where nothing is compared

MOMENT = Program(
    inputs=(Input(("u",)),),
    body=(
        Define("m", (), op("mean", op("pow", ref("u"), num(2)))),
        Define("y", (), op("mul", ref("m"), ref("u"))),
    ),
    outputs=(ref("y"),),
)
TWO_WIDTHS = Program(
    widths=(("m", 2),),
    inputs=(Input(("u",)), Input(("v",), width="m")),
    body=(
        Define("b", (), op("div", op("dot", ref("v"), ref("v")), X("width", name="n"))),
        Define("y", (), op("mul", ref("b"), ref("u"))),
    ),
    outputs=(ref("y"),),
)
BESIDE = Program(
    indices=(("i", 1, 2),),
    inputs=(Input(("u",), ("i",)),),
    weights=(Weight("A"),),
    body=(
        Define("h", ("i",), op("matmul", call("relu", ref("u", "i")), name="A")),
        Define("y", (), call("relu", ref("h", 1))),
    ),
    outputs=(ref("y"),),
)


def found(program: Program, goals: list[str]) -> list[str]:
    """What numbers say against an honest certificate, and against requests of a dishonest prover."""
    bench, rng = Bench(str(program)), random.Random(1)
    judge, out = Truth(program, bench.lowered, bench.context.powers, rng), list[str]()
    for goal in goals:
        out += [why for words in bench.prove(goal) if (why := judge.unfounded(words)) is not None]
    told = [*map(said, bench.done), *(one.says for one in requests(bench, rng, 12))]
    return out + [why for one in told if (why := judge.false(one)) is not None]


@pytest.mark.parametrize("program", [MOMENT, TWO_WIDTHS])
def test_what_the_kernel_says_is_true(program: Program) -> None:
    assert found(program, ["covariances:y"]) == []


def test_an_average_that_is_opened_like_a_vector_is_found() -> None:
    with lacking("an instruction of another kind"):
        assert found(MOMENT, ["covariances:y"])


def test_an_average_over_another_width_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorprog.kernel.limits.means.ratio", lambda *_: Num(1))
    assert found(TWO_WIDTHS, ["covariances:y"])


@pytest.mark.parametrize("goal", ["covariances", "kurtosis"])
def test_a_member_beside_the_outputs_is_found(goal: str) -> None:
    with lacking("members below one output"):
        assert "no output is computed from h[2]" in found(BESIDE, [f"{goal}:h[2]"])


def test_a_kurtosis_is_judged() -> None:
    """Of a Gaussian vector it is 3, of its relu (3/2 - 5/(2 pi) - 3/(4 pi^2)) / (1/2 - 1/(2 pi))^2 = 5.408."""
    bench = Bench(str(BESIDE))
    judge = Truth(BESIDE, bench.lowered, bench.context.powers, random.Random(1))
    assert bench.prove("kurtosis:h[1],y")
    honest = [one for one in map(said, bench.done) if one.words[0] == "kurtosis"]
    assert [round(float(one.words[2]), 3) for one in honest] == [3, 5.408]
    assert [judge.false(one) for one in honest] == [None, None]
    for wrong in ("1.9", "4.1"):  # the tail of the other is heavy: of it nothing is said
        assert judge.false(replace(honest[0], words=("kurtosis", "h[1]", wrong, wrong)))


def test_a_coin_is_found() -> None:
    """Were a kernel to take the step of an average for continuous, the spread between draws would tell."""
    program = Program(
        inputs=(Input(("u",)),),
        body=(
            Define("m", (), op("mean", ref("u"))),
            Define("y", (), op("mul", call("step", ref("m")), ref("u"))),
        ),
        outputs=(ref("y"),),
    )
    bench = Bench(str(program))
    judge = Truth(program, bench.lowered, bench.context.powers, random.Random(1))
    assert judge.false(Said(("applies", "netsor-plus", "0"))) is not None


def judged(seed: int, report: Report) -> Any:
    return forged(suspects.program(random.Random(f"suspect {seed}")), report, seed)


def test_a_few_suspects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_forged, "MUTANTS", 60)
    monkeypatch.setattr(judge_forged, "REQUESTS", 4)
    monkeypatch.setattr(forge, "PATIENCE", 1.0)
    monkeypatch.setattr(truth, "WIDTHS", ((48, 200), (192, 150)))
    report = Report()
    assert [f.page() for seed in range(2) if (f := judged(seed, report)) is not None] == []
    assert report.compared["kernel: honest steps"] > 5
    assert report.compared["kernel: forged steps"] > 1


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_suspects(seed: int) -> None:
    found = judged(seed, Report())
    assert found is None, found.page()
