"""`derive` without a question: covariances between outputs, laws where scores are, and an end in time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.cli import main
from tensorprog.numbers.budget import Budget, request, said_of_cut, search, spent, together

ROOT = Path(__file__).resolve().parents[2]
README = """
index i, j in 1..3
input  u[i] ~ N(0, 1)
weight Wq, Wk, Wv ~ N(0, 1/n)
x[i]   = tanh(u[i])
p[i,j] = dot(Wq @ x[i], Wk @ x[j]) / sqrt(n)
y[i]   = sum(softmax(p[i,j] over j) * (Wv @ x[j]) for j)
output y
"""


@pytest.fixture
def attention(tmp_path: Path) -> str:
    path = tmp_path / "attention.tp"
    path.write_text(README, encoding="utf-8")
    return str(path)


def test_the_outputs_of_attention(attention: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The promise of the README, and its numbers on a second road: softmax of drawn Gaussian scores in numpy."""
    assert main(["derive", attention, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    found = {r["of"]: r for r in data["results"]}
    z = np.random.default_rng(5).standard_normal(1_000_000)
    v = float((np.tanh(z) ** 2).mean())  # E tanh(Z)^2, the variance of x; a score's is its square
    p = v * np.random.default_rng(6).standard_normal((200_000, 2, 3))
    s = np.exp(p) / np.exp(p).sum(axis=2, keepdims=True)
    for of, draws in (
        ("cov(y[1], y[1])", v * (s[:, 0] ** 2).sum(axis=1)),
        ("cov(y[1], y[2])", v * (s[:, 0] * s[:, 1]).sum(axis=1)),
    ):
        assert abs(found[of]["value"] - draws.mean()) < 5 * draws.std() / 200_000**0.5 + 5e-3 * v + found[of]["error"]
    assert {"cov(y[1], y[3])", "cov(y[2], y[3])"} <= {*found}
    assert [law["kind"] for law in data["laws"]] == ["hierarchical-gaussian"] * 3
    assert main(["derive", attention]) == 0
    text = capsys.readouterr().out
    assert "E(y[1]), E(y[2]), E(y[3]) = 0" in text
    assert (
        "cov(y[i], y[i'] | scores) = sum(softmax(p[i,j] over j)*softmax(p[i',j'] over j')*cov(y_1[j], y_1[j'])" in text
    )
    assert "where y_1[j] = Wv @ x[j]" in text
    assert "excess kurtosis 0.0" in text


def test_what_the_time_has_stopped_is_named() -> None:
    limit = tp.derive(tp.loads("input u, v ~ N(0, 1)\noutput u, v"))
    assert "stopped" not in repr(limit)
    results, laws, _ = limit._entries
    vars(limit)["_entries"], limit.stopped = (results, laws, 1), ["cov(u, v)"]
    assert "(1 of these numbers was stopped by the time (cov(u, v)): allow more of it, --seconds" in repr(limit)


def test_the_names_of_what_was_stopped() -> None:
    asked = ["cov(a, b)", "cov(a, c)", "E(a)", "E(b)", "E(c)"]
    assert said_of_cut(1, asked[:1]).startswith("1 of these numbers was stopped by the time (cov(a, b)): ")
    assert "(cov(a, b), cov(a, c), E(a), E(b), ...)" in said_of_cut(5, asked)
    budget = Budget(seconds=1.0)

    def slow() -> int:
        with search(Budget(seconds=1e-9)):
            return int(spent())

    with request(budget, 2) as mine:
        assert together(budget, [lambda: 0, slow]) == [0, 1]
        assert (mine.cut, mine.places) == (1, (1,))


def test_left_out_members_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    main(["derive", str(ROOT / "examples" / "rnn.tp")])
    out = capsys.readouterr().out
    assert "(not every member and pair is listed: ask with --matrix g, " in out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("input u ~ N(0, 1)\nx = relu(u)\noutput x", 0),
        ("index i in 1..2\ninput u[i] ~ N(0, 1)\n"
         "weight A, B, V ~ N(0, 1/n)\np[i] = dot(A @ tanh(u[1]), B @ tanh(u[i]))/sqrt(n)\ny = "
         "sum(softmax(p[i] over i)*(V @ u[i]) for i)\nz = cos(y)\noutput z", 3),  # no formula given the scores
    ],
)  # fmt: skip
def test_exit_codes(text: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.tp"
    path.write_text(text, encoding="utf-8")
    assert main(["derive", str(path), "--seconds", "4"]) == code
    assert capsys.readouterr().out.startswith("limit of ")


def test_equal_answers_are_written_once() -> None:
    text = repr(tp.derive(tp.loads("index i in 1..3\ninput u[i] ~ N(0, 1)\noutput u")))
    assert "E(u[1]), E(u[2]), E(u[3]) = 0" in text
    assert "cov(u[1], u[1]), cov(u[2], u[2]), cov(u[3], u[3]) = 1" in text
    assert "cov(u[1], u[2]), cov(u[1], u[3]), cov(u[2], u[3]) = 0" in text
    assert text.count("supported by") == 3
