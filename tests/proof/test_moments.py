"""Certified means, Gaussian laws and averages over scores, against numbers by code that shares nothing with them."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate
from scipy.special import expit
from scipy.stats import norm

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.kernel.certificate import Accepted
from tensorprog.kernel.limits.statements import Expectation, GaussianLaw
from tensorprog.kernel.numbers.statements import CovarianceNumber, ExpectationNumber
from tensorprog.language import loads
from tensorprog.proof import prove, verify
from tensorprog.terms import App, Num, Term, Var, to_text
from tests.definitions import EXACT

HEAD = """
index i, j in 1..{tokens}
input h0 ~ N(0, 1)
weight U[i] ~ N(0, 1/n)
weight Wq, Wk, Wv ~ N(0, 1/n)
h[i] = U[i] @ h0
x[i] = clip(h[i], -1, 1)
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
"""
SOFTMAX = HEAD + "y[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)\noutput y\n"
LINEAR = HEAD + "y[i] = sum(p[i,j] * (Wv @ x[j]) for j)\noutput y\n"
GATED = """
index i in 1..2
matrix K = [[3/2, 1/2], [1/2, 3/2]]
input x[i] ~ N(0, K)
weight A, B, V ~ N(0, 1/n)
t[i] = tanh(x[i])
p[i] = dot(A @ t[1], B @ t[i]) / sqrt(n)
y = sigmoid(p[1]) * (V @ t[1]) + p[2]*(V @ t[2])
output y
"""
NETWORK = """
param C > 0 = 1/2
index i in 1..2
input x ~ N(1, C)
input b ~ N(0, 1/10)
weight W[i], V ~ N(0, 1/n)
h[i] = W[i] @ x + b
f[i] = relu(h[i])
t = tanh(h[1] + 1)
output f
g = V @ t
output g
"""


@cache
def certified(text: str, *goals: str) -> Accepted:
    """What the kernel accepts."""
    program = loads(text)
    return verify(program, prove(program, goals))


def said(text: str, goal: str, kind: type) -> list[Any]:
    """The goals of a kind."""
    found = [t.statement for t in certified(text, goal).proved]
    return [s for s in found if isinstance(s, kind)]


def value(t: Term, **params: float) -> Any:
    """A term of numbers and params."""
    match t:
        case Num(x):
            return mp.mpf(x.numerator) / x.denominator
        case Var(name):
            return mp.mpf(params[name])
        case App(head, args):
            return EXACT[head](*(value(a, **params) for a in args))
    raise AssertionError(t)


def clipped() -> float:
    """E clip(z, -1, 1)^2."""
    return float(integrate.quad(lambda z: min(abs(z), 1) ** 2 * norm.pdf(z), -12, 12, points=[-1, 1], epsabs=1e-14)[0])


def test_the_moments_of_softmax_attention_are_those_of_an_integral() -> None:
    """Two tokens: the difference of two independent scores of variance K^2 decides."""
    two = SOFTMAX.format(tokens=2)
    k = clipped()

    def average(power: int) -> float:
        def inside(z: float) -> float:
            s = expit(2**0.5 * k * z)
            return float(k * (s * s + (1 - s) ** 2)) ** power * norm.pdf(z)

        return float(integrate.quad(inside, -12, 12, epsabs=1e-14)[0])

    (square,) = said(two, "numbers:y[1]", CovarianceNumber)
    (fourth,) = said(two, "means:y[1]^4", ExpectationNumber)
    for found, truth in ((square, average(1)), (fourth, 3 * average(2))):
        low, high = float(found.low), float(found.high)
        assert high - low < 1e-12
        assert low - 1e-11 < truth < high + 1e-11


@pytest.mark.long
def test_three_tokens_are_averaged_in_two_variables() -> None:
    three = SOFTMAX.format(tokens=3)
    (square,) = said(three, "means:y[1]*y[1]", ExpectationNumber)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    k, weights = clipped(), weights / weights.sum()
    p = k * np.array(list(product(nodes, repeat=3))).T
    w = np.prod(np.array(list(product(weights, repeat=3))), axis=1)
    s = np.exp(p - p.max(axis=0))
    s /= s.sum(axis=0)
    truth = float(k * np.sum(w * (s**2).sum(axis=0)))
    assert float(square.low) - 1e-9 < truth < float(square.high) + 1e-9


@pytest.mark.long
def test_four_tokens_are_averaged_in_three_variables() -> None:
    (square,) = said(SOFTMAX.format(tokens=4), "means:y[1]*y[1]", ExpectationNumber)
    rng = np.random.default_rng(5)
    s = np.exp(clipped() * rng.standard_normal((4, 400_000)))
    s /= s.sum(axis=0)
    draws = clipped() * (s**2).sum(axis=0)
    error = draws.std() / 400_000**0.5
    assert abs(draws.mean() - float(square.low)) < 4 * error
    assert float(square.high) - float(square.low) < 1e-7


@pytest.mark.parametrize(
    "term", ["y*y", *(pytest.param(t, marks=pytest.mark.long) for t in ("y^4", "tanh(p[1])^2*p[2]^2"))]
)
def test_averages_of_gates_and_products_of_scores_are_those_of_the_limit_engine(term: str) -> None:
    """Correlated tokens, a sigmoid of one score beside another score."""
    (found,) = said(GATED, f"means:{term}", ExpectationNumber)
    known = tp.derive(loads(GATED)).expect(term)
    assert float(found.low) - 1e-8 < known.value < float(found.high) + 1e-8


def test_linear_attention_has_its_moments_in_closed_form() -> None:
    """y = sum_j p_j v_j with p_j of variance K^2 and v_j of variance K: E y^2 = 2 K^3, E y^4 = 3 (2 * 3 + 2) K^6."""
    two = LINEAR.format(tokens=2)
    k = clipped()
    square, fourth, across = said(two, "means:y[1]*y[1],y[1]^4,y[1]*y[2]", Expectation)
    assert abs(value(square.value) - 2 * k**3) < 1e-12
    assert abs(value(fourth.value) - 24 * k**6) < 1e-12
    assert across.value == Num(0)


def dense(linear: bool, n: int = 96, draws: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """The averages over coordinates of y[1]^2 and y[1]^4 for two tokens, by matrices."""
    rng = np.random.default_rng(11)
    out = np.empty((2, draws))
    for d in range(draws):
        h = rng.standard_normal((2, n, n)) @ rng.standard_normal(n) / n**0.5
        x = np.clip(h, -1, 1)
        q, k, v = (x @ rng.standard_normal((n, n)).T / n**0.5 for _ in range(3))
        p = q[0] @ k.T / n**0.5
        s = p if linear else np.exp(p) / np.exp(p).sum()
        y = s @ v
        out[:, d] = (y**2).mean(), (y**4).mean()
    return out[0], out[1]


@pytest.mark.long
@pytest.mark.parametrize("linear", [True, False])
def test_moments_are_those_of_dense_matrices(linear: bool) -> None:
    text = (LINEAR if linear else SOFTMAX).format(tokens=2)
    kind: type = Expectation if linear else ExpectationNumber
    for term, draws in zip(("y[1]*y[1]", "y[1]^4"), dense(linear), strict=True):
        (found,) = said(text, f"means:{term}", kind)
        truth = float(value(found.value)) if linear else float(found.low)
        error = draws.std() / len(draws) ** 0.5
        assert abs(draws.mean() - truth) < 4 * error + 6 * truth / 96, term


def test_means_of_functions_of_members() -> None:
    found = {to_text(s.term): s for s in said(NETWORK, "means:f,x,relu(h[1])^2,t", Expectation)}
    for c in (0.5, 2.0):
        spread = mp.mpf("1.1") + c
        assert mp.almosteq(value(found["f[1]"].value, C=c), mp.sqrt(spread / (2 * mp.pi)), 1e-12)
        assert mp.almosteq(value(found["relu(h[1])^2"].value, C=c), spread / 2, 1e-12)
    assert found["x"].value == Num(1)
    (number,) = said(NETWORK, "means:t", ExpectationNumber)
    truth = integrate.quad(lambda z: np.tanh(1.6**0.5 * z + 1) * norm.pdf(z), -12, 12, epsabs=1e-14)[0]
    assert float(number.low) - 1e-12 < truth < float(number.high) + 1e-12


def test_the_joint_law_of_members_that_no_score_reaches() -> None:
    (law,) = said(NETWORK, "laws:h,x", GaussianLaw)
    assert [to_text(v) for v in law.at] == ["h[1]", "h[2]", "x"]
    assert [value(m, C=2) for m in law.mean] == [0, 0, 1]
    rows = [[float(value(k, C=2)) for k in row] for row in law.rows]
    assert np.allclose(rows, [[3.1, 0.1, 0], [0.1, 3.1, 0], [0, 0, 2]])


def test_the_joint_law_of_scores() -> None:
    (law,) = said(SOFTMAX.format(tokens=2), "laws:p", GaussianLaw)
    rows = [[float(value(k)) for k in row] for row in law.rows]
    assert np.allclose(rows, clipped() ** 2 * np.eye(4), atol=1e-12)


def test_an_output_of_attention_has_no_gaussian_law() -> None:
    text = SOFTMAX.format(tokens=2)
    assert said(text, "laws:y[1]", GaussianLaw) == []
    assert "given the scores" in certified(text, "laws:y[1]").goals[1][0]


@pytest.mark.parametrize("term", ["u[1]^3*u[2]", "u[1]*u[2]*u[3]", "u[1]^2*u[2]^2*u[3]^2", "u[1]^2*u[2]*u[3]^3"])
def test_products_of_gaussian_members_by_isserlis(term: str) -> None:
    text = """
matrix K = [[2, 1, 1/2], [1, 3/2, -1/3], [1/2, -1/3, 1]]
index i in 1..3
input u[i] ~ N(i/2, K)
output u
"""
    (found,) = said(text, f"means:{term}", Expectation)
    nodes, weights = np.polynomial.hermite_e.hermegauss(10)
    grid = np.array(list(product(nodes, repeat=3))).T
    chance = np.prod(np.array(list(product(weights / weights.sum(), repeat=3))), axis=1)
    cov = np.array([[2, 1, 1 / 2], [1, 3 / 2, -1 / 3], [1 / 2, -1 / 3, 1]])
    u = np.linalg.cholesky(cov) @ grid + np.array([[0.5], [1], [1.5]])
    at = {f"u[{k + 1}]": u[k] for k in range(3)}
    truth = 1.0
    for factor in term.split("*"):
        name, _, power = factor.partition("^")
        truth = truth * at[name] ** int(power or 1)
    assert np.isclose(float(value(found.value)), np.sum(chance * truth), rtol=1e-10)


UNCENTRED = HEAD + "y[i] = h[i] + sum(softmax(p[i,j] over j) * relu(Wv @ x[j]) for j)\noutput y\n"


def test_what_is_neither_centred_nor_gaussian_given_the_scores() -> None:
    """E y = E relu(v) = (K/2pi)^(1/2), as shares add up to 1; E y^2 = 1 + K/2 S + K/2pi (1 - S) with S = E sum s^2."""
    two, k = UNCENTRED.format(tokens=2), clipped()
    (mean,) = said(two, "means:y[1]", ExpectationNumber)
    assert abs(float(mean.low) - (k / (2 * np.pi)) ** 0.5) < 1e-11

    def share(z: float) -> float:
        s = expit(2**0.5 * k * z)
        return float(s * s + (1 - s) ** 2) * norm.pdf(z)

    both = integrate.quad(share, -12, 12, epsabs=1e-14)[0]
    square = 1 + k / 2 * both + k / (2 * np.pi) * (1 - both)
    (found,) = said(two, "numbers:y[1]", CovarianceNumber)
    assert float(found.low) - 1e-11 < square - k / (2 * np.pi) < float(found.high) + 1e-11


@pytest.mark.parametrize("goal", ["means:y[3]", "means:relu(g)", "means:2", "means:y[1]*p[1,1]"])
def test_what_is_no_mean_of_the_program_is_an_error(goal: str) -> None:
    with pytest.raises(TensorProgError) as error:
        prove(loads(SOFTMAX.format(tokens=2)), [goal])
    assert error.value.diagnostics[0].code in ("TP018", "TP602")
