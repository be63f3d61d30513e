"""Populations against a recursion, dense matrices, elementary integrals, and what they must refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import tensorprog as tp
from tensorprog import models
from tensorprog.errors import TensorProgError
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.particles import sampling
from tensorprog.numbers.budget import Budget, search
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import Var, read
from tests.limit.test_gated import ACTIVATIONS, GATES, GENERAL, gru

Array = NDArray[np.float64]
HEAD = "input u, v ~ N(0, 1)\nweight W, U ~ N(0, 1/n)\n"


def sampled(text: str, *names: str, tolerance: float = 1e-3) -> Estimate:
    u = Unfolding(tp.loads(HEAD + text + "\noutput x"))
    with search(Budget(tolerance, 20)):
        return sampling.sampled(u, [u.expression(read(n)) for n in names], {})


@pytest.mark.parametrize(
    ("text", "names", "truth"),
    [
        ("g = W @ u\nx = where(g > 0, g, g/2)", "xx", 5 / 8 - 1 / (8 * math.pi)),
        ("g = W @ u\nh = U @ v\nx = where(g > 0 and h > 0, g*h, 1)", "x", 3 / 4 + 1 / (2 * math.pi)),
        ("g = W @ u\nh = W @ v\nk = U @ u\nx = max(g, h, k)", "x", 1.5 / math.sqrt(math.pi)),
        ("g = W @ u\nx = max(3*g, -g)", "x", 2 * math.sqrt(2 / math.pi)),
        ("g = W @ u\nx = exp(3*g)", "xx", math.exp(18) - math.exp(9)),
        ("g = W @ u\ny = U @ exp(g)\nx = max(y, g)", "x", math.sqrt((math.exp(2) + 1) / (2 * math.pi))),
        ("g = W @ u\nh = W @ v\nx = (g^2 - 1)*max(g, h)", "x", 1 / (2 * math.sqrt(math.pi))),
        ("g = W @ u\nm = mean(max(g, 2*g))\nx = max(g + m, m - g) - m", "x", math.sqrt(2 / math.pi)),
        ("x = 1000 + max(u, v)", "xx", 1 - 1 / math.pi),
    ],
)  # fmt: skip
def test_elementary_integrals(text: str, names: str, truth: float) -> None:
    found = sampled(text, *names)
    assert found.known
    assert abs(found.value - truth) <= found.error <= 3e-3 * max(1, abs(truth))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("g = W @ u\nx = max(1/g, v)", "not proved"),
        ("g = W @ u\nx = max(exp(g^2), v)", "not proved"),
        ("g = W @ u\nh = W @ v\nk = W @ (u + v)\nx = max(g + h, k) - k", "rounding"),
        ("g = W @ u\nh = U @ v\nx = step(max(g, h) - 12)", "one value"),
        ("g = W @ u\nh = U @ v\nx = 1 - step(max(g, h) - 12)", "one value"),
    ],
)
def test_what_a_sample_cannot_tell_is_unknown(text: str, why: str) -> None:
    found = sampled(text, "x")
    assert not found.known
    assert any(w in found.note for w in why.split("|"))


@pytest.mark.parametrize(
    ("text", "names", "truth"),
    [
        ("x = exp(8*max(g, h, k))", "x", 2.36889e14),
        ("x = exp(8*relu(max(g, h, k) - 5))", "x", 1.0010042),
        ("x = max(g, h, k) + 10^9*relu(g + h + k - 10)", "x", 1.949667),
        ("x = exp(2*max(g, h, k))", "xx", 8534.282),
        ("x = exp(4*max(g, h, k))", "x", 8902.600),
        ("x = exp(max(g, h, k))", "x", 3.1344),
        ("m = mean(exp(8*max(g, h, k)))\nx = max(g, h, k)*log(m)/100", "x", 0.2801084),
    ],
)
def test_rare_values_are_seen_or_said(text: str, names: str, truth: float) -> None:
    """Truths: integrals over the density 3 Phi^2 phi of max(g, h, k)."""
    found = sampled("g = W @ u\nh = W @ v\nk = U @ u\n" + text, *names)
    assert not found.known or abs(found.value - truth) <= found.error


def test_roots_of_what_may_be_negative() -> None:
    start = "g = W @ u\nh = W @ v\nk = U @ u\nm = mean(max(g, h)^2)\n"
    assert not sampled(start + "x = sqrt(max(g, h, k) + 6)", "x").known
    found = sampled(start + "x = max(g, h, k)/sqrt(m)", "x")  # E max(g, h)^2 = 1
    assert abs(found.value - 1.5 / math.sqrt(math.pi)) <= found.error <= 3e-3


def test_gru_as_its_recursion() -> None:
    program = models.gru(GENERAL, bias=0.1)
    u = Unfolding(program)
    terms = [u.member(Var("h", (k,))) for k in (1, 2, 3)]
    with search(Budget(1e-4, 20)):
        found = sampling.sampled_matrix(u, terms, {})
    truth = gru(np.array(GENERAL), GATES["sigmoid"], ACTIVATIONS["tanh"], 0.1)
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert np.all(found.error <= 1e-4 * truth.max())


def dense(steps: int, lstm: bool, width: int, draws: int) -> Array:
    """h_s . h_t / n for draws of dense matrices."""
    rng = np.random.default_rng(5)
    out = np.empty((draws, steps, steps))
    for k in range(draws):
        u, v = rng.standard_normal((2, 4, width, width)) / math.sqrt(width)
        x = rng.standard_normal((steps, width))
        h, c, all_h = np.zeros(width), np.zeros(width), []
        for t in range(steps):
            if lstm:
                i, f, o, g = (u[j] @ h + v[j] @ x[t] for j in range(4))
                c = expit(f) * c + expit(i) * np.tanh(g)
                h = expit(o) * np.tanh(c)
            else:
                z, r = (expit(u[j] @ h + v[j] @ x[t]) for j in range(2))
                h = (1 - z) * h + z * np.tanh(u[2] @ (r * h) + v[2] @ x[t])
            all_h.append(h)
        out[k] = np.array(all_h) @ np.array(all_h).T / width
    return out


@pytest.mark.long
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_twenty_steps_against_dense_matrices(name: str) -> None:
    found = tp.derive(getattr(models, name)(20), seconds=8).matrix_number("h")
    assert found.method == "sampling"
    draws = dense(20, name == "lstm", 400, 40)
    wide = draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    assert np.max(wide) < 0.02 * found.value.max()
    assert np.all(np.abs(draws.mean(axis=0) - found.value) <= 5 * wide + found.error)
    assert np.linalg.eigvalsh(found.value).min() > 0


@pytest.mark.long
def test_one_population_answers_all_questions_of_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = sampling.Run.__init__
    monkeypatch.setattr(sampling.Run, "__init__", lambda run, *given: made.append(run) or real(run, *given))
    limit = tp.derive(models.gru(6), seconds=2)
    results = [limit.cov(f"y[{s}]", f"y[{t}]") for s, t in ((6, 6), (5, 6), (1, 6))]
    assert all(r.number is not None and r.number.known for r in results)
    assert len(made) == 1


GATED = """
index i in 1..20
input u[i] ~ N(0, 1)
weight W, V ~ N(0, 1/n)
s = mean(u[1]*u[2])
z[i] = where({one} > {two}, 2, 1)
y[i] = z[i]*sigmoid(u[i])*sigmoid(V @ tanh(u[1]))
output y
"""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("W @ (s*tanh(u[i]))", "0"),  # s has the limit 0
        pytest.param("W @ tanh(u[i])", "W @ (tanh(u[i]) + s*u[i])", marks=pytest.mark.long),
        pytest.param("s*(W @ tanh(u[i]))", "0", marks=pytest.mark.long),
        pytest.param("W @ (s*tanh(u[i]))", "relu(u[1]) - abs(u[1])/2 - u[1]/2", marks=pytest.mark.long),
    ],
)
def test_what_the_limit_may_find_at_a_jump_is_not_sampled(one: str, two: str) -> None:
    limit = tp.derive(tp.loads(GATED.format(one=one, two=two)), seconds=2)
    with pytest.raises(TensorProgError) as refused:
        limit.matrix("y")
    assert refused.value.diagnostics[0].code == "TP502"
    assert limit.cov("y[3]", "y[3]").value is None


def test_a_jump_with_a_variance_is_sampled() -> None:
    """All factors are independent: the gate, 1 or 2, and sigmoid of u and of h."""
    limit = tp.derive(tp.loads(GATED.format(one="W @ (tanh(u[i]) + s*u[i])", two="0")), tolerance=1e-3, seconds=6)
    found = limit.matrix_number("y")

    def moments(variance: float) -> tuple[float, float]:
        x, w = np.polynomial.hermite_e.hermegauss(80)
        f = 1 / (1 + np.exp(-np.sqrt(variance) * x))
        return float(w @ f / w.sum()), float(w @ f**2 / w.sum())

    x, w = np.polynomial.hermite_e.hermegauss(80)
    (a, b), (c, d) = moments(1.0), moments(float(w @ np.tanh(x) ** 2 / w.sum()))
    assert found.value[2, 2] == pytest.approx(2.5 * b * d - (1.5 * a * c) ** 2, abs=2e-3)
    assert found.value[2, 3] == pytest.approx((1.5 * a) ** 2 * (d - c**2), abs=2e-3)


def test_a_family_has_constants_beside_what_is_drawn() -> None:
    u = Unfolding(tp.loads(HEAD + "y = 3 + 0*u\nx = max(u, 2*v)\noutput x, y"))
    x, y = (u.expression(read(name)) for name in "xy")
    with search(Budget(1e-3, 20)):
        found = [sampling.sampled(u, [t], {}, lambda: [[x, y]]) for t in (x, y)]
    assert abs(found[0].value - math.sqrt(5 / (2 * math.pi))) <= found[0].error
    assert found[1].value == 3


def test_a_matrix_has_no_number_where_an_entry_has_none() -> None:
    """m tends to 0, and with it the variance of what the jump reads: rounding made a sign of it in floats."""
    text = "index i in 1..12\ninput u[i] ~ N(0, 1)\nweight W, V, U ~ N(0, 1/n)\ng[i] = W @ tanh(u[i])\n"
    text += (
        "m = mean(g[1]*g[2])\nz[i] = sigmoid(g[i])*where(V @ (m*relu(u[i])) >= 0, 1, -1)\ny[i] = U @ z[i]\noutput y\n"
    )
    limit = tp.derive(tp.loads(text), seconds=2)
    assert limit.cov("y[1]", "y[2]").value is None
    with pytest.raises(TensorProgError) as refused:
        limit.matrix("y")
    assert refused.value.diagnostics[0].code == "TP502"
