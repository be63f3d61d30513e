"""elu against one integral in mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tensorprog.nngp import MLPKernel


def expected(k11: float, k12: float, k22: float) -> float:
    """E elu(Z1) E[elu(Z2) | Z1]: the inner mean by hand, the outer by quadrature."""
    with mpmath.workdps(25):
        r, s = mpmath.sqrt(k11), mpmath.sqrt(k22 - mpmath.mpf(k12) ** 2 / k11)

        def integrand(x: mpmath.mpf) -> mpmath.mpf:
            m = k12 * x / k11
            inner = m * mpmath.ncdf(m / s) + s * mpmath.npdf(m / s) - mpmath.ncdf(-m / s)
            inner += mpmath.exp(m + s * s / 2) * mpmath.ncdf(-(m + s * s) / s)
            return (x if x > 0 else mpmath.expm1(x)) * inner * mpmath.npdf(x / r) / r

        inside = [-20] if r > 20 else []
        return float(mpmath.quad(integrand, [-14 * r, -4 * r, -r, *inside, 0, r, 4 * r, 14 * r]))


@pytest.mark.long
@pytest.mark.parametrize("size", [1.0])
def test_elu_against_an_integral(size: float) -> None:
    X = size * np.random.default_rng(0).standard_normal((20, 5))
    K = MLPKernel("elu", 1, weights=[2.0, 1.0])(X)
    q = 2 * X @ X.T / 5
    for i, j in ((0, 1), (5, 9)):
        assert abs(K[i, j] - expected(q[i, i], q[i, j], q[j, j])) <= 1e-11 * np.sqrt(K[i, i] * K[j, j])
