"""`derive` against dense matrices, and its roads (law, covariance, matrix, expectation, claims) against each other."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.hunt.ask import Answer, ask, command_line, rigorous, written
from tests.hunt.dense import Dense, Member
from tests.hunt.finding import Finding, Report
from tests.hunt.judge_verdicts import broken
from tests.hunt.statistics import Estimate, differs, estimate
from tests.hunt.syntax import Program, kind, member

WIDTHS = ((48, 400), (192, 300))
AGAIN = ((128, 500), (512, 200))
MEMBER = re.compile(r"(\w+)(?:\[([\d, ]+)\])?\Z")


def parsed(name: str) -> Member | None:
    """`y[1,2]` as a family and its subscripts."""
    found = MEMBER.match(name.strip())
    return (found[1], tuple(int(k) for k in (found[2] or "").split(",") if k.strip())) if found else None


def pair(of: str) -> tuple[str, list[Member]] | None:
    """`cov(y[1], y[2])` as ("cov", members), `var(y)` as that of y and y, `E(m)` as ("E", [member])."""
    head, _, inside = of.partition("(")
    names = re.split(r",\s*(?![^\[]*\])", inside.rstrip(")"))
    members = [parsed(x) for x in names]
    if head not in ("cov", "var", "E") or None in members:
        return None
    if head == "var":
        head, members = "cov", 2 * members
    return head, [m for m in members if m is not None]


def samples(program: Program, members: list[Member], n: int, draws: int, seed: int) -> dict[Member, Any]:
    """Each member's draws: (draws, width), or (draws, 1) of scalars."""
    out: dict[Member, list[Any]] = {m: [] for m in members}
    rng = np.random.default_rng(seed)
    batch = max(1, min(draws, 2_000_000 // (n * n)))
    for _ in range(0, draws, batch):
        dense = Dense(program, n, batch, rng)
        for m in members:
            value = dense.get(*m)
            out[m].append(np.broadcast_to(value, (batch, value.shape[1] if value.ndim == 2 else 1)))
    return {m: np.concatenate(x) for m, x in out.items()}


def observed(drawn: dict[Member, Any], what: str, members: list[Member]) -> Estimate:
    """One observation a draw: the coordinates' average of y, or of y y' after their means are taken away."""
    if what == "E":
        return estimate(drawn[members[0]].mean(axis=1))
    a, b = (drawn[m] - drawn[m].mean() for m in (members[0], members[-1]))
    width = min(x.shape[1] for x in (a, b) if x.shape[1] > 1) if a.shape[1] != b.shape[1] else a.shape[1]
    a, b = a[:, :width], b[:, :width]  # vectors of two widths have coordinate 1 in common, and as many as fit
    return estimate((a * b).mean(axis=1))


def wanted(data: Any) -> Iterator[tuple[str, list[Member], float, float]]:
    """What was derived under a theorem: E or cov, of what, the value, its error."""
    for r in data.get("results", ()):
        found = pair(r["of"])
        if found and r["value"] is not None and r["error"] is not None and r["supported_by"] not in (None, "formal"):
            yield found[0], found[1], r["value"], r["error"]


def derived(program: Program, folder: Path, report: Report, *words: str) -> tuple[Answer, Finding | None]:
    text = str(program)
    answer = ask("derive", written(text, folder), *words)
    report.count("derive")
    return answer, broken(answer, text) or bad_numbers(answer, text)


def bad_numbers(answer: Answer, text: str) -> Finding | None:
    """Errors are not negative, exact ones are 0, kinds of errors are among the four."""
    if not isinstance(answer.data, dict):
        return None
    for r in answer.data.get("results", ()):
        value, error, sort = r.get("value"), r.get("error"), r.get("error_kind")
        if value is not None and error is None and sort in ("exact", "bound"):
            return Finding("contract", "a bound without an error", text, str(r), "an error", command_line(answer.words))
        if error is not None and (error < 0 or (sort == "exact" and error != 0)):
            return Finding(
                "contract", "an error that is none", text, str(r), "0 where exact", command_line(answer.words)
            )
        if sort not in (None, "exact", "bound", "estimate", "sampling"):
            return Finding(
                "contract", f"error_kind {sort}", text, str(r), "one of four words", command_line(answer.words)
            )
    return None


def against_matrices(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """Moments of the outputs that a theorem carries, against dense samples at two widths."""
    answer, found = derived(program, folder, report)
    if found is not None or answer.code not in (0, 3):
        return found
    said = list(wanted(answer.data))
    asked = said[:10]
    members = list(dict.fromkeys(m for _, ms, _, _ in asked for m in ms))
    scalars = [m for m in members if kind_of(program, m) == "scalar"]
    spread = {m for what, ms, _, _ in said if what == "cov" for m in ms} | {
        m
        for x in answer.data.get("laws", ())
        for m in [parsed(x["of"])]
        if m is not None and x["kind"] != "deterministic"
    }
    for m in scalars:  # a scalar without a covariance is said to be a constant
        if m not in spread:
            asked.append(("cov", [m, m], 0.0, 0.0))
    if not asked:
        return None
    for widths in (WIDTHS, AGAIN):  # a difference is looked at again, at other widths
        runs = [samples(program, members, n, draws, seed + n) for n, draws in widths]
        off = []
        for what, ms, value, error in asked:
            narrow, wide = (observed(r, what, ms) for r in runs)
            report.count("derive against matrices")
            if differs(value, error, narrow, wide):
                off.append((what, ms, value, error, narrow, wide))
        asked = [o[:4] for o in off]
        if not off:
            return None
    what, ms, value, error, narrow, wide = off[0]
    of = f"{what}({', '.join(member(*m) for m in ms)})"
    constant = " (said to be a constant)" if ms[0] in scalars and ms[0] not in spread else ""
    widths_text = ", ".join(f"{e} at n = {n}" for e, (n, _) in zip((narrow, wide), AGAIN, strict=True))
    sort = "a scalar that has no limit" if constant and what == "cov" else f"{what} of a {kind_of(program, ms[0])}"
    return Finding("limit", sort, str(program), f"{of} = {value:.8g}, error {error:.2g}{constant}",
                   f"dense matrices: {widths_text}", command_line(answer.words))  # fmt: skip


def kind_of(program: Program, m: Member) -> str:
    return kind(next(d.value for d in program.definitions() if d.name == m[0]), program)


def roads(program: Program, folder: Path, report: Report, seed: int) -> Finding | None:
    """Law, covariance, matrix, expectation and claims of the outputs give one number."""
    answer, found = derived(program, folder, report)
    if found is not None or answer.code not in (0, 3):
        return found
    text, rng = str(program), random.Random(seed)
    covariances = {tuple(member(*m) for m in ms): (v, e) for w, ms, v, e in wanted(answer.data) if w == "cov"}
    vectors = [k for k in covariances if kind_of(program, parsed(k[0])) == "vector"]  # type: ignore[arg-type]
    if not vectors:
        return None
    a, b = rng.choice(vectors)
    value, error = covariances[a, b]
    family = a.split("[")[0]
    means = {member(*ms[0]): v for w, ms, v, _ in wanted(answer.data) if w == "E"}
    found = _claims(program, folder, report, (a, b), value, error)
    if found is not None:
        return found
    numbers: list[tuple[str, float, float]] = [("derive", value, error)]
    for words, take in (
        (("--cov", f"{a},{b}"), lambda d: [(r["value"], r["error"]) for r in d["results"]]),
        (
            ("--expect", f"{a}*{b}"),
            lambda d: [(r["value"] - means[a] * means[b], r["error"]) for r in d["results"] if r["value"] is not None],
        ),
        (
            ("--law", a),
            lambda d: [(x.get("variance"), x.get("variance_error") or 0.0) for x in d["laws"]] if a == b else [],
        ),
        (("--matrix", family), lambda d: [(_entry(m["value"], a, b, program), m["error"]) for m in d["matrices"]]),
    ):
        asked, found = derived(program, folder, report, *words)
        if found is not None:
            return found
        if asked.code not in (0, 3) or not (a in means and b in means):
            continue
        numbers += [(words[0], v, e) for v, e in take(asked.data) if v is not None and e is not None]
    for name, v, e in numbers[1:]:
        report.count("derive against itself")
        if abs(v - value) > 2 * (e + error) + 1e-8 * (1 + abs(value)):
            return Finding("roads", f"derive {name} against derive", text, f"cov({a}, {b}) = {value!r} ± {error:.2g}",
                           f"{name}: {v!r}, error {e:.2g}", "tensorprog derive case.tp")  # fmt: skip
    return None


def _entry(matrix: Any, a: str, b: str, program: Program) -> float | None:
    """The entry of two members in the array of a family, whose axes are its ranges, twice."""
    first, second = parsed(a), parsed(b)
    if matrix is None or first is None or second is None or first[0] != second[0]:
        return None
    lows = [low_of(program, first[0], k) for k in range(len(first[1]))]
    for k, low in zip((*first[1], *second[1]), (*lows, *lows), strict=True):
        matrix = matrix[k - low]
    return float(matrix)


def low_of(program: Program, name: str, position: int) -> int:
    subs = [d.subs[position] for d in program.definitions() if d.name == name]
    numbers = [s for s in subs if isinstance(s, int)]
    names = [s for s in subs if isinstance(s, str) and any(i == s for i, _, _ in program.indices)]
    return min([*numbers, *(program.range_of(s).start for s in names)])


def _claims(
    program: Program, folder: Path, report: Report, names: tuple[str, str], value: float, error: float
) -> Finding | None:
    """A claim of what was derived is not refuted, and one far from it is not confirmed; without params, whose
    other values a claim is about too."""
    near = 4 * error + 1e-7 * (1 + abs(value))
    far = value + 100 * near
    of = f"cov({names[0]}, {names[1]})"
    texts = (f"{of} = {value!r} within {near:.12f}", f"{of} = {far!r} within {near:.12f}")
    if program.params or near > 0.5 or "e" in f"{value!r}{far!r}":
        return None
    made = replace(program, claims=tuple(t.replace("= -", "= 0 - ") for t in texts))
    answer = ask("claims", written(str(made), folder))
    report.count("derive against claims")
    found = broken(answer, str(made))
    if found is not None or answer.refused:
        return found
    first, second = (c["status"] for c in answer.data["claims"])
    if first == "refuted" or second in ("proved", "confirmed"):
        wrong = first if first == "refuted" else second
        return Finding("roads", f"claims against derive: {wrong}", str(made), f"claims: {first}, {second}",
                       f"derive: {of} = {value!r}, error {error:.2g}", "tensorprog claims case.tp")  # fmt: skip
    return None


__all__ = ["against_matrices", "rigorous", "roads"]
