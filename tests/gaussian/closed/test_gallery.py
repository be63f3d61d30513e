"""The gallery in docs/ is what the program derives today."""

from itertools import islice
from pathlib import Path

import pytest

from docs import formula_gallery as gallery

PAGE = (Path(__file__).parents[3] / "docs" / "formula_gallery.md").read_text(encoding="utf-8")
REFRESH = "run `python docs/formula_gallery.py`"


@pytest.mark.parametrize(("f", "g"), [*islice(gallery.pairs(), 0, None, 13)])
def test_pair_is_up_to_date(f: str, g: str) -> None:
    assert gallery.pair(f, g) in PAGE, REFRESH


@pytest.mark.parametrize("f", gallery.FUNCTIONS[::5])
def test_single_and_square_are_up_to_date(f: str) -> None:
    assert gallery.single(f) in PAGE, REFRESH
    assert gallery.diagonal(f) in PAGE, REFRESH


def test_every_pair_stands_there() -> None:
    entries = PAGE.count("\n`E ")
    assert entries == len(gallery.FUNCTIONS) * 2 + sum(1 for _ in gallery.pairs())
    assert PAGE.startswith(gallery.HEAD)
    assert "No closed form" not in PAGE
    for f in gallery.WITHOUT:
        assert f"`{f}`" in PAGE
