"""The sampler has the law of real matrices, at small widths where every finite-width effect is large."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tensorprog.language import load, loads
from tensorprog.simulate import simulate
from tests.simulate.oracle import Oracle, distances

ROOT = Path(__file__).parents[1] / "corpus"
DRAWS = int(os.environ.get("TENSORPROG_LAW_DRAWS", "4000"))

# transposes, tied weights, crosswise and cyclic scores, moments, rectangular, joint inputs, non-Gaussian entries
CORPUS = (
    "valid/crosswise_matrices",
    "valid/grouped_query_attention",
    "valid/disjoint_members",
    "valid/rnn_tied",
    "valid/batchnorm_eps",
    "valid/attention_causal",
    "valid/attention_node_causal",
    "valid/covariant_inputs_attention",
    "valid/matrix_singular",
    "valid/piecewise_family",
    "valid/conv1d",
    "valid/talking_heads",
    "valid/rectangular_mlp",
    "valid/readout_classes",
    "valid/rmsnorm",
    "valid/mlp_gelu_joint_inputs",
    "valid/attention_over_n_reused_key",
    "valid/sequence_covariance",
    "valid/squeeze_excite",
    "undecided/backward_pass",
    "undecided/tied_autoencoder",
    "undecided/transposed_member",
    "undecided/transpose_in_attention",
    "undecided/two_layers",
    "undecided/rademacher_mlp",
    "undecided/student_weights",
    "undecided/uniform_attention",
    "invalid/tied_query_key",
    "invalid/tied_at_one_member",
    "invalid/one_member_reused",
    "invalid/hard_attention",
    "invalid/key_projects_output",
    "invalid/tied_by_symmetrising",
    "valid/readout_reenters",
    "by-remark/low_rank_heads",
    "by-remark/stacked_linear_attention",
)

OWN = {
    "transposes there and back": """
input u, v ~ N(0, 1)
weight W ~ N(0, 2/n)
a = W @ u
b = W' @ tanh(a)
c = W @ (b + v)
d = W' @ c
y = a + b + c + d
output y""",
    "products that coincide": """
input u ~ N(0, 1)
weight W ~ N(0, 1/n)
a = W @ u
b = W @ (2*u)
c = W' @ (a - b)
d = W' @ a
output a, b, c, d""",
    "a wide matrix and its transpose": """
width m = 3*n/2
input u[i] ~ N(0, 1)
weight A: m x n ~ N(0, 1/n)
g[i] = A @ u[i]
h[i] = A' @ relu(g[i])
y[i] = A @ h[i]
s[i,j] = dot(g[i], g[j]) / m
output y, s""".replace("input", "index i, j in 1..3\ninput", 1),
    "more vectors than coordinates": """
index i in 1..20
input u ~ N(0, 1)
weight U[i], W ~ N(0, 1/n)
g[i] = W @ tanh(U[i] @ u)
y = sum(g[i] for i) / 4
output y
output g[1]
output g[20]""",
    "scores in a triangle": """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight A, B, C ~ N(0, 1/n)
p[i,j] = dot(A @ u[i], B @ u[j]) / sqrt(n)
q[i,j] = dot(B @ u[i], C @ u[j]) / sqrt(n)
r[i,j] = dot(C @ u[i], A @ u[j]) / sqrt(n)
s = dot(A @ u[1], A @ u[2]) / n
t = p[1,1] * q[1,1] * r[1,1]
output p[1,1]
output q[1,2]
output r[2,1]
output s, t""",
    "heads that share queries": """
index i, j in 1..2
index a in 1..3
input u[i] ~ N(0, 1)
weight Q, K[a] ~ N(0, 1/n)
p[a,i,j] = dot(Q @ u[i], K[a] @ u[j]) / sqrt(n)
output p""",
    "an input with a mean and a softmax over two indices": """
index i, j in 1..2
index k in 0..2
input u[i] ~ N(i/2, 1)
input w[k] ~ N(0, 1/(1+k))
weight W ~ N(0, 1/n)
x[i] = W @ u[i]
p[i,k] = dot(x[i], w[k]) / n
y[i] = sum(softmax(p[i,k] over k) * w[k] for k) + max(x[j] for j)
output y
output p""",
}


def columns(program: Any, values: Any) -> Any:
    parts = []
    for o in program.outputs:
        text = next(k for k in values if k.split("[")[0] == o.ref.name and (not o.ref.subs or k == _text(o.ref)))
        parts.append(values[text].reshape(DRAWS, -1)[:, :6])
    return np.concatenate(parts, axis=1)


def _text(ref: Any) -> str:
    return f"{ref.name}[{','.join(map(str, ref.subs))}]"


def oracle_columns(program: Any, oracle: Oracle) -> Any:
    parts = []
    for o in program.outputs:
        if all(isinstance(s, int) for s in o.ref.subs) and o.ref.subs:
            value = oracle.members[o.ref.name, o.ref.subs]
            vector = program.families[o.ref.name].kind == "vector"
            parts.append((value[:, :1] if vector else value.reshape(-1, 1))[:DRAWS])
        else:
            parts.append(oracle[o.ref.name][:, :6])
    return np.concatenate(parts, axis=1)


def programs() -> list[Any]:
    corpus = [pytest.param(load(ROOT / f"{name}.tp"), id=name.split("/")[1]) for name in CORPUS]
    return corpus + [pytest.param(loads(text), id=name) for name, text in OWN.items()]


@pytest.mark.parametrize("program", programs())
def test_same_law_as_real_matrices(program: Any) -> None:
    """Thousands of comparisons in all; |z| < 5 for each keeps the chance of any false alarm below 1 in 100."""
    x = columns(program, simulate(program, n=8, samples=DRAWS, rng=1))
    y = oracle_columns(program, Oracle(program, 8, DRAWS, 2))
    assert np.isfinite(x).all()
    assert distances(x, y).max() < 5.0


@pytest.mark.parametrize("name", ["valid/crosswise_matrices", "undecided/backward_pass", "invalid/tied_query_key"])
def test_the_comparison_notices_a_wrong_law(name: str) -> None:
    program = load(ROOT / f"{name}.tp")
    x = columns(program, simulate(program, n=8, samples=DRAWS, rng=1))
    assert distances(1.2 * x, oracle_columns(program, Oracle(program, 8, DRAWS, 2))).max() > 5.0


@pytest.mark.parametrize("name", ["valid/attention_example1", "undecided/two_layers", "valid/rnn_tied"])
def test_dense_has_the_same_law(name: str) -> None:
    program = load(ROOT / f"{name}.tp")
    x = columns(program, simulate(program, n=8, samples=DRAWS, rng=3, dense=True))
    assert distances(x, oracle_columns(program, Oracle(program, 8, DRAWS, 4))).max() < 5.0


def test_equal_inputs_have_equal_products() -> None:
    program = loads("""
input (u, v) ~ N([0, 0], [[1, 1], [1, 1]])
weight W, V ~ N(0, 1/n)
a = W @ u - W @ v
b = tanh(V @ (3*u)) - tanh(3 * (V @ v))
c = V' @ tanh(u) - V' @ tanh(v)
output a, b, c""")
    found = simulate(program, n=32, samples=50, coordinates=32)
    for name in "abc":
        assert np.abs(found[name]).max() < 1e-12


# -- exact facts at finite width ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [8, 32])
def test_score_kurtosis(n: int) -> None:
    """Given its inputs a score has excess kurtosis exactly 6/n; with |x|^2 chi-squared also
    E s^4/(E s^2)^2 = (1 + 2/n)^2 for two independent inputs: 3 ((1 + 2/n)^3 - 1)."""
    program = loads("""
input u, v ~ N(0, 1)
weight A, B ~ N(0, 1/n)
p = dot(A @ u, B @ v) / sqrt(n)
a = dot(A @ u, A @ u) / n
b = dot(u, u) / n
c = dot(v, v) / n
output p, b, c""")
    found = simulate(program, n=n, samples=120_000, rng=5)
    p, s2 = found["p"], found["b"] * found["c"]
    exact = 3 * ((1 + 2 / n) ** 3 - 1)
    for x, want in ((p / np.sqrt(s2), 6 / n), (p, exact)):
        ratio = x**4 - (3 + want) * np.mean(x**2) ** 2
        error = ratio.std() / np.sqrt(len(x)) / np.mean(x**2) ** 2
        got = np.mean(x**4) / np.mean(x**2) ** 2 - 3
        assert abs(got - want) < 4.5 * 1.5 * error


def test_critical_relu_kurtosis() -> None:
    """3 ((1 + 2/n_0) prod_l (1 + 5/n_l) - 1) for a Gaussian random input and C_W = 2."""
    program = loads("""
width a = 3*n/4
width b = 5*n/4
input u ~ N(0, 1)
weight A: a x n ~ N(0, 2/n)
weight B: b x a ~ N(0, 2/a)
weight C: n x b ~ N(0, 2/b)
weight D: n x n ~ N(0, 2/n)
y = D @ relu(C @ relu(B @ relu(A @ u)))
output y""")
    n = 64
    x = simulate(program, n=n, samples=150_000, rng=6)["y"]
    want = 3 * ((1 + 2 / n) * (1 + 5 / 48) * (1 + 5 / 80) * (1 + 5 / 64) - 1)
    m2, m4 = np.mean(x**2), np.mean(x**4)
    influence = (x**4 - m4) / m2**2 - 2 * m4 / m2**3 * (x**2 - m2)
    assert abs(m4 / m2**2 - 3 - want) < 4.5 * influence.std() / np.sqrt(len(x))


def test_a_readout_is_normal_given_its_vector() -> None:
    program = loads("input v ~ N(0, 1)\ninput u ~ N(0, 1)\nf = dot(v, u) / sqrt(n)\ng = dot(u, u) / n\noutput f, g")
    found = simulate(program, n=4, samples=20_000, rng=7)
    assert stats.kstest(found["f"] / np.sqrt(found["g"]), "norm").pvalue > 1e-4
    assert stats.kstest(4 * found["g"], "chi2", args=(4,)).pvalue > 1e-4


@pytest.mark.parametrize("law", ["rademacher", "uniform", "student(5)"])
def test_entry_laws(law: str) -> None:
    """E (sum_j W_1j)^4 = 3 + kappa/n for unit variance, with kappa = -2, -6/5 and 6."""
    program = loads(f"input u ~ N(1, 0)\nweight W ~ iid({law}, 1/n)\ny = W @ u\noutput y")
    x = simulate(program, n=4, samples=100_000, rng=8)["y"]
    want = 3 + {"rademacher": -2.0, "uniform": -1.2, "student(5)": 6.0}[law] / 4
    assert abs(np.mean(x**2) - 1) < 5 * np.std(x**2) / np.sqrt(len(x))
    assert abs(np.mean(x**4) - want) < (0.5 if law == "student(5)" else 5 * np.std(x**4) / np.sqrt(len(x)))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("a = W @ u[2]\nc[i] = W @ u[i]\ny[i] = step(a - c[i])\noutput y[2]", 0.5),
        ("x = tanh(u[1])\nz = tanh(u[1])\ny = where(W @ x > W @ z, 1, 0)\noutput y", 0),
        ("y = floor(W @ u[1] - W @ u[1] + 1)\noutput y", 1),
        ("h[i] = V @ relu(W @ u[i])\ny = step(h[1] - V @ relu(W @ u[1]))\noutput y", 0.5),
        ("c[i] = A[i] @ u[1]\ny = sign(c[2] - A[2] @ u[1])\noutput y", 0),
        ("g[i] = W' @ u[i]\ny = sign(W' @ u[3] - g[3])\noutput y", 0),
        ("x[1] = u[1]\nx[2] = u[1]\nx[3] = u[2]\nh[i] = W @ tanh(x[i])\ny = sign(h[1] - h[2])\noutput y", 0),
        ("y = sign(relu6(W @ u[1]) - relu6(W @ u[1]))\noutput y", 0),
    ],
)
def test_products_of_one_vector_are_one_at_a_jump(body: str, value: float) -> None:
    head = "index i in 1..3\ninput u[i] ~ N(0, 1)\nweight W, V ~ N(0, 1/n)\nweight A[i] ~ N(0, 1/n)\n"
    (found,) = simulate(loads(head + body), n=24, samples=200, rng=1).values()
    assert (found == value).all()
