"""From a program to a certificate: for every output the first theorem whose premises can all be discharged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tensorprog.errors import fail
from tensorprog.kernel.certificate import verify as kernel_verify
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.extra.readouts import Routed
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import Scalar
from tensorprog.kernel.verdict.premises import REMARKS, Case, case_of, obligations
from tensorprog.program import Program
from tensorprog.proof.certificate import Certificate
from tensorprog.proof.functions import Functions
from tensorprog.proof.goals import parse, proved
from tensorprog.proof.writer import Writer
from tensorprog.theorems.check import case_of_output, first_gap
from tensorprog.theorems.papers.netsor_plus import rests_on_ranks

READOUTS = "readout-scores"
THEOREMS = ("netsor", "netsor-plus", "attention", READOUTS)
FUNCTIONS = ("nonlinearities", "final", "A1.bounded", "positive-variance")
"""The premises that the rules show when they discharge every obligation: the checker is not asked a second time."""
CHOICES: tuple[tuple[str, ...], ...] = ((), (REMARKS[0],), (REMARKS[1],), REMARKS)


def prove(program: Program, goals: Sequence[str] = ()) -> Certificate:
    """Return a certificate that a theorem covers every output; `goals`: what else, as `prove --goals` takes it.

    Raises TP602 where no theorem covers an output, or none that the calculus of certificates has rules for; TP018 for
    a goal that does not exist. What the calculus cannot derive of a function of vectors enters as an axiom, which
    `verify` lists, if `check` finds it.
    """
    program.finish()
    more = parse(goals, program)
    writer = Writer(program)
    functions = Functions(writer)
    steps = [_output(writer, functions, k) for k in range(len(program.outputs))]
    certificate = writer.certificate(list(dict.fromkeys([*steps, *proved(writer, functions, more)])))
    try:
        kernel_verify(program, certificate.text)
    except Refused as refused:
        why = f"{certificate.steps} steps, and {refused}"
        raise fail("TP602", "the certificate is too large", because=why, help="prove fewer goals at a time") from None
    return certificate


def _output(writer: Writer, functions: Functions, output: int) -> int:
    """The step that a theorem covers an output: the checker finds that its premises hold, or the rules that those about
    functions do, and the checker that the others do."""
    context = writer.context
    verdict, name = writer.verdict.outputs[output], context.program.outputs[output].ref.name
    if not verdict.covered_by:
        because = f"`check` says {verdict.verdict}: no theorem here is shown to cover it"
        raise fail("TP602", f"no theorem is shown to cover {name}", because=because, help="`tensorprog check` says why")
    scores = [k for k, n in enumerate(context.program.nodes) if context.powers.is_score(n)]
    reasons: dict[str, str] = {}
    for extra in ((), tuple(scores)):
        for theorem in THEOREMS:
            for remarks in CHOICES if theorem in ("attention", READOUTS) else CHOICES[:1]:
                try:
                    attempt = Attempt(writer, output, theorem, remarks, extra)
                    wanted = attempt.obligations()
                except Refused as why:
                    reasons.setdefault(theorem, str(why))
                    continue
                try:
                    steps = [_discharged(writer, functions, what, k, attempt.base) for what, k in wanted]
                except Refused as why:  # what may not be assumed either
                    reasons.setdefault(theorem, str(why))
                    continue
                missing = [k for (_, k), s in zip(wanted, steps, strict=True) if writer.steps[s][0] == "assumed"]
                if any(isinstance(context.node(k), Scalar) for k in missing):
                    reasons.setdefault(theorem, "no rule yet for this function of scalars at their limits")
                    continue
                if attempt.agreed(bool(missing)):
                    if not missing or not _by_ranks(writer, output, theorem):
                        return attempt.applied(steps)
                    reasons.setdefault(theorem, "no rule yet for rank stability")
    because = "; ".join(f"{theorem}: {why}" for theorem, why in reasons.items() if theorem in verdict.covered_by)
    help = "`check` says that it is covered; the calculus of certificates has no rule yet that shows it"
    raise fail("TP602", f"no certificate that a theorem covers {name}", because=because, help=help)


class Attempt:
    """A theorem that may cover an output, with premises waived and unused scores that absorb products."""

    def __init__(
        self, writer: Writer, output: int, theorem: str, remarks: tuple[str, ...] = (), extra: tuple[int, ...] = ()
    ) -> None:
        self.writer, self.output, self.theorem, self.remarks, self.extra = writer, output, theorem, remarks, extra
        self.base, self.vectors = theorem, list[str]()
        kind: Callable[..., Case] = Case
        if theorem == READOUTS:
            case = case_of_output(writer.program, output)
            self.vectors = sorted({case.readings.vector(d).name for d in case.readouts})
            if not self.vectors:
                raise Refused("there is no readout")
            kind = partial(Routed, vectors=tuple(self.vectors))
        self.case = case_of(writer.context, output, extra, kind)
        if theorem == READOUTS:
            self.base = "attention" if self.case.scores else "netsor-plus"

    def obligations(self) -> list[tuple[str, int]]:
        """Return what is left to discharge."""
        return obligations(self.case, self.base, self.remarks)

    def agreed(self, assuming: bool) -> bool:
        """Return whether the checker finds the premises that no rule showed; all, where something is assumed."""
        but = (*self.remarks, *(() if assuming else FUNCTIONS))
        if self.theorem == READOUTS:
            if not assuming:
                return True
            if self.base == "attention":  # of it `R.underlying` asks what the remarks waive
                return not self._gaps(READOUTS, ("R.underlying",)) and not self._gaps("attention", but)
        gap = first_gap(self.writer.program, self.output, self.theorem, but)
        return gap is None or bool(self.extra and not self._gaps(self.theorem, but))

    def _gaps(self, theorem: str, but: tuple[str, ...]) -> set[str]:
        """Return the premises that the checker does not find, with the unused scores that absorb products."""
        reports = self.writer.verdict.outputs[self.output].theorems
        (report,) = (r for r in reports if r.theorem.id == theorem)
        return {r.premise.id for r in report.premises if r.finding.status != "proved"} - {*but}

    def applied(self, steps: Sequence[int]) -> int:
        """Return the step that the theorem covers the output."""
        more: dict[str, object] = {"remarks": list(self.remarks)} if self.remarks else {}
        more |= {"extra": [str(k) for k in self.extra]} if self.extra else {}
        if self.vectors:
            return self.writer.step("readout_scores", steps, output=str(self.output), vectors=self.vectors, **more)
        return self.writer.step("applies", steps, theorem=self.base, output=str(self.output), **more)


def _discharged(writer: Writer, functions: Functions, what: str, k: int, theorem: str) -> int:
    """Return a step that discharges an obligation; if none is found, the axiom that says so."""
    for local in (False, True) if theorem == "netsor-plus" else (False,):
        try:
            return functions.variance(k) if what == "variance" else functions.instruction(k, what, local)
        except (Refused, CannotCompose):
            continue
    return writer.step("assumed", node=str(k), what=what)


def _by_ranks(writer: Writer, output: int, theorem: str) -> bool:
    """Return whether the checker calls some function parameter-controlled only: not to be assumed pseudo-Lipschitz."""
    report = next(r for r in writer.verdict.outputs[output].theorems if r.theorem.id == theorem)
    return any(rests_on_ranks(r.finding) for r in report.premises)
