"""Every result has JSON, a text, and a notebook display that is well-formed and says what the text says."""

from __future__ import annotations

import json
import re
import warnings
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
SAID = {"limit": "supported by", "covariance": "error", "law": "excess kurtosis",
        "program": "mask = j &lt;= i", "verdict": "attention", "facts": "pseudo", "claims": "not gaussian(y[2])",
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


def test_a_verdict_shows_its_diagnostics() -> None:
    """Code, line, caret and help, as on the terminal."""
    html = tp.check(tp.load(ROOT / "examples" / "tied_query_key.tp"))._repr_html_()
    text = re.sub(r"<[^>]+>", "", html)
    for said in ("error[TP102]", "dot(q[i], k[j])", "^^^", "= help: use separate query and key weights"):
        assert said in text
    assert html.count("<span style") >= 4


def test_a_joint_law_is_matrices() -> None:
    law = tp.derive(PROGRAM).law("y[1]", "y[2]")
    html = law._repr_html_()
    assert html.count("<table>") == 2
    assert f"{law.covariance.value[0, 1]:.6g}" in html
    assert r"\begin{pmatrix}" in html


def test_pictures() -> None:
    pytest.importorskip("matplotlib")
    limit = tp.derive(PROGRAM)
    validation = RESULTS["validation"]()
    drawn = {"law": limit.law("y[2]").plot(), "limit": limit.plot("x"), "validation": validation.plot(),
             "facts": tp.facts("x*exp(-x^2)", vars=["x"]).plot()}  # fmt: skip
    for figure in drawn.values():
        ET.fromstring(figure._repr_svg_())
    density, gaussian = drawn["law"].axes[0].lines
    x, y = density.get_data()
    assert abs(float(((y[1:] + y[:-1]) / 2 * (x[1:] - x[:-1])).sum()) - 1) < 1e-3
    assert max(y) > max(gaussian.get_data()[1])  # an average of Gaussians of several variances is peaked
    (image,) = drawn["limit"].axes[0].images
    assert np.allclose(image.get_array(), limit.matrix("x"))
    assert {t.of for t in validation.tests} >= {
        x.get_text() for x in drawn["validation"].axes[0].get_legend().get_texts()
    }
    with pytest.raises(tp.TensorProgError, match="several variables"):
        limit.law("y[1]", "y[2]").plot()
    with pytest.raises(tp.TensorProgError, match="one variable"):
        tp.facts("x*y", vars=["x", "y"]).plot()


def test_frames() -> None:
    pytest.importorskip("pandas")
    limit, validation = tp.derive(MLP), RESULTS["validation"]()
    frame = limit.to_frame()
    assert list(frame["of"]) == [r.of for r in limit.results]
    assert list(frame["value"]) == [r.value for r in limit.results]
    assert list(validation.to_frame()["theory"]) == [t.theory for t in validation.tests]


@pytest.mark.parametrize("library", ["matplotlib", "pandas"])
def test_without_the_library_the_help_says_how_to_get_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorprog.numbers.drawing.find_spec", lambda name: None)
    result = tp.facts("tanh(x)", vars=["x"]).plot if library == "matplotlib" else tp.derive(MLP).to_frame
    with pytest.raises(tp.TensorProgError, match=rf"(?s){library}.*pip install"):
        result()


class Shell:
    """What `%load_ext` gives an extension, as far as it is used."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.magics: dict[str, Any] = {}

    def register_magic_function(self, function: Any, kind: str, name: str) -> None:
        self.magics[f"{kind} {name}"] = function


def test_a_cell_may_be_a_program() -> None:
    shell = Shell()
    tp.load_ipython_extension(shell)
    cell = shell.magics["cell tp"]
    assert cell("net", "input u ~ N(0, 1)\nx = tanh(u)\noutput x\n").verdict == "valid"
    assert tp.derive(shell.user_ns["net"]).mean("x").value == 0
    wrong = cell("", "input u ~ N(0, 1)\nx = tahn(u)\noutput x\n")
    assert "program" not in shell.user_ns
    assert "tahn" in repr(wrong)
    assert "^" in wrong._repr_html_()
    assert "TP018" in repr(cell("two words", "input u ~ N(0, 1)\noutput u\n"))


def test_a_real_shell_takes_the_cell() -> None:
    testing = pytest.importorskip("IPython.core.interactiveshell")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library itself
        shell = testing.InteractiveShell(colors="nocolor")
        shell.run_line_magic("load_ext", "tensorprog")
        found = shell.run_cell_magic("tp", "net", "input u ~ N(0, 1)\nx = tanh(u)\noutput x\n")
    assert found.verdict == "valid"
    assert shell.user_ns["net"].name == "program"


def test_names_from_a_file_stay_text_in_a_notebook() -> None:
    program = tp.loads("input u ~ N(0, 1)\nx = where(u < 1, u, 1)\noutput x\nclaim E(x) = 0")
    for result in (program, tp.check(program), tp.claims(program)):
        html = result._repr_html_()
        assert "u < 1" not in html
    assert np.isfinite(len(program._repr_html_()))
