"""Laws given the scores, against simulations of the limit that are written out by hand below.

Each simulation draws the limit variables of its program (scores, features, values) directly from their joint Gaussian
law, worked out on paper in the comment beside it; nothing of the package is used. Variances are compared within five
standard errors, which are below half a percent; so are fourth moments in units of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tensorprog.language import loads
from tensorprog.limit.derive import derive
from tensorprog.limit.laws.law import Law
from tensorprog.limit.mixtures.pieces import Piece
from tensorprog.numbers.budget import Budget

DRAWS = 500_000
HEAVY = {"rectified weights": 2, "product of outputs": 3}
"""Heavier tails need more draws for the same standard error."""
Array = np.ndarray
Simulation = Callable[[np.random.Generator, int], Array]

HEAD = "index i, j in 1..3\ninput h0 ~ N(0, 1)\nweight U[i] ~ N(0, 1/n)\nh[i] = U[i] @ h0\n"
ATTENTION = (
    "weight Wq, Wk, Wv ~ N(0, 1/n)\nq[i] = Wq @ x[i]\nk[i] = Wk @ x[i]\nv[i] = Wv @ x[i]\n"
    "p[i,j] = dot(q[i], k[j]) / sqrt(n)\n"
)
Z = "z[i] = sum(softmax(p[i,j] over j) * v[j] for j)\n"


def law(text: str, *members: str) -> Law:
    return derive(loads(text)).law(*members)


def softmax(p: Array) -> Array:
    w = np.exp(p - p.max(axis=-1, keepdims=True))
    return w / w.sum(axis=-1, keepdims=True)


def scores(rng: np.random.Generator, n: int, queries: Array, keys: Array) -> Array:
    """n draws of p with Cov(p_ij, p_kl) = queries_ik keys_jl."""
    a, b = np.linalg.cholesky(queries), np.linalg.cholesky(keys)
    return np.einsum("ij,njk,lk->nil", a, rng.standard_normal((n, len(a), len(b))), b)


def vectors(rng: np.random.Generator, n: int, gram: Array) -> Array:
    return rng.standard_normal((n, len(gram))) @ np.linalg.cholesky(gram).T


def second_moment(f: Callable[[Array], Array]) -> float:
    """E f(Z)^2 by a fine Riemann sum."""
    z = np.linspace(-12, 12, 400_001)
    return float(np.sum(f(z) ** 2 * np.exp(-z * z / 2)) * (z[1] - z[0]) / np.sqrt(2 * np.pi))


TANH = second_moment(np.tanh)
CLIP = second_moment(lambda z: np.clip(z, -1, 1))
RELU = np.full((3, 3), 1 / (2 * np.pi)) + np.eye(3) * (0.5 - 1 / (2 * np.pi))


def two_heads(rng: np.random.Generator, n: int) -> Array:
    """Two heads with matrices of their own on clipped orthogonal tokens: E[x_i x_j] = CLIP delta_ij."""
    out = np.zeros(n)
    for _ in range(2):
        a = softmax(scores(rng, n, CLIP * np.eye(3), CLIP * np.eye(3)))[:, 0]
        out += np.einsum("nj,nj->n", a, vectors(rng, n, CLIP * np.eye(3)))
    return out / np.sqrt(2)


def relu_features(rng: np.random.Generator, n: int) -> Array:
    """Correlated tokens: E[x_i^2] = 1/2, E[x_i x_j] = 1/(2 pi)."""
    a = softmax(scores(rng, n, RELU, RELU))[:, 1]
    return np.einsum("nj,nj->n", a, vectors(rng, n, RELU))


def causal(rng: np.random.Generator, n: int) -> Array:
    """Token 2 sees tokens 1 and 2."""
    a = softmax(scores(rng, n, TANH * np.eye(3), TANH * np.eye(3))[:, 1, :2])
    return np.einsum("nj,nj->n", a, vectors(rng, n, TANH * np.eye(2)))


def cross(rng: np.random.Generator, n: int) -> Array:
    """Queries from tanh features, keys and values from clipped features of two other tokens with variance 4."""
    a = softmax(scores(rng, n, TANH * np.eye(1), 4 * CLIP * np.eye(2))[:, 0])
    return np.einsum("nj,nj->n", a, vectors(rng, n, CLIP * np.eye(2)))


def crosswise(rng: np.random.Generator, n: int) -> Array:
    """p_j = <A x_1, B x_j>, r_j = <B s_1, A s_j>, two tokens: Cov(p_j, r_l) = E[x_1 s_l] E[x_j s_1]."""
    z = np.linspace(-12, 12, 400_001)
    weight = np.exp(-z * z / 2) * (z[1] - z[0]) / np.sqrt(2 * np.pi)
    xs, ss = float(np.sum(np.tanh(z) * np.sin(z) * weight)), float(np.sum(np.sin(z) ** 2 * weight))
    m = xs * np.eye(2)
    cov = np.zeros((4, 4))
    for j in range(2):
        for other in range(2):
            cov[j, other] = TANH * TANH * (j == other)
            cov[2 + j, 2 + other] = ss * ss * (j == other)
            cov[j, 2 + other] = cov[2 + other, j] = m[0, other] * m[j, 0]
    p = vectors(rng, n, cov)
    a = softmax(p[:, :2] + p[:, 2:])
    return np.einsum("nj,nj->n", a, vectors(rng, n, TANH * np.eye(2)))


def shared_values(rng: np.random.Generator, n: int) -> Array:
    """Two heads with one value matrix: the values are the same vectors in both heads."""
    v = vectors(rng, n, TANH * np.eye(3))
    out = np.zeros(n)
    for _ in range(2):
        a = softmax(scores(rng, n, TANH * np.eye(3), TANH * np.eye(3)))[:, 0]
        out += np.einsum("nj,nj->n", a, v)
    return out


def keys_as_values(rng: np.random.Generator, n: int) -> Array:
    """y = sum A_j k_j: in the limit the keys are independent of the scores that they make."""
    a = softmax(scores(rng, n, RELU, RELU))[:, 0]
    return np.einsum("nj,nj->n", a, vectors(rng, n, RELU))


def relu_weights(rng: np.random.Generator, n: int) -> Array:
    p = scores(rng, n, RELU, RELU)[:, 0]
    return np.einsum("nj,nj->n", np.maximum(p, 0), vectors(rng, n, RELU))


def residual(rng: np.random.Generator, n: int) -> Array:
    """y = x_1 + attention, the values independent of x."""
    a = softmax(scores(rng, n, TANH * np.eye(3), TANH * np.eye(3)))[:, 0]
    return np.tanh(rng.standard_normal(n)) + np.einsum("nj,nj->n", a, vectors(rng, n, TANH * np.eye(3)))


def gated(rng: np.random.Generator, n: int) -> Array:
    """sigmoid(g) times attention with a projection V of variance 2/n for the values."""
    a = softmax(scores(rng, n, TANH * np.eye(3), TANH * np.eye(3)))[:, 0]
    gate = 1 / (1 + np.exp(-np.sqrt(TANH) * rng.standard_normal(n)))
    return gate * np.einsum("nj,nj->n", a, vectors(rng, n, 2 * TANH * np.eye(3)))


def tanh_of(rng: np.random.Generator, n: int) -> Array:
    return np.tanh(2 * keys_as_values(rng, n))


def low_rank(rng: np.random.Generator, n: int) -> Array:
    """Four heads of width n/4 with 1/n queries and keys: scores by the head's width have the same variance."""
    out = np.zeros(n)
    for _ in range(4):
        a = softmax(scores(rng, n, TANH * np.eye(3), TANH * np.eye(3)))[:, 0]
        out += np.einsum("nj,nj->n", a, vectors(rng, n, TANH * np.eye(3)))
    return out / 2


def product_of_outputs(rng: np.random.Generator, n: int) -> Array:
    """z_1 z_2: both rows read the same values."""
    a = softmax(scores(rng, n, RELU, RELU))
    z = np.einsum("nij,nj->ni", a, vectors(rng, n, RELU))
    return z[:, 0] * z[:, 1]


RELU_TOKENS = (
    "index i, j in 1..3\nmatrix K = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\ninput u[i] ~ N(0, K)\nx[i] = relu(u[i])\n"
)

PROGRAMS: dict[str, tuple[str, str, Simulation]] = {
    "two heads": (
        HEAD
        + "index a in 1..2\nparam C > 0 = 1\nx[i] = clip(h[i], -C, C)\nweight Wq[a], Wk[a], Wv[a], Wo[a] ~ N(0, 1/n)\n"
        + "p[a,i,j] = dot(Wq[a] @ x[i], Wk[a] @ x[j]) / sqrt(n)\n"
        + "y[i] = sum(softmax(p[a,i,j] over j) * (Wo[a] @ Wv[a] @ x[j]) for a, j) / sqrt(2)\noutput y\n",
        "y[1]",
        two_heads,
    ),
    "relu features": (RELU_TOKENS + ATTENTION + Z + "output z\n", "z[2]", relu_features),
    "causal": (
        HEAD
        + "x[i] = tanh(h[i])\n"
        + ATTENTION
        + "y[i] = attention(q[i], k[j], v[j] over j, scale = 1/sqrt(n), mask = j <= i)\noutput y\n",
        "y[2]",
        causal,
    ),
    "cross-attention": (
        "index i in 1..2\nindex j in 1..2\ninput u[i] ~ N(0, 1)\ninput w[j] ~ N(0, 1)\nx[i] = tanh(u[i])\n"
        "c[j] = clip(w[j], -1, 1)\nweight Q, V ~ N(0, 1/n)\nweight K ~ N(0, 4/n)\n"
        "p[i,j] = dot(Q @ x[i], K @ c[j]) / sqrt(n)\ny[i] = V @ sum(softmax(p[i,j] over j) * c[j] for j)\noutput y\n",
        "y[1]",
        cross,
    ),
    "crosswise pairs": (
        "index i, j in 1..2\ninput u[i] ~ N(0, 1)\nx[i] = tanh(u[i])\ns[i] = sin(u[i])\nweight A, B, V ~ N(0, 1/n)\n"
        "p[i,j] = dot(A @ x[i], B @ x[j]) / sqrt(n)\nr[i,j] = dot(B @ s[i], A @ s[j]) / sqrt(n)\n"
        "y[i] = sum(softmax(p[i,j] + r[i,j] over j) * (V @ x[j]) for j)\noutput y\n",
        "y[1]",
        crosswise,
    ),
    "values shared by heads": (
        HEAD
        + "index a in 1..2\nx[i] = tanh(h[i])\nweight Wq, Wk[a], Wv ~ N(0, 1/n)\n"
        + "p[a,i,j] = dot(Wq @ x[i], Wk[a] @ x[j]) / sqrt(n)\n"
        + "y[i] = sum(softmax(p[a,i,j] over j) * (Wv @ x[j]) for a, j)\noutput y\n",
        "y[1]",
        shared_values,
    ),
    "keys as values": (
        RELU_TOKENS + ATTENTION + "y[i] = sum(softmax(p[i,j] over j) * k[j] for j)\noutput y\n",
        "y[1]",
        keys_as_values,
    ),
    "rectified weights": (
        RELU_TOKENS + ATTENTION + "y[i] = sum(relu(p[i,j]) * v[j] for j)\noutput y\n",
        "y[1]",
        relu_weights,
    ),
    "residual": (
        HEAD + "x[i] = tanh(h[i])\n" + ATTENTION + Z + "y[i] = x[i] + z[i]\noutput y\n",
        "y[1]",
        residual,
    ),
    "gate": (
        HEAD
        + "x[i] = tanh(h[i])\n"
        + ATTENTION.replace("Wv ~ N(0, 1/n)", "G ~ N(0, 1/n)\nweight Wv ~ N(0, 2/n)")
        + Z
        + "y[i] = sigmoid(G @ x[i]) * z[i]\noutput y\n",
        "y[1]",
        gated,
    ),
    "tanh of attention": (RELU_TOKENS + ATTENTION + Z + "y[i] = tanh(2*z[i])\noutput y\n", "y[1]", tanh_of),
    "low rank": (
        HEAD
        + "index a in 1..4\nwidth m = n/4\nx[i] = tanh(h[i])\nweight Wq[a], Wk[a], Wv[a]: m x n ~ N(0, 1/n)\n"
        + "weight Wo[a]: n x m ~ N(0, 1/m)\np[a,i,j] = dot(Wq[a] @ x[i], Wk[a] @ x[j]) / sqrt(m)\n"
        + "y[i] = sum(softmax(p[a,i,j] over j) * (Wo[a] @ Wv[a] @ x[j]) for a, j) / 2\noutput y\n",
        "y[1]",
        low_rank,
    ),
    "product of outputs": (
        RELU_TOKENS + ATTENTION + Z + "y = z[1] * z[2]\noutput y\n",
        "y",
        product_of_outputs,
    ),
}


def compare(value: float, error: float, samples: Array) -> None:
    """Within five standard errors of a sample mean, and no wider than the theory's own error."""
    spread = float(samples.std() / np.sqrt(len(samples)))
    assert abs(value - float(samples.mean())) <= 5 * spread + error


@pytest.mark.parametrize("name", PROGRAMS)
def test_law_agrees_with_a_simulation_of_the_limit(name: str) -> None:
    text, member, simulate = PROGRAMS[name]
    found = law(text, member)
    draws = DRAWS * HEAVY.get(name, 1)
    y = simulate(np.random.default_rng(7), draws)
    variance, error = float(found.variance.value[0]), float(found.variance.error[0])
    squares = (y - y.mean()) ** 2
    assert squares.std() / np.sqrt(draws) < 0.005 * squares.mean(), "the simulation itself is too coarse"
    compare(variance, error, squares)
    compare(float(found.mean.value[0]), float(found.mean.error[0]), y)
    kurtosis, kurtosis_error = float(found.excess_kurtosis.value[0]), float(found.excess_kurtosis.error[0])
    fourth = (kurtosis + 3) * variance**2
    slack = kurtosis_error * variance**2 + 2 * (kurtosis + 3) * variance * error
    compare(fourth, slack, (y - y.mean()) ** 4)
    assert error <= (1e-2 if name in HEAVY else 2e-3) * variance
    for point in (-0.7 * np.sqrt(variance), 0.0, 1.1 * np.sqrt(variance)):
        below = found.cdf(point)
        compare(float(below.value[0]), float(below.error[0]), (y <= point).astype(float))


@pytest.mark.parametrize(("name", "kind"), [(n, "hierarchical-gaussian") for n in list(PROGRAMS)[:8]])
def test_these_are_gaussian_given_their_scores(name: str, kind: str) -> None:
    assert law(*PROGRAMS[name][:2]).kind == kind


def test_members_are_joint() -> None:
    """Cov(z_1, z_2) and E[z_1^2 z_2^2] of two rows that read the same values."""
    found = law(RELU_TOKENS + ATTENTION + Z + "output z\n", "z[1]", "z[2]")
    rng = np.random.default_rng(3)
    a = softmax(scores(rng, DRAWS, RELU, RELU))
    z = np.einsum("nij,nj->ni", a, vectors(rng, DRAWS, RELU))
    compare(float(found.covariance.value[0, 1]), float(found.covariance.error[0, 1]), z[:, 0] * z[:, 1])
    both = found.moment(2, 2)
    compare(float(both.value), float(both.error), z[:, 0] ** 2 * z[:, 1] ** 2)
    t = np.array([[0.7, -0.4]])
    wave = found.characteristic(t)
    compare(float(wave.value[0].real), float(wave.error[0]), np.cos(z[:, :2] @ t[0]))
    drawn = found.sample(DRAWS, 5)
    compare(float(found.covariance.value[0, 1]), float(found.covariance.error[0, 1]), drawn[:, 0] * drawn[:, 1])
    inner = found.expect("tanh(z[1])*z[2]")
    compare(float(inner.value), float(inner.error), np.tanh(z[:, 0]) * z[:, 1])


@pytest.mark.long
def test_density_is_the_slope_of_the_distribution_function() -> None:
    found = law(*PROGRAMS["two heads"][:2])
    y = np.linspace(-6, 6, 241)
    density = found.density(y).value
    assert np.all(density > 0)
    assert abs(np.trapezoid(density, y) - 1) < 1e-6
    slope = np.gradient(found.cdf(y).value, y)
    assert np.max(np.abs(slope - density)[1:-1]) < 3e-3
    variance = np.trapezoid(density * y**2, y)
    assert variance == pytest.approx(float(found.variance.value[0]), rel=1e-4)
    q = found.quantile([0.1, 0.5, 0.9])
    assert found.cdf(q.value).value == pytest.approx([0.1, 0.5, 0.9], abs=1e-9)


@pytest.mark.long
def test_a_joint_density_integrates_to_one() -> None:
    noise = "weight G ~ N(0, 1/n)\ny[i] = z[i] + G @ x[i]\noutput y\n"
    found = law(RELU_TOKENS + ATTENTION + Z + noise, "y[1]", "y[2]")
    y = np.linspace(-5.5, 5.5, 45)
    grid = np.stack(np.meshgrid(y, y), axis=-1).reshape(-1, 2)
    mass = found.density(grid).value.sum() * (y[1] - y[0]) ** 2
    assert mass == pytest.approx(1, abs=2e-3)


@pytest.mark.long
def test_heads_are_averaged_once() -> None:
    """256 independent heads cost what one does, and the excess kurtosis falls as 1/H."""
    text = PROGRAMS["two heads"][0]
    many = law(text.replace("1..2", "1..256").replace("sqrt(2)", "sqrt(256)"), "y[1]")
    two = law(text, "y[1]")
    assert [(p.dimension, p.count) for p in many._sum.pieces] == [(2, 256)]
    assert float(many.variance.value[0]) == pytest.approx(float(two.variance.value[0]), rel=1e-9)
    assert float(many.excess_kurtosis.value[0]) == pytest.approx(float(two.excess_kurtosis.value[0]) / 128, rel=1e-6)


def test_infinite_heads_and_the_one_over_n_limit() -> None:
    """With A = 1/3 the variance is CLIP/3; E[C(p)] is larger."""
    found = law(*PROGRAMS["two heads"][:2])
    assert found.one_over_n().covariance[0, 0] == pytest.approx(CLIP / 3, rel=1e-9)
    assert found.infinite_heads().covariance[0, 0] == pytest.approx(float(found.variance.value[0]))
    assert found.infinite_heads().covariance[0, 0] > CLIP / 3


def test_error_estimates_hold_against_a_finer_average() -> None:
    """Quasi-Monte Carlo at the default tolerance, against the trapezoid rule."""
    for name in ("crosswise pairs", "relu features", "causal"):
        text, member, _ = PROGRAMS[name]
        fine, coarse = law(text, member), law(text, member)
        rough = coarse._sum.pieces[0]
        other = Piece(rough.source, rough.count, False, Budget(1e-3), 11)
        if other.mixture.rule.method == "sampling":
            gap = abs(other.cumulants.value - fine._sum.pieces[0].cumulants.value)
            assert np.all(gap <= other.cumulants.error + 1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_averages_are_deterministic(seed: int) -> None:
    first, second = (replace(law(*PROGRAMS["residual"][:2]), seed=seed) for _ in range(2))
    assert float(first.variance.value[0]) == float(second.variance.value[0])
