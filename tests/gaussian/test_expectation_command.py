"""The command line: formulas, numbers, JSON and exit codes."""

import json

import pytest
from click.testing import CliRunner, Result

from tensorprog.errors import TensorProgError
from tensorprog.gaussian.command import command, read_list


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_formula_and_number() -> None:
    result = run("relu(z1)*erf(z2)", "--cov", "[[1, 0.5], [0.5, 1]]")
    assert result.exit_code == 0
    assert "sqrt(3)/(6*sqrt(pi))" in result.stdout
    assert "0.16286750396763996" in result.stdout


def test_json() -> None:
    result = run("relu(z1)*erf(z2)", "--cov", "[[1, 0.5], [0.5, 1]]", "--json")
    data = json.loads(result.stdout)
    assert data["schema"] == "tensorprog/expect/1"
    assert data["method"] == "closed-form"
    assert data["value"] == pytest.approx(0.16286750396763996, rel=1e-15)
    assert 0 < data["error"] < 1e-16


def test_symbolic_and_explained() -> None:
    result = run("relu(z1)*erf(z2)", "--symbolic", "--explain")
    assert result.exit_code == 0
    assert "K12/(sqrt(pi)*sqrt(2*K22 + 1))" in result.stdout
    assert "Stein" in result.stdout


def test_params_and_names() -> None:
    result = run("clip(z, -C, C)^2", "--cov", "[[1]]", "--assume", "C>0", "--set", "C=100", "--json")
    data = json.loads(result.stdout)
    assert data["value"] == 1.0
    assert "C" in data["expr"]
    order = run("b^2*a", "--cov", "[[1, 0], [0, 3]]", "--mean", "[1, 0]", "--vars", "a,b", "--json")
    assert json.loads(order.stdout)["value"] == 3.0
    symbolic = run("relu(a)*relu(b)", "--cov", "[[v, r*v], [r*v, v]]")
    assert "asin(r)" in symbolic.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("relu(z", "--cov", "[[1]]"), 2),
        (("relu(z)", "--cov", "[[1, 0], [0, 1]]"), 2),
        (("relu(z)", "--cov", "1"), 2),
        (("relu(z)", "--cov", "[[1]"), 2),
        (("relu(z)", "--cov", "[[1]]]"), 2),
        (("relu(z)", "--cov", "[[-1]]"), 2),
        (("relu(z)", "--cov", "[[__import__('os')]]"), 2),
        (("relu(z)", "--cov", "[[1]]", "--assume", "C~1"), 2),
        (("relu(z)", "--cov", "[[1]]", "--set", "C"), 2),
        (("exp(z^2)", "--cov", "[[1]]"), 1),
        (("tanh(a)*b", "--symbolic"), 3),
    ],
)
def test_exit_codes(arguments: tuple[str, ...], code: int) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert not isinstance(result.exception, TensorProgError)
    again = run(*arguments, "--json")
    assert again.exit_code == code
    data = json.loads(again.stdout)
    assert data["value"] is None
    if code == 2:
        assert data["verdict"] == "error"
        assert data["diagnostics"]


def test_certified() -> None:
    found = run("tanh(z)^2", "--cov", "[[1]]", "--certified", "--json")
    data = json.loads(found.stdout)
    assert found.exit_code == 0
    assert data["certified"] is True
    assert abs(data["value"] - 0.3942944903978411744) <= 1e-12 + data["error"]
    beyond = run("tanh(a*b*c)", "--cov", "[[1,0,0],[0,1,0],[0,0,1]]", "--certified")
    assert beyond.exit_code == 3  # analytic in no strip: a pole is as near as b c is large


def test_lists() -> None:
    assert read_list(" [[1, clip(x, 0, 1)], [ 1/2 ,C^2]] ") == [["1", "clip(x, 0, 1)"], ["1/2", "C^2"]]
    assert read_list("[0, 1]") == ["0", "1"]
    for text in ("", "1", "[1", "[1]]", "[1] + [2]", "[1][2]"):
        with pytest.raises(TensorProgError):
            read_list(text)
    with pytest.raises(TensorProgError, match="TP905"):
        read_list("[" + ",".join(["1"] * 500) + "]")
