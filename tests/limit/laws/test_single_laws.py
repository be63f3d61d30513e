"""Laws of single variables whose numbers need no average: scores, constants, and what only quadrature knows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import tensorprog as tp
from tensorprog.errors import TensorProgError

SCORE = """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight A, B ~ N(0, 2/n)
p[i,j] = dot(A @ u[i], B @ u[j]) / sqrt(n)
v = mean(u[1]^2)
y[i] = sum(softmax(p[i,j] over j) * u[j] for j)
output y, p, v"""
BATCHNORM = """
index b, c in 1..3
matrix G = [[1, 0.4, 0.4], [0.4, 1, 0.4], [0.4, 0.4, 1]]
input u[b] ~ N(0, G)
weight V ~ N(0, 1/n)
m = sum(u[c] for c) / 3
s = sum((u[c] - m)^2 for c) / 3
y[b] = V @ tanh((u[b] - m) / sqrt(s + 0.1))
output y"""


def test_a_score_is_a_plain_gaussian() -> None:
    law = tp.derive(tp.loads(SCORE)).law("p[1,2]")
    at = np.array([-3.0, 0.3, 1.0])
    normal = stats.norm(scale=2.0)
    for found, exact in ((law.density(at), normal.pdf(at)), (law.cdf(at), normal.cdf(at)),
                         (law.quantile([0.1, 0.7]), normal.ppf([0.1, 0.7]))):  # fmt: skip
        assert np.all(np.abs(found.value - exact) <= found.error + 1e-14)
        assert np.all(found.error < 1e-10)


def test_a_constant_has_quantiles_and_no_density() -> None:
    law = tp.derive(tp.loads(SCORE)).law("v")
    assert law.kind == "deterministic"
    assert law.quantile([0.1, 0.9]).value.tolist() == [1.0, 1.0]
    assert law.cdf([0.99, 1.0, 1.01]).value.tolist() == [0.0, 1.0, 1.0]
    with pytest.raises(TensorProgError, match="no density"):
        law.density([1.0])
    with pytest.raises(TensorProgError, match="between 0 and 1"):
        law.quantile([1.5])


def test_a_law_has_the_variance_that_the_covariance_has() -> None:
    """No rule of the exact formulas knows a bounded quotient; the number comes from the other calculus."""
    limit = tp.derive(tp.loads(BATCHNORM))
    law, var = limit.law("y[1]"), limit.var("y[1]")
    assert abs(law.variance.value[0] - float(var)) <= law.variance.error[0] + var.error
    draws = tp.simulate(tp.loads(BATCHNORM), n=512, samples=2000, rng=1, coordinates=32)["y"][:, 0]
    squares = (draws**2).mean(axis=1)
    assert abs(squares.mean() - law.variance.value[0]) < 5 * squares.std() / 2000**0.5 + 5 / 512
    assert "nan" not in repr(law)


def test_a_sum_of_functions_of_a_family_made_by_several_instructions() -> None:
    """relu(h[i]) under a sum, h defined in pieces: the sum is cut where the instruction changes."""
    text = """
index i in 1..4
input u[i] ~ N(0, 0.5^abs(i - i'))
weight F, G, V ~ N(0, 1/n)
h[1] = F @ u[1]
for k in 2..4:
    h[k] = F @ u[k] + G @ u[k-1]
y = V @ sum(relu(h[i]) for i)
output y, h"""
    limit = tp.derive(tp.loads(text))
    k = limit.matrix("h")
    d = np.sqrt(np.diag(k))
    rho = np.clip(k / np.outer(d, d), -1, 1)
    relu = np.outer(d, d) * (np.sqrt(1 - rho**2) + rho * (np.pi / 2 + np.arcsin(rho))) / (2 * np.pi)
    assert abs(float(limit.var("y")) - relu.sum()) < 1e-12


def test_what_only_a_sample_gives_says_so_and_is_near_the_truth() -> None:
    """A jump in one variable and four variables at once: no rule settles, and what is left is a sample."""
    text = """
index i in 1..2
matrix K = [[1, 1/2], [1/2, 1]]
input x[i] ~ N(0, K)
input u[i] ~ N(0, 1)
weight V ~ N(0, 1/n)
y[i] = V @ where(Phi(u[i]) < 4/5, erf(x[i]), 0)
output y"""
    found = tp.derive(tp.loads(text)).cov("y[1]", "y[2]")
    exact = 0.8**2 * 2 / np.pi * np.arcsin(1 / 3)
    assert found.value is not None
    assert found.error is not None
    assert (found.method, found.error_kind) == ("sampling", "sampling")
    assert found.formula is None
    assert abs(found.value - exact) <= found.error <= 2e-3 * exact


def test_errors_of_a_constant_hold_the_error_of_its_mean() -> None:
    text = "input (u, w) ~ N([0, 0], [[1, 0.4], [0.4, 1]])\nv = mean(softsign(u)*tanh(w)*u*w)\noutput v"
    law = tp.derive(tp.loads(text)).law("v")
    off = law.mean.error[0]
    assert off > 0
    assert law.quantile([0.3]).error[0] >= off
    assert law.quantile([0.3]).method == law.mean.method
    assert law.cdf([law.mean.value[0]]).error[0] >= 1.0  # on which side of the mean a point this near lies is not known


def test_a_quantile_of_a_constant_is_no_better_known_than_its_mean() -> None:
    """The mean is 0 by symmetry, found by quadrature; a quantile of it must not be searched for without end."""
    text = "input (u, w) ~ N([0, 0], [[1, 0.4], [0.4, 1]])\nv = mean(exp(sin(u)*w)*tanh(u+w))\noutput v"
    law = tp.derive(tp.loads(text)).law("v")
    assert abs(law.mean.value[0]) <= law.mean.error[0] <= 1e-9
    assert law.quantile([0.3]).error[0] >= law.mean.error[0] > 0
