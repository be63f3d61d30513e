"""`check` against `prove` and `verify`, and every command against the contract of all commands."""

from __future__ import annotations

from pathlib import Path

from tests.hunt.ask import Answer, ask, command_line, written
from tests.hunt.finding import Finding, Report
from tests.hunt.syntax import Program

EXIT = {"valid": 0, "valid-by-remark": 0, "invalid": 1, "undecided": 3}


def broken(answer: Answer, text: str) -> Finding | None:
    """A command that failed to keep the contract of every command: an end, JSON, no traceback, a message."""
    command = answer.words[0]
    fault = answer.fault
    if not fault and answer.code == 2 and not answer.diagnostics:
        fault = "exit code 2 without a diagnostic"
    if not fault:
        return None
    slow = fault.startswith("no end")
    signature = f"{command} {'no end' if slow else fault}"[:160]
    return Finding(
        "slow" if slow else "contract",
        signature,
        text,
        fault,
        "one clear answer in bounded time",
        command_line(answer.words),
    )


def verdict_of(answer: Answer) -> str:
    return "refused" if answer.refused else str(answer.data.get("verdict"))


def proof(program: Program, folder: Path, report: Report) -> Finding | None:
    """What `check` calls valid, `prove` proves or has no rule for, and nothing else; `verify` accepts what it wrote."""
    text = str(program)
    file = written(text, folder)
    judged = ask("check", file)
    report.count("check")
    found = broken(judged, text)
    if found is not None or judged.refused:
        return found
    verdict = verdict_of(judged)
    if judged.code != EXIT.get(verdict):
        return Finding(
            "contract",
            "exit code of check",
            text,
            f"{verdict}, exit {judged.code}",
            str(EXIT),
            command_line(judged.words),
        )
    proved = ask("prove", file)
    report.count("check against prove")
    found = broken(proved, text)
    if found is not None:
        return found
    allowed = {"valid": (0, 3), "valid-by-remark": (0, 3), "invalid": (1,), "undecided": (3,)}[verdict]
    if proved.code not in allowed:
        return Finding("proof", f"check says {verdict} and prove exits {proved.code}", text,
                       verdict, f"exit {proved.code}, {proved.diagnostics}", command_line(proved.words))  # fmt: skip
    if proved.code != 0:
        return None
    certificate = written(proved.text, folder, "certificate.json")
    verified = ask("verify", file, certificate)
    report.count("prove against verify")
    found = broken(verified, text)
    if found is None and verified.code != 0:
        found = Finding("proof", "verify rejects what prove wrote", text, "exit 0", f"verify: {verified.error[:300]}",
                        "tensorprog verify case.tp certificate.json")  # fmt: skip
    return found
