"""Scores by readout vectors and scores that are sums of dots: the rows of the faults, and their kinds."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError

HEAD = "input u, v ~ N(0, 1)\nweight A, B, C ~ N(0, 1/n)\nx = tanh(A @ u)\n"
GATE = "r = dot(v, x) / sqrt(n)\ny = sigmoid(r) * (B @ x)\noutput y\n"
PAIR = "input u ~ N(0, 1)\ninput (v, w) ~ N([0, 0], [[1, {}], [{}, 2]])\nweight A, B ~ N(0, 1/n)\n"
FAMILY = (
    "index e in 1..3\nmatrix K = [[1, 1/2, 0], [1/2, 1, 0], [0, 0, 1]]\ninput v[e] ~ N(0, K)\nweight A, B ~ N(0, 1/n)\n"
)

VERDICTS = {
    "a router in one line": (HEAD + "y = sigmoid(dot(v, x)/sqrt(n)) * (B @ x)\noutput y\n", "valid", "readout-scores"),
    "scaled where it is used": (
        HEAD + "r = dot(x, v)\ny = sigmoid(r/sqrt(n)) * (B @ x)\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "a product of it": (
        HEAD + "r = dot(v, x)/sqrt(n)\ny = B @ (sigmoid(r)*x + r*u)\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "an absolute value": (HEAD + "r = dot(v, x)/sqrt(n)\ny = abs(r) * (B @ x)\noutput y\n", "valid", "readout-scores"),
    "a square put out": (HEAD + "r = dot(v, x)/sqrt(n)\ns = r^2\noutput s\n", "valid", "readout-scores"),
    "an exponential put out": (HEAD + "r = dot(v, x)/sqrt(n)\ns = exp(r)\noutput s\n", "valid", "readout-scores"),
    "a sum put out": (HEAD + "r = dot(v, x)/sqrt(n)\ns = 2*r + dot(v, u)/sqrt(n)\noutput s\n", "valid", "netsor"),
    "no variance in the limit": (
        HEAD + "r = dot(v, mean(u)*x)/sqrt(n)\ny = sigmoid(r)*(B @ x)\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "two initial vectors": (
        "input a, b ~ N(0, 1)\nr = dot(a, b)/sqrt(n)\ny = tanh(r)*a\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "over n it is a moment": (HEAD + "r = dot(v, x)/n\ny = sigmoid(r)*(B @ x)\noutput y\n", "valid", "netsor-plus"),
    "vectors correlated with each other": (
        PAIR.format("1/2", "1/2") + "x = relu(A @ u)\ny = tanh(dot(v, x)*dot(w, x^2)/n)*(B @ x)\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "a partner of covariance 0": (
        PAIR.format("0", "0") + "x = relu(A @ u + w)\ny = tanh(dot(v, x)/sqrt(n))*(B @ x) + w\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "a member of covariance 0": (
        FAMILY + "x = relu(A @ v[3])\ny = tanh(dot(v[1], x)/sqrt(n))*(B @ x)\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "a learned query in attention": (
        "index i in 1..3\ninput h[i], q ~ N(0, 1)\nweight W, V ~ N(0, 1/n)\nx[i] = tanh(W @ h[i])\n"
        "y = attention(q, x[i], V @ x[i] over i, scale = 1/sqrt(n))\noutput y\n",
        "valid",
        "readout-scores",
    ),
    "a mean": (
        "input u ~ N(0, 1)\ninput v ~ N(1/2, 1)\nweight A, B ~ N(0, 1/n)\nx = tanh(A @ u)\n" + GATE,
        "invalid",
        "",
    ),
    "used in the output": (HEAD + GATE.replace("(B @ x)", "(B @ x) + v"), "invalid", ""),
    "used in a moment": (HEAD + GATE.replace("(B @ x)", "(B @ x) * mean(v^2)"), "invalid", ""),
    "read by what it reads": (HEAD + "z = tanh(x + v)\n" + GATE.replace("dot(v, x)", "dot(v, z)"), "invalid", ""),
    "a partner used elsewhere": (
        PAIR.format("1/2", "1/2") + "x = relu(A @ u)\ny = tanh(dot(v, x)/sqrt(n))*(B @ x) + w\noutput y\n",
        "invalid",
        "",
    ),
    "a correlated member read": (
        FAMILY + "x = relu(A @ v[2])\ny = tanh(dot(v[1], x)/sqrt(n))*(B @ x)\noutput y\n",
        "invalid",
        "",
    ),
    "not scaled": (HEAD + "y = sigmoid(dot(v, x))*(B @ x)\noutput y\n", "invalid", ""),
    "a choice by its sign": (HEAD + "r = dot(v, x)/sqrt(n)\ny = where(r > 0, B @ x, C @ x)\noutput y\n", "invalid", ""),
    "an exponential of it": (HEAD + GATE.replace("sigmoid", "exp"), "invalid", ""),
    "a sign put out": (HEAD + "s = sign(dot(v, x)/sqrt(n))\noutput s\n", "undecided", ""),
    "a product of a function of it": (HEAD + "r = dot(v, x)/sqrt(n)\ny = B @ tanh(r*x)\noutput y\n", "undecided", ""),
    "an average of what it gates": (HEAD + GATE.replace("output y", "m = mean(y^2)\noutput m"), "undecided", ""),
    "random signs": (HEAD.replace("N(0, 1/n)", "iid(rademacher, 1/n)") + GATE, "undecided", ""),
    "a transpose": (HEAD + "z = A' @ x\n" + GATE.replace("dot(v, x)", "dot(v, z)"), "undecided", ""),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name: str) -> None:
    text, verdict, theorem = VERDICTS[name]
    found = tp.check(tp.loads(text))
    assert found.verdict == verdict
    assert found.covered_by[:1] == ([theorem] if theorem else [])


def test_premises_have_their_identifiers() -> None:
    report = next(t for t in tp.check(tp.loads(HEAD + GATE)).theorems if t.theorem.id == "readout-scores")
    assert [p.premise.id for p in report.premises] == ["R.underlying", "R.readout", "R.before", "R.final"]
    assert all(p.finding.status == "proved" for p in report.premises)


MISSES = {
    "R.underlying": HEAD.replace("tanh", "step") + GATE.replace("B @ x", "B @ u"),
    "R.readout": HEAD + GATE.replace("(B @ x)", "(B @ v)"),
    "R.before": HEAD
    + "r = dot(v, x)/sqrt(n)\ninput w ~ N(0, 1)\nz = tanh(r*x)\ny = tanh(dot(w, z)/sqrt(n)) * x\noutput y\n",
    "R.final": HEAD + GATE.replace("sigmoid", "step"),
}


@pytest.mark.parametrize("premise", MISSES)
def test_each_premise_can_fail_alone(premise: str) -> None:
    report = next(t for t in tp.check(tp.loads(MISSES[premise])).theorems if t.theorem.id == "readout-scores")
    gaps = [p.premise.id for p in report.premises if p.finding.status != "proved"]
    assert gaps == [premise]


def test_both_theorems_are_listed_where_both_apply() -> None:
    text = (
        "index j in 1..2\ninput h[j], v ~ N(0, 1)\nweight Q, K, V ~ N(0, 1/n)\nx[j] = tanh(h[j])\n"
        "p[j] = dot(Q @ x[1], K @ x[j]) / sqrt(n)\nr = dot(v, x[1]) / sqrt(n)\n"
        "y = sigmoid(r) * sum(softmax(p[j] over j) * (V @ x[j]) for j)\noutput y\n"
    )
    assert tp.check(tp.loads(text)).covered_by == ["attention", "readout-scores"]
    tied = tp.check(tp.loads(text.replace("Q @", "K @")))
    assert tied.verdict == "invalid"
    assert tied.covered_by == []
    jump = text.replace("output y", "s = sign(r)*p[1]\noutput s")
    assert tp.check(tp.loads(jump)).covered_by == []


def gauss_hermite(size: int) -> list[tuple[float, float]]:
    points, weights = np.polynomial.hermite_e.hermegauss(size)
    return list(zip(points, weights / weights.sum(), strict=True))


def test_functions_of_readouts() -> None:
    """softmax(f[c] over c) and erf(f), with E[x^2] = 1/2 for relu: quadrature here, formulas there."""
    text = (
        "index c in 1..3\ninput u ~ N(0, 1)\ninput v[c] ~ N(0, 1)\nweight A ~ N(0, 1/n)\nx = relu(A @ u)\n"
        "f[c] = dot(v[c], x) / sqrt(n)\nq[c] = softmax(f[c] over c)\ns = erf(f[1])\noutput q\noutput s\n"
    )
    limit = tp.derive(tp.loads(text))
    rule = gauss_hermite(30)
    second = cross = 0.0
    for triple in product(rule, repeat=3):
        e = np.exp([np.sqrt(0.5) * z for z, _ in triple])
        a, weight = e / e.sum(), np.prod([w for _, w in triple])
        second, cross = second + weight * a[0] ** 2, cross + weight * a[0] * a[1]
    assert float(limit.mean("q[1]").value) == pytest.approx(1 / 3, abs=1e-9)
    assert float(limit.var("q[1]").value) == pytest.approx(second - 1 / 9, abs=1e-8)
    assert float(limit.cov("q[1]", "q[2]").value) == pytest.approx(cross - 1 / 9, abs=1e-8)
    assert np.allclose(limit.matrix("q").sum(axis=1), 0, atol=1e-6)
    variance = limit.var("s")
    assert float(variance.value) == pytest.approx(2 / np.pi * np.arcsin(1 / 2), abs=1e-14)
    assert (variance.expr, variance.supported_by) == ("1/3", "readout-scores")
    assert limit.law("s").kind == "function-of-gaussian"
    assert limit.law("s").given == ()
    assert [law.of for law in limit.laws] == [("q[1]",), ("q[2]",), ("q[3]",), ("s",)]
    given = limit.expect("f[1]*q[1]")
    direct = 0.0
    for triple in product(rule[5:-5], repeat=3):
        f = np.array([np.sqrt(0.5) * z for z, _ in triple])
        direct += np.prod([w for _, w in triple]) * f[0] * np.exp(f[0]) / np.exp(f).sum()
    assert abs(float(given.value) - direct) < float(given.error) + 1e-6


def test_a_mixture_of_experts_is_gaussian_given_its_router() -> None:
    """Var(y | g) = sum_k softmax_k(g)^2 E[x^2], for experts with matrices of their own."""
    text = (
        "index k in 1..2\ninput u ~ N(0, 1)\ninput r[k] ~ N(0, 3)\nweight A, B[k] ~ N(0, 1/n)\nx = relu(A @ u)\n"
        "g[k] = dot(r[k], x) / sqrt(n)\ny = sum(softmax(g[k] over k) * (B[k] @ x) for k)\noutput y\n"
    )
    limit = tp.derive(tp.loads(text))
    law = limit.law("y")
    assert (law.kind, law.given, law.supported_by) == ("hierarchical-gaussian", ("g[1]", "g[2]"), "readout-scores")
    assert law.conditional_variance is not None
    shares = [(1 / (1 + np.exp(-np.sqrt(3) * z)), w) for z, w in gauss_hermite(120)]  # g[1] - g[2] has variance 3
    c = [((a * a + (1 - a) ** 2) / 2, w) for a, w in shares]
    second, fourth = sum(v * w for v, w in c), 3 * sum(v * v * w for v, w in c)
    assert float(law.variance.value[0]) == pytest.approx(second, rel=1e-8)
    assert float(law.excess_kurtosis.value[0]) == pytest.approx(fourth / second**2 - 3, rel=1e-7)
    assert limit.cov("g[1]", "g[1]").expr == "3/2"
    assert limit.cov("g[1]", "g[2]").expr == "0"


def test_readouts_of_vectors_made_differently_are_correlated() -> None:
    """f reads a product, g a function of it: Cov = E[z relu(z)], in the joint law too."""
    text = "input u, v ~ N(0, 1)\nweight A ~ N(0, 1/n)\nh = A @ u\nf = dot(v, h)/sqrt(n)\ng = dot(v, relu(h))/sqrt(n)\n"
    limit = tp.derive(tp.loads(text + "output f\noutput g\n"))
    assert float(limit.cov("f", "g").value) == 0.5
    assert float(limit.law("f", "g").covariance.value[0, 1]) == pytest.approx(0.5)


ROTARY = """
index i, j in 1..3
param t = 1/2
matrix c = [[1, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 1]]
matrix s = [[0, t, 1], [-t, 0, t], [-1, -t, 0]]
input h[i] ~ N(0, 1)
weight Q1, Q2, K1, K2, V ~ N(0, 1/n)
x[i] = erf(h[i])
p[i,j] = (c[i,j]*dot(Q1 @ x[i], K1 @ x[j]) + s[i,j]*dot(Q2 @ x[i], K2 @ x[j])) / sqrt(n)
y[i] = sum(softmax(p[i,j] over j) * (V @ x[j]) for j)
output y
output p
"""


def test_sums_of_dots_with_matrix_constants() -> None:
    """Var(p_ij) = (c_ij^2 + s_ij^2) E[x^2]^2 with E[x^2] = 2/pi asin(2/3); different pairs are uncorrelated."""
    program = tp.loads(ROTARY)
    assert tp.check(program).covered_by == ["attention"]
    limit = tp.derive(program)
    square = 2 / np.pi * np.arcsin(2 / 3)
    c = np.array([[1, 0.5, 0.2], [0.5, 1, 0.5], [0.2, 0.5, 1]])
    s = np.array([[0, 0.5, 1], [-0.5, 0, 0.5], [-1, -0.5, 0]])
    expected = np.diag(((c**2 + s**2) * square**2).ravel()).reshape(3, 3, 3, 3)
    assert np.allclose(limit.matrix("p"), expected, atol=1e-12)
    assert float(limit.var("p[1,2]").value) == pytest.approx((0.25 + 0.25) * square**2, rel=1e-12)
    assert limit.law("p[1,2]").kind == "gaussian"
    law = limit.law("y[1]")
    assert law.kind == "hierarchical-gaussian"
    rng = np.random.default_rng(1)
    p = rng.standard_normal((200_000, 3)) * np.sqrt((c**2 + s**2)[0]) * square
    a = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
    draws = square * (a**2).sum(axis=1)
    assert abs(float(law.variance.value[0]) - draws.mean()) < 5 * draws.std() / np.sqrt(len(draws))


def test_a_jump_at_a_score_without_variance_has_no_value() -> None:
    """r tends to 0, and step(r) is 0 or 1 with probability 1/2 at every width: its variance is no 0."""
    limit = tp.derive(tp.loads(HEAD + "r = dot(v, mean(u)*x)/sqrt(n)\ns = step(r)\noutput s\n"))
    with pytest.raises(TensorProgError, match="TP402"):
        limit.law("s")
    assert limit.var("r").value == 0
    zero = tp.derive(tp.loads(HEAD + "r = dot(v, 0*x)/sqrt(n)\ns = step(r)\noutput s\n"))
    assert zero.mean("s").value == 0.5


def test_a_vector_that_reads_its_own_score_is_refused() -> None:
    text = HEAD + "r = dot(v, x)/sqrt(n)\ns = dot(v, relu(r*x))/sqrt(n)\ny = tanh(s)*(B @ x)\noutput y\n"
    program = tp.loads(text)
    assert tp.check(program).verdict == "invalid"
    with pytest.raises(TensorProgError):
        tp.derive(program).var("y")


def test_a_factor_of_a_score_counts_once() -> None:
    """3 dot(q, k) is the dot product with a key matrix three times as large, in one layer and in nested ones."""
    text = (
        "index j in 1..2\ninput h[j] ~ N(0, 1)\nweight Q, V, S, W ~ N(0, 1/n)\nweight K, T ~ N(0, {0}/n)\n"
        "x[j] = tanh(h[j])\np[j] = {1}dot(Q @ x[1], K @ x[j]) / sqrt(n)\n"
        "z = relu(sum(softmax(p[j] over j) * (V @ x[j]) for j))\n"
        "r[j] = {1}dot(S @ z, T @ x[j]) / sqrt(n)\ny = sum(softmax(r[j] over j) * (W @ x[j]) for j)\n"
        "output z\noutput y\n"
    )
    large, written = (tp.derive(tp.loads(text.format(*given))) for given in ((9, ""), (1, "3*")))
    for name in ("z", "y"):
        one, two = (limit.law(name).variance for limit in (large, written))
        assert abs(one.value[0] - two.value[0]) <= one.error[0] + two.error[0]
        assert one.error[0] < 0.02 * one.value[0]


@pytest.mark.parametrize("text", [HEAD + GATE, HEAD + "s = erf(dot(v, x)/sqrt(n))\noutput s\n"])
def test_readouts_that_enter_functions_are_certified(text: str) -> None:
    program = tp.loads(text)
    accepted = tp.verify(program, tp.prove(program))
    assert accepted.axioms == ("theorem netsor-plus", "theorem readout-scores")


def test_a_weight_without_variance_makes_nothing() -> None:
    """Then x = 0 at every width, the readout is 0, and cos of it is 1."""
    text = (
        "input u, v ~ N(0, 1)\nweight A ~ N(0, 0/n)\nweight B ~ N(0, 1/n)\nr = dot(v, relu(A @ u))/sqrt(n)\n"
        "y = cos(r)*(B @ u)\noutput y\n"
    )
    assert tp.derive(tp.loads(text)).var("y").value == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("product", ["dot(u[2], v[2])", "dot(v[2], u[2])"])
def test_the_readout_vector_is_the_centred_side(product: str) -> None:
    """r = v.u/sqrt(n) ~ N(0, E u^2), E u^2 = 2 with a mean of -1; Var relu(r) = 2 (1/2 - 1/(2 pi))."""
    text = f"index i in 1..2\ninput u[i] ~ N(-1, 1)\ninput v[i] ~ N(0, 1)\ns = relu({product}/sqrt(n))\noutput s\n"
    program = tp.loads(text)
    assert tp.check(program).verdict == "valid"
    limit = tp.derive(program)
    right = 2 * (1 / 2 - 1 / (2 * math.pi))
    assert limit.cov("s", "s").value == pytest.approx(right, abs=1e-12)
    assert limit.matrix("s") == pytest.approx(right, abs=1e-9)
    assert limit.law("s").variance.value[0] == pytest.approx(right, abs=1e-9)
