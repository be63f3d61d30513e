"""The rules of the limit, one by one, against values found by hand, by mpmath quadrature, or by numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from scipy.stats import norm

from tensorprog import TensorProgError, loads
from tensorprog.errors import DivergentError
from tensorprog.limit.derive import Limit, derive


def limit(text: str, **values: float) -> Limit:
    return derive(loads(text), values)


PAIR = """
index i in 1..3
matrix K = [[2, 0.6, -0.5], [0.6, 1, 0.3], [-0.5, 0.3, 1.5]]
input u[i] ~ N(0, K)
"""


def gauss_hermite(f: Callable[..., Any], k11: float, k12: float, k22: float) -> float:
    """E f(z1, z2) for smooth f."""
    x, w = np.polynomial.hermite_e.hermegauss(120)
    w = w / w.sum()
    l21 = k12 / math.sqrt(k11)
    l22 = math.sqrt(k22 - l21 * l21)
    s, t = np.meshgrid(x, x, indexing="ij")
    return float(np.sum(np.outer(w, w) * f(math.sqrt(k11) * s, l21 * s + l22 * t)))


def relu_mean(m: float, variance: float) -> float:
    """E relu(Z), Z ~ N(m, variance)."""
    s = math.sqrt(variance)
    return float(m * norm.cdf(m / s) + s * norm.pdf(m / s))


def relu_pair(k11: float, k12: float, k22: float) -> float:
    """E relu(Z1) relu(Z2): the arc-cosine kernel of Cho and Saul."""
    angle = math.acos(k12 / math.sqrt(k11 * k22))
    return math.sqrt(k11 * k22) * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)


def test_shared_variables_are_one_variable() -> None:
    at = limit(PAIR + "weight W ~ N(0, 3/n)\nh[i] = W @ u[i]\ng[i] = h[i] + h[i]\nq[i] = h[i]*h[i]\noutput g\noutput q")
    assert at.cov("g[1]", "g[1]").expr == "24"  # 4 * 3 * 2
    assert at.cov("g[1]", "h[2]").expr == "18/5"
    assert at.expect("q[1]").expr == "6"
    assert at.expect("q[1]^2").expr == "108"  # E h^4 = 3 * 6^2
    assert at.cov("q[1]", "q[2]").expr == "162/25"  # 2 (3 * 0.6)^2
    assert at.cov("h[1]", "q[1]").expr == "0"


def test_same_and_different_matrices() -> None:
    at = limit(PAIR + "weight A, B ~ N(0, 2/n)\nweight W[i] ~ N(0, 1/n)\na[i] = A @ u[i]\nb[i] = B @ u[i]\n"
                      "w[i] = W[i] @ u[1]\noutput a\noutput b\noutput w")  # fmt: skip
    assert at.cov("a[1]", "a[2]").expr == "6/5"
    assert at.cov("a[1]", "b[1]").expr == "0"
    np.testing.assert_allclose(at.matrix("w"), 2 * np.eye(3))
    np.testing.assert_allclose(at.matrix("a"), 2 * np.array([[2, 0.6, -0.5], [0.6, 1, 0.3], [-0.5, 0.3, 1.5]]))


def test_functions_of_several_gaussians() -> None:
    at = limit(PAIR + "x = tanh(u[1] + 2*u[2])*u[1]\ny = max(u[1], u[2])\nz = relu(u[1] - u[2])*relu(u[2] - u[1])\n"
                      "w = sin(u[1])*cos(2*u[1])*u[1]\noutput x")  # fmt: skip
    expected = gauss_hermite(lambda s, t: np.tanh(s + 2 * t) * s, 2, 0.6, 1)
    found = at.mean("x")
    assert found.error is not None
    assert abs(float(found) - expected) <= found.error + 1e-7  # the oracle is only so good
    assert float(at.mean("y")) == pytest.approx(math.sqrt((2 + 1 - 1.2) / (2 * math.pi)), rel=1e-13)
    assert float(at.mean("z")) == 0.0
    expected = gauss_hermite(lambda s, _: np.sin(s) * np.cos(2 * s) * s, 2, 0, 1)
    assert float(at.mean("w")) == pytest.approx(expected, rel=1e-11)


def test_singular_covariances() -> None:
    at = limit("input u ~ N(0, 2)\ninput v ~ N(0, 1)\na = -u\nb = u + v\nc = u + v - b\nx = relu(a)*relu(u)\n"
               "y = relu(b)*relu(u + v)\nz = tanh(c) + relu(c)\noutput x")  # fmt: skip
    assert float(at.mean("x")) == 0.0
    assert float(at.mean("y")) == pytest.approx(1.5, rel=1e-14)
    assert float(at.mean("z")) == 0.0
    assert float(at.cov("a", "u")) == -2.0
    assert float(at.expect("exp(c)*u^2")) == pytest.approx(2.0, rel=1e-12)


def test_means() -> None:
    at = limit("param m = 0.7\ninput u ~ N(m, 2)\nweight W ~ N(0, 1/n)\nh = W @ u\nx = relu(u)\ny = u*u\noutput x")
    assert at.mean("u").expr == "m"
    assert at.cov("h", "h").expr == "m**2 + 2"
    assert float(at.mean("x")) == pytest.approx(relu_mean(0.7, 2), rel=1e-13)
    assert float(at.mean("y")) == pytest.approx(2.49, rel=1e-14)
    assert at.cov("u", "u").expr == "2"
    assert limit("param m = 0.7\ninput u ~ N(m, 2)\noutput u", m=3).expect("u^2").value == 11.0


def test_moments_are_constants() -> None:
    text = """
weight W ~ N(0, 1/n)
m[i] = mean(relu(u[i])^2)
s = sum(m[i] for i)
d[i] = dot(u[i], u[1])/n
x[i] = u[i]/sqrt(m[i])
h[i] = W @ x[i]
q[i] = exp(d[i])
output h
output s
output q
"""
    at = limit(PAIR + text)
    assert at.mean("m[1]").expr == "1"
    assert at.mean("s").expr == "9/4"
    assert at.mean("d[2]").expr == "3/5"
    assert float(at.mean("q[3]")) == pytest.approx(math.exp(-0.5), rel=1e-15)
    assert at.cov("h[1]", "h[2]").expr == "3*sqrt(2)/5"  # 0.6 / sqrt(1 * 1/2)
    assert at.cov("h[1]", "h[2]").supported_by == "netsor-plus"


def test_widths() -> None:
    text = """
width m = 3*n
input u: m ~ N(0, 2)
weight A: n x m ~ N(0, 5/m)
weight B: m x n ~ N(0, 1/n)
h = A @ u
x = B @ tanh(h)
s = dot(u, u)/n
v = mean(u*u)
weight C, D: m x n ~ N(0, 1/n)
p = dot(C @ h, D @ h)/sqrt(n)
q = dot(C @ h, D @ h)/sqrt(m)
output x
output s
output v
output p
output q
"""
    at = limit(text)
    assert at.cov("h", "h").expr == "10"
    assert at.mean("s").expr == "6"  # 3n coordinates over n
    assert at.mean("v").expr == "2"
    assert at.cov("p", "p").expr == "300"
    assert at.cov("q", "q").expr == "100"
    assert float(at.cov("p", "q")) == pytest.approx(100 * math.sqrt(3), rel=1e-14)


def test_scores_have_both_terms() -> None:
    text = (
        PAIR
        + """
weight A, B ~ N(0, 1/n)
a[i] = A @ u[i]
b[i] = B @ u[i]
p = dot(a[1], b[2])/sqrt(n)
q = dot(b[1], a[2])/sqrt(n)
y = p*u[1] + q*u[2]
output y
"""
    )
    at = limit(text)
    # Cov(p, q) = C(a1,b1) C(b2,a2) + C(a1,a2) C(b2,b1), the first zero, for the matrices stand crosswise
    assert at.cov("p", "q").expr == "9/25"
    assert at.cov("p", "p").expr == "2"
    assert at.mean("p").expr == "0"
    # E[(p u1 + q u2)^2] = Var p K11 + 2 Cov(p,q) K12 + Var q K22
    assert at.cov("y", "y").expr == str(sympy.Rational(2) * 2 + 2 * sympy.Rational(9, 25) * sympy.Rational(3, 5) + 2)


def test_readouts() -> None:
    at = limit(PAIR + "input v, w ~ N(0, 4)\nf[i] = dot(v, relu(u[i]))/sqrt(n)\ng = dot(w, u[1])/sqrt(n)\n"
                      "output f\noutput g")  # fmt: skip
    assert at.cov("f[1]", "f[1]").expr == "4"
    assert at.cov("f[1]", "g").expr == "0"
    assert float(at.cov("f[1]", "f[2]")) == pytest.approx(4 * relu_pair(2, 0.6, 1), rel=1e-14)
    assert at.matrix("f")[0, 1] == pytest.approx(float(at.cov("f[1]", "f[2]")), rel=1e-14)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("h = W @ u[1]\ny = W' @ tanh(h)\nz = y + u[1]", "TP106"),
        ("p = dot(W @ u[1], W @ u[2])/sqrt(n)\nz = p*u[1]", "TP102"),
        ("p = dot(W @ u[1], tanh(u[2]))/sqrt(n)\nz = p*u[1]", "TP103"),
        ("p = dot(W @ u[1], V @ u[2])\nz = p*u[1]", "TP302"),
        ("p = 2*dot(W @ u[1], V @ u[2])/n^0.75\nz = p*u[1]", "TP301"),
    ],
)
def test_what_has_no_limit_here(line: str, code: str) -> None:
    at = limit(PAIR + f"weight W, V ~ N(0, 1/n)\n{line}\noutput z")
    with pytest.raises(TensorProgError) as caught:
        at.cov("z", "z")
    assert caught.value.diagnostics[0].code == code


def test_infinite_moments() -> None:
    at = limit("param c > 0 = 0.1\ninput u ~ N(0, 2)\nx = exp(c*u^2)\noutput x")
    assert float(at.mean("x")) == pytest.approx(1 / math.sqrt(1 - 0.4), rel=1e-14)
    with pytest.raises(DivergentError, match="TP501"):
        limit("param c > 0 = 0.1\ninput u ~ N(0, 2)\nx = exp(c*u^2)\noutput x", c=0.3).mean("x")
    both = "input u, v ~ N(0, 4)\nweight W ~ N(0, 1/n)\nh = W @ exp(u*v/2)\noutput h"  # both eigenvalues are negative
    with pytest.raises(DivergentError):
        limit(both).cov("h", "h")
    with pytest.raises(DivergentError):
        limit(both).matrix("h")


def test_params_without_values() -> None:
    at = limit("param s > 0\ninput u ~ N(0, s^2)\nx = relu(u)\noutput x")
    found = at.mean("x")
    assert found.value is None
    assert found.expr == "sqrt(2)*s/(2*sqrt(pi))"
    assert at.to_json()["results"][0]["value"] is None
    with pytest.raises(TensorProgError, match="s has no value"):
        at.matrix("x")
    with pytest.raises(TensorProgError, match="TP017"):
        derive(at.program, {"s": -1})


@pytest.mark.parametrize("name", ["K11", "z1", "c1", "m1", "z", "K12"])
def test_params_named_like_our_own_symbols(name: str) -> None:
    """A param called K11 is not the first variance."""
    at = limit(f"param {name} > 0 = 0.5\ninput u ~ N(1, 2)\ninput w ~ N(0, 3)\nx = relu({name}*u)\n"
               f"y = clip(w, -{name}, {name})*w\noutput x")  # fmt: skip
    assert float(at.mean("x")) == pytest.approx(0.5 * relu_mean(1, 2), rel=1e-13)
    inside = 3 * (2 * norm.cdf(0.5 / math.sqrt(3)) - 1)  # Stein: E[clip(w) w] = 3 P(|w| < 1/2)
    assert float(at.mean("y")) == pytest.approx(inside, rel=1e-13)


def test_families_in_pieces() -> None:
    text = """
index i in 1..2
const T = 4
matrix K = [[1, 0.4], [0.4, 1]]
input u[i] ~ N(0, K)
weight W ~ N(0, 1.3/n)
s[1,i] = tanh(u[i])
for t in 2..T:
    s[t,i] = tanh(W @ s[t-1,i])
w[i] = sum(s[t,i] for t)
output w
""".replace("sum(s[t,i] for t)", "s[1,i] + s[2,i] + s[3,i] + s[4,i]")
    at = limit(text)
    full = at.matrix("s")
    assert full.shape == (4, 2, 4, 2)
    np.testing.assert_allclose(full, full.transpose(2, 3, 0, 1))
    for key in ((1, 1, 1, 2), (2, 1, 2, 1), (3, 1, 3, 2), (1, 2, 3, 1), (4, 2, 4, 2)):
        t, i, r, j = key
        found = at.cov(f"s[{t},{i}]", f"s[{r},{j}]")
        assert full[t - 1, i - 1, r - 1, j - 1] == pytest.approx(float(found), abs=1e-9)
    np.testing.assert_allclose(at.matrix("w"), full.sum(axis=(0, 2)), atol=1e-8)


def test_sums_over_families() -> None:
    text = """
index i, j in 1..3
index b in 1..2
matrix A = [[1, 2, 0], [0, -1, 1], [0.5, 0.5, 0.5]]
matrix K = [[2, 0.6, -0.5], [0.6, 1, 0.3], [-0.5, 0.3, 1.5]]
input u[b,i] ~ N(0, K[i,i'])
weight W[i] ~ N(0, 1/n)
g[b,i] = sum(A[i,j]*u[b,j] for j)
h[b] = sum(W[j] @ relu(u[b,j]) for j)
m[b] = max(u[b,j] for j)
output g
output h
output m
"""
    at = limit(text)
    k = np.array([[2, 0.6, -0.5], [0.6, 1, 0.3], [-0.5, 0.3, 1.5]])
    a = np.array([[1, 2, 0], [0, -1, 1], [0.5, 0.5, 0.5]])
    expected = np.einsum("bc,ij->bicj", np.eye(2), a @ k @ a.T)
    np.testing.assert_allclose(at.matrix("g"), expected, atol=1e-14)
    within = np.trace(k) / 2
    across = sum(math.sqrt(k[j, j] * k[j, j]) / (2 * math.pi) for j in range(3))
    np.testing.assert_allclose(at.matrix("h"), [[within, across], [across, within]], rtol=1e-13)
    draws = np.random.default_rng(5).multivariate_normal(np.zeros(3), k, 400_000).max(axis=1)
    assert float(at.mean("m[1]")) == pytest.approx(draws.mean(), abs=5 * draws.std() / math.sqrt(len(draws)))


def test_formulas_are_readable_by_sympy_and_agree_with_the_numbers() -> None:
    at = limit("param s > 0 = 1.2\nparam r in (-1, 1) = 0.3\nindex i in 1..2\nmatrix K = [[1, r], [r, 1]]\n"
               "input u[i] ~ N(0, s^2*K[i,i'])\nx[i] = erf(u[i])\ny[i] = erf(u[i])*u[i]^2\nweight W ~ N(0, 1/n)\n"
               "h[i] = W @ x[i]\nz[i] = relu(h[i])\noutput z")  # fmt: skip
    for found in (at.cov("x[1]", "x[2]"), at.cov("z[1]", "z[2]"), at.cov("y[1]", "x[2]"), at.expect("x[1]*y[2]*u[1]")):
        assert found.expr is not None
        value = sympy.sympify(found.expr).subs({"s": sympy.Rational(6, 5), "r": sympy.Rational(3, 10)}).evalf(30)
        assert found.error is not None
        assert abs(value - float(found)) <= found.error + 1e-25


def test_deep_networks_keep_their_bound() -> None:
    lines = [PAIR, "x0[i] = u[i]"]
    lines += [f"weight W{k} ~ N(0, 2/n)\nx{k}[i] = relu(W{k} @ x{k - 1}[i])" for k in range(1, 31)]
    at = limit("\n".join([*lines, "output x30"]))
    found = at.expect("x30[1]*x30[2]")
    assert found.expr is None
    assert at.expect("x30[1]^2").expr == "2"  # the diagonal stays a small formula at any depth
    with mpmath.workdps(40):
        c = mpmath.mpf(6) / 10 / mpmath.sqrt(2)
        for _ in range(30):
            c = (mpmath.sqrt(1 - c * c) + c * (mpmath.pi - mpmath.acos(c))) / mpmath.pi
        expected = mpmath.sqrt(2) * c
        assert found.error is not None
        assert abs(expected - float(found)) <= found.error < 1e-15
    residual = [PAIR, "y0[i] = u[i]"]
    residual += [f"weight V{k} ~ N(0, 1/n)\ny{k}[i] = y{k - 1}[i] + V{k} @ relu(y{k - 1}[i])" for k in range(1, 121)]
    deep = limit("\n".join([*residual, "output y120"]))
    assert deep.matrix("y120")[0, 0] == pytest.approx(2 * 1.5**120, rel=1e-12)


def test_scalars_that_depend_on_scores() -> None:
    """A dot product without its 1/sqrt(n) diverges, though it is a score where it is used; p + 1 has mean 1."""
    text = """
weight A, B ~ N(0, 1/n)
s = dot(A @ u[1], B @ u[2])
p = s/sqrt(n) + 1
m = mean((p*u[3])^2)
y = p*u[1]
output y
output m
"""
    at = limit(PAIR + text)
    with pytest.raises(TensorProgError, match="TP302"):
        at.mean("s")
    assert at.mean("p").expr == "1"
    assert at.cov("p", "p").expr == "2"
    assert at.mean("m").expr == "9/2"  # 1.5 E[p^2] = 1.5 (2 + 1)
    assert at.cov("y", "y").expr == "6"
    assert at.cov("m", "m").expr == "36"  # (3/2)^2 Var(p^2) = 9/4 (2 2^2 + 4 2)


def test_masked_rows_with_one_entry_are_gaussian() -> None:
    text = """
index j in 1..3
weight A, B, V ~ N(0, 1/n)
p[i,j] = dot(A @ tanh(u[i]), B @ tanh(u[j]))/sqrt(n)
y[i] = sum(softmax(p[i,j] over j, mask = j <= i)*(V @ u[j]) for j)
output y
"""
    at = limit(PAIR + text)
    assert at.cov("y[1]", "y[1]").expr == "2"
    assert at.cov("y[1]", "y[1]").method == "closed-form"
    assert at.cov("y[2]", "y[2]").method != "closed-form"
