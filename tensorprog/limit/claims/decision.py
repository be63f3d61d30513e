"""Decisions on claims: the record of one, and those on all claims of a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.nodes import Claim
from tensorprog.numbers.estimate import UNKNOWN, Estimate
from tensorprog.program.api import Program

Status = Literal["proved", "confirmed", "refuted", "undecided"]
RANK: tuple[Status, ...] = ("proved", "confirmed", "undecided", "refuted")


@dataclass(frozen=True, slots=True)
class Decision:
    """One claim, what became of it, the numbers of both sides, and why."""

    claim: Claim = field(repr=False)
    text: str
    status: Status
    sides: tuple[Estimate | None, Estimate | None]
    because: str
    supported_by: str

    @property
    def left(self) -> float | None:
        return _float(self.sides[0])

    @property
    def right(self) -> float | None:
        return _float(self.sides[1])

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "at": self.claim.place.to_json() if self.claim.place else None,
            "status": self.status,
            **(self.sides[0] or UNKNOWN).entries("left"),
            **(self.sides[1] or UNKNOWN).entries("right"),
            "because": self.because,
            "supported_by": self.supported_by,
        }

    def diagnostic(self) -> Diagnostic | None:
        """TP401 for a refuted claim, TP402 for an undecided one."""
        if self.status not in ("refuted", "undecided"):
            return None
        refuted = self.status == "refuted"
        return Diagnostic(
            "TP401" if refuted else "TP402",
            f"the claim is {self.status}: {self.text}",
            self.claim.place,
            self.because,
            severity="error" if refuted else "warning",
        )


@dataclass(frozen=True)
class Claims:
    """The decisions on all claims of a program, in order."""

    program: Program = field(repr=False)
    decisions: tuple[Decision, ...]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __len__(self) -> int:
        return len(self.decisions)

    @property
    def exit_code(self) -> int:
        """0 if all hold, 1 if one is refuted, 3 if one is undecided."""
        found = {d.status for d in self.decisions}
        return 1 if "refuted" in found else 3 if "undecided" in found else 0

    def to_json(self) -> dict[str, Any]:
        return {"schema": "tensorprog/claims/1", "claims": [d.to_json() for d in self.decisions]}

    def __repr__(self) -> str:
        if not self.decisions:
            return f"{self.program.name}: no claims"
        wide = max(len(d.status) for d in self.decisions)
        return "\n".join(f"{d.status:<{wide}}  {d.text}\n{'':<{wide}}    {d.because}" for d in self.decisions)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td><b>{d.status}</b></td><td><code>{escape(d.text)}</code></td><td>{escape(d.because)}</td></tr>"
            for d in self.decisions
        )
        return f"<table>{rows}</table>" if rows else f"<p>{escape(self.program.name)}: no claims</p>"


def _float(x: Estimate | None) -> float | None:
    return None if x is None or not x.known else float(x.value)
