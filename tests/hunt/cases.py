"""One case of the hunt: a kind of input in turn, the judges that fit it, cheap ones first; what they find is shrunk."""

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
    judge_joint,
    judge_limits,
    judge_proofs,
    judge_settled,
    judge_simulation,
    judge_symbols,
    judge_verdicts,
    suspects,
)
from tests.hunt.finding import Finding, Report
from tests.hunt.programs import THEMES, program
from tests.hunt.rewrites import REWRITES
from tests.hunt.shrink import shrunk
from tests.hunt.sketches import SKETCHES
from tests.hunt.syntax import Program

KINDS = (
    "sketch coin", "sketch readers", "sketch diagonal", "claims", "theme moments", "sketch mixed", "expectation",
    "sketch patches", "sketch ties", "sketch inline", "theme attention", "function", "sketch nearly one",
    "sketch shared", "sketch pooling", "theme layers", "claims", "symbols", "sketch sums of widths", "expectation",
    "theme readout", "sketch nested", "pooling", "theme atoms", "theme any", "kernel", "kernel",
)  # fmt: skip
"""Kinds of inputs, in the order in which they take turns."""
DEAR = {
    "sketch nearly one": ("limit", "simulation"), "sketch ties": ("simulation", "roads", "limit"),
    "sketch pooling": ("limit",), "sketch nested": ("limit",), "sketch inline": ("joint", "polynomials", "numbers"),
    "sketch patches": ("joint", "limit"), "sketch diagonal": ("joint", "polynomials"),
    "sketch shared": ("polynomials", "limit"), "sketch readers": ("polynomials", "limit"),
    "theme attention": ("joint", "polynomials", "limit", "roads", "numbers", "simulation"),
}  # fmt: skip
"""The judges that cost seconds, for the kinds that are to meet them more often than others."""
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

    def __init__(self, seed: int, folder: Path, patience: float = 5.0) -> None:
        self.seed, self.folder, self.patience = seed, folder, patience
        self.seen: dict[str, int] = {}

    def case(self, number: int, kind: str = "") -> Report:
        """All judges on the input of this number, which is of the kind whose turn it is."""
        rng, report = random.Random(f"{self.seed} {number}"), Report()
        kind = kind or KINDS[number % len(KINDS)]
        match kind.split(" ", 1):
            case ["expectation"]:
                report.found(judge_expect.judged(rng, self.folder, report))
            case ["pooling"]:
                report.found(judge_expect.judged(rng, self.folder, report, "pooling"))
            case ["function"]:
                report.found(judge_functions.judged(rng, self.folder, report))
            case ["kernel"]:
                made, seed = suspects.program(rng) if rng.random() < 0.7 else program(rng), rng.randrange(10**6)
                report.found(judge_forged.forged(made, report, seed))
            case ["claims"]:
                report.found(judge_claims.judged(rng, self.folder, report))
            case ["symbols"]:
                report.found(judge_symbols.judged(rng, self.folder, report))
            case ["sketch", name]:
                self.program(kind, SKETCHES[name](rng), rng, report)
            case ["theme", name]:
                self.program(kind, program(rng, name), rng, report)
        report.findings = [f for f in report.findings if self.new(f)]
        return report

    def new(self, finding: Finding) -> bool:
        key = f"{finding.kind} {finding.signature}"
        self.seen[key] = self.seen.get(key, 0) + 1
        return self.seen[key] <= ENOUGH

    def program(self, kind: str, made: Program, rng: random.Random, report: Report) -> None:
        """Verdicts of the program written in all ways, then `check` against matrices, then one or two of the others."""
        seed, asked = rng.randrange(10**6), judge_equal.Remembered(self.folder)
        names = ["members", *rng.sample([n for n in sorted(REWRITES) if n != "members"], 6)]
        dear: dict[str, Judge] = {
            "proof": lambda p, r: judge_verdicts.proof(p, self.folder, r),
            "limit": lambda p, r: judge_limits.against_matrices(p, self.folder, r, seed),
            "roads": lambda p, r: judge_limits.roads(p, self.folder, r, seed),
            "numbers": lambda p, r: judge_proofs.numbers(p, self.folder, r, seed),
            "joint": lambda p, r: judge_joint.joint(p, self.folder, r, seed),
            "polynomials": lambda p, r: judge_joint.polynomials(p, self.folder, r, seed),
            "simulation": lambda p, r: judge_simulation.against_matrices(p, self.folder, r, seed),
            "rewritten": partial(_rewritten, judge_equal.limits, asked, rng.choice(names), seed),
        }
        chosen = ["proof"] if rng.random() < 0.5 else []
        chosen += rng.sample(*((DEAR[kind], 1) if kind in DEAR else (sorted(dear), 2 - len(chosen))))
        judges: list[Judge] = [partial(_rewritten, judge_equal.verdicts, asked, name, seed) for name in names]
        judges.append(lambda p, r: judge_settled.judged(p, self.folder, r, seed))
        for judge in (*judges, *(dear[name] for name in dict.fromkeys(chosen))):
            found = judge(made, report)
            if found is not None:
                report.found(self.smaller(made, judge, found))
                if found.kind in ("contract", "slow"):
                    return

    def smaller(self, made: Program, judge: Judge, found: Finding) -> Finding:
        if found.kind == "slow" or self.seen.get(f"{found.kind} {found.signature}", 0):
            return found
        quiet = Report()  # what is compared on the way to a smaller program is not counted
        return shrunk(made, lambda p: judge(p, quiet), found.signature, self.patience) or found


assert {k[7:] for k in KINDS if k.startswith("sketch ")} == set(SKETCHES)
assert {k[6:] for k in KINDS if k.startswith("theme ")} == set(THEMES)
