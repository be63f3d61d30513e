"""Networks as people write them: verdict, limit against real matrices at three widths, and the page that lists them.

Verdicts are judged by `tests/test_corpus.py` from the line `# expect:` of each file. With TENSORPROG_WRITE_PAGES=1 the
page docs/gallery/networks.md is written anew; otherwise it must be what the programs say.
"""

from __future__ import annotations

import math
import os
import random
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tests.dense_text import Dense
from tests.share import LONG

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "gallery" / "networks.md"
FILES = {p.stem: p for p in sorted((ROOT / "tests" / "corpus" / "networks").glob("*.tp"))}
WITHOUT_LIMIT = {"tied_attention"}
COVERED = sorted(FILES.keys() - WITHOUT_LIMIT)
SHORT = random.Random(20).sample(COVERED, 6)
WIDTHS = (32, 64, 128)
FRACTION = 0.009
"""The standard error aimed at, as a part of the theory."""
HEAD = """# Networks as people write them

Each of these is one file of `tests/corpus/networks`, written after the paper that is named. The verdict is `check`'s;
the theorem is the first that covers the program, or the one that stands open. The second moment is that of one
coordinate of the output in the limit, to four digits; the tests compare it with matrices of numpy at three widths,
whose standard error is below 1 %. This page is written by `tests/test_networks.py`.

| network | paper | verdict | theorem | of | law | second moment | what matters |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def said(name: str, what: str) -> str:
    """A line of the file's head."""
    found = re.search(rf"^# {what}: (.*)$", FILES[name].read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name} does not say: {what}"
    return found[1]


@cache
def moment(name: str) -> tuple[float, float]:
    """The second moment of the output in the limit, and its error."""
    limit, of = tp.derive(tp.load(FILES[name])), said(name, "asks")
    variance, mean = limit.cov(of, of), limit.mean(of)
    assert variance.value is not None
    assert variance.error is not None
    assert mean.value is not None
    assert mean.error is not None
    return variance.value + mean.value**2, variance.error + 2 * abs(mean.value) * mean.error


def extrapolated(name: str, seed: int, blocks: int) -> tuple[float, float]:
    """The second moment of the output at width infinity, fitted as a + b/n to three widths; and the standard error."""
    text = FILES[name].read_text(encoding="utf-8")
    matched = re.fullmatch(r"(\w+)(?:\[([\d,]+)\])?", said(name, "asks"))
    assert matched
    key = matched[1], tuple(int(k) for k in (matched[2] or "").split(",") if k)
    draws: dict[int, list[float]] = {n: [] for n in WIDTHS}
    for block in range(blocks):
        for k, n in enumerate(WIDTHS):
            y = Dense(text, n, 24_000 // n, 1000 * seed + 10 * block + k).member(*key)
            draws[n].extend(np.mean(y**2, axis=-1))
        weight = np.array([math.sqrt(len(draws[n]) / np.var(draws[n])) for n in WIDTHS])
        design = np.array([[1, 1 / n] for n in WIDTHS]) * weight[:, None]
        inverse = np.linalg.inv(design.T @ design)
        found = float((inverse @ design.T @ (weight * [np.mean(draws[n]) for n in WIDTHS]))[0])
        error = math.sqrt(inverse[0, 0])
        if error < FRACTION * abs(found):
            break
    return found, error


@pytest.mark.parametrize("name", SHORT)
def test_some_limits_are_those_of_matrices(name: str) -> None:
    theory, slack = moment(name)
    found, error = extrapolated(name, 1, 1)
    assert abs(found - theory) < 4 * error + slack, (theory, found, error)


@pytest.mark.skipif(not os.environ.get(LONG), reason="minutes of matrices: asked for by --long")
@pytest.mark.parametrize("name", COVERED)
def test_limits_are_those_of_matrices_within_a_hundredth(name: str) -> None:
    theory, slack = moment(name)
    found, error = extrapolated(name, 2, 60)
    assert error < 0.01 * theory
    assert abs(found - theory) < 4 * error + slack, (theory, found, error)


def test_a_wrong_limit_is_seen() -> None:
    theory, slack = moment("gcn")
    found, error = extrapolated("gcn", 3, 20)
    assert abs(found - 1.05 * theory) > 4 * error + slack


def test_the_tied_score_grows_like_the_root_of_the_width() -> None:
    text = FILES["tied_attention"].read_text(encoding="utf-8")
    means = [float(np.mean(Dense(text, n, 400, n).member("p", (1, 1)))) for n in (32, 128)]
    assert 1.9 < means[1] / means[0] < 2.1


def row(name: str) -> list[str]:
    """The cells of the page that are known without a limit's number."""
    found = tp.check(tp.load(FILES[name]))
    data = found.to_json()
    open_ones = [t["id"] for t in data["theorems"] if t["status"] == "unknown" and t["id"] != "attention-nested"]
    theorem = (data["covered_by"] or [f"open: {t}" for t in open_ones] or ["none"])[0]
    kind = "none"
    if name not in WITHOUT_LIMIT:
        kind = tp.derive(tp.load(FILES[name])).law(said(name, "asks")).kind
    link = f"[{name}](../../tests/corpus/networks/{name}.tp)"
    return [link, said(name, "paper"), found.verdict, theorem, f"`{said(name, 'asks')}`", kind]


def written() -> dict[str, list[str]]:
    lines = [x for x in PAGE.read_text(encoding="utf-8").splitlines() if x.startswith("| [")]
    cells = [[c.strip() for c in x.strip("|").split("|")] for x in lines]
    return {re.sub(r"\[(\w+)\].*", r"\1", c[0]): c for c in cells}


def test_the_page_lists_every_network() -> None:
    if os.environ.get("TENSORPROG_WRITE_PAGES"):
        rows = []
        for name in FILES:
            number = "none" if name in WITHOUT_LIMIT else f"{moment(name)[0]:.4g}"
            rows.append(f"| {' | '.join([*row(name), number, said(name, 'matters')])} |")
        PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8").startswith(HEAD)
    assert set(written()) == set(FILES)
    for name, cells in written().items():
        assert cells[-1] == said(name, "matters")
        assert cells[1] == said(name, "paper")


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_the_row_of_a_network(name: str) -> None:
    assert written()[name][:-2] == row(name)


@pytest.mark.long
@pytest.mark.parametrize("name", COVERED)
def test_the_number_of_a_row(name: str) -> None:
    value, slack = moment(name)
    assert abs(float(written()[name][-2]) - value) <= 6e-4 * value + 2 * slack
