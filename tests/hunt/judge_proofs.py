"""Numbers that the kernel accepts, against `derive` and dense matrices."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.hunt.ask import ask, command_line, written
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_limits import AGAIN, observed, parsed, samples
from tests.hunt.judge_verdicts import broken
from tests.hunt.statistics import differs
from tests.hunt.syntax import Program, member


def numbers(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """Every covariance in an accepted certificate encloses what was derived, and what matrices show."""
    import tensorprog as tp

    text = str(program)
    file = written(text, folder)
    proved = ask("prove", file, "--goals", "numbers")
    found = broken(proved, text)
    if found is not None or proved.code != 0:
        return found
    goals = [g for g in tp.verify(tp.loads(text), proved.text.encode()).goals if g[0] == "covariance number"]
    if not goals:
        return None
    asked = ask("derive", file, *(w for g in goals[:6] for w in ("--cov", f"{g[1]},{g[2]}")))
    found = broken(asked, text)
    if found is not None or asked.code not in (0, 3):
        return found
    known = {r["of"]: (r["value"], r["error"]) for r in asked.data["results"] if r["value"] is not None}
    members = list(dict.fromkeys(m for g in goals[:6] for m in (parsed(g[1]), parsed(g[2])) if m is not None))
    runs = [samples(program, members, n, draws // 2, seed + n) for n, draws in AGAIN]
    for _, a, b, low, high in (g[:5] for g in goals[:6]):
        report.count("certified numbers")
        below, above = float(Fraction(low)), float(Fraction(high))
        said = f"cov({a}, {b}) in [{below!r}, {above!r}], accepted by verify"
        value, error = known.get(f"cov({a}, {b})", (None, None))
        if value is not None and error is not None and not below - error - 1e-12 <= value <= above + error + 1e-12:
            return Finding("proof", "a certified number against derive", text, said, f"derive: {value!r} ± {error:.2g}",
                           command_line(proved.words))  # fmt: skip
        pair = [m for m in (parsed(a), parsed(b)) if m is not None]
        narrow, wide = (observed(r, "cov", pair) for r in runs)
        if differs((below + above) / 2, (above - below) / 2, narrow, wide):
            told = f"dense matrices: {narrow}, {wide} for {', '.join(member(*m) for m in pair)}"
            return Finding("proof", "a certified number against matrices", text, said, told, command_line(proved.words))
    return None
