"""Limit kernels as kernel objects of scikit-learn, for GaussianProcessRegressor and sums and products of kernels.

This module imports scikit-learn, and is loaded only when asked for: `from tensorprog.nngp.scikit import LimitKernel`
(`SVC(kernel=k)`, `KernelRidge` with precomputed matrices and the like take an MLPKernel k as it is.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from tensorprog.nngp.duals import Array
from tensorprog.nngp.gradients import gradients, logarithmic
from tensorprog.nngp.mlp import MLPKernel

STEP = 1e-3


class LimitKernel(Kernel):  # type: ignore[misc, unused-ignore]
    """MLPKernel for scikit-learn; variances of weights and biases, and length scales, are its hyperparameters.

    They are fitted as logarithms. A list has one for each layer (of a length scale: one for each column of the data,
    which is divided by it). A bias of 0 stays 0, no length scale is 1, and bounds given as "fixed" keep what they are.
    Gradients are exact for identity, relu, leaky relu, abs, erf, gelu, sin and cos; for other activations they are
    central differences of fourth order, (8 (K(θ+h) - K(θ-h)) - K(θ+2h) + K(θ-2h))/12h, h = STEP.

    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> X, y = [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], [0.0, 1.0, 4.0]
    >>> model = GaussianProcessRegressor(LimitKernel("relu", bias=0.1), alpha=1e-6, optimizer=None).fit(X, y)
    >>> abs(model.predict([[1.0, 1.0]])[0] - 1) < 1e-3
    np.True_
    """

    def __init__(
        self,
        activation: Any = "relu",
        depth: int = 1,
        weights: Any = 2.0,
        bias: Any = 0.0,
        branch: float | None = None,
        weights_bounds: Any = (1e-2, 1e2),
        bias_bounds: Any = (1e-4, 1e2),
        length_scale: Any = None,
        length_scale_bounds: Any = (1e-3, 1e3),
    ) -> None:
        self.activation = activation
        self.depth = depth
        self.weights = weights
        self.bias = bias
        self.branch = branch
        self.weights_bounds = weights_bounds
        self.bias_bounds = bias_bounds
        self.length_scale = length_scale
        self.length_scale_bounds = length_scale_bounds

    @property
    def hyperparameter_weights(self) -> Hyperparameter:
        """σ_w²."""
        return self._hyperparameter("weights")

    @property
    def hyperparameter_bias(self) -> Hyperparameter:
        """σ_b², fixed where one is 0."""
        return self._hyperparameter("bias", fixed=not np.all(np.asarray(self.bias, dtype=float) > 0))

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """What the columns of the data are divided by, fixed where none is given."""
        return self._hyperparameter("length_scale", fixed=self.length_scale is None)

    def _hyperparameter(self, name: str, fixed: bool = False) -> Hyperparameter:
        bounds = "fixed" if fixed else getattr(self, f"{name}_bounds")
        return Hyperparameter(name, "numeric", bounds, 1 if fixed else max(1, np.size(getattr(self, name))))

    @property
    def kernel(self) -> MLPKernel:
        """The kernel function at the present hyperparameters, of data that is divided by the length scales."""
        weights, bias = (float(v) if np.ndim(v) == 0 else v for v in (self.weights, self.bias))
        return MLPKernel(self.activation, self.depth, weights, bias, self.branch)

    def _scaled(self, X: Any) -> Array:
        x = np.asarray(X, dtype=float)
        scale = self._scales(x)
        return x if self.length_scale is None else x / scale

    def _scales(self, x: Array) -> Array:
        given = np.asarray(1.0 if self.length_scale is None else self.length_scale, dtype=float)
        if given.ndim and (x.ndim != 2 or given.shape != x.shape[1:]):
            raise ValueError(f"there are {given.size} length scales for data of shape {x.shape}: one for each column")
        if not (np.isfinite(given).all() and (given > 0).all()):
            raise ValueError("length scales are positive")
        return np.broadcast_to(given, x.shape[1:])

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """K(X, Y), with its gradient in the logarithms of the hyperparameters if asked for (Y None)."""
        x = self._scaled(X)
        K = self.kernel(x) if Y is None or Y is X else self.kernel(x, self._scaled(Y))
        if not eval_gradient:
            return K
        if Y is not None:
            raise ValueError("the gradient is that of K(X, X)")
        raw = np.asarray(X, dtype=float)
        found = gradients(self.kernel, raw, self._scales(raw))
        if found is not None:
            asked = [(h.name, np.atleast_1d(np.asarray(getattr(self, h.name), dtype=float)))
                     for h in self.hyperparameters if not h.fixed]  # fmt: skip
            return K, logarithmic(found, asked, K.shape)
        return K, np.stack([*self._differences(X), np.zeros_like(K)], axis=-1)[..., : self.n_dims]

    def _differences(self, X: Any) -> list[Array]:
        out = []
        for k in range(self.n_dims):
            moved = []
            for step in (-2, -1, 1, 2):
                theta = self.theta.copy()
                theta[k] += step * STEP
                moved.append(self.clone_with_theta(theta)(X))
            out.append((8 * (moved[2] - moved[1]) - (moved[3] - moved[0])) / (12 * STEP))
        return out

    def diag(self, X: Any) -> Array:
        """K(x, x) for each input."""
        return self.kernel.diag(self._scaled(X))

    def is_stationary(self) -> bool:
        """It depends on the inputs' lengths and angles, not on their difference."""
        return False

    def __repr__(self) -> str:
        given = {"weights": self.weights, "bias": self.bias, "length_scale": self.length_scale}
        shown = (f"{k}={np.array2string(np.asarray(v), precision=3)}" for k, v in given.items() if v is not None)
        return f"LimitKernel({self.activation!r}, depth={self.depth}, {', '.join(shown)})"


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
