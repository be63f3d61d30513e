"""Reports: well-formed, complete, self-contained, and safe for any name and text."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

import tensorprog as tp
from tensorprog.display.command import report
from tensorprog.display.page.html import POLICY
from tensorprog.display.page.markup import join, tag
from tensorprog.display.page.references import WORKS, bibtex
from tensorprog.display.report import Report, report_of
from tensorprog.display.subject import Options
from tensorprog.program.forms.drawing import SHARED_INKS, svg_text
from tensorprog.theorems.verdict import THEOREMS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECTIONS = ["program", "verdict", "limits", "laws", "derivation", "basis", "cite"]
FEW = Options(width=32, samples=60)
MATHML = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
          "munder", "mover", "munderover", "mtable", "mtr", "mtd"}  # fmt: skip
CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "mroot": 2, "msubsup": 3, "munderover": 3}
VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """Checks that elements nest, and notes what a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style"} & set(self.open):
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@cache
def made(name: str) -> Report:
    return report_of(tp.load(EXAMPLES / f"{name}.tp"), FEW)


ALL = ["attention", "tied_query_key", "mlp", "rnn"]


@pytest.mark.parametrize("name", ALL)
def test_page_is_whole_and_loads_nothing(name: str) -> None:
    html = made(name).html
    page = read(html)
    assert len(page.ids) == len(set(page.ids))
    assert [s for s in SECTIONS if s in page.ids] == SECTIONS
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "img", "form", "base"}
    assert not [a for a in page.attributes if a.startswith("on")]
    assert "@import" not in html
    assert "url(" not in re.sub(r"url\(#arrow\)", "", html)
    assert POLICY.startswith("default-src 'none'")
    assert "Content-Security-Policy" in html
    program = tp.load(EXAMPLES / f"{name}.tp")
    assert made(name).verdict == tp.check(program).verdict
    for r in program.outputs:
        assert f"Law of {r.ref.name}" in page.text


@pytest.mark.parametrize("name", ALL)
def test_the_body_is_xml_and_its_formulas_are_mathml(name: str) -> None:
    body = made(name).html.split("</head>")[1].removesuffix("</html>\n")
    root = ET.fromstring(body)
    formulas = list(root.iter("math"))
    assert formulas or name == "tied_query_key"
    for formula in formulas:
        for e in formula.iter():
            assert e.tag in MATHML
            assert len(e) == CHILDREN.get(e.tag, len(e))
            assert not (e.text or "").startswith("\\"), "a LaTeX command that the converter does not know"
    for svg in root.iter("{http://www.w3.org/2000/svg}svg"):
        assert svg.find("{http://www.w3.org/2000/svg}title") is not None
        assert svg.get("role") == "img"
        assert svg.get("aria-label")


def test_graph_shows_rules_and_leads_to_the_derivation() -> None:
    root = ET.fromstring(made("attention").html.split("</head>")[1].removesuffix("</html>\n"))
    graph = next(e for e in root.iter("{http://www.w3.org/2000/svg}svg") if "graph of" in e.get("aria-label", ""))
    links = [a.get("href") for a in graph.iter("{http://www.w3.org/2000/svg}a")]
    assert len(links) == len(tp.load(EXAMPLES / "attention.tp").nodes)
    titles = [t.text or "" for t in graph.iter("{http://www.w3.org/2000/svg}title")]
    assert any("Dot: a score" in t and "Σ(p[a,i,j], p[a',i',j'])" in t for t in titles)


def test_only_the_same_matrix_has_a_strong_colour() -> None:
    text = "input u ~ N(0, 1)\nindex l in 1..2\nweight W[l], V ~ N(0, 1/n)\na = W[1] @ u\nb = W[2] @ tanh(a)\n"
    apart = svg_text(tp.loads(text + "output b"))
    assert not any(ink in apart for ink in SHARED_INKS)
    again = svg_text(tp.loads(text + "c = V @ b\nd = V @ tanh(c)\noutput d"))
    assert again.count(f'stroke="{SHARED_INKS[0]}"') == 2


def test_invalid_program_marks_the_line_and_says_what_to_change() -> None:
    html = made("tied_query_key").html
    assert len(re.findall(r'<tr id="L19" class="hit">', html)) == 1
    text = read(html).text
    for said in ("TP102", "what happens instead", "what to change", "use separate query and key weights"):
        assert said in text
    assert "refuted" in text
    assert "@article{sakai2025attention" in text
    assert "60 draws at n = 32" in text  # simulation speaks where theory does not


def test_premises_numbers_and_claims_are_those_of_the_library() -> None:
    program = tp.load(EXAMPLES / "attention.tp")
    text = read(made("attention").html).text
    for premise in tp.check(program).outputs[0].target.premises:
        assert premise.premise.statement in text
        assert premise.finding.because in text
    variance = float(tp.derive(program).law("y[1]").variance.value[0])
    assert f"{variance:.10g}" in text
    for decision in tp.claims(program):
        assert decision.text in text
    assert "accepted by the kernel" in text


HOSTILE = """# </pre><script>alert(1)</script> & "quotes" <img src=x onerror=alert(1)>
program script
param gamma > 0 = 1
input eval ~ N(0, 1)   # ]]> --> </style>
weight onload ~ N(0, gamma/n)
alert_1 = onload @ tanh(eval)
output alert_1
"""


def test_hostile_text_stays_text() -> None:
    program = tp.loads(HOSTILE, name="<b>file")
    page = read(report_of(program, FEW).html)
    assert not page.tags & {"script", "img", "b"}
    assert "</pre><script>alert(1)</script>" in page.text


def test_markup_escapes_everything_but_itself() -> None:
    assert tag("p", "<b>", tag("i", "&"), title='"<') == '<p title="&quot;&lt;">&lt;b&gt;<i>&amp;</i></p>'
    assert join("a\x00b", tag("br")) == "a\N{REPLACEMENT CHARACTER}b<br/>"


def test_validation_section() -> None:
    program = tp.loads("input u ~ N(0, 1)\nweight W ~ N(0, 1/n)\nh = W @ relu(u)\noutput h")
    text = read(report_of(program, Options(width=16, samples=200, widths=(8, 16, 32))).html).text
    result = tp.validate(program, [8, 16, 32], 200, 0)
    assert result.because in text
    assert all(t.of in text for t in result.tests)
    assert "Error against width" in text


def test_a_vector_without_variance_has_a_page() -> None:
    """Its variance, a number that may come out below 0 by rounding, is shown as 0."""
    text = "input x ~ N(0, 1)\na = silu(step(x^2))\ny = 2*gelu(a)\noutput y\n"
    program = tp.loads(text)
    (law,) = tp.derive(program).laws
    assert law.variance.value[0] >= 0
    assert report_of(program, FEW).html


def test_every_theorem_has_a_source() -> None:
    assert all(t.cites for t in THEOREMS)
    assert {k for t in THEOREMS for k in t.cites} == set(WORKS)
    for theorem in THEOREMS:
        entry = bibtex([theorem.id])
        assert entry.count("{") == entry.count("}")


@pytest.mark.parametrize(("name", "code"), [("mlp", 0), ("tied_query_key", 1)])
def test_command_writes_a_whole_file_and_exits_as_check(name: str, code: int, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    ran = CliRunner().invoke(
        report, [str(EXAMPLES / f"{name}.tp"), "-o", str(out), "--samples", "0"], standalone_mode=False
    )
    assert ran.return_value == code
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_a_terminal_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections are counted on a terminal; elsewhere nothing is written."""
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("tensorprog.numbers.progress.PATIENCE", 0.0)
    for stream, says in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        report_of(tp.load(EXAMPLES / "mlp.tp"), Options(samples=0), progress=True)
        assert ("of 8 sections (" in stream.getvalue()) is says
        assert ("left" in stream.getvalue()) is says


def test_command_says_why_it_cannot_write(tmp_path: Path) -> None:
    where = tmp_path / "missing" / "page.html"
    ran = CliRunner().invoke(
        report, [str(EXAMPLES / "mlp.tp"), "-o", str(where), "--samples", "0"], standalone_mode=False
    )
    assert isinstance(ran.exception, tp.TensorProgError)
    assert ran.exception.diagnostics[0].code == "TP018"


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_real_browser_shows_it_without_a_complaint(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(made("attention").html, encoding="utf-8")
    assert CHROMIUM is not None
    ran = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in ran.stderr
    assert [s for s in SECTIONS if f'id="{s}"' in ran.stdout] == SECTIONS
