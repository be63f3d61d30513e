"""What a user of `derive` sees: JSON, text, LaTeX, the command and its exit codes, refusals by name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import tensorprog as tp
from tensorprog import TensorProgError, load, loads
from tensorprog.limit.command import derive as command
from tensorprog.limit.derive import derive

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
MIXED = """
width m = 3*n
index i, j in 1..2
param σ > 0 = 1.2
param beta_1 = 0.5
matrix K = [[1, 1/2], [1/2, 1]]
input u[i] ~ N(0, σ^2*K[i,i'])
input v ~ N(0, 1)
weight A, B ~ N(0, σ^2/n)
weight C: m x n ~ N(0, beta_1^2/n)
a[i] = A @ tanh(u[i])
b[i] = B @ clip(u[i], -1, 1)
p[i,j] = dot(a[i], b[j])/sqrt(n)
m_1[i] = mean(relu(u[i])^2)
s = sum(m_1[i] for i)/2
y[i] = sum(softmax(p[i,j] over j, mask = j <= i)*u[j] for j)
z[i] = where(u[i] > 0, u[i], beta_1*u[i]) + s*max(u[i], a[i])
w[i] = C @ z[i]
f = dot(v, u[1])/sqrt(n)
output y
output w
output s
output f
"""


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, list(words), standalone_mode=False)
    code = result.return_value if result.exception is None else -1
    if result.exception is not None and not isinstance(result.exception, TensorProgError):
        raise result.exception
    return code, result.stdout, result.stderr


def test_json_follows_the_schema() -> None:
    data = derive(load(EXAMPLES / "mlp.tp")).to_json()
    assert data["schema"] == "tensorprog/derive/1"
    assert data["program"] == "mlp"
    for r in data["results"]:
        assert set(r) == {"of", "expr", "latex", "value", "error", "error_kind", "method", "because", "note",
                          "supported_by"}  # fmt: skip
        assert r["method"] in ("closed-form", "quadrature", "series", "sampling")
        assert r["supported_by"] == "netsor"
    of = {r["of"]: r for r in data["results"]}
    assert of["E(h[3,1])"]["expr"] == "0"
    assert of["cov(h[3,1], h[3,2])"]["value"] == pytest.approx(0.6264413799762035, rel=1e-14)
    json.dumps(data)


def test_large_families_are_cut_and_say_so() -> None:
    at = derive(loads("index i in 1..1000\ninput u[i] ~ N(0, 1)\nx[i] = relu(u[i])\noutput x"))
    data = at.to_json()
    assert data["truncated"] is True
    assert len(data["results"]) < 40
    assert at.matrix("x").shape == (1000, 1000)


def test_set_changes_numbers_only() -> None:
    program = load(EXAMPLES / "mlp.tp")
    one, two = derive(program), derive(program, {"r": 0.1})
    a, b = one.cov("h[3,1]", "h[3,2]"), two.cov("h[3,1]", "h[3,2]")
    assert a.expr == b.expr
    assert a.value != b.value
    assert a.supported_by == b.supported_by


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda at: at.cov("h[3,1]", "nothing[1]"), "TP002"),
        (lambda at: at.mean("h[3]"), "TP004"),
        (lambda at: at.mean("h[3,9]"), "TP006"),
        (lambda at: at.matrix("nothing"), "TP002"),
        (lambda at: at.matrix("h[9,i]"), "TP004"),
        (lambda at: at.law("h[3,1] + 1"), "TP003"),
    ],
)
def test_names_are_checked(ask: Any, code: str) -> None:
    with pytest.raises(TensorProgError) as caught:
        ask(derive(load(EXAMPLES / "mlp.tp")))
    assert caught.value.diagnostics[0].code == code


def test_terms_may_be_sympy() -> None:
    import sympy

    at = derive(load(EXAMPLES / "mlp.tp"))
    x = sympy.Symbol("u[1]", real=True)
    assert float(at.expect(x**2 + sympy.Max(x, 0) ** 2)) == pytest.approx(1.5)


def test_explanation_gives_every_instruction_its_rule() -> None:
    text = derive(loads(MIXED)).explain()
    for name in ("u[i]", "a[i]", "p[i,j]", "m_1[i]", "s =", "z[i]", "w[i]", "f ="):
        assert re.search(rf"^{re.escape(name)}", text, re.MULTILINE), name
    assert "Σ(p[i,j], p[i',j']) = Σ(a[i], a[i'])*Σ(b[j], b[j'])" in text
    assert "given the scores" in text
    assert "Sakai" in text


def balanced(text: str) -> bool:
    depth = 0
    for m in re.finditer(r"\\[{}]|[{}]", text):
        depth += {"{": 1, "}": -1}.get(m.group(), 0)
        if depth < 0:
            return False
    begins, ends = re.findall(r"\\begin{(\w+\*?)}", text), re.findall(r"\\end{(\w+\*?)}", text)
    return depth == 0 and sorted(begins) == sorted(ends) and text.count(r"\left") == text.count(r"\right")


@pytest.mark.parametrize("name", ["mlp", "rnn", "attention", "mixed"])
def test_latex_compiles_without_warnings(name: str, tmp_path: Path) -> None:
    at = derive(loads(MIXED) if name == "mixed" else load(EXAMPLES / f"{name}.tp"))
    document = at.latex()
    assert document.isascii()
    assert balanced(document)
    assert r"\end{document}" in document
    if shutil.which("pdflatex") is None:
        return
    (tmp_path / "limit.tex").write_text(document)
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "limit.tex"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Warning|Overfull|Underfull|Missing character", done.stdout), done.stdout[-3000:]


def test_command_prints_json(tmp_path: Path) -> None:
    mlp = str(EXAMPLES / "mlp.tp")
    code, out, _ = run(mlp, "--cov", "h[3,1],h[3,2]", "--mean", "h[3,1]", "--expect", "h[3,1]^2", "--json")
    data = json.loads(out)
    assert code == 0
    assert [r["of"] for r in data["results"]] == ["cov(h[3,1], h[3,2])", "E(h[3,1])", "E(h[3,1]^2)"]
    code, out, _ = run(mlp, "--matrix", "h[3,i]", "--out", str(tmp_path / "K.npy"))
    assert code == 0
    assert np.load(tmp_path / "K.npy").shape == (2, 2)
    code, out, _ = run(mlp, "--explain")
    assert code == 0
    assert "MatMul" in out
    code, out, _ = run(mlp, "--latex")
    assert out.startswith(r"\documentclass")


def test_exit_codes(tmp_path: Path) -> None:
    formal = tmp_path / "formal.tp"
    formal.write_text("input u ~ N(0, 1)\nweight W ~ iid(rademacher, 1/n)\nh = W @ u\noutput h\n")
    code, out, _ = run(str(formal), "--cov", "h,h", "--json")
    assert code == 3
    assert json.loads(out)["results"][0]["supported_by"] == "formal"
    code, out, err = run(str(EXAMPLES / "tied_query_key.tp"), "--json")
    assert code == 1
    assert json.loads(out)["diagnostics"][0]["code"] == "TP102"
    assert "TP102" in err
    code, _, err = run(str(EXAMPLES / "mlp.tp"), "--expect", "exp(h[3,1]^2)")
    assert code == 1
    assert "TP501" in err
    assert run(str(EXAMPLES / "mlp.tp"), "--out", "K.npy")[0] == -1


def test_a_terminal_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Results are counted on a terminal; a program or a pipe sees nothing of it."""
    import io
    import sys
    import time

    from tensorprog.numbers import progress

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    add = progress.Progress.add
    monkeypatch.setattr(progress.Progress, "add", lambda self, k: (add(self, k), time.sleep(0.2)))
    for told in (True, False):
        limit = tp.derive(tp.loads("input u, v ~ N(0, 1)\noutput u, v"))
        limit.progress = told
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        assert len(limit.results) == 5
        assert ("2 of 5 results (40%)" in stream.getvalue()) is told


def test_a_ratio_of_independent_members() -> None:
    """The integrand over two lengths vanishes everywhere: no window holds it, and the covariance is 0."""
    text = """
index i in 1..2
input x[i] ~ N(0, 1)
weight W, V ~ N(0, 2/n)
h[i] = W @ x[i]
y[i] = V @ (h[i]/(1 + 4*h[i]^2))
output y
"""
    limit = tp.derive(tp.loads(text))
    assert (limit.cov("y[1]", "y[2]").value, limit.cov("y[1]", "y[2]").error) == (0.0, 0.0)
    assert limit.cov("y[1]", "y[1]").error < 1e-10  # type: ignore[operator]
