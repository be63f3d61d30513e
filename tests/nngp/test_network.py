"""Kernels of networks on data: against the limits of programs one pair at a time, at the hard places, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog import models
from tensorprog.errors import TensorProgError
from tensorprog.limit.derive import derive
from tensorprog.nngp import MLPKernel, NetworkKernel

ERF_GATE = "(1 + erf(x))/2"
NETWORKS: dict[str, NetworkKernel] = {
    "perceptron": NetworkKernel(lambda g: models.mlp(g, 2, bias=0.1), of=("h[3,1]", "h[3,2]")),
    "tanh": NetworkKernel(lambda g: models.residual_mlp(g, 2, "tanh"), of=("r[2,1]", "r[2,2]")),
    "recurrent": NetworkKernel(lambda g: models.rnn(g, [3, 3], bias=0.1), 3, ("y[3]", "y[6]")),
    "gru": NetworkKernel(lambda g: models.gru(g, [2, 2], ERF_GATE, "erf"), 2, ("y[2]", "y[4]")),
    "convolution": NetworkKernel(lambda g: models.convolution(g, (2, 3), depth=2, bias=0.1), 6),
    "pooled": NetworkKernel(lambda g: models.convolution(g, (4,), pool=2, head="average"), 4),
    "layer normalisation": NetworkKernel(models.layernorm_mlp, of=("h[2,1]", "h[2,2]")),
    "graph": NetworkKernel(lambda g: models.graph_convolution(g, [(1, 2), (3, 4)]), 2,
                           ("h[2,1] + h[2,2]", "h[2,3] + h[2,4]")),
    "attention": NetworkKernel(
        lambda g: models.attention(g, 2, scaling="1/n", activation="relu", sequences=2, causal=True), 3,
        ("y[1,3]", "y[2,3]")),
    "transformer": NetworkKernel(lambda g: models.transformer(g, 1, 2, scaling="1/n", sequences=2), 2,
                                 ("x_f1[1,2]", "x_f1[2,2]")),
}  # fmt: skip


def one_by_one(k: NetworkKernel, x: Any, y: Any) -> float:
    tokens = np.concatenate([x, y])
    limit = derive(k.build((tokens @ tokens.T / tokens.shape[1]).tolist()))
    one, two = k.of or [limit.lookup.members(o.ref, 2)[i] for o in limit.engine.program.outputs for i in (0, 1)]
    return float(limit.engine.arrays.total(limit.engine.covariance_sum(limit.term(one), limit.term(two))).data)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_pair_is_the_limit_of_the_program(name: str) -> None:
    k = NETWORKS[name]
    x = np.random.default_rng(1).standard_normal((3, k.tokens, 4))
    found = k(x)
    assert found[0, 1] == pytest.approx(one_by_one(k, x[0], x[1]), rel=1e-11, abs=1e-13)
    assert found[2, 1] == pytest.approx(one_by_one(k, x[2], x[1]), rel=1e-11, abs=1e-13)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), k.diag(x))
    np.testing.assert_allclose(k(x[:2], x), found[:2], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(k(x.reshape(3, -1)), found)
    assert np.linalg.eigvalsh(found)[0] > -1e-12


def test_blocks_and_threads_change_nothing_and_files_are_written(tmp_path: Path) -> None:
    build = NETWORKS["recurrent"].build
    x = np.random.default_rng(2).standard_normal((40, 3, 4))
    whole = NetworkKernel(build, 3, ("y[3]", "y[6]"), threads=1)(x)
    parts = NetworkKernel(build, 3, ("y[3]", "y[6]"), block=7, threads=3)
    np.testing.assert_allclose(parts(x), whole, rtol=1e-13, atol=1e-15)
    parts(x, out=tmp_path / "K.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "K.npy", mmap_mode="r"), parts(x))


def test_a_perceptron_is_that_of_the_perceptrons() -> None:
    x = np.random.default_rng(3).standard_normal((60, 5))
    k = NetworkKernel(lambda g: models.mlp(g, 3, "gelu", 1.5, 0.2), of=("h[4,1]", "h[4,2]"))
    np.testing.assert_allclose(k(x), MLPKernel("gelu", 3, 1.5, 0.2)(x), rtol=1e-12)


def test_zeros_copies_multiples_and_opposites() -> None:
    x = np.random.default_rng(4).standard_normal((5, 6))
    x[1], x[2], x[3] = x[0], 0, -x[0]
    found = NetworkKernel(lambda g: models.convolution(g, (6,), depth=2, activation="erf"), 6)(x)
    assert found[0, 1] == pytest.approx(found[0, 0], rel=1e-13)
    assert found[0, 3] == pytest.approx(-found[0, 0], rel=1e-13)  # erf is odd
    assert not found[2].any()


@pytest.mark.parametrize(
    ("k", "error", "said"),
    [
        (NetworkKernel(lambda g: models.mlp(g, 1, "sign"), of=("h[2,1]", "h[2,2]")), TensorProgError, "continuous"),
        (NetworkKernel(lambda g: models.mlp(g, 1, "exp(x^2)"), of=("h[2,1]", "h[2,2]")), TensorProgError, "invalid"),
        (NetworkKernel(lambda g: models.attention(g, sequences=2), 2, ("y[1,1]", "y[2,1]")), TensorProgError, "TP"),
        (NetworkKernel(lambda g: models.rnn(g, [2, 2]), 2), ValueError, "say with `of`"),
        (NetworkKernel(lambda g: models.mlp(g, 1), of=("h[1,1]", "2*h[1,2]")), ValueError, "same network"),
        (NetworkKernel(lambda g: models.mlp(3, 1), of=("h[1,1]", "h[1,2]")), ValueError, "no 2 x 2 matrix K"),
        (NetworkKernel(lambda g: models.mlp(2 * np.array(g), 1)), ValueError, "scale the data"),
        (NetworkKernel(lambda g: models.mlp(g, 1, bias=str(g[0][0]))), ValueError, "by more than K"),
        (NetworkKernel(lambda g: models.mlp(g, 1), of=("h[1,1]", "h[1,9]")), TensorProgError, "TP006"),
    ],
)  # fmt: skip
def test_what_has_no_kernel_is_refused(k: NetworkKernel, error: Any, said: str) -> None:
    with pytest.raises(error) as raised:
        k(np.ones((2, k.tokens * 2)))
    assert said in str(raised.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_data_that_is_not_finite(bad: float) -> None:
    with pytest.raises(TensorProgError, match="TP008"):
        NETWORKS["recurrent"](np.full((2, 3, 2), bad))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="3 tokens"):
        NETWORKS["recurrent"](np.ones((2, 4)))
    with pytest.raises(ValueError, match="entries"):
        NETWORKS["recurrent"](np.ones((2, 3)), np.ones((2, 6)))
