"""Certificates about readouts that enter functions: the theorem `readout-scores`, and laws in its limit."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.errors import CertificateError, TensorProgError
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.limits.members import pair
from tensorprog.terms import read
from tests.kernel.bench import Bench

TWO = """
input u ~ N(0, 1)
input (v, w) ~ N([0, 0], [[1, 1/2], [1/2, 2]])
weight A, B, C ~ N(0, 1/n)
x = tanh(A @ u)
z = relu(B @ u)
g = dot(v, x) / sqrt(n)
h = dot(z, w) / sqrt(n)
k = dot(x, w) / sqrt(n)
y = tanh(g + k) * (C @ x)
output y
"""


def axioms(text: str) -> tuple[str, ...]:
    program = tp.loads(text)
    return tp.verify(program, tp.prove(program)).axioms


@pytest.mark.long
def test_the_numbers_of_correlated_readouts_are_those_of_dense_matrices() -> None:
    """E gg, E gk, E kk and E y^2 at n = 48: every weight and readout vector drawn, products multiplied out."""
    program = tp.loads(TWO + "output g\noutput h\noutput k\n")
    goals = ["numbers:g", "numbers:k", "numbers:h", "numbers:y"]
    said = {g[1]: g[3:5] for g in tp.verify(program, tp.prove(program, goals)).goals if g[0] == "covariance number"}
    rng, n, draws = np.random.default_rng(5), 48, 2500
    seen: dict[str, list[float]] = {"g": [], "h": [], "k": [], "y": []}
    root = np.linalg.cholesky(np.array([[1, 0.5], [0.5, 2]]))
    for _ in range(draws):
        a, b, c = rng.standard_normal((3, n, n)) / np.sqrt(n)
        u = rng.standard_normal(n)
        v, w = root @ rng.standard_normal((2, n))
        x, z = np.tanh(a @ u), np.maximum(b @ u, 0)
        g, h, k = (s @ t / np.sqrt(n) for s, t in ((v, x), (z, w), (x, w)))
        y = np.tanh(g + k) * (c @ x)
        for name, value in (("g", g**2), ("h", h**2), ("k", k**2), ("y", np.mean(y**2))):
            seen[name].append(value)
    assert said.keys() == seen.keys()
    for name, (low, high) in said.items():
        error = np.std(seen[name]) / np.sqrt(draws)
        assert float(low) - 4 * error - 1 / n <= np.mean(seen[name]) <= float(high) + 4 * error + 1 / n, name
        assert error < 0.05 * float(high)


def test_the_covariance_of_correlated_readouts_is_exact() -> None:
    """E gk = E vw E x^2, in either order of the sides: E v'w E xz = 0 for features of two matrices."""
    text = TWO.replace("tanh(A @ u)", "relu(A @ u)") + "s = g + h + k\noutput s\n"
    program = tp.loads(text)
    accepted = tp.verify(program, tp.prove(program, ["covariances:g,h,k"]))
    said = {g[1:3]: g[4] for g in accepted.goals if g[0] == "covariance"}
    assert [said[pair] for pair in (("g", "g"), ("g", "k"), ("k", "k"), ("h", "h"))] == ["1/2", "1/4", "1", "1"]
    assert (said["g", "h"], said["h", "k"]) == ("1/4*pi^-1", "pi^-1")


OTHERS = {
    "the sides in either order": TWO.replace("dot(v, x)", "dot(x, v)"),
    "an output that is a function of readouts": TWO + "s = max(g, h)^2\noutput s\n",
    "an output that is a readout": TWO + "output g\n",
    "two initial vectors, of which the second is read out": (
        "input a ~ N(1, 1)\ninput v ~ N(0, 1)\nweight B ~ N(0, 1/n)\ny = tanh(dot(a, v)/sqrt(n))*(B @ a)\noutput y\n"
    ),
    "near the limit of an average": (
        "input u, v ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\nh = A @ u\nx = h / sqrt(mean(h^2))\n"
        "r = dot(v, tanh(x)) / sqrt(n)\ny = sigmoid(r) * (B @ x)\noutput y\n"
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_programs_of_the_kind_are_certified(name: str) -> None:
    found = axioms(OTHERS[name])
    assert {"theorem netsor-plus", "theorem readout-scores"} <= {*found}
    assert not any(a.startswith("unproved") for a in found)


GATED = "input u, v ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\nx = tanh(A @ u)\nr = dot(v, x)/sqrt(n)\n"
OPEN = {
    "a step of a readout": GATED + "y = step(r) * (B @ x)\noutput y\n",
    "a step of a readout as an output": GATED + "s = sign(r)\noutput s\n",
    "an average of what a readout reaches": GATED + "m = mean((r*x)^2)\ny = tanh(m) * (B @ x)\noutput y\n",
    "the readout vector in a function": GATED + "y = tanh(r) * (B @ x) + v\noutput y\n",
    "the readout vector in an average": GATED + "m = dot(v, x)/n\ny = tanh(r + m) * (B @ x)\noutput y\n",
    "a readout of itself": GATED + "y = tanh(r) * (B @ x)\nq = dot(v, tanh(y))/sqrt(n)\noutput q\n",
    "the readout vector read out": GATED.replace("dot(v, x)", "dot(v, v)") + "y = tanh(r) * (B @ x)\noutput y\n",
    "an unscaled readout": GATED.replace("/sqrt(n)", "") + "y = tanh(r) * (B @ x)\noutput y\n",
    "a function that is controlled only": GATED.replace("tanh(A", "exp(A") + "y = tanh(r) * (B @ x)\noutput y\n",
    "the reciprocal of a readout": GATED + "s = 1/r\noutput s\n",
}


@pytest.mark.parametrize("name", OPEN)
def test_other_programs_are_not(name: str) -> None:
    """With any families named as readout vectors: no proof, whatever the checker says."""
    with pytest.raises(TensorProgError):
        tp.prove(tp.loads(OPEN[name]))
    program = tp.loads(OPEN[name])
    good = tp.loads(GATED + "y = tanh(r) * (B @ x)\noutput y\n")
    text = tp.prove(good).text.replace(good.hash, program.hash)
    for vectors in ([], ["v"], ["u"], ["x"], ["u", "v"], ["v", "x"], ["A"], ["r"]):
        changed = json.loads(text)
        for step in changed["steps"]:
            step[1] |= {"vectors": vectors} if step[0] == "readout_scores" else {}
        with pytest.raises(CertificateError):
            tp.verify(program, json.dumps(changed))


@pytest.mark.parametrize("vectors", [[], ["u"], ["x"], ["v", "x"], ["r"]])
def test_only_readout_vectors_are_named(vectors: list[str]) -> None:
    program = tp.loads(GATED + "y = tanh(r) * (B @ x)\noutput y\n")
    data = tp.prove(program).to_json()
    for step in data["steps"]:
        step[1] |= {"vectors": vectors} if step[0] == "readout_scores" else {}
    with pytest.raises(CertificateError):
        tp.verify(program, json.dumps(data))


CORRELATED = """
input u ~ N(0, 1)
input (v, w) ~ N([0, 0], [[1, 1/2], [1/2, 1]])
weight A ~ N(0, 1/n)
x = A @ u
r = dot(v, {side}) / sqrt(n)
y = sigmoid(r) * x
z = {read}
output y
output z
"""


@pytest.mark.parametrize(("side", "read"), [("w", "x"), ("x", "tanh(w)"), ("v", "x"), ("w", "w")])
def test_a_readout_vector_is_independent_of_what_it_reads_out(side: str, read: str) -> None:
    """E vw ww, if w is read, is no product: the score p = v.w grows, and v.f(w) is not centred given w."""
    text = CORRELATED.format(side=side, read=read)
    with pytest.raises(Refused, match="sides by two matrices, or a readout"):
        score(text, side)
    assert score(CORRELATED.format(side="x", read="x"), "x") is not None


def score(text: str, side: str) -> object:
    b = Bench(text)

    def mean(*names: str) -> object:
        if "x" in names:
            below = (b.do("initial", term=pair(read("u"), read("u"))),) if names == ("x", "x") else ()
            return b.do("product", *below, term=pair(*map(read, names)))
        return b.do("initial", term=pair(*map(read, names)))

    known = [mean(*sorted(two)) for two in {("v", "v"), (side, side), ("v", side)}]
    return b.do("score", *known, term=pair(read("r"), read("r")))
