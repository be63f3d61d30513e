"""The site builds without a warning, and its pages need nothing from a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tensorprog
from tensorprog.errors import CODES
from tensorprog.theorems import THEOREMS

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("site")
    command = [sys.executable, ROOT / "docs" / "site.py", where]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return where / "site"


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 80
    loaded = r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"(https?:)?//"
    assert [p.name for p in pages if re.search(loaded, p.read_text(encoding="utf-8"))] == []


def test_formulas_are_drawn_by_the_browser(site: Path) -> None:
    page = (site / "docs" / "theory.html").read_text(encoding="utf-8")
    assert page.count("<math") > 100
    assert "mathjax.js" not in page.lower()
    assert not re.search(r"\$\$|\\mathbb", re.sub(r"<(pre|annotation).*?</\1>", "", page, flags=re.S))


def test_every_theorem_code_and_name_has_its_place(site: Path) -> None:
    for t in THEOREMS:
        page = (site / "theorems" / f"{t.id}.html").read_text(encoding="utf-8")
        assert all(f">{p.id}<" in page for p in t.premises)
    assert all((site / "docs" / "errors" / f"{code}.html").exists() for code in CODES)
    names = (site / "api" / "tensorprog.html").read_text(encoding="utf-8")
    assert all(f"tp.{name}" in names for name in tensorprog.__all__ if not name.startswith("_"))


@pytest.mark.long
def test_each_page_of_the_gallery_can_be_downloaded_as_a_notebook(site: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    for program in (ROOT / "examples" / "gallery").glob("*.tp"):
        page = site / "docs" / "gallery" / f"{program.stem}.html"
        (link,) = re.findall(r'href="([^"]+\.ipynb)"', page.read_text(encoding="utf-8"))
        nbformat.validate(nbformat.read(page.parent / link, 4))
