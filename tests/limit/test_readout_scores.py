"""Readout scores against dense matrices in plain numpy, and the formulas of their limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tensorprog as tp

Array = NDArray[np.float64]
N, DRAWS = 64, 1000


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def softmax(r: Array) -> Array:
    e = np.exp(r - r.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


class Dense:
    """Fresh normals and matrices of one draw."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n

    def vector(self, count: int = 1, width: int = 1) -> Array:
        return self.rng.standard_normal((count, width * self.n))

    def times(self, x: Array, variance: float = 1.0, width: int = 1) -> Array:
        """A fresh matrix on a vector, or on several vectors (rows)."""
        w = self.rng.standard_normal((width * self.n, x.shape[-1])) * np.sqrt(variance / x.shape[-1])
        return np.asarray(x @ w.T)

    def read(self, v: Array, x: Array) -> Array:
        return np.asarray(np.sum(v * x, axis=-1) / np.sqrt(x.shape[-1]))


ROUTER = """
index e in 1..3
input u ~ N(0, 1)
input r[e] ~ N(0, 4)
weight A, B[e], C[e] ~ N(0, 2/n)
x = relu(A @ u)
g[e] = dot(r[e], x) / sqrt(n)
y = sum(softmax(g[e] over e) * (C[e] @ relu(B[e] @ x)) for e)
output y
"""


def router(d: Dense) -> dict[str, Any]:
    x = relu(d.times(d.vector()[0], 2))
    g = d.read(2 * d.vector(3), x)
    return {"y": softmax(g) @ np.stack([d.times(relu(d.times(x, 2)), 2) for _ in range(3)])}


QUERY = """
index j in 1..3
matrix K = [[1, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 1]]
input h[j] ~ N(0, K)
input v ~ N(0, 3)
weight U, V ~ N(0, 1/n)
x[j] = tanh(2*(U @ h[j]))
r[j] = dot(v, x[j]) / sqrt(n)
y = sum(softmax(r[j] over j) * (V @ x[j]) for j)
output y
"""
K = np.array([[1, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 1]])


def query(d: Dense) -> dict[str, Any]:
    x = np.tanh(2 * d.times(np.linalg.cholesky(K) @ d.vector(3)))
    return {"y": softmax(d.read(np.sqrt(3) * d.vector(), x)) @ d.times(x)}


ADDITIVE = """
index i, j in 1..2
input h[i], v ~ N(0, 1)
weight A, B, V ~ N(0, 1/n)
s[i,j] = dot(v, tanh(A @ h[i] + B @ h[j])) / sqrt(n)
y[i] = sum(softmax(4*s[i,j] over j) * (V @ h[j]) for j)
output y
"""


def additive(d: Dense) -> dict[str, Any]:
    h, v = d.vector(2), d.vector()[0]
    a, b = d.times(h), d.times(h)
    s = d.read(v, np.tanh(a[:, None] + b[None, :]))
    y = softmax(4 * s.T).T @ d.times(h)
    return {"y[1]": y[0], "y[2]": y[1]}


CORRELATED = """
index e in 1..2
input u[e] ~ N(0, 1)
input v[e] ~ N(0, (3/5)^abs(e-e'))
weight A, B ~ N(0, 1/n)
x[e] = relu(A @ (u[1] + u[e]))
g[e] = dot(x[e], v[e]) / sqrt(n)
y = erf(g[1])*g[2] * (B @ u[1]) + g[1] * u[2]
z = g[1] * g[2]
output y
output z
"""


def correlated(d: Dense) -> dict[str, Any]:
    from scipy.special import erf

    u, w = d.vector(2), d.vector(2)
    v = np.stack([w[0], 0.6 * w[0] + 0.8 * w[1]])
    g = d.read(v, relu(d.times(u[0] + u)))
    return {"y": erf(g[0]) * g[1] * d.times(u[0]) + g[0] * u[1], "z": np.array([g[0] * g[1]])}


BOTH = """
index i, j in 1..2
input h0, v, b ~ N(0, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
x[i] = tanh(2*(U[i] @ h0))
p[i,j] = dot(Wq @ x[i] + b, 3*(Wk @ x[j])) / sqrt(n)
y = sigmoid(4*dot(v, x[1])/sqrt(n)) * sum(softmax(p[1,j] over j) * (Wv @ x[j]) for j)
output y
"""


def both(d: Dense) -> dict[str, Any]:
    h = d.vector()[0]
    x = np.tanh(2 * np.stack([d.times(h), d.times(h)]))
    k, q = 3 * d.times(x), d.times(x)[0] + d.vector()[0]
    gate = 1 / (1 + np.exp(-4 * d.read(d.vector()[0], x[0])))
    return {"y": gate * (softmax(d.read(q, k)) @ d.times(x))}


ROTARY = """
index i, j in 1..2
matrix c = [[1, 0.5], [0.5, 1]]
matrix s = [[0, 2], [-2, 0.5]]
input h0 ~ N(0, 1)
weight U[i], Q1, Q2, K1, K2, V ~ N(0, 1/n)
x[i] = tanh(3*(U[i] @ h0))
p[i,j] = (c[i,j]*dot(Q1 @ x[i], K1 @ x[j]) + s[i,j]*dot(Q2 @ x[i], K2 @ x[j])) / sqrt(n)
y[i] = sum(softmax(2*p[i,j] over j) * (V @ x[j]) for j)
output y
"""
C, S = np.array([[1, 0.5], [0.5, 1]]), np.array([[0, 2], [-2, 0.5]])


def rotary(d: Dense) -> dict[str, Any]:
    h = d.vector()[0]
    x = np.tanh(3 * np.stack([d.times(h), d.times(h)]))
    q1, q2, k1, k2 = (d.times(x) for _ in range(4))
    p = (C * (q1 @ k1.T) + S * (q2 @ k2.T)) / np.sqrt(d.n)
    y = softmax(2 * p.T).T @ d.times(x)
    return {"y[1]": y[0], "y[2]": y[1], "p[1,2]": p[0, 1:2], "p[2,1]": p[1, :1]}


WIDTHS = """
width m = 2*n
input u, v ~ N(0, 1)
input w: m ~ N(0, 1)
weight A, B ~ N(0, 1/n)
weight C: m x n ~ N(0, 1/n)
x = relu(2*(A @ u))
z = relu(C @ x)
y = tanh(dot(v, x)/sqrt(n) + dot(w, z)/sqrt(m)) * (B @ x)
output y
"""


def widths(d: Dense) -> dict[str, Any]:
    x = relu(2 * d.times(d.vector()[0]))
    z = relu(d.times(x, width=2))
    return {"y": np.tanh(d.read(d.vector()[0], x) + d.read(d.vector(1, 2)[0], z)) * d.times(x)}


HEAD = """
index i, j in 1..2
input h0, v ~ N(0, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
x[i] = tanh(3*(U[i] @ h0))
p[i,j] = dot(Wq @ x[i], 3*(Wk @ x[j])) / sqrt(n)
z[i] = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)
f[i] = dot(v, z[i]) / sqrt(n)
y = tanh(3*f[1])
output y
output f[1]
"""


def head(d: Dense) -> dict[str, Any]:
    h = d.vector()[0]
    x = np.tanh(3 * np.stack([d.times(h), d.times(h)]))
    p = 3 * d.times(x) @ d.times(x).T / np.sqrt(d.n)
    f = d.read(d.vector(), softmax(p).T @ d.times(x))
    return {"y": np.tanh(3 * f[:1]), "f[1]": f[:1]}


PROGRAMS: dict[str, tuple[str, Callable[[Dense], dict[str, Any]]]] = {
    "router": (ROUTER, router),
    "learned query": (QUERY, query),
    "additive attention": (ADDITIVE, additive),
    "correlated vectors": (CORRELATED, correlated),
    "beside attention": (BOTH, both),
    "rotary": (ROTARY, rotary),
    "two widths": (WIDTHS, widths),
    "a head on attention": (HEAD, head),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_limits_are_those_of_dense_matrices(name: str) -> None:
    """Second and fourth moments to five standard errors and a bias of the order 1/n; products of two outputs too."""
    text, draw = PROGRAMS[name]
    limit, rng = tp.derive(tp.loads(text)), np.random.default_rng(3)
    found = [draw(Dense(rng, N)) for _ in range(DRAWS)]
    names = list(found[0])
    samples = {k: np.stack([f[k] for f in found]) for k in names}
    for a in names:
        law = limit.law(a)
        variance, kurtosis = float(law.variance.value[0]), float(law.excess_kurtosis.value[0])
        mean = float(law.mean.value[0])
        assert float(limit.var(a).value) == pytest.approx(variance, rel=2e-3)
        agrees((samples[a] - mean) ** 2, variance, variance)
        agrees((samples[a] - mean) ** 4, (kurtosis + 3) * variance**2, (kurtosis + 3) * variance**2)
        for b in names:
            if samples[b].shape == samples[a].shape and b > a and name != "a head on attention":
                c = limit.cov(a, b)
                scale = np.sqrt(variance * float(limit.var(b).value))
                agrees((samples[a] - mean) * (samples[b] - float(limit.mean(b).value)), float(c.value), scale)


def agrees(values: Array, theory: float, scale: float) -> None:
    per_draw = values.mean(axis=1)
    error = 5 * per_draw.std(ddof=1) / np.sqrt(len(per_draw)) + 4 / N * scale
    assert abs(per_draw.mean() - theory) < error, (per_draw.mean(), theory, error)
