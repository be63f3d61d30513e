"""The sections of a report that need no drawing of laws: program, verdict, limits, derivation, claims, basis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tensorprog.display.page.html import status, table
from tensorprog.display.page.markup import Markup, join, math, tag
from tensorprog.display.page.references import bibtex
from tensorprog.display.subject import Failed, Subject, attempt, need, shown_or_why
from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.text import member_text
from tensorprog.numbers.estimate import shown
from tensorprog.program.forms.drawing import COLOURS, svg_text
from tensorprog.terms.formula import Notation, Writer
from tensorprog.terms.mathml import MATHML
from tensorprog.theorems.conditions.statement import TheoremReport
from tensorprog.theorems.verdict import OutputVerdict

if TYPE_CHECKING:
    from tensorprog.limit.derive import Limit
    from tensorprog.limit.show.derivation import Entry
    from tensorprog.limit.show.results import Result

MAX_SHOWN_LINES = 5_000
MAX_STEPS = 400
MAX_FORMULA = 200_000
"""Characters of MathML above which a formula is shown as plain text."""
BESIDE_WIDTH = 560
"""Pixels; a wider graph is shown below the program and not beside it."""


# -- the program beside its graph ------------------------------------------------------------------------------------


def program(s: Subject) -> Markup:
    """Show the text with line numbers, failing lines marked, beside the graph."""
    hits = {(d.place.file, d.place.line): d.message for d in s.verdict.diagnostics if d.place is not None}
    hits = {k: v for k, v in hits.items() if not _only_notes(s.verdict.diagnostics, k)}
    files = [tag("div", _text(lines, name, hits), class_="scroll") if name is None else
             tag("details", tag("summary", f"included: {name}"), tag("div", _text(lines, name, hits), class_="scroll"))
             for name, lines in s.program.sources.items()]  # fmt: skip
    if not files:
        files = [tag("div", _text(s.program.to_text().split("\n"), None, {}), class_="scroll")]
    steps = _steps(s)
    notes = {} if isinstance(steps, Failed) else {name: _note(entry) for name, entry in steps}
    drawn = Markup(svg_text(s.program, notes, {name: f"#step-{k}" for k, name in enumerate(notes)}))
    kinds = dict.fromkeys(type(node) for node in s.program.nodes)
    key = [tag("span", tag("span", "  ", style=f"background:{COLOURS[k]};border:1px solid #374151;white-space:pre"),
               f" {k.__name__}  ") for k in kinds]  # fmt: skip
    caption = tag("figcaption", tag("div", *key), "Hover a box for its limit and rule, follow it to the derivation."
                  " Edges of one strong colour share a matrix.", class_="soft")  # fmt: skip
    graph = tag("figure", tag("div", drawn, class_="graph scroll", tabindex="0"), caption)
    wide = float(drawn.partition('width="')[2].partition('"')[0]) > BESIDE_WIDTH
    return tag("div", tag("div", *files), graph, class_="below" if wide else "beside")


def _only_notes(found: Sequence[Diagnostic], at: tuple[str | None, int]) -> bool:
    here = [d for d in found if d.place is not None and (d.place.file, d.place.line) == at]
    return all(d.severity == "note" for d in here)


def _text(lines: Sequence[str], file: str | None, hits: dict[tuple[str | None, int], str]) -> Markup:
    rows = []
    for k, line in enumerate(lines[:MAX_SHOWN_LINES], start=1):
        hit = hits.get((file, k))
        sign = tag("span", "✗ ", class_="bad", title=hit) if hit else ""
        anchor = f"L{k}" if file is None else None
        rows.append(tag("tr", tag("td", sign, str(k)), tag("td", line.rstrip("\n") or " "), id=anchor,
                        class_="hit" if hit else None))  # fmt: skip
    if len(lines) > MAX_SHOWN_LINES:
        rows.append(tag("tr", tag("td", "…"), tag("td", f"{len(lines) - MAX_SHOWN_LINES} more lines")))
    return tag("table", tag("tbody", *rows), class_="code", aria_label="program text")


def _at(place: Place | None) -> Markup:
    if place is None:
        return Markup("")
    if place.file is not None:
        return join(f" ({place.file}, line {place.line})")
    return join(" (", tag("a", f"line {place.line}", href=f"#L{place.line}"), ")")


# -- the verdict -----------------------------------------------------------------------------------------------------


def verdict(s: Subject) -> Markup:
    """List diagnostics first, then the theorem meant for each output, premise by premise, then all others."""
    parts: list[Markup] = [_diagnostic(s, d) for d in s.verdict.diagnostics]
    if len(s.verdict.outputs) > 1:
        rows = [[o.of, status(o.verdict), ", ".join(o.covered_by) or "none"] for o in s.verdict.outputs]
        parts.append(table(["output", "verdict", "covered by"], rows, "Each output, judged on its ancestors"))
    shown: dict[object, OutputVerdict] = {}
    for o in s.verdict.outputs:
        shown.setdefault((o.target.theorem.id, tuple(r.finding for r in o.target.premises)), o)
    parts += [_theorem(o.target) for o in shown.values()]
    meant = {o.target.theorem.id for o in shown.values()}
    for other in s.verdict.theorems:
        if other.theorem.id not in meant:
            summary = tag("summary", f"{other.theorem.title} [{other.theorem.id}]: ", status(other.status))
            parts.append(tag("details", summary, _theorem(other)))
    return join(*parts)


def _diagnostic(s: Subject, d: Diagnostic) -> Markup:
    rows = [("because", d.because), ("what happens instead", d.consequence), ("what to change", d.help)]
    said = [join(tag("dt", word), tag("dd", text)) for word, text in rows if text]
    look = "bad" if d.severity == "error" else "open"
    place = d.place.to_json() if d.place else None
    pointed = tag("pre", d.render(s.program.sources, s.program.path), class_="scroll") if place else ""
    return tag("div", tag("p", tag("strong", f"{d.severity} {d.code}: {d.message}", class_=look), _at(d.place)),
               tag("dl", *said), tag("details", tag("summary", "as the command line prints it"), pointed)
               if pointed else "", class_=f"diagnostic {look}")  # fmt: skip


def _theorem(r: TheoremReport) -> Markup:
    rows = [
        [status(p.finding.status), tag("span", tag("code", p.premise.id), f": {p.premise.statement}"),
         join(p.finding.because, _at(p.finding.place))]
        for p in r.premises
    ]  # fmt: skip
    parts = [tag("h3", f"{r.theorem.title} ", status(r.status)), tag("p", r.theorem.source, class_="soft"),
             table(["", "premise", "why"], rows, f"The premises of {r.theorem.id}")]  # fmt: skip
    if r.status in ("applies", "applies-by-remark", "formal"):
        parts.append(tag("p", tag("strong", "Conclusion: "), r.theorem.conclusion))
    return join(*parts)


# -- limits ----------------------------------------------------------------------------------------------------------


def limits(s: Subject) -> Markup:
    """List means and covariances of the outputs: formula, number with its error, and what supports it."""
    limit = need(s.limit)
    rows = [[tag("code", r.of), _formula(r), number(r.value), "" if r.value is None else shown(r.error, r.error_kind),
             r.method, support(r.supported_by)] for r in limit.results]  # fmt: skip
    head = ["quantity", "formula", "value", "error", "method", "supported by"]
    out = table(head, rows, "Limits of the outputs as n → ∞", numbers=(2, 3))
    cut = tag("p", "Members of large families are left out.", class_="soft") if limit.truncated else ""
    return join(out, cut)


def _formula(r: Result) -> Markup:
    formula = r.written(MATHML)
    if formula is None:
        return tag("span", r.because or "no closed form", class_="soft")
    return tag("div", math(formula) if len(formula) <= MAX_FORMULA else tag("code", r.expr or ""), class_="scroll")


def number(value: float | None) -> str:
    """Write a number as a page shows it."""
    return "" if value is None else f"{value:.10g}".replace("-", "−")


def support(word: str) -> Markup:
    """Name the theorem behind a result, or a warning that there is none."""
    return tag("span", "formal: no theorem", class_="open") if word == "formal" else tag("span", word)


def _steps(s: Subject) -> list[tuple[str, Entry]] | Failed:
    """Return the entries of the derivation, each with the name of its instruction."""
    return attempt(lambda: _entries(need(s.limit)))


def _entries(limit: Limit, notation: Notation | None = None) -> list[tuple[str, Entry]]:
    from tensorprog.limit.show.derivation import Derivation
    from tensorprog.limit.show.style import TEXT, typeset

    made = Derivation(limit, typeset(notation) if notation else TEXT)
    wanted = {o.ref.name for o in made.program.outputs}
    for node in reversed(made.program.nodes):
        if node.name in wanted:
            wanted |= {r.name for r, _ in made.program.references(node)}
    names = [member_text(n.name, n.subs) for n in made.program.nodes if n.name in wanted]
    return list(zip(names, made.entries(), strict=True))


def _note(entry: Entry) -> str:
    return "\n".join([entry.rule, *(f"{left} = {right}" for left, right in entry.equations[:3])])


def derivation(s: Subject) -> Markup:
    """Show each instruction's limit, the rule that gives it, and its source."""
    found = _entries(need(s.limit), MATHML)
    parts = [tag("p", "Σ(a, b) is the covariance of the limits of a and b.", class_="soft")]
    for k, (name, entry) in enumerate(found[:MAX_STEPS]):
        lines = [tag("div", math(Writer(MATHML).equation(*e), block=True), class_="scroll") for e in entry.equations]
        head = tag("p", tag("strong", math(entry.defined)), tag("br"), f"{entry.rule}. ",
                   tag("span", f"[{entry.source}]", class_="soft"))  # fmt: skip
        parts.append(tag("div", head, *lines, id=f"step-{k}", class_="step", aria_label=name, role="group"))
    if len(found) > MAX_STEPS:
        parts.append(tag("p", f"{len(found) - MAX_STEPS} more instructions are left out (MAX_STEPS)."))
    return join(*parts)


# -- claims, basis, sources ------------------------------------------------------------------------------------------


def claims(s: Subject) -> Markup:
    """List every claim with its decision."""
    from tensorprog.limit.claims.decide import claims as decide

    o = s.options
    found = decide(s.program, dict(o.values), tolerance=o.tolerance, seconds=o.seconds)
    rows = [[status(d.status), join(tag("code", d.text), _at(d.claim.place)), number(d.left), number(d.right),
             d.because] for d in found]  # fmt: skip
    return table(["", "claim", "left", "right", "why"], rows, "Claims about the limit", numbers=(2, 3))


def basis(s: Subject) -> Markup:
    """Say what is assumed, and whether a certificate of the verdict passes the kernel."""
    said = [tag("li", a) for a in s.verdict.assumptions]
    assumed = tag("ul", *said) if said else tag("p", "Nothing is assumed besides the theorems' premises.")
    return join(tag("h3", "Assumed"), assumed, tag("h3", "Certificate"), shown_or_why(lambda: _certificate(s)))


def _certificate(s: Subject) -> Markup:
    from tensorprog.proof import prove, verify

    if s.verdict.verdict in ("invalid", "undecided"):
        return tag("p", "None: no theorem is shown to cover the program.")
    checked = verify(s.program, prove(s.program))
    axioms = [tag("li", a) for a in checked.axioms]
    return join(tag("p", status("accepted"), f" by the kernel: {checked.steps} steps, {len(axioms)} axioms."),
                tag("details", tag("summary", "axioms"), tag("ul", *axioms)) if axioms else "")  # fmt: skip


def cite(s: Subject) -> Markup:
    """Cite the sources of the theorems that cover the outputs, or of those meant for them."""
    used = dict.fromkeys(t for o in s.verdict.outputs for t in (o.covered_by[:1] or [o.target.theorem.id]))
    return tag("pre", bibtex(used), class_="scroll")
