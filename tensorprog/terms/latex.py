"""LaTeX as a notation for formulas; no sympy needed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tensorprog.kernel.ground.term import Term
from tensorprog.terms.formula import GREEK, Writer

_COMMANDS = {letter: "\\" + word for letter, word in GREEK.items()} | {"𝔼": r"\mathbb{E}", "∞": r"\infty"}
_KNOWN = re.compile("(arc)?(sin|cos|tan)|(sin|cos|tan)h|log|min|max|Phi")
_SIGNS = {
    "≤": r" \le ", "≥": r" \ge ", "≠": r" \ne ", "∧": r" \wedge ", "⋅": r" \cdot ", "⊤": r"\top", "∑": r"\sum",
    "-.": "-", "(": "(", ")": ")", ",": ",", ", ": ", ", "⟨": r"\langle ", "⟩": r" \rangle", "{": r"\{", "": ".",
}  # fmt: skip


class Latex:
    """Formulas as LaTeX for amsmath."""

    space = r"\,"

    def letter(self, c: str) -> str:
        return _COMMANDS.get(c, r"\_" if c == "_" else c)

    def word(self, text: str) -> str:
        return r"\mathrm{" + "".join(_COMMANDS[c] + " " if c in GREEK else self.letter(c) for c in text) + "}"

    def function(self, name: str) -> str:
        return "\\" + name if _KNOWN.fullmatch(name) else r"\operatorname{" + name.replace("_", r"\_") + "}"

    def number(self, digits: str) -> str:
        return digits

    def sign(self, c: str) -> str:
        return _SIGNS.get(c, f" {c} ")

    def text(self, words: str) -> str:
        return rf"\text{{{words}}}"

    def raw(self, written: str) -> str:
        return written

    def row(self, *parts: str) -> str:
        return "".join(parts)

    def below(self, base: str, index: str) -> str:
        return (f"{{{base}}}" if "_" in base else base) + f"_{{{index}}}"

    def above(self, base: str, exponent: str) -> str:
        return (f"{{{base}}}" if "^" in base or "'" in base else base) + f"^{{{exponent}}}"

    def primed(self, base: str, count: int) -> str:
        return (f"{{{base}}}" if count and "^" in base else base) + "'" * count

    def ringed(self, base: str) -> str:
        return rf"\mathring{{{base}}}"

    def fraction(self, top: str, bottom: str) -> str:
        return rf"\frac{{{top}}}{{{bottom}}}"

    def root(self, inside: str) -> str:
        return rf"\sqrt{{{inside}}}"

    def fenced(self, left: str, inside: str, right: str) -> str:
        left, right = (_SIGNS[c] if c in "⟨⟩" else c for c in (left, right))
        return rf"\left{left}{inside}\right{right.strip()}"

    def big(self, sign: str, below: str, above: str = "") -> str:
        return _SIGNS.get(sign, "\\" + sign) + f"_{{{below}}}" + (f"^{{{above}}}" if above else "") + " "

    def rows(self, rows: Sequence[Sequence[str]], left: str, right: str) -> str:
        kind = "cases" if left == "{" else "pmatrix"
        return rf"\begin{{{kind}}} " + r" \\ ".join(map(" & ".join, rows)) + rf" \end{{{kind}}}"


LATEX = Latex()


def term_latex(t: Term) -> str:
    """Write a term in LaTeX."""
    return Writer(LATEX).term(t)


PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,graphicx}
\usepackage[margin=2cm]{geometry}
\allowdisplaybreaks
\emergencystretch=3em
% a formula that is wider than the page is shrunk to fit
\newcommand{\fit}[1]{\setbox0\hbox{$\displaystyle #1$}%
  \ifdim\wd0>0.8\linewidth\resizebox{0.8\linewidth}{!}{\box0}\else\box0\fi}
\begin{document}
"""

_PLAIN = {
    "\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "<=": r"$\le$", ">=": r"$\ge$", "<": "$<$", ">": "$>$",
    "≤": r"$\le$", "≥": r"$\ge$", "√": r"$\surd$", "∞": r"$\infty$", "→": r"$\to$", "–": "--", "⁺": "+", "°": "$^*$",
    **{c: "\\" + c for c in "_%&#${}"}, **{c: f"${_COMMANDS[c]}$" for c in GREEK},
}  # fmt: skip


def escape(text: str) -> str:
    """Write plain text so that LaTeX prints it; what has no macro here becomes a question mark."""
    return re.sub("[<>]=|.", lambda m: _PLAIN.get(m[0], m[0] if m[0] < "\u0250" else "?"), text, flags=re.DOTALL)
