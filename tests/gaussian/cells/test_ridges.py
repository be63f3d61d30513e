"""Features of unit size along three lines of a plane that spans thousands of units: enclosed, and never overlooked."""

from __future__ import annotations

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from flint import acb, arb

import tensorprog as tp
from tensorprog.functions.evaluate.ball_function import ball_function
from tensorprog.functions.named.library import library
from tensorprog.gaussian.integrate.certified import enclose
from tensorprog.gaussian.integrate.quadrature import expectation
from tensorprog.numbers.budget import Budget, search
from tensorprog.numbers.rounded import Rounded, power
from tensorprog.numbers.scrambled import sample
from tensorprog.terms import Var, read

# The right values are nested Gauss-Legendre rules on panels that halve towards every line, of two orders.
RIDGES = [
    ("elu(a)*relu(b)*exp(-b)*max(a - b, 1 - (a - b))", [[40000, 15000], [15000, 90000]], ["-1/2", 0],
     24.588622278397867),
    pytest.param("elu(a)*elu(b)*atan(a - b)", [["4e8", "1.2e8"], ["1.2e8", "9e8"]], ["1/2", -1],
                 -83727910.7131318, marks=pytest.mark.long),
    pytest.param("erf(a)*where(b > 1, b, 2)*elu(a - b)", [["9e10", "-4.5e11"], ["-4.5e11", "9e12"]], ["1/2", 1],
                 282181164.7766719, marks=pytest.mark.long),
    pytest.param("elu(a)*relu(b)*cos(a - b)*exp(-(a - b)^2)", [["4e12", 0], [0, "1e6"]], [1, "1/2"],
                 0.13778365934369086, marks=pytest.mark.long),
]  # fmt: skip


@pytest.mark.parametrize(("text", "cov", "mean", "right"), RIDGES)
def test_a_bound_for_three_ridges(text: str, cov: list[list[str]], mean: list[str], right: float) -> None:
    found = tp.expect(text, cov, mean, vars=("a", "b"))
    assert found.error_kind == "bound"
    assert abs(found.value - right) <= found.error + 1e-13 * abs(right)
    assert found.error <= 1e-5 * abs(right)


@pytest.mark.parametrize(("text", "cov", "mean", "right"), RIDGES[:1])
def test_an_estimate_for_three_ridges(text: str, cov: list[list[str]], mean: list[str], right: float) -> None:
    found = tp.expect(text, cov, mean, vars=("a", "b"), certified=False)
    assert found.error_kind == "estimate"
    assert abs(found.value - right) <= found.error <= 1e-7 * abs(right)


STEEP = [
    "elu(z)", "selu(z)", "softsign(z)", "elu(z)^2", "softsign(z)^2", "z/(1 + abs(z))", "z*exp(min(z, 0))",
    "1/(1 + relu(z))", "log(1 + relu(z))", "sqrt(1 + abs(z))", "tanh(relu(z))", "exp(-abs(2*z - 3))",
    "exp(-relu(abs(z) - 5))", "relu(z - 3)*exp(3 - z)", "exp(-abs(z - 7))*relu(z)",
]  # fmt: skip


@pytest.mark.parametrize("variance", [10**4, 10**8, pytest.param(10**12, marks=pytest.mark.long)])
def test_an_estimate_sees_what_is_steep_beside_a_kink(variance: int) -> None:
    """Two rules that put no point there agree on what they both leave out."""
    for text in STEEP:
        ends = enclose(read(text), [Var("z")], [[Fraction(variance)]], [Fraction(1, 2)])
        found = expectation(read(text), [Var("z")], [[Fraction(variance)]], [Fraction(1, 2)])
        assert ends is not None
        assert ends[0] - found.error <= found.value <= ends[1] + found.error, text


def test_a_break_that_is_no_corner_of_polynomials_has_its_distance() -> None:
    polynomial = {"relu", "leaky_relu", "hardtanh", "abs", "sign", "step", "floor", "ceil"}
    for name, record in library().items():
        if any(b.kind in ("kink", "jump") for b in record.breaks) and name not in polynomial:
            assert record.steep or record.strip, name


def test_a_zero_factor_wins_over_one_that_overflows() -> None:
    """∫_0^∞ z³ e^{-z} φ(z/σ)/σ dz = (3! - 5!/(2σ²) + ...)/(√(2π) σ)."""
    found = expectation(read("relu(z)*z^2*exp(-z)"), [Var("z")], [[Fraction(10**8)]], [Fraction(0)])
    assert abs(found.value - (6 - 60e-8) / mp.sqrt(2 * mp.pi * 10**8)) <= found.error + 1e-13 * found.value


@pytest.mark.parametrize("p", [1, 2, 3, 2.5])
def test_a_power_beside_zero_has_a_small_error(p: float) -> None:
    rng = np.random.default_rng(0)
    v, e = rng.uniform(0, 1e-15, 500), 10.0 ** rng.uniform(-18, -14, 500)
    found = power(Rounded(v, e), float(p), p == int(p))
    for x in (v + e, v - e * (p == int(p)), v + 0.3 * e):
        assert np.all(np.abs(x**p - v**p) <= found.error * (1 + 1e-9))
    assert np.all(found.error <= 1e-13)


def test_a_sample_of_one_value_is_no_number() -> None:
    with search(Budget(None, 0.1, False)):
        assert not sample(lambda t: 0.0 * t[:, 0], 5).known
        assert not sample(lambda t: 3.0 + 0.0 * t[:, 0], 5).known
    assert abs(sample(lambda t: (t[:, 0] > 0) + 0.0, 5).value - 0.5) < 1e-12


def test_the_values_of_max_and_min_on_an_interval() -> None:
    wide = acb(arb(0, 8e4))
    for text, low, high in [("min(z, 0)", -8e4, 0), ("max(z, 0)", 0, 8e4), ("relu(z)", 0, 8e4), ("elu(z)", -1, 8e4),
                            ("exp(min(z, 0))", 0, 1), ("max(z, 1 - z)", -8e4, 8e4 + 1)]:  # fmt: skip
        ball = ball_function(read(text), ["z"])([wide], False).real
        assert low - 1e-3 <= float(ball.lower()), text
        assert float(ball.upper()) <= high + 1e-3, text
        assert not ball < low + 1, text
        assert not ball > high - 1, text
    for text in ("relu(z)*exp(-z)", "relu(z)*z^2*exp(-z)/(1 + abs(z))"):
        ball = ball_function(read(text), ["z"])([wide], False).real
        assert float(abs(ball).upper()) < 1e16, text
    assert not ball_function(read("relu(z)*exp(-z)*log(z)"), ["z"])([wide], False).is_finite()


@pytest.mark.parametrize("name", ["erf", "Phi", "sigmoid", "tanh", "gelu", "silu"])
def test_wide_balls_off_the_axis_hold_the_values_and_are_finite(name: str) -> None:
    oracle = {
        "erf": mp.erf,
        "Phi": lambda z: mp.erfc(-z / mp.sqrt(2)) / 2,
        "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
        "tanh": mp.tanh,
        "gelu": lambda z: z * mp.erfc(-z / mp.sqrt(2)) / 2,
        "silu": lambda z: z / (1 + mp.exp(-z)),
    }[name]
    f = ball_function(read(f"{name}(z)"), ["z"])
    rng = np.random.default_rng(5)
    for centre in (3e4, -3e4, 30.0, -30.0, 3.0, -3.0):
        width, height = abs(centre) * 0.4, abs(centre) * 0.3
        ball = f([acb(arb(centre, width), arb(0, height))], True)
        assert ball.is_finite() or abs(centre) == 3.0
        for dx, dy in rng.uniform(-1, 1, size=(12, 2)):
            with mp.workdps(40):
                value = oracle(mp.mpc(centre + width * dx, height * dy))
                inside = acb(str(value.real), str(value.imag)) + acb(arb(0, 1e-20), arb(0, 1e-20))
            assert not ball.is_finite() or ball.overlaps(inside * (1 + arb(0, 1e-20))), (name, centre)
