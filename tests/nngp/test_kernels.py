"""Kernels at scale: against the limits of the programs, mpmath, reference kernels, and at the hard places."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tensorprog import models
from tensorprog.errors import TensorProgError
from tensorprog.language import loads
from tensorprog.limit.derive import derive
from tensorprog.nngp import MLPKernel

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "nngp_ntk_kernels.json").read_text())
SMALL = np.random.default_rng(5).standard_normal((3, 4))


@pytest.mark.parametrize("phi", ["relu", "erf", "gelu", "abs", "sin", "cos", "leaky_relu(x, 0.3)", "step", "sign", "x"])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_against_the_limit_of_the_program(phi: str, bias: float) -> None:
    gram = SMALL @ SMALL.T / 4
    program = models.mlp(gram, 2, phi, weights=1.5, bias=bias)
    found = MLPKernel(phi, 2, 1.5, bias)(SMALL)
    np.testing.assert_allclose(found, derive(program).matrix("h[3,i]"), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("phi", ["erf", "relu", "tanh"])
def test_residual_against_the_limit_of_the_program(phi: str) -> None:
    gram = SMALL @ SMALL.T / 4
    program = models.residual_mlp(gram, 2, phi, weights=1.5, bias=0.2, branch=0.5)
    found = MLPKernel(phi, 2, 1.5, 0.2, branch=0.5)(SMALL)
    np.testing.assert_allclose(found, derive(program).matrix("r[2,i]"), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "phi"), [("relu_d1", "relu"), ("relu_d10", "relu"), ("erf_d3", "erf"),
                                          ("gelu_d3", "gelu"), ("cos_d1", "cos"), ("abs_d2", "abs"),
                                          ("gabor_d1", "exp(-x^2)*sin(x)"), ("rectified_monomial2_d1", "relu(x)^2"),
                                          ("sigmoid_like_d2", "erf(x/2.4020563531719796)/2 + 0.5")])  # fmt: skip
def test_reference_kernels(name: str, phi: str) -> None:
    case = next(c for c in REFERENCE["cases"] if c["id"] == name)
    points = np.array(REFERENCE["inputs"][case["input"]])
    found = MLPKernel(phi, int(name.split("_d")[1]), 1.5**2, 0.3**2)(points)
    np.testing.assert_allclose(found, case["nngp"], rtol=1e-12, atol=1e-13)


def by_mpmath(f: Any, k11: float, k12: float, k22: float) -> float:
    """E f(Z1) f(Z2) by Gauss–Legendre on panels, 20 digits."""
    with mp.workdps(20):
        s = mp.sqrt(k11)
        slope, rest = mp.mpf(k12) / k11, mp.sqrt(mp.mpf(k22) - mp.mpf(k12) ** 2 / k11)
        nodes = [(mp.mpf(x), mp.mpf(w)) for x, w in zip(*np.polynomial.legendre.leggauss(40), strict=True)]

        def mean(g: Any) -> Any:
            return sum(w * 3 * g(m + 3 * x) * mp.npdf(m + 3 * x) for m in (-6, 0, 6) for x, w in nodes)

        return float(mean(lambda u: f(s * u) * mean(lambda v: f(slope * s * u + rest * v))))


@pytest.mark.parametrize(("phi", "f"), [("tanh", mp.tanh), ("silu", lambda z: z / (1 + mp.exp(-z)))])
def test_series_against_mpmath(phi: str, f: Any) -> None:
    found = MLPKernel(phi, 1, 1.0, 0.0)(SMALL[:2])
    k = SMALL[:2] @ SMALL[:2].T / 4
    size = np.sqrt(found[0, 0] * found[1, 1])
    assert abs(found[0, 1] - by_mpmath(f, k[0, 0], k[0, 1], k[1, 1])) < 2e-11 * size
    assert abs(found[0, 0] - by_mpmath(f, k[0, 0], k[0, 0] * (1 - 1e-15), k[0, 0])) < 2e-11 * found[0, 0]


def test_series_of_inputs_of_very_different_lengths() -> None:
    """tanh of tiny inputs is the identity: K12 = x·y/d up to the third power."""
    x = np.array([[1e-7, 2e-7], [3e-7, -1e-7], [2.0, 1.0]])
    K = MLPKernel("tanh", 1, 1.0, 0.0)(x)
    np.testing.assert_allclose(K[:2, :2], x[:2] @ x[:2].T / 2, rtol=1e-10)
    assert K[2, 2] > 0.3


# -- near ρ = ±1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("gap", [1e-1, 1e-4, 1e-7, 1e-10])
@pytest.mark.parametrize("phi", ["relu", "sign", "step", "erf", "abs"])
def test_near_perfect_correlation(phi: str, gap: float, sign: int) -> None:
    """Two inputs at a small angle, built exactly: x = (1, 0), y = ±(1, gap)."""
    x, y = np.array([[1.0, 0.0]]), sign * np.array([[1.0, gap]])
    found = MLPKernel(phi, 2, 2.0, 0.0)(x, y)[0, 0]
    with mp.workdps(40):
        k11, k12, k22 = mp.mpf(1), mp.mpf(sign), 1 + mp.mpf(gap) ** 2
        for _ in range(2):
            rho = k12 / mp.sqrt(k11 * k22)
            s = mp.sqrt(k11 * k22)
            near = mp.sqrt(1 - rho**2)
            match phi:
                case "relu":
                    new = s * (near + rho * (mp.pi / 2 + mp.asin(rho))) / (2 * mp.pi)
                    ends = k11 / 2, k22 / 2
                case "abs":
                    new, ends = 2 / mp.pi * s * (near + rho * mp.asin(rho)), (k11, k22)
                case "sign":
                    new, ends = 2 / mp.pi * mp.asin(rho), (mp.mpf(1), mp.mpf(1))
                case "step":
                    new, ends = mp.mpf(1) / 4 + mp.asin(rho) / (2 * mp.pi), (mp.mpf(1) / 2, mp.mpf(1) / 2)
                case _:
                    new = 2 / mp.pi * mp.asin(2 * k12 / mp.sqrt((1 + 2 * k11) * (1 + 2 * k22)))
                    ends = tuple(2 / mp.pi * mp.asin(2 * k / (1 + 2 * k)) for k in (k11, k22))
            (k11, k22), k12 = (2 * e for e in ends), 2 * new
    # the first layer's weights have variance 2/d = 1, so K(1) = x·y, as above
    assert abs(found - float(k12)) < 4e-15 * float(mp.sqrt(k11 * k22))


@pytest.mark.parametrize("phi", ["relu", "erf", "gelu", "tanh", "sign", "step", "clip(x, -1, 1)"])
def test_duplicates_and_diagonals(phi: str) -> None:
    x = np.random.default_rng(1).standard_normal((150 if "clip" not in phi else 6, 5))
    k = MLPKernel(phi, 2, 1.8, 0.1, block=64)
    K = k(x)
    assert (K == K.T).all()
    assert (np.diag(K) == k.diag(x)).all()
    np.testing.assert_allclose(k(x, x.copy()), K, rtol=0, atol=1e-10 * K.max())
    assert np.linalg.eigvalsh(K).min() > -1e-9 * K.max()


def test_zero_vectors() -> None:
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    for phi in ("relu", "erf", "gelu", "tanh", "sign"):
        K = MLPKernel(phi, 2, 2.0, 0.0)(x)
        assert (K[0] == 0).all()
        assert K[1, 1] > 0
    # step(0) = 1/2 for a zero input: E step(0)² = 1/4, E step(0) step(Z) = 1/4
    np.testing.assert_allclose(MLPKernel("step", 1, 1.0, 0.0)(x), [[0.25, 0.25], [0.25, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(MLPKernel("cos", 1, 1.0, 0.0)(x)[0], [1.0, np.exp(-1.25)], rtol=1e-15)
    # sigmoid(0) = 1/2 is a constant, and E sigmoid = 1/2
    np.testing.assert_allclose(MLPKernel("sigmoid", 1, 1.0, 0.0)(x)[0], [0.25, 0.25], rtol=1e-10)


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_missing_values_are_refused() -> None:
    with pytest.raises(TensorProgError, match="not a finite number"):
        MLPKernel()([[1.0, float("nan")]])


def test_divergent_moments_are_refused() -> None:
    with pytest.raises(TensorProgError) as caught:
        MLPKernel("exp(x^2/2)", 1, 1.0, 0.0)([[3.0, 1.0], [1.0, 3.0]])
    assert "TP501" in str(caught.value)


WRONG: list[dict[str, Any]] = [
    {"activation": "rleu"},
    {"activation": "x*y"},
    {"weights": "xavier"},
    {"weights": float("nan")},
    {"bias": -1.0},
    {"depth": -1},
    {"block": 0},
    {"tolerance": 0.0},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TensorProgError)):
        MLPKernel(**wrong)([[1.0, 2.0]])


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="columns"):
        MLPKernel()([[1.0, 2.0]], [[1.0]])
    with pytest.raises(ValueError, match="rows of a matrix"):
        MLPKernel()([1.0, 2.0])


# -- blocks, threads, files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phi", ["relu", "tanh", "sign"])
def test_blocks_and_threads_change_nothing(phi: str) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((70, 6)), rng.standard_normal((41, 6))
    whole = MLPKernel(phi, 2, 2.0, 0.1, block=1000, threads=1)(x, y)
    parts = MLPKernel(phi, 2, 2.0, 0.1, block=16, threads=3)(x, y)
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-12)


def test_memory_mapped_output(tmp_path: Path) -> None:
    x = np.random.default_rng(2).standard_normal((90, 6))
    k = MLPKernel("relu", 2, block=32)
    K = k(x, out=tmp_path / "K.npy")
    assert isinstance(K, np.memmap)
    K.flush()
    assert (np.load(tmp_path / "K.npy") == k(x)).all()
    buffer = np.empty((90, 90))
    assert k(x, out=buffer) is buffer
    with pytest.raises(ValueError, match="float64 of shape"):
        k(x, out=np.empty((90, 90), np.float32))


# -- scikit-learn ------------------------------------------------------------------------------------------------------


def test_scikit_learn_is_not_imported_before_it_is_asked_for() -> None:
    code = "import sys, tensorprog.nngp; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_gaussian_process_regressor() -> None:
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import WhiteKernel

    from tensorprog.nngp.scikit import LimitKernel

    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = np.sin(X[:, 0]) + X[:, 1]
    kernel = LimitKernel("erf", depth=2, weights=1.5, bias=0.1)
    assert clone(kernel) == kernel
    K, slopes = kernel(X, eval_gradient=True)
    assert slopes.shape == (40, 40, 2)
    up, down = (LimitKernel("erf", 2, 1.5 * np.exp(h), 0.1)(X) for h in (1e-5, -1e-5))
    np.testing.assert_allclose(slopes[:, :, 1], (up - down) / 2e-5, atol=1e-8)
    np.testing.assert_allclose(K, MLPKernel("erf", 2, 1.5, 0.1)(X))
    model = GaussianProcessRegressor(kernel + WhiteKernel(1e-2, "fixed"), alpha=0.0).fit(X[:30], y[:30])
    assert model.score(X[30:], y[30:]) > 0.9
    weights = np.linalg.solve(K[:30, :30] + 1e-3 * np.eye(30), y[:30])
    plain = GaussianProcessRegressor(kernel, alpha=1e-3, optimizer=None).fit(X[:30], y[:30])
    np.testing.assert_allclose(plain.predict(X[30:]), K[30:, :30] @ weights, rtol=1e-8)
    assert LimitKernel("relu")(X, eval_gradient=True)[1].shape == (40, 40, 1)


def test_support_vector_classifier() -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC

    X, y = load_iris(return_X_y=True)
    kernel: Any = MLPKernel("relu", 2)
    assert SVC(kernel=kernel).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9


def test_layers_of_their_own() -> None:
    """Variances and activations of each layer, against the program and against dense matrices of plain numpy."""
    x = np.random.default_rng(3).standard_normal((4, 5))
    kernel = MLPKernel(["relu", "erf", "abs(x)"], 3, weights=[1.5, "he", 0.5, 2], bias=[0.1, 0, 0.3, 0.2])
    found = kernel(x)
    gram = np.array2string(x @ x.T / 5 * 1.5 + 0.1, separator=", ", precision=17, floatmode="unique")
    program = loads(f"""
index i in 1..4
matrix K = {gram}
input h1[i] ~ N(0, K)
weight W2 ~ N(0, 2/n)
weight W3 ~ N(0, 0.5/n)
weight W4 ~ N(0, 2/n)
input b3 ~ N(0, 0.3)
input b4 ~ N(0, 0.2)
h2[i] = W2 @ relu(h1[i])
h3[i] = W3 @ erf(h2[i]) + b3
h4[i] = W4 @ abs(h3[i]) + b4
output h4
""")
    np.testing.assert_allclose(found, derive(program).matrix("h4"), rtol=1e-9)
    np.testing.assert_allclose(np.diag(found), kernel.diag(x), rtol=1e-12)
    assert kernel == MLPKernel(("relu", "erf", "abs(x)"), 3, weights=(1.5, "he", 0.5, 2), bias=(0.1, 0, 0.3, 0.2))
    alike = MLPKernel(["relu", "relu"], 2, weights=[2, 2, 2], bias=[0, 0, 0])
    np.testing.assert_array_equal(alike(x), MLPKernel("relu", 2)(x))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"activation": ["relu"], "depth": 2}, "activation has 1 entries"),
        ({"weights": [1, 2], "depth": 2}, "weights has 2 entries: with 2 hidden layers it is one for all, or 3"),
        ({"bias": [1], "depth": 1}, "bias has 1 entries"),
        ({"weights": [1, "best"], "depth": 1}, "he, lecun"),
        ({"weights": [1, -1], "depth": 1}, "not negative"),
        ({"bias": [0, float("nan")], "depth": 1}, "not negative"),
    ],
)
def test_wrong_lists_say_what_is_wrong(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MLPKernel(**options)
    with pytest.raises(ValueError, match="one activation"):
        MLPKernel(["sign", "relu"], 2)([[1.0]])
