"""The hunt is tested itself: its oracles against other ones, its judges against planted lies, a short run for real."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorprog as tp
from tests.hunt import (
    cases,
    judge_claims,
    judge_expect,
    judge_limits,
    judge_proofs,
    judge_settled,
    judge_simulation,
    judge_symbols,
    judge_verdicts,
    sketches,
)
from tests.hunt.ask import Answer, ask
from tests.hunt.claims import formula
from tests.hunt.dense import Dense
from tests.hunt.finding import Finding, Report
from tests.hunt.integrals import double, single
from tests.hunt.programs import program
from tests.hunt.rewrites import REWRITES
from tests.hunt.shrink import shrunk
from tests.hunt.syntax import Define, Input, Program, Weight, call, op, ref
from tests.hunt.unroll import apart

pytestmark = pytest.mark.filterwarnings("ignore")  # the oracles look at points where functions overflow

NETWORK = Program(
    inputs=(Input(("u",)),),
    weights=(Weight("W"), Weight("V")),
    body=(
        Define("h", (), op("matmul", call("relu", ref("u")), name="W")),
        Define("m", (), op("mean", op("mul", ref("h"), ref("h")))),
        Define("y", (), op("matmul", call("tanh", ref("h")), name="V")),
    ),
    outputs=(ref("y"), ref("m")),
)
Change = Callable[[dict[str, Any]], None]


def lying(
    monkeypatch: pytest.MonkeyPatch, module: Any, command: str, change: Change | None = None, **parts: Any
) -> None:
    """From now on a judge's questions to this command are answered wrongly."""

    def answered(*words: str, **options: Any) -> Answer:
        answer = ask(*words, **options)
        if words[0] == command and not answer.refused:
            if change is not None:
                change(answer.data)
            return replace(answer, **parts)
        return answer

    monkeypatch.setattr(module, "ask", answered)


def wrong_numbers(data: dict[str, Any]) -> None:
    for r in data["results"]:
        r["value"] *= 1.5


def test_matrices_give_known_laws() -> None:
    """E h^2 = E relu(u)^2 = 1/2 and the scalar m has that limit; y has the variance E tanh(h)^2."""
    dense = Dense(NETWORK, 200, 200, np.random.default_rng(0))
    assert abs((dense.get("h", ()) ** 2).mean() - 0.5) < 0.02
    assert abs(dense.get("m", ()).mean() - 0.5) < 0.02
    expected = single(lambda t: np.tanh(t) ** 2, 0.0, 0.5, [0.0]).value
    assert abs((dense.get("y", ()) ** 2).mean() - expected) < 0.02


def test_an_integral_with_kinks_that_cross_is_cut_where_they_do() -> None:
    """E max(a + b, 1) sign(b + 1/2), by conditioning on b in mpmath."""
    cov, lines = [[0.247861, -0.485286], [-0.485286, 1.48459]], [(1.0, 1.0, 1.0), (0.0, 1.0, -0.5)]
    found = double(lambda a, b: np.maximum(a + b, 1) * np.sign(b + 0.5), (2.0, 0.0), cov, lines)
    assert found.value == pytest.approx(1.18390205645134, abs=1e-14)
    assert found.error < 1e-14


def test_integrals_agree_with_closed_forms() -> None:
    """Kinks at variances from 1e-8 to 1e12; the arc cosine kernel with covariance near singular."""
    for v in (1e-8, 1.0, 1e12):
        assert single(lambda t: np.maximum(t, 0), 0.0, v, [0.0]).value == pytest.approx(
            (v / (2 * np.pi)) ** 0.5, rel=1e-11
        )
    r = 0.999
    lines = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
    found = double(lambda a, b: np.maximum(a, 0) * np.maximum(b, 0), (0, 0), ((1, r), (r, 1)), lines)
    assert found.value == pytest.approx((np.sqrt(1 - r * r) + r * (np.pi - np.arccos(r))) / (2 * np.pi), rel=1e-9)


def test_formulas_are_read() -> None:
    assert formula("2*asin(z/(1 + 2*z))/pi", {"z": 0.5}) == pytest.approx(2 * np.arcsin(0.25) / np.pi)
    assert np.isnan(formula("1/sqrt(1 - 2*z)", {"z": 2.0}))


def test_a_wrong_limit_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(judge_limits, "WIDTHS", ((16, 300), (64, 300)))
    monkeypatch.setattr(judge_limits, "AGAIN", ((24, 400), (96, 300)))
    assert judge_limits.against_matrices(NETWORK, tmp_path, Report(), 1) is None
    assert judge_limits.roads(NETWORK, tmp_path, Report(), 1) is None
    lying(monkeypatch, judge_limits, "derive", wrong_numbers)
    found = judge_limits.against_matrices(NETWORK, tmp_path, Report(), 1)
    assert found is not None
    assert found.kind == "limit"
    assert judge_limits.roads(NETWORK, tmp_path, Report(), 1) is not None  # the claims know better


def test_a_scalar_without_a_limit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a jump of an average at its limit called a constant: matrices show that it never settles."""
    coin = replace(NETWORK, body=(Define("s", (), call("sign", op("mean", ref("u")))),), outputs=(ref("s"),))

    def constant(data: dict[str, Any]) -> None:
        data |= {"laws": [], "results": [{"of": "E(s)", "value": 0.0, "error": 0.0, "supported_by": "netsor-plus"}]}

    monkeypatch.setattr(judge_limits, "AGAIN", judge_limits.WIDTHS)
    lying(monkeypatch, judge_limits, "derive", constant, code=0)
    found = judge_limits.against_matrices(coin, tmp_path, Report(), 1)
    assert found is not None
    assert found.signature == "a scalar that has no limit"


def test_a_proof_of_what_check_calls_invalid_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def denied(data: dict[str, Any]) -> None:
        data["verdict"] = "invalid"

    assert judge_verdicts.proof(NETWORK, tmp_path, Report()) is None
    lying(monkeypatch, judge_verdicts, "check", denied, code=1)
    found = judge_verdicts.proof(NETWORK, tmp_path, Report())
    assert found is not None
    assert found.kind == "proof"


def test_certified_numbers_are_compared(tmp_path: Path) -> None:
    report = Report()
    small = Program(inputs=(Input(("u",)),), weights=(Weight("W"),), outputs=(ref("y"),),
                    body=(Define("y", (), op("matmul", call("relu", ref("u")), name="W")),))  # fmt: skip
    assert judge_proofs.numbers(small, tmp_path, report, 1) is None
    assert report.compared["certified numbers"]


def test_wrong_samples_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert judge_simulation.against_matrices(NETWORK, tmp_path, Report(), 1) is None
    load = np.load
    monkeypatch.setattr(np, "load", lambda path: {k: 1.3 * v for k, v in load(path).items()})
    found = judge_simulation.against_matrices(NETWORK, tmp_path, Report(), 1)
    assert found is not None
    assert found.kind == "simulation"


def test_wrong_expectations_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def off(data: dict[str, Any]) -> None:
        if data.get("value") is not None and data.get("error") is not None:
            data["value"] += 20 * data["error"] + 1e-6 * (1 + abs(data["value"]))

    lying(monkeypatch, judge_expect, "expect", off)
    found = [judge_expect.judged(random.Random(seed), tmp_path, Report()) for seed in range(4)]
    assert sum(f is not None for f in found) >= 2


def test_false_claims_that_are_called_proved_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def trusting(data: dict[str, Any]) -> None:
        data["claims"][0] |= {"status": "proved"}

    lying(monkeypatch, judge_claims, "claims", trusting)
    found = [judge_claims.judged(random.Random(seed), tmp_path, Report()) for seed in range(6)]
    assert any(f is not None and f.signature.startswith("proved, ") for f in found)


def test_no_answer_is_a_finding() -> None:
    for fault in ("traceback: KeyError: 'i'", "no end after 20 s"):
        found = judge_verdicts.broken(Answer(("check", "/a/case.tp"), None, None, "", fault), "")
        assert found is not None
        assert found.command == "tensorprog check case.tp"
    assert judge_verdicts.broken(Answer(("check", "case.tp"), 2, {"diagnostics": []}, ""), "") is not None


def test_not_a_number_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorprog.cli

    monkeypatch.setattr(tensorprog.cli, "main", lambda words: print('{"value": NaN}') or 0)
    assert "NaN" in ask("check", "case.tp").fault


def test_findings_are_shrunk() -> None:
    """Down to the one thing that fails: a program with a sin in it."""

    def judge(p: Program) -> Finding | None:
        return Finding("test", "sin", str(p), "", "") if "sin(" in str(p) else None

    made = next(p for p in (program(random.Random(k), "any") for k in range(1000)) if judge(p) and len(p.body) > 3)
    found = shrunk(made, judge, "sin", 5.0)
    assert found is not None
    assert len(found.text.splitlines()) <= 6, found.text


def same_matrices(before: Dense, after: Dense, made: Program) -> None:
    """The second program's vectors and matrices are the first one's, by their names there."""
    for (name, subs), value in list(before.members.items()):
        new = (name, subs) if (name, subs) in after.members else (apart(name, subs), ())
        if new in after.members:
            after.members[new] = value
    for w in made.weights:
        for subs in product(*map(made.range_of, w.subs)):
            after.weights[w.name, subs] = after.weights[apart(w.name, subs), ()] = before.weight(w.name, subs)


@pytest.mark.parametrize("name", [n for n in REWRITES if n != "separate"])
def test_rewrites_keep_what_is_computed(name: str) -> None:
    """The same matrices give the same output before and after, members renamed or not."""
    done = 0
    for seed in range(400):
        rng = random.Random(seed)
        made = sketches.sums_of_widths(rng) if name == "one width" else program(rng)
        other = REWRITES[name](rng, made)
        if other is None:
            continue
        before, after = (Dense(p, 6, 3, np.random.default_rng(0)) for p in (made, other))
        same_matrices(before, after, made)
        for m in (m for out in made.outputs for m in before.family(out.name)):
            new = m if m[0] in after.definitions else (apart(*m), ())
            np.testing.assert_allclose(after.get(*new), before.get(*m), rtol=1e-7, atol=1e-9)
        done += 1
        if done == 8:
            return
    assert done


@pytest.mark.parametrize("name", sketches.SKETCHES)
def test_sketches_are_programs_of_the_language(name: str, tmp_path: Path) -> None:
    """None is refused as text, members written out are accepted too, and matrices evaluate both to the same."""
    for seed in range(4):
        made = sketches.SKETCHES[name](random.Random(seed))
        plain = REWRITES["members"](random.Random(seed), made)
        assert plain is not None
        before, after = (Dense(p, 6, 3, np.random.default_rng(0)) for p in (made, plain))
        same_matrices(before, after, made)
        for m in (m for out in made.outputs for m in before.family(out.name)):
            np.testing.assert_allclose(after.get(apart(*m), ()), before.get(*m), rtol=1e-7, atol=1e-9)
        for p in (made, plain):
            tp.loads(str(p))


def test_a_valid_coin_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Were every program called valid, matrices would show that signs of averages never settle."""

    def trusting(data: dict[str, Any]) -> None:
        data["verdict"] = "valid"

    coin = Program(inputs=(Input(("u",)),), body=(Define("s", (), call("sign", op("mean", ref("u")))),),
                   outputs=(ref("s"),))  # fmt: skip
    monkeypatch.setattr(judge_settled, "FULL", ((24, 60), (96, 60)))
    assert judge_settled.judged(NETWORK, tmp_path, Report(), 1) is None
    lying(monkeypatch, judge_settled, "check", trusting, code=0)
    found = judge_settled.judged(coin, tmp_path, Report(), 1)
    assert found is not None
    assert found.signature == "valid, and never settles"


def test_a_needless_refusal_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def timid(data: dict[str, Any]) -> None:
        data["verdict"] = "undecided"

    lying(monkeypatch, judge_settled, "check", timid, code=3)
    smooth = NETWORK.mapped(lambda x: replace(x, name="tanh") if x.name == "relu" else x)
    found = judge_settled.judged(smooth, tmp_path, Report(), 1)
    assert found is not None
    assert found.kind == "refused"


def test_symbols_without_their_assumptions_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    facts = tp.facts

    def forgetful(f: Any, *words: Any, **options: Any) -> Any:
        return facts(str(f).replace("Abs", "abs").replace("**", "^"), *words, **options)

    assert all(judge_symbols.judged(random.Random(k), tmp_path, Report()) is None for k in range(4))
    monkeypatch.setattr(tp, "facts", forgetful)
    found = [judge_symbols.judged(random.Random(k), tmp_path, Report()) for k in range(4)]
    assert any(f is not None for f in found)


CASES = {
    6: "expectation", 11: "function", 12: "sketch nearly one", 17: "symbols", 22: "pooling", 23: "theme atoms",
    31: "expectation", 43: "sketch sums of widths", 62: "sketch nearly one",
}  # fmt: skip
"""Cases of seed 5 of a second or less each."""


def test_a_short_hunt_compares_everything_and_finds_nothing(tmp_path: Path) -> None:
    hunter, compared, findings = cases.Hunter(5, tmp_path, patience=0.0), Counter[str](), list[Finding]()
    for number, kind in CASES.items():
        report = hunter.case(number, kind)
        findings += report.findings
        compared.update(report.compared)
    for kind in ("check against prove", "prove against verify", "derive against matrices", "simulate against matrices",
                 "derive against itself", "derive against claims", "valid against matrices"):  # fmt: skip
        assert compared[kind], kind
    assert any(k.startswith("rewrite") for k in compared)
    assert any(k.startswith("expect") for k in compared)
    assert [f.page() for f in findings] == []


def test_a_case_depends_on_its_seed_and_number_alone(tmp_path: Path) -> None:
    first, second = (cases.Hunter(5, tmp_path) for _ in range(2))
    first.case(11, "function")
    assert first.case(31, "expectation") == second.case(31, "expectation")
