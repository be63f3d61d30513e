"""The gallery's pages show what their cells print, and their pictures what the cells draw."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tensorprog as tp

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery"
PAGES = sorted(p.stem for p in GALLERY.glob("*.md") if p.stem not in ("index", "networks"))
NUMBER = re.compile(r"(?<![A-Za-z_])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery_run", GALLERY / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def alike(a: str, b: str, slack: float) -> bool:
    """The same words, and numbers that differ by the rounding of another machine."""
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    return all(abs(float(x) - float(y)) <= slack + 1e-6 * abs(float(x)) for x, y in pairs)


def test_the_comparison_sees_words_and_numbers() -> None:
    assert alike("cov = 0.4714715 (error 2e-14)", "cov = 0.4714716 (error 9e-15)", 1e-6)
    assert not alike("cov = 0.4714", "cov = 0.4724", 1e-6)
    assert not alike("valid", "invalid", 1e-6)


def test_every_program_has_a_page_and_the_index_lists_all() -> None:
    assert {p.stem for p in (ROOT / "examples" / "gallery").glob("*.tp")} == set(PAGES)
    index = (GALLERY / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\w+)\.md\)", index)) == {*PAGES, "networks"}
    assert len(PAGES) >= 14


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, runner: ModuleType, tmp_path: Path) -> None:
    page = (GALLERY / f"{name}.md").read_text(encoding="utf-8")
    made = runner.rerun(page, tmp_path)
    assert alike(page, made, 2e-4), made
    drawn = {p.name for p in tmp_path.glob("*.svg")}
    shown: set[str] = set(re.findall(r"!\[[^\]]+\]\(images/([^)]+)\)", page))
    assert drawn == shown
    for picture in drawn:
        kept = (GALLERY / "images" / picture).read_text(encoding="utf-8")
        assert alike(kept, (tmp_path / picture).read_text(encoding="utf-8"), 0.6), picture


HOWTO = sorted(p for p in (GALLERY.parent / "howto").glob("*.md") if p.stem != "extend")  # which test_extend follows
GUIDES = [GALLERY.parent / "tutorial.md", *HOWTO]


@pytest.mark.parametrize("page", GUIDES, ids=lambda p: p.stem)
def test_guide(page: Path, runner: ModuleType, tmp_path: Path) -> None:
    """The tutorial and the guides, followed to the letter in an empty folder."""
    text = page.read_text(encoding="utf-8")
    images, folder = tmp_path / "images", tmp_path / "folder"
    images.mkdir()
    folder.mkdir()
    made = runner.rerun(text, images, folder)
    assert alike(text, made, 2e-4), made


VERDICTS: dict[str, Any] = {"tied_query_key": "invalid", "not_pseudo_lipschitz": "invalid"}


@pytest.mark.parametrize("name", PAGES)
def test_verdict(name: str) -> None:
    assert tp.check(tp.load(ROOT / "examples" / "gallery" / f"{name}.tp")).verdict == VERDICTS.get(name, "valid")
