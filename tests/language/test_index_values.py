"""An index read as a number inside constants: values against plain numpy, every command, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprog as tp

ROTARY = """
program rotary
index i, j in 1..3
param theta = 0.7
input u[i] ~ N(0, 0.5^abs(i-i'))
weight Q1, Q2, K1, K2, V ~ N(0, 1/n)
x[i] = tanh(u[i])
q[i] = Q1 @ x[i]
k[i] = K1 @ x[i]
s[i] = Q2 @ x[i]
t[i] = K2 @ x[i]
p[i,j] = (cos(theta*(i - j))*(dot(q[i], k[j]) + dot(s[i], t[j]))
          + sin(theta*(i - j))*(dot(q[i], t[j]) - dot(s[i], k[j]))) / sqrt(n)
y[i] = sum(softmax(3*p[i,j] - .3*abs(i - j) over j, mask = j <= i) * (V @ x[j]) for j)
z[i] = V @ (cos(theta*i)*x[i])
w = V @ sum(i^2*x[i] for i)
output y, z
output w
claim cov(z[1], z[2]) = cos(theta)*cos(2*theta)*E(x[1]*x[2])
claim cov(z[1], w) = cos(theta)*(E(x[1]^2) + 4*E(x[1]*x[2]) + 9*E(x[1]*x[3]))
"""
THETA, L = 0.7, np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(range(3), range(3))))


def dense(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """y[3], z[1], z[3] and w of one network of width n, from the formulas, in numpy alone."""
    x = np.tanh(rng.standard_normal((n, 3)) @ L.T)
    q, s, k, t, v = (rng.standard_normal((n, n)) / np.sqrt(n) @ x for _ in range(5))
    at = np.arange(1, 4)
    gap = np.subtract.outer(at, at)
    p = (np.cos(THETA * gap) * (q.T @ k + s.T @ t) + np.sin(THETA * gap) * (q.T @ t - s.T @ k)) / np.sqrt(n)
    e = np.exp(3 * p[2] - 0.3 * np.abs(gap[2]))
    return v @ (e / e.sum()), np.cos(THETA) * v[:, 0], np.cos(3 * THETA) * v[:, 2], v @ at**2


@pytest.mark.long
def test_rotary_scores_and_biases_have_the_values_of_numpy() -> None:
    program = tp.loads(ROTARY)
    assert tp.check(program).verdict == "valid"
    limit = tp.derive(program)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(400):
        y, z1, z3, w = dense(128, rng)
        draws.append([np.mean(y * y), np.mean(z1 * z3), np.mean(w * w), np.mean(w * z1)])
    mean, error = np.mean(draws, axis=0), np.std(draws, axis=0) / np.sqrt(len(draws))  # per network
    found = [np.asarray(limit.law("y[3]").variance.value).item(), *(limit.cov(*pair).value for pair in
             (("z[1]", "z[3]"), ("w", "w"), ("w", "z[1]")))]  # fmt: skip
    assert (np.abs(mean - found) < 5 * error + 0.004 * np.abs(mean)).all()
    assert [c.status for c in tp.claims(program)] == ["proved"] * 2
    drawn = tp.simulate(program, n=64, samples=4000, rng=1)["y"][:, 2]
    assert abs(np.var(drawn) - found[0]) < 5 * found[0] * np.sqrt(3 / 4000) + 0.01


def test_the_distance_matters() -> None:
    limit = tp.derive(tp.loads("index i in 1..3\ninput u[i] ~ N(0, 1)\nx[i] = (-1)^i*u[i] + i\noutput x\n"))
    assert [limit.mean(f"x[{i}]").value for i in (1, 2, 3)] == [1, 2, 3]
    assert limit.expect("x[2]*u[2]").value == 1
    assert limit.expect("x[3]*u[3]").value == -1


def test_a_certificate_is_accepted() -> None:
    text = "index i in 1..3\ninput u[i] ~ N(0, 1)\nweight V ~ N(0, 1/n)\nz[i] = V @ tanh(u[i]/(1 + i))\noutput z\n"
    program = tp.loads(text)
    tp.verify(program, tp.prove(program))


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("x = sum(u[i]*2^(-i) for i)", 0.25**1 + 0.25**2 + 0.25**3), ("x = max(i*u[1] for i)", None),
        ("x = sum(where(i > 1, u[i], 0) for i)", 2), ("x = sum(sum(i*j*u[i] for j) for i)", 36 * 14),
    ],
)  # fmt: skip
def test_an_index_that_is_bound(line: str, right: float | None) -> None:
    limit = tp.derive(tp.loads(f"index i, j in 1..3\ninput u[i] ~ N(0, 1)\n{line}\noutput x\n"))
    if right is None:  # max(1, 3) of u, whichever is larger: E = (9 E u+^2 + E u-^2)
        assert limit.expect("x^2").value == pytest.approx(5)
    else:
        assert limit.var("x").value == pytest.approx(right)


def test_a_builder_reads_indices_alike() -> None:
    p = tp.Program("built")
    (i,) = p.index("i in 1..2")
    (u,) = p.input("u[i] ~ N(0, 1)")
    x = p.define("x[i]", i * u[i])
    p.output(x)
    assert [tp.derive(p).var(f"x[{k}]").value for k in (1, 2)] == [1, 4]


@pytest.mark.parametrize("text", ["x = i*u[1]", "x = u[1]^j"])
def test_an_index_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(tp.TensorProgError) as found:
        tp.loads(f"index i, j in 1..3\ninput u[i] ~ N(0, 1)\n{text}\noutput x\n")
    (d,) = found.value.diagnostics
    assert (d.code, d.help[:4]) == ("TP003", "put ")


def test_a_family_with_constant_members_is_sampled_beside_others() -> None:
    text = """
index i, j in 1..4
input u[i] ~ N(0, 1)
weight W ~ N(0, 1/n)
x[i] = W @ u[i]
o = max(x[j] - j for j)
z[i,j] = x[i]*mod(i, 2) + cos(pi*j)*x[j]
output o
output z
"""
    limit = tp.derive(tp.loads(text), seconds=1.5)
    o = (np.random.default_rng(0).standard_normal((400_000, 4)) - np.arange(1, 5)).max(axis=1)
    found = limit.cov("o", "o")
    assert abs(found.value - o.var()) < found.error + 0.01
    assert [limit.cov("z[2,1]", "z[2,2]").value, limit.cov("z[3,1]", "z[1,2]").value] == [0, -1]
