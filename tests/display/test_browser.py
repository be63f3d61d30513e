"""Reports in a real browser: drawn without complaint, interactive, readable in light and dark, on a phone, by keyboard.

Without a Chromium on the machine these tests are skipped, and say so; `.ci/run` installs one where it can.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import tensorprog as tp
from tensorprog.display.report import report_of
from tensorprog.display.subject import Options
from tests.display.browser import CHROMIUM, Tab, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: pages are not looked at")
ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ["attention", "tied_query_key", "layernorm", "gallery/convolution"]
UNDECIDED = ROOT / "tests" / "corpus" / "undecided" / "backward_pass.tp"

CONTRAST = """
(() => {
  const linear = x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
  const light = c => { const v = c.map(x => linear(x / 255));
                       return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const parse = s => (s.match(/[0-9.]+/g) || []).map(Number);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length === 3 || c[3] > .99) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg') || ![...e.childNodes].some(t => t.nodeType === 3 && t.data.trim())) continue;
    if (e.closest('details:not([open])') || !e.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(e.tagName + ' ' + e.className + ' ' + ratio.toFixed(2));
  }
  return bad.slice(0, 5);
})()
"""
OVERLAPS = """
(() => {
  const bad = [];
  for (const svg of document.querySelectorAll('svg')) {
    const boxes = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim()).map(t =>
      [t.textContent, t.getBoundingClientRect()]);
    for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (w > 2 && h > 4) bad.push(boxes[i][0] + ' | ' + boxes[j][0]);
    }
  }
  return bad.slice(0, 5);
})()
"""
NAMELESS = """
[...document.querySelectorAll('svg, img, a, table, section, nav')].filter(e => !(
  e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.textContent.trim() || e.alt
)).map(e => e.outerHTML.slice(0, 80))
"""
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder, out = tmp_path_factory.mktemp("pages"), {}
    for path in [*(ROOT / "examples" / f"{name}.tp" for name in PROGRAMS), UNDECIDED]:
        page = folder / f"{path.stem}.html"
        options = Options(width=32, samples=60, widths=(16, 32) if path.stem == "layernorm" else ())
        page.write_text(report_of(tp.load(path), options).html, encoding="utf-8")
        out[path.stem] = page.as_uri()
    return out


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(shared: Tab) -> Tab:
    shared.complaints.clear()
    return shared


def test_pages_are_drawn_and_can_be_read(pages: dict[str, str], tab: Tab) -> None:
    for name, url in pages.items():
        for width, dark in ((1200, False), (1200, True), (390, False)):
            tab.open(url, width, dark)
            assert tab.ask(CONTRAST) == [], (name, dark)
            assert tab.ask("document.scrollingElement.scrollWidth") <= width, (name, width)
        assert tab.ask(OVERLAPS) == [], name
        assert tab.ask(NAMELESS) == [], name
        levels = tab.ask(HEADINGS)
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        assert all(b - a <= 1 for a, b in pairwise(levels)), name
    assert tab.complaints == []


def test_a_node_leads_to_its_law_by_mouse_and_by_keyboard(pages: dict[str, str], tab: Tab) -> None:
    tab.open(pages["attention"])
    assert "an initial vector" in tab.ask("document.querySelector('.graph a title').textContent")
    wanted = tab.ask("document.querySelector('.graph a').getAttribute('href')")
    tab.click(".graph a rect")
    assert tab.ask("location.hash") == wanted
    assert tab.ask("getComputedStyle(document.querySelector(':target')).outlineStyle") == "solid"
    tab.ask("history.pushState(null, '', location.pathname); document.querySelector('.graph a').focus()")
    assert tab.ask("document.activeElement.getAttribute('href')") == wanted
    for kind in ("rawKeyDown", "char", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                       windowsVirtualKeyCode=13)  # fmt: skip
    assert tab.ask("location.hash") == wanted
    assert tab.ask("document.querySelector('details').open") is False
    tab.click("details > summary")
    assert tab.ask("document.querySelector('details').open") is True
    assert tab.complaints == []


def test_an_invalid_program_shows_where_it_fails(pages: dict[str, str], tab: Tab) -> None:
    tab.open(pages["tied_query_key"])
    hit = tab.ask("document.querySelector('tr.hit').textContent")
    assert "dot(q[i], k[j])" in hit
    colours = tab.ask("['tr.hit', '.code tr:not(.hit)'].map(s => "
                            "getComputedStyle(document.querySelector(s)).backgroundColor)")  # fmt: skip
    assert colours[0] != colours[1]
    assert tab.complaints == []


def test_the_driver_hears_complaints_and_sees_defects(tmp_path: Path, tab: Tab) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<h1 style='color:#999'>pale</h1><svg><text y=10>one</text><text x=4 y=12>two</text></svg>"
                "<script>console.error('no')</script>")  # fmt: skip

    tab.open(page.as_uri())
    assert tab.ask(CONTRAST)
    assert tab.ask(OVERLAPS)
    assert len(tab.complaints) == 1
