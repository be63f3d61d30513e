"""Compiled kernels: the arc sine to two units in the last place, and kernels as by numpy, at the hard places."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from tensorprog.nngp import MLPKernel, fast


def hard(rng: np.random.Generator) -> np.ndarray:
    """Numbers in [-1, 1], many of them within 1e-16 to 0.1 of the ends, of 0, and of 1/2, where the form changes."""
    near = 10.0 ** rng.uniform(-17, -1, 400)
    x = np.concatenate([rng.uniform(-1, 1, 800), 1 - near, near, 0.5 + near, 0.5 - near, [0.0, 0.5, 1.0]])
    return np.concatenate([np.clip(x, 0, 1), -np.clip(x, 0, 1)])


def test_arc_sine() -> None:
    x = hard(np.random.default_rng(0))
    with mp.workdps(30):
        exact = np.array([float(mp.asin(mp.mpf(float(v)))) for v in x])
    found = np.array([fast._asin(v) for v in x])
    assert (np.abs(found - exact) <= 2.01 * np.spacing(np.abs(exact))).all()


def test_its_polynomial_is_the_chebyshev_approximation() -> None:
    with mp.workdps(40):
        for z in np.linspace(1e-6, 0.25, 200):
            s = mp.sqrt(mp.mpf(float(z)))
            exact = (mp.asin(s) - s) / (s * mp.mpf(float(z)))
            value = mp.polyval([mp.mpf(c) for c in fast.ARCSINE], mp.mpf(float(z)))
            assert abs(value - exact) < 4e-17  # 1.6e-17, and the rounding of the coefficients


@pytest.mark.parametrize("phi", ["relu", "abs", "leaky_relu(x, 0.3)", "erf", "gelu", "sin", "tanh"])
@pytest.mark.parametrize("branch", [None, 0.5])
def test_same_kernel_as_numpy(phi: str, branch: float | None) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 6))
    x[1], x[2], x[3] = x[0], -x[0], x[0] * (1 + 1e-9)  # correlations 1, -1, and 1 but for rounding
    x[4] = 0
    y = np.concatenate([x[:5], rng.standard_normal((7, 6)) * 1e3])
    for z in (None, y):
        plain, quick = (MLPKernel(phi, 3, 2.0, 0.1, branch=branch, engine=e)(x, z) for e in ("numpy", "fast"))
        scale = np.sqrt(np.outer(MLPKernel(phi, 3, 2.0, 0.1, branch=branch).diag(x),
                                 MLPKernel(phi, 3, 2.0, 0.1, branch=branch).diag(x if z is None else z)))  # fmt: skip
        assert np.isfinite(quick).all()
        # where two inputs nearly coincide the correlation's rounding is of the order of 1e-16, and its root 1e-8
        assert (np.abs(plain - quick) <= 4e-15 * scale).all()


def test_no_bias_and_zero_input() -> None:
    x = np.array([[0.0, 0.0], [1.0, 2.0]])
    for phi in ("relu", "erf", "gelu"):
        assert MLPKernel(phi, 2, 2.0, 0.0, engine="fast")(x)[0].tolist() == [0.0, 0.0]


def test_engines_are_named() -> None:
    with pytest.raises(ValueError, match="engines are"):
        MLPKernel("relu", engine="gpu")
