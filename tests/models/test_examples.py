"""The examples run, and say what their comments promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "models"


def test_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = runpy.run_path(str(EXAMPLES / "zoo.py"))["main"]()
    assert verdicts.pop("low-rank attention") == verdicts.pop("attention, ReLU features") == "valid-by-remark"
    assert verdicts.pop("transformer, 1/sqrt(n) scores") == "undecided"
    assert set(verdicts.values()) == {"valid"}
    assert "mask = j <= i" in capsys.readouterr().out


def test_gaussian_process_regression(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    found = runpy.run_path(str(EXAMPLES / "gp_regression.py"))["main"]()
    assert found["R2"] > 0.4
    assert 0.9 < found["within two deviations"] < 1
    assert "valid, covered by netsor" in capsys.readouterr().out


def test_gaussian_process_regression_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    x = np.random.default_rng(0).standard_normal((60, 3))
    table = np.concatenate([x, (np.sin(x[:, :1]) + x[:, 1:2])], axis=1)
    np.savetxt(tmp_path / "data.csv", table, delimiter=",", header="a,b,c,target")
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning):  # no noise in this data: its variance goes to its bound
        found = runpy.run_path(str(EXAMPLES / "gp_regression.py"))["main"](str(tmp_path / "data.csv"))
    assert found["R2"] > 0.9
