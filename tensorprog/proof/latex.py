r"""A proof as a LaTeX document: the program, what is proved, the steps with their reasons, the sources."""

from __future__ import annotations

import re
from typing import Any

from tensorprog.kernel.certificate import Accepted
from tensorprog.program import Program
from tensorprog.program.forms.latex import program_latex
from tensorprog.proof.explain import SOURCES, Reader, reason, said
from tensorprog.terms import Term
from tensorprog.terms.latex import PREAMBLE, escape, term_latex

_MATH = re.compile(r"(\x01.*?\x02)", re.DOTALL)
_FORMULA = re.compile(r"A\(1 \+ r\)(?:\^[0-9]+|\^\([0-9/]+\))?|\bA\b|exp\(C r\^[0-9/()]+ \+ K\)")


def document(program: Program, data: dict[str, Any], accepted: Accepted) -> str:
    """Write the proof as a LaTeX document."""
    reader = Reader(program, _marked)
    lines = [PREAMBLE + r"\section*{Program}", program_latex(reader.program)]
    lines += [r"\section*{Proved}", r"\begin{itemize}"]
    lines += [rf"\item[({k})] {_tex(said(accepted.theorems[k].statement, reader))}." for k in data["goals"]]
    lines += [r"\end{itemize}", r"\section*{Proof}"]
    lines += [r"$r$ is the norm of the variables; $A$, $C$, $K$ depend on params only.", r"\begin{itemize}"]
    for k, step in enumerate(data["steps"]):
        rests = f", from {', '.join(f'({p})' for p in step[2])}" if step[2] else ""
        why = f"{step[0].replace('_', ' ')}: {reason(step)}{rests}"
        lines.append(rf"\item[({k})] {_tex(said(accepted.theorems[k].statement, reader))}. \emph{{{_tex(why)}.}}")
    lines += [r"\end{itemize}", r"\section*{Rests on}", r"\begin{itemize}"]
    lines += [rf"\item {_tex(a)}" + (f" ({_tex(SOURCES[a])})" if a in SOURCES else "") for a in accepted.axioms]
    return "\n".join([*lines, r"\end{itemize}", r"\end{document}", ""])


def _marked(t: Term) -> str:
    """Write a term as LaTeX and mark it, so that only the text around it is escaped."""
    return f"\x01{term_latex(t)}\x02"


def _tex(text: str) -> str:
    parts = _MATH.split(text)
    return "".join(f"${p[1:-1]}$" if p.startswith("\x01") else _words(p) for p in parts)


def _words(text: str) -> str:
    """Escape words, and write the bounds among them as formulas."""
    out, at = "", 0
    for found in _FORMULA.finditer(text):
        out += escape(text[at : found.start()]) + f"${_formula(found.group())}$"
        at = found.end()
    return out + escape(text[at:])


def _formula(text: str) -> str:
    return re.sub(r"\^\(?([0-9/]+)\)?", r"^{\1}", text.replace("exp(", r"\exp("))
