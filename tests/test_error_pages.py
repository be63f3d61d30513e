"""The pages of docs/errors: each has its failing example and its corrected one, and both do what the page says.

A page without an HTML comment has a complete program that `check` rejects with exactly the page's code.
`<!-- example: claims -->` (or any other command with options) runs that command on the program instead, and
`<!-- example: generated NAME -->` takes the program from GENERATED below, because it is too large to print.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorprog as tp
from tensorprog.errors import CODES

PAGES = Path(__file__).parent.parent / "docs" / "errors"
HEAD = "input u ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\n"
ORDER = ["error", "invalid", "undecided", "valid-by-remark", "valid"]


def _many_terms(letter: str) -> str:
    sums = [f"{letter}{k} = " + " + ".join(f"{letter}[{30 * k + i}]" for i in range(1, 31)) for k in range(20)]
    return "\n".join(sums) + f"\n{letter}sum = " + " + ".join(f"{letter}{k}" for k in range(20)) + "\n"


GENERATED = {
    "huge_file": lambda: HEAD + ("# a comment that goes on and on\n" * 400_000) + "y = A @ u\noutput y\n",
    "deep_nesting": lambda: HEAD + "y = " + "relu(" * 2_000 + "u" + ")" * 2_000 + "\noutput y\n",
    "long_statement": lambda: HEAD + "y = " + "u + " * 50_000 + "u\noutput y\n",
    "large_expression": lambda: (
        "index i, j in 1..600\ninput x[i], z[i] ~ N(0, 1)\nweight A[i], B[i] ~ N(0, 1/n)\n"
        "q[i] = A[i] @ x[i]\nk[i] = B[i] @ z[i]\n"
        + _many_terms("q")
        + _many_terms("k")
        + "f = dot(qsum, ksum) / sqrt(n)\noutput f\n"
    ),
}


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def command_of(text: str) -> str | None:
    match = re.search(r"^<!-- example: (.+) -->$", text, re.MULTILINE)
    return match and match[1]


def judge(path: Path) -> tuple[str, set[str]]:
    """The verdict of a program and all its codes."""
    try:
        verdict = tp.check(tp.load(path))
    except tp.TensorProgError as error:
        return "error", {d.code for d in error.diagnostics}
    return verdict.verdict, {d.code for d in verdict.diagnostics}


def run_command(command: str, path: Path) -> tuple[int, str, set[str]]:
    words = shlex.split(command)
    if not any(word.endswith(".tp") for word in words):
        words.insert(1, str(path))
    code = "import sys; from tensorprog.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=path.parent,
    )
    assert "Traceback" not in done.stderr
    data: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip().startswith("{") else {}
    codes = {d["code"] for d in data.get("diagnostics", [])} | set(re.findall(r"TP\d\d\d", done.stderr))
    return done.returncode, done.stderr, codes


def test_one_page_a_code() -> None:
    assert {page.stem for page in PAGES.glob("TP*.md")} == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_form_of_the_page(code: str) -> None:
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# {code}: {CODES[code]}"
    assert max(len(line) for line in text.splitlines()) <= 100, "a terminal is narrow"
    for heading in ("## Why", "## Example", "## Mending it"):
        assert heading in text
    assert len(blocks(text, "tp-fixed")) == 1
    generated = (command_of(text) or "").startswith("generated ")
    assert len(blocks(text, "tp")) == (0 if generated or code == "TP018" else 1)


@pytest.mark.parametrize("code", sorted(CODES))
def test_examples_of_the_page(code: str, tmp_path: Path) -> None:
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    command = command_of(text)
    (fixed,) = blocks(text, "tp-fixed")
    failing = "".join(blocks(text, "tp"))
    good, bad = tmp_path / "fixed.tp", tmp_path / "failing.tp"
    if command and command.startswith("generated "):
        failing, command = GENERATED[command.removeprefix("generated ")](), None
    good.write_text(fixed, encoding="utf-8")
    bad.write_text(failing, encoding="utf-8")
    if command:
        exit_code, _, codes = run_command(command, bad)
        assert exit_code != 0
        assert code in codes
        if code.startswith("TP4"):
            exit_code, _, codes = run_command(command, good)
            assert (exit_code, code in codes) == (0, False)
            return
        failing_verdict = "error"
    else:
        failing_verdict, codes = judge(bad)
        assert codes == {code}
    fixed_verdict, codes = judge(good)
    assert code not in codes
    assert ORDER.index(fixed_verdict) > ORDER.index(failing_verdict)


def test_explain_prints_the_page() -> None:
    program = "import sys; from tensorprog.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "explain", "TP101"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert CODES["TP101"] in done.stdout
    assert "Wk @ z[i]" in done.stdout
