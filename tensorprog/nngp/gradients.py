"""The gradient of K(X, X) in the variances of weights and biases, and in length scales of the inputs.

With F(K11, K12, K22) = E φ(Z1) φ(Z2), the recursion K' = σ_w² F(K) + σ_b² is differentiated as it is:

    dK' = dσ_w² F + σ_w² (F_12 dK + F_11 dK11 + F_22 dK22) + dσ_b²

F_12 = E φ'(Z1) φ'(Z2) (Price 1958), written out for the activations with a closed form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tensorprog.nngp.duals import Array, Dual, Erf, Gelu, Identity, Leaky, Wave
from tensorprog.nngp.mlp import MLPKernel


def slopes(dual: Dual, k: Array) -> tuple[Array, Array, Array] | None:
    """F, ∂F/∂K12 and ∂F/∂K11 at a covariance matrix; None without a closed form. ∂F/∂K22 is the last transposed."""
    q = np.diag(k)
    a, b = np.broadcast_arrays(q[:, None], q)
    f, work = k.copy(), np.empty((2, *k.shape))
    made = dual.prepare(q)
    match dual:
        case Identity():
            first, second = np.ones_like(k), np.zeros_like(k)
        case Leaky(slope):
            # F = c K12 + e s (√(1-ρ²) + ρ asin ρ), s = √(K11 K22), whose slope in ρ is e s asin ρ
            s = np.sqrt(a * b)
            rho = np.clip(np.divide(k, s, out=np.zeros_like(k), where=s > 0), -1.0, 1.0)
            np.fill_diagonal(rho, np.where(q > 0, 1.0, 0.0))
            e = ((1 - slope) / 2) ** 2 * 2 / np.pi
            first = ((1 + slope) / 2) ** 2 + e * np.arcsin(rho)
            root = s * np.sqrt((1 - rho) * (1 + rho))
            second = np.divide(e * root, 2 * a, out=np.zeros_like(k), where=a > 0)
        case Erf():
            size = np.sqrt((1 + 2 * a) * (1 + 2 * b))
            t = 2 * k / size
            rest = 2 / np.pi / np.sqrt((1 - t) * (1 + t))
            first, second = 2 * rest / size, -rest * t / (1 + 2 * a)
        case Gelu():
            # 2π F = K12 (π/2 + asin t) + g r + p t²/r,  p = 1/√((1+K11)(1+K22)), t = p K12, g = p K11 K22, r = √(1-t²)
            p = 1 / np.sqrt((1 + a) * (1 + b))
            t, g = k * p, a * b * p
            r = np.sqrt((1 - t) * (1 + t))
            in_t = (k - g * t) / r + p * (2 * t / r + (t / r) ** 3)
            down = -1 / (2 * (1 + a))  # the logarithmic slope of p, and so of t, in K11
            first = (np.pi / 2 + np.arcsin(t) + p * in_t) / (2 * np.pi)
            second = (in_t * t * down + b * p * (1 + a * down) * r + p * down * t**2 / r) / (2 * np.pi)
        case Wave(odd):
            plus, minus = np.exp(k - (a + b) / 2) / 2, np.exp(-k - (a + b) / 2) / 2
            first = plus + minus if odd else plus - minus
            second = -(plus - minus if odd else plus + minus) / 2
        case _:
            return None
    dual.apply(f, made, made, work)
    np.fill_diagonal(f, dual.square(q, made))
    return f, first, second


def gradients(kernel: MLPKernel, x: Array, scales: Array) -> Iterator[tuple[str, int, Array]] | None:
    """dK(X/scales, X/scales)/dθ for θ a bias variance, a length scale, a weight variance: (name, which of them, dK).

    None where an activation has no closed form here. Not in logarithms.
    """
    if kernel.is_angular:
        return None
    if any(not isinstance(d, Identity | Leaky | Erf | Gelu | Wave) for d in kernel.duals):
        return None
    return _gradients(kernel, x / scales, scales)


def _gradients(kernel: MLPKernel, z: Array, scales: Array) -> Iterator[tuple[str, int, Array]]:
    w, b, branch = kernel.sigma_w2, kernel.sigma_b2, kernel.branch
    scale = 1.0 if branch is None else branch**2
    inner = z @ z.T / z.shape[1]
    k = w[0] * inner + (b[0] if branch is None else 0.0)
    layers = []
    for layer, dual in enumerate(kernel.duals, 1):
        found = slopes(dual, k)
        assert found is not None
        layers.append(found)
        new = scale * (w[layer] * found[0] + b[layer])
        k = new if branch is None else k + new

    def carried(d: Array, start: int) -> Array:
        """Return what a change of K(start + 1) becomes at the end."""
        for layer in range(start, len(layers)):
            _, first, second = layers[layer]
            v = np.diag(d)
            new = scale * w[layer + 1] * (first * d + second * v[:, None] + second.T * v)
            d = new if branch is None else d + new
        return d

    one = np.ones_like(inner)
    for at in range(len(b)):
        yield "bias", at, carried(scale * one if at else one * (branch is None), at)
    for at, length in enumerate(scales):
        yield "length_scale", at, carried(-2 * w[0] / length * np.outer(z[:, at], z[:, at]) / z.shape[1], 0)
    for at in range(len(w)):
        yield "weights", at, carried(scale * layers[at - 1][0] if at else inner, at)


def logarithmic(
    found: Iterator[tuple[str, int, Array]], asked: Sequence[tuple[str, Array]], shape: tuple[int, int]
) -> Array:
    """The gradient in the logarithms of hyperparameters, one number for all layers or inputs, or one for each."""
    out = {name: np.zeros((*shape, len(values))) for name, values in asked}
    sizes = dict(asked)
    for name, at, d in found:
        if name in out:
            k = at if len(sizes[name]) > 1 else 0
            out[name][..., k] += sizes[name][k] * d
    return np.concatenate([out[name] for name, _ in asked], axis=-1) if asked else np.empty((*shape, 0))
