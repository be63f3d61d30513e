"""Formulas: MathML of the LaTeX that this package writes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorprog.display.page.mathml import MAX_LENGTH, mathml


def inside(latex: str) -> str:
    return mathml(latex).removeprefix("<math><mrow>").removesuffix("</mrow></math>")


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\frac{1}{2}", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"x_{1}^{2}", "<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>"),
        (r"r \mathrm{sw}", '<mi>r</mi><mspace width="0.17em"></mspace><mi mathvariant="normal">sw</mi>'),
        (
            r"\operatorname{f}\left(x\right)",
            '<mi mathvariant="normal">f</mi><mrow><mo fence="true" stretchy="true">(</mo><mrow><mi>x</mi></mrow>'
            '<mo fence="true" stretchy="true">)</mo></mrow>',
        ),
        (r"\sqrt{x}", "<msqrt><mi>x</mi></msqrt>"),
        (r"\sqrt[3]{x}", "<mroot><mi>x</mi><mrow><mn>3</mn></mrow></mroot>"),
        (r"i'", "<mrow><mi>i</mi><mtext>\N{RIGHT SINGLE QUOTATION MARK}</mtext></mrow>"),
        (r"2'", "<msup><mn>2</mn><mo>′</mo></msup>"),
        (r"f(x)", '<mi>f</mi><mo stretchy="false">(</mo><mi>x</mi><mo stretchy="false">)</mo>'),
        (r"\sigma", "<mi>σ</mi>"),
        (r"a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\mathbb{E}", "<mi>𝔼</mi>"),
        (r"\mathring{m}", '<mover accent="true"><mi>m</mi><mo>˚</mo></mover>'),
        (r"\unheard{x}", "<mtext>\\unheard</mtext><mi>x</mi>"),
    ],
)
def test_elements(latex: str, expected: str) -> None:
    assert inside(latex) == expected


def test_cases_become_a_table_behind_a_brace() -> None:
    root = ET.fromstring(mathml(r"\begin{cases} x & \text{for}\: x > 0 \\ 0 & \text{otherwise} \end{cases}"))
    assert [len(row) for row in root.iter("mtr")] == [2, 2]
    assert next(root.iter("mo")).text == "{"


@given(st.text(alphabet=r"\{}_^'&abfrclefthsqx12 ()[]<>.,+-", max_size=60))
def test_any_text_gives_well_formed_markup(latex: str) -> None:
    ET.fromstring(mathml(latex))


def test_nothing_is_lost_of_what_is_too_deep_or_too_long() -> None:
    for latex in ("{" * 500 + "x" + "}" * 500, "x" * (MAX_LENGTH + 1)):
        assert ET.fromstring(mathml(latex)).find("mtext").text == latex  # type: ignore[union-attr]
