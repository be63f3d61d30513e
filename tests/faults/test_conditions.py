"""Conditions on limits of scalars: which branch holds is decided by numbers, wherever the condition stands."""

import math

import mpmath
import pytest

import tensorprog as tp

PROGRAM = """param c = 1
matrix M = [1/2, 2]
input u ~ N(0, 1)
weight V ~ N(0, 1/n)
t = mean(u^2)
s = mean(tanh(u)^2)
y1 = where(t > 1/2, u, -u)
y2 = where(s > M[1], u, 3*u)
y3 = where(s < c, 1, 7)*u
y4 = clip(s, 0, M[2])*u
y5 = max(s, t, 1/3)*u
y6 = softplus(s)*where(1/2 < t, 2, 3)*u
y7 = V @ where(t > 1/2 and s < M[2], u, u^2)
k = where(t < 2, hermite(2, t), 9)
output k
output y1, y2, y3, y4, y5, y6, y7
"""
S = float(mpmath.quad(lambda x: mpmath.tanh(x) ** 2 * mpmath.npdf(x), [-12, -1, 0, 1, 12]))
VARIANCES = {
    "y1": 1,
    "y2": 9,
    "y3": 1,
    "y4": S**2,
    "y5": 1,
    "y6": (2 * math.log1p(math.exp(S))) ** 2,
    "y7": 1,
}


@pytest.fixture(scope="module")
def limit():
    return tp.derive(tp.loads(PROGRAM))


@pytest.mark.parametrize("name", VARIANCES)
def test_conditions_on_limits_choose_the_branch_that_holds(limit, name):
    found = limit.cov(name, name)
    assert abs(found.value - VARIANCES[name]) <= found.error + 1e-12
    assert limit.matrix(name) == pytest.approx(VARIANCES[name], abs=1e-9)


def test_a_function_of_limits_with_a_condition_has_its_value(limit):
    assert limit.mean("k").value == pytest.approx(0, abs=1e-12)  # He_2(1) = 0


def test_every_member_of_a_family_is_asked_at_its_own_jump():
    """Limits that are equal for all members have no axis of their own: the members are asked all the same."""
    text = "index i in 1..2\ninput u[i] ~ N(0, 1)\nm[i] = mean(u[i]{power})\ny[i] = sign(m[i])*u[i]\noutput y\n"
    found = tp.derive(tp.loads(text.format(power="^2"))).matrix("y")
    assert found.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(tp.TensorProgError) as refused:
        tp.derive(tp.loads(text.format(power=""))).matrix("y")
    assert refused.value.diagnostics[0].code == "TP502"
