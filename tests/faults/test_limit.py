"""Numbers and claims of the limit that were wrong once, each with the right answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import TensorProgError
from tensorprog.limit.derive import Limit, derive

PROGRAMS = Path(__file__).parent / "programs"

WITH_PARAM = """
param r in (-1, 1) = 0.5
input (u, w) ~ N([0, 0], [[1, r], [r, 1]])
output u
claim cov(u, w) = r
"""

ASKED: dict[str, Callable[[tp.Program, dict[str, Any]], Any]] = {
    "claims": lambda p, v: tp.claims(p, values=v),
    "derive": tp.derive,
    "simulate": lambda p, v: tp.simulate(p, n=4, samples=2, rng=0, values=v),
    "validate": lambda p, v: tp.validate(p, widths=[4, 8], samples=4, rng=0, values=v),
}


@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize(
    ("values", "code"),
    [({"r": -3}, "TP017"), ({"nope": 3}, "TP002"), ({"r": "x"}, "TP017"), ({"r": float("nan")}, "TP017"),
     ({"r": 1}, "TP017"), ({"r": "1/0"}, "TP017")],
)  # fmt: skip
def test_every_command_refuses_the_same_numbers_of_params(command: str, values: dict[str, Any], code: str) -> None:
    with pytest.raises(TensorProgError) as refused:
        ASKED[command](tp.loads(WITH_PARAM), values)
    assert refused.value.diagnostics[0].code == code


def test_an_expectation_refuses_a_number_for_a_name_that_it_does_not_have() -> None:
    with pytest.raises(TensorProgError) as refused:
        tp.expect("relu(C*a)", [[1]], vars=["a"], values={"C": 1, "nope": 3})
    assert refused.value.diagnostics[0].code == "TP002"


@pytest.mark.parametrize(("kind", "members"), [("float16", 4), ("float32", 5), ("float32", 40), ("float64", 40)])
def test_gram_matrices_are_accepted_with_the_rounding_of_their_own_type(
    kind: str, members: int, tmp_path: Path
) -> None:
    x = np.random.default_rng(members).standard_normal((members, 3)).astype(kind)
    np.save(tmp_path / "gram.npy", (x[:, None] * x[None]).sum(axis=2, dtype=kind))
    text = f'index i in 1..{members}\nmatrix K = file("gram.npy")\ninput u[i] ~ N(0, K[i,i\'])\noutput u\n'
    (tmp_path / "program.tp").write_text(text)
    assert tp.derive(tp.load(tmp_path / "program.tp")).matrix("u").shape == (members, members)


@pytest.mark.parametrize("entries", [[[1, 1.001], [1.001, 1]], [[1000, 1001], [1001, 1000]]])
def test_what_no_rounding_explains_is_no_covariance(entries: list[list[float]], tmp_path: Path) -> None:
    np.save(tmp_path / "gram.npy", np.array(entries, dtype="float32"))
    (tmp_path / "program.tp").write_text(
        'index i in 1..2\nmatrix K = file("gram.npy")\ninput u[i] ~ N(0, K[i,i\'])\noutput u\n'
    )
    with pytest.raises(TensorProgError, match="positive semidefinite"):
        tp.load(tmp_path / "program.tp")


# -- jumps at atoms ----------------------------------------------------------------------------------------------------

AT_ATOMS = """
param z >= 0 = 0
index i in 1..3
input u[i] ~ N(0, 1)
input (a, b, c) ~ N([0, 1, 0], [[1, 2, 1], [2, 4, 2], [1, 2, 3]])
input e ~ N(0, 0)
input d ~ N(0, z)
weight W, V ~ N(0, 1/n)
weight Z ~ N(0, z/n)
none = mean(d)
some = mean(u[2])
g = W @ a
h = W @ (b - 1)
k = Z @ u[1]
x[1] = sign(e)
x[2] = where(b >= 2*a + 1, 1, 5)
x[3] = where(h > 2*g, 1, 0)
x[4] = step(k)
x[5] = floor(d)*u[1] + sign(d - 1)
x[6] = where(sign(e) >= 0, u[2], u[3])
x[7] = sign(g)*step(none)
x[8] = V @ sign(a - b)
x[9] = c*sign(W @ (e*u[1]))
y[1] = sign(some)*u[1]
y[2] = sign(V @ (some*tanh(u[1])))
y[3] = where(some*u[1] > 0, 1, 2)
w[1] = relu(V @ (some*tanh(u[1])))
w[2] = (V @ (some*tanh(u[1])))*sign(V @ (some*tanh(u[1])))
w[3] = where(some*u[1] > 0, some*u[1], 0)
output x, y, w
"""
"""A value at a jump counts where the argument is there at every width: x. In y it is there in the limit only."""

SQUARES = {1: 0.0, 2: 1.0, 3: 0.0, 4: 0.25, 5: 1.0, 6: 1.0, 7: 0.25, 8: 1.0, 9: 0.0}


@pytest.fixture(scope="module")
def at_atoms() -> Limit:
    return tp.derive(tp.loads(AT_ATOMS.replace("output x, y, w", "output x")))


@pytest.mark.parametrize("k", SQUARES)
def test_the_value_at_a_jump_counts_where_it_is_reached_at_every_width(k: int, at_atoms: Limit) -> None:
    """The reference is one draw at n = 2000 in plain numpy, and the count by hand."""
    found = at_atoms.expect(f"x[{k}]^2")
    assert (found.value, found.error) == (SQUARES[k], 0.0)
    if k not in (2, 3):  # floats may round b and 2 a + 1 apart
        draws = tp.simulate(at_atoms.program, n=2000, samples=4, rng=k, coordinates=2000)["x"][:, k - 1]
        assert np.mean(draws**2) == pytest.approx(SQUARES[k], abs=1e-12 if k not in (6, 8) else 0.1)
    square = at_atoms.cov(f"x[{k}]", f"x[{k}]").value
    assert at_atoms.matrix("x")[k - 1, k - 1] == pytest.approx(square, abs=1e-12)


@pytest.mark.parametrize("y", ["y[1]", "y[2]", "y[3]"])
def test_a_jump_that_only_the_limit_reaches_has_no_value(y: str) -> None:
    limit = tp.derive(tp.loads(AT_ATOMS))
    found = limit.expect(f"{y}^2")
    assert found.value is None
    assert found.expr is None
    assert "every width" in found.because
    with pytest.raises(TensorProgError) as refused:
        limit.matrix(y)
    assert refused.value.diagnostics[0].code == "TP502"


@pytest.mark.parametrize("w", ["w[1]", "w[2]", "w[3]"])
def test_what_is_continuous_all_the_same_has_its_value(w: str) -> None:
    limit = tp.derive(tp.loads(AT_ATOMS))
    assert limit.expect(f"{w}^2").value == 0
    assert limit.matrix(w) == 0


def test_variables_of_variance_zero_stand_on_the_jump() -> None:
    limit = tp.derive(tp.load(PROGRAMS / "zero_var_num.tp"))
    for name, right in (("h", 0.0), ("k", 1.0)):
        found = limit.cov(name, name)
        assert (found.value, found.error) == (right, 0.0)
        assert limit.matrix(name) == right
    assert limit.cov("k", "k").to_json()["where"] == ["z > 0"]


def test_a_formula_with_a_jump_says_where_it_holds() -> None:
    text = """
param s = 2
param r in (-1, 1) = 0.5
input (u, w) ~ N([0, 0], [[s^2, s*r], [s*r, 1]])
x = sign(u)*sign(w)
output x
"""
    found = tp.derive(tp.loads(text)).mean("x")
    assert [str(c) for c in found.assumed] == ["s**2 > 0"]
    assert found.value == pytest.approx(2 / np.pi * np.arcsin(0.5), abs=1e-14)
    assert tp.derive(tp.loads(text), {"s": 0}).mean("x").value == 0


def test_equal_inputs_are_equal_at_every_width() -> None:
    text = "input (u, w) ~ N([0, 0], [[1, 1], [1, 1]])\nx = where(u > w, 1, 0)\ny = where(u >= w, 1, 0)\noutput x, y"
    limit = tp.derive(tp.loads(text))
    assert [limit.mean(name).value for name in "xy"] == [0.0, 1.0]


# -- scores and laws ---------------------------------------------------------------------------------------------------

ATTENTION = """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight Q, K, V ~ N(0, 1/n)
x[i] = tanh(u[i])
q[i] = Q @ x[i]
k[i] = K @ x[i]
v[i] = V @ x[i]
p[i,j] = dot(q[i], k[j])/sqrt(n)
y[i] = sum(softmax(p[i,j] over j)*v[j] for j)
z[i] = sum(p[i,j]*v[j] for j)
output y, z
"""


@pytest.fixture(scope="module")
def attention() -> Limit:
    return tp.derive(tp.loads(ATTENTION))


def test_polynomials_in_scores_have_proved_numbers(attention: Limit) -> None:
    """With c = E tanh(Z)^2 by mpmath: p_ij are independent with variance c^2, v_j with variance c."""
    mp.mp.dps = 30
    c = mp.quad(lambda x: mp.tanh(x) ** 2 * mp.npdf(x), [-mp.inf, 0, mp.inf])
    for text, right in (
        ("p[1,1]^2", c**2),
        ("p[1,1]*p[2,2]", 0),
        ("p[1,1]^4", 3 * c**4),
        ("p[1,1]^2*p[1,2]^2", c**4),
        ("z[1]^2", 2 * c**3),
        ("z[1]*z[2]", 0),
    ):
        found = attention.expect(text)
        assert found.value is not None
        assert found.error is not None
        assert found.error_kind in ("bound", "exact")
        assert abs(found.value - float(right)) <= found.error + 1e-16
        assert found.error < 1e-12
    assert attention.expect("z[1]*z[2]").value == 0
    assert attention.expect("p[1,1]*p[2,2]").value == 0


def test_the_mean_of_a_square_is_what_the_covariance_says(attention: Limit) -> None:
    square, variance = attention.expect("y[1]^2"), attention.cov("y[1]", "y[1]")
    assert square.method == variance.method == "quadrature"
    assert square.value == pytest.approx(variance.value, abs=1e-9)


def test_the_law_of_two_variables_is_stated_by_their_whole_covariance(attention: Limit) -> None:
    law = attention.law("y[1]", "y[2]")
    rows = law.conditional_covariance
    assert rows is not None
    assert [len(row) for row in rows] == [2, 2]
    assert str(rows[0][0]) == str(attention.law("y[1]").conditional_covariance[0][0])  # type: ignore[index]
    assert "pmatrix" in law._repr_latex_()


# -- claims ------------------------------------------------------------------------------------------------------------

FALSE_PROVED = [
    ("refuted", "z = 0"),
    ("refuted", "z = 0"),
    ("refuted", "z = 0"),
    ("refuted", "t = -1"),
    ("confirmed", "1 - 2*z > 0"),
    ("confirmed", "1 - 2*z > 0"),
    ("refuted", "z = 0"),
    ("refuted", "z = 0"),
    ("refuted", "z = 0"),
    ("refuted", "t = 0"),
    ("confirmed", "may be 0"),
    ("proved", ""),
    ("confirmed", "negative for some params"),
]


@pytest.mark.parametrize("values", [{}, {"z": 0.4}, {"t": 3}, {"z": 0.1, "t": 0.5}])
def test_a_claim_is_proved_for_all_params_or_not_at_all(values: dict[str, float]) -> None:
    """The answers do not depend on the numbers of the params, but for what is confirmed at them."""
    decisions = tp.claims(tp.load(PROGRAMS / "false_proved.tp"), values=values)
    for d, (status, because) in zip(decisions, FALSE_PROVED, strict=True):
        assert d.status == status, (d.text, d.because)
        assert because in d.because


OF_THE_KIND = """
param p > 0 = 2
param q >= 0 = 1
param s = 1
param b in (-1, 1) = 0.5
index i in 1..2
input u[i] ~ N(0, 1)
input (c, d) ~ N([0, 0], [[1, b], [b, 1]])
input w ~ N(0, q)
weight W ~ N(0, s^2/n)
weight V ~ N(0, p/n)
g = W @ u[1]
h = V @ tanh(u[1])
output g, h
"""


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        ("E(sign(h)^2) = 1", "proved"),
        ("E(sign(g)^2) = 1", "refuted"),
        ("E(step(w)) = 1/2", "confirmed"),
        ("E(step(w)^2) = 1/2", "refuted"),
        ("E(sign(s*u[1])^2) = 1", "refuted"),
        ("E(sign(p*u[1])^2) = 1", "proved"),
        ("E(abs(w)) = sqrt(2*q/pi)", "proved"),
        ("E(abs(s*u[1]))^2 = 2*s^2/pi", "proved"),
        ("E(clip(u[1], -p, p)) = 0", "proved"),
        ("E(clip(u[1], -s, s)) = 0", "refuted"),
        ("E(exp(s*u[1])) = exp(s^2/2)", "proved"),
        ("E(exp(-p*u[1]^2))^2 = 1/(1 + 2*p)", "proved"),
        ("E(exp(-s*u[1]^2))^2 = 1/(1 + 2*s)", "confirmed"),
        ("var(g)/s^2 = 1", "confirmed"),
        ("var(h)/p = E(tanh(u[1])^2)", "proved"),
        ("E(u[1]/s) = 0", "confirmed"),
        ("log(p^2) = 2*log(p)", "confirmed"),
        ("E(sign(c - d)^2) = 1", "proved"),
        ("E(sign(c)*sign(d)) = 2*asin(b)/pi", "proved"),
        ("E(where(c > d, 1, 0)) = 1/2", "proved"),
        ("var(g) = 1", "refuted"),
        ("var(w) = 1", "refuted"),
        ("gaussian(g)", "proved"),
        ("not gaussian(g)", "refuted"),
        ("E(max(w, 0)) = sqrt(q/(2*pi))", "proved"),
        ("b^2 = abs(b)^2", "proved"),
        ("sqrt(s^2) = s", "refuted"),
    ],
)
def test_claims_of_the_kind(claim: str, status: str) -> None:
    (found,) = tp.claims(tp.loads(f"{OF_THE_KIND}claim {claim}\n"))
    assert found.status == status or (status == "proved" and found.status == "confirmed" and "log" in claim), (
        found.because
    )


def test_constants_are_gaussian_of_variance_zero() -> None:
    text = "input e ~ N(0, 0)\ninput u ~ N(0, 1)\nm = mean(tanh(u)^2)\nx = cos(e) + m\ny = u - u\noutput x, y\n"
    text += "claim gaussian(x)\nclaim not gaussian(x)\nclaim gaussian(y)\nclaim not gaussian(y)\n"
    assert [d.status for d in tp.claims(tp.loads(text))] == ["proved", "refuted", "proved", "refuted"]


def test_a_batch_norm_variance_is_what_derive_gives() -> None:
    text = """
index i, j in 1..4
input u[i] ~ N(0, 1)
weight W ~ N(0, 1/n)
h[i] = W @ u[i]
m = sum(h[i] for i)/4
c[i] = h[i] - m
z[i] = c[i]/sqrt(0.1 + sum(c[j]^2 for j)/4)
output z
"""
    derived = tp.derive(tp.loads(text)).var("z[1]")
    assert derived.value is not None
    (found,) = tp.claims(tp.loads(f"{text}claim var(z[1]) = {derived.value:.10f} within 1e-6\n"))
    assert found.left == derived.value
    assert found.status == ("confirmed" if derived.settled else "undecided")
    assert "param" not in found.because


def test_attention_after_a_residual_connection_ends() -> None:
    """Each product of two tanh(y + x) reads four Gaussians given the scores: sampled, in place of no end.

    The reference is a simulation in plain numpy at n = 512 (dense matrices, 60 draws):
    var w[1] = 0.3177 with a standard error of 0.004.
    """
    law = derive(tp.load(PROGRAMS / "nested_residual.tp"), tolerance=0.02).law("w[1]")
    assert law.variance.error_kind == "sampling"
    assert law.variance.value[0] == pytest.approx(0.317, abs=0.015)


@pytest.mark.parametrize(
    "scalar", ["mean(u^2)*(1 + 1/n)", "(1 + 3/n)*mean(u^2) + mean(u)", "(2 - 1/n)*mean(u^2)/2", "mean(u^2)"]
)
def test_factors_that_tend_to_1_have_their_limit(scalar: str) -> None:
    text = f"input u ~ N(0, 2)\nm = {scalar}\nx = tanh(m)*u\noutput x, m\n"
    text += "claim E(m) = 2\nclaim E(x^2) = 2*tanh(2)^2\n"
    limit = tp.derive(tp.loads(text))
    assert limit.mean("m").expr == "2"
    assert limit.cov("x", "x").value == pytest.approx(2 * np.tanh(2) ** 2, abs=1e-14)
    assert float(limit.law("x").variance.value[0]) == limit.cov("x", "x").value
    assert [d.status for d in tp.claims(tp.loads(text))] == ["proved", "proved"]
