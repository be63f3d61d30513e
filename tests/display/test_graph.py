"""Drawings: well-formed, complete, and safe for any name and text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

import tensorprog as tp
from tensorprog.program.forms.drawing import boxes_and_edges, dot_text, mermaid_text, svg_text
from tensorprog.program.forms.latex import program_latex
from tensorprog.terms import read
from tensorprog.terms.latex import term_latex

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.tp"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_instruction_is_drawn(path: Path) -> None:
    program = tp.load(path)
    boxes, edges = boxes_and_edges(program)
    assert len(boxes) == len(program.nodes)
    graph = program.graph
    assert {(f"n{a}", f"n{b}") for a, b in graph.edges} == {(a, b) for a, b, _ in edges}
    root = ET.fromstring(svg_text(program))
    rects = root.findall(".//{http://www.w3.org/2000/svg}g/{http://www.w3.org/2000/svg}rect")
    assert len(rects) == len(boxes)
    width = float(root.attrib["width"])
    for r in rects:
        assert float(r.attrib["x"]) >= 0
        assert float(r.attrib["x"]) + float(r.attrib["width"]) <= width
    assert mermaid_text(program).count(":::") == len(boxes)
    assert dot_text(program).count("fillcolor") == len(boxes)
    assert program_latex(program).count("&") == len(boxes)


def test_boxes_of_a_row_do_not_overlap() -> None:
    root = ET.fromstring(svg_text(tp.load(EXAMPLES[0])))
    rows: dict[str, list[tuple[float, float]]] = {}
    for r in root.findall(".//{http://www.w3.org/2000/svg}g/{http://www.w3.org/2000/svg}rect"):
        x, w = float(r.attrib["x"]), float(r.attrib["width"])
        rows.setdefault(r.attrib["y"], []).append((x, x + w))
    for row in rows.values():
        row.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(row))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x/2", r"\frac{x}{2}"),
        ("sigma^2", r"\sigma^{2}"),
        ("-x + 1/3", r"-x + \frac{1}{3}"),
        ("x[i]*y[j]", r"x_{i}\,y_{j}"),
        ("sqrt(n)", r"\sqrt{n}"),
        ("W1", "W_{1}"),
        ("h_1", "h^{(1)}"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
    ],
)
def test_latex_of_terms(text: str, latex: str) -> None:
    assert term_latex(read(text)) == latex
