"""Kernels of networks against reference values from other software and published recursions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorprog import loads
from tensorprog.limit.derive import derive
from tests.limit.nngp_programs import program

HERE = Path(__file__).parent.parent / "reference"
NNGP = json.loads((HERE / "nngp_ntk_kernels.json").read_text())
KERNELS = json.loads((HERE / "tensor_program_kernels.json").read_text())


GAUSSIAN = [c for c in NNGP["cases"] if c["id"] != "attn_sqrt_identity"]
"""The cases whose limit is Gaussian; the other one has a test of its own."""


@pytest.mark.parametrize("case", GAUSSIAN, ids=[c["id"] for c in GAUSSIAN])
def test_nngp(case: dict[str, Any], tmp_path: Path) -> None:
    points = NNGP["inputs"][case["input"]]
    side = len(points[0][0]) if case["input"] == "img" else 0
    limit = derive(loads(program(case["arch"], points, tmp_path, side), folder=tmp_path))
    np.testing.assert_allclose(limit.matrix("f"), case["nngp"], rtol=1e-12, atol=1e-13)
    one = limit.cov("f[1]", "f[2]")
    assert one.value is not None
    assert one.error is not None
    assert abs(one.value - case["nngp"][0][1]) <= one.error + 1e-12 * abs(case["nngp"][0][1])
    assert one.supported_by in ("netsor", "netsor-plus")


def test_attention_without_softmax(tmp_path: Path) -> None:
    """Scores over sqrt(n), used linearly: E over the scores is s^2 K_pq sum_rs K_rs^2, exactly."""
    case = next(c for c in NNGP["cases"] if c["id"] == "attn_sqrt_identity")
    arch, points = case["arch"], NNGP["inputs"]["seq"]
    k = arch[3][1]
    text = program(arch[:3], points, tmp_path)  # Dense, Relu, Dense: the tokens before attention
    text = text[: text.rindex("\nf[b]")]
    tokens = len(points[0])
    last = max(int(line.split("h")[1].split("p")[0]) for line in text.splitlines() if line.startswith("h"))
    lines = [text, f"index i, j in 1..{tokens}"]
    lines += [f"t[b,{p + 1}] = 1*h{last}p{p}[b]" for p in range(tokens)]
    lines += [
        f"weight Q ~ N(0, {k['W_query_std']}^2/n)",
        f"weight K ~ N(0, {k['W_key_std']}^2/n)",
        f"weight V ~ N(0, {k['W_value_std']}^2*{k['W_out_std']}^2/n)",
        "s[b,i,j] = dot(Q @ t[b,i], K @ t[b,j])/sqrt(n)",
        "y[b,i] = sum(s[b,i,j]*(V @ t[b,j]) for j)",
        "output y",
    ]
    limit = derive(loads("\n".join(lines), folder=tmp_path))
    dense = arch[5][1]
    for a in (1, 2):
        for b in (1, 2):
            found = [limit.cov(f"y[{a},{p}]", f"y[{b},{p}]") for p in range(1, tokens + 1)]
            assert all(r.method == "closed-form" for r in found)
            mean = sum(float(r) for r in found) / tokens + k["b_std"] ** 2
            expected = case["nngp"][a - 1][b - 1]
            assert dense["W_std"] ** 2 * mean + dense["b_std"] ** 2 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("phi", "key"), [("erf", "erf"), ("relu", "relu_eps0")])
def test_rnn_with_tied_weights(phi: str, key: str, tmp_path: Path) -> None:
    rnn = KERNELS["rnn_nngp"]
    gram = KERNELS["inputs"]["ingram"]
    np.save(tmp_path / "gram.npy", np.array(gram))
    p = rnn["params"]
    lines = [
        "index a in 1..6",
        'matrix G = file("gram.npy")',
        "input x[a] ~ N(0, G)",
        f"weight W ~ N(0, {p['varw']}/n)",
        f"weight U ~ N(0, {p['varu']}/n)",
        f"weight V ~ N(0, {p['varv']}/n)",
        f"input b ~ N(0, {p['varb']})",
    ]
    for start in (0, 3):
        lines += [f"h[{start + 1}] = U @ x[{start + 1}] + b", f"s[{start + 1}] = {phi}(h[{start + 1}])"]
        for t in (2, 3):
            lines += [f"h[{start + t}] = W @ s[{start + t - 1}] + U @ x[{start + t}] + b",
                      f"s[{start + t}] = {phi}(h[{start + t}])"]  # fmt: skip
    lines += ["y[a] = V @ s[a]", "output y"]
    limit = derive(loads("\n".join(lines), folder=tmp_path))
    np.testing.assert_allclose(limit.matrix("y"), rnn["kernel"][key], rtol=1e-12, atol=1e-14)


def batchnorm(name: str, batch: list[int]) -> list[str]:
    total = " + ".join(f"z[{b}]" for b in batch)
    squares = " + ".join(f"(z[{b}] - m{name})^2" for b in batch)
    k = len(batch)
    return [f"m{name} = ({total})/{k}",
            *(f"y[{b}] = relu((z[{b}] - m{name})/sqrt(({squares})/{k}))" for b in batch)]  # fmt: skip


def test_batchnorm(tmp_path: Path) -> None:
    """Within a batch and across two; the published diagonal is off by 6e-11, as Σ_i E[y_i²] = B/2 shows."""
    data = KERNELS["batchnorm_relu"]
    np.save(tmp_path / "sigma.npy", np.array(data["Sigma"]))
    batches = [[b + 1 for b in data["inputs"][key]] for key in ("batch1", "batch2")]
    lines = ["index i in 1..9", 'matrix S = file("sigma.npy")', "input z[i] ~ N(0, S)",
             *batchnorm("a", batches[0]), *batchnorm("b", batches[1]), "output y"]  # fmt: skip
    limit = derive(loads("\n".join(lines), folder=tmp_path))
    finest = data["kernels"]["finest"]
    diagonal = 0.0
    for i, a in enumerate(batches[0]):
        for j, b in enumerate(batches[0][: i + 1]):
            found = limit.expect(f"y[{a}]*y[{b}]")
            assert found.error is not None
            assert found.error < 1e-11
            assert float(found) == pytest.approx(finest["V11"][i][j], abs=1e-10 if i == j else 1e-12)
            diagonal += float(found) * (i == j)
    assert diagonal == pytest.approx(2.5, abs=1e-12)
    across = limit.expect(f"y[{batches[0][0]}]*y[{batches[1][0]}]")
    assert float(across) == pytest.approx(finest["V12"][0][0], abs=1e-12)


def test_the_paper_s_numbers() -> None:
    """E[clip(Z,-C,C)^2] = 1 - 2 C phi(C) + 2 (C^2 - 1)(1 - Phi(C)); relu: 1/2 and 1/(2 pi)."""
    from scipy.stats import norm

    limit = derive(loads("param C > 0 = 1.3\ninput u ~ N(0, 1)\nx = clip(u, -C, C)\ny = relu(u)\ninput v ~ N(0, 1)\n"
                         "w = relu(v)\noutput x\noutput y"))  # fmt: skip
    second = limit.expect("x^2")
    for c in (0.2, 1.3, 4.0, 100.0):
        at = derive(limit.program, {"C": c}).expect("x^2")
        expected = 1 - 2 * c * norm.pdf(c) + 2 * (c * c - 1) * norm.sf(c)
        assert float(at) == pytest.approx(expected, rel=1e-13)
        assert at.expr == second.expr
    assert limit.expect("y^2").expr == "1/2"
    assert limit.expect("y*w").expr == "1/(2*pi)"
