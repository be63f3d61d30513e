"""The numbered side conditions of docs/calculus.md: each stands in the source where the page says, with its case."""

from __future__ import annotations

import re
from pathlib import Path

from tests.kernel.bench import FILES, checks
from tests.kernel.dishonest.test_dishonest import CASES, DEFENCE, FORMAT, STRUCTURE

PAGE = Path(__file__).parents[3] / "docs" / "calculus.md"
ROW = re.compile(r"\| (\d+) \| (.*) \| (.*) \| (proof|program|guard) \|")


def checked() -> dict[str, dict[str, int]]:
    """Of each condition the functions that check it, `file.function`, with the line."""
    found: dict[str, dict[str, int]] = {}
    for file in FILES:
        for what, function, line in checks(file):
            found.setdefault(what, {})[f"{file}.{function}"] = line
    return found


def test_the_page_numbers_every_side_condition() -> None:
    """Number, line, and dishonest proof: none is missing and none is left over."""
    text = PAGE.read_text(encoding="utf-8").partition("## The side conditions, numbered")[2]
    rows = [m.groups() for m in map(ROW.fullmatch, text.splitlines()) if m]
    assert [int(k) for k, *_ in rows] == list(range(1, len(rows) + 1))
    source = {what: places for what, places in checked().items() if what not in FORMAT}
    assert {what for _, what, *_ in rows} == source.keys()
    for _, what, places, kind in rows:
        assert set(places.split(", ")) == source[what].keys(), what
        assert what in {"proof": CASES, "program": STRUCTURE, "guard": DEFENCE}[kind], what
    assert sum(kind != "guard" for *_, kind in rows) > 0.75 * len(rows)
