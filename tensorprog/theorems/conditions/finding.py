"""The answer to one premise: proved, refuted or unknown, why, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.place import Place

Status = Literal["proved", "refuted", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one premise: proved, refuted or unknown, why, and where.

    `by_remark`: all that is missing is what the source calls inessential; `open`: without it a limit is only not known.
    """

    status: Status
    because: str
    place: Place | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    by_remark: bool = False
    open: bool = False


def proved(because: str, place: Place | None = None) -> Finding:
    return Finding("proved", because, place)


def refuted(because: str, *diagnostics: Diagnostic) -> Finding:
    return Finding("refuted", because, diagnostics[0].place if diagnostics else None, diagnostics)


def unknown(because: str, *diagnostics: Diagnostic) -> Finding:
    return Finding("unknown", because, diagnostics[0].place if diagnostics else None, diagnostics)
