"""Verdicts about scalars: a function of scalars is judged at the limit of each member, by continuity there.

The right answers are elementary: where a scalar converges, its variance over draws goes to 0. `dense` measures that
with plain numpy, apart from the package.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp

PROGRAMS = Path(__file__).parent / "programs"
HEAD = """
index i in 1..2
param s >= 0 = 1
param t > 0 = 1
matrix M = [1, 1]
matrix D = [1, -1]
input u, w, e, x[i] ~ N(0, 1)
input one ~ N(1, 0)
input nil ~ N(0, 0)
input z ~ N(0, s^2)
input b ~ N(0, t^2)
weight A, B ~ N(0, 1/n)
"""


def verdict(body: str) -> tp.Verdict:
    out = body if "output" in body else body + "\noutput y"
    return tp.check(tp.loads(HEAD + out))


@pytest.mark.parametrize(
    "name", ["A1_step_of_moment", "A3_where_of_moment", "B1_family_mixed_signs", "B3_direct_member"]
)
def test_a_function_that_jumps_at_the_limit_of_its_scalar_has_no_limit(name: str) -> None:
    program = tp.load(PROGRAMS / f"{name}.tp")
    found = tp.check(program)
    assert found.verdict in ("invalid", "undecided")
    with pytest.raises(tp.TensorProgError) as caught:
        tp.prove(program)
    assert [d.code for d in caught.value.diagnostics] == ["TP602"]


def test_a_positive_limit_keeps_away_from_zero() -> None:
    program = tp.loads("input e ~ N(0, 1)\nc = 1/sqrt(mean(e^2))\noutput c")
    found = tp.check(program)
    assert (found.verdict, found.covered_by) == ("valid", ["netsor-plus"])
    tp.verify(program, tp.prove(program))


def test_entries_of_a_matrix_are_constants() -> None:
    assert verdict("y = A @ (x[1]/(3 + sum(M[i]*tanh(x[i]) for i)))").verdict == "valid"
    assert verdict("y = A @ (x[1]/(3 + sum(2*D[i]*tanh(x[i]) for i)))").verdict == "invalid"  # 3 +- 4
    assert verdict("y[i] = A @ (x[i]/(3 + 2*D[i] + tanh(x[i])))").verdict == "valid"  # 3 - 2 + tanh > 0: controlled
    assert verdict("y[i] = A @ (x[i]/(5/2 + 2*D[i] + tanh(x[i])))\noutput y[1]").verdict == "valid"
    assert verdict("y[i] = A @ (x[i]/(5/2 + 2*D[i] + tanh(x[i])))").verdict == "invalid"  # 5/2 - 2 - 1 < 0
    assert verdict("y[i] = A @ (x[i]/(D[i]/2 + tanh(x[i])))").verdict != "valid"
    assert verdict("m = mean(u^2)\ny = A @ (x[1]/(3*m + sum(M[i]*tanh(x[i]) for i)))").verdict == "valid"


PIECES = "f[1] = tanh(u)\nf[2] = relu(w)\n"


@pytest.mark.parametrize(
    "body",
    [
        "m[i] = mean(f[i])\ny[i] = A @ (f[i] - m[i])",
        "m[i] = mean(f[i]^2)\ny[i] = A @ (f[i]/sqrt(m[i]))",
        "m = mean(sum(f[i] for i))\ny = A @ (u*step(m))",
        "g[i] = 2*f[i] + u\nm[i] = mean(g[i]^2)\ny[i] = A @ (f[i]/m[i])",
    ],
)
def test_families_in_pieces_are_judged_member_by_member(body: str) -> None:
    assert verdict(PIECES + body).verdict == "valid"


def test_only_the_members_that_an_output_needs_count() -> None:
    body = PIECES + "m[i] = mean(f[i])\ny[i] = A @ (u/m[i])\noutput y[{}]"  # mean(tanh(u)) -> 0, mean(relu(w)) > 0
    assert verdict(body.format(1)).verdict == "invalid"
    assert verdict(body.format(2)).verdict == "valid"


def test_two_sequences_of_a_transformer_with_normalisation() -> None:
    from tensorprog import models

    program = models.transformer([[1, 0.5], [0.5, 1]], scaling="1/n", norm="pre", sequences=2)
    assert tp.check(program).covered_by[:1] == ["netsor-plus"]


def test_a_vector_whose_variance_vanishes_only_in_the_limit_is_not_zero() -> None:
    """E sign(g)^2 = 1 at every n: rank stability fails, and there is no value."""
    body = "m = mean(u)\ng = A @ (m*tanh(w))\nh = B @ sign(g)\noutput h"
    assert verdict(body).verdict == "undecided"
    for f in ("abs(sign(m*w))", "where(m*w > 0, 1, 0)", "sign(m)*w"):
        assert verdict(f"m = mean(u)\ny = A @ ({f})").verdict in ("undecided", "invalid")


VALID = [
    "m = mean(u^2)\ny = step(m - 1/2)",
    "m = mean(u^2)\ny = where(m < 2, m, 10)",
    "m = mean(u^2)\ny = 1/m + log(m) + sqrt(m) + m^(-1/2)",
    "m = mean(u^2)\ny = A @ (where(m < 2, tanh(u), 1))",
    "m = mean(u^2)\ny = A @ (u*step(m - 1/2))",
    "m = mean(u)\ny = abs(m) + relu(m) + max(m, 0) + m*sign(m) + where(m > 0, m, 0) + sqrt(abs(m))",
    "m = mean(u)\ny = A @ (u*sqrt(abs(m)) + m*sign(m))",
    "m = mean(u)\ny = 1/(1 + m) + log(1 + m) + step(m + 1) + sqrt(m + 1/2)",
    "m = mean(u)\nv = mean((u - m)^2)\ny = A @ ((u - m)/sqrt(v))",
    "m = mean(u)\nc = exp(m)\ny = A @ tanh(u/c)",
    "m = mean(u^2)\ny = sign(m)*m",
    "m = mean(nil)\ny = step(m)",  # 0 at every n: step(0) = 1/2
    "m = mean(one)\ny = step(m - 1) + floor(m)",
    "m = mean(abs(z))\ny = sqrt(m)",  # >= 0 at every n, whatever s >= 0 is
    "m = mean(z^2)\ny = where(m >= 0, 1, 0)",
    "m = mean(b^2)\ny = step(m - t^2/2) + 1/m",
    "m = mean(A @ tanh(u))\ny = cos(m) + m^2",
    "m = mean(u^2)\nk = 1/m\nl = k^2 + log(k + 1)\ny = A @ (l*u)",
    "m = mean(u*w)\ny = max(m, 1/2) + where(m < 1/4, 1, 0)",
    "m = dot(u, w)/n\ny = A @ tanh(u*(1 + m))",
    "m = mean(relu(u)^2)\ny = step(m - 1/4) + where(m > 3/4, 1, 0)",  # 1/2
    "m = mean(u^2*w^2 + u)\ny = floor(m + 1/2)",  # 1
    "m = mean(tanh(u)^2)\ny = 1/m + step(m - 1) + step(m + 1/2)",
    "m = mean(u)\ny = A @ (w/sqrt(1 + m + w^2))",
    "m = mean(exp(u))\ny = log(m)",
    "m[i] = mean(x[i]^2)\ny = prod + log(m[1]) \noutput y".replace("prod", "m[1]*m[2]"),
    "m[i] = mean(x[i]^2)\ny = sum(1/m[i] for i)",
    "m = mean(u)\ny = A @ (where(m < 1, tanh(u), sign(u)))",
    "m = mean(u)\ny = where(m < 0, sqrt(-m), sqrt(m))",
    "m = mean(cos(relu(u)))\ny = step(m) + log(m) + where(m < 1, 1, 0)",
    "m = mean(u)\nv = mean((A @ tanh(u) - m)^2)\ny = log(v) + step(v - 1)",
    "m = mean(sqrt(1 + u^2))\ny = step(m - 1/2)",
]


@pytest.mark.parametrize("body", VALID)
def test_continuity_at_the_limit_is_enough(body: str) -> None:
    found = verdict(body)
    assert found.verdict == "valid", [d.message for d in found.diagnostics]


NOT_VALID = [
    "m = mean(u^2)\ny = step(m - 1)",
    "m = mean(u^2)\ny = where(m < 1, 1, 0)",
    "m = mean(u)\ny = sign(m)^2*step(m)",
    "m = mean(u)\ny = 1/m",
    "m = mean(u)\ny = sqrt(m)",
    "m = mean(u)\ny = log(m + 1) + log(m)",
    "m = mean(u)\ny = m/abs(m)",
    "m = mean(u)\ny = A @ (u*step(m))",
    "m = mean(z^2)\ny = 1/m",  # s = 0
    "m = mean(b^2)\ny = step(m - t^2)",
    "m = mean(b^2)\ny = step(m - 1)",  # t = 1
    "m = mean(one)\ny = 1/(m - 1)",
    "m = mean((sign(u)^2 - 1)^2)\ny = 1/m",  # sign(u)^2 = 1 almost surely
    "q = mean(sign(u)^2)\nm = mean((sign(u)^2 - q)^2)\ny = A @ (u/sqrt(m))",
    "m = mean(u*w)\nk = 1 + m\ny = step(k - 1)",
    "m[1] = mean(u)\nm[2] = mean(u^2)\ny = step(m[1])*m[2]",
    "m[1] = mean(u)\nm[2] = mean(u^2)\ny = sum(step(m[i]) for i)",
    "m = mean(u)\ny = floor(m)",
    "m = mean(u^2*w^2 + u)\ny = floor(m)",
    "m = mean(u)\ny = m*tanh(1/m)",  # undefined where m = 0
    "m = mean(sign(u))\ny = m*step(1/m)",
]


@pytest.mark.parametrize("body", NOT_VALID)
def test_what_is_not_continuous_at_the_limit_is_never_valid(body: str) -> None:
    found = verdict(body)
    assert found.verdict in ("invalid", "undecided")


def test_naming_changes_nothing() -> None:
    for f in ("step({})", "1/{}", "log(1 + {})", "where({} < 1/2, 1, 0)"):
        whole = verdict(f"y = A @ (w*({f.format('mean(u)')}))").verdict
        named = verdict(f"m = mean(u)\nk = {f.format('m')}\ny = A @ (w*k)").verdict
        assert whole == named


def test_a_step_of_a_mean_is_a_coin_and_of_a_square_is_not() -> None:
    """The measured side of the same answers: the variance over draws at two widths, in plain numpy."""
    rng = np.random.default_rng(7)
    for n in (64, 1024):
        u = rng.standard_normal((400, n))
        coin = (u.mean(axis=1) > 0).astype(float)
        assert coin.var() > 0.2
        assert ((u**2).mean(axis=1) > 0.5).all()
    spread = [(1 / np.sqrt((rng.standard_normal((400, n)) ** 2).mean(axis=1))).var() for n in (64, 1024)]
    assert spread[1] < spread[0] / 8


MEMBERS = """
index i, j in 1..3
index k in 1..100
param r in (-1, 1) = 0
matrix G = [[1, 0, 0], [0, 2, 0], [0, 0, 3]]
input x[i] ~ N(0, G[i,i'])
input q[k], u, v ~ N(0, 1)
input (a, b) ~ N([0, 0], [[1, r], [r, 1]])
weight A ~ N(0, 1/n)
weight W[i] ~ N(0, G[i,i]/n)
h[i] = W[i] @ u
f = dot(v, tanh(A @ u))/sqrt(n)
"""


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ("m[i] = mean(x[i]^2)\ny[i] = A @ (step(m[i] - 3/2)*u)", True),  # limits 1, 2, 3
        ("m[i] = mean(x[i]^2)\ny[i] = A @ (step(m[i] - 2)*u)", False),
        ("m[i] = mean(x[i]^2)\ny[i] = A @ (step(m[i] - 2)*u)\noutput y[1]", True),
        ("m[i] = mean(h[i]^2)\ny[i,j] = where(m[i] >= m[j], 1, 0)", True),  # equal members are equal at every n
        ("m[i] = mean(x[i]^2)\ny = A @ (sum(x[i]/sqrt(m[i]) for i))", True),
        ("m[k] = mean(q[k]^2)\ny = A @ (sum(q[k]/m[k] for k))", True),
        ("m[k] = mean(q[k])\ny[k] = A @ (q[k]*step(m[k]))", False),
        ("m = mean(a*b)\ny = step(m)", False),  # r has no sign
        ("m = mean(a*b)\ny = where(m < 1, 1, 0) + step(m - 2) + 1/(1 - m^2)", True),
        ("m = mean((a - b)^2)\ny = A @ (u/sqrt(m))", True),  # 2 - 2 r
        ("m = mean(u^2)\ny = f*step(m - 1/2)", True),
        ("m = mean(u)\ny = f*step(m)", False),
        ("m = mean(u)\ny = f/m", False),
        ("m = mean(u^2)\nl = dot(u, u)/n\ny = step(l - m)", False),
    ],
)
def test_each_member_has_its_own_limit(body: str, valid: bool) -> None:
    text = MEMBERS + body + ("" if "output" in body else "\noutput y")
    found = tp.check(tp.loads(text))
    assert (found.verdict == "valid") == valid, [d.message for d in found.diagnostics]


def test_exit_codes_of_prove_are_those_of_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tensorprog.cli import main

    jump, open_question = tmp_path / "jump.tp", tmp_path / "open.tp"
    jump.write_text("input u ~ N(0, 1)\nm = mean(u)\ns = step(m)\noutput s\n", encoding="utf-8")
    open_question.write_text(
        "input u, w ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\nm = mean(u)\ng = A @ (m*tanh(w))\nh = B @ sign(g)\noutput h\n",
        encoding="utf-8",
    )
    for path, code in ((jump, 1), (open_question, 3)):
        assert main(["check", str(path)]) == code
        assert main(["prove", str(path)]) == code
    assert "TP602" in capsys.readouterr().err
