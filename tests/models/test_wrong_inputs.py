"""Data for a Gram matrix, wrong shapes and names that are no activations are said at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorprog as tp
from tensorprog import models
from tensorprog.nngp import MLPKernel

DATA = np.random.default_rng(0).standard_normal((5, 3))
PROGRAM = "index i in 1..2\nmatrix K = {}\ninput u[i] ~ N(0, K)\noutput u"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: models.mlp(DATA), "a Gram matrix of 5 inputs has 5 columns, and this has 3"),
        (lambda: models.attention(DATA), "X @ X.T / X.shape[1]"),
        (lambda: models.mlp([[1, 0], [0]]), "has 2 columns, and this has 1"),
        (lambda: models.mlp(np.ones(3)), "has 3 columns, and this has 0"),
        (lambda: models.mlp(2, activation="reluu"), "did you mean relu?"),
        (lambda: models.mlp(2, activation="hardswish"), "`x*clip(x/6 + 1/2, 0, 1)`"),
        (lambda: models.mlp(2, activation="layernorm"), "no function 'layernorm'"),
        (lambda: MLPKernel(activation="reluu"), "did you mean relu?"),
        (lambda: MLPKernel(activation=("relu", "clamp"), depth=2), "here it is called clip"),
        (lambda: MLPKernel()(DATA[0]), "the rows of a matrix"),
        (lambda: MLPKernel()(DATA, DATA[:, :2]), "X has 3 columns and Y 2"),
        (lambda: tp.expect("relu(a)*relu(b)", DATA), "the covariance is 5 x 3, and is to be 2 x 2"),
        (lambda: tp.loads(PROGRAM.format("[[1, 2, 3], [1, 2, 3]]")), "K is 2 x 3, and the covariance of 2 members is"),
        (lambda: tp.loads(PROGRAM.format("[[1]]")), "the covariance of 2 members is 2 x 2"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_said_at_once(call: Callable[[], Any], said: str) -> None:
    with pytest.raises((ValueError, tp.TensorProgError)) as found:
        call()
    assert said in str(found.value)


def test_names_that_exist_elsewhere_are_activations() -> None:
    for name in ("swish", "relu6", "erfc", "logsigmoid", "identity", "sgn"):
        assert tp.check(models.mlp(2, activation=name)).verdict == "valid"
    np.testing.assert_allclose(MLPKernel(activation="swish")(DATA), MLPKernel(activation="silu")(DATA), rtol=1e-12)
