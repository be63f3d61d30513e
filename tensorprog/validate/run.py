"""`validate`: the limit of a program, as the theory gives it and as simulation at several widths approaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from math import prod
from typing import TYPE_CHECKING, Any

from tensorprog.errors import fail, renamed
from tensorprog.numbers.budget import SECONDS
from tensorprog.numbers.progress import counted
from tensorprog.program.api import Program

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np

    from tensorprog.numbers.estimate import Estimate
    from tensorprog.validate.compare import Rate, Test
    from tensorprog.validate.observe import Observed
    from tensorprog.validate.quantities import Quantity
    from tensorprog.validate.result import Validation
    from tensorprog.validate.theory import Theory

LEVEL = 0.01
"""The chance that a true theory is called wrong, at most, over all tests of one validation."""


@renamed(params="values")
def validate(
    program: Program,
    widths: Sequence[int] = (64, 256, 1024),
    samples: int = 2000,
    rng: int | np.random.Generator | None = 0,
    executor: Executor | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    entries: str | None = None,
    dense: bool = False,
    engine: str = "numpy",
    theory: Theory | None = None,
    level: float = LEVEL,
    workers: int | None = None,
    dask: str | None = None,
    checkpoint: str | None = None,
    memory: str | float | None = None,
    progress: bool = False,
    tolerance: float | None = None,
    seconds: float = SECONDS,
) -> Validation:
    """Test the limit, not a width: fit estimate(n) = a + b/n + c/n^2 (or n^(-1/2), 1/n) and compare a with the theory.

    One draw of all weights is one observation. The chance that any true claim is rejected is at most `level` (Holm).
    Inconclusive means that a second moment that is off by 5 % of its scale might have passed. `entries` replaces the
    law of all weights, which should not matter in the limit. `tolerance` and `seconds` are for each number of the
    theory, as in `derive`.

    Errors: TP011 a width is not an integer; TP017 a param without a number; TP018 bad arguments.
    """
    import numpy as np

    from tensorprog.limit.derive import derive
    from tensorprog.simulate.draw.streams import seed_of
    from tensorprog.simulate.execute.execution import Execution, run_blocks
    from tensorprog.simulate.plan.job import Options
    from tensorprog.simulate.plan.numbers import whole
    from tensorprog.validate.compare import label
    from tensorprog.validate.observe import Observed, Requests
    from tensorprog.validate.quantities import MOST_QUANTITIES, quantities, untested
    from tensorprog.validate.result import Validation, conclude
    from tensorprog.validate.theory import LimitTheory

    at = sorted(dict.fromkeys(whole(n, "the width n", 1) for n in widths))
    if not at:
        raise fail("TP018", "validation needs widths", help="--widths 64,256,1024")
    samples = whole(samples, "the number of samples", 2)
    if not 0.0 < level < 1.0:
        raise fail("TP018", f"the level {level} is not a probability between 0 and 1", help="--level 0.01")
    seed = seed_of(rng)
    if theory is None:
        theory = LimitTheory(derive(program, dict(values or {}) or None, tolerance=tolerance, seconds=seconds))
    chosen, refused = quantities(program)
    wanted, known, left_out = _claims(chosen[:MOST_QUANTITIES], theory)
    left_out += [f"{label(q, False)} (its mean at finite width may be infinite)" for q in refused]
    if len(chosen) > MOST_QUANTITIES:
        left_out.append(f"{len(chosen) - MOST_QUANTITIES} more quantities (a validation compares {MOST_QUANTITIES})")
    requests = Requests.of(wanted)
    options = Options.of(values, dense=dense, entries=entries, engine=engine)
    centre = np.array([known[q].value for q in wanted], dtype=float)
    observed = [Observed(wanted, requests, samples, centre) for _ in at]
    tests: list[Test] = []
    rates: list[Rate] = []
    compared: list[Quantity] = []
    if wanted:
        jobs = [(requests.job(program, n, seed, options), samples) for n in at]
        how = Execution(executor, workers, dask, checkpoint, memory, progress)
        run_blocks(jobs, how, lambda number, block, arrays: observed[number].add(block, arrays))
        tests, rates, blank, compared = _compare(wanted, known, theory, observed, at)
        left_out += blank
    verdict, because, judged = conclude(tests, level, samples, untested(program, compared))
    if verdict == "agrees" and len(at) == 1:
        verdict, because = "inconclusive", f"one width alone cannot tell bias from error; {because}"
    return Validation(program.name, verdict, because, seed, samples, tuple(at), level, judged, tuple(rates),
                      tuple(left_out), entries or "gaussian")  # fmt: skip


def _claims(found: Sequence[Quantity], theory: Theory) -> tuple[list[Quantity], dict[Quantity, Estimate], list[str]]:
    """Return the quantities that the theory has a number for, and which it has not."""
    import numpy as np

    from tensorprog.validate.compare import label

    wanted: list[Quantity] = []
    known: dict[Quantity, Estimate] = {}
    left_out: list[str] = []
    asked = (partial(theory.moment, q.names[:1] * 2 if q.kind == "law" else q.names) for q in found)
    for q, claim in zip(found, counted(asked, False, "numbers of the theory"), strict=True):
        if claim is None or not np.isfinite(claim.value):
            left_out.append(f"{label(q, False)} (the theory has no number for it)")
            continue
        known[q] = claim
        wanted.append(q)
    return wanted, known, left_out


def _compare(
    wanted: Sequence[Quantity],
    known: Mapping[Quantity, Estimate],
    theory: Theory,
    observed: Sequence[Observed],
    widths: Sequence[int],
) -> tuple[list[Test], list[Rate], list[str], list[Quantity]]:
    from tensorprog.validate import compare

    tests: list[Test] = []
    rates: list[Rate] = []
    left_out: list[str] = []
    compared: list[Quantity] = []

    @cache
    def moment(*names: str) -> float:
        claim = theory.moment(names)
        return 0.0 if claim is None else claim.value

    laws = 0
    unsure: set[str] = set()
    for k, q in enumerate(wanted):
        centred = all(moment(n) == 0.0 for n in q.names)
        if q.kind == "law":
            test = compare.law_test(q, laws, theory, abs(moment(*q.names * 2)) ** 0.5, observed, widths)
            laws += 1
        else:
            scale = prod(abs(moment(n, n)) ** 0.5 for n in q.names)
            test = compare.moment_test(q, k, known[q], scale, centred, observed, widths)
        name = compare.label(q, centred)
        if test is None:
            left_out.append(f"{name} (not finite, or without a claim about its law)")
            continue
        if len(set(q.names)) == 1 and len(q.names) == 2 and not test.resolved:
            unsure.add(q.names[0])
        tests.append(test)
        compared.append(q)
        averaging = q.kind == "average" or (q.kind == "draw" and len(q.members) == 1)
        if averaging and not q.scores and len(rates) < 12:
            found = compare.rate(name, k, observed, widths, -0.5)
            if found is not None:
                rates.append(found)
    # A law whose second moment is not known to 5 % is not near its limit, or not known to be: it is no evidence.
    aside = [q.kind == "law" and q.names[0] in unsure for q in compared]
    tests = [replace(t, p_value=1.0, resolved=False) if a else t for t, a in zip(tests, aside, strict=True)]
    return tests, rates, left_out, compared
