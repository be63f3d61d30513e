"""One writer of formulas: LaTeX and MathML of the same terms, read back by a reader of the tests' own."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorprog as tp
from tensorprog.functions.evaluate.sympy_bridge import formula
from tensorprog.gaussian.closed.special import ErfIm, OwenT, Phi2, Signs4
from tensorprog.kernel.ground.term import add, mul, neg, power, recip
from tensorprog.program.forms.latex import program_latex
from tensorprog.proof.latex import document
from tensorprog.terms import App, Num, Term, Var, read
from tensorprog.terms.formula import Writer
from tensorprog.terms.latex import LATEX, escape, term_latex
from tensorprog.terms.mathml import MATHML
from tests.strategies import terms

CHILDREN = {"mfrac": 2, "msup": 2, "msub": 2, "munder": 2, "mover": 2, "munderover": 3}


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a*(-b)/(2*c)", r"-\frac{a\,b}{2\,c}"),
        ("a/(b/c)", r"\frac{a\,c}{b}"),
        ("(a/b)^2", r"\left(\frac{a}{b}\right)^{2}"),
        ("x[1]^2", "x_{1}^{2}"),
        ("t'^2", "{t'}^{2}"),
        ("y_1[a,i']", "y^{(1)}_{a,i'}"),
        ("exp(-x^2/2)", r"e^{-\frac{x^{2}}{2}}"),
        ("sum(x[j] for j)*y", r"\left(\sum_{j} x_{j}\right)\,y"),
        ("sum(softmax(p[i,j] over j)*v[j] for j)/2",
         r"\frac{1}{2}\sum_{j} \operatorname{softmax}_{j}\left(p_{i,j}\right)\,v_{j}"),
        ("where(x <= 1, x, -1)", r"\begin{cases} x & x \le 1 \\ -1 & \text{otherwise} \end{cases}"),
        ("h_1^2 + h[1]", r"{h^{(1)}}^{2} + h_{1}"),
        ("h_w_2[i]", r"{h_{w}^{(2)}}_{i}"),
        ("x[j_1']", "x_{{j^{(1)}}'}"),
        ("sigma_w", r"\sigma_{w}"),
        ("log_eps", r"\mathrm{log}_{\mathrm{eps}}"),
        ("λ2", r"\lambda_{2}"),
        ("2*3^x*y", r"2 \cdot 3^{x}\,y"),
        ("1/(-(1/x)*(-1))^2", r"\frac{1}{\left(\frac{1}{x}\right)^{2}}"),
        ("-(1/(1/(x + y)))", r"-\left(x + y\right)"),
    ],
)  # fmt: skip
def test_latex(text: str, latex: str) -> None:
    term = Var("t'") if text.startswith("t'") else read(text)
    assert term_latex(power(term, Num(2)) if text.startswith("t'") else term) == latex


def test_formulas_of_sympy() -> None:
    x, r = sympy.symbols("x r", real=True)
    member = sympy.Symbol("p[1,2]", real=True)
    written = sympy.Symbol("{\\Sigma(a, b)}", real=True)
    assert formula(sympy.sqrt(2) * x * sympy.exp(-r) / 2, LATEX) == r"\frac{\sqrt{2}\,x\,e^{-r}}{2}"
    assert formula(Phi2(x, 1, r) - OwenT(x, r), LATEX) == r"-T\left(x, r\right) + \Phi_{2}\left(x, 1, r\right)"
    assert formula(ErfIm(x, r), LATEX) == r"\operatorname{Im}\operatorname{erf}\left(x + i\,r\right)"
    assert formula(Signs4(*([r] * 6)), LATEX).startswith(r"S_{4}\left(r, r")
    assert formula(member * written**2, LATEX) == r"p_{1,2}\,{\Sigma(a, b)}^{2}"
    assert formula(sympy.Float("0.25") * x + sympy.oo, LATEX)
    assert formula(sympy.Float("0.25") * x, MATHML) == (
        '<mrow><mn>0.250000000000000</mn><mspace width="0.17em"></mspace><mi>x</mi></mrow>'
    )


@given(terms)
@settings(max_examples=150)
def test_any_term_gives_balanced_latex_and_well_formed_mathml(term: Term) -> None:
    latex = term_latex(term)
    assert latex.count("{") == latex.count("}")
    assert len(re.findall(r"\\left(?![a-z])", latex)) == len(re.findall(r"\\right(?![a-z])", latex))
    for e in ET.fromstring(f"<math>{Writer(MATHML).term(term)}</math>").iter():
        assert len(e) == CHILDREN.get(e.tag, len(e))


# -- the second road: what is written has the value of what was meant --------------------------------------------------

VALUES = {"x": 1.3, "y": -0.7, "z": 2.1}
small = st.one_of(
    st.sampled_from([Var(n) for n in VALUES]), st.fractions(-3, 3, max_denominator=4).filter(bool).map(Num)
)
arithmetic = st.recursive(
    small,
    lambda t: st.one_of(
        st.builds(add, t, t), st.builds(mul, t, t), st.builds(lambda a, b, c: mul(a, recip(b), c), t, t, t), t.map(neg),
        t.map(recip), t.map(lambda a: power(a, Num(2))), t.map(lambda a: App("abs", (a,))),
    ),
    max_leaves=8,
)  # fmt: skip


def meant(t: Term) -> float:
    match t:
        case Num(value):
            return float(value)
        case Var(name):
            return VALUES[name]
        case App("add", args):
            return sum(map(meant, args))
        case App("mul", args):
            return math.prod(map(meant, args))
        case App(head, args):
            a = meant(args[0])
            return {"neg": lambda: -a, "recip": lambda: 1 / a, "pow": lambda: a**2, "abs": lambda: abs(a)}[head]()
    raise AssertionError(t)


def flat(e: ET.Element) -> list[ET.Element]:
    """Rows dissolved, unless they are fenced: a reader sees no rows."""
    if e.tag == "mrow" and not (len(e) and e[0].get("fence")):
        return [x for child in e for x in flat(child)]
    return [e]


def seen(items: list[ET.Element]) -> float:
    """Signs first, then factors side by side, as a person reads; digits side by side would be one number."""
    total, product, sign = 0.0, None, 1.0
    for e in [x for item in items for x in flat(item)]:
        if e.tag == "mo" and e.text in ("+", "−"):
            total += 0.0 if product is None else sign * product
            product, sign = None, 1.0 if e.text == "+" else -1.0
        elif e.tag != "mspace" and e.text != "⋅":
            product = value(e) * (1.0 if product is None else product)
    assert product is not None
    return total + sign * product


def value(e: ET.Element) -> float:
    match e.tag:
        case "mn":
            return float(e.text or "")
        case "mi":
            return VALUES[e.text or ""]
        case "mfrac":
            return seen([e[0]]) / seen([e[1]])
        case "msup":
            assert e[0].tag in ("mi", "mn") or e[0][0].get("fence"), "a power of what is not one thing"
            return float(seen([e[0]]) ** seen([e[1]]))
        case "mrow":
            inside = seen(list(e)[1:-1])
            return abs(inside) if e[0].text == "|" else inside
    raise AssertionError(e.tag)


@given(arithmetic)
@settings(max_examples=300)
def test_what_is_written_has_the_value_of_what_is_meant(term: Term) -> None:
    try:
        right = meant(term)
    except (ZeroDivisionError, OverflowError):
        return
    try:
        found = seen([ET.fromstring(Writer(MATHML).term(term))])
    except (ZeroDivisionError, OverflowError):  # rounding decides whether a divisor is exactly 0
        return
    assert found == pytest.approx(right, rel=1e-6, abs=1e-6) or abs(right) > 1e6


# -- one member, one spelling ------------------------------------------------------------------------------------------


def test_a_member_is_written_the_same_in_programs_derivations_laws_and_proofs() -> None:
    program = tp.load(Path(__file__).parents[2] / "examples" / "attention.tp")
    limit, proof = tp.derive(program), tp.prove(program)
    proved = document(program, json.loads(proof.text), tp.verify(program, proof))
    written = [program_latex(program), limit.latex(), proved]
    for text in written:
        assert "p_{a,i,j}" in text
        assert "v_{a,j}" in text
    assert "v_{a,j}" in limit.law("y[1]")._repr_latex_()
    assert "p^{a,i,j}" not in "".join(written)


def test_plain_text_is_escaped() -> None:
    assert escape("a_b <= 50% & φ≥x^2 {\\}") == r"a\_b $\le$ 50\% \& $\varphi$$\ge$x\^{}2 \{\textbackslash{}\}"
    assert escape("Ж") == "?"
