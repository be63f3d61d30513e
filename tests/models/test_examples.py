"""The examples run, and say what their comments promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from tensorprog import models

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "models"


NETWORKS = sorted(f.stem for f in EXAMPLES.glob("*.py") if f.stem not in ("zoo", "gp_regression"))


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_agrees_with_its_simulation(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    judged, found = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]()
    assert judged.verdict == "valid"
    assert found.verdict == "agrees"
    assert "covered by" in capsys.readouterr().out


def test_each_builder_has_an_example() -> None:
    texts = "".join((EXAMPLES / f"{name}.py").read_text() for name in NETWORKS)
    assert not [b for b in models.__all__ if b != "weight_variance" and f"models.{b}(" not in texts]


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "0 rows"),
        ("a,b\n", "0 rows"),
        ("a,b\n" + "1,2\n" * 3, "3 rows of 2 columns"),
        ("a\n" + "1\n" * 9, "9 rows of 1 columns"),
        ("a,b\n1,x\n2,3\n", "'x'"),
        ("a,b\n" + "1,2\n" * 8 + "1,\n", "row 8, column 2"),
        ("a,b\n" + "1,2\n" * 8 + "1,nan\n", "not a finite number"),
        ("a,b\n1,2\n1,2,3\n", "from 2 to 3 at row 2"),
        ("a;b\n" + "1;2\n" * 9, "'1;2'"),
        (None, "not found"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_error(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "data.csv").write_text(text)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "gp_regression.py"))["main"](str(tmp_path / "data.csv"))
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.filterwarnings("ignore")  # pure noise: the fit goes to its bounds
def test_a_byte_order_mark_and_a_constant_column_do_no_harm(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = "".join(f"1,{x},{y}\n" for x, y in rng.normal(size=(12, 2)))
    (tmp_path / "data.csv").write_text("\ufeffa,b,c\n" + rows, encoding="utf-8")
    assert np.isfinite(runpy.run_path(str(EXAMPLES / "gp_regression.py"))["main"](str(tmp_path / "data.csv"))["R2"])
