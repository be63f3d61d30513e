"""Faults of numbers that were called bounds: each with its right answer, and others of its kind."""

from __future__ import annotations

import json
import math
import time
from fractions import Fraction
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from click.testing import CliRunner

import tensorprog as tp
from tensorprog.errors import DivergentError
from tensorprog.gaussian.command import command
from tensorprog.gaussian.integrate.moved import moved
from tensorprog.terms import Var, read

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
    assert [c.status for c in tp.claims(program)] == ["confirmed", "refuted", "confirmed", "refuted"]
    right, mean = 0.14287940233996205, ["0.3", "-0.2"]
    holds("softsign(a)*max(b, 0.5)", [[10**12, 999000], [999000, 1]], right, 1e-8, list(mean))


INEXACT = """
input (u, w) ~ N([0.1, 1/3], [[0.3, 0.1], [0.1, 0.7]])
weight W, V ~ N(0, 1/n)
y = W @ tanh(u)
c = mean(u^2)
z = atan(c*relu(y))
output y
"""


def test_what_is_no_double_costs_its_radius_and_not_the_bound() -> None:
    """Means, variances and constants that are no doubles; covariances that are themselves integrals."""
    mp.mp.dps = 20
    m, s = mp.mpf("0.1"), mp.sqrt(mp.mpf("0.3"))
    one = mp.quad(lambda t: mp.tanh(m + s * t) * max(m + s * t, 0) * mp.npdf(t), [-12, -m / s, 12])
    v = mp.quad(lambda t: mp.tanh(m + s * t) ** 2 * mp.npdf(t), [-12, 0, 12])
    two = mp.quad(lambda t: abs(mp.atan(mp.sqrt(v) * t)) * mp.npdf(t), [-12, 0, 12])
    three = mp.quad(lambda t: mp.atan(mp.mpf("0.31") * mp.sqrt(v) * t) * mp.npdf(t), [0, 12])
    for text, right in (
        ("E(tanh(u)*relu(u))", one),
        ("E(abs(atan(y)))", two),
        ("E(z)", three),
    ):
        claims = f"claim {text} = {mp.nstr(right, 17)} within 1e-8\nclaim {text} = {mp.nstr(right * (1 + 1e-6), 17)}"
        found = tp.claims(tp.loads(INEXACT + claims + " within 1e-8\n"))
        assert [c.status for c in found] == ["confirmed", "refuted"], (text, found)


@pytest.mark.parametrize("seed", range(6))
def test_what_a_law_that_is_off_changes(seed: int) -> None:
    """The bound of gaussian/integrate/moved holds for laws at the ends of their errors, at scales from 1e-4 to 1e4."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-4, 4, size=2)
    rho, size = rng.uniform(-0.95, 0.95), 10.0 ** rng.uniform(-6, -2) * (1 - 0.95)
    K = np.array([[1, rho], [rho, 1]]) * np.outer(scale, scale)
    m = scale * rng.uniform(-1, 1, size=2)
    E, e = np.outer(scale, scale) * size, scale * size
    exact = [[Fraction(x) for x in row] for row in K]
    for text in ("relu(a)*tanh(b)", "a*b", "abs(a - b)", "step(a)*b"):
        term = read(text)
        bound = moved(term, [Var("a"), Var("b")], exact, [Fraction(x) for x in m], E.tolist(), {}, off=e.tolist())
        assert bound is not None
        base = tp.expect(text, exact, [Fraction(x) for x in m], certified=False).value
        most = 0.0
        for _ in range(4):
            there = K + E * rng.choice([-1, 1]) * np.array([[1, 0], [0, 1]]) + E * rng.choice([-1, 1]) * (1 - np.eye(2))
            centre = m + e * rng.choice([-1, 1], size=2)
            value = tp.expect(text, there.tolist(), centre.tolist(), certified=False).value
            assert value is not None
            assert base is not None
            most = max(most, abs(value - base))
        assert most <= bound * (1 + 1e-6)
        assert bound <= 1e4 * most + 1e-9 * abs(base or 0.0)


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


@pytest.mark.parametrize(
    "text", ["exp(a^2/2)*where(b>0,1,-1)", "exp(a^2/2)*tanh(b)", "exp(a*b/1.5)*tanh(a)", "exp(a^2/2 - a)*erf(b)*b^2"]
)
def test_an_exponential_that_balances_the_density(text: str) -> None:
    """The greatest eigenvalue of 2QK is exactly 1, and along its direction the rest has a limit that is not 0."""
    with pytest.raises(DivergentError, match="TP501"):
        tp.expect(text, [[1, 0.5], [0.5, 1]])


def test_an_exponential_below_it_has_a_bound() -> None:
    """E exp(a²/4) f(b), a and b of correlation 1/2: a² may be taken into the law, where b has the variance 5/4."""
    mp.mp.dps = 20
    law = [[1, 0.5], [0.5, 1]]
    b = mp.sqrt(mp.mpf(5) / 4)
    for text, f in (
        ("exp(a^2/4)*tanh(b)", mp.tanh),
        ("exp(a^2/4)*atan(b)*b", lambda x: mp.atan(x) * x),
        ("exp(a*a/4)*relu(tanh(b))", lambda x: max(mp.tanh(x), mp.mpf(0))),
        ("exp(a^2*(1/2)/2)*sigmoid(b)", lambda x: 1 / (1 + mp.exp(-x))),
    ):
        right = mp.sqrt(2) * mp.quad(lambda t: f(b * t) * mp.npdf(t), [-14, -4, 0, 4, 14])  # noqa: B023
        found = tp.expect(text, law)
        assert found.error_kind == "bound", text
        assert abs(found.value - right) <= found.error <= 1e-7
    found = tp.expect("exp(a*b/4)*tanh(a)", law)
    assert found.error_kind == "bound"
    assert abs(found.value) <= found.error <= 1e-8


def test_exponentials_whose_rest_falls_far_out_exist() -> None:
    for text in ("exp(a^2/2)*exp(-abs(b))*sign(b)", "exp(a^2/2 - a^2/8)*sign(b)", "exp(a^2/2)*where(abs(b) < 1, b, 0)"):
        value = tp.expect(text, [[1, 0.5], [0.5, 1]], seconds=5).value
        assert value is None or math.isfinite(value)


DECAY = [[9 * 10**12, 495 * 10**9], [495 * 10**9, 9 * 10**10]]
FACTORS = [
    pytest.param(
        "sign(a)*(relu(b)*exp(-b))*exp(-abs(a - b))",
        DECAY,
        [-1, -1],
        3.176119068933876e-13,
        1e-6,
        marks=pytest.mark.long,
    ),
    ("relu(b)*exp(20*a)", [[1, 0.5], [0.5, 1]], [0, 0], 7.225973768125749e87, 1e-9),
    ("(1 + a^2)^a", [[1]], [0], 60.149469109954155, 1e-9),
    ("where(abs(a) < 1, acos(a), 0)", [[1]], [0], 1.0723661465904080, 1e-7),
    ("where(abs(2*a - 3) < 1, exp(9*a), 0)", [[10**8]], [0], 291.01449650422804, 1e-6),
    ("where(a > 0 and a < 10, a*exp(-a), 0)", [[10**8]], [0], 3.987430370902648e-05, 1e-6),
]


@pytest.mark.parametrize(("text", "cov", "mean", "right", "within"), FACTORS)
def test_a_function_is_as_large_as_where_it_is_not_zero(
    text: str, cov: list[list[object]], mean: list[object], right: float, within: float
) -> None:
    holds(text, cov, right, within, mean)


def test_waves_do_not_save_an_expectation() -> None:
    for text in ("exp(a^2/2)*tanh(b)*sin(a)", "exp(a^2/2)*sin(a - b)*tanh(b)", "exp(a^2)*cos(3*a - 1)^2*tanh(b)"):
        with pytest.raises(DivergentError):
            tp.expect(text, [[1, "1/2"], ["1/2", 1]], vars=["a", "b"])
    assert tp.expect("exp(a^2/3)*sin(a)*tanh(b)", [[1, "1/2"], ["1/2", 1]], vars=["a", "b"]).error_kind == "bound"
    same = tp.expect("exp(a^2/2)*sin(a - b)*tanh(b)", [[1, 1], [1, 1]], vars=["a", "b"])
    assert same.value in (0, None)  # 0 times sin(0): the factors' sizes alone do not show that it exists


def test_every_search_looks_at_the_clock() -> None:
    nested = "gelu(erf(leaky_relu(mish(sin(a)), 0.1)))*relu(sin(30*a) - 0.3)*sign(cos(a^2) - 0.1)"
    begun = time.process_time()
    tp.expect(nested, [[10**4]], seconds=0.5)
    assert time.process_time() - begun < 3
