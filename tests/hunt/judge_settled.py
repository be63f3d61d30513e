"""`check` against dense matrices alone: what is valid settles; what is smooth and settles may be refused needlessly."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.hunt.ask import ask, command_line, written
from tests.hunt.dense import Member
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_limits import samples
from tests.hunt.judge_simulation import tamed
from tests.hunt.judge_verdicts import broken, verdict_of
from tests.hunt.statistics import SIGMAS, estimate
from tests.hunt.syntax import Program, member
from tests.hunt.unroll import Unrolled

ALONE, ALONE_AGAIN = ((256, 200), (4096, 200)), ((512, 300), (16384, 300))
"""Widths and draws for programs without matrices; those with matrices are looked at in `FULL`."""
FULL, FULL_AGAIN = ((48, 200), (256, 120)), ((96, 300), (768, 80))
SMOOTH = {"tanh", "sin", "cos", "erf", "atan", "sigmoid", "Phi", "gelu", "silu", "softplus", "exp"}


def judged(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """Without scores, averages over coordinates become constants: a draw's own average does not vary in the limit."""
    text = str(program)
    answer = ask("check", written(text, folder))
    found = broken(answer, text)
    if found is not None or answer.refused:
        return found
    verdict = verdict_of(answer)
    if verdict.startswith("valid"):
        return None if _scores(program) else _settles(program, report, seed, command_line(answer.words))
    if not _smooth(program):
        return None
    report.count("refusals against matrices")
    if not _converges(program, seed):
        return None
    why = ", ".join(answer.diagnostics) or "no code"
    return Finding("refused", f"{verdict}: {why}", text, f"{verdict}: {answer.error[:200]}",
                   "smooth functions, and dense matrices converge", command_line(answer.words))  # fmt: skip


def _scores(program: Program) -> bool:
    return any(x.op in ("dot", "attention") for d in program.definitions() for x in d.value.walk())


def _outputs(program: Program) -> list[Member]:
    plain = Unrolled(program)
    return [m for o in program.outputs for m in plain.family(o.name)][:4]


def _settles(program: Program, report: Report, seed: int, line: str) -> Finding | None:
    report.count("valid against matrices")
    asked = _outputs(program)
    for widths in (FULL, FULL_AGAIN) if program.weights else (ALONE, ALONE_AGAIN):
        off = []
        runs = [samples(program, asked, n, draws, seed + n) for n, draws in widths]
        for m in asked:
            for power in (1, 2):
                narrow, wide = (np.var(np.mean(tamed(r[m]) ** power, axis=1)) for r in runs)
                if wide > 2e-3 and wide > 0.6 * narrow:
                    off.append((m, power, float(narrow), float(wide)))
        asked = list(dict.fromkeys(o[0] for o in off))
        if not off:
            return None
    m, power, narrow, wide = off[0]
    what = f"the average of (x/(1 + |x|))^{power}, x = {member(*m)}"
    told = f"{what}, has the variances {narrow:.3g} and {wide:.3g} over draws"
    ns = " and ".join(str(n) for n, _ in widths)
    return Finding("limit", "valid, and never settles", str(program), "valid",
                   f"{told} at n = {ns}", line)  # fmt: skip


def _smooth(program: Program) -> bool:
    nodes = [x for d in program.definitions() for x in d.value.walk()]
    return all(x.name in {*SMOOTH, "sqrt"} for x in nodes if x.op == "call") and all(
        x.op not in ("max", "min", "transposed") and (x.op != "div" or x.args[1].op in ("call", "width")) for x in nodes
    )


def _converges(program: Program, seed: int) -> bool:
    """First and second moments agree at two widths; at fewer draws than a claim of the limit would need."""
    asked = _outputs(program)
    runs = [samples(program, asked, n, draws, seed + n) for n, draws in ((48, 250), (256, 120))]
    for m in asked:
        for power in (1, 2):
            narrow, wide = (estimate(np.mean(tamed(r[m]) ** power, axis=1)) for r in runs)
            if not abs(narrow.mean - wide.mean) <= SIGMAS / 2 * float(np.hypot(narrow.error, wide.error)) + 0.02:
                return False
    return True
