"""Equal programs written differently have equal verdicts, and equal limits to their errors."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hunt.ask import Answer, ask, written
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_verdicts import broken
from tests.hunt.rewrites import REWRITES
from tests.hunt.syntax import Program

Asked = Callable[[str, str], Answer]


class Remembered:
    """Answers about one program, which several rewrites are compared with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answers = folder, dict[tuple[str, str], Answer]()

    def __call__(self, command: str, text: str) -> Answer:
        if (command, text) not in self.answers:
            self.answers[command, text] = ask(command, written(text, self.folder))
        return self.answers[command, text]


def rewritten(program: Program, asked: Asked, report: Report, name: str, seed: int) -> tuple[str, str] | None:
    """The text of the program and of the rewritten one; None where the rewrite does not apply."""
    other = REWRITES[name](random.Random(seed), program)
    return None if other is None or str(other) == str(program) else (str(program), str(other))


def verdicts(program: Program, asked: Asked, report: Report, name: str, seed: int) -> Finding | None:
    """A rewrite that does not change what is computed does not change the verdict."""
    texts = rewritten(program, asked, report, name, seed)
    if texts is None:
        return None
    first, second = (asked("check", t) for t in texts)
    found = broken(first, texts[0]) or broken(second, texts[1])
    if found is not None or _too_large(first) or _too_large(second):
        return found
    a, b = (f"refused {x.diagnostics}" if x.refused else str(x.data["verdict"]) for x in (first, second))
    if first.refused and b != "valid":
        return None
    report.count(f"rewrite: {name}")
    if a == b or (name == "dead" and b == "valid"):  # an unused score may help
        return None
    if name == "inline" and (a, b) == ("valid", "invalid") and "TP101" in second.diagnostics:
        return None  # an unused score of the family helped, and is not defined any more
    sort = "rewrite"
    if name == "members" and "dot(" in texts[0]:  # no unused scores, which may help; softmax spelled out
        if b == "invalid" and (a.startswith("valid") or "TP101" in second.diagnostics):
            return None
        sort = "refused" if a.startswith("valid") else sort
    if first.refused or second.refused:  # by a clear error, in one spelling alone
        sort = "refused"
    signature = f"{name}: {' and '.join(sorted((a, b)))}"
    return Finding(sort, signature, texts[0], a, f"{b} {second.diagnostics}, of the equal program\n{texts[1]}",
                   "tensorprog check case.tp")  # fmt: skip


def limits(program: Program, asked: Asked, report: Report, name: str, seed: int) -> Finding | None:
    """The same for the means, covariances and laws of the outputs."""
    texts = rewritten(program, asked, report, name, seed)
    if texts is None:
        return None
    first, second = (asked("derive", t) for t in texts)
    found = broken(first, texts[0]) or broken(second, texts[1])
    if found is not None or first.code not in (0, 3) or second.code not in (0, 3):
        return found
    report.count("limits of rewritten programs")
    ours, theirs = numbers(first.data), numbers(second.data)
    for of in ours.keys() & theirs.keys():
        (x, e), (y, d) = ours[of], theirs[of]
        if abs(x - y) > 2 * (e + d) + 1e-8 * (1 + abs(x)):
            return Finding("rewrite", f"{name}: limits", texts[0], f"{of} = {x!r} ± {e:.2g}",
                           f"{y!r} ± {d:.2g}, of\n{texts[1]}", "tensorprog derive case.tp")  # fmt: skip
    return None


def numbers(data: Any) -> dict[str, tuple[float, float]]:
    """Values with their errors, by what they are of."""
    out = {r["of"]: (r["value"], r["error"]) for r in data.get("results", ())}
    for x in data.get("laws", ()):
        for what in ("variance", "excess_kurtosis"):
            out[f"{what} of {x['of']}"] = (x.get(what), x.get(f"{what}_error"))
    return {k: (v, e) for k, (v, e) in out.items() if v is not None and e is not None}


def _too_large(answer: Answer) -> bool:
    return any(code.startswith("TP90") for code in answer.diagnostics)
