"""What is known of a text at once: its diagnostics, its verdict, the premises at their places, what each name is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tensorprog.editor.text.outline import outline
from tensorprog.errors import Diagnostic, TensorProgError, fail
from tensorprog.kernel.ground.nodes import Input, Node
from tensorprog.kernel.ground.place import Place
from tensorprog.language.load import loads
from tensorprog.program.api import Program
from tensorprog.program.forms.text import instruction_text
from tensorprog.terms import Var, to_text
from tensorprog.theorems.check import check
from tensorprog.theorems.verdict import MARKS, SAYS, Verdict

MOST_PIECES = 4
"""Instructions of one family that a hover shows."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a family of the program is, and the instructions that define it, as they were lowered."""

    kind: str
    defined: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """A premise with its finding, at the place that decided it."""

    place: Place | None
    theorem: str
    id: str
    statement: str
    status: str
    because: str

    @property
    def text(self) -> str:
        return f"{MARKS[self.status]} {self.theorem} {self.id}: {self.statement}\n    {self.because}"


@dataclass(frozen=True)
class Analysis:
    """What `analyse` found; without a verdict the text is no program."""

    diagnostics: tuple[Diagnostic, ...]
    verdict: str = ""
    covered_by: tuple[str, ...] = ()
    premises: tuple[Noted, ...] = ()
    names: dict[str, Known] = field(default_factory=dict)

    @property
    def lens(self) -> str:
        """The verdict in a few words.

        >>> analyse("input u ~ N(0, 1)\\noutput u").lens
        'valid by netsor and netsor-plus'
        """
        if not self.verdict:
            return "not a program yet"
        by = f" by {' and '.join(self.covered_by)}" if self.covered_by else ""
        return self.verdict + by if by else f"{self.verdict}: {SAYS[self.verdict]}"


def analyse(text: str, path: str | None = None) -> Analysis:
    """Load and judge a text; `path` is the file that it is the content of, beside which its includes lie."""
    try:
        with refusals():
            program = program_of(text, path)
            verdict = check(program)
    except TensorProgError as error:
        return Analysis(tuple(here(d, text) for d in error.diagnostics))
    found = tuple(here(d, text) for d in verdict.diagnostics)
    return Analysis(found, verdict.verdict, tuple(verdict.covered_by), tuple(_premises(verdict)), _names(program))


@contextmanager
def refusals() -> Iterator[None]:
    """What is beyond the machine is an error of the program's own, as on the command line."""
    try:
        yield
    except RecursionError:
        raise fail("TP902", "an expression is nested too deeply for this machine's stack",
                   help="give its parts names") from None  # fmt: skip
    except MemoryError:
        raise fail("TP907", "the machine's memory is not enough for this", help="use smaller families") from None


def program_of(text: str, path: str | None = None) -> Program:
    """Return the program that a text is."""
    return loads(
        text, folder=None if path is None else Path(path).parent, name="<text>" if path is None else Path(path).name
    )


def here(d: Diagnostic, text: str) -> Diagnostic:
    """Give a diagnostic a place in this text: what is wrong in an included file is shown at the include."""
    if d.place is not None and d.place.file is None:
        return d
    statements = outline(text).statements
    if d.place is None:
        last = statements[-1] if statements else ()
        at = Place(last[0].line, last[0].column, len(last[0].text)) if last else Place(1, 1)
        return replace(d, place=at)
    file = d.place.file
    includes = [s for s in statements if s[0].text == "include" and len(s) > 1]
    named = [s for s in includes if s[1].text.strip('"') == file] or includes
    at = named[0][1].place if named else Place(1, 1)
    return replace(d, place=at, related=((d.place, f"in {file}"), *d.related))


def _premises(verdict: Verdict) -> Iterator[Noted]:
    seen: set[Noted] = set()
    for o in verdict.outputs:
        for r in o.target.premises:
            finding, premise = r.finding, r.premise
            place = finding.place if finding.place is None or finding.place.file is None else None
            made = Noted(place, o.target.theorem.id, premise.id, premise.statement, finding.status, finding.because)
            if made not in seen:
                seen.add(made)
                yield made


def _names(program: Program) -> dict[str, Known]:
    out = {}
    for name, family in program.families.items():
        kind = "initial vector" if isinstance(family.pieces[0], Input) else family.kind
        width = f" of width {family.width}" if family.width not in (None, "n") else ""
        out[name] = Known(kind + width, tuple(map(instruction_line, family.pieces[:MOST_PIECES])))
    return out


def instruction_line(node: Node) -> str:
    """Return one lowered instruction, `q[a,i] = Wq[a] @ x[i]`."""
    left = to_text(Var(node.name, node.subs))
    return f"{left} (an initial vector)" if isinstance(node, Input) else f"{left} = {instruction_text(node)}"
