"""Means over vectors and scores together: against trapezoid rules, and what must not be proved of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import DivergentError
from tensorprog.limit.averages import Averages
from tensorprog.limit.derive import derive
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.terms import read

SCORES = """
index i, j in 1..2
input x[i] ~ N(0, 1)
input r ~ N(0, 1)
weight A, B, V ~ N(0, 1/n)
p[i,j] = dot(A @ x[i], B @ x[j]) / sqrt(n)
q = 2*p[1,1] + p[1,2]
s = dot(r, tanh(x[1])) / sqrt(n)
t[i,j] = softmax(p[i,j] over j)
v[i] = V @ x[i]
y[i] = sum(t[i,j]*v[j] for j)
z = t[1,1]*v[1] + t[1,2]*v[1]
output y, z, s, q
"""
"""Every p[i,j] is standard normal and independent of the others, s has the variance E tanh^2."""


def mean(f: Callable[..., Any], *variances: float) -> float:
    """E f of independent centred Gaussians, by the trapezoid rule."""
    x = np.linspace(-9, 9, 361)
    w = np.exp(-(x**2) / 2)
    points = np.meshgrid(*(np.sqrt(k) * x for k in variances), indexing="ij")
    weights = np.prod(np.meshgrid(*([w / w.sum()] * len(variances)), indexing="ij"), axis=0)
    return float(np.sum(weights * f(*points)))


def averages(text: str, **values: float) -> Averages:
    return derive(tp.loads(text), values).averages


def share(a: Any, b: Any) -> Any:
    return np.exp(a) / (np.exp(a) + np.exp(b))


@pytest.fixture(scope="module")
def scores() -> Averages:
    return averages(SCORES)


TANH2 = mean(lambda x: np.tanh(x) ** 2, 1)


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("tanh(p[1,1])^2", TANH2),
        ("tanh(q)^2", mean(lambda x: np.tanh(x) ** 2, 5)),
        ("tanh(p[1,1])*tanh(q)", mean(lambda a, b: np.tanh(a) * np.tanh(2 * a + b), 1, 1)),
        ("p[1,1]^2*tanh(x[1])^2", TANH2),
        ("s^2*p[1,1]^2", TANH2),
        ("cos(s)*x[1]^2", np.exp(-TANH2 / 2)),
        ("t[1,1]^2", mean(lambda a, b: share(a, b) ** 2, 1, 1)),
        ("t[1,1]*t[1,2]", mean(lambda a, b: share(a, b) * share(b, a), 1, 1)),
        ("y[1]^2", mean(lambda a, b: share(a, b) ** 2 + share(b, a) ** 2, 1, 1)),
        ("y[1]*y[2]", 0.5),
        ("tanh(p[1,1])*y[1]*v[1]", mean(lambda a, b: np.tanh(a) * share(a, b), 1, 1)),
        ("max(p[1,1], p[1,2])", 1 / np.sqrt(np.pi)),
    ],
)
def test_means_over_scores_and_vectors(scores: Averages, asked: str, value: float) -> None:
    found = scores.number(scores.expectation(read(asked)))
    assert abs(found.value - value) <= found.error + 1e-9, asked


def test_one_quantity_has_one_name(scores: Averages) -> None:
    def gap(a: str, b: str) -> Any:
        return scores.opened(scores.expectation(read(a)) - scores.expectation(read(b)))

    same = [
        ("tanh(p[1,1])*tanh(q)", "tanh(q)*tanh(p[1,1])"),
        ("tanh(p[1,2])^2", "tanh(x[2])^2"),
        ("t[1,1]^2", "t[2,1]^2"),
        ("t[1,1] + t[1,2]", "1 + 0*p[1,1]"),
        ("z^2", "v[2]^2"),
        ("sin(x[1]*x[2])*tanh(x[1])*x[2]", "sin(x[2]*x[1])*tanh(x[2])*x[1]"),
        ("tanh(x[1])^2*t[1,1]^2", "tanh(p[2,2])^2*t[1,1]^2"),
    ]
    other = [
        ("tanh(p[1,1])*tanh(q)", "tanh(p[1,2])*tanh(q)"),
        ("tanh(q)^2", "tanh(p[1,1])^2"),
        ("t[1,1]^2", "t[1,1]*t[1,2]"),
        ("tanh(2*p[1,1])^2", "tanh(p[1,1])^2"),
    ]
    assert [pair for pair in same if gap(*pair) != 0] == []
    assert [pair for pair in other if gap(*pair) == 0] == []


@pytest.mark.parametrize(
    "asked", ["tanh(V @ tanh(y[1]))^2", "1/p[1,1]", "x[1]/p[1,1]", "exp(p[1,1]^2)*x[1]", "x[2]/x[1]"]
)
def test_what_has_no_mean_here_is_refused(asked: str) -> None:
    """Of what is Gaussian given the scores only, and of what has no mean: not even 0 times it is 0."""
    text = SCORES + (f"f = {asked}\noutput f" if "@" in asked else "")
    with pytest.raises((NotCovered, DivergentError)):
        averages(text).expectation(read("f" if "@" in asked else asked))


@pytest.mark.parametrize(("claim", "status"), [
    ("E(w*exp(u^2)) = 0", "undecided"),
    ("E(exp(u^2)*w) = 0", "undecided"),
    ("E(exp(s*p^2)*u) = 0", "confirmed"),
    ("0*E(exp(s*u^2)) = 0", "confirmed"),
    ("E(1/u) = E(1/u)", "undecided"),
    ("E(w*exp(tanh(u))) = 0", "proved"),
])  # fmt: skip
def test_a_mean_that_may_not_exist_is_not_proved(claim: str, status: str) -> None:
    text = (
        "param s > 0 = 0.1\ninput u, w ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\np = dot(A @ u, B @ w)/sqrt(n)\n"
        f"output p\nclaim {claim}\n"
    )
    (found,) = tp.claims(tp.loads(text))
    assert found.status == status, found.because


NAMES = ("K11", "K12", "m1", "c1", "z1", "z")


@pytest.mark.parametrize("name", ["K11", "K12", "m1", "c1", "z1", "z"])
@pytest.mark.parametrize("asked", ["sin(u)*u", "sin({0}*u)*u", "relu(u + v)*v"])
def test_a_param_may_be_called_as_the_calculus_calls_its_own(name: str, asked: str) -> None:
    """E[u sin(u)] was K11*exp(-K11/2) where a param was called K11."""
    text = "param {0} > 0 = 0.7\ninput u, v ~ N(0, 1)\noutput u"
    mine, plain = (tp.derive(tp.loads(text.format(x))).expect(asked.format(x)) for x in (name, "theta"))
    assert mine.expr == plain.expr.replace("theta", name)  # type: ignore[union-attr]
    assert mine.value == plain.value
