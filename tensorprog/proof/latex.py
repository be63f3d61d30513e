r"""A proof as a LaTeX document: the program, what is proved, the steps with their reasons, the sources."""

from __future__ import annotations

import re
from typing import Any

from tensorprog.kernel import Accepted
from tensorprog.program import Program
from tensorprog.program.forms.text import instruction_term
from tensorprog.program.graph.nodes import Input
from tensorprog.proof.explain import SOURCES, Reader, reason, said
from tensorprog.terms import Term, Var
from tensorprog.terms.latex import term_latex

PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage[margin=2cm]{geometry}
\allowdisplaybreaks
\emergencystretch=3em
\begin{document}
"""
SPECIAL = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"} | {c: "\\" + c for c in "_%&#${}"}
SYMBOLS = {"<=": r"\le", ">=": r"\ge", "<": "<", ">": ">"}
_MATH = re.compile(r"(\x01.*?\x02)", re.DOTALL)
_FORMULA = re.compile(r"A\(1 \+ r\)(?:\^[0-9]+|\^\([0-9/]+\))?|\bA\b|exp\(C r\^[0-9/()]+ \+ K\)")


def document(program: Program, data: dict[str, Any], accepted: Accepted) -> str:
    """The proof as a LaTeX document."""
    reader = Reader(program, _marked)
    nodes = reader.program.nodes
    rows = []
    for n in nodes:
        left = term_latex(Var(n.name, n.subs))
        if isinstance(n, Input):
            mean, cov = term_latex(n.group.mean[n.position]), term_latex(n.group.cov[n.position][n.position])
            rows.append(rf"{left} &\sim \mathcal{{N}}\left({mean}, {cov}\right)")
        else:
            rows.append(f"{left} &= {term_latex(instruction_term(n))}")
    lines = [PREAMBLE + r"\section*{Program}", r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]
    lines += [r"\section*{Proved}", r"\begin{itemize}"]
    lines += [rf"\item[({k})] {_tex(said(accepted.judgements[k], reader))}." for k in data["goals"]]
    lines += [r"\end{itemize}", r"\section*{Proof}"]
    lines += [r"$r$ is the norm of the variables; $A$, $C$, $K$ depend on params only.", r"\begin{itemize}"]
    for k, step in enumerate(data["steps"]):
        rests = f", from {', '.join(f'({p})' for p in step[2])}" if step[2] else ""
        why = f"{step[0].replace('_', ' ')}: {reason(step)}{rests}"
        lines.append(rf"\item[({k})] {_tex(said(accepted.judgements[k], reader))}. \emph{{{_tex(why)}.}}")
    lines += [r"\end{itemize}", r"\section*{Rests on}", r"\begin{itemize}"]
    lines += [rf"\item {_tex(a)}" + (f" ({_tex(SOURCES[a])})" if a in SOURCES else "") for a in accepted.axioms]
    return "\n".join([*lines, r"\end{itemize}", r"\end{document}", ""])


def _marked(t: Term) -> str:
    """A term as LaTeX, marked, so that what stands around it is escaped and it is not."""
    return f"\x01{term_latex(t)}\x02"


def _tex(text: str) -> str:
    parts = _MATH.split(text)
    return "".join(f"${p[1:-1]}$" if p.startswith("\x01") else _words(p) for p in parts)


def _words(text: str) -> str:
    """Words escaped, and the bounds among them as formulas."""
    out, at = "", 0
    for found in _FORMULA.finditer(text):
        out += _escaped(text[at : found.start()]) + f"${_formula(found.group())}$"
        at = found.end()
    return out + _escaped(text[at:])


def _formula(text: str) -> str:
    return re.sub(r"\^\(?([0-9/]+)\)?", r"^{\1}", text.replace("exp(", r"\exp("))


def _escaped(text: str) -> str:
    return "".join(f"${SYMBOLS[c]}$" if c in SYMBOLS else SPECIAL.get(c, c) for c in text)
