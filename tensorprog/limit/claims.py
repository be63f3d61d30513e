"""Claims decided: proved by exact normal forms, confirmed or refuted by numbers with bounds, or left undecided.

proved      both sides are one formula, for all admissible params
confirmed   at the params' values both sides agree within the tolerance, errors included
refuted     they differ by more than their errors
undecided   anything else, and every claim about a variable that no theorem covers
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import Any, Literal

import sympy

from tensorprog.errors import Diagnostic, TensorProgError
from tensorprog.limit.gaussianity import Finding, gaussianity
from tensorprog.limit.laws import Laws
from tensorprog.limit.support import Support
from tensorprog.limit.unfold import NotCovered
from tensorprog.limit.zero import is_zero
from tensorprog.numbers.estimate import UNKNOWN, Estimate
from tensorprog.program.masks import holds
from tensorprog.program.nodes import Claim, Param
from tensorprog.program.program import Program
from tensorprog.program.text import claim_text
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.terms.sympy_bridge import to_sympy
from tensorprog.terms.term import mul, power, rebuild, shift_subs, walk

Status = Literal["proved", "confirmed", "refuted", "undecided"]
RANK: tuple[Status, ...] = ("proved", "confirmed", "undecided", "refuted")
TOLERANCE = 1e-9
MAX_INSTANCES = 20_000


@dataclass(frozen=True, slots=True)
class Decision:
    """One claim, what became of it, the numbers of both sides, and why."""

    claim: Claim = field(repr=False)
    text: str
    status: Status
    sides: tuple[Estimate | None, Estimate | None]
    because: str
    supported_by: str

    @property
    def left(self) -> float | None:
        return _float(self.sides[0])

    @property
    def right(self) -> float | None:
        return _float(self.sides[1])

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "at": self.claim.place.to_json() if self.claim.place else None,
            "status": self.status,
            **_entries("left", self.sides[0]),
            **_entries("right", self.sides[1]),
            "because": self.because,
            "supported_by": self.supported_by,
        }

    def diagnostic(self) -> Diagnostic | None:
        """TP401 for a refuted claim, TP402 for an undecided one."""
        if self.status not in ("refuted", "undecided"):
            return None
        refuted = self.status == "refuted"
        return Diagnostic(
            "TP401" if refuted else "TP402",
            f"the claim is {self.status}: {self.text}",
            self.claim.place,
            self.because,
            severity="error" if refuted else "warning",
        )


@dataclass(frozen=True)
class Claims:
    """The decisions on all claims of a program, in order."""

    program: Program = field(repr=False)
    decisions: tuple[Decision, ...]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __len__(self) -> int:
        return len(self.decisions)

    @property
    def exit_code(self) -> int:
        """0 if all hold, 1 if one is refuted, 3 if one is undecided."""
        found = {d.status for d in self.decisions}
        return 1 if "refuted" in found else 3 if "undecided" in found else 0

    def to_json(self) -> dict[str, Any]:
        return {"schema": "tensorprog/claims/1", "claims": [d.to_json() for d in self.decisions]}

    def __repr__(self) -> str:
        if not self.decisions:
            return f"{self.program.name}: no claims"
        wide = max(len(d.status) for d in self.decisions)
        return "\n".join(f"{d.status:<{wide}}  {d.text}\n{'':<{wide}}    {d.because}" for d in self.decisions)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td><b>{d.status}</b></td><td><code>{escape(d.text)}</code></td><td>{escape(d.because)}</td></tr>"
            for d in self.decisions
        )
        return f"<table>{rows}</table>" if rows else f"<p>{escape(self.program.name)}: no claims</p>"


def claims(program: Program, values: Mapping[str, Any] | None = None) -> Claims:
    """Decide every claim of a program; `values` are numbers of params beside their defaults.

    >>> from tensorprog.language import loads
    >>> text = "input u ~ N(0, 2)\\nweight W ~ N(0, 1/n)\\nh = W @ relu(u)\\noutput h\\nclaim var(h) = 1"
    >>> claims(loads(text)).decisions[0].status
    'proved'
    """
    decider = Decider(program, values)
    return Claims(program, tuple(decider.decide(c) for c in program.claims))


@dataclass(frozen=True, slots=True)
class _Instance:
    status: Status
    because: str
    left: Estimate | None = None
    right: Estimate | None = None
    where: str = ""


class Decider:
    """Decides claims about one program."""

    def __init__(self, program: Program, values: Mapping[str, Any] | None = None) -> None:
        self.program = program
        self.values = dict(values or {})
        self.laws = Laws(program, values)
        self.supports = self.laws.supports
        self._witness: Laws | None = None

    def decide(self, claim: Claim) -> Decision:
        """One claim, for all values of its free indices."""
        text = claim.text or claim_text(claim).removeprefix("claim ")
        if claim.form in ("valid", "invalid"):
            return self._verdict(claim, text)
        support = self.supports.of(self._variables(claim))
        worst: _Instance | None = None
        try:
            for at in self._instances(claim):
                found = self._instance(claim, at)
                if at:
                    found = replace(found, where=", ".join(f"{i} = {v}" for i, v in at.items()))
                if worst is None or RANK.index(found.status) > RANK.index(worst.status):
                    worst = found
                if worst.status == "refuted":
                    break
        except NotCovered as why:
            worst = _Instance("undecided", str(why))
        except TensorProgError as error:
            worst = _Instance("undecided", error.diagnostics[0].message)
        if worst is None:
            worst = _Instance("undecided", "no index values satisfy the condition: nothing is claimed")
        return self._decision(claim, text, worst, support)

    def _decision(self, claim: Claim, text: str, found: _Instance, support: Support) -> Decision:
        status, because = found.status, found.because
        if found.where:
            because = f"at {found.where}: {because}" if status != "proved" else f"{because}, for all indices"
        if not support.covered and status != "undecided":
            label = f"the formal rule {support.name}" if support.name != "none" else "no theorem here"
            because = f"{label} covers these variables; formally {status}: {because}"
            if support.name != "none":
                because = because.replace(" covers", " alone covers", 1)
            status = "undecided"
        return Decision(claim, text, status, (found.left, found.right), because, support.name)

    def _verdict(self, claim: Claim, text: str) -> Decision:
        from tensorprog.theorems.check import check

        verdict = check(self.program)
        valid = verdict.verdict in ("valid", "valid-by-remark")
        because = f"the verdict is {verdict.verdict}"
        status: Status = "proved" if valid == (claim.form == "valid") else "refuted"
        if verdict.verdict == "undecided":
            status = "undecided"
        supported = verdict.covered_by[0] if verdict.covered_by else "none"
        return Decision(claim, text, status, (None, None), because, supported)

    # -- instances ---------------------------------------------------------------------------------------------------

    def _variables(self, claim: Claim) -> list[Var]:
        out: dict[Var, None] = {}
        for side in (claim.left, claim.right):
            for v in walk(side) if side is not None else ():
                if isinstance(v, Var) and v.name in self.program.families:
                    out[v] = None
        return list(out)

    def _instances(self, claim: Claim) -> Iterator[dict[str, int]]:
        free: dict[str, None] = {}
        for side in (claim.left, claim.right):
            if side is not None:
                free |= dict.fromkeys(self._free(side))
        ranges = [self.program.range_of(i) for i in free]
        if math.prod(hi - lo + 1 for lo, hi in ranges) > MAX_INSTANCES:
            raise NotCovered(f"more than {MAX_INSTANCES} index values to look at (MAX_INSTANCES)")
        for values in product(*(range(lo, hi + 1) for lo, hi in ranges)):
            at = dict(zip(free, values, strict=True))
            if claim.condition is None or holds(claim.condition, at):
                yield at

    def _free(self, t: Term) -> list[str]:
        match t:
            case Var(name, subs):
                found = [s for s in subs if isinstance(s, str)]
                return found + ([name] if not subs and name in self.program.indices else [])
            case Bind(head, args, over, _):
                inner = [i for a in args for i in self._free(a)]
                return inner if head == "softmax" else [i for i in inner if i not in over]
            case App(_, args):
                return [i for a in args for i in self._free(a)]
            case _:
                return []

    def _instance(self, claim: Claim, at: dict[str, int]) -> _Instance:
        assert claim.left is not None
        if claim.form in ("gaussian", "not gaussian"):
            return self._gaussian(claim, at)
        assert claim.right is not None
        tolerance = None if claim.tolerance is None else self._tolerance(claim.tolerance)
        left, right = self._side(self.laws, claim.left, at), self._side(self.laws, claim.right, at)
        c = self.laws.certified
        if tolerance is None:
            gap = c.quantities.opened(left - right)
            if is_zero(gap, positive(self.program)):
                return _Instance("proved", "both sides are the same formula", *self._values(left, right))
        x, y = c.number(left), c.number(right)
        if math.isfinite(x.value) and math.isfinite(y.value):
            return _compared(x, y, tolerance)
        return self._elsewhere(claim, at, tolerance)

    def _values(self, left: Any, right: Any) -> tuple[Estimate, Estimate]:
        return self.laws.certified.number(left), self.laws.certified.number(right)

    def _elsewhere(self, claim: Claim, at: dict[str, int], tolerance: float | None) -> _Instance:
        """Params without a number: a claim for all of them falls with one admissible choice."""
        if self._witness is None:
            chosen = {p.name: _admissible(p) for p in self.program.params.values() if p.name not in self.laws.values}
            self._witness = Laws(self.program, {**self.values, **chosen})
        w = self._witness.certified
        assert claim.left is not None
        assert claim.right is not None
        x = w.number(self._side(self._witness, claim.left, at))
        y = w.number(self._side(self._witness, claim.right, at))
        if math.isfinite(x.value) and math.isfinite(y.value):
            found = _compared(x, y, tolerance)
            if found.status == "refuted":
                names = [f"{p} = {v}" for p, v in self._witness.values.items() if p not in self.laws.values]
                return replace(found, because=f"for {', '.join(names)}, {found.because}")
        return _Instance("undecided", "the sides are not one formula here, and a param has no number")

    def _tolerance(self, t: Term) -> float:
        return float(self.laws.certified.number(to_sympy(t)).value)

    # -- sides -------------------------------------------------------------------------------------------------------

    def _side(self, laws: Laws, t: Term, at: Mapping[str, int]) -> Any:
        """One side as a formula, E, var and cov written out."""
        c = laws.certified
        match t:
            case App("E", (f,)):
                return c.expectation(self._inside(laws, f, at))
            case App("var", (f,)):
                x = self._inside(laws, f, at)
                return c.expectation(power(x, Num(2))) - c.expectation(x) ** 2
            case App("cov", (f, g)):
                x, y = self._inside(laws, f, at), self._inside(laws, g, at)
                return c.expectation(mul(x, y)) - c.expectation(x) * c.expectation(y)
            case Bind(head, (body,), over) if head in ("sum", "max", "min"):
                ranges = [self.program.range_of(i) for i in over]
                parts = [
                    self._side(laws, body, {**at, **dict(zip(over, values, strict=True))})
                    for values in product(*(range(lo, hi + 1) for lo, hi in ranges))
                ]
                joined: Any = {"sum": sympy.Add, "max": sympy.Max, "min": sympy.Min}[head]
                return joined(*parts)
            case App(_, args) if any(isinstance(s, App) and s.head in ("E", "var", "cov") for s in walk(t)):
                # The values stand for the terms below while sympy applies the head to them.
                names = {Var(f"side {k}"): self._side(laws, a, at) for k, a in enumerate(args)}
                opened = rebuild(t, tuple(names))
                return to_sympy(opened, {v.name: x for v, x in names.items()})
            case _:
                return to_sympy(laws.unfolding.expression(t, at))

    @staticmethod
    def _inside(laws: Laws, f: Term, at: Mapping[str, int]) -> Term:
        return laws.unfolding.expression(f, at)

    # -- Gaussianity -------------------------------------------------------------------------------------------------

    def _gaussian(self, claim: Claim, at: dict[str, int]) -> _Instance:
        assert isinstance(claim.left, Var)
        member = shift_subs(claim.left, {**at})
        assert isinstance(member, Var)
        found: Finding = gaussianity(self.laws, member)
        if found.gaussian is None:
            return _Instance("undecided", found.because)
        holds_true = found.gaussian == (claim.form == "gaussian")
        return _Instance("proved" if holds_true else "refuted", found.because)


def _float(x: Estimate | None) -> float | None:
    return None if x is None or not x.known else float(x.value)


def _entries(word: str, x: Estimate | None) -> dict[str, Any]:
    """One side in JSON: its value, its error and the kind of its error."""
    one = (UNKNOWN if x is None else x).to_json()
    return {word: one["value"], f"{word}_error": one["error"], f"{word}_error_kind": one["error_kind"]}


def positive(program: Program) -> frozenset[str]:
    """The params that are assumed to be positive."""
    return frozenset(
        p.name for p in program.params.values() if p.low is not None and (p.low > 0 or (p.low == 0 and p.low_open))
    )


def _admissible(p: Param) -> Fraction:
    """Some number that the assumption on a param allows."""
    if p.low is not None and p.high is not None:
        return p.low + (p.high - p.low) * Fraction(3, 7)
    if p.low is not None:
        return p.low + Fraction(10, 7)
    return (p.high if p.high is not None else Fraction(3)) - Fraction(10, 7)


def _compared(x: Estimate, y: Estimate, tolerance: float | None) -> _Instance:
    gap, error = abs(x.value - y.value), x.error + y.error
    # The subtraction and the numbers themselves are rounded once.
    error += 4e-16 * (abs(x.value) + abs(y.value))
    allowed = TOLERANCE * max(1.0, abs(x.value)) if tolerance is None else tolerance
    sides = f"left {x.value:.15g}, right {y.value:.15g}, difference {gap:.3g}"
    rigorous = x.rigorous and y.rigorous
    if not rigorous or not math.isfinite(error):
        return _Instance("undecided", f"{sides}; their errors are no bounds ({error:.1g})", x, y)
    if gap + error <= allowed:
        within = f"within {allowed:.3g}, errors below {error:.1g}"
        return _Instance("confirmed", f"{sides}; {within}", x, y)
    if gap > error + (tolerance or 0.0):
        return _Instance("refuted", f"{sides}, error at most {error:.1g}", x, y)
    return _Instance("undecided", f"{sides}; the errors of {error:.1g} leave it open", x, y)
