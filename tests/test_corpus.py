"""The corpus: each program in tests/corpus states its own expectation, and the checker must agree.

A program begins with lines such as

    # expect: verdict=valid covered_by=netsor
    # expect: verdict=invalid codes=TP102@15 may=TP201
    # expect: output y[1] verdict=valid covered_by=attention
    # expect: error codes=TP002@8:14

`covered_by` is the first (weakest) theorem that covers. `codes` lists what must be reported, each with an optional line
or line:column; `A|B` means either. An error that is neither in `codes` nor in `may` fails the test. A text error (exit
code 2) is written `error`; without codes any will do.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import tensorprog as tp

CORPUS = Path(__file__).parent / "corpus"
VERDICTS = {"valid": "valid", "by-remark": "valid-by-remark", "invalid": "invalid", "undecided": "undecided"}
EXIT_CODES = {"valid": 0, "by-remark": 0, "invalid": 1, "undecided": 3, "error": 2}
EXAMPLE_OF_CATEGORY = {
    "valid": "attention_example1",
    "by-remark": "relu_attention",
    "invalid": "outputs_with_different_verdicts",
    "undecided": "two_layers",
    "error": "unknown_vector",
}
PROGRAMS = sorted(CORPUS.glob("*/*.tp"))


@dataclass(frozen=True)
class Code:
    """One expected code: `TP102`, `TP102@15` or `TP102@15:9`."""

    code: str
    line: int | None = None
    column: int | None = None

    @classmethod
    def read(cls, text: str) -> Code:
        match = re.fullmatch(r"(TP\d\d\d)(?:@(\d+)(?::(\d+))?)?", text)
        assert match, f"not a code with a place: {text}"
        code, line, column = match.groups()
        return cls(code, line and int(line), column and int(column))

    def meets(self, diagnostic: Any) -> bool:
        return (
            diagnostic.code == self.code
            and self.line in (None, diagnostic.line)
            and self.column in (None, diagnostic.column)
        )


@dataclass
class Expectation:
    error: bool = False
    verdict: str | None = None
    covered_by: str | None = None
    codes: list[list[Code]] = field(default_factory=list)
    may: set[str] = field(default_factory=set)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)


def read_expectation(path: Path) -> Expectation:
    expected = Expectation()
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# expect:"):
            break
        words = line.removeprefix("# expect:").split()
        target: dict[str, str] = {}
        if words[0] == "output":
            target = expected.outputs.setdefault(words[1], {})
            words = words[2:]
            target.update(word.split("=", 1) for word in words)  # type: ignore[arg-type]
            continue
        for word in words:
            key, _, value = word.partition("=")
            match key:
                case "error":
                    expected.error = True
                case "verdict":
                    expected.verdict = value
                case "covered_by":
                    expected.covered_by = value
                case "codes":
                    expected.codes = [[Code.read(c) for c in part.split("|")] for part in value.split(",")]
                case "may":
                    expected.may = set(value.split(","))
                case _:
                    raise AssertionError(f"{path.name}: {word}")
    assert expected.error or expected.verdict, f"{path.name} states no expectation"
    return expected


def told(diagnostics: Any) -> list[str]:
    return [f"{d.severity} {d.code}@{d.line}:{d.column} {d.message}" for d in diagnostics]


def check_codes(expected: Expectation, diagnostics: Any) -> None:
    for choices in expected.codes:
        assert any(c.meets(d) for c in choices for d in diagnostics), f"none of {choices} in {told(diagnostics)}"
    if expected.codes or expected.verdict in ("valid", "valid-by-remark"):
        allowed = {c.code for choices in expected.codes for c in choices} | expected.may
        errors = [d for d in diagnostics if d.severity == "error"]
        assert {d.code for d in errors} <= allowed, told(errors)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_program_of_the_corpus(path: Path) -> None:
    expected = read_expectation(path)
    assert expected.error == (path.parent.name == "error")
    if expected.error:
        with pytest.raises(tp.TensorProgError) as caught:
            tp.check(tp.load(path))
        assert caught.value.diagnostics, "an error explains itself"
        assert re.match(r"TP[09]\d\d", caught.value.diagnostics[0].code), "a text error or a limit"
        check_codes(expected, caught.value.diagnostics)
        return
    assert path.parent.name == "networks" or expected.verdict == VERDICTS[path.parent.name]
    verdict = tp.check(tp.load(path))
    data = verdict.to_json()
    assert verdict.verdict == data["verdict"] == expected.verdict, told(verdict.diagnostics)
    if expected.covered_by:
        assert data["covered_by"][:1] == [expected.covered_by]
    by_output = {entry["of"]: entry for entry in data["outputs"]}
    for of, wanted in expected.outputs.items():
        assert by_output[of]["verdict"] == wanted["verdict"], of
        if "covered_by" in wanted:
            assert by_output[of]["covered_by"][:1] == [wanted["covered_by"]], of
    check_codes(expected, verdict.diagnostics)


@pytest.mark.parametrize("path", [p for p in PROGRAMS if p.parent.name != "error"], ids=lambda p: p.stem)
def test_verdict_follows_from_its_parts(path: Path) -> None:
    """The program has the worst of its outputs' verdicts, and covered_by lists the theorems that apply."""
    data = tp.check(tp.load(path)).to_json()
    order = ["valid", "valid-by-remark", "undecided", "invalid"]
    assert data["schema"] == "tensorprog/check/1"
    assert data["verdict"] == max((entry["verdict"] for entry in data["outputs"]), key=order.index)
    for entry in data["outputs"]:
        assert (entry["verdict"] in ("valid", "valid-by-remark")) == bool(entry["covered_by"])
    for theorem in data["theorems"]:
        statuses = {premise["status"] for premise in theorem["premises"]}
        assert statuses <= {"proved", "refuted", "unknown"}
        if theorem["status"] == "applies":
            assert statuses == {"proved"}
    for diagnostic in data["diagnostics"]:
        assert diagnostic["severity"] in ("error", "warning", "note")
        assert diagnostic["message"]


def run_command(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    code = "import sys; from tensorprog.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("category", sorted(EXIT_CODES))
def test_exit_code_and_json_of_each_category(category: str) -> None:
    path = CORPUS / category / f"{EXAMPLE_OF_CATEGORY[category]}.tp"
    done = run_command("check", str(path), "--json")
    assert done.returncode == EXIT_CODES[category], done.stderr
    assert "Traceback" not in done.stderr
    data = json.loads(done.stdout)
    assert data["schema"] == "tensorprog/check/1"
    assert data["verdict"] == VERDICTS.get(category, "error")
    if category == "error":
        (diagnostic,) = data["diagnostics"]
        assert (diagnostic["code"], diagnostic["severity"]) == ("TP002", "error")
        wanted = read_expectation(path).codes[0][0]
        assert (diagnostic["line"], diagnostic["column"]) == (wanted.line, wanted.column)
        return
    assert data["program"] == path.stem
    assert {"covered_by", "outputs", "theorems", "assumptions", "diagnostics"} <= set(data)


def test_standard_input_and_the_plain_report() -> None:
    text = (CORPUS / "invalid" / "tied_query_key.tp").read_text(encoding="utf-8")
    done = run_command("check", "-", text=text)
    assert done.returncode == 1
    assert "TP102" in done.stdout + done.stderr


def test_the_corpus_is_large_enough() -> None:
    sizes = {category: sum(p.parent.name == category for p in PROGRAMS) for category in EXIT_CODES}
    assert sum(sizes.values()) >= 60
    assert all(sizes.values())
