"""Claims decided: proved by exact normal forms, confirmed or refuted by numbers with bounds, or left undecided.

proved      both sides are one formula and exist, for all admissible params, the edges of closed ranges included
refuted     they differ by more than proved errors at some admissible params, which are named
confirmed   at the params' values both sides agree within the tolerance, errors included
undecided   anything else, and every claim about a variable that no theorem covers
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.sympy_bridge import to_sympy
from tensorprog.kernel.ground.indices import assignments, length
from tensorprog.kernel.ground.masks import holds
from tensorprog.kernel.ground.nodes import Claim
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import children, rebuild, shift_subs, variables, walk
from tensorprog.kernel.ground.text import claim_text
from tensorprog.limit.claims.decision import RANK, Claims, Decision, Status
from tensorprog.limit.claims.everywhere import Everywhere, has_covariances, inside, partial
from tensorprog.limit.claims.sides import EXPECTATIONS, Sides, asked, written_out
from tensorprog.limit.claims.zero import is_zero
from tensorprog.limit.jumps.exact import Exact
from tensorprog.limit.laws.gaussianity import Finding, gaussianity
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parity import bounded_by_powers
from tensorprog.limit.members.parts import affine
from tensorprog.limit.mixtures.kinds import structure
from tensorprog.limit.rules.quantities import reference
from tensorprog.limit.support import Support
from tensorprog.numbers.budget import SECONDS, Budget
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.progress import counting
from tensorprog.program.api import Program
from tensorprog.program.lowering.known import free_indices
from tensorprog.program.lowering.params import param_numbers
from tensorprog.terms import App, Num, Term, Var, to_text

TOLERANCE = 1e-9
MAX_INSTANCES = 20_000


def claims(
    program: Program,
    values: Mapping[str, Any] | None = None,
    *,
    tolerance: float | None = None,
    seconds: float = SECONDS,
) -> Claims:
    """Decide every claim of a program; `values` are numbers of params beside their defaults.

    `tolerance` and `seconds` are for each number that a claim needs, as in `derive`; what has no number in that time is
    undecided.

    >>> from tensorprog.language import loads
    >>> text = "input u ~ N(0, 2)\\nweight W ~ N(0, 1/n)\\nh = W @ relu(u)\\noutput h\\nclaim var(h) = 1"
    >>> claims(loads(text)).decisions[0].status
    'proved'
    """
    decider = Decider(program, values, Budget(tolerance, seconds))
    decisions = []
    with counting(len(program.claims), False, "claims") as counter:
        for claim in program.claims:
            decisions.append(decider.decide(claim))
            counter.add(1)
    return Claims(program, tuple(decisions))


@dataclass(frozen=True, slots=True)
class _Instance:
    status: Status
    because: str
    left: Estimate | None = None
    right: Estimate | None = None
    where: str = ""


class Decider:
    """Decides claims about one program."""

    def __init__(self, program: Program, values: Mapping[str, Any] | None = None,
                 budget: Budget | None = None) -> None:  # fmt: skip
        self.program = program
        self.budget = budget or Budget()
        self._sides: dict[tuple[tuple[str, Fraction], ...], Sides] = {}
        self.given = param_numbers(program, values)
        self.limit = self._at(self.given).limit
        self.everywhere = Everywhere(program, self.limit.averages)

    def decide(self, claim: Claim) -> Decision:
        """Return one claim, for all values of its free indices."""
        text = claim.text or claim_text(claim).removeprefix("claim ")
        if claim.form in ("valid", "invalid"):
            return self._verdict(claim, text)
        support = self.limit.supports.of(self._variables(claim))
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
        sides = (side for side in (claim.left, claim.right) if side is not None)
        return list(dict.fromkeys(v for t in sides for v in variables(t) if v.name in self.program.families))

    def _instances(self, claim: Claim) -> Iterator[dict[str, int]]:
        sides = (side for side in (claim.left, claim.right) if side is not None)
        ranges = self.program.ranges(dict.fromkeys(s for t in sides for s in free_indices(self.program, t)))
        if math.prod(map(length, ranges.values())) > MAX_INSTANCES:
            raise NotCovered(f"more than {MAX_INSTANCES} index values to look at (MAX_INSTANCES)")
        for at in assignments(ranges):
            if claim.condition is None or holds(claim.condition, at):
                yield at

    def _instance(self, claim: Claim, at: dict[str, int]) -> _Instance:
        assert claim.left is not None
        given = self._at(self.given)
        if because := given.no_value((claim.left, claim.right), at):
            return _Instance("undecided", because)
        if claim.form in ("gaussian", "not gaussian"):
            return self._gaussian(claim, at)
        assert claim.right is not None
        at_most = claim.tolerance
        tolerance = None if at_most is None else float(self.limit.averages.number(self._side(at_most)).value)
        doubt = self._doubt(claim, at) if tolerance is None else None
        x, y = given.number(claim.left, at), given.number(claim.right, at)
        known = x.known and y.known
        found = _compared(x, y, tolerance) if known else None
        if found is not None and found.status == "refuted":
            return replace(found, because=self._named(self.given, self._used(claim, at)) + found.because)
        if tolerance is None and doubt is None and (known or self._is_defined(claim, at)):
            return _Instance("proved", "both sides are the same formula", x, y)
        for point in self._points(claim, at):
            there = self._at(point)
            left, right = there.number(claim.left, at), there.number(claim.right, at)
            if left.known and right.known:
                other = _compared(left, right, tolerance)
                if other.status == "refuted":
                    return replace(other, because=self._named(point, self._used(claim, at)) + other.because)
        if found is None:
            return _Instance("undecided", self._unknown(doubt), x, y)
        if found.status == "confirmed" and doubt:
            return replace(found, because=f"{found.because}; not proved: {doubt}")
        return found

    def _doubt(self, claim: Claim, at: dict[str, int]) -> str | None:
        """Return why the sides are not one formula for all params; None if they are, which proves the claim."""
        assert claim.left is not None
        assert claim.right is not None
        c = self.limit.averages
        c.forget()
        try:
            gap = self._side(shift_subs(claim.left, dict(at))) - self._side(shift_subs(claim.right, dict(at)))
            if not is_zero(c.opened(gap), frozenset(n for n, s in self.everywhere.symbols.items() if s.is_positive)):
                return "the sides are not one formula here"
            for condition in c.required():
                if not self.everywhere.positive(condition):
                    return f"a side exists only where {condition} > 0"
            return self.everywhere.doubt(self._terms(claim, at)) or self._outside(claim, at)
        except NotCovered as why:
            return str(why)

    def _outside(self, claim: Claim, at: dict[str, int]) -> str | None:
        """Return why a root, logarithm or division around the expectations of a side may be undefined."""
        for side in (claim.left, claim.right):
            for part, strict in partial(shift_subs(side, dict(at))) if side is not None else ():
                if not any(isinstance(s, App) and s.head in EXPECTATIONS for s in walk(part)):
                    continue  # a constant, or inside an expectation: asked with the terms
                value = self._side(part)
                e = self.everywhere
                clear = e.positive(value) or e.positive(-value) if strict else e.nonnegative(value)
                if not clear:
                    return f"{to_text(part)} may be {'0' if strict else 'negative'} for some params"
        return None

    def _is_defined(self, claim: Claim, at: dict[str, int]) -> bool:
        """Return whether the terms are bounded by powers, by their heads, where a param or a rule gives no number."""
        return all(
            isinstance(s, Var | Num)
            or (isinstance(s, App) and (bounded_by_powers(s.head) or s.head in ("pow", "recip", "sqrt", "pi")))
            for t in self._terms(claim, at)
            if self.limit.unfolding.below(t)
            for s in walk(t)
        )

    def _terms(self, claim: Claim, at: dict[str, int]) -> list[Term]:
        """Return the sides and the arguments of their expectations, over leaves."""
        out: list[Term] = []

        def visit(t: Term) -> None:
            if isinstance(t, App) and t.head in EXPECTATIONS:
                out.extend(map(self.limit.unfolding.expression, t.args))
            elif any(isinstance(s, App) and s.head in EXPECTATIONS for s in walk(t)):
                for c in children(t):
                    visit(c)
            else:
                out.append(self.limit.unfolding.expression(t))

        for side in (claim.left, claim.right):
            if side is not None:
                visit(written_out(self.program, shift_subs(side, dict(at))))
        return out

    def _used(self, claim: Claim, at: dict[str, int]) -> set[str]:
        try:
            return self.everywhere.params_of(self._terms(claim, at)) if self.program.params else set()
        except NotCovered:
            return set(self.program.params)

    def _points(self, claim: Claim, at: dict[str, int]) -> Iterator[dict[str, Fraction]]:
        """Admissible values of the params at which a claim is tried, whatever numbers were given."""
        used = self._used(claim, at)
        if not used:
            return
        base = {**{p.name: inside(p) for p in self.program.params.values()}, **param_numbers(self.program)}
        if base != self.given and has_covariances(self.program, base):
            yield base
        yield from self.everywhere.points(base, used)

    def _at(self, point: Mapping[str, Fraction]) -> Sides:
        key = tuple(sorted(point.items()))
        if key not in self._sides:
            self._sides[key] = Sides(self.program, dict(point), self.budget)
        return self._sides[key]

    def _named(self, point: Mapping[str, Fraction], used: set[str]) -> str:
        names = [f"{n} = {_number(point[n])}" for n in self.program.params if n in used and n in point]
        return f"for {', '.join(names)}: " if names else ""

    def _unknown(self, doubt: str | None) -> str:
        missing = [n for n in self.program.params if n not in self.given]
        if missing:
            return f"{doubt or 'no formula decides it'}, and a param has no number: {', '.join(missing)}"
        return f"{doubt or 'no formula decides it'}, and a side has no number"

    # -- sides -------------------------------------------------------------------------------------------------------

    def _side(self, t: Term) -> Any:
        """Return one side as a formula, E, var and cov written out; its indices have values."""
        c, t = self.limit.averages, written_out(self.program, t)
        match t:
            case App("E", (f,)):
                return c.expectation(f)
            case App("var" | "cov", (f, *other)):
                return c.covariance(f, other[0] if other else f)
            case Var(name) if name in self.program.families:
                return c.expectation(t)
            case App(_, args) if any(asked(self.program, t)):
                # The values stand for the terms below while sympy applies the head to them.
                names = {Var(f"side {k}"): self._side(a) for k, a in enumerate(args)}
                opened = rebuild(t, tuple(names))
                return to_sympy(opened, {v.name: x for v, x in names.items()})
            case _:
                return c.constant(t)

    # -- Gaussianity -------------------------------------------------------------------------------------------------

    def _gaussian(self, claim: Claim, at: dict[str, int]) -> _Instance:
        assert isinstance(claim.left, Var)
        member = reference(claim.left, {**at})
        apart = structure([member], self.limit.averages)
        found: Finding = gaussianity(apart)
        used = self._used(claim, at)
        for point in (self.given, *self._points(claim, at)) if claim.form == "not gaussian" else ():
            because = self._is_linear(member, point)
            if because is not None:
                return _Instance("refuted", self._named(point, used) + because)
        if claim.form == "gaussian" and not used and (because := self._is_linear(member, {})) is not None:
            return _Instance("proved", because)
        if found.gaussian is None:
            return _Instance("undecided", found.because)
        if found.gaussian == (claim.form == "gaussian"):
            doubt = self.everywhere.doubt([self.limit.unfolding.member(member)]) if used else None
            if used and not found.gaussian and not self.everywhere.only_scales(apart):
                return _Instance("confirmed", f"{found.because} (at the params' values)")
            return _Instance("proved" if doubt is None else "undecided", doubt or found.because)
        return _Instance("refuted", (self._named(self.given, used) if used else "") + found.because)

    def _is_linear(self, member: Var, point: Mapping[str, Fraction]) -> str | None:
        """Why a variable is Gaussian at these params: a constant, or affine in Gaussian vectors, at every width."""
        exact = Exact(self.limit.unfolding, point)
        t, name = exact.reduced(self.limit.unfolding.member(member)), to_text(member)
        if rational(t) is not None:
            return f"{name} is the constant {_number(rational(t) or Fraction(0))}: Gaussian of variance 0"
        names = frozenset(v for v in variables(t) if exact.is_vector(v))
        u = self.limit.unfolding
        if all(v in u.leaves and u.leaves[v].kind == "moment" and not u.level(v) for v in variables(t)):
            return f"{name} is a constant: Gaussian of variance 0"
        form = affine(t, names, lambda s: frozenset(variables(s)) & names)
        if form is None or not all(rational(c) is not None for c in (*form[0].values(), form[1])):
            return None
        return f"{name} is affine in Gaussian vectors"


def _number(x: Fraction) -> str:
    """Return a number as it is written in a program, as a decimal where that is exact."""
    return f"{float(x):.15g}" if Fraction(f"{float(x):.15g}") == x else str(x)


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
