"""Random programs: what the kernel accepts the checker, which shares no rule with it, accepts too; facts are true."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

import tensorprog as tp
from tensorprog.kernel.core.statements import Fact
from tensorprog.kernel.ground.composed import CannotCompose, Composer
from tensorprog.kernel.written.statements import concluded, said_of
from tensorprog.program.normal.normalize import normalize
from tensorprog.proof import verify
from tests.kernel.oracle import disagreement
from tests.share import examples
from tests.strategies import programs


@settings(max_examples=examples(60), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs)
def test_a_certificate_never_says_more_than_the_checker(program: tp.Program) -> None:
    try:
        certificate = tp.prove(program)
    except tp.TensorProgError as error:
        codes = {d.code for d in error.diagnostics}
        assert "TP601" not in codes
        return  # nothing is certified of what the checker does not find covered
    accepted = verify(program, certificate)
    verdict = tp.check(program)
    if not any(a.startswith("unproved") for a in accepted.axioms):
        assert verdict.verdict in ("valid", "valid-by-remark")
        for goal, output in zip(accepted.goals, verdict.outputs, strict=True):
            theorem, _, base = goal[1].partition(" over ")
            plain = base == "netsor-plus" and {"netsor", "netsor-plus"} & {*output.covered_by}
            assert theorem in output.covered_by or plain  # a readout as an output is one of the lemma's programs too
    p = normalize(program)
    composer = Composer(p)
    for theorem in accepted.theorems:
        if isinstance(theorem.statement, Fact):
            try:
                t = composer.of_term(theorem.statement.term)
            except CannotCompose:
                continue
            said = list(map(str, said_of(theorem.statement.info)))
            assert disagreement(p, t, said, draws=3) is None, concluded(theorem)
