"""A verdict as a person reads it: the word, the theorem premise by premise, and every diagnostic with its place."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tensorprog.theorems.conditions.statement import Theorem, TheoremReport

if TYPE_CHECKING:
    from tensorprog.theorems.check import OutputVerdict, Verdict

MARKS = {"proved": "✓", "refuted": "✗", "unknown": "?"}
SAYS = {
    "valid": "a theorem covers this program",
    "valid-by-remark": "covered, up to what the paper calls inessential",
    "undecided": "no theorem here is shown to cover it, and none is excluded",
    "invalid": "no theorem here covers it",
}


def verdict_text(verdict: Verdict) -> str:
    """The whole verdict as text."""
    program = verdict.program
    lines = [f"{program.name}: {verdict.verdict} ({SAYS[verdict.verdict]})"]
    if verdict.covered_by:
        lines.append(f"covered by: {', '.join(verdict.covered_by)}")
    if len(verdict.outputs) > 1:
        for o in verdict.outputs:
            covered = f" ({', '.join(o.covered_by)})" if o.covered_by else ""
            lines.append(f"  output {o.of}: {o.verdict}{covered}")
    for o in _distinct_targets(verdict):
        lines += ["", *_theorem_lines(o.target)]
    others = [f"{t.theorem.id} {t.status}" for t in verdict.theorems]
    lines += ["", f"all theorems: {', '.join(others)}"]
    if verdict.assumptions:
        lines += ["assumed: " + "; ".join(verdict.assumptions)]
    return "\n".join(lines)


def diagnostics_text(verdict: Verdict) -> str:
    """Every diagnostic, rendered with its line."""
    program = verdict.program
    return "\n\n".join(d.render(program.sources, program.path) for d in verdict.diagnostics)


def _distinct_targets(verdict: Verdict) -> list[OutputVerdict]:
    seen: dict[object, OutputVerdict] = {}
    for o in verdict.outputs:
        seen.setdefault((o.target.theorem.id, tuple(r.finding for r in o.target.premises)), o)
    return list(seen.values())


def _theorem_lines(report: TheoremReport) -> list[str]:
    theorem = report.theorem
    lines = [f"{theorem.title} [{theorem.id}]: {report.status}", f"  {theorem.source}"]
    for r in report.premises:
        place = f" (line {r.finding.place.line})" if r.finding.place else ""
        lines.append(f"  {MARKS[r.finding.status]} {r.premise.id}: {r.premise.statement}")
        lines.append(f"      {r.finding.because}{place}")
    if report.status in ("applies", "applies-by-remark", "formal"):
        lines.append(f"  conclusion: {theorem.conclusion}")
    return lines


def verdict_html(verdict: Verdict) -> str:
    """The verdict as a table, for notebooks."""
    rows = "".join(
        f"<tr><td>{MARKS[r.finding.status]}</td><td>{escape(r.premise.statement)}</td>"
        f"<td>{escape(r.finding.because)}</td></tr>"
        for r in verdict.outputs[0].target.premises
    )
    title = escape(verdict.outputs[0].target.theorem.title)
    head = f"<b>{escape(verdict.program.name)}: {verdict.verdict}</b>"
    return f"{head}<table><caption>{title}</caption>{rows}</table>"


def theorem_text(theorem: Theorem) -> str:
    """A theorem with its premises, conclusion and source, as `explain` prints it."""
    lines = [f"{theorem.title} [{theorem.id}]", "", f"Source: {theorem.source}.", ""]
    if theorem.formal:
        lines += ["This is a formal rule, not a theorem: results that rest on it are labelled formal.", ""]
    lines += ["Premises:"]
    for p in theorem.premises:
        marks = ["its source calls this inessential"] if p.by_remark else []
        marks += ["without it the limit is open rather than excluded"] if p.open else []
        lines.append(f"  {p.id}: {p.statement}" + (f" ({'; '.join(marks)})" if marks else ""))
    lines += ["", f"Conclusion: {theorem.conclusion}."]
    if theorem.notes:
        lines += ["", theorem.notes]
    if theorem.example:
        lines += ["", "Example:", "", *("    " + line for line in theorem.example.strip().split("\n"))]
    return "\n".join(lines)
