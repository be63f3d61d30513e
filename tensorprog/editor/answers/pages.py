"""A text as a page: what is known at once, then the whole report; an error as the terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tensorprog.display import sections
from tensorprog.display.page.html import Section, page, status
from tensorprog.display.page.markup import join, tag
from tensorprog.display.report import report_of
from tensorprog.display.subject import Failed, Options, Subject
from tensorprog.editor.answers.analysis import program_of, refusals
from tensorprog.errors import TensorProgError
from tensorprog.program.api import Program
from tensorprog.theorems.check import check
from tensorprog.theorems.verdict import SAYS

LATER = "the limit is being derived"


def pages(text: str, path: str, samples: int, seconds: float) -> Iterator[tuple[str, str, str]]:
    """Yield pages on a text, each better than the one before: (verdict or `error`, whether it is the last, HTML).

    >>> [(word, last) for word, last, _ in pages("input u ~ N(0, 1)", "net.tp", 0, 1.0)]
    [('error', 'whole')]
    """
    try:
        with refusals():
            program = program_of(text, path)
            word, first = _at_once(program)
            yield word, "part", first
            yield word, "whole", report_of(program, Options(samples=samples, seconds=seconds)).html
    except TensorProgError as error:
        yield "error", "whole", error_page(Path(path).name, str(error))


def _at_once(program: Program) -> tuple[str, str]:
    verdict = check(program)
    subject = Subject(program, verdict, Failed(LATER), Options(samples=0))
    by = f" Covered by {', '.join(verdict.covered_by)}." if verdict.covered_by else ""
    said = tag("p", tag("span", status(verdict.verdict), class_="word"), f" {SAYS[verdict.verdict]}.{by}")
    made = [
        Section("program", "Program and graph", sections.program(subject)),
        Section("verdict", "Verdict", sections.verdict(subject)),
    ]
    html = page(f"{program.name}: {verdict.verdict}", join(tag("h1", program.name), said), made, LATER)
    return verdict.verdict, html


def error_page(name: str, said: str) -> str:
    """Return the page of an error, in the terminal's words."""
    lead = join(tag("h1", name), tag("p", tag("span", tag("span", "✗ no program", class_="bad"), class_="word")))
    body = tag("pre", said, class_="scroll", tabindex="0", style="font-size:16px")
    return page(f"{name}: error", lead, [Section("error", "What is wrong", body)], "The page follows the file.")
