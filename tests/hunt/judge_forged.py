"""Whatever the kernel can be brought to accept, judged by numbers: honest certificates, and changed steps of them."""

from __future__ import annotations

import random

from tests.hunt.finding import Finding, Report
from tests.hunt.forge import Accepted, Bench, mutants, requests
from tests.hunt.kernels import said
from tests.hunt.syntax import Program
from tests.hunt.truth import Truth

MUTANTS = 150
REQUESTS = 12


def forged(program: Program, report: Report, seed: int) -> Finding | None:
    """The first falsehood about a program that the kernel accepts."""
    rng = random.Random(seed)
    try:
        bench = Bench(str(program))
    except Exception:  # of a traceback the other judges tell
        return None
    truth = Truth(program, bench.lowered, bench.context.powers, rng)
    for goal in goals(program, rng):
        first = len(bench.done)
        for words in bench.prove(goal):
            report.count("kernel: goals")
            if (why := truth.unfounded(words)) is not None:
                return Finding("kernel", "a goal that no theorem covers", str(program), " ".join(words), why, goal)
        for step, j in zip(bench.steps[first:], bench.done[first:], strict=True):
            report.count("kernel: honest steps")
            if (why := truth.false(said(j))) is not None:
                return told(program, Accepted(step, said(j), f"honest, {goal or 'validity'}"), why)
    if not bench.steps:
        return None
    for one in (*requests(bench, rng, REQUESTS), *mutants(bench, rng, MUTANTS)):
        report.count("kernel: forged steps")
        if (why := truth.false(one.says)) is not None:
            return told(program, one, why)
    return None


def goals(program: Program, rng: random.Random) -> list[str]:
    """What an honest prover is asked for: validity, and limits of any members, not only of the outputs."""
    one, two = rng.choice([d.name for d in program.definitions()]), rng.choice([o.name for o in program.outputs])
    more = [f"covariances:{one}", f"covariances:{two}", f"laws:{two}", f"numbers:{two}", f"kurtosis:{one}"]
    return ["", *(["claims"] if program.claims else []), *rng.sample(more, 3)]


def told(program: Program, one: Accepted, why: str) -> Finding:
    rule, params, _ = one.step
    how = "honest" if one.how.startswith("honest") else one.how.split(" ")[0]
    page = f"{rule} {params}: {' '.join(map(str, one.says.written))}"
    return Finding("kernel", f"{rule}: {how} {one.says.words[0]}", str(program), page[:2000], why, one.how)
