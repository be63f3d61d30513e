"""The commands `simulate` and `validate`: exit codes, JSON, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog.cli import main
from tensorprog.language import load
from tensorprog.simulate import simulate

LAYER = """
param s > 0 = 1
input u ~ N(0, 1)
weight W, V ~ N(0, s/n)
x = relu(W @ u)
m = mean(x^2)
y = V @ x
output y, m
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "layer.tp"
    path.write_text(LAYER)
    return str(path)


def test_samples_in_a_file(file: str, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "samples.npz"
    assert main(["simulate", file, "-n", "64", "--samples", "30", "--seed", "5", "--out", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "tensorprog/simulate/1"
    assert data["outputs"] == [{"of": "y", "shape": [30]}, {"of": "m", "shape": [30]}]
    with np.load(out) as stored:
        expected = simulate(load(file), n=64, samples=30, rng=5)
        assert {k: stored[k].tolist() for k in stored.files} == {k: v.tolist() for k, v in expected.items()}
    assert [p.name for p in tmp_path.iterdir() if ".part" in p.name] == []


def test_coordinates_add_an_axis(file: str, tmp_path: Path) -> None:
    out = tmp_path / "samples.npz"
    assert main(["simulate", file, "-n", "16", "--samples", "3", "--coordinates", "4", "--out", str(out)]) == 0
    with np.load(out) as stored:
        assert stored["y"].shape == (3, 4)
        assert stored["m"].shape == (3,)


def test_a_folder_that_is_not_there(file: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["simulate", file, "-n", "4", "--samples", "2", "--out", str(tmp_path / "no" / "x.npz")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_params(file: str, capsys: Any) -> None:
    found = []
    for value in ("1", "4"):
        assert main(["simulate", file, "-n", "16", "--samples", "50", "--set", f"s={value}", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["statistics"][0]["variance"])
    assert found[1] == pytest.approx(16 * found[0])


def test_plan(file: str, capsys: Any) -> None:
    assert main(["simulate", file, "-n", "1000", "--plan"]) == 0
    text = capsys.readouterr().out
    assert "only looked at" in text
    assert "Gram is enough" in text
    assert "whole, because of" in text
    assert main(["simulate", file, "-n", "1000", "--plan", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    kept = {v["of"]: (v["kept"], v["size"]) for v in data["families"]}
    assert (kept["u"], kept["x"], kept["y"], kept["m"]) == (("lazy", 1), ("full", 1000), ("pinned", 1), ("scalar", 1))


def test_variables(file: str, capsys: Any) -> None:
    assert main(["simulate", file, "-n", "16", "--samples", "5", "--variable", "x", "--json"]) == 0
    assert [o["of"] for o in json.loads(capsys.readouterr().out)["outputs"]] == ["x"]


@pytest.mark.parametrize(
    "options", [["-n", "x"], ["--samples", "0"], ["--memory", "lots"], ["--set", "t=1"], ["--widths", "4"]]
)
def test_bad_usage_of_simulate(file: str, options: list[str], capsys: Any) -> None:
    assert main(["simulate", file, *options]) == 2
    assert capsys.readouterr().out == ""


def test_validate_agrees(file: str, capsys: Any) -> None:
    assert main(["validate", file, "--widths", "16,64,256", "--samples", "6000", "--json"]) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert (data["verdict"], data["samples"], data["seed"]) == ("agrees", 6000, 0)
    tests = {t["of"]: t for t in data["tests"]}
    assert tests["var(y)"]["theory"] == pytest.approx(0.5)
    assert tests["E(m)"]["theory"] == pytest.approx(0.5)
    assert captured.err == ""


def test_validate_inconclusive(file: str, capsys: Any) -> None:
    assert main(["validate", file, "--widths", "8,16,32", "--samples", "20"]) == 3
    assert capsys.readouterr().out.startswith("inconclusive: ")


def test_validate_disagrees(file: str, capsys: Any, monkeypatch: Any) -> None:
    from tensorprog.validate import theory

    moment = theory.LimitTheory.moment

    def wrong(self: Any, members: Any) -> Any:
        found = moment(self, members)
        return replace(found, value=found.value * 1.2) if found and list(members) == ["y", "y"] else found

    monkeypatch.setattr(theory.LimitTheory, "moment", wrong)
    assert main(["validate", file, "--widths", "16,64,256", "--samples", "4000"]) == 1
    assert "var(y)" in capsys.readouterr().out.split("\n")[0]


def test_validate_with_other_entries(file: str, capsys: Any) -> None:
    arguments = ["validate", file, "--widths", "8,16,32", "--samples", "3000", "--entries", "rademacher", "--json"]
    assert main(arguments) in (0, 3)
    data = json.loads(capsys.readouterr().out)
    assert data["entries"] == "rademacher"
    assert data["rates"]


@pytest.mark.parametrize("options", [["--widths", "4,x"], ["--samples", "1"], ["--entries", "cauchy"]])
def test_bad_usage_of_validate(file: str, options: list[str], capsys: Any) -> None:
    assert main(["validate", file, *options]) == 2
    assert capsys.readouterr().out == ""
