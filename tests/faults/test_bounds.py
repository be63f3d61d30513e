"""Faults of numbers that were called bounds: each with its right answer, and others of its kind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath as mp
import pytest
from click.testing import CliRunner

import tensorprog as tp
from tensorprog.errors import DivergentError
from tensorprog.gaussian.command import command

PROGRAMS = Path(__file__).parent / "programs"
WIDE = [[1000000, 300], [300, 1]]


def holds(text: str, cov: list[list[object]], right: float, within: float, mean: list[object] | None = None) -> None:
    found = tp.expect(text, cov, mean)
    assert found.error_kind in ("exact", "bound"), found
    assert found.value is not None
    assert found.error is not None
    assert abs(found.value - right) <= found.error + 1e-13 * abs(right)
    assert found.error <= within * abs(right)


def test_narrow_features_at_large_variance() -> None:
    holds("elu(a)*elu(b)", WIDE, 183.00116712696387, 1e-9)
    holds("relu(a)*exp(-a)*tanh(b)", WIDE, 1.4907508429044e-7, 1e-7)
    line = ["elu(a)*elu(b)", "--cov", "[[1000000, 300], [300, 1]]", "--certified", "--json"]
    found = CliRunner().invoke(command, line)
    data = json.loads(found.stdout)
    assert found.exit_code == 0
    assert abs(data["value"] - 183.00116712696387) <= data["error"] < 1e-6


def test_claims_about_them() -> None:
    program = tp.loads((PROGRAMS / "claims_elu.tp").read_text())
    first, second, third, fourth = (c.status for c in tp.claims(program))
    assert (first, second) == ("confirmed", "refuted")
    # their means are no doubles, and what that changes is not yet proved in programs; in an expectation it is
    assert third in ("confirmed", "undecided")
    assert fourth in ("refuted", "undecided")
    right, mean = 0.14287940233996205, ["0.3", "-0.2"]
    holds("softsign(a)*max(b, 0.5)", [[10**12, 999000], [999000, 1]], right, 1e-8, list(mean))


def test_a_ratio_of_squares() -> None:
    # x²/(x² + 3y²) = cos²/(cos² + 3 sin²) of a uniform angle: 1/(1 + √3)
    holds("x^2/(x^2+3*y^2)", [[1, 0], [0, 1]], 1 / (1 + math.sqrt(3)), 1e-6)


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e3, 1e6])
def test_one_variable_at_every_scale(scale: float) -> None:
    """f(z), z of standard deviation `scale`: mpmath with the breaks that are known here."""
    mp.mp.dps = 20
    cases = {
        "tanh(z)*relu(z)": lambda z: mp.tanh(z) * max(z, 0),
        "relu(z)*exp(-z)": lambda z: max(z, 0) * mp.exp(-z),
        "selu(z - 1)": lambda z: (
            mp.mpf("1.0507009873554804934193349852946")
            * (z - 1 if z > 1 else mp.mpf("1.6732632423543772848170429916717") * mp.expm1(z - 1))
        ),
        "where(z > 2, 1, abs(z)/(1 + z^2))": lambda z: 1 if z > 2 else abs(z) / (1 + z * z),
    }
    ends = sorted({s * 10**k for k in range(-10, 8) for s in (-1.0, 1.0)} | {0.0, 1.0, 2.0, -2.0})
    ends = [e for e in ends if abs(e) <= 9 * scale] + [9 * scale]
    for text, f in cases.items():
        right = mp.quad(lambda z: f(z) * mp.npdf(z, 0, scale), sorted({-9 * scale, *ends}))  # noqa: B023
        holds(text, [[str(scale**2)]], float(right), 1e-7)


def test_bounded_functions_have_a_mean() -> None:
    """What a factor grows by on one side another takes back: nothing of this may be called divergent."""
    for text in ("relu(a)*exp(-a)", "exp(a - relu(a))", "exp(-abs(a))*a^2", "where(a > 0, exp(-a), exp(a))*tanh(b)"):
        assert tp.expect(text, WIDE if "(b)" in text else [[1000000]]).value is not None


@pytest.mark.parametrize(
    "text", ["1/a", "a/b", "tanh(b)/a^2", "exp(a^2)*tanh(b)", "exp(exp(a))*sigmoid(b)", "log(a)*b"]
)
def test_what_does_not_exist(text: str) -> None:
    with pytest.raises(DivergentError, match="TP501"):
        tp.expect(text, [[1, 0.5], [0.5, 1]] if "b" in text else [[1]])
