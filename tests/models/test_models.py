"""Every builder: its verdict, its text read back, its limit against reference kernels, and against simulation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorprog as tp
from tensorprog import models
from tensorprog.limit.derive import derive
from tensorprog.models.conv import convolved
from tensorprog.models.graph import normalised_adjacency
from tensorprog.simulate.run import simulate

REFERENCE = Path(__file__).parent.parent / "reference"
PAIR = [[1, 0.5], [0.5, 1]]
ERF_GATE = "(1 + erf(x))/2"

BUILT: list[tuple[str, Any, str, list[str]]] = [
    ("mlp", lambda: models.mlp(PAIR, 2, bias=0.1), "valid", ["netsor"]),
    ("mlp-exp", lambda: models.mlp(PAIR, 1, "exp"), "valid", ["netsor"]),
    ("mlp-too-fast", lambda: models.mlp(PAIR, 1, "exp(x^2)"), "invalid", []),
    ("mlp-function", lambda: models.mlp(2, 1, lambda x: x * tp.fn.exp(-(x**2))), "valid", ["netsor"]),
    ("dropout", lambda: models.dropout_mlp(1, 0.5, activation="tanh"), "valid", ["netsor"]),
    ("dropout-shared", lambda: models.dropout_mlp(PAIR, "4/5", 2, shared_mask=True), "valid", ["netsor"]),
    ("residual", lambda: models.residual_mlp(PAIR, 2, branch="1/sqrt(2)", bias=0.1), "valid", ["netsor"]),
    ("residual-dropout", lambda: models.residual_mlp(PAIR, 2, keep=0.9), "valid", ["netsor"]),
    ("features", lambda: models.random_features(2, "sqrt(2)*cos(x)", phase=True), "valid", ["netsor"]),
    ("layernorm", lambda: models.layernorm_mlp(PAIR, bias=0.1), "valid", ["netsor-plus"]),
    ("batchnorm", lambda: models.batchnorm_mlp(3), "valid", ["netsor"]),
    ("batchnorm-singular", lambda: models.batchnorm_mlp(3, eps=0), "invalid", []),
    ("rnn", lambda: models.rnn(4, [2, 2], bias=0.1), "valid", ["netsor"]),
    ("gru", lambda: models.gru(2, bias=0.1), "valid", ["netsor"]),
    ("gru-erf", lambda: models.gru(3, gate=ERF_GATE, activation="erf"), "valid", ["netsor"]),
    ("lstm", lambda: models.lstm(2, bias=0.1), "valid", ["netsor"]),
    ("graph", lambda: models.graph_convolution(3, [(1, 2), (2, 3)], 2, bias=0.1), "valid", ["netsor"]),
    ("conv-1d", lambda: models.convolution(8, (4,), bias=0.1), "valid", ["netsor"]),
    ("conv-1d-pooled", lambda: models.convolution(8, (8,), 2, pool=2, head="average"), "valid", ["netsor"]),
    ("conv-2d", lambda: models.convolution(18, (3, 3), stride=2), "valid", ["netsor"]),
    ("conv-2d-circular", lambda: models.convolution(9, (3, 3), padding="circular", head="none"), "valid", ["netsor"]),
    ("attention", lambda: models.attention(3, heads=2), "valid", ["attention"]),
    ("attention-cross", lambda: models.attention(3, context=1), "valid", ["attention"]),
    ("attention-causal", lambda: models.attention(3, causal=True), "valid", ["attention"]),
    ("attention-multi-query", lambda: models.attention(3, heads=2, kv_heads=1), "valid", ["attention"]),
    ("attention-grouped", lambda: models.attention(2, heads=4, kv_heads=2), "valid", ["attention"]),
    ("attention-residual", lambda: models.attention(3, residual=True), "valid", ["attention"]),
    ("attention-low-rank", lambda: models.attention(3, heads=2, rank="1/4"), "valid-by-remark", ["attention"]),
    ("attention-relu", lambda: models.attention(3, activation="relu"), "valid-by-remark", ["attention"]),
    ("attention-1/n", lambda: models.attention(3, scaling="1/n"), "valid", ["netsor-plus"]),
    ("transformer", lambda: models.transformer(2), "undecided", []),
    ("transformer-1/n", lambda: models.transformer(2, 2, 2, kv_heads=1, scaling="1/n"), "valid", ["netsor-plus"]),
]


@pytest.mark.parametrize(("build", "verdict", "covered"), [b[1:] for b in BUILT], ids=[b[0] for b in BUILT])
def test_verdict_and_round_trip(build: Any, verdict: str, covered: list[str]) -> None:
    program = build()
    found = tp.check(program)
    assert found.verdict == verdict
    assert list(found.covered_by)[:1] == covered
    text = program.to_text()
    assert tp.loads(text).to_text() == text


def test_every_builder_is_built_here() -> None:
    built = {tp.Program.__name__} | {str(b[1]().name) for b in BUILT}
    assert {name for name in models.__all__ if name != "weight_variance"} <= built


# -- limits against kernels that others computed -----------------------------------------------------------------------

KERNELS = json.loads((REFERENCE / "nngp_ntk_kernels.json").read_text())
RECURRENT = json.loads((REFERENCE / "tensor_program_kernels.json").read_text())
ACTIVATIONS = {
    "relu_d1": "relu",
    "erf_d3": "erf",
    "gelu_d3": "gelu",
    "cos_d1": "cos",
    "abs_d2": "abs",
    "rbf_d1": "sqrt(2)*sin(x + pi/4)",
    "polynomial_d1": "0.5 - x + 0.25*x^2 + 0.1*x^3",
    "sigmoid_like_d2": "erf(x/2.4020563531719796)/2 + 0.5",
    "gabor_d1": "exp(-x^2)*sin(x)",
    "rectified_monomial2_d1": "relu(x)^2",
}


def gram(points: Any) -> list[list[float]]:
    x = np.array(points)
    return (x @ x.T / x.shape[1]).tolist()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_mlp_reference(name: str) -> None:
    case = next(c for c in KERNELS["cases"] if c["id"] == name)
    std = case["arch"][0][1]["W_std"]
    depth = int(name.split("_d")[1])
    bias = case["arch"][0][1]["b_std"]
    points = KERNELS["inputs"][case["input"]]
    program = models.mlp(gram(points), depth, ACTIVATIONS[name], f"{std}^2", f"{bias}^2")
    found = derive(program).matrix(f"h[{depth + 1},i]")
    last = case["arch"][-1][1]  # the last layer may have numbers of its own
    found = (found - bias**2) / std**2 * last["W_std"] ** 2 + last["b_std"] ** 2
    np.testing.assert_allclose(found, case["nngp"], rtol=1e-12, atol=1e-12)


def test_convolution_reference() -> None:
    case = next(c for c in KERNELS["cases"] if c["id"] == "conv_flatten")
    images = np.array(KERNELS["inputs"][case["input"]])
    program = models.convolution(
        gram(images.reshape(-1, images.shape[-1])), (4, 4), depth=2, weights="1.5^2", bias="0.3^2"
    )
    found = derive(program).matrix("f")  # the reference's last layer has a bias, which adds its variance
    np.testing.assert_allclose(found + 0.3**2, case["nngp"], rtol=1e-12)


@pytest.mark.parametrize(("phi", "key"), [("erf", "erf"), ("relu", "relu_eps0")])
def test_rnn_reference(phi: str, key: str) -> None:
    case = RECURRENT["rnn_nngp"]
    lengths = [len(RECURRENT["inputs"][s]) for s in ("seqA", "seqB")]
    program = models.rnn(RECURRENT["inputs"]["ingram"], lengths, phi, 1.5, 2, 0.25)
    np.testing.assert_allclose(derive(program).matrix("y"), case["kernel"][key], rtol=1e-12, atol=1e-13)


# -- limits against draws at finite width ------------------------------------------------------------------------------

DRAWN: list[tuple[str, Any, str, int]] = [
    ("gru", lambda: models.gru(2, gate=ERF_GATE, activation="erf"), "y", 128),
    ("graph", lambda: models.graph_convolution(PAIR, [(1, 2)], activation="erf"), "h[2,v]", 128),
    ("residual", lambda: models.residual_mlp(PAIR, 2, "erf", branch="1/sqrt(2)"), "r[2,i]", 128),
    ("layernorm", lambda: models.layernorm_mlp(PAIR), "h[2,i]", 512),
    ("batchnorm", lambda: models.batchnorm_mlp(PAIR, activation="erf", eps="1/10"), "h[2,i]", 128),
    ("conv", lambda: models.convolution(6, (3,), stride=2, activation="erf", head="average"), "f", 128),
    ("features", lambda: models.random_features(PAIR, "relu", weights="he"), "f", 128),
    ("mlp", lambda: models.mlp(PAIR, 2, "erf", bias=0.2), "h[3,i]", 128),
    ("dropout", lambda: models.dropout_mlp(PAIR, keep="4/5", activation="erf"), "h[2,i]", 256),
    ("dropout, shared", lambda: models.dropout_mlp(PAIR, 0.5, activation="erf", shared_mask=True), "h[2,i]", 256),
    ("residual, dropout", lambda: models.residual_mlp(PAIR, 2, "erf", keep="4/5"), "r[2,i]", 256),
    ("rnn", lambda: models.rnn(3, lengths=[2, 1], activation="erf"), "y", 128),
    ("conv-2d", lambda: models.convolution(9, shape=(3, 3), pool=2, activation="erf", head="average"), "f", 128),
    ("multi-query", lambda: models.attention(2, heads=2, kv_heads=1), "y", 256),
    ("grouped-query", lambda: models.attention(2, heads=4, kv_heads=2), "y", 256),
    ("cross", lambda: models.attention(4, heads=2, context=2), "y", 256),
    ("low rank", lambda: models.attention(2, heads=2, rank="1/4"), "y", 256),
    ("attention, residual", lambda: models.attention(2, heads=2, residual=True), "y", 256),
    ("transformer", lambda: models.transformer(2, depth=1, heads=2, scaling="1/n"), "x_f1", 512),
    ("attention-1/n", lambda: models.attention(PAIR, heads=2, scaling="1/n", causal=True), "y", 1024),
]


@pytest.mark.long
@pytest.mark.parametrize(("build", "family", "n"), [d[1:] for d in DRAWN], ids=[d[0] for d in DRAWN])
def test_limit_against_simulation(build: Any, family: str, n: int) -> None:
    """The second moments at width n, five standard errors and a bias of the order 1/n allowed."""
    program = build()
    theory = derive(program).matrix(family)
    (draws,) = simulate(program, n=n, samples=4000, rng=1).values()
    y = np.asarray(draws).reshape(len(draws), -1)
    each = y[:, :, None] * y[:, None, :]
    error = each.std(axis=0) / len(y) ** 0.5
    scale = np.sqrt(np.outer(np.diag(theory), np.diag(theory)))
    assert (np.abs(each.mean(axis=0) - theory) < 5 * error + 3 * scale / n).all()
    assert (5 * error < 0.25 * scale).all()


def test_lstm_is_the_network_of_the_papers() -> None:
    """Second moments of the program against a plain network with its matrices written out, both at width 24."""
    n, steps, draws = 24, 3, 4000
    rng = np.random.default_rng(3)
    (found,) = simulate(models.lstm(steps, bias=0.2), n=n, samples=draws, rng=2).values()

    def sigma(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    plain = np.empty((draws, steps))
    for d in range(draws):
        u, v = rng.standard_normal((2, 4, n, n)) / n**0.5
        b = rng.standard_normal((4, n)) * 0.2**0.5
        x, h, c = rng.standard_normal((steps, n)), np.zeros(n), np.zeros(n)
        readout = rng.standard_normal(n) / n**0.5
        for t in range(steps):
            i, f, o, g = u @ h + v @ x[t] + b
            c = sigma(f) * c + sigma(i) * np.tanh(g)
            h = sigma(o) * np.tanh(c)
            plain[d, t] = readout @ h
    pairs = [y[:, :, None] * y[:, None, :] for y in (np.asarray(found).reshape(draws, steps), plain)]
    error = sum(p.std(axis=0) ** 2 / draws for p in pairs) ** 0.5
    assert (np.abs(pairs[0].mean(axis=0) - pairs[1].mean(axis=0)) < 5 * error).all()
    assert (np.diag(error) < 0.05 * np.diag(pairs[1].mean(axis=0))).all()


# -- the pieces --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("window", "stride"), [(1, 1), (2, 1), (3, 1), (3, 2), (4, 3)])
def test_taps_are_those_of_numpy(padding: str, window: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(7), rng.standard_normal(window)
    # numpy's "same" centres the window half a step the other way when its length is even
    full = np.correlate(np.pad(x, (window, window)), w, "valid")
    reach = (window - 1) // 2
    start = window - reach if padding == "same" else window
    count = 7 if padding == "same" else 7 - window + 1
    expected = full[start : start + count : stride]
    taps = convolved([(k,) for k in range(1, 8)], window, stride, padding)
    found = [sum(w[t - 1] * x[q[0] - 1] for t, q in taps[(k,)]) for k in range(1, len(taps) + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_adjacency() -> None:
    edges = [(1, 2), (2, 3), (3, 4), (2, 4)]
    a = np.eye(4)
    for i, j in edges:
        a[i - 1, j - 1] = a[j - 1, i - 1] = 1
    d = a.sum(axis=1) ** -0.5
    found = [[float(tp.expect(e, [[1]], vars=["x"]).value or 0) for e in row] for row in normalised_adjacency(edges, 4)]
    np.testing.assert_allclose(found, d[:, None] * a * d, rtol=1e-14)


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.mlp(0),
        lambda: models.mlp(2, 0),
        lambda: models.dropout_mlp(2, 0),
        lambda: models.mlp(2, activation="rleu"),
        lambda: models.mlp(2, weights="xavier"),
        lambda: models.rnn(3, [2, 2]),
        lambda: models.attention(2, heads=3, kv_heads=2),
        lambda: models.attention(2, scaling="1"),
        lambda: models.attention(2, context=2),
        lambda: models.convolution(7, (4,)),
        lambda: models.convolution(2, (2,), padding="valid"),
        lambda: models.convolution(4, (4,), padding="reflect"),
        lambda: models.graph_convolution(2, [(1, 3)]),
        lambda: models.transformer(2, norm="batch"),
        lambda: models.batchnorm_mlp(1),
    ],
)
def test_wrong_arguments(build: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        build()


def test_glorot_of_a_rectangle() -> None:
    assert models.weight_variance("glorot", 3) == "1/2"
    assert models.weight_variance("he") == "2"
    assert models.weight_variance("lecun") == models.weight_variance("ntk") == "1"
