"""Limit kernels as kernel objects of scikit-learn, for GaussianProcessRegressor and sums and products of kernels.

This module imports scikit-learn, and is loaded only when asked for: `from tensorprog.nngp.scikit import LimitKernel`
(`SVC(kernel=k)`, `KernelRidge` with precomputed matrices and the like take an MLPKernel k as it is.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from tensorprog.nngp.duals import Array
from tensorprog.nngp.mlp import MLPKernel

STEP = 1e-3


class LimitKernel(Kernel):  # type: ignore[misc, unused-ignore]
    """MLPKernel for scikit-learn; the variances of weights and biases are its hyperparameters, as logarithms.

    Gradients are central differences of fourth order, (8 (K(θ+h) - K(θ-h)) - K(θ+2h) + K(θ-2h))/12h, h = STEP. A bias
    of 0 stays 0, and bounds given as "fixed" keep a variance as it is.

    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> X, y = [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], [0.0, 1.0, 4.0]
    >>> model = GaussianProcessRegressor(LimitKernel("relu", bias=0.1), alpha=1e-6, optimizer=None).fit(X, y)
    >>> abs(model.predict([[1.0, 1.0]])[0] - 1) < 1e-3
    np.True_
    """

    def __init__(
        self,
        activation: str = "relu",
        depth: int = 1,
        weights: float = 2.0,
        bias: float = 0.0,
        branch: float | None = None,
        weights_bounds: Any = (1e-2, 1e2),
        bias_bounds: Any = (1e-4, 1e2),
    ) -> None:
        self.activation = activation
        self.depth = depth
        self.weights = weights
        self.bias = bias
        self.branch = branch
        self.weights_bounds = weights_bounds
        self.bias_bounds = bias_bounds

    @property
    def hyperparameter_weights(self) -> Hyperparameter:
        """σ_w²."""
        return Hyperparameter("weights", "numeric", self.weights_bounds)

    @property
    def hyperparameter_bias(self) -> Hyperparameter:
        """σ_b², fixed where it is 0."""
        return Hyperparameter("bias", "numeric", self.bias_bounds if self.bias > 0 else "fixed")

    @property
    def kernel(self) -> MLPKernel:
        """The kernel function at the present hyperparameters."""
        return MLPKernel(self.activation, self.depth, float(self.weights), float(self.bias), self.branch)

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """K(X, Y), with its gradient in the logarithms of the hyperparameters if asked for (Y None)."""
        K = self.kernel(X, Y)
        if not eval_gradient:
            return K
        if Y is not None:
            raise ValueError("the gradient is that of K(X, X)")
        return K, np.stack([*self._slopes(X), np.zeros_like(K)][: max(1, self.n_dims)], axis=-1)[..., : self.n_dims]

    def _slopes(self, X: Any) -> list[Array]:
        out = []
        for k in range(self.n_dims):
            moved = []
            for step in (-2, -1, 1, 2):
                theta = self.theta.copy()
                theta[k] += step * STEP
                moved.append(self.clone_with_theta(theta).kernel(X))
            out.append((8 * (moved[2] - moved[1]) - (moved[3] - moved[0])) / (12 * STEP))
        return out

    def diag(self, X: Any) -> Array:
        """K(x, x) for each input."""
        return self.kernel.diag(X)

    def is_stationary(self) -> bool:
        """It depends on the inputs' lengths and angles, not on their difference."""
        return False

    def __repr__(self) -> str:
        return f"LimitKernel({self.activation!r}, depth={self.depth}, weights={self.weights:.3g}, bias={self.bias:.3g})"


class KernelOf(Kernel):  # type: ignore[misc, unused-ignore]
    """A kernel function on data, such as a NetworkKernel, for scikit-learn; it has no hyperparameters.

    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> from tensorprog import models
    >>> from tensorprog.nngp import NetworkKernel
    >>> k = NetworkKernel(lambda gram: models.convolution(gram, (3,)), tokens=3)
    >>> X, y = [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [2.0, 1.0, 0.0]], [0.0, 1.0, 4.0]
    >>> model = GaussianProcessRegressor(KernelOf(k), alpha=1e-6).fit(X, y)
    >>> abs(model.predict([[1.0, 1.0, 1.0]])[0] - 1) < 1e-3
    np.True_
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """K(X, Y), with an empty gradient if asked for."""
        K = self.function(X, Y)
        return (K, np.empty((*K.shape, 0))) if eval_gradient else K

    def diag(self, X: Any) -> Array:
        """K(x, x) for each input."""
        found: Array = self.function.diag(X)
        return found

    def is_stationary(self) -> bool:
        """It depends on the inputs' lengths and angles, not on their difference."""
        return False
