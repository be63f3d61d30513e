"""Functions over the length of a Gaussian vector: bounds against the independence of length and direction; samples."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from flint import arb

import tensorprog as tp
from tensorprog.functions.evaluate.ball_function import exact
from tensorprog.gaussian.integrate.certified import enclose
from tensorprog.gaussian.integrate.lengths import degree, enclosed, ratio
from tensorprog.terms import Var, read

ROOT = Path(__file__).parents[3]
FUNCTIONS = {
    "relu(z1)*relu(z2)": (2, lambda z: np.maximum(z[0], 0) * np.maximum(z[1], 0)),
    "z1*z2": (2, lambda z: z[0] * z[1]),
    "abs(z1)": (1, lambda z: np.abs(z[0])),
    "relu(z1)^2*z3^2": (4, lambda z: np.maximum(z[0], 0) ** 2 * z[2] ** 2),
    "leaky_relu(z1, 1/10)*z3": (2, lambda z: np.where(z[0] > 0, z[0], z[0] / 10) * z[2]),
    "step(z1)*step(z2)": (0, lambda z: (z[0] > 0) * 1.0 * (z[1] > 0)),
}


@pytest.mark.parametrize("size", [3, 7])
@pytest.mark.parametrize("eps", [0, "1/100000", 40])
@pytest.mark.parametrize("text", FUNCTIONS)
def test_length_and_direction_are_independent(text: str, eps: str | int, size: int) -> None:
    """E[F/(Q + ε)^a] = E[F]/E[Q^{p/2}] E[Q^{p/2}/(Q + ε)^a], Q = |z|², K a multiple of a projection, p the degree."""
    mp.mp.dps = 18
    p = FUNCTIONS[text][0]
    a = mp.mpf(max(p, 1)) / 2
    centred = size > 4  # the covariance of h - mean(h)
    scale, dimension = mp.mpf(3) / 4, size - centred
    cov = [[Fraction(3, 4) * ((i == j) - Fraction(int(centred), size)) for j in range(size)] for i in range(size)]
    K = [[exact(x) for x in row] for row in cov]
    names = [f"z{k + 1}" for k in range(size)]
    length = " + ".join(f"{n}^2" for n in names) + (f" + {eps}" if eps else "")
    found = ratio(read(f"{text}*({length})^(-{max(p, 1)}/2)"), names)
    assert found is not None
    ball = enclosed(found, names, K)
    e = mp.mpf(eps.split("/")[0]) / mp.mpf(eps.split("/")[1]) if isinstance(eps, str) else mp.mpf(eps)
    half = mp.mpf(dimension) / 2

    def of(f: object) -> mp.mpf:
        def density(x: mp.mpf) -> mp.mpf:  # of log Q/scale
            return mp.exp(half * x - mp.exp(x) / 2) / (2**half * mp.gamma(half))

        return mp.quad(
            lambda x: f(scale * mp.exp(x)) * density(x), [-90, -40, -20, -12, -8, -4, -2, 0, 1, 2, 3, 4, 5, 6]
        )  # type: ignore[operator]

    mean = tp.expect(text, [row[:3] for row in cov[:3]], vars=["z1", "z2", "z3"]).value
    right = mean / of(lambda q: q ** (mp.mpf(p) / 2)) * of(lambda q: q ** (mp.mpf(p) / 2) / (q + e) ** a)
    assert ball is not None
    assert abs(float(ball.mid()) - right) <= float(ball.rad()) + 1e-12 * abs(right)
    assert ball.rad() < 1e-9 * abs(right) + 1e-12


@pytest.mark.parametrize("text", FUNCTIONS)
def test_against_samples(text: str) -> None:
    """Lengths that do not see all variables alike, correlated variables: five standard errors of a million samples."""
    rng = np.random.default_rng(8)
    L = rng.integers(-3, 4, size=(3, 3)) / 2 + 2 * np.eye(3)
    z = L @ rng.standard_normal((3, 10**6))
    y = FUNCTIONS[text][1](z) / (0.5 * z[0] ** 2 + 3 * z[1] ** 2 + 0.1)
    found = tp.expect(f"{text}/(z1^2/2 + 3*z2^2 + 1/10)", (L @ L.T).tolist(), vars=["z1", "z2", "z3"])
    assert found.error_kind == "bound"
    assert found.error < 1e-9
    assert abs(found.value - y.mean()) <= 5 * y.std() / 1000


def test_what_is_not_proved_has_no_ball() -> None:
    names = ["x", "y", "z"]
    K = [[arb(i == j) for j in range(3)] for i in range(3)]
    for text in ("(x^2+y^2+z^2)^(-3/2)", "tanh(x)/(x^2+y^2+z^2)^2", "x*y*z/(x^2+y^2)^(5/2)"):
        found = ratio(read(text), names)
        assert found is not None
        assert enclosed(found, names, K) is None
    singular = [[arb(1), arb(-1), arb(0)], [arb(-1), arb(1), arb(0)], [arb(0), arb(0), arb(1)]]
    found = ratio(read("step(x)*step(y)/(x^2+z^2)^(1/2)"), names)
    assert found is not None
    assert enclosed(found, names, singular) is None
    assert degree(read("relu(x) + 1")) is None
    assert degree(read("max(x, y)*abs(z)^(1/2)")) == 1.5


def test_claims_about_batch_normalisation() -> None:
    text = (ROOT / "tests/corpus/valid/batchnorm_eps.tp").read_text()
    for every in tp.claims(tp.loads(text + "claim cov(y[1], y[2]) = 0.08208783804179133 within 1e-6\n")):
        assert every.status == "refuted"  # at another eps
    text = text.replace("var_b + eps", "var_b + 0.01").replace("param eps > 0 = 0.01\n", "")
    claims = "claim cov(y[1], y[2]) = 0.08208783804179133 within 1e-12\nclaim var(y[1]) = 0.4843 within 1e-6\n"
    found = tp.claims(tp.loads(text + claims))
    assert [c.status for c in found] == ["confirmed", "refuted"]


def test_a_number_of_few_variables_is_as_before() -> None:
    low, high = enclose(read("x^2/(x^2+3*y^2)"), [Var("x"), Var("y")], [[1, 0], [0, 1]]) or (0.0, 1.0)
    assert low <= 1 / (1 + 3**0.5) <= high
