"""The theorem files themselves: identifiers, words, and examples that the theorem they stand under covers."""

from __future__ import annotations

import json

import pytest

import tensorprog as tp
from tensorprog.theorems.check import theorem_by_id
from tensorprog.theorems.conditions.statement import Theorem
from tensorprog.theorems.report import theorem_text
from tensorprog.theorems.verdict import THEOREMS


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda t: t.id)
def test_example_is_covered(theorem: Theorem) -> None:
    verdict = tp.check(tp.loads(theorem.example))
    report = next(r for r in verdict.theorems if r.theorem is theorem)
    assert report.status == ("formal" if theorem.formal else "applies")
    weaker = [t for t in THEOREMS[: THEOREMS.index(theorem)] if t.id in verdict.covered_by]
    assert weaker == []


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda t: t.id)
def test_text_names_every_premise(theorem: Theorem) -> None:
    text = theorem_text(theorem)
    assert all(p.id in text and p.statement in text for p in theorem.premises)
    assert theorem.source in text


def test_ids_are_unique_and_found() -> None:
    assert len({t.id for t in THEOREMS}) == len(THEOREMS)
    for theorem in THEOREMS:
        assert len({p.id for p in theorem.premises}) == len(theorem.premises)
        assert theorem_by_id(theorem.id) is theorem
    assert theorem_by_id("no such theorem") is None


def test_json_has_the_documented_shape() -> None:
    data = tp.check(tp.loads(THEOREMS[2].example)).to_json()
    again = json.loads(json.dumps(data))
    assert again["schema"] == "tensorprog/check/1"
    assert again["verdict"] == "valid"
    assert again["covered_by"] == ["attention"]
    assert again["outputs"] == [{"of": "y", "verdict": "valid", "covered_by": ["attention"]}]
    premise = again["theorems"][2]["premises"][0]
    assert set(premise) == {"id", "status", "statement", "because", "at"}


def test_a_variance_that_may_be_negative_is_an_assumption() -> None:
    text = "param s{} = 1\ninput u ~ N(0, 1)\nweight W ~ N(0, s/n)\ny = W @ relu(u)\noutput y\n"
    said = "the variance of W, s/n, is not negative"
    assert said in tp.check(tp.loads(text.format(""))).assumptions
    assert said not in tp.check(tp.loads(text.format(" > 0"))).assumptions
