"""What the README shows is what the program prints."""

from __future__ import annotations

import re
from pathlib import Path

import tensorprog as tp
from tensorprog.program.forms.drawing import svg_text
from tensorprog.theorems.verdict import diagnostics_text

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_error_message_is_the_real_one() -> None:
    shown = re.search(r"```text\n(error\[TP102\].*?)\n```", README, re.DOTALL)
    assert shown is not None
    program = tp.load(ROOT / "examples" / "tied_query_key.tp")
    program.path = "examples/tied_query_key.tp"
    assert diagnostics_text(tp.check(program)) == shown.group(1)


def test_the_picture_is_the_real_one() -> None:
    picture = (ROOT / "docs" / "images" / "attention.svg").read_text(encoding="utf-8")
    assert picture.strip() == svg_text(tp.load(ROOT / "examples" / "attention.tp"))


def test_the_formula_is_the_real_one() -> None:
    found = tp.expect("relu(z1)*relu(z2)")
    import sympy

    k11, k12, k22 = (sympy.Symbol(f"K{ij}", real=True) for ij in ("11", "12", "22"))
    shown = (
        sympy.sqrt(k11 * k22 - k12**2) / (2 * sympy.pi)
        + k12 / 4
        + k12 * sympy.asin(k12 / sympy.sqrt(k11 * k22)) / (2 * sympy.pi)
    )
    at = {"K11": 1.25, "K12": 0.5, "K22": 2.0}
    values = [e.subs({s: at[s.name] for s in e.free_symbols}).evalf(30) for e in (shown, sympy.sympify(found.expr))]
    assert abs(values[0] - values[1]) < 1e-25


def test_the_python_lines_run() -> None:
    program = tp.load(ROOT / "examples" / "attention.tp")
    assert tp.check(program).verdict == "valid"
    assert tp.derive(program).law("y[1]").kind == "hierarchical-gaussian"
    assert tp.facts("x*exp(-C*x^2)", vars=["x"], assume="C>0").bounded.proved
    assert tp.expect("relu(a)*erf(b)", [[1, 0.5], [0.5, 1]], vars=["a", "b"]).method == "closed-form"
