"""No number of any kind without a proof that it exists; no sample without a proof that its spread does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import acb

from tensorprog.errors import DivergentError
from tensorprog.gaussian.integrate.quadrature import expectation, pose, sampled
from tensorprog.gaussian.problem.factors import posed
from tensorprog.numbers.budget import Budget, search
from tensorprog.terms import Var, read

Z = [Var("z1"), Var("z2"), Var("z3")]


@pytest.mark.parametrize(
    "text",
    [
        "max(1/z1, z2)",
        "max(1/abs(z1), z2)",
        "max(tan(z1), z2)",
        "z1/max(z1, z2)",
        "max(exp(z1*z2), z1)",
        "max(abs(z1), z2)^(-3/2)",
        "1/(max(z1, z2) + 7)",  # a pole that no point of a sample comes near
        "log(max(z1, z2) + 7)",  # undefined with probability 1e-24
        "sqrt(max(z1, z2) + 6)",
    ],
)
def test_what_does_not_exist_has_no_number(text: str) -> None:
    with search(Budget(1e-3, 3)):
        try:
            found = expectation(read(text), Z[:2], np.eye(2).tolist())
        except DivergentError:  # a proof that it does not exist is as good
            return
    assert not found.known


@pytest.mark.parametrize("power", ["-1/2", "-3/4"])
def test_no_standard_error_without_a_square(power: str) -> None:
    problem = pose(posed(read(f"max(abs(z1)^({power}), z2)"), Z[:2], np.eye(2).tolist(), None, None))
    assert not sampled(problem, 0).known


def test_a_sample_where_the_square_exists() -> None:
    """E max(|z1|^(-1/4), z2): the density of |z1| and the normal law's E max(c, z) = c Phi(c) + phi(c)."""
    problem = pose(posed(read("max(abs(z1)^(-1/4), z2)"), Z[:2], np.eye(2).tolist(), None, None))
    with search(Budget(1e-3, 3)):
        found = sampled(problem, 0)

    def f(s: acb, _: object) -> acb:  # z1 = s^8, c = s^-2
        c = s**-2
        inner = c * (1 + (c / acb(2).sqrt()).erf()) / 2 + (-c * c / 2).exp() / (2 * acb.pi()).sqrt()
        return 2 * inner * (-(s**16) / 2).exp() / (2 * acb.pi()).sqrt() * 8 * s**7

    truth = float(acb.integral(f, acb("1e-3"), 2).real.mid())
    assert found.known
    assert math.isclose(found.value, truth, abs_tol=found.error)
    assert found.error < 0.01
