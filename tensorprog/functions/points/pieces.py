"""One variable, point by point: where exactly a function could break, and what it does there.

Critical points are the zeros of everything that can cause trouble: denominators, arguments of roots and logarithms,
both sides of conditions, arguments of sign. Between them every condition keeps its truth and every such argument its
sign (by continuity), so one sample in each gap decides definedness, and the function is locally Lipschitz there. At
a critical point the one-sided expansions of f and f' are compared with the value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate
from tensorprog.functions.evaluate.derivative import Underivable, derivative
from tensorprog.functions.evaluate.polynomial import number
from tensorprog.functions.named.library import library, opened
from tensorprog.functions.points import recheck
from tensorprog.functions.points.zeros import zeros
from tensorprog.functions.rules.where import difference
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.functions.tails.expand import Expansion, at_point
from tensorprog.functions.tails.lower_bounds import leading
from tensorprog.functions.tails.series import UNIT
from tensorprog.kernel.ground.term import ONE, add, substitute, variables, walk
from tensorprog.terms import App, Bind, Num, Term, Var, to_text

MAX_POINTS = 24
_LIKELY = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2))
"""Where a counterexample is looked for if the critical points are not known."""


@dataclass(slots=True)
class Pieces:
    """What was found: True, False (with a reason and a witness) or None, and where it was looked for."""

    total: bool | None = None
    continuous: bool | None = None
    lipschitz: bool | None = None
    blows_up: bool = False
    tame: bool = True
    points: list[Fraction] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    reasons: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=dict)


def critical(rules: Analyzer, t: Term, x: Var) -> tuple[list[Fraction], bool]:
    """Return the critical points found, and whether they are all of them."""
    found: set[Fraction] = set()
    complete = True
    for u in _expanded(t):
        for argument in _dangers(u):
            roots = zeros(rules, argument, x) if x in variables(argument) else []
            if roots is None:
                complete = False
            else:
                found.update(roots)
        if isinstance(u, App) and u.head in library() and library()[u.head].endless and x in variables(u):
            complete = False
        if isinstance(u, App) and u.head == "pow" and x in variables(u.args[1]):
            complete = False  # whole powers of negative numbers exist, others do not
    if not complete:
        found.update(_LIKELY)
    return sorted(found)[:MAX_POINTS], complete and len(found) <= MAX_POINTS


def _expanded(t: Term) -> list[Term]:
    """Return every subterm, and those of the definitions of functions that are not smooth everywhere."""
    opened_up = opened(t, lambda record: record.regularity == "smooth" and record.total)
    return [*walk(t), *(walk(opened_up) if opened_up != t else ())]


def _dangers(u: Term) -> list[Term]:
    match u:
        case App("recip" | "log" | "sqrt" | "sign" | "sinc", (a,)):
            return [a]
        case App("pow", (a, Num(p))) if p.denominator == 1 and p >= 0:
            return []
        case App("pow", (a, _)):
            return [a]
        case App("asin", (a,)):
            return [add(a, Num(-1)), add(a, ONE)]
        case App("lt" | "le" | "gt" | "ge"):
            return [difference(u)]
        case _:
            return []


def examine(rules: Analyzer, t: Term, x: Var) -> Pieces:
    """Definedness, continuity and Lipschitz behaviour of a function of one variable, exactly."""
    out = Pieces()
    if any(isinstance(u, Bind) for u in walk(t)):
        return out
    out.points, complete = critical(rules, t, x)
    gaps_defined = _gaps(rules, t, x, out)
    if out.total is False:
        return out
    total: bool | None = True if complete and gaps_defined else None
    continuous: bool | None = total
    lipschitz: bool | None = total
    for c in out.points:
        here = _value(rules, t, x, c)
        if here is Undefined:
            _refute(out, "total", f"undefined at {to_text(x)} = {c}", (("point", f"{to_text(x)} = {c}"),))
            out.total = False
            return out
        if here is None:
            total = continuous = lipschitz = None
            out.tame = False
            continue
        for side in (-1, 1):
            joined, steep = _side(rules, t, x, c, side, out)
            out.tame = out.tame and joined is not None
            if joined is not True:
                continuous = False if joined is False or continuous is False else None
            if steep is not True:
                lipschitz = False if steep is False or lipschitz is False else None
    out.total = total
    out.tame = out.tame and total is True and not out.blows_up
    out.continuous = continuous if continuous is False or total else None
    out.lipschitz = (
        False if continuous is False else lipschitz if lipschitz is False or (total and continuous) else None
    )
    return out


def _refute(out: Pieces, what: str, because: str, witness: tuple[tuple[str, str], ...]) -> None:
    out.reasons.setdefault(what, (because, witness))


def _gaps(rules: Analyzer, t: Term, x: Var, out: Pieces) -> bool:
    """Return whether the function is defined at a sample of each gap; an undefined sample is a refutation."""
    points = out.points
    samples = [Fraction(0)] if not points else [points[0] - 1, points[-1] + 1]
    samples += [(a + b) / 2 for a, b in pairwise(points)]
    fine = True
    for s in sorted(samples):
        status = defined(rules, substitute(t, {x: Num(s)}))
        if status is False:
            _refute(out, "total", f"undefined at {to_text(x)} = {s}", (("point", f"{to_text(x)} = {s}"),))
            out.total = False
        fine = fine and status is True
    return fine


def defined(rules: Analyzer, t: Term) -> bool | None:
    """Return whether a constant term has a value, for all admissible params (False: for none)."""
    if not variables(t):
        try:
            evaluate(t, {})
            return True
        except Undefined:
            return False
        except Undecided:
            pass
    return True if rules.info(t).total else None


def _value(rules: Analyzer, t: Term, x: Var, c: Fraction) -> object:
    """Return the value at a critical point: an expansion, Undefined or None."""
    at = substitute(t, {x: Num(c)})
    status = defined(rules, at)
    if status is False:
        return Undefined
    if status is None:
        return None
    return at


def _side(rules: Analyzer, t: Term, x: Var, c: Fraction, side: int, out: Pieces) -> tuple[bool | None, bool | None]:
    """Return whether f tends to f(c) from one side, and whether f' stays bounded there."""
    expansion = Expansion(x, rules.constant_sign, 4, fuel=rules.fuel)
    a = expansion.algebra
    where = f"{to_text(x)} -> {c}{'+' if side > 0 else '-'}"
    joined: bool | None = None
    try:
        value = expansion.of(substitute(t, {x: Num(c)}))
        gap = a.add(expansion.of(at_point(t, x, Num(c), side)), a.scaled(value, number(Fraction(-1))))
        if gap.bound is None or a.compare(gap.bound, UNIT) < 0:
            joined = True
            out.said.append(f"f -> f({c}) as {where}")
        else:
            found = leading(rules, expansion, gap)
            if found is not None and found[0].level >= 0:
                joined = False
                far = found[0].level > 0 or found[0].power > 0 or found[0].logs > 0
                out.blows_up = out.blows_up or (far and recheck.jumps(t, x, c, side))
                jump = "diverges" if far else f"jumps by {found[1]}"
                because = f"at {to_text(x)} = {c} it {jump} from the {'right' if side > 0 else 'left'}"
                witness = (
                    ("point", f"{to_text(x)} = {c}"),
                    ("side", "right" if side > 0 else "left"),
                    ("jump", found[1]),
                )
                if recheck.jumps(t, x, c, side):
                    _refute(out, "continuous", because, witness)
                else:
                    joined = None
                    out.tame = False
    except (Undecided, Undefined, Underivable, RecursionError):
        return None, None
    if joined is not True:
        return joined, joined
    try:
        strict = Expansion(x, rules.constant_sign, 4, True, None, rules.fuel)
        slope = strict.of(at_point(derivative(t, x), x, Num(c), side))
        if slope.bound is None or strict.algebra.compare(slope.bound, UNIT) <= 0:
            out.said.append(f"f' bounded as {where}")
            return True, True
        found = leading(rules, strict, slope)
        if found is not None and found[0].level >= 0:
            because = f"the slope diverges as {where}"
            steep_at = (("point", f"{to_text(x)} = {c} + {'' if side > 0 else '-'}1/t"), ("slope", found[1]))
            if recheck.diverges(t, x, c, side):
                _refute(out, "lipschitz", because, steep_at)
                return True, False
    except (Undecided, Undefined, Underivable, RecursionError):
        pass
    return True, None
