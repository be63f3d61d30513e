"""A theorem as a person reads it: its premises, its conclusion and its source."""

from __future__ import annotations

from tensorprog.theorems.conditions.statement import Theorem


def theorem_text(theorem: Theorem) -> str:
    """Return a theorem with its premises, conclusion and source, as `explain` prints it."""
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
