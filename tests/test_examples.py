"""Every program in examples/ is checked, and has the verdict its comments promise."""

from __future__ import annotations

from pathlib import Path

import pytest

import tensorprog as tp

EXAMPLES = Path(__file__).parent.parent / "examples"
EXPECTED = {
    "attention": ("valid", ["attention"], set()),
    "relu_attention": ("valid-by-remark", ["attention"], {"TP201"}),
    "mlp": ("valid", ["netsor"], set()),
    "rnn": ("valid", ["netsor"], set()),
    "layernorm": ("valid", ["netsor-plus"], set()),
    "tied_query_key": ("invalid", [], {"TP102"}),
}


def test_every_example_is_listed() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.tp")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example(name: str) -> None:
    verdict, covered_by, codes = EXPECTED[name]
    result = tp.check(tp.load(EXAMPLES / f"{name}.tp"))
    data = result.to_json()
    assert result.verdict == verdict
    assert data["covered_by"][:1] == covered_by
    assert {d.code for d in result.diagnostics} == codes
    assert data["program"] == (name if name != "attention" else "multihead_attention")
