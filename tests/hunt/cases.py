"""One case of the hunt: a seed, a kind of input, the judges that fit it; what they find is shrunk."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.hunt import (
    judge_claims,
    judge_equal,
    judge_expect,
    judge_forged,
    judge_functions,
    judge_limits,
    judge_proofs,
    judge_simulation,
    judge_verdicts,
    suspects,
)
from tests.hunt.finding import Finding, Report
from tests.hunt.programs import program
from tests.hunt.rewrites import REWRITES
from tests.hunt.shrink import shrunk
from tests.hunt.syntax import Program

KINDS = {"program": 8, "expectation": 4, "claims": 3, "function": 1, "kernel": 2}
ENOUGH = 2
"""Findings of one signature that are told by a worker; later ones are left out, and only the first is shrunk."""
Judge = Callable[[Program, Report], Finding | None]


def _rewritten(
    judge: Callable[..., Finding | None], asked: judge_equal.Asked, name: str, seed: int, p: Program, r: Report
) -> Finding | None:
    """A judge of rewrites as a judge of programs."""
    return judge(p, asked, r, name, seed)


class Hunter:
    """The cases of one worker."""

    def __init__(self, seed: int, folder: Path, patience: float = 15.0, kinds: dict[str, int] | None = None) -> None:
        self.seed, self.folder, self.patience = seed, folder, patience
        self.kinds = [k for k, odds in (kinds or KINDS).items() for _ in range(odds)]
        self.seen: dict[str, int] = {}

    def case(self, number: int) -> Report:
        """All judges on the input of this number."""
        rng, report = random.Random(f"{self.seed} {number}"), Report()
        match rng.choice(self.kinds):
            case "program":
                self.program(rng, report)
            case "expectation":
                report.found(judge_expect.judged(rng, self.folder, report))
            case "function":
                report.found(judge_functions.judged(rng, self.folder, report))
            case "kernel":
                made, seed = suspects.program(rng) if rng.random() < 0.7 else program(rng), rng.randrange(10**6)
                report.found(judge_forged.forged(made, report, seed))
            case "claims":
                report.found(judge_claims.judged(rng, self.folder, report))
        report.findings = [f for f in report.findings if self.new(f)]
        return report

    def new(self, finding: Finding) -> bool:
        key = f"{finding.kind} {finding.signature}"
        self.seen[key] = self.seen.get(key, 0) + 1
        return self.seen[key] <= ENOUGH

    def program(self, rng: random.Random, report: Report) -> None:
        made, seed = program(rng), rng.randrange(10**6)
        names, asked = sorted(REWRITES), judge_equal.Remembered(self.folder)
        judges: list[Judge] = [lambda p, r: judge_verdicts.proof(p, self.folder, r)]
        judges += [partial(_rewritten, judge_equal.verdicts, asked, name, seed) for name in rng.sample(names, 6)]
        extra: list[Judge] = [
            lambda p, r: judge_limits.against_matrices(p, self.folder, r, seed),
            lambda p, r: judge_limits.roads(p, self.folder, r, seed),
            lambda p, r: judge_proofs.numbers(p, self.folder, r, seed),
            lambda p, r: judge_simulation.against_matrices(p, self.folder, r, seed),
            partial(_rewritten, judge_equal.limits, asked, rng.choice(names), seed),
        ]
        for judge in (*judges, *rng.sample(extra, 2)):
            found = judge(made, report)
            if found is not None:
                report.found(self.smaller(made, judge, found))
                if found.kind == "contract":
                    return

    def smaller(self, made: Program, judge: Judge, found: Finding) -> Finding:
        if self.seen.get(f"{found.kind} {found.signature}", 0):
            return found
        quiet = Report()  # what is compared on the way to a smaller program is not counted
        return shrunk(made, lambda p: judge(p, quiet), found.signature, self.patience) or found
