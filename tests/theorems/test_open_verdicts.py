"""Every open verdict names its cause: a code, a place, a reason."""

from pathlib import Path

import pytest

import tensorprog as tp

CORPUS = Path(__file__).parents[1]
OPEN = [
    *(CORPUS / "corpus" / "undecided").glob("*.tp"),
    CORPUS / "faults" / "programs" / "nested_residual.tp",
]


@pytest.mark.parametrize("path", sorted(OPEN), ids=lambda p: p.stem)
def test_an_open_verdict_has_a_diagnostic(path):
    verdict = tp.check(tp.load(path))
    for output in verdict.outputs:
        if output.verdict == "undecided":
            assert output.diagnostics
            assert all(d.message and d.because for d in output.diagnostics)
    assert verdict.diagnostics


def test_nested_attention_names_the_line_that_nests():
    verdict = tp.check(tp.load(CORPUS / "faults" / "programs" / "nested_residual.tp"))
    (d,) = verdict.diagnostics
    assert (d.code, d.severity, d.line) == ("TP108", "warning", 8)
    assert "multiplies a function of scores by a weight" in d.message
