"""Jumps that scores reach: relu(p) g is 0 half the time at every width, relu(p) g + mean(e) in the limit alone."""

from __future__ import annotations

import numpy as np
import pytest

import tensorprog as tp

GIVEN = """
param z >= 0 = 0
input u, w, e ~ N(0, 1)
weight A, B, V, W ~ N(0, 1/n)
p = dot(A @ tanh(u), B @ tanh(w))/sqrt(n)
m = mean(e)
g = V @ (relu(p)*u)
h = W @ (m*w)
y = sign(g)
output g
output y
output h
"""


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("sign(g)^2", 0.5),
        ("where(g > 0, 1, 0)", 0.25),
        ("where(g >= 0, 1, 0)", 0.75),
        ("step(g)^2", 0.375),
        ("sign(p*u)^2", 1.0),
        ("sign(p*u + m)^2", 1.0),
        ("sign(z*p*u)^2", 0.0),
        ("sign(z*u)^2*p^2", 0.0),
        ("sign(exp(p)*g + relu(-p)*w)^2", 1.0),
    ],
)
def test_a_conditional_variance_that_is_zero_half_the_time(asked: str, value: float) -> None:
    """By hand: given p <= 0 the vector is 0 at every width, else it is Gaussian."""
    found = tp.derive(tp.loads(GIVEN)).expect(asked)
    assert found.value == pytest.approx(value, abs=1e-6), asked


def test_claims_of_a_valid_program_at_such_jumps() -> None:
    text = GIVEN.replace("output y\noutput h\n", "")
    assert tp.check(tp.loads(text)).verdict == "valid"
    claims = ("E(sign(g)^2) = 1", "E(sign(g)^2) = 1/2", "E(where(g > 0, 1, 0)) = 1/4", "var(step(g)) = 1/4")
    found = tp.claims(tp.loads(text + "".join(f"claim {c}\n" for c in claims)))
    assert [c.status for c in found] == ["refuted", "confirmed", "confirmed", "refuted"]


def test_covariance_and_law_agree_with_dense_matrices() -> None:
    rng, n, seen = np.random.default_rng(5), 24, []
    for _ in range(3000):
        u, w = rng.standard_normal((2, n))
        A, B, V = rng.standard_normal((3, n, n)) / np.sqrt(n)
        p = (A @ np.tanh(u)) @ (B @ np.tanh(w)) / np.sqrt(n)
        seen.append(np.sign(V @ (max(p, 0) * u))[0])
    measured = np.var(seen)
    limit = tp.derive(tp.loads(GIVEN))
    assert limit.var("y").value == pytest.approx(measured, abs=5 * 0.5 / np.sqrt(3000))
    assert limit.law("y").variance.value == pytest.approx(limit.var("y").value, abs=1e-9)


@pytest.mark.parametrize(
    "asked",
    [
        "sign((relu(p) + m)*u)^2",
        "sign(relu(p)*u + h)^2",
        "where(relu(p)*u + m > 0, 1, 0)",
        "step(relu(p) + m)^2",
        "sign(g + m)^2",
    ],
)
def test_what_is_reached_in_the_limit_alone_has_no_value(asked: str) -> None:
    """Where p <= 0 the sign is that of an average, which is 0 at no width."""
    assert has_no_value(GIVEN, asked), asked


def has_no_value(text: str, asked: str) -> bool:
    try:
        return tp.derive(tp.loads(text)).expect(asked).value is None
    except tp.TensorProgError as error:
        return error.diagnostics[0].code == "TP402"


def test_nor_has_what_is_made_of_it() -> None:
    assert has_no_value(GIVEN.replace("output y", "x = B @ sign(relu(p)*u + h)\noutput x"), "x^2")


def test_formulas_hold_at_the_values_where_they_are_used() -> None:
    """sign(z*u)^2 is 1 for z > 0, and 0 at z = 0: the condition of a closed form is asked of the values."""
    claims = ("E(sign(z*u)^2*p^2) = 0", "E(sign(z*u)^2*p^2) = E(p^2)")
    found = list(tp.claims(tp.loads(GIVEN + "".join(f"claim {c}\n" for c in claims))))
    assert [c.status for c in found] == ["refuted", "refuted"]
    assert "z = 0" not in found[0].because
    assert "z = 0" in found[1].because


def test_what_fails_where_two_params_meet_their_edges_is_refuted_there() -> None:
    text = "param a >= 0 = 1\nparam b >= 0 = 1\ninput u, w ~ N(0, 1)\ny = a*u + b*w\noutput y\n"
    (found,) = tp.claims(tp.loads(text + "claim E(sign(y)^2) = 1\n"))
    assert found.status == "refuted"
    assert "a = 0, b = 0" in found.because


@pytest.mark.parametrize(
    "f",
    [
        "sign(floor(a)*b)^2",
        "sign(floor(a/3) + b - b)^2",
        "where(floor(a)*b >= 0, 1, 0)",
        "sign(clip(a*b, 1, 2) - 1)^2",
        "sign(relu(tanh(a))*sin(b))^2",
    ],
)
def test_no_bound_is_claimed_where_a_floor_keeps_a_jump_on_a_strip(f: str) -> None:
    """floor(a) b is 0 for 0 <= a < 1: the first of these is 1 - P(0 <= a < 1) = 0.6587, and a bound said 1."""
    found = tp.expect(f, [[1, 0], [0, 1]], vars=["a", "b"])
    right = {
        "sign(floor(a)*b)^2": 0.658655,
        "sign(floor(a/3) + b - b)^2": 0.501350,
        "sign(clip(a*b, 1, 2) - 1)^2": 0.10426,
        "sign(relu(tanh(a))*sin(b))^2": 0.5,
    }.get(f, 0.670673)
    assert found.error_kind not in ("exact", "bound") or abs(found.value - right) <= found.error + 1e-5
