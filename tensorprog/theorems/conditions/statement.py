"""What a theorem is here: premises in the paper's words, each with the predicate that decides it, and a conclusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tensorprog.errors import Diagnostic
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.finding import Finding


@dataclass(frozen=True, slots=True)
class Premise:
    """One premise: `by_remark` if its source calls it inessential, `open` if a limit is only not known without it."""

    id: str
    statement: str
    decide: Callable[[Case], Finding]
    by_remark: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Theorem:
    """A theorem of the literature."""

    id: str
    title: str
    source: str
    conclusion: str
    premises: tuple[Premise, ...]
    formal: bool = False
    notes: str = ""
    example: str = ""
    cites: tuple[str, ...] = ()
    """The works to cite for it, by their keys in display/page/references.py."""


@dataclass(frozen=True, slots=True)
class PremiseReport:
    """A premise with its finding."""

    premise: Premise
    finding: Finding

    @property
    def by_remark(self) -> bool:
        return self.premise.by_remark or self.finding.by_remark

    @property
    def open(self) -> bool:
        return self.premise.open or self.finding.open

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.premise.id,
            "status": self.finding.status,
            "statement": self.premise.statement,
            "because": self.finding.because,
            "at": self.finding.place.to_json() if self.finding.place else None,
        }


def reported(case: Case, premises: Sequence[Premise]) -> tuple[PremiseReport, ...]:
    """These premises with what was found for the case; who asks decides them, for that is higher than they are."""
    return tuple(PremiseReport(p, case.findings[p.decide]) for p in premises)


TheoremStatus = Literal["applies", "applies-by-remark", "formal", "fails", "unknown"]


@dataclass(frozen=True, slots=True)
class TheoremReport:
    """A theorem judged for one output: every premise, and what follows for the whole."""

    theorem: Theorem
    premises: tuple[PremiseReport, ...]
    status: TheoremStatus = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", self._status())

    def _status(self) -> TheoremStatus:
        gaps = [r for r in self.premises if r.finding.status != "proved"]
        if all(r.by_remark for r in gaps):
            if self.theorem.formal:
                return "formal"
            return "applies-by-remark" if gaps else "applies"
        return "fails" if any(r.finding.status == "refuted" and not r.by_remark for r in gaps) else "unknown"

    @property
    def refutes(self) -> bool:
        """Whether some premise is refuted that no remark waives and that is not merely beyond today's theorems."""
        return any(r.finding.status == "refuted" and not r.by_remark and not r.open for r in self.premises)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(d for r in self.premises for d in r.finding.diagnostics)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.theorem.id,
            "title": self.theorem.title,
            "source": self.theorem.source,
            "status": self.status,
            "premises": [r.to_json() for r in self.premises],
        }
