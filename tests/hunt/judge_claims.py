"""What `claims` proves or refutes, against the truth at random and boundary values of the params."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from tests.hunt.ask import ask, written
from tests.hunt.claims import Setting, Values, admissible, coefficient, expected, formula, function, setting, truth
from tests.hunt.finding import Finding, Report
from tests.hunt.gaussianity import is_gaussian
from tests.hunt.judge_verdicts import broken
from tests.hunt.syntax import Define, X, call, num, op, ref

MISSING = "a side does not exist"


@dataclass(frozen=True)
class Claim:
    """A claim as text, and whether it holds at values of the params: True, False, None for unknown, or MISSING."""

    text: str
    holds: Callable[[Values], bool | str | None]


def close(left: float, right: float) -> bool | str | None:
    if math.isnan(left) or math.isnan(right):
        return MISSING
    if math.isinf(left) or math.isinf(right):
        return None
    return abs(left - right) <= 1e-7 * (1 + abs(left))


def identity(rng: random.Random, s: Setting) -> Claim:
    """An identity of params alone, which may hold on a part of their range only."""
    x = coefficient(rng, s)
    x = rng.choice([x, op("mul", x, coefficient(rng, s)), op("add", x, num(1))])
    left, right = rng.choice([
        (op("pow", call("sqrt", x), num(2)), x), (call("abs", x), x), (op("div", x, x), num(1)),
        (call("exp", call("log", x)), x), (call("max", x, num(0)), x), (call("sqrt", op("pow", x, num(2))), x),
        (call("sqrt", op("pow", x, num(2))), call("abs", x)), (call("sign", x), num(1)),
    ])  # fmt: skip
    return Claim(f"{left} = {right}", lambda at: close(truth(left, s, at), truth(right, s, at)))


def closed_form(rng: random.Random, s: Setting, folder: Path) -> Claim | None:
    """E f = what `derive` gives as its formula, perhaps squared or divided; or = a number seen at random values."""
    left = expected(rng, s)
    answer = ask("derive", written(str(s.program), folder), "--expect", str(left.args[0]))
    told = answer.data["results"][0]["expr"] if answer.code in (0, 3) and answer.data.get("results") else None
    wrapped = rng.choice(["plain", "plain", "square", "ratio"])
    if told is None or rng.random() < 0.3:
        constant = guessed(rng, left, s)
        if constant is None:
            return None
        told = constant
    if len(told) > 600:
        return None
    if wrapped == "square":
        new = op("pow", left, num(2))
        return Claim(f"{new} = ({told})^2", lambda at: close(truth(new, s, at), formula(told, at) ** 2))
    if wrapped == "ratio":
        other = expected(rng, s)
        new = op("div", op("mul", left, other), other)
        return Claim(f"{new} = {told}", lambda at: close(truth(new, s, at), formula(told, at)))
    return Claim(f"{left} = {told}", lambda at: close(truth(left, s, at), formula(told, at)))


def guessed(rng: random.Random, left: X, s: Setting) -> str | None:
    """A short number that a side has at two interior values of the params."""
    found = []
    for _ in range(2):
        at = {p.name: rng.uniform(*((0.1, 0.4) if p.name != "r" else (-0.5, 0.5))) for p in s.program.params}
        found.append(truth(left, s, at))
    for k in ("0", "1", "1/2", "2", "3", "-1", "1/4"):
        if all(abs(v - formula(k, {})) < 1e-9 for v in found):
            return k
    return None


def gaussianity(rng: random.Random, s: Setting) -> tuple[Claim, Setting]:
    """A vector is, or is not, Gaussian: for all values, or for those at which its coefficients vanish."""
    name = rng.choice(["a", "e", "g"])
    f = function(rng, s, name)
    value = rng.choice([f, op("add", ref("e" if name != "e" else "a"), op("mul", coefficient(rng, s), f))])
    program = replace(s.program, body=(*s.program.body, Define("v", (), value)), outputs=(*s.program.outputs, ref("v")))
    made = Setting(program, s.variances)
    wanted = rng.random() < 0.5

    def holds(at: Values) -> bool | str | None:
        found = is_gaussian(value, made, at)
        return None if found is None else found == wanted

    return Claim("gaussian(v)" if wanted else "not gaussian(v)", holds), made


def judged(rng: random.Random, folder: Path, report: Report) -> Finding | None:
    """One claim at many values; then with other numbers, and with numbers that are not admissible."""
    s = setting(rng)
    kind = rng.random()
    if kind < 0.25:
        claim, s = gaussianity(rng, s)
    else:
        found = identity(rng, s) if kind < 0.4 else closed_form(rng, s, folder)
        if found is None:
            return None
        claim = found
    program = replace(s.program, claims=(claim.text,))
    text = str(program)
    file = written(text, folder)
    answer = ask("claims", file)
    wrong = broken(answer, text)
    if wrong is not None or answer.refused:
        return wrong
    status, because = answer.data["claims"][0]["status"], answer.data["claims"][0]["because"]
    report.count(f"claim {status}")
    defaults = {p.name: float(p.default) for p in program.params}
    command = "tensorprog claims case.tp"
    outcomes = [
        (at, claim.holds(at)) for at in [defaults, *admissible(rng, program.params), *_named(because, defaults)]
    ]
    bad = [(at, h) for at, h in outcomes if h is not True and h is not None]
    sort = claim.text.split("(")[0] if "gaussian" in claim.text else "equation"
    if status == "proved" and bad:
        at, how = bad[0]
        how = "false" if how is False else how
        return Finding("claims", f"proved, {how}: {sort}", text, f"proved: {because}"[:300], f"{how} at {at}", command)
    if status == "confirmed" and outcomes[0][1] not in (True, None):
        return Finding(
            "claims", f"confirmed, false: {sort}", text, f"confirmed: {because}"[:300], f"{outcomes[0]}", command
        )
    if status == "refuted" and all(h is True for _, h in outcomes):
        return Finding(
            "claims",
            f"refuted, true: {sort}",
            text,
            f"refuted: {because}"[:300],
            f"holds at {len(outcomes)} values",
            command,
        )
    return _other_numbers(rng, replace_numbers(outcomes), file, text, status, report) or _not_admissible(
        rng, s, text, report
    )


def _named(because: str, defaults: dict[str, float]) -> list[dict[str, float]]:
    """The values at which a refutation says that the claim fails."""
    said = dict(re.findall(r"(\w+) = (-?[\d./e-]+)", because.partition(":")[0] if because.startswith("for ") else ""))
    return [{**defaults, **{k: float(Fraction(v)) for k, v in said.items() if k in defaults}}] if said else []


def replace_numbers(outcomes: list[tuple[dict[str, float], bool | str | None]]) -> list[dict[str, float]]:
    return [at for at, _ in outcomes[1:]]


def _other_numbers(
    rng: random.Random, found: list[dict[str, float]], file: str, text: str, status: str, report: Report
) -> Finding | None:
    """`--set` never makes or breaks a proof."""
    words = [w for k, v in rng.choice(found).items() for w in ("--set", f"{k}={v!r}")]
    answer = ask("claims", file, *words)
    report.count("claims with other numbers")
    wrong = broken(answer, text)
    if wrong is not None or answer.refused:
        return wrong
    other = answer.data["claims"][0]["status"]
    if (status == "proved") != (other == "proved"):
        return Finding("claims", "a proof depends on --set", text, status, f"{other} with {' '.join(words)}",
                       f"tensorprog claims case.tp {' '.join(words)}")  # fmt: skip
    return None


def _not_admissible(rng: random.Random, s: Setting, text: str, report: Report) -> Finding | None:
    """A number outside a param's range, and a param that does not exist, are refused by every door."""
    import tensorprog as tp

    bounded = [p for p in s.program.params if p.low is not None or p.high is not None]
    p = rng.choice(bounded)
    bad = {p.name: p.low - 2 if p.low is not None else p.high + 2} if rng.random() < 0.7 else {"nope": 3}  # type: ignore[operator]
    doors: dict[str, Callable[[], object]] = {
        "claims": lambda: tp.claims(tp.loads(text), values=bad),
        "derive": lambda: tp.derive(tp.loads(text), bad),
    }
    for name, door in doors.items():
        report.count("values that are not admissible")
        try:
            door()
        except tp.TensorProgError:
            continue
        except Exception as error:
            return Finding(
                "claims", f"{name}: traceback for a value", text, repr(error), "TP017 or TP002", f"tp.{name}(p, {bad})"
            )
        return Finding(
            "claims",
            f"{name} accepts a value that is not admissible",
            text,
            "an answer",
            "TP017 or TP002",
            f"tp.{name}(p, {bad})",
        )
    return None
