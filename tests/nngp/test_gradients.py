"""Gradients for scikit-learn against central differences of the kernel, and against what the optimiser finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.gaussian_process import GaussianProcessRegressor

from tensorprog.nngp.scikit import LimitKernel

X = np.random.default_rng(5).standard_normal((12, 3))
H = 1e-5


def differences(kernel: LimitKernel) -> Any:
    columns = []
    for k in range(kernel.n_dims):
        up, down = (kernel.theta.copy() for _ in range(2))
        up[k] += H
        down[k] -= H
        columns.append((kernel.clone_with_theta(up)(X) - kernel.clone_with_theta(down)(X)) / (2 * H))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu(x, 0.2)", "abs", "erf", "gelu", "sin", "cos", "x", "tanh"])
@pytest.mark.parametrize("branch", [None, 0.7])
def test_gradients_are_the_differences(activation: str, branch: float | None) -> None:
    kernel = LimitKernel(
        activation, 2, [1.3, 0.8, 1.1], [0.2, 0.1, 0.4], branch, length_scale=[0.5, 2.0, 1.0]
    )  # 3 biases, 3 length scales, 3 weights
    slopes = kernel(X, eval_gradient=True)[1]
    assert slopes.shape == (12, 12, 9)
    np.testing.assert_allclose(slopes, differences(kernel), atol=2e-8)


def test_one_number_for_all_layers_and_inputs() -> None:
    kernel = LimitKernel("erf", 3, 1.4, 0.2, length_scale=0.7)
    np.testing.assert_allclose(kernel(X, eval_gradient=True)[1], differences(kernel), atol=2e-8)
    assert LimitKernel("sign", 2, 1.4, 0.2)(X, eval_gradient=True)[1].shape == (12, 12, 2)


def test_a_zero_vector_and_the_same_input_twice() -> None:
    data = np.vstack([X, X[:1], np.zeros((1, 3))])
    for bias in (0.0, 0.3):
        slopes = LimitKernel("relu", 2, 1.5, bias, length_scale=[1.0, 2.0, 3.0])(data, eval_gradient=True)[1]
        assert np.isfinite(slopes).all()
        np.testing.assert_allclose(slopes[0, 0], slopes[0, 12], atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # a column of no use has no best scale
def test_length_scales_say_which_column_matters() -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((60, 3))
    y = np.sin(2 * data[:, 1])
    kernel = LimitKernel("erf", 1, 1.5, 0.3, length_scale=[1.0, 1.0, 1.0])
    model = GaussianProcessRegressor(kernel, alpha=1e-4).fit(data, y)
    found = model.kernel_.length_scale
    assert min(found[0], found[2]) > 5 * found[1]
    numeric = [
        (model.log_marginal_likelihood(kernel.theta + step) - model.log_marginal_likelihood(kernel.theta - step)) / 2e-5
        for step in 1e-5 * np.eye(kernel.n_dims)
    ]
    gradient = model.log_marginal_likelihood(kernel.theta, eval_gradient=True)[1]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("length_scale", [[1.0, 2.0], [1.0, 0.0, 1.0], [1.0, -1.0, 1.0], np.nan])
def test_length_scales_that_do_not_fit(length_scale: Any) -> None:
    with pytest.raises(ValueError, match="length scales"):
        LimitKernel("relu", length_scale=length_scale)(X)
