"""Laws whose scores lie in several layers, against simulations that integrate the inner Gaussians themselves."""

from __future__ import annotations

import numpy as np
import pytest

from tensorprog.language import loads
from tensorprog.limit.derive import derive

DRAWS = 16_000
NODES = np.linspace(-6, 6, 61)
WEIGHTS = np.exp(-(NODES**2) / 2) / np.exp(-(NODES**2) / 2).sum()

FIRST = """
index i, j in 1..2
input u[i] ~ N(0, 2)
weight A, B, V, A2, B2, V2, F ~ N(0, 1/n)
x[i] = {features}(u[i])
p[i,j] = dot(A @ x[i], B @ x[j]) / sqrt(n)
z[i] = sum(softmax(p[i,j] over j) * (V @ x[j]) for j)
"""


def softmax(p: np.ndarray) -> np.ndarray:
    w = np.exp(p - p.max(axis=-1, keepdims=True))
    return w / w.sum(axis=-1, keepdims=True)


def feature_variance() -> float:
    return float(np.sum(WEIGHTS * np.tanh(np.sqrt(2) * NODES) ** 2))


def first_layer(rng: np.random.Generator) -> np.ndarray:
    """Conditional covariance of (z_1, z_2) for each draw of the scores; tokens are uncorrelated."""
    e = feature_variance()
    p = e * rng.standard_normal((DRAWS, 2, 2))
    a = softmax(p)
    return e * np.einsum("nij,nkj->nik", a, a)


def pairs(c: np.ndarray, f) -> np.ndarray:
    """E[f(z_i) f(z_k)] by a Riemann sum in two dimensions, for each covariance."""
    if len(c) > 1000:
        return np.concatenate([pairs(part, f) for part in np.array_split(c, len(c) // 1000)])
    x, y = np.meshgrid(NODES, NODES)
    w = np.outer(WEIGHTS, WEIGHTS).ravel()
    a = np.sqrt(c[:, 0, 0])[:, None]
    b = (c[:, 0, 1] / np.sqrt(c[:, 0, 0]))[:, None]
    d = np.sqrt(np.maximum(c[:, 1, 1] - b[:, 0] ** 2, 0))[:, None]
    z1, z2 = f(a * x.ravel()), f(b * x.ravel() + d * y.ravel())
    out = np.empty_like(c)
    out[:, 0, 0], out[:, 1, 1] = (z1**2) @ w, (z2**2) @ w
    out[:, 0, 1] = out[:, 1, 0] = (z1 * z2) @ w
    return out


def check(text: str, member: str, c: np.ndarray) -> None:
    """Conditional variances c of the member, from the simulation: their mean, and their variance by the kurtosis."""
    law = derive(loads(text)).law(member)
    assert law.kind == "hierarchical-gaussian"
    variance, error = float(law.variance.value[0]), float(law.variance.error[0])
    spread = c.std() / np.sqrt(len(c))
    assert spread < 0.005 * c.mean()
    assert abs(variance - c.mean()) <= 5 * spread + error
    kurtosis, kurtosis_error = float(law.excess_kurtosis.value[0]), float(law.excess_kurtosis.error[0])
    squares = (c - c.mean()) ** 2
    expected = 3 * squares.mean() / c.mean() ** 2
    assert abs(kurtosis - expected) <= 5 * 3 * squares.std() / np.sqrt(len(c)) / c.mean() ** 2 + kurtosis_error
    assert error <= 5e-3 * variance


def test_a_matrix_behind_tanh_of_attention() -> None:
    c = pairs(first_layer(np.random.default_rng(1)), np.tanh)[:, 0, 0]
    check(FIRST.format(features="tanh") + "y[i] = F @ tanh(3*z[i]/3)\noutput y\n", "y[1]", c)


@pytest.mark.long
def test_two_layers_of_attention() -> None:
    rng = np.random.default_rng(2)
    g = pairs(3 * 3 * first_layer(rng), np.tanh)
    root = np.linalg.cholesky(g + 1e-12 * np.eye(2))
    queries = root[:, 0, 0]
    r = queries[:, None] * np.einsum("nij,nj->ni", root, rng.standard_normal((DRAWS, 2)))
    a = softmax(r)
    c = np.einsum("ni,nij,nj->n", a, g, a)
    text = FIRST.format(features="tanh") + (
        "w[i] = tanh(3*z[i])\nr[i,j] = dot(A2 @ w[i], B2 @ w[j]) / sqrt(n)\n"
        "y[i] = sum(softmax(r[i,j] over j) * (V2 @ w[j]) for j)\noutput y\n"
    )
    check(text, "y[1]", c)


def test_a_normalised_attention_output() -> None:
    """z/sqrt(mean(z^2) + 1/2): the mean over coordinates is C_11 given the scores."""
    c = first_layer(np.random.default_rng(3))[:, 0, 0]
    check(FIRST.format(features="tanh") + "y[i] = z[i]/sqrt(mean(z[i]^2) + 1/2)\noutput y\n", "y[1]", c / (c + 0.5))


def test_a_matrix_behind_relu_of_attention() -> None:
    """E[relu(z)^2] = C/2, by the engine's closed form."""
    c = first_layer(np.random.default_rng(4))[:, 0, 0]
    check(FIRST.format(features="tanh") + "y[i] = F @ relu(z[i])\noutput y\n", "y[1]", c / 2)


@pytest.mark.parametrize("nested", [True, False])
def test_a_score_of_features_with_a_score_inside(nested: bool) -> None:
    """r = <A2 tanh(p x), B2 x>: Var(r | p) = E[tanh(p x)^2] E[x^2]."""
    rng = np.random.default_rng(5)
    e = feature_variance()
    p = e * rng.standard_normal(DRAWS)
    x = np.tanh(np.sqrt(2) * NODES)
    c = (np.tanh(p[:, None] * x) ** 2) @ WEIGHTS * e
    text = (
        "input u ~ N(0, 2)\nweight A, B, A2, B2 ~ N(0, 1/n)\nx = tanh(u)\np = dot(A @ x, B @ x) / sqrt(n)\n"
        "r = dot(A2 @ tanh(p*x), B2 @ x) / sqrt(n)\noutput r\n"
    )
    law = derive(loads(text)).law("r")
    assert law.kind == "hierarchical-gaussian"
    value = float(law.variance.value[0]) if nested else float(law.moment(2).value)
    slack = float(law.variance.error[0]) if nested else float(law.moment(2).error)
    assert abs(value - c.mean()) <= 5 * c.std() / np.sqrt(DRAWS) + slack
