"""Assumption 1 on random index-sharing patterns: the checker against an oracle that expands every element."""

from __future__ import annotations

import os

from hypothesis import assume, given, settings

import tensorprog as tp
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.exclusivity import not_distinct, not_exclusive
from tensorprog.theorems.papers.absorption import FEW_MEMBERS, with_unused_scores
from tests.share import examples
from tests.theorems.exclusivity_oracle import Cancelled, Oracle, Upstream
from tests.theorems.patterns import patterns

MANY = int(os.environ.get("ORACLE_EXAMPLES", "400"))


def upstream(program: tp.Program, k: int) -> tuple[Upstream, bool, int]:
    """What output k depends on; do some of the program's unused scores absorb other products; how many there are."""
    oracle = Oracle(program)
    elements = oracle.expansion.output_elements(k)
    try:
        return oracle.above(elements), oracle.absorbed(elements), len(oracle.all_scores())
    except Cancelled:
        assume(False)
        raise


def decide(case: Case) -> tuple[bool, bool]:
    return not_exclusive(case, case.scores) is None, not_distinct(case, case.scores) is None


@settings(max_examples=examples(MANY))
@given(patterns())
def test_exclusive_and_distinct_matrices(text: str) -> None:
    program = tp.loads(text)
    shared = Shared(program.analysis)
    for k, output in enumerate(program.outputs):
        own, absorbs, many = upstream(program, k)
        case = Case(shared, [output.ref])
        assert decide(case) == (own.exclusive(), own.distinct())
        if not own.exclusive():
            wider = with_unused_scores(shared, [output.ref], case)
            absorbed = wider is not None and all(decide(wider))
            assert absorbed <= absorbs, "unused scores absorb products"
            assert absorbed == absorbs or many > FEW_MEMBERS


@settings(max_examples=examples(MANY // 5))
@given(patterns())
def test_verdicts(text: str) -> None:
    """All else is fine with these programs, so Assumption 1 (a) and (b) are the verdict."""
    program = tp.loads(text)
    verdict = tp.check(program)
    for k, output in enumerate(verdict.outputs):
        own, absorbs, many = upstream(program, k)
        assume(many <= FEW_MEMBERS)
        covered = absorbs or (own.exclusive() and own.distinct())
        assert output.verdict == ("valid" if covered else "invalid")
        found = {d.code for d in output.diagnostics if d.severity == "error"}
        assert found <= {"TP101", "TP102"}
        assert ("TP101" in found) == (not covered and not own.exclusive())
        assert ("TP102" in found) == (not covered and not own.distinct())
