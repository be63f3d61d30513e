"""From a program to a certificate: for every output the first theorem whose premises can all be discharged."""

from __future__ import annotations

from collections.abc import Sequence

from tensorprog.errors import fail
from tensorprog.kernel.certificate import verify as kernel_verify
from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import Scalar
from tensorprog.kernel.verdict.premises import REMARKS, case_of, obligations
from tensorprog.program import Program
from tensorprog.proof.certificate import Certificate
from tensorprog.proof.functions import Functions
from tensorprog.proof.goals import parse, proved
from tensorprog.proof.writer import Writer
from tensorprog.theorems.check import first_gap
from tensorprog.theorems.papers.netsor_plus import rests_on_ranks

THEOREMS = ("netsor", "netsor-plus", "attention")
FUNCTIONS = ("nonlinearities", "final", "A1.bounded", "positive-variance")
"""The premises that the rules show when they discharge every obligation: the checker is not asked a second time."""
CHOICES: tuple[tuple[str, ...], ...] = ((), (REMARKS[0],), (REMARKS[1],), REMARKS)


def prove(program: Program, goals: Sequence[str] = ()) -> Certificate:
    """A certificate that a theorem covers every output; `goals`: what else, as `prove --goals` takes it.

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
    scores = [k for k, n in enumerate(context.program.nodes) if context.powers.is_score(n)]
    reasons: dict[str, str] = {}
    for extra in ((), tuple(scores)):
        for theorem in THEOREMS:
            for remarks in CHOICES if theorem == "attention" else CHOICES[:1]:
                try:
                    wanted = obligations(case_of(context, output, extra), theorem, remarks)
                except Refused as why:
                    reasons.setdefault(theorem, str(why))
                    continue
                try:
                    steps = [_discharged(writer, functions, what, k, theorem) for what, k in wanted]
                except Refused as why:  # what may not be assumed either
                    reasons.setdefault(theorem, str(why))
                    continue
                missing = [k for (_, k), s in zip(wanted, steps, strict=True) if writer.steps[s][0] == "assumed"]
                if any(isinstance(context.node(k), Scalar) for k in missing):
                    reasons.setdefault(theorem, "no rule yet for this function of scalars at their limits")
                    continue
                shown = () if missing else FUNCTIONS
                if first_gap(writer.program, output, theorem, (*remarks, *shown)) is None or (
                    extra and _checked(writer, output, theorem, (*remarks, *shown))
                ):
                    if not missing or not _by_ranks(writer, output, theorem):
                        return _applied(writer, output, theorem, remarks, extra, steps)
                    reasons.setdefault(theorem, "no rule yet for rank stability")
    verdict, name = writer.verdict.outputs[output], context.program.outputs[output].ref.name
    if not verdict.covered_by:
        because = f"`check` says {verdict.verdict}: no theorem here is shown to cover it"
        raise fail("TP602", f"no theorem is shown to cover {name}", because=because, help="`tensorprog check` says why")
    for theorem in verdict.covered_by:
        if theorem not in THEOREMS:
            reasons[theorem] = "the calculus of certificates has no rule yet"
    because = "; ".join(f"{theorem}: {why}" for theorem, why in reasons.items() if theorem in verdict.covered_by)
    help = "`check` says that it is covered; the calculus of certificates has no rule yet that shows it"
    raise fail("TP602", f"no certificate that a theorem covers {name}", because=because, help=help)


def _applied(
    writer: Writer, output: int, theorem: str, remarks: tuple[str, ...], extra: Sequence[int], steps: Sequence[int]
) -> int:
    more = ({"remarks": list(remarks)} if remarks else {}) | ({"extra": [str(k) for k in extra]} if extra else {})
    return writer.step("applies", steps, theorem=theorem, output=str(output), **more)


def _discharged(writer: Writer, functions: Functions, what: str, k: int, theorem: str) -> int:
    """A step that discharges an obligation; if none is found, the axiom that says so."""
    for local in (False, True) if theorem == "netsor-plus" else (False,):
        try:
            return functions.variance(k) if what == "variance" else functions.instruction(k, what, local)
        except (Refused, CannotCompose):
            continue
    return writer.step("assumed", node=str(k), what=what)


def _by_ranks(writer: Writer, output: int, theorem: str) -> bool:
    """Does the checker call some function parameter-controlled only? It is not to be assumed pseudo-Lipschitz."""
    report = next(r for r in writer.verdict.outputs[output].theorems if r.theorem.id == theorem)
    return any(rests_on_ranks(r.finding) for r in report.premises)


def _checked(writer: Writer, output: int, theorem: str, but: tuple[str, ...]) -> bool:
    """Does the checker find that the theorem covers the output, with the unused scores that absorb products?"""
    report = next(r for r in writer.verdict.outputs[output].theorems if r.theorem.id == theorem)
    gaps = {r.premise.id for r in report.premises if r.finding.status != "proved"}
    return gaps <= set(but)
