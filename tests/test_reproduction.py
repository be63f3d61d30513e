"""The script that reproduces the paper's figures: its numbers on a small scale, its parts against known answers."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

import tensorprog as tp

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "sakai2025"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce", FOLDER / "reproduce.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reproduce"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("multi_head", "valid"), ("relu", "valid-by-remark"), ("low_rank", "valid-by-remark"), ("scores_over_n", "valid")],
)
def test_verdicts(name: str, verdict: str) -> None:
    assert tp.check(tp.load(FOLDER / f"{name}.tp")).verdict == verdict


def test_number_of_heads_is_replaced(script: ModuleType) -> None:
    assert script.program("multi_head", 16).indices["a"] == (1, 16)


def test_divergence_of_two_gaussians(script: ModuleType) -> None:
    p, q = (stats.norm.pdf(script.GRID, scale=s) for s in (0.6, 0.7))
    exact = np.log(0.7 / 0.6) + 0.6**2 / (2 * 0.7**2) - 0.5
    assert script.divergence(p, q) == pytest.approx(exact, rel=1e-4)


def test_density_estimate_is_that_of_scipy(script: ModuleType) -> None:
    data = np.random.default_rng(0).standard_normal(2000)
    found, _ = script.estimate(data)
    expected = stats.gaussian_kde(data)(script.GRID)
    assert np.abs(found - expected).max() < 2e-3


def test_the_distance_falls_with_the_width(script: ModuleType) -> None:
    scale = script.Scale(draws=1500, relu=0, heads=0, repeats=2)
    far, near = (script.compare(script.program("multi_head"), n, 1500, scale) for n in (16, 256))
    assert near.sharp.max() < far.sharp.min() / 4
    assert abs(near.variance.mean() - near.limit_variance) < abs(far.variance.mean() - far.limit_variance)


def test_scores_spread_or_concentrate(script: ModuleType, tmp_path: Path) -> None:
    rows, plots = script.scores(script.Scale(draws=1000, relu=0, heads=0, repeats=2))
    spread, narrow = (float(r.measured.split(" ")[0]) for r in rows)
    assert spread == pytest.approx(1.0, abs=0.1)
    assert narrow == pytest.approx(1 / 16, abs=0.01)
    for plot in plots.values():
        ET.fromstring(script.standalone(plot))


def test_committed_table_is_whole() -> None:
    text = (FOLDER / "figures" / "table.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert set(rows[1:]) - {"---"} == {"1", "2(A)", "2(B)", "3", "ReLU"}
    names = {p.stem for p in (FOLDER / "figures").glob("*.svg")}
    assert names == {
        "multi_head_densities",
        "multi_head_kl",
        "scores",
        "heads",
        "low_rank",
        "relu_densities",
        "relu_kl",
    }
