"""Every named function, and functions that are added as CONTRIBUTING.md and `register` say, through every command."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorprog as tp
from tensorprog.cli import main
from tensorprog.functions.named.library import library
from tensorprog.functions.named.registry import registry

ROOT = Path(__file__).parents[2]
CALLS = {
    "leaky_relu": "leaky_relu({}, 1/4)", "clip": "clip({}, -1, 2)", "min": "min({}, 1)", "max": "max({}, -1)",
    "hermite": "hermite(2, {})", "where": "where({} > 1/2, 1, 0)", "mod": "mod({}, 2)", "log": "log(1 + {}^2)",
    "ln": "ln(1 + {}^2)",
    "sqrt": "sqrt(1 + {}^2)", "log1p": "log1p({}^2)", "asin": "asin(sin({})/2)", "acos": "acos(sin({})/2)",
    "tan": "tan(tanh({}))",
}  # fmt: skip
"""How a function is called where it is defined and has a mean; f(x) for those that are not listed."""

COMMANDS = {"check": (0, 3), "derive": (0, 3), "claims": (0, 1, 3), "simulate": (0,), "prove": (0, 3), "report": (0, 3)}
"""With the exit codes that are answers: 1 and 3 say that something is refuted or not known."""


def walk(name: str, folder: Path, call: str | None = None, numbers: bool = True) -> dict[str, str]:
    """The answers of every command to a program of one nonlinearity."""
    call = call or CALLS.get(name, name + "({})")
    program = folder / f"{name}.tp"
    program.write_text(
        f"program walk\ninput u ~ N(0, 1)\nweight A, B ~ N(0, 1/n)\nh = A @ u\nx = {call.format('h')}\nm = mean(x)\n"
        "y = B @ x\noutput y\noutput m\nclaim gaussian(y)\nclaim E(y) = 0\nclaim var(y) = E(x^2)\n"
    )
    more = {"simulate": ["-n", "8", "--samples", "4"],
            "report": ["-o", str(folder / "report.html"), "-n", "8", "--samples", "20"],
            "prove": ["-o", str(folder / "c.json")]}  # fmt: skip
    out = {}
    for command, codes in COMMANDS.items():
        if command == "simulate" and not numbers:
            codes = (2,)
        out[command] = _run([command, str(program), *more.get(command, [])], codes)
    out["expect"] = _run(["expect", call.format("Z"), "--cov", "[[1]]", "--json"], (0, 3))
    out["pair"] = _run(
        ["expect", f"{call.format('Y')}*{call.format('Z')}", "--cov", "[[1, 1/2], [1/2, 1]]", "--json"], (0, 3)
    )
    out["function"] = _run(["function", call.format("x")], (0, 3))
    return out


def _run(arguments: list[str], codes: tuple[int, ...]) -> str:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(arguments)
    assert code in codes, (arguments, code, out.getvalue(), errors.getvalue())
    assert code == 2 or "TP003" not in out.getvalue() + errors.getvalue()
    assert "nan" not in out.getvalue().split()
    return out.getvalue()


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(library()))
def test_every_function_goes_through_every_command(name: str, tmp_path: Path) -> None:
    walk(name, tmp_path)


RECORDS = """
def _added() -> tuple[Function, ...]:
    x = E.var("x")
    root, third = f("sqrt", 1 + x**2), Fraction(1, 3)
    return (
        Function("plain", ("x",), ((root - 1) / 2 + x).term),
        Function("stated", ("x",), ((root - 1) / 2 + x).term, ((1 + x / (2 * root)).term,), "smooth", REALS, _F1, _F0,
                 at_zero=_F0),
        Function("folded", ("x",), f("max", x, third * x - 1).term, (), "lipschitz", REALS, _F1, _F0),
        Function("jumping", ("x",), f("sign", x - 1).term),
        Function("stepping", ("x",), f("sign", x - 1).term, (Num(0),), "jumps", _CLOSED, _F0, _F0),
    )
"""
ADDED = {"plain": "((sqrt(1 + {0}^2) - 1)/2 + {0})", "stated": "((sqrt(1 + {0}^2) - 1)/2 + {0})",
         "folded": "max({0}, {0}/3 - 1)", "jumping": "sign({0} - 1)", "stepping": "sign({0} - 1)"}  # fmt: skip
"""The same written out: the answers must agree."""

CHILD = """
import json, sys
from pathlib import Path
import tensorprog
from tests.functions.test_every_command import walk
assert Path(tensorprog.__file__).parents[1] == Path(sys.argv[1])
print(json.dumps({name: walk(name, Path(sys.argv[1])) for name in sys.argv[2:]}))
"""


@pytest.mark.long
def test_a_function_that_is_added_goes_through_every_command(tmp_path: Path) -> None:
    """A record and no more, as CONTRIBUTING.md says, in a copy of the package."""
    shutil.copytree(ROOT / "tensorprog", tmp_path / "tensorprog")
    records = tmp_path / "tensorprog" / "functions" / "named" / "library.py"
    text = records.read_text(encoding="utf-8").replace("*_many())", "*_many(), *_added())", 1)
    records.write_text(text + RECORDS, encoding="utf-8")
    made = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", CHILD, str(tmp_path), *ADDED], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    for name, answers in json.loads(made.stdout).items():
        expected = walk(f"written_{name}", tmp_path, ADDED[name])
        for command in ("claims", "check"):
            assert _verdicts(answers[command]) == _verdicts(expected[command]), (name, command)
        for command in ("expect", "pair"):
            assert _number(answers[command]) == pytest.approx(_number(expected[command]), rel=1e-9), (name, command)


@pytest.mark.long
def test_a_registered_function_goes_through_every_command(tmp_path: Path) -> None:
    tp.register("swish2", "x*sigmoid(2*x)")
    tp.register("known", bounded=True, lipschitz=True, numpy=np.tanh)
    tp.register("silent", bounded=True, lipschitz=True)
    try:
        answers = walk("swish2", tmp_path)
        expected = walk("written", tmp_path, "({0}*sigmoid(2*{0}))")
        assert _number(answers["expect"]) == pytest.approx(_number(expected["expect"]), rel=1e-12)
        walk("known", tmp_path)
        walk("silent", tmp_path, numbers=False)
    finally:
        for name in ("swish2", "known", "silent"):
            del registry()[name]


def _verdicts(text: str) -> list[str]:
    return re.findall(r"\b(?:valid|invalid|undecided|proved|refuted)\b", text)


def _number(text: str) -> float:
    return float(json.loads(text)["value"])
