"""Kernels over arrays: equal to the scalar door entry by entry, on the diagonal, at rho = ±1 and at variance 0."""

import numpy as np
import pytest

from tensorprog.errors import TensorProgError
from tensorprog.gaussian.arrays.duals import PairKernel, pair_kernel
from tensorprog.gaussian.expect import expect
from tensorprog.terms import Var, read
from tests.gaussian.oracle import Function, erf, pair_mean

Z = Var("z")
PAIRS = [
    ("relu(z)", "relu(z)"),
    ("step(z)", "step(z)"),
    ("erf(z)", "relu(z)"),
    ("gelu(z)", "gelu(z)"),
    ("clip(z, -1, 1)", "clip(z, -1, 1)"),
    ("elu(z)", "abs(z)"),
    ("sin(z)", "clip(z, -1, 1)"),
    ("exp(z)", "z"),
]


def kernel(f: str, g: str, **options: object) -> PairKernel:
    return pair_kernel(read(f), read(g), Z, **options)  # type: ignore[arg-type]


def gram(n: int, d: int) -> np.ndarray:
    x = np.random.default_rng(3).normal(size=(n, d)) / np.sqrt(d)
    return x @ x.T


@pytest.mark.parametrize(("f", "g"), PAIRS)
def test_entries_are_those_of_the_door(f: str, g: str) -> None:
    K = gram(5, 3)
    d = np.diag(K)
    values = kernel(f, g)(d[:, None], K, d[None, :])
    for i in range(5):
        for j in range(5):
            cov = [[d[i], K[i, j]], [K[i, j], d[j]]] if i != j else [[d[i], d[i]], [d[i], d[i]]]
            text = f"{f.replace('z', 'a')}*{g.replace('z', 'b')}"
            one = expect(text, cov, vars=["a", "b"])
            assert values[i, j] == pytest.approx(one.value, rel=1e-11, abs=1e-13)


def test_against_the_oracle() -> None:
    gelu = Function("gelu(Z)", lambda z: z * (1 + erf(z / np.sqrt(2))) / 2)
    clip = Function("clip(Z, -1, 1)", lambda z: np.clip(z, -1, 1), (-1, 1))
    k = kernel("gelu(z)", "clip(z, -1, 1)")
    assert float(k(1.3, -0.7, 0.9)) == pytest.approx(pair_mean(gelu, clip, (1.3, -0.7, 0.9)), rel=1e-12)


@pytest.mark.parametrize("f", ["relu(z)", "step(z)", "gelu(z)", "clip(z, -1, 1)", "erf(z)"])
def test_a_kernel_matrix_is_symmetric_and_positive_semidefinite(f: str) -> None:
    K = gram(12, 4)
    d = np.diag(K)
    M = kernel(f, f)(d[:, None], K, d[None, :])
    assert np.abs(M - M.T).max() < 1e-14
    assert np.linalg.eigvalsh(M)[0] > -1e-13


@pytest.mark.parametrize("f", ["relu(z)", "step(z)", "gelu(z)", "clip(z, -1, 1)", "exp(-abs(z))"])
def test_singular_covariances(f: str) -> None:
    """Identical, opposite, proportional and constant variables, each by a derivation of its own in the door."""
    triples = [(1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 2.0, 4.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)]
    values = kernel(f, f)(*map(np.array, zip(*triples, strict=True)))
    text = f"{f.replace('z', 'a')}*{f.replace('z', 'b')}"
    for (a, c, b), value in zip(triples, values, strict=True):
        assert value == pytest.approx(expect(text, [[a, c], [c, b]], vars=["a", "b"]).value, rel=1e-12, abs=1e-14)


def test_params_and_derivation_once() -> None:
    one = kernel("clip(z, -C, C)", "clip(z, -C, C)", assume={"C": "> 0"}, values={"C": 1})
    assert one is kernel("clip(z, -C, C)", "clip(z, -C, C)", assume={"C": "> 0"}, values={"C": 1})
    assert {s.name for s in one.expr.free_symbols} == {"K11", "K12", "K22", "C"}
    assert {s.name for s in one.diagonal.free_symbols} == {"K11", "C"}
    plain = kernel("clip(z, -1, 1)", "clip(z, -1, 1)")
    assert one(1.0, 0.5, 2.0) == pytest.approx(plain(1.0, 0.5, 2.0), rel=1e-14)
    assert one(1.0, 1.0, 1.0) == pytest.approx(plain(1.0, 1.0, 1.0), rel=1e-14)


def test_without_a_closed_form() -> None:
    k = kernel("tanh(z)", "tanh(z)")
    assert k.expr is None
    assert k.method == "series"
    tanh = Function("tanh(Z)", np.tanh)
    values = k(np.array([1.0, 1.0]), np.array([0.5, 1.0]), np.array([2.0, 1.0]))
    assert values[0] == pytest.approx(0.1467541154603874242875994, rel=1e-9)
    assert values[1] == pytest.approx(pair_mean(tanh, tanh, (1, 1, 1)), rel=1e-9)


@pytest.mark.parametrize("entries", [(np.nan, 0, 1), (1, np.inf, 1), (-1, 0, 1), (1, 2, 1)])
def test_what_is_no_covariance(entries: tuple[float, float, float]) -> None:
    with pytest.raises(TensorProgError, match="TP008"):
        kernel("relu(z)", "relu(z)")(*entries)
