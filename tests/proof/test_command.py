"""`prove` and `verify` as a user runs them: exit codes, JSON, files, explanation, LaTeX."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import tensorprog as tp
from tensorprog.cli import main
from tests.kernel.certified import CORPUS


def path(name: str) -> str:
    return str(CORPUS / f"{name}.tp")


def test_a_certificate_is_written_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cert.json"
    assert main(["prove", path("valid/attention_example1"), "-o", str(out)]) == 0
    capsys.readouterr()
    assert main(["verify", path("valid/attention_example1"), str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == {"schema": "tensorprog/verify/1", "accepted": True, "steps": data["steps"], "rejected_step": None,
                    "axioms": ["theorem attention"]}  # fmt: skip
    assert data["steps"] == len(json.loads(out.read_text())["steps"])


def test_standard_output_is_the_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", path("valid/mlp_relu"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "tensorprog/certificate/2"


@pytest.mark.parametrize(("name", "code"), [("invalid/exp_of_square", 1), ("undecided/two_layers", 3)])
def test_exit_codes_are_those_of_check(name: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", path(name), "--json"]) == code == main(["check", path(name)])
    assert "TP602" in capsys.readouterr().err


def test_a_forged_certificate_is_rejected_with_its_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cert.json"
    assert main(["prove", path("valid/mlp_relu"), "-o", str(out)]) == 0
    data = json.loads(out.read_text())
    data["steps"][1][3][-1] = "u >= 0"
    out.write_text(json.dumps(data))
    capsys.readouterr()
    assert main(["verify", path("valid/mlp_relu"), str(out), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["accepted"], said["rejected_step"]) == (False, 1)
    assert main(["verify", path("valid/mlp_exp"), str(out)]) == 1


def test_a_missing_file_and_a_wrong_goal_are_usage_errors(tmp_path: Path) -> None:
    assert main(["verify", path("valid/mlp_relu"), str(tmp_path / "none.json")]) == 2
    assert main(["prove", path("valid/mlp_relu"), "--goals", "nothing"]) == 2


def test_explanation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cert.json"
    assert main(["prove", path("valid/attention_tanh"), "--goals", "x", "-o", str(out)]) == 0
    capsys.readouterr()
    assert main(["verify", path("valid/attention_tanh"), str(out), "--explain"]) == 0
    text = capsys.readouterr().out
    steps = json.loads(out.read_text())["steps"]
    for k, step in enumerate(steps):  # every step once, with its rule and what it rests on
        rests = f", from {', '.join(f'({p})' for p in step[2])}" if step[2] else ""
        found = re.search(rf"^ *\({k}\) .*\n +{step[0].replace('_', ' ')}: .*$", text.split("Proof")[1], re.MULTILINE)
        assert found is not None
        assert found.group().endswith(rests)
    assert "the theorem attention covers the output y" in text
    assert "Sakai, Karakida & Imaizumi 2025, Theorem 1" in text
    assert "axioms: 1 of kind theorem" in text


DISPLAYED = ["valid/attention_tanh", "valid/mlp_step_and_where", "valid/layernorm_eps", "valid/greek_and_symbols",
             "by-remark/low_rank_relu", "valid/handmade_softmax"]  # fmt: skip


@pytest.mark.parametrize("name", DISPLAYED)
def test_latex(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", path(name), "--goals", "facts", "--latex", "-o", str(tmp_path / "proof.tex")]) == 0
    assert main(["prove", path(name), "--goals", "facts", "-o", str(tmp_path / "cert.json")]) == 0
    capsys.readouterr()
    assert main(["verify", path(name), str(tmp_path / "cert.json"), "--latex"]) == 0
    text = capsys.readouterr().out
    assert text == (tmp_path / "proof.tex").read_text(encoding="utf-8")
    steps = json.loads((tmp_path / "cert.json").read_text())["steps"]
    body = text.split(r"\section*{Proof}")[1]
    assert body.count(r"\emph{") == len(steps)
    assert body.count("$") % 2 == 0
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")
    assert not any(c in text for c in "\x01\x02")
    if shutil.which("pdflatex"):
        done = subprocess.run(["pdflatex", "-interaction=batchmode", "-halt-on-error", "proof.tex"], cwd=tmp_path,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]


def test_python() -> None:
    program = tp.load(path("valid/layernorm_eps"))
    certificate = tp.prove(program)
    assert tp.verify(program, certificate).axioms == ("theorem netsor-plus",)
    assert "goal: the theorem netsor-plus covers the output y" in repr(certificate)
    assert certificate._repr_html_().startswith("<pre>")
    with pytest.raises(tp.CertificateError):
        tp.verify(tp.load(path("valid/layernorm_no_eps")), certificate)
    with pytest.raises(tp.TensorProgError) as nothing:
        tp.prove(tp.load(path("invalid/tied_query_key")))
    assert nothing.value.diagnostics[0].code == "TP602"


def test_a_deep_network_has_a_certificate_linear_in_its_depth() -> None:
    sizes = []
    for depth in (10, 50):
        lines = ["input x0 ~ N(0, 1)", f"index l in 1..{depth}", "weight W[l] ~ N(0, 1/n)"]
        lines += [f"x{k + 1} = relu(W[{k + 1}] @ x{k})" for k in range(depth)]
        program = tp.loads("\n".join([*lines, f"output x{depth}", ""]))
        certificate = tp.prove(program)
        assert tp.verify(program, certificate).axioms == ("theorem netsor",)
        sizes.append(len(certificate.text))
    assert sizes[1] < 6 * sizes[0]
