"""Which theorem covers a program: every theorem judged for every output, premise by premise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from tensorprog.errors import Diagnostic
from tensorprog.functions.decide.positivity import sign_of
from tensorprog.functions.named.registry import declared_in
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.kernel.ground.nodes import Dot, Output
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import variables
from tensorprog.numbers.progress import counted
from tensorprog.program.api import Program
from tensorprog.program.normal.wording import Wording
from tensorprog.terms import Var, to_text
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.exclusivity import not_exclusive
from tensorprog.theorems.conditions.finding import Finding
from tensorprog.theorems.conditions.statement import Premise, Theorem, TheoremReport, reported
from tensorprog.theorems.papers.absorption import with_unused_scores
from tensorprog.theorems.verdict import ORDER, THEOREMS, OutputVerdict, Verdict, VerdictWord


def check(program: Program) -> Verdict:
    """Judge every theorem for every output of the program.

    The verdict is `valid` if a theorem applies, `valid-by-remark` if the attention theorem lacks only what its paper
    calls inessential, `undecided` if some theorem has no refuted premise, else `invalid`: no theorem here covers it.
    """
    program.finish()
    shared = Shared.of(program.analysis)
    said = Wording(program, program.analysis).said
    judged = counted((partial(_judge_output, shared, o) for o in program.outputs), False, "outputs")
    outputs = tuple(_worded(o, said) for o in judged)
    diagnostics = dict.fromkeys(d for o in outputs for d in o.diagnostics)
    return Verdict(program, outputs, tuple(_assumptions(program)), _one_per_place(diagnostics))


def _worded(o: OutputVerdict, said: Callable[[str], str]) -> OutputVerdict:
    """The verdict in the user's words."""

    def finding(f: Finding) -> Finding:
        return replace(f, because=said(f.because), diagnostics=tuple(d.worded(said) for d in f.diagnostics))

    def report(r: TheoremReport) -> TheoremReport:
        return replace(r, premises=tuple(replace(p, finding=finding(p.finding)) for p in r.premises))

    return replace(o, theorems=tuple(map(report, o.theorems)), target=report(o.target))


def _one_per_place(found: dict[Diagnostic, None]) -> tuple[Diagnostic, ...]:
    out: dict[object, Diagnostic] = {}
    for d in found:
        out.setdefault((d.code, d.place, d.message if d.place is None else ""), d)
    return tuple(out.values())


def _judge_output(shared: Shared, output: Output) -> OutputVerdict:
    case, reports = judge_together(shared, [output.ref])
    return OutputVerdict(to_text(output.ref), _verdict(reports), reports, _target(case, reports))


def judge_together(shared: Shared, refs: Sequence[Var]) -> tuple[Case, tuple[TheoremReport, ...]]:
    """Judge every theorem for some variables together; unused scores may absorb further products of score matrices."""
    case = Case(shared, refs)
    reports = tuple(judge(case, t) for t in THEOREMS)
    if case.scores and not_exclusive(case, case.scores) is not None:
        alone = case
        for bounded in (True, False):
            wider = with_unused_scores(shared, refs, alone, bounded)
            if wider is not None:
                absorbed = tuple(judge(wider, t) for t in THEOREMS)
                if ORDER.index(_verdict(absorbed)) < ORDER.index(_verdict(reports)):
                    case, reports = wider, absorbed
    return case, reports


def _target(case: Case, reports: tuple[TheoremReport, ...]) -> TheoremReport:
    """Return the theorem that is meant for a case: its premises are what a person wants to read."""
    by_id = {r.theorem.id: r for r in reports}
    if case.scores or case.readout_scores:
        found = by_id["attention" if case.scores else "readout-scores"]
        if case.scores and case.readout_scores and found.status in ("applies", "applies-by-remark"):
            found = by_id["readout-scores"]
        formal = next(r for r in reports if r.theorem.formal)
        return formal if found.status == "fails" and not formal.refutes else found
    dots = [d for d in case.dots if d not in case.plain]
    return by_id["netsor-plus" if case.moments or dots else "netsor"]


def judge(case: Case, theorem: Theorem) -> TheoremReport:
    """Decide every premise of one theorem for one case."""
    return TheoremReport(theorem, reported(judged(case, theorem.premises), theorem.premises))


def judged(case: Case, premises: Sequence[Premise]) -> Case:
    """Return the case with these premises decided."""
    case.findings |= {p.decide: p.decide(case) for p in premises if p.decide not in case.findings}
    return case


def case_of_output(program: Program, output: int) -> Case:
    """Return the case of one output, made once."""
    shared = Shared.of(program.analysis)
    if (case := shared.cases.get(output)) is None:
        case = shared.cases[output] = Case(shared, [program.outputs[output].ref])
    return case


def first_gap(program: Program, output: int, name: str, but: Collection[str]) -> str | None:
    """Return the first premise of a theorem that is not proved for one output; those in `but` are not examined."""
    case = case_of_output(program, output)
    theorem = next(t for t in THEOREMS if t.id == name)
    for p in theorem.premises:
        if p.id not in but and reported(judged(case, [p]), [p])[0].finding.status != "proved":
            return p.id
    return None


def _verdict(reports: tuple[TheoremReport, ...]) -> VerdictWord:
    statuses = {r.status for r in reports}
    if "applies" in statuses:
        return "valid"
    if "applies-by-remark" in statuses:
        return "valid-by-remark"
    return "undecided" if any(not r.refutes for r in reports) else "invalid"


def _assumptions(program: Program) -> list[str]:
    out = list(program.assumptions)
    known = Shared.of(program.analysis).functions.assumptions
    for w in program.weights.values():
        part = width_power(w.variance, program.widths)
        names = part is not None and any(v.name in program.params for v in variables(part[0]))
        if part is not None and names and sign_of(part[0], known) not in ("positive", "nonnegative", "zero"):
            out.append(f"the variance of {w.name}, {to_text(w.variance)}, is not negative")
    rules = Analyzer(frozenset(), known)
    means = [(name, t) for g in program.groups for name, t in zip(g.names, g.mean, strict=True)]
    out += [f"the mean of {name}, {to_text(t)}, is defined" for name, t in means if not rules.info(t).total]
    for n in (n for n in program.nodes if isinstance(n, Dot)):
        part = width_power(n.factor, program.widths)
        if part is not None and not rules.info(part[0]).total:
            out.append(f"the factor of {n.name}, {to_text(n.factor)}, is defined")
    bodies = [t for node in program.nodes if (t := getattr(node, "body", None)) is not None]
    out += dict.fromkeys(said for t in bodies for said in declared_in(t))
    for p in program.params.values():
        if p.low is not None or p.high is not None:
            low = "" if p.low is None else f"{p.low} {'<' if p.low_open else '<='} "
            high = "" if p.high is None else f" {'<' if p.high_open else '<='} {p.high}"
            out.append(f"{low}{p.name}{high}")
    return out


def theorem_by_id(name: str) -> Theorem | None:
    return next((t for t in THEOREMS if t.id == name), None)
