"""One case of the hunt: a seed, a kind of input, the judges that fit it; what they find is shrunk."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.hunt import judge_claims, judge_expect, judge_functions, judge_limits, judge_simulation, judge_verdicts
from tests.hunt.finding import Finding, Report
from tests.hunt.programs import program
from tests.hunt.rewrites import REWRITES
from tests.hunt.shrink import shrunk
from tests.hunt.syntax import Program

KINDS = {"program": 8, "expectation": 4, "claims": 3, "function": 1}
ENOUGH = 2
"""Findings of one signature that are shrunk; later ones are only counted."""


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
            case "claims":
                report.found(judge_claims.judged(rng, self.folder, report))
        report.findings = [f for f in report.findings if self.new(f)]
        return report

    def new(self, finding: Finding) -> bool:
        key = f"{finding.kind} {finding.signature}"
        self.seen[key] = self.seen.get(key, 0) + 1
        return self.seen[key] <= ENOUGH

    def program(self, rng: random.Random, report: Report) -> None:
        made = program(rng)
        seed = rng.randrange(10**6)
        judges: list[Callable[[Program, Report], Finding | None]] = [
            lambda p, r: judge_verdicts.proof(p, self.folder, r),
            *(partial(self.rewritten, name=name, seed=seed) for name in rng.sample(sorted(REWRITES), 4)),
        ]
        extra: list[Callable[[Program, Report], Finding | None]] = [
            lambda p, r: judge_limits.against_matrices(p, self.folder, r, seed),
            lambda p, r: judge_limits.roads(p, self.folder, r, seed),
            lambda p, r: judge_simulation.against_matrices(p, self.folder, r, seed),
        ]
        judges += rng.sample(extra, 2)
        for judge in judges:
            found = judge(made, report)
            if found is not None:
                report.found(self.smaller(made, judge, found))
                if found.kind == "contract":
                    return

    def rewritten(self, p: Program, report: Report, name: str, seed: int) -> Finding | None:
        return judge_verdicts.rewritten(p, self.folder, report, name, seed)

    def smaller(self, made: Program, judge: Callable[[Program, Report], Finding | None], found: Finding) -> Finding:
        if self.seen.get(f"{found.kind} {found.signature}", 0) >= ENOUGH:
            return found
        quiet = Report()
        return shrunk(made, lambda p: judge(p, quiet), found.signature, self.patience) or found
