"""Every result has JSON, a text, and a notebook display that is well-formed and says what the text says."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latex2mathml.converter import convert

import tensorprog as tp

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = tp.load(ROOT / "examples" / "gallery" / "causal.tp")
MLP = tp.load(ROOT / "examples" / "gallery" / "arc_cosine.tp")

RESULTS = {
    "program": lambda: PROGRAM,
    "verdict": lambda: tp.check(PROGRAM),
    "facts": lambda: tp.facts("x*exp(-x^2)", vars=["x"]),
    "expectation": lambda: tp.expect("relu(a)*relu(b)", [[1, 0.5], [0.5, 1]], vars=["a", "b"]),
    "limit": lambda: tp.derive(MLP),
    "covariance": lambda: tp.derive(MLP).cov("y[1]", "y[2]"),
    "law": lambda: tp.derive(PROGRAM).law("y[2]"),
    "claims": lambda: tp.claims(PROGRAM),
    "samples": lambda: tp.simulate(PROGRAM, n=16, samples=20),
    "validation": lambda: tp.validate(MLP, widths=[16, 32], samples=50),
    "certificate": lambda: tp.prove(MLP),
}
SAID = {"program": "mask = j &lt;= i", "verdict": "attention", "facts": "pseudo", "claims": "not gaussian(y[2])",
        "samples": "20 draws", "validation": "quantity", "certificate": "goal"}  # fmt: skip


class Nesting(HTMLParser):
    """Elements close in the order in which they open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag not in ("br", "hr", "img", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", RESULTS)
def test_result(name: str) -> None:
    result: Any = RESULTS[name]()
    json.dumps(result.to_json(), allow_nan=False)
    assert "object at 0x" not in repr(result)
    shown = [getattr(result, f"_repr_{kind}_", None) for kind in ("html", "latex")]
    assert any(shown)
    if shown[0]:
        html = shown[0]()
        reader = Nesting()
        reader.feed(html)
        reader.close()
        assert reader.open == []
        assert "script" not in reader.tags
        assert SAID.get(name, "") in html
    if shown[1]:
        latex = shown[1]()
        assert latex.count("$") % 2 == 0
        assert latex.startswith(("$", "\\"))
        ET.fromstring(convert(latex.strip("$")))


def test_names_from_a_file_stay_text_in_a_notebook() -> None:
    program = tp.loads("input u ~ N(0, 1)\nx = where(u < 1, u, 1)\noutput x\nclaim E(x) = 0")
    for result in (program, tp.check(program), tp.claims(program)):
        html = result._repr_html_()
        assert "u < 1" not in html
    assert np.isfinite(len(program._repr_html_()))
