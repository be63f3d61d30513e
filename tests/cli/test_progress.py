"""What a terminal is told while a command works; and that a pipe is told nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")
ROOT = Path(__file__).resolve().parents[2]
ATTENTION = str(ROOT / "examples" / "attention.tp")


def on_a_terminal(words: list[str]) -> tuple[str, float]:
    """What a terminal shows of standard error, and when it first speaks of time; standard output goes to a pipe."""
    main, side = pty.openpty()
    start, first, shown = time.monotonic(), float("inf"), b""
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-m", "tensorprog", *words], stdin=subprocess.DEVNULL, stderr=side,
                          stdout=subprocess.PIPE, env=environment, cwd=ROOT) as run:  # fmt: skip
        os.close(side)
        while True:
            try:
                got = os.read(main, 65536)
            except OSError:
                break
            if not got:
                break
            shown += got
            if b"left" in shown or b"so far" in shown:
                first = min(first, time.monotonic() - start)
        assert run.stdout is not None
        out = run.stdout.read()
    os.close(main)
    assert b"so far" not in out
    assert b"left" not in out
    return shown.decode("utf-8", "replace"), first


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["derive", ATTENTION], "limit of multihead_attention"),
        (["claims", ATTENTION, "--seconds", "5"], "claims of multihead_attention"),
        (["validate", ATTENTION, "--widths", "64,128", "--samples", "500"], "validating multihead_attention"),
        (["simulate", ATTENTION, "-n", "512", "--samples", "4000"], "simulating multihead_attention"),
        (["prove", ATTENTION, "--goals", "kurtosis:y[1]"], "proving multihead_attention"),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_a_terminal_is_told_what_is_going_on(words: list[str], said: str) -> None:
    shown, first = on_a_terminal(words)
    assert said in shown
    assert first < 10  # of a machine that does much else; it is below one second on one that does not
    assert shown.rstrip().endswith("\x1b[?25h") or "\x1b[2K" in shown  # what was drawn is wiped


def test_a_pipe_is_told_nothing() -> None:
    words = [sys.executable, "-m", "tensorprog", "derive", str(ROOT / "examples" / "mlp.tp")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
