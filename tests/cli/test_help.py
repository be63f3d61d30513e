"""Help is followed to the letter: what it writes out is put where it says, and the program is checked again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tensorprog.cli import main
from tensorprog.terms.reserved import STATEMENT_WORDS


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    main(["check", str(path), "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def follow(text: str, d: dict[str, Any]) -> str:
    """The text after the help of one diagnostic, as a reader who knows the theory and not the tool would apply it."""
    lines, at, column = text.split("\n"), d["line"] - 1, d["column"] - 1
    help = d["help"]
    word = re.match(r"[\w.]+", lines[at][column:])
    if near := re.match(r"did you mean (.+)\?|here it is called (\w+)|write (\w+)\(x\)$", help):
        new = next(g for g in near.groups() if g)
        if d["code"] == "TP001":  # the word of the statement, which stands before the place
            lines[at] = re.sub(r"^\s*\w+", new, lines[at])
        else:
            assert word is not None
            lines[at] = lines[at][:column] + new + lines[at][column + len(word[0]) :]
        return "\n".join(lines)
    if help.startswith("a law is written with ~"):
        lines[at] = lines[at][:column] + "~" + lines[at][column + 1 :]
        return "\n".join(lines)
    pieces = re.findall(r"`([^`]+)`(?: for (\w+(?:\[[^\]]*\])?(?:\((?:[^()]|\([^()]*\))*\))?))?", help)
    above = [p for p, _ in pieces if p.split()[0] in STATEMENT_WORDS]
    rest = [(p, old) for p, old in pieces if p not in above]
    behind = []
    for piece, old in rest:
        if old:
            assert old in lines[at], (old, lines[at])
            lines[at] = lines[at].replace(old, piece, 1) if old not in piece else re.sub(
                rf"(?<![@\w] ){re.escape(old)}", piece, lines[at], count=1)  # fmt: skip
        elif re.match(r"\w+(\[[^\]]*\])? = ", piece):
            behind.append(piece)
        else:  # the expression stands for the call
            assert word is not None
            end, depth = column + len(word[0]), 0
            for end in range(column + len(word[0]), len(lines[at])):
                depth += (lines[at][end] == "(") - (lines[at][end] == ")")
                if depth == 0:
                    break
            lines[at] = lines[at][:column] + f"({piece})" + lines[at][end + 1 :]
    return "\n".join([*lines[:at], *above, lines[at], *behind, *lines[at + 1 :]])


HEAD = (
    "index i, j, k in 1..4\ninput u[i] ~ N(0, 1)\nweight W, Q, K, V ~ N(0, 1/n)\nh[i] = W @ u[i]\nx[i] = tanh(h[i])\n"
)
END = "y[i] = sum(softmax(p[i,j] over j) * (V @ x[j]) for j)\noutput y\n"
FINE = "p[i,j] = dot(Q @ x[i], K @ x[j]) / sqrt(n)\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD + "p[i,j] = dot(x[i], x[j]) / sqrt(n)\n" + END, "TP103"),
        (HEAD + "p[i,j] = dot(x[i], relu(V @ u[j])) / sqrt(n)\n" + END, "TP103"),
        (HEAD + "p[i,j] = dot(Q @ x[i], x[j]) / sqrt(n)\n" + END, "TP103"),
        (HEAD + FINE + "z[i] = K @ sin(x[i])\n" + END.replace("V @ x[j]", "z[j]"), "TP101"),
        (HEAD.replace("tanh(h", "tahn(h") + FINE + END, "TP002"),
        (HEAD.replace("tanh(h[i])", "tanh(layernorm(h[i]))") + "output x\n", "TP002"),
        (HEAD.replace("tanh(h[i])", "dropout(h[i])") + "output x\n", "TP002"),
        (HEAD.replace("tanh(h[i])", "linear(h[i])") + "output x\n", "TP002"),
        (HEAD.replace("tanh(h[i])", "concat(h[i], u[i])") + "output x\n", "TP002"),
        (HEAD.replace("tanh(h[i])", "arctan(h[i])") + FINE + END, "TP002"),
        (HEAD.replace("weight", "wieght") + FINE + END, "TP001"),
        (HEAD.replace("u[i] ~", "u[i] =") + FINE + END, "TP001"),
        (HEAD + FINE + END.replace("softmax(p", "softmax(P"), "TP002"),
    ],
)  # fmt: skip
def test_help_that_is_followed_mends(text: str, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.tp"
    path.write_text(text)
    first = check(path, capsys)["diagnostics"][0]
    assert first["code"] == code
    path.write_text(follow(text, first))
    after = check(path, capsys)
    assert after["verdict"] in ("valid", "valid-by-remark"), (path.read_text(), after["diagnostics"])


FIRST_TRY = """program mine
index i, j in 1..3
input u[i] ~ N(0, 0.5^abs(i-i'))
wieght W, V ~ N(0, 1/n)
feature[i] = tanh(rmsnorm(W @ u[i]))
p[i,j] = dot(feature[i], faeture[j]) / n
y[i] = sum(softmax(p[i,j] over j) * (V @ feature[j]) for j)
output y
"""


def test_a_walk_by_the_messages_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three mistakes, each mended by what the message says, and then a report."""
    path, codes = tmp_path / "mine.tp", []
    text = FIRST_TRY
    path.write_text(text)
    for _ in range(6):
        found = check(path, capsys)
        if found["verdict"] == "valid":
            break
        d = found["diagnostics"][0]
        codes.append(d["code"])
        text = follow(text, d)
        path.write_text(text)
    assert (found["verdict"], codes) == ("valid", ["TP001", "TP002", "TP002"])
    assert main(["report", str(path), "-o", str(tmp_path / "r.html"), "-n", "8", "--samples", "20"]) == 0
    assert "valid" in (tmp_path / "r.html").read_text("utf-8")


def test_streams_keep_their_order_in_one_file(tmp_path: Path) -> None:
    """Diagnostics go to standard error and verdicts to standard output; a file that takes both has them in order."""
    import subprocess
    import sys

    path, both = tmp_path / "p.tp", tmp_path / "both.txt"
    path.write_text(HEAD + "p[i,j] = dot(x[i], x[j]) / sqrt(n)\n" + END)
    words = [sys.executable, "-m", "tensorprog", "check", str(path)]
    with both.open("wb") as file:
        done = subprocess.run(words, stdout=file, stderr=subprocess.STDOUT, check=False)
    apart = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == apart.returncode == 1
    assert both.read_bytes() == apart.stderr + apart.stdout
    assert apart.stderr.startswith(b"error[TP103]")
    assert b"error[" not in apart.stdout
