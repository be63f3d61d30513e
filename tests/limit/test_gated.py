"""Gated recurrent networks: bounds of 1e-6 and better, against a recursion of this file and against finite widths."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf, expit

import tensorprog as tp
from tensorprog import models

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
ERF_GATE = "(1 + erf(x))/2"
GENERAL = [[1.0, 0.5, 0.2], [0.5, 1.25, -0.375], [0.2, -0.375, 0.75]]
REPEATED = [[1.0, 1.0, 0.25], [1.0, 1.0, 0.25], [0.25, 0.25, 1.0]]


def points(step: float, reach: float) -> tuple[Array, Array]:
    """A midpoint rule for a standard normal variable."""
    t = step * (np.arange(-round(reach / step), round(reach / step)) + 0.5)
    return t, step * np.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def gauss(f: Callable[[list[Array]], Array], K: Array) -> float:
    """E f(Z) by midpoint rules along the eigenvectors of K."""
    values, vectors = np.linalg.eigh(K)
    kept = values > 1e-12
    L = vectors[:, kept] * np.sqrt(values[kept])
    t, w = points(0.22, 8)
    axes = np.meshgrid(*[t] * L.shape[1], indexing="ij")
    z = [np.asarray(sum(L[i, j] * axes[j] for j in range(L.shape[1]))) for i in range(len(K))]
    out = np.broadcast_to(f(z), axes[0].shape)
    for _ in axes:
        out = out @ w
    return float(out)


def gru(G: Array, gate: Function, phi: Function, bias: float) -> Array:
    """E h(s) h(t) of a GRU on one sequence: h(t) = Σ_j w_tj(z) φ(c_j), w_tj = σ(z_j) Π_{j<k<=t} (1 - σ(z_k))."""
    steps = len(G)
    H, Z, C = np.zeros((3, steps, steps))

    def weight(z: list[Array], t: int, j: int) -> Array:
        return gate(z[j]) * math.prod((1 - gate(z[k]) for k in range(j + 1, t + 1)), start=np.ones(()))

    for t in range(steps):
        for s in range(t + 1):
            old = H[s - 1, t - 1] if s else 0.0
            Z[s, t] = Z[t, s] = G[s, t] + bias + old
        for s in range(t + 1):
            R = Z[np.ix_([s, t], [s, t])]
            reset = gauss(lambda r: gate(r[0]) * gate(r[1]), R) if s else 0.0
            C[s, t] = C[t, s] = G[s, t] + bias + reset * (H[s - 1, t - 1] if s else 0.0)
        for s in range(t + 1):
            total = 0.0
            for i in range(s + 1):
                for j in range(t + 1):
                    both = gauss(lambda c: phi(c[0]) * phi(c[1]), C[np.ix_([i, j], [i, j])])
                    seen = Z[: t + 1, : t + 1]
                    total += both * gauss(lambda z: weight(z, s, i) * weight(z, t, j), seen)  # noqa: B023
            H[s, t] = H[t, s] = total
    return H


CASES = {
    "general": (GENERAL, 0.0, ERF_GATE, "erf"),
    "bias": (GENERAL, 0.3, ERF_GATE, "erf"),
    "repeated": (REPEATED, 0.125, ERF_GATE, "erf"),
    "sigmoid": (GENERAL, 0.1, "sigmoid", "tanh"),
}
GATES: dict[str, Function] = {ERF_GATE: lambda x: (1 + erf(x)) / 2, "sigmoid": expit}
ACTIVATIONS: dict[str, Function] = {"erf": erf, "tanh": np.tanh}


@pytest.mark.parametrize("name", CASES)
def test_gru_over_three_steps(name: str) -> None:
    gram, bias, gate, phi = CASES[name]
    limit = tp.derive(models.gru(gram, gate=gate, activation=phi, bias=bias), seconds=200)
    H = gru(np.array(gram), GATES[gate], ACTIVATIONS[phi], bias)
    for s in range(3):
        for t in range(s, 3):
            found = limit.cov(f"y[{s + 1}]", f"y[{t + 1}]")
            assert found.value is not None
            assert found.error is not None
            assert found.method in ("closed-form", "quadrature")
            assert found.error < 1e-11
            assert abs(found.value - H[s, t]) <= found.error + 1e-10
    np.testing.assert_allclose(limit.matrix("y"), H, atol=1e-10)


def test_one_sequence_read_twice() -> None:
    """Six gates, of rank three: the second reading repeats the first."""
    twice = np.kron(np.ones((2, 2)), np.array(GENERAL)).tolist()
    limit = tp.derive(models.gru(twice, lengths=[3, 3], gate=ERF_GATE, activation="erf"), seconds=200)
    one, other = limit.cov("y[3]", "y[3]"), limit.cov("y[3]", "y[6]")
    assert one.value is not None
    assert other.value is not None
    assert other.error is not None
    assert other.method == "quadrature"
    assert other.error < 1e-11
    assert abs(one.value - other.value) <= (one.error or 0) + other.error


@pytest.mark.long
def test_lstm_over_two_steps() -> None:
    """c(2) = f i(1) φ(g(1)) + i(2) φ(g(2)); i and g have covariance [[1, 1/2], [1/2, 1 + v]], v = E h(1)²."""
    gate, (t, w) = GATES[ERF_GATE], points(0.35, 6)
    v = gauss(lambda z: erf(gate(z[0]) * erf(z[1])) ** 2, np.eye(2)) * gauss(lambda o: gate(o[0]) ** 2, np.eye(1))
    after = 0.5 * t[:, None] + math.sqrt(0.75 + v) * t
    first = gate(t)[:, None, None, None] * erf(t)[:, None]
    second = gate(after)[:, :, None, None] * erf(after)
    squares = [((erf(f * first + second) ** 2 @ w) @ w) @ w @ w for f in gate(math.sqrt(1 + v) * t)]
    truth = float(np.array(squares) @ w) * gauss(lambda o: gate(o[0]) ** 2, np.array([[1 + v]]))
    found = tp.derive(models.lstm([[1, 0.5], [0.5, 1]], gate=ERF_GATE, activation="erf"), seconds=200).var("y[2]")
    assert found.value is not None
    assert found.error is not None
    assert found.method == "quadrature"
    assert found.error < 1e-6
    assert abs(found.value - truth) <= found.error + 1e-8


@pytest.mark.long
def test_gru_against_its_finite_widths() -> None:
    program = models.gru(GENERAL, gate=ERF_GATE, activation="erf", bias=0.3)
    limit = tp.derive(program).matrix("y")
    y = tp.simulate(program, n=1024, samples=6000, rng=4)["y"]
    products = y[:, :, None] * y[:, None, :]
    wide = products.std(axis=0) / math.sqrt(len(y))
    assert np.all(np.abs(products.mean(axis=0) - limit) <= 4.5 * wide)


def test_a_law_has_the_bound_of_its_covariance() -> None:
    program = models.gru(GENERAL, gate=ERF_GATE, activation="erf")
    limit = tp.derive(program)
    law = limit.law("y[3]")
    assert law.variance.method == "quadrature"
    assert abs(law.variance.value - float(limit.var("y[3]"))) <= 1e-11
