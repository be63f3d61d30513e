"""The command line: exit codes, one JSON object, one clear message, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorprog.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
ATTENTION = str(ROOT / "examples" / "attention.tp")
TIED = str(ROOT / "examples" / "tied_query_key.tp")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert "Usage: tensorprog" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", ATTENTION], 0),
        (["check", TIED], 1),
        (["check", "no such file.tp"], 2),
        (["check", str(ROOT)], 2),
        (["check"], 2),
        (["no-such-command"], 2),
        (["check", ATTENTION, "--limit", "nesting"], 2),
        (["check", ATTENTION, "--limit", "file_bytes=10"], 2),
        (["check", ATTENTION, "--set", "C=2.5"], 0),
        (["check", ATTENTION, "--set", "C=-1"], 2),
        (["check", ATTENTION, "--set", "D=1"], 2),
        (["show", ATTENTION], 0),
        (["explain", "TP101"], 0),
        (["explain", "tp101"], 0),
        (["explain", "attention-nested"], 0),
        (["explain", "TP999"], 2),
        (["function", "tanh(x)"], 0),
        (["function", "tanh(x"], 2),
        (["function", "__import__('os')"], 2),
    ],
)
def test_exit_codes(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    if code == 2:
        assert err.startswith("error[TP")


@pytest.mark.parametrize("words", [["check", TIED], ["check", "missing.tp"], ["show", ATTENTION], ["check", ATTENTION]])
def test_json_is_one_object(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*words, "--json"])
    data = json.loads(capsys.readouterr().out)
    assert data["schema"].startswith("tensorprog/")


def test_no_words_are_a_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    bare = capsys.readouterr()
    assert main(["--help"]) == 0
    assert (bare.out, bare.err) == (capsys.readouterr().out, "")
    assert "Usage: tensorprog" in bare.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tensorprog ", {"plain,check", "plain,derive", "plain,watch"}),
        ("tensorprog va", {"plain,validate"}),
        ("tensorprog --v", {"plain,--version"}),
        ("tensorprog check ", {"file,"}),
        ("tensorprog show x.tp --format s", {"plain,svg"}),
        ("tensorprog derive x.tp --se", {"plain,--set", "plain,--seconds"}),
        ("tensorprog explain tp10", {"plain,TP101", "plain,TP102"}),
        ("tensorprog explain netsor-", {"plain,netsor-plus"}),
    ],
)
def test_a_shell_completes(typed: str, offered: set[str]) -> None:
    words = typed.split()
    environment = {**os.environ, "_TENSORPROG_COMPLETE": "bash_complete", "COMP_WORDS": typed,
                   "COMP_CWORD": str(len(words) - (not typed.endswith(" ")))}  # fmt: skip
    code = "import sys; from tensorprog.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert offered <= {*done.stdout.split()}


@pytest.mark.parametrize(("shell", "line"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete")])
def test_the_scripts_for_shells(shell: str, line: str) -> None:
    code = "import sys; from tensorprog.cli import main; sys.exit(main())"
    environment = {**os.environ, "_TENSORPROG_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert line in done.stdout
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"_TENSORPROG_COMPLETE={shell}_source tensorprog" in page


@pytest.mark.parametrize("command", ["derive", "claims", "validate", "report", "expect", "watch"])
def test_every_search_has_an_end(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])
    assert "--seconds" in capsys.readouterr().out


def test_summaries_are_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "cert.json")
    assert main(["prove", ATTENTION, "-o", out]) == 0
    said = capsys.readouterr()
    assert "goal" in said.out
    assert said.err == ""
    assert main(["prove", ATTENTION, "-o", out, "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_set_changes_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", ATTENTION, "--json"])
    plain = capsys.readouterr().out
    main(["check", ATTENTION, "--json", "--set", "C=7/2"])
    assert capsys.readouterr().out == plain


def test_out_is_written_whole_or_not_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "program.svg"
    assert main(["show", ATTENTION, "--format", "svg", "-o", str(target)]) == 0
    assert target.read_text().startswith("<svg")
    assert main(["show", ATTENTION, "-o", str(tmp_path / "no" / "folder.tp")]) == 2
    assert "error[TP018]" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["program.svg"]


def test_check_needs_no_mathematics_library() -> None:
    code = (
        "import sys; from tensorprog.cli import main; main(['check', sys.argv[1]]);"
        "print([m for m in ('numpy', 'scipy', 'sympy', 'networkx', 'rich', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, ATTENTION], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_standard_input(tmp_path: Path) -> None:
    text = Path(ATTENTION).read_bytes()
    words = [sys.executable, "-m", "tensorprog", "check", "-", "--json"]
    done = subprocess.run(words, input=text, capture_output=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "valid"
    done = subprocess.run(words, input=b"\xff\xfe\x00", capture_output=True, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
