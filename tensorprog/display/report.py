"""A report: everything that is known of a program on one page. What cannot be computed is said, never left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tensorprog.display.page.html import Section, page, status
from tensorprog.display.page.markup import Markup, join, tag
from tensorprog.display.subject import Options, Subject, attempt, shown_or_why
from tensorprog.numbers.budget import Budget
from tensorprog.numbers.progress import counted
from tensorprog.program.api import Program
from tensorprog.program.lowering.params import param_numbers
from tensorprog.theorems import check
from tensorprog.theorems.verdict import SAYS, VerdictWord


@dataclass(frozen=True, slots=True)
class Report:
    """The page and the verdict on it."""

    html: str
    verdict: VerdictWord


def report_of(program: Program, options: Options | None = None, progress: bool = False) -> Report:
    """Return the report on a program, as one HTML document; `progress` tells on a terminal how far it is.

    >>> import tensorprog
    >>> made = report_of(tensorprog.loads("input u ~ N(0, 1)\\noutput u"), Options(samples=0))
    >>> made.verdict, made.html.startswith("<!DOCTYPE html>")
    ('valid', True)
    """
    from tensorprog.display import laws, sections
    from tensorprog.limit.derive import derive

    chosen = options or Options()
    param_numbers(program, chosen.values)
    Budget(chosen.tolerance, chosen.seconds)  # refuses what is no budget
    verdict = check(program)
    limit = attempt(lambda: derive(program, dict(chosen.values), tolerance=chosen.tolerance, seconds=chosen.seconds))
    subject = Subject(program, verdict, limit, chosen)
    built: list[tuple[str, str, Callable[[Subject], Markup]]] = [
        ("program", "Program and graph", sections.program),
        ("verdict", "Verdict", sections.verdict),
        ("limits", "Limits", sections.limits),
        ("laws", "Laws and histograms", laws.laws),
        ("derivation", "Derivation, instruction by instruction", sections.derivation),
    ]
    if program.claims:
        built.append(("claims", "Claims", sections.claims))
    if chosen.widths:
        built.append(("validation", "Validation", laws.validation))
    built += [
        ("basis", "Assumptions and certificate", sections.basis),
        ("cite", "How to cite", sections.cite),
    ]
    bodies = counted((partial(shown_or_why, partial(build, subject)) for _, _, build in built), progress, "sections")
    made = [Section(name, title, body) for (name, title, _), body in zip(built, bodies, strict=True)]
    return Report(page(f"{program.name}: {verdict.verdict}", _lead(subject), made, _foot(chosen)), verdict.verdict)


def _lead(s: Subject) -> Markup:
    covered = f"Covered by {', '.join(s.verdict.covered_by)}." if s.verdict.covered_by else ""
    word = tag("span", status(s.verdict.verdict), class_="word")
    parts = [tag("h1", s.program.name), tag("p", word, f" {SAYS[s.verdict.verdict]}. {covered}")]
    if s.verdict.verdict in ("invalid", "undecided") and s.verdict.diagnostics:
        first = s.verdict.diagnostics[0]
        parts.append(tag("p", tag("strong", first.message), f". {first.help}" if first.help else ""))
    return join(*parts)


def _foot(options: Options) -> str:
    from tensorprog import __version__

    drawn = (
        f"histograms: {options.samples} draws at n = {options.width}, seed {options.seed}" if options.samples else ""
    )
    given = ", ".join(f"{k} = {v}" for k, v in options.values.items())
    return "; ".join(filter(None, [f"tensorprog {__version__}", drawn, given and f"params set: {given}"]))
