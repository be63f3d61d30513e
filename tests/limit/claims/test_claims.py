"""Claims: true ones proved, sabotaged and near ones refuted, and nothing claimed where no theorem covers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tensorprog.language import loads
from tensorprog.limit.claims.decide import claims

PROGRAM = """
index i, j in 1..3
index a in 1..2
param s > 0
param C > 0 = 1
param r in (-1, 1) = 0.5
input h0 ~ N(0, 1)
input (u, w) ~ N([0, 0], [[1, r], [r, 1]])
weight U[i] ~ N(0, 1/n)
weight Wq[a], Wk[a], Wv, B ~ N(0, 1/n)
weight S ~ N(0, s^2/n)
h[i] = U[i] @ h0
x[i] = clip(h[i], -C, C)
t[i] = tanh(h[i])
e = relu(S @ u)
f = relu(u)
q[a,i] = Wq[a] @ t[i]
k[a,i] = Wk[a] @ t[i]
v[i] = Wv @ x[i]
p[a,i,j] = dot(q[a,i], k[a,j]) / sqrt(n)
y[i] = sum(softmax(p[1,i,j] over j) * v[j] for j)
l = B @ e
m = mean(e^2)
n1 = (B @ f) / sqrt(mean(f^2))
output y
output l
output n1
output m
"""

PROVED = [
    "valid",
    "cov(q[1,1], q[1,2]) = 0",
    "cov(p[1,1,1], p[1,1,2]) = 0",
    "cov(p[1,i,j], p[2,j,i]) = 0",
    "var(p[1,1,1]) = E(t[1]^2)^2",
    "var(p[a,i,j]) = var(q[a,i]) * var(k[a,j])",
    "cov(p[1,i,j], p[1,i,1]) = 0 for j != 1",
    "var(v[1]) = E(x[1]^2)",
    "E(x[1]^2) = C^2 - (C^2 - 1)*erf(C/sqrt(2)) - C*sqrt(2/pi)*exp(-C^2/2)",
    "E(e^2) = s^2/2",
    "E(e) = s/sqrt(2*pi)",
    "var(l) = s^2/2",
    "E(m) = s^2/2",
    "E(relu(u)*relu(w)) = (sqrt(1 - r^2) + r*(pi/2 + asin(r)))/(2*pi)",
    "var(n1) = 1",
    "var(y[1]) = var(y[2])",
    "E(y[i]) = 0",
    "E(t[i]*t[j]) = 0 for i != j",
    "sum(E(x[i]^2) for i) = 3*E(x[1]^2)",
    "not gaussian(y[1])",
    "gaussian(p[1,1,2])",
    "gaussian(l)",
    "not gaussian(t[1])",
]


def decide(*lines: str, text: str = PROGRAM) -> list[tuple[str, str]]:
    more = "".join(f"claim {line}\n" for line in lines)
    found = claims(loads(text + more))
    return [(d.status, d.because) for d in found]


def test_true_claims_are_proved() -> None:
    for line, (status, because) in zip(PROVED, decide(*PROVED), strict=True):
        assert status == "proved", f"{line}: {status}, {because}"


SABOTAGED = [
    "invalid",
    "cov(q[1,1], q[1,1]) = 0",
    "var(p[1,1,1]) = E(t[1]^2)",
    "var(p[1,1,1]) = 1.05*E(t[1]^2)^2",
    "var(v[1]) = E(t[1]^2)",
    "E(x[1]^2) = C^2 - (C^2 - 1)*erf(C/sqrt(2))",
    "E(e^2) = s^2",
    "E(relu(u)*relu(w)) = (sqrt(1 - r^2) + r*(pi/2 - asin(r)))/(2*pi)",
    "var(n1) = 1.000001",
    "E(x[1]^2) = 0.516058 + 0.000001",
    "var(y[1]) = E(x[1]^2)",
    "var(y[1]) = E(x[1]^2)/3",
    "E(t[i]*t[j]) = 0",
    "cov(x[i], x[j]) = 0.1 within 0.05",
    "gaussian(y[1])",
    "not gaussian(v[2])",
    "gaussian(t[1])",
    "var(p[a,i,j]) = 1 for i != j",
]


def test_sabotaged_claims_are_refuted() -> None:
    for line, (status, because) in zip(SABOTAGED, decide(*SABOTAGED), strict=True):
        assert status == "refuted", f"{line}: {status}, {because}"


def test_a_refutation_states_both_sides() -> None:
    (found,) = claims(loads(PROGRAM + "claim var(l) + 0*C = s^2/2 + 1\nclaim var(n1) = 2\n")).decisions[1:]
    assert (found.left, found.right) == (pytest.approx(1.0), pytest.approx(2.0))
    assert "difference 1" in found.because


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("E(t[1]^2) = 0.394294490397841", "confirmed"),
        ("E(t[1]^2) = 0.3942954904", "refuted"),
        ("E(t[1]^2) = 0.3942934904", "refuted"),
        ("E(t[1]^2) = 0.4 within 0.01", "confirmed"),
        ("E(t[1]^2) = 0.4 within 0.005", "refuted"),
        ("var(y[1]) = 0.24 within 0.2", "confirmed"),
    ],
)
def test_numbers_confirm_and_refute(line: str, status: str) -> None:
    ((found, because),) = decide(line)
    assert found == status, because


NESTED = """
index i, j in 1..2
input u[i] ~ N(0, 1)
weight A, B, V, W ~ N(0, 1/n)
x[i] = tanh(u[i])
p[i,j] = dot(A @ x[i], B @ x[j]) / sqrt(n)
z[i] = sum(softmax(p[i,j] over j) * (V @ x[j]) for j)
y[i] = W @ tanh(z[i])
output y
"""
TIED = "input u ~ N(0, 1)\nweight A, V ~ N(0, 1/n)\nx = tanh(u)\n" + (
    "p = dot(A @ x, A @ x) / sqrt(n)\ny = p * (V @ x)\noutput y\n"
)
JUMP = """
input u ~ N(0, 1)
weight A, B, V ~ N(0, 1/n)
x = sign(u)
p = dot(A @ x, B @ x) / sqrt(n)
output p
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (NESTED, "E(y[1]) = 0"),
        (NESTED, "var(y[1]) = 0.1"),
        (NESTED, "gaussian(y[1])"),
        (NESTED, "not gaussian(y[1])"),
        (NESTED, "valid"),
        (TIED, "var(y) = 1"),
        (JUMP, "var(p) = 1"),
    ],
)
def test_what_no_theorem_covers_is_undecided(text: str, line: str) -> None:
    ((status, _),) = decide(line, text=text)
    assert status == "undecided"


@pytest.mark.parametrize("line", ["E(1/u) = 0", "E(u*exp(u^2)) = 0", "E(sinh(u)*exp(u^2)) = 0"])
def test_a_mean_that_does_not_exist_is_not_zero(line: str) -> None:
    text = "input u ~ N(0, 1)\nweight W ~ N(0, 1/n)\nh = W @ tanh(u)\noutput h\n"
    ((status, because),) = decide(line, text=text)
    assert status == "undecided", because


def test_parts_of_an_uncovered_program_are_still_decided() -> None:
    assert decide("var(z[1]) = var(z[2])", "not gaussian(z[1])", text=NESTED)[0][0] == "proved"


def test_an_exclusive_matrix_is_judged_for_the_claimed_variables_together() -> None:
    """p alone is covered; p beside another product of its matrix is not."""
    text = (
        "input u ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\nx = tanh(u)\np = dot(A @ x, B @ x) / sqrt(n)\n"
        "g = A @ exp(u)\noutput p\noutput g\n"
    )
    alone, together = decide("var(p) = E(x^2)^2", "cov(p, g) = 0", text=text)
    assert alone[0] == "proved"
    assert together[0] == "undecided"


def run(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from tensorprog.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "claims", str(path), *options], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("lines", "code"), [("claim var(l) = s^2/2\n", 0), ("claim var(n1) = 2\n", 1), ("claim var(l) = 1 within 9\n", 3)]
)
def test_command(tmp_path: Path, lines: str, code: int) -> None:
    path = tmp_path / "program.tp"
    path.write_text(PROGRAM + lines)
    done = run(path, "--json")
    assert done.returncode == code, done.stderr
    data = json.loads(done.stdout)
    assert data["schema"] == "tensorprog/claims/1"
    (claim,) = data["claims"]
    sides = [f"{side}{word}" for side in ("left", "right") for word in ("", "_error", "_error_kind")]
    assert list(claim) == ["text", "at", "status", *sides, "because", "supported_by"]
    assert claim["at"][0] == len(PROGRAM.splitlines()) + 1


@pytest.mark.parametrize("left", ["1/1", "(1 / 1)", "2*(1/2)", "1*1", "1/1 + 0"])
def test_a_side_that_is_the_number_one_has_its_place(left: str) -> None:
    """A product of which nothing was left but 1 had lost the place at which it stands."""
    found = claims(loads(f"input u ~ N(0, 1)\noutput u\nclaim {left} = 1\n")).decisions[0]
    assert (found.status, found.text) == ("proved", f"claim {left} = 1")
