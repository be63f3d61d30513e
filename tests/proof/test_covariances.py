"""Certified covariances, laws and claims of programs, against numbers from code that shares nothing with the kernel."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest

from tensorprog.errors import CertificateError, TensorProgError
from tensorprog.language import load, loads
from tensorprog.proof import prove, verify
from tests.limit.dense import RandomProgram
from tests.proof.certified_laws import EXAMPLES, RESIDUAL, RNN, mlp
from tests.proof.certified_numbers import covariances as numbers


def cho_saul(k: np.ndarray) -> np.ndarray:
    """E relu(u) relu(v) with the angle between u and v (Cho & Saul 2009)."""
    s = np.sqrt(np.outer(np.diag(k), np.diag(k)))
    angle = np.arccos(np.clip(k / s, -1, 1))
    return np.asarray(s * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi))


def williams(k: np.ndarray) -> np.ndarray:
    """E erf(u) erf(v) (Williams 1997)."""
    d = 1 + 2 * np.diag(k)
    return np.asarray(2 / np.pi * np.arcsin(2 * k / np.sqrt(np.outer(d, d))))


@pytest.mark.long
@pytest.mark.parametrize(("f", "kernel"), [("relu", cho_saul), ("erf", williams)])
def test_fifty_layers(f: str, kernel: Callable[[np.ndarray], np.ndarray]) -> None:
    program = mlp(f, 50)
    found = prove(program, ["covariances:h[50,1],h[50,2]"])
    if f == "relu":
        shallow = prove(mlp(f, 25), ["covariances:h[25,1],h[25,2]"])
        assert found.steps < 2.1 * shallow.steps
        assert len(found.text) < 2.2 * len(shallow.text)
    for r in (0.5, -0.7):
        k = np.array([[1, r], [r, 1]])
        k = 2 * k + 0.1
        for _ in range(49):
            k = 2 * kernel(k) + 0.1
        certified = numbers(program, found, r=r)
        for pair, expected in zip(((1, 1), (1, 2), (2, 2)), (k[0, 0], k[0, 1], k[1, 1]), strict=True):
            one, two = (f"h[50,{i}]" for i in pair)
            assert certified[one, two] == pytest.approx(expected, rel=1e-9)


def test_example_one() -> None:
    program = load(EXAMPLES / "attention.tp")
    names = ["p[1,1,1]", "p[1,1,2]", "p[1,2,1]", "p[2,1,1]"]
    found = prove(program, [f"covariances:{','.join(names)}", "covariances:x[1],x[2]", "laws:y[1],y[2]", "claims"])
    c = 0.8
    certified = numbers(program, found, C=c)
    grid = np.linspace(-9, 9, 400_001)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    second = float(np.trapezoid(np.clip(grid, -c, c) ** 2 * density, grid))
    assert certified["x[1]", "x[1]"] == pytest.approx(second, rel=1e-8)
    for a in names:
        for b in names[names.index(a) :]:
            assert certified[a, b] == pytest.approx(second**2 if a == b else 0, rel=1e-8)
    assert [g[0] for g in found.goals].count("claim") == 4
    (law,) = [g for g in found.goals if g[:3] == ("law given the scores", "y[1]", "y[2]")]
    assert "softmax(p[2,1,j] over j at 4)*softmax(p[2,2,j] over j at 4)" in law[4]


CROSSED = """
input (a, b) ~ N([0, 0], [[1, 1/2], [1/2, 1]])
input c ~ N(0, 1)
weight W, U ~ N(0, 1/n)
x = relu(a)
z = relu(b) + c/2
p = dot(W @ x, U @ z) / sqrt(n)
s = dot(U @ x, W @ z) / sqrt(n)
y = tanh(p) * c + sin(s) * c
output y
"""


def test_scores_through_two_matrices_crosswise() -> None:
    program = loads(CROSSED)
    found = prove(program, ["covariances:p,s"])
    certified = numbers(program, found)
    rng, n, draws = np.random.default_rng(5), 96, 3000
    seen = np.empty((draws, 2))
    for d in range(draws):
        a, e, c = rng.standard_normal((3, n))
        x, z = np.maximum(a, 0), np.maximum(a / 2 + math.sqrt(0.75) * e, 0) + c / 2
        w, u = rng.standard_normal((2, n, n)) / math.sqrt(n)
        seen[d] = ((w @ x) @ (u @ z) / math.sqrt(n), (u @ x) @ (w @ z) / math.sqrt(n))
    for (i, j), pair in {(0, 0): ("p", "p"), (0, 1): ("p", "s"), (1, 1): ("s", "s")}.items():
        terms = seen[:, i] * seen[:, j]
        error = terms.std(ddof=1) / math.sqrt(draws)
        assert abs(terms.mean() - certified[pair]) < 4.5 * error + 6 * certified["p", "p"] / n, pair


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_random_programs_against_real_matrices(seed: int) -> None:
    rng = np.random.default_rng(7000 + seed)
    made = RandomProgram(rng).build(6)
    program = loads(made.text)
    names = [v.split("[")[0] + (f"[{k}]" if "[" in v else "") for v in made.vectors for k in (1, 2)]
    certified: dict[tuple[int, int], float] = {}
    for a in range(0, len(names), 2):
        for b in (a, a + 1):
            try:
                found = prove(program, [f"covariances:{names[a]},{names[b]}"])
            except TensorProgError:
                continue
            certified[a, b] = numbers(program, found)[names[a], names[b]]
    assert len(certified) >= 4
    widths, means, errors = (100, 300), [], []
    pairs = list(certified)
    for n in widths:
        draws = np.empty((30, len(pairs)))
        for d in range(30):
            x = made.simulate(n, rng)
            draws[d] = [np.cov(x[a // 2][a % 2], x[b // 2][b % 2])[0, 1] for a, b in pairs]
        means.append(draws.mean(axis=0))
        errors.append(draws.std(axis=0, ddof=1) / math.sqrt(30))
    estimate = (3 * means[1] - means[0]) / 2
    error = np.hypot(3 * errors[1], errors[0]) / 2
    theory = np.array(list(certified.values()))
    assert np.all(np.abs(estimate - theory) < 5.5 * error + 1e-9), made.text


def test_tied_weights() -> None:
    names = ("g1", "g2", "g3")
    program = loads(RNN)
    certified = numbers(program, prove(program, [f"covariances:{','.join(names)}"]))
    k = np.full((3, 3), 1.1)
    for i in range(1, 3):
        for j in range(i + 1):
            inner = np.array([[k[i - 1, i - 1], k[i - 1, j - 1]], [k[i - 1, j - 1], k[j - 1, j - 1]]])
            extra = 1.5 * williams(inner)[0, 1] if j else 0
            k[i, j] = k[j, i] = 1.1 + extra
    for i in range(3):
        for j in range(i, 3):
            assert certified[names[i], names[j]] == pytest.approx(k[i, j], rel=1e-9)


def test_residual_and_layernorm() -> None:
    program, names = loads(RESIDUAL), ("h[1]", "h[3]")
    certified = numbers(program, prove(program, [f"covariances:{','.join(names)}"]))
    assert certified == {("h[1]", "h[1]"): 1, ("h[1]", "h[3]"): 1, ("h[3]", "h[3]"): 2.25}
    program = load(EXAMPLES / "layernorm.tp")
    found = prove(program, ["covariances:y,x", "claims"])
    certified = numbers(program, found, eps=0.3)
    assert certified["y", "y"] == pytest.approx(1 + 2 / 2.3)  # E u^2 + 2 E relu(x)^2, E x^2 = 2/(2 + eps)
    assert certified["x", "x"] == pytest.approx(2 / 2.3)
    assert [g[0] for g in found.goals].count("claim") == 2


RESIDUAL_STREAM = """
index i, j in 1..2
input h0 ~ N(0, 1)
input t ~ N(1, 1)
weight U[i], Wq, Wk, Wv ~ N(0, 1/n)
h[i] = U[i] @ h0
x[i] = tanh(h[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
v[j] = Wv @ x[j]
y[i] = sum(softmax(p[i,j] over j) * v[j] for j)
z[i] = y[i] + OTHER
output z
"""


@pytest.mark.parametrize("other", ["0*t", "v[1]", "t", "x[i]", "v[1]^2", "v[1]*t"])
def test_only_centred_gaussian_combinations_have_a_gaussian_law(other: str) -> None:
    found = prove(loads(RESIDUAL_STREAM.replace("OTHER", other)), ["laws:z[1],z[2]"])
    words = {g[0] for g in found.goals if g[0].endswith("given the scores")}
    assert words == {f"{'law' if other in ('0*t', 'v[1]') else 'covariance'} given the scores"}


def test_a_score_beside_a_vector_is_refused_at_once() -> None:
    with pytest.raises(TensorProgError) as error:
        prove(load(EXAMPLES / "rnn.tp"), ["covariances:f,g"])
    assert "scores stand apart from vectors" in str(error.value)


def test_an_irrelevant_true_statement_is_no_goal() -> None:
    program = mlp("relu", 3)
    found = prove(program, ["covariances:h[3,1]"])
    data = found.to_json()
    for k, step in enumerate(data["steps"]):
        if step[3][0] not in ("covariance", "applies"):
            with pytest.raises(CertificateError):
                verify(program, json.dumps({**data, "goals": [*data["goals"], k]}))
    apart = loads("input x, z ~ N(0, 1)\nweight W ~ N(0, 1/n)\ng = W @ x\nh = W @ z\noutput g\n")
    with pytest.raises(TensorProgError) as error:
        prove(apart, ["covariances:g,h"])
    assert "members below one output" in str(error.value)


def test_false_claims_are_not_proved() -> None:
    program = loads(RESIDUAL + "claim var(h[3]) = 9/4\nclaim var(h[3]) = 2\nclaim cov(h[1], h[3]) = 1\n")
    found = prove(program, ["claims"])
    assert [g[1] for g in found.goals if g[0] == "claim"] == ["0", "2"]
    assert found.without == ("claim var(h[3]) = 2: the sides of the claim are equal",)
    assert "not proved: claim var(h[3]) = 2" in repr(found)


def test_claims_about_all_indices() -> None:
    text = RESIDUAL_STREAM.replace("OTHER", "v[1]")
    claims = {
        "gaussian(v[i])": True, "gaussian(z[i])": False, "gaussian(x[i])": False, "E(x[i]^2) = E(x[j]^2)": True,
        "cov(v[i], v[j]) = 0": False, "cov(v[i], v[j]) = 0 for i != j": True, "cov(v[i], v[j]) = 1 for i != i": False,
        "var(p[i,j]) = E(x[i]^2)*E(x[j]^2)": True, "var(p[i,j]) = E(x[i]^2)^2": True,
        "cov(p[i,j], p[j,i]) = 0 for i != j": True,
    }  # fmt: skip
    found = prove(loads(text + "".join(f"claim {c}\n" for c in claims)), ["claims"])
    proved = [int(g[1]) for g in found.goals if g[0] == "claim"]
    assert proved == [k for k, true in enumerate(claims.values()) if true]
    assert len(found.without) == len(claims) - len(proved)


def test_exponents_that_are_numbers_once_computed() -> None:
    """r^abs(i - i') at two members: the covariance of a sequence, numbers and params alike."""
    text = """
index i in 1..3
input x[i] ~ N(0, {base}^abs(i - i'))
weight W, V ~ N(0, 2/n)
h[i] = W @ x[i]
y[i] = V @ relu(h[i])
output y"""
    program = loads(text.format(base="0.5"))
    found = prove(program, ["covariances:y[1],y[3]"])
    k = cho_saul(2 * np.array([[1, 0.25], [0.25, 1]])) * 2
    certified = numbers(program, found)
    for (a, b), x in certified.items():
        members = {"y[1]": 0, "y[3]": 1}
        if {a, b} <= members.keys():
            assert abs(x - k[members[a], members[b]]) < 1e-12
    assert ("y[1]", "y[3]") in certified
    program = loads("param r in (0, 1) = 0.5" + text.format(base="r"))
    assert ("h[1]", "h[3]") in numbers(program, prove(program, ["covariances:h[1],h[3]"]), r=0.5)


@pytest.mark.parametrize("f", ["step(x - 1/3)*step(w + 1/4)", "sign(x)*step(w)*sign(w - x)*x", "step(x)*x*step(w)*w"])
def test_products_of_several_jumps(f: str) -> None:
    """Factors with jumps are moved to the end, each once."""
    found = prove(loads(f"input x, w ~ N(0, 1)\ny = {f}\noutput y\n"), ["facts"])
    assert ("property", "2", "polynomially bounded") in found.goals


@pytest.mark.parametrize(
    ("entries", "certain"),
    [
        ("[[1, 0.5], [0.5, 1]]", True), ("[[1, 1], [1, 1]]", True), ("[[0, 0], [0, 3]]", True),
        ("[[0, 0], [0, 0]]", True),
        ("[[1, 0.500000000001], [0.499999999999, 1]]", False), ("[[1, 1.0000000000001], [1.0000000000001, 1]]", False),
        ("[[0, 0.0000000000001], [0.0000000000001, 1]]", False), ("[[1, r], [r, 1]]", False),
    ],
)  # fmt: skip
def test_a_covariance_of_numbers_is_no_axiom(entries: str, certain: bool) -> None:
    """By elimination; what is one only up to rounding, or for some params, is assumed."""
    text = f"param r in (-1, 1) = 0.5\nindex i in 1..2\nmatrix S = {entries}\ninput x[i] ~ N(0, S)\noutput x\n"
    found = prove(loads(text))
    assert found.axioms == (() if certain else ("the covariance of x is positive semidefinite",)) + ("theorem netsor",)


def test_factors_that_cancel_and_exponents_of_two_variables() -> None:
    """exp(f) exp(-f) has the mean 1; an exponent with a product of both variables is refused, not followed for ever."""
    text = "input x, w ~ N(0, 1)\nf = (x*exp(-x^2))^2\ny = exp(f)*exp(-f)\ng = exp(-(x*w + x)^2)\noutput y\noutput g\n"
    found = prove(loads(text), ["covariances:y,x", "covariances:g,x"])
    said = {(g[1], g[2]): g[4] for g in found.goals if g[0] == "covariance"}
    assert said["y", "y"] == said["y", "x"] == "0"
    assert said["g", "g"].startswith("E(")


def test_goals_without_names_are_about_each_output() -> None:
    """No theorem covers two outputs together: the covariance of members of both is not asked for."""
    program = loads("input x ~ N(0, 1)\ny = tanh(x)\nz = x^2\noutput y\noutput z\n")
    for kind, word in (("covariances", "covariance"), ("numbers", "covariance number")):
        said = [g[1:3] for g in prove(program, [kind]).goals if g[0] == word]
        assert [pair for pair in said if "x" not in pair] == [("y", "y"), ("z", "z")]
