"""Verdicts speak of what the user wrote: no made names, no symbols of a paper's proof, in any message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tensorprog as tp
from tensorprog.cli import main
from tensorprog.errors import TensorProgError
from tensorprog.theorems.verdict import THEOREMS, Verdict, diagnostics_text

CORPUS = Path(__file__).parents[1] / "corpus"
PROGRAMS = sorted([*(CORPUS / "invalid").glob("*.tp"), *(CORPUS / "undecided").glob("*.tp")])
INNER = re.compile(r"#?\bx\d+ = |#s\d|\br\^\d|App\(|Var\(|\bg\^|\{2k")


def said(verdict: Verdict) -> str:
    """Everything that a verdict says in words; the statements of theorems and the program's lines apart."""
    parts = [p.finding.because for o in verdict.outputs for t in o.theorems for p in t.premises]
    for d in verdict.diagnostics:
        parts += [d.message, d.because, d.consequence, d.help, *(label for _, label in d.related)]
    return "\n".join(parts)


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.long] if k % 4 else []) for k, p in enumerate(PROGRAMS)],
    ids=lambda p: p.stem,
)
def test_messages_have_no_made_names(path: Path) -> None:
    program = tp.load(path)
    text = said(tp.check(program))
    own = set(re.findall(r"[^\W\d]\w*", path.read_text("utf-8")))
    made = {*program.made, *program.analysis.made} - own
    assert not made & set(re.findall(r"[^\W\d]\w*", text))
    assert INNER.findall(text) == []


def test_premises_are_in_plain_words() -> None:
    statements = [p.statement for t in THEOREMS for p in t.premises]
    assert [s for s in statements if INNER.search(s) or "phi(" in s or "`" in s] == []


HEAD = "index i, j in 1..3\ninput u[i], v ~ N(0, 1)\nweight W, Q, K, V ~ N(0, 1/n)\nx[i] = tanh(W @ u[i])\n"


@pytest.mark.parametrize(
    ("lines", "code", "message", "because"),
    [
        ("y[i] = sum(softmax(dot(Q @ x[i], K @ x[j]) / sqrt(n) over j) * tanh(K @ u[j]) for j)", "TP101",
         "the score weight K is used elsewhere", "K makes the side K @ x[1], and here K @ u[1] as well"),
        ("y[i] = sum(softmax(dot(Q @ x[i], x[j]) / sqrt(n) over j) * (V @ x[j]) for j)", "TP103",
         "no MatMul made the side x[j] of this score", "x[j] is made by a nonlinearity"),
        ("y[i] = sum(softmax(dot(Q @ x[i], K @ relu(V @ u[j])) / sqrt(n) over j) * x[j] for j)", "TP201",
         "the feature relu(V @ u[j]) is not bounded", "what K multiplies into a side of a score"),
        ("y[i] = V @ (1/(u[i]*v))", "TP205", "this nonlinearity is not controlled",
         "1/(u[1]*v) is undefined at u[1] = 0, v = 0"),
    ],
)  # fmt: skip
def test_a_message_in_the_users_words(lines: str, code: str, message: str, because: str) -> None:
    (d, *_) = tp.check(tp.loads(f"{HEAD}{lines}\noutput y\n")).diagnostics
    assert (d.code, d.message) == (code, message)
    assert because in d.because


def test_made_names_of_python_programs_are_words_too() -> None:
    p = tp.Program("built")
    (u,) = p.input("u ~ N(0, 1)")
    (w,) = p.weight("W ~ N(0, 1/n)")
    p.output(p.define("y", w @ (1 / (w @ u))))
    assert "W @ u = 0" in diagnostics_text(tp.check(p))
    with pytest.raises(TensorProgError, match="TP002"):
        p.define("z", "W @ vv")


DERIVED = """
input u ~ N(0, 1)
weight W, V ~ N(0, 1/n)
z = 1/mean(V @ u)
s = sign(mean(W @ u))*u
output z
output s
"""


def test_derived_answers_and_refusals_have_no_made_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.tp"
    path.write_text(DERIVED)
    assert main(["derive", str(path), "--cov", "z,z", "--law", "s"]) in (1, 3)
    out = "".join(capsys.readouterr())
    assert "1/mean(V @ u) is singular" in out
    assert "sign(mean(W @ u))*u is discontinuous" in out
    assert main(["derive", str(path), "--matrix", "s"]) in (1, 3)
    assert not re.search(r"\b[zs]_\d", out + "".join(capsys.readouterr()))
