"""A derivation as a LaTeX document: notation, assumptions, each limit with its rule, results, laws, sources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tensorprog.kernel.ground.nodes import Dot
from tensorprog.limit.show.derivation import Derivation, Entry
from tensorprog.limit.show.style import typeset
from tensorprog.terms import Var
from tensorprog.terms.latex import LATEX, PREAMBLE, escape, term_latex

if TYPE_CHECKING:
    from tensorprog.limit.show.answers import Answers

WIDE = 150
"""Characters of LaTeX after which a sum goes on in a new line."""

SOURCES = {
    "Yang 2019, Tensor Programs I": r"G. Yang, \emph{Tensor Programs I: Wide Feedforward or Recurrent Neural Networks"
    r" of Any Architecture are Gaussian Processes}, NeurIPS 2019.",
    "Tensor Programs III": r"G. Yang, \emph{Tensor Programs III: Neural Matrix Laws}, 2020.",
    "Sakai, Karakida & Imaizumi 2025": r"M. Sakai, R. Karakida and M. Imaizumi, \emph{Infinite-Width Limit of a Single"
    r" Attention Layer: Analysis via Tensor Programs}, 2025.",
}

ERRORS = {"exact": "error", "bound": "error at most", "estimate": "estimated error", "sampling": "five standard errors"}


def document(limit: Answers) -> str:
    """Return a document that compiles by itself."""
    entries = Derivation(limit, typeset(LATEX)).entries()
    parts = [
        PREAMBLE,
        rf"\section*{{The limit of \texttt{{{escape(limit.program.name)}}} as the width $n\to\infty$}}",
        _notation(limit),
        _assumptions(limit),
        r"\subsection*{Instruction by instruction}",
        *(_entry(e) for e in entries),
        r"\subsection*{Results}",
        _results(limit),
        _laws(limit),
        r"\subsection*{Sources}",
        _sources(entries),
        r"\end{document}",
        "",
    ]
    return "\n".join(p for p in parts if p is not None)


def _notation(limit: Answers) -> str:
    program = limit.engine.program
    widths = [f"${term_latex(Var(w))} = {r}\\,n$" for w, r in program.widths.items() if w != "n"]
    lines = [
        r"\subsection*{Notation}",
        r"For a vector $g\in\mathbb{R}^n$ of the program, $Z^g$ is the random variable that one of its coordinates"
        r" becomes in the limit, and $\Sigma(g,h)=\operatorname{Cov}(Z^g,Z^h)$. A ring, as in $\mathring{m}$, marks the"
        r" limit of a scalar. $\delta_{i\,i'}$ is $1$ where the indices agree and $0$ elsewhere.",
    ]
    if widths:
        lines.append(f"Widths: {', '.join(widths)}.")
    if any(isinstance(n, Dot) and n.name in limit.engine.random.families for n in program.nodes):
        lines.append(r"Covariances are conditional on the scores that come before.")
    return "\n".join(lines)


def _assumptions(limit: Answers) -> str:
    from tensorprog.theorems.check import check

    verdict = check(limit.program)
    covered = ", ".join(verdict.covered_by) or "no theorem (the rules are applied formally)"
    lines = [r"\subsection*{Assumptions}", rf"Verdict: {escape(verdict.verdict)}; covered by {escape(covered)}."]
    report = verdict.outputs[0].target if verdict.outputs else None
    if report is not None:
        lines += [rf"{escape(report.theorem.title)} ({escape(report.theorem.source)}):", r"\begin{itemize}"]
        lines += [rf"\item {escape(p.premise.statement)}: {escape(p.finding.status)}." for p in report.premises]
        lines.append(r"\end{itemize}")
    if verdict.assumptions:
        lines.append("Assumed besides: " + escape("; ".join(verdict.assumptions)) + ".")
    return "\n".join(lines)


def _entry(e: Entry) -> str:
    lines = [rf"\paragraph{{${e.defined}$.}} {escape(e.rule)}."]
    if e.equations:
        lines.append(r"\begin{align*}")
        lines.append(" \\\\\n".join(_broken(left, right) for left, right in e.equations))
        lines.append(r"\end{align*}")
    return "\n".join(lines)


def _broken(left: str, right: str) -> str:
    """left = right, cut at its outermost + and - where it is long."""
    pieces = _outer_terms(right)
    rows, row = [], ""
    for p in pieces:
        if row and len(row) + len(p) > WIDE:
            rows.append(row)
            row = ""
        row += p
    rows.append(row)
    first, *rest = [rf"\fit{{{{}}{r}}}" if len(r) > WIDE else r for r in rows]
    start = f"{left} &= {first}" if len(left) + len(rows[0]) <= WIDE else f"{left} &=\\\\\n&\\quad {first}"
    return "\\\\\n".join([start, *(rf"&\quad {{}}{r}" for r in rest)])


def _outer_terms(text: str) -> list[str]:
    """Return the summands of a formula, each with its sign, brackets kept whole."""
    out, depth, at = [], 0, 0
    for m in re.finditer(r"\\left|\\right|[{}()\[\]]| [+-] ", text):
        piece = m.group()
        if piece in ("{", "(", "["):
            depth += 1
        elif piece in ("}", ")", "]"):
            depth -= 1
        elif piece[0] == " " and depth == 0:
            out.append(text[at : m.start()])
            at = m.start()
    return [*out, text[at:]]


def _results(limit: Answers) -> str:
    lines = [r"\begin{itemize}\raggedright"]
    for r in limit.results:
        formula = r.latex if r.latex is not None and len(r.latex) <= 6 * WIDE else None
        number = f"{r.value:.12g}" if r.value is not None else None
        inline = formula is not None and len(formula) <= WIDE // 2
        said = [f"$= {formula}$"] if inline else []
        exact = r.formula is not None and r.formula.is_number
        if number is not None and not (exact and formula == number):
            error = "" if not r.error else rf" ({ERRORS[r.error_kind or 'bound']} ${_power_of_ten(r.error)}$)"
            said.append(f"$= {number}${error}")
        if r.formula is None and r.number is None:
            said.append("has no value here")
        said.append(f"[{escape(r.supported_by)}]")
        lines.append(rf"\item \texttt{{{escape(r.of)}}} {' '.join(said)}")
        if formula is not None and not inline:
            lines.append(rf"\[\fit{{{formula}}}\]")
    lines.append(r"\end{itemize}")
    return "\n".join(lines) if limit.results else ""


def _power_of_ten(x: float) -> str:
    mantissa, exponent = f"{x:.1e}".split("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}"


def _laws(limit: Answers) -> str | None:
    laws = [law for law in limit.laws if law.kind not in ("deterministic", "gaussian")]
    if not laws:
        return None
    lines = [r"\subsection*{Laws}"]
    for law in laws:
        what = "has no limit law" if law.kind == "none" else f"is {escape(law.kind)}"
        lines.append(rf"\texttt{{{escape(', '.join(law.of))}}} {what}.")
        variance = law.conditional_variance_latex
        if variance is not None and len(variance) <= 6 * WIDE:
            lines.append(rf"Given the scores its variance is \[\fit{{{variance}}}.\]")
    return "\n\n".join(lines)


def _sources(entries: list[Entry]) -> str:
    used = [text for key, text in SOURCES.items() if any(key in e.source for e in entries)]
    return "\n".join([r"\begin{itemize}", *(rf"\item {text}" for text in used), r"\end{itemize}"])
