"""Which theorems cover a program, output by output, and the answer as a person reads it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Literal

from tensorprog.errors import Diagnostic
from tensorprog.program.api import Program
from tensorprog.theorems.conditions.statement import Theorem, TheoremReport
from tensorprog.theorems.papers import attention, nested, netsor, netsor_plus, readout_scores

THEOREMS: tuple[Theorem, ...] = (
    netsor.THEOREM,
    netsor_plus.THEOREM,
    attention.THEOREM,
    readout_scores.THEOREM,
    nested.THEOREM,
)
"""All theorems, the weakest first."""
VerdictWord = Literal["valid", "valid-by-remark", "undecided", "invalid"]
ORDER: tuple[VerdictWord, ...] = ("valid", "valid-by-remark", "undecided", "invalid")

EXIT: dict[VerdictWord, int] = {"valid": 0, "valid-by-remark": 0, "invalid": 1, "undecided": 3}
"""The exit codes of commands that judge."""


@dataclass(frozen=True, slots=True)
class OutputVerdict:
    """The verdict on one output, judged on its ancestors only."""

    of: str
    verdict: VerdictWord
    theorems: tuple[TheoremReport, ...]
    target: TheoremReport

    @property
    def covered_by(self) -> list[str]:
        return [t.theorem.id for t in self.theorems if t.status in ("applies", "applies-by-remark")]

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What prevents the theorem that is meant for this output; an open verdict has a cause."""
        found = self.target.diagnostics
        return found if self.verdict != "undecided" else _obstacle_first(self, found)

    def to_json(self) -> dict[str, Any]:
        return {"of": self.of, "verdict": self.verdict, "covered_by": self.covered_by}


def _obstacle_first(o: OutputVerdict, found: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The diagnostics of an open verdict: first what keeps it open, and whether that alone does."""
    gaps = [p for p in o.target.premises if p.finding.status != "proved" and not p.by_remark]
    if o.target.status == "formal" or not gaps:
        return found or (_cause(o),)
    own = gaps[0].finding.diagnostics or (_cause(o),)
    alone = "this alone stands in the way of the theorem" if len(gaps) == 1 else ""
    first, *rest = own
    first = replace(first, consequence="; ".join(part for part in (alone, first.consequence) if part))
    return (first, *rest, *(d for d in found if d not in own))


def _cause(o: OutputVerdict) -> Diagnostic:
    """Why an output is left open where no premise says so: only the formal rule covers it, or a premise is unknown."""
    if o.target.status == "formal":
        meant = [t for t in o.theorems if t.theorem.id in ("attention", "readout-scores")]
        refuted = [p for t in meant for p in t.premises if p.finding.status == "refuted" and not p.by_remark]
        first = next((p.finding for p in refuted if p.finding.place), None)
        because = "the theorems about scores ask that no score depends on an earlier one"
        return Diagnostic(
            "TP108",
            f"{o.of} is covered by the formal rule attention-nested alone" + (f": {first.because}" if first else ""),
            first.place if first else None,
            because,
            "the limit is expected to be the one that `derive` gives, but no theorem here says so",
            "let scores depend on what was made before any score, or rely on `validate`",
            "warning",
        )
    open_ = [p for p in o.target.premises if p.finding.status == "unknown"]
    report = next((p for p in open_ if not p.by_remark), next(iter(open_), None))
    report = report or next(p for t in o.theorems for p in t.premises if p.finding.status != "proved")
    message = f"could not decide whether {report.premise.statement}"
    return Diagnostic("TP203", message, report.finding.place, report.finding.because, severity="warning")


@dataclass(frozen=True, repr=False)
class Verdict:
    """Which theorems cover a program, output by output."""

    program: Program
    outputs: tuple[OutputVerdict, ...]
    assumptions: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = field(default=())

    @property
    def verdict(self) -> VerdictWord:
        """The worst of the outputs' verdicts."""
        return max((o.verdict for o in self.outputs), key=ORDER.index)

    @property
    def covered_by(self) -> list[str]:
        """Theorems that cover every output, the weakest first."""
        return [t.id for t in THEOREMS if all(t.id in o.covered_by for o in self.outputs)]

    @property
    def theorems(self) -> tuple[TheoremReport, ...]:
        """Every theorem's report; over several outputs, the one furthest from applying."""
        rank = ("applies", "applies-by-remark", "formal", "unknown", "fails")
        columns = zip(*(o.theorems for o in self.outputs), strict=True)
        return tuple(max(column, key=lambda r: rank.index(r.status)) for column in columns)

    def to_json(self) -> dict[str, Any]:
        """Return the schema tensorprog/check/1."""
        return {
            "schema": "tensorprog/check/1",
            "program": self.program.name,
            "verdict": self.verdict,
            "covered_by": self.covered_by,
            "outputs": [o.to_json() for o in self.outputs],
            "theorems": [t.to_json() for t in self.theorems],
            "assumptions": list(self.assumptions),
            "diagnostics": [d.to_json() for d in self.diagnostics],
        }

    def __repr__(self) -> str:
        return verdict_text(self)

    def _repr_html_(self) -> str:
        return verdict_html(self)


MARKS = {"proved": "✓", "refuted": "✗", "unknown": "?"}
SAYS = {
    "valid": "a theorem covers this program",
    "valid-by-remark": "covered, up to what the paper calls inessential",
    "undecided": "no theorem here is shown to cover it, and none is excluded",
    "invalid": "no theorem here covers it",
}


def verdict_text(verdict: Verdict) -> str:
    """Return the whole verdict as text."""
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
    """Return every diagnostic, rendered with its line."""
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
    """Return the verdict as a table, for notebooks."""
    rows = "".join(
        f"<tr><td>{MARKS[r.finding.status]}</td><td>{escape(r.premise.statement)}</td>"
        f"<td>{escape(r.finding.because)}</td></tr>"
        for r in verdict.outputs[0].target.premises
    )
    title = escape(verdict.outputs[0].target.theorem.title)
    head = f"<b>{escape(verdict.program.name)}: {verdict.verdict}</b> ({SAYS[verdict.verdict]})"
    if verdict.covered_by:
        head += f"<br>covered by: {escape(', '.join(verdict.covered_by))}"
    program = verdict.program
    found = "".join(d.to_html(program.sources, program.path) for d in verdict.diagnostics)
    return f"{head}{found}<table><caption>{title}</caption>{rows}</table>"
