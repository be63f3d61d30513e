"""Inputs of zeros and ones: what they mean, that they read back, their moments by hand, and the errors."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorprog as tp
from tensorprog import models
from tensorprog.errors import TensorProgError
from tests.language.test_lowering_oracle import Expansion, Meaning

NETWORK = """
index i in 1..2
param keep in (0, 1) = 4/5
input x[i] ~ N(0, 0.5^abs(i-i'))
input m[i] ~ bernoulli(keep)
input s ~ bernoulli({p})
weight W, V ~ N(0, 1/n)
h[i] = relu(W @ x[i])
y[i] = V @ (m[i]/keep*h[i])
z[i] = V @ (s*h[i])
output y, z, m, s
"""
probabilities = st.fractions(0, 1, max_denominator=20)


def test_it_is_short_for_a_function_of_a_gaussian_vector() -> None:
    head = "index i in 1..3\nmatrix P = [0.2, 0.5, 1]\nparam r in (0, 1)\n"
    short = head + "input m[i], w ~ bernoulli(r/2)\ninput k[i] ~ bernoulli(P)\ny[i] = m[i]*k[i] + w\noutput y"
    long = (
        head
        + """input m_u[i], w_u ~ N(0, 1)
input k_u[i] ~ N(0, 1)
m[i] = where(Phi(m_u[i]) < r/2, 1, 0)
w = where(Phi(w_u) < r/2, 1, 0)
k[i] = where(Phi(k_u[i]) < P[i], 1, 0)
y[i] = m[i]*k[i] + w
output y"""
    )
    meaning = Meaning()
    assert Expansion(tp.loads(short), meaning).outputs() == Expansion(tp.loads(long), meaning).outputs()


@given(probabilities)
def test_it_reads_back(p: Fraction) -> None:
    program = tp.loads(NETWORK.format(p=p))
    assert tp.loads(program.to_text()).hash == program.hash
    assert tp.Program.from_json(json.loads(json.dumps(program.to_json()))).hash == program.hash


def test_the_fresh_name_avoids_those_in_use() -> None:
    program = tp.loads("input m ~ bernoulli(1/2)\ninput m_u ~ N(0, 1)\ny = m*m_u\noutput y")
    assert [g.names for g in program.groups] == [("m_u_",), ("m_u",)]
    assert tp.loads(program.to_text()).hash == program.hash


@settings(max_examples=4)
@given(probabilities)
def test_moments_by_hand(p: Fraction) -> None:
    """E m = p; Cov(m_i, m_j) = (p - p^2)[i = j]; a mask scales second moments by p, and by p^2 across inputs."""
    limit = tp.derive(tp.loads(NETWORK.format(p=p)))
    same, across = float(limit.cov("h[1]", "h[1]")) + float(limit.mean("h[1]")) ** 2, float(limit.expect("h[1]*h[2]"))
    near = {"abs": 1e-9}
    assert float(limit.mean("s")) == pytest.approx(float(p), **near)
    assert float(limit.var("s")) == pytest.approx(float(p - p * p), **near)
    assert float(limit.mean("m[1]")) == pytest.approx(0.8, **near)
    np.testing.assert_allclose(limit.matrix("m"), 0.16 * np.eye(2), atol=1e-9)
    np.testing.assert_allclose(limit.matrix("y"), [[same / 0.8, across], [across, same / 0.8]], atol=1e-9)
    np.testing.assert_allclose(limit.matrix("z"), float(p) * np.array([[same, across], [across, same]]), atol=1e-9)


@pytest.mark.parametrize("dense", [False, True])
def test_both_engines_draw_it(dense: bool) -> None:
    draws = tp.simulate(tp.loads(NETWORK.format(p="1/4")), n=64, samples=1500, rng=5, coordinates=8, dense=dense)
    m, s = np.asarray(draws["m"]), np.asarray(draws["s"])
    assert set(np.unique(m)) == set(np.unique(s)) == {0.0, 1.0}
    flat = m.transpose(0, 2, 1).reshape(-1, 2)
    error = 5 * 0.5 / len(flat) ** 0.5
    assert abs(flat.mean(axis=0) - 0.8).max() < error
    assert abs(s.mean() - 0.25) < error
    assert abs((flat[:, 0] * flat[:, 1]).mean() - 0.64) < error
    limit = tp.derive(tp.loads(NETWORK.format(p="1/4")))
    for name in ("y", "z"):
        v = np.asarray(draws[name])
        each = (v[:, :, None] * v[:, None]).mean(axis=-1)
        gap = np.abs(each.mean(axis=0) - limit.matrix(name))
        assert (gap < 5 * each.std(axis=0) / len(v) ** 0.5 + 3 / 64).all()


def test_check_claims_prove_and_validate() -> None:
    program = tp.loads(NETWORK.format(p="1/4") + "claim E(s) = 1/4 within 1e-8\nclaim cov(m[1], m[2]) = 0")
    assert tp.check(program).verdict == "valid"
    assert {c.status for c in tp.claims(program)} <= {"proved", "confirmed"}
    tp.verify(program, tp.prove(program))
    assert tp.validate(program, widths=[32, 64], samples=100, rng=1).verdict != "disagrees"


@pytest.mark.parametrize("shared", [False, True])
def test_dropout_with_and_without_a_shared_mask(shared: bool) -> None:
    """ReLU, inputs of correlation c, weights of variance 2: the second layer without dropout is 2 κ(c)."""
    c = 0.5
    kappa = (np.sqrt(1 - c * c) + (np.pi - np.arccos(c)) * c) / np.pi
    program = models.dropout_mlp([[1, c], [c, 1]], "4/5", shared_mask=shared)
    across = kappa * (1.25 if shared else 1)
    found = tp.derive(program).matrix("h[2,i]")
    np.testing.assert_allclose(found, [[2.5, 2 * across], [2 * across, 2.5]], rtol=1e-9)


@pytest.mark.parametrize(("law", "code", "message", "column"), [
    ("input m ~ bernoulli(2)", "TP019", "the probability 2 of m is not between 0 and 1", 21),
    ("input m ~ bernoulli(1/0)", "TP019", "is not between 0 and 1", 22),
    ("input m ~ bernoulli(-c)", "TP019", "the probability -0.5 of m", 21),
    ("input m[i] ~ bernoulli([0.5, 1.5])", "TP019", "1.5 of m at i = 2", 7),
    ("input m ~ bernoulli(x)", "TP003", "a probability is a constant, and this is a vector", 21),
    ("input m[i] ~ bernoulli(1/i)", "TP003", "the index i is not a value here", 26),
    ("input m ~ bernoulli(1/n)", "TP012", "the width n is not allowed here", 22),
    ("input m ~ bernoulli(P[i])", "TP004", "index i is not an index of what is declared here", 21),
    ("input m[i] ~ bernoulli(Q)", "TP008", "the matrix Q has 3 rows for 2 members", 24),
    ("input m ~ bernoulli(d)", "TP002", "d is not defined", 21),
    ("input x ~ bernoulli(c)", "TP005", "x is already defined", 7),
    ("input m: w ~ bernoulli(c)", "TP002", "there is no width w", 7),
    ("input m ~ uniform(0, 1)", "TP001", "'uniform' is no law", 11),
    ("input m ~ bernoulli(c, 1)", "TP001", "',' is not allowed here", 22),
])  # fmt: skip
def test_errors_have_a_place(law: str, code: str, message: str, column: int) -> None:
    head = "index i in 1..2\nparam c > 0 = 1/2\nmatrix P = [0.5, 1]\nmatrix Q = [0, 0, 1]\ninput x ~ N(0, 1)\n"
    with pytest.raises(TensorProgError, match=message) as caught:
        tp.loads(f"{head}{law}\noutput x")
    (problem,) = caught.value.diagnostics
    assert problem.place is not None
    assert (problem.code, problem.place.line, problem.place.column) == (code, 6, column)


def test_a_refused_probability_leaves_the_program_as_it_was() -> None:
    program = tp.Program()
    for bad in ("m ~ bernoulli(3)", "m[i] ~ bernoulli(1/2)"):
        with pytest.raises(TensorProgError):
            program.input(bad)
    assert program.groups == []
    (m,) = program.input("m ~ bernoulli(3/4)")
    program.output(program.define("y", 2 * m))
    assert "where(Phi(m_u) < 3/4, 1, 0)" in program.to_text()
