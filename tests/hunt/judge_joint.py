"""Joint laws and expectations of polynomials against covariances: roads to one number that should know each other."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests.hunt.ask import Overtime, alarm, ask, command_line, written
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_limits import samples
from tests.hunt.judge_verdicts import broken, verdict_of
from tests.hunt.statistics import differs, estimate
from tests.hunt.syntax import Program, kind, member
from tests.hunt.unroll import Unrolled

PATIENCE = 10.0


def joint(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """The law of two outputs has their covariances, single and joint, and says how both depend on scores."""
    import tensorprog as tp

    text, rng = str(program), random.Random(seed)
    if not verdict_of(ask("check", written(text, folder))).startswith("valid"):
        return None
    of = [m for o in program.outputs for m in Unrolled(program).family(o.name)]
    vectors = [m for m in of if _kind(program, m[0]) == "vector"]
    if len(vectors) < 2:
        return None
    a, b = (member(*m) for m in rng.sample(vectors, 2))
    command = f"tp.derive(p).law({a!r}, {b!r})"
    try:
        with alarm(PATIENCE):
            result = tp.derive(tp.loads(text))
            law = result.law(a, b)
            told = str(law)
            found, single = law.covariance, [result.cov(x, y) for x, y in ((a, a), (a, b), (b, b))]
    except Overtime:
        return Finding("slow", "a joint law", text, f"no end after {PATIENCE:.0f} s", "one answer", command)
    except tp.TensorProgError:
        return None
    report.count("joint laws")
    if law.kind.startswith("hierarchical") and "[[" not in told:
        return Finding("roads", "a joint law of one number", text, told[:300], "a 2 x 2 covariance", command)
    if found is None:
        return None
    value, error = np.asarray(found.value, dtype=float), np.asarray(found.error, dtype=float)
    for (p, q), one in zip(((0, 0), (0, 1), (1, 1)), single, strict=True):
        if value.shape != (2, 2) or one.value is None or one.error is None:
            continue
        slack = 2 * (float(error[p, q]) + one.error) + 1e-8 * (1 + abs(one.value))
        if abs(value[p, q] - one.value) > slack:
            return Finding("roads", "a joint law against covariances", text, str(found)[:300], str(one)[:200], command)
    return None


def _kind(program: Program, name: str) -> str:
    return kind(next(d.value for d in program.definitions() if d.name == name), program)


def polynomials(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """E of squares and products of scores: against matrices, and no vaguer than the covariance of the same."""
    text, rng = str(program), random.Random(seed)
    names = [d.name for d in program.definitions() if d.value.op == "div" and d.value.args[0].op == "dot"]
    cells = [m for name in dict.fromkeys(names) for m in Unrolled(program).family(name)]
    if not cells:
        return None
    file = written(text, folder)
    m, k = rng.choice(cells), rng.choice(cells)
    a, b = member(*m), member(*k)
    what, power = (f"{a}*{b}", None) if rng.random() < 0.5 else (f"{a}^2", 2)
    answer = ask("derive", file, "--expect", what, "--cov", f"{a},{a if power else b}")
    found = broken(answer, text)
    if found is not None or answer.code not in (0, 3):
        return found
    report.count("polynomials of scores")
    first, second = answer.data["results"][:2]
    line = command_line(answer.words)
    if "cov" in first["of"]:
        first, second = second, first
    exact = second.get("error_kind", second.get("method")) in ("exact", "bound", "closed form")
    if first["value"] is not None and first.get("method") == "sampling" and (exact or second["error"] < 1e-9):
        return Finding("roads", "an expectation is sampled, a covariance is not", text, str(first), str(second), line)
    if first["value"] is None or first["error"] is None:
        return None
    other = m if power else k
    runs = [samples(program, [m, k], n, draws, seed + n) for n, draws in ((64, 600), (256, 400))]
    narrow, wide = (estimate((r[m] * r[other]).mean(axis=1)) for r in runs)
    if differs(first["value"], first["error"], narrow, wide):
        return Finding("limit", "E of a polynomial of scores", text, str(first), f"dense matrices: {wide}", line)
    return None
