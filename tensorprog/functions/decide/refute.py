"""Refutations: an undefined point, a jump, a diverging difference quotient, growth along a curve, a param value.

Every one carries a witness; a param is given one admissible value, because refuted means "for some".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, product

from tensorprog.functions.evaluate.balls import Undecided, Undefined, evaluate, lower, sign_at, upper
from tensorprog.functions.evaluate.polynomial import normal
from tensorprog.functions.named.library import library
from tensorprog.functions.points import recheck
from tensorprog.functions.points.extremes import SIMPLE
from tensorprog.functions.points.pieces import Pieces, examine
from tensorprog.functions.rules.info import Info, Regularity
from tensorprog.functions.rules.rates import BOUNDED, SQUARE_EXP
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.functions.tails.collapse import collapse
from tensorprog.functions.tails.lower_bounds import Reached, best_growth, best_slope
from tensorprog.kernel.ground.term import children, substitute, variables, walk
from tensorprog.numbers.interval import REALS
from tensorprog.terms import App, Bind, Num, Term, Var, to_text

Witness = tuple[tuple[str, str], ...]
MAX_POINTS = 120
MAX_PARAM_VALUES = 12


@dataclass(slots=True)
class Refuted:
    """Which properties fail, why, and the witness; and the largest slope that is certainly reached."""

    reasons: dict[str, tuple[str, Witness]] = field(default_factory=dict)
    slope: Reached | None = None
    growth: Reached | None = None

    def no(self, name: str, because: str, witness: Witness) -> None:
        self.reasons.setdefault(name, (because, witness))


def refute(rules: Analyzer, term: Term, info: Info, xs: Sequence[Var], pieces: Pieces | None) -> Refuted:
    """Everything that can be refuted of what is not proved."""
    out = Refuted()
    if any(isinstance(u, Bind) for u in walk(term)):
        term = collapse(term, rules)
        xs = [v for v in variables(term) if v.name in rules.variables]
    params = [v for v in variables(term) if v not in xs]
    for values in _param_values(rules, params):
        if _enough(out, info):
            break
        body = substitute(term, {v: Num(c) for v, c in values.items()})
        said: Witness = tuple((v.name, str(c)) for v, c in values.items())
        _at(rules, body, info, xs, pieces if not params else None, out, said)
    return out


def _enough(out: Refuted, info: Info) -> bool:
    if "total" in out.reasons:
        return True
    proved = info.bounded and info.regularity >= Regularity.LIPSCHITZ and info.slope <= BOUNDED
    return proved or (bool(out.reasons) and info.regularity >= Regularity.LIPSCHITZ and _least(out, info))


def _least(out: Refuted, info: Info) -> bool:
    return out.slope is not None and out.slope.rate >= info.slope


def _param_values(rules: Analyzer, params: list[Var]) -> Iterator[Mapping[Var, Fraction]]:
    """Yield a few admissible values of the params, simple ones first."""
    if not params:
        yield {}
        return
    choices = [rules.assumptions.get(p.name, REALS).sample() for p in params]
    for values in islice(product(*choices), MAX_PARAM_VALUES):
        yield dict(zip(params, values, strict=True))


def _at(
    rules: Analyzer, t: Term, info: Info, xs: Sequence[Var], pieces: Pieces | None, out: Refuted, said: Witness
) -> None:
    """Refutations for fixed params."""
    level = info.regularity
    if level < Regularity.TOTAL:
        undefined(rules, t, xs, out, said)
        if "total" in out.reasons:
            return
    if not xs:
        return
    if level < Regularity.LIPSCHITZ:
        _broken(rules, t, xs, pieces, out, said)
    if not info.bounded or level < Regularity.LOCALLY_BOUNDED:
        _grows(rules, t, info, xs, out, said)
    if not info.slope <= BOUNDED or level < Regularity.LIPSCHITZ:
        enough = info.slope if level >= Regularity.LIPSCHITZ else None
        found = best_slope(rules, t, xs, enough)
        if found is not None and (out.slope is None or found.rate > out.slope.rate):
            out.slope = found
        if found is not None and found.rate.level >= 1 and recheck.steepens(t, found, xs):
            because = f"the slope {found.value} along {found.curve} outgrows every power"
            out.no("pseudo-Lipschitz", because, (*said, ("curve", str(found.curve)), ("slope", found.value)))


def _grows(rules: Analyzer, t: Term, info: Info, xs: Sequence[Var], out: Refuted, said: Witness) -> None:
    enough = info.growth if info.regularity >= Regularity.LOCALLY_BOUNDED and info.growth.level <= 1 else None
    found = best_growth(rules, t, xs, enough)
    if found is None or found.rate <= BOUNDED or not recheck.grows(t, found):
        return
    out.growth = found
    witness = (*said, ("curve", str(found.curve)), ("value", found.value))
    out.no("bounded", f"it grows like {found.value} along {found.curve}", witness)
    if found.rate.level == 1:
        out.no("polynomially bounded", f"it grows like {found.value} along {found.curve}", witness)
        if found.rate >= SQUARE_EXP:
            out.no(
                "controlled", f"it grows like {found.value} along {found.curve}: no smaller exponent than 2", witness
            )


def _broken(rules: Analyzer, t: Term, xs: Sequence[Var], pieces: Pieces | None, out: Refuted, said: Witness) -> None:
    """Jumps and diverging slopes: of a function of one variable, or of its restriction to lines."""
    _two_values(t, xs, out, said)
    if "continuous" in out.reasons:
        return
    restrictions: list[tuple[Term, Witness, Pieces | None]] = []
    if len(xs) == 1:
        restrictions.append((t, (), pieces))
    else:
        for k, x in enumerate(xs[:4]):
            others = [v for j, v in enumerate(xs) if j != k]
            for values in islice(product([Fraction(1), Fraction(0), Fraction(-1), Fraction(2)], repeat=len(others)), 8):
                fixed: dict[Term, Term] = {v: Num(c) for v, c in zip(others, values, strict=True)}
                where = tuple((to_text(v), str(c)) for v, c in zip(others, values, strict=True))
                restrictions.append((substitute(t, fixed), where, None))
            if others:
                diagonal: dict[Term, Term] = dict.fromkeys(others, x)
                restrictions.append((substitute(t, diagonal), tuple((to_text(v), to_text(x)) for v in others), None))
    for body, where, known in restrictions:
        left = [v for v in variables(body) if v.name in rules.variables]
        if len(left) != 1:
            continue
        found = known if known is not None else examine(rules, body, left[0])
        names = {"total": "total", "continuous": "continuous", "lipschitz": "locally Lipschitz"}
        for key, (because, witness) in found.reasons.items():
            on = f", with {', '.join(f'{a} = {b}' for a, b in where)}" if where else ""
            out.no(names[key], because + on, (*said, *where, *witness))
        if found.blows_up:
            because, witness = found.reasons["continuous"]
            for name in ("bounded", "polynomially bounded", "controlled"):
                out.no(name, because, (*said, *where, *witness))
        if "continuous" in out.reasons or "total" in out.reasons:
            return


def _two_values(t: Term, xs: Sequence[Var], out: Refuted, said: Witness) -> None:
    """Find a jump between two values of a function that is constant between its jumps."""
    while True:
        match t:
            case App("mul", (Num(c), _)) if c == 0:
                return
            case App("neg", (u,)) | App("mul", (Num(), u)) | App("add", (Num(), u)) | App("add", (u, Num())):
                t = u
            case App(head, (_,)) if head in library() and library()[head].constant_between:
                break
            case _:
                return
    seen: dict[Fraction, tuple[Fraction, ...]] = {}
    for values in islice(product(SIMPLE, repeat=len(xs)), MAX_POINTS):
        with suppress(Undecided, Undefined):
            value = evaluate(t, dict(zip(xs, values, strict=True)))
            if isinstance(value, Fraction):
                seen.setdefault(value, values)
            elif lower(value) == upper(value):
                seen.setdefault(lower(value) or Fraction(0), values)
        if len(seen) > 1:
            (a, at), (b, there) = list(seen.items())[:2]
            where = [", ".join(f"{to_text(v)} = {c}" for v, c in zip(xs, p, strict=True)) for p in (at, there)]
            because = f"it is constant between jumps; it is {a} at {where[0]} and {b} at {where[1]}"
            out.no("continuous", because, (*said, ("from", where[0]), ("to", where[1])))
            return


def undefined(rules: Analyzer, t: Term, xs: Sequence[Var], out: Refuted, said: Witness) -> None:
    """Find a point where the term certainly has no value, or a segment on which a denominator changes sign."""
    points = list(islice(product(SIMPLE, repeat=len(xs)), MAX_POINTS))
    for values in points:
        env: dict[Term, Fraction] = dict(zip(xs, values, strict=True))
        try:
            evaluate(t, env)
        except Undefined as error:
            where = ", ".join(f"{to_text(v)} = {c}" for v, c in zip(xs, values, strict=True)) or "every point"
            out.no("total", f"{to_text(error.term)} is undefined at {where}", (*said, ("point", where)))
            return
        except Undecided:
            continue
    _sign_changes(rules, t, xs, points, out, said)


def _sign_changes(
    rules: Analyzer, t: Term, xs: Sequence[Var], points: list[tuple[Fraction, ...]], out: Refuted, said: Witness
) -> None:
    """Find a continuous denominator, read everywhere, that is negative at one point and positive at another."""
    for d in _denominators(t):
        if rules.info(d).regularity < Regularity.CONTINUOUS:
            continue
        seen: dict[int, tuple[Fraction, ...]] = {}
        for values in points:
            env: dict[Term, Fraction] = dict(zip(xs, values, strict=True))
            try:
                s = sign_at(evaluate(d, env))
            except (Undecided, Undefined):
                continue
            if s is not None:
                seen.setdefault(s, values)
        if 1 not in seen or -1 not in seen:
            _touches(rules, d, xs, points, out, said)
        if 1 in seen and -1 in seen:
            a, b = (", ".join(f"{to_text(v)} = {c}" for v, c in zip(xs, seen[s], strict=True)) for s in (-1, 1))
            because = f"{to_text(d)} < 0 at {a} and > 0 at {b}, so it vanishes between them"
            out.no("total", because, (*said, ("from", a), ("to", b)))
            return


def _touches(
    rules: Analyzer, d: Term, xs: Sequence[Var], points: list[tuple[Fraction, ...]], out: Refuted, said: Witness
) -> None:
    """c + k sin(u) (or cos) with |c| <= |k|, where u covers more than a period: it vanishes somewhere."""
    try:
        form = normal(d)
    except Undecided:
        return
    c = form.terms.get((), Fraction(0))
    varying = [(m, k) for m, k in form.terms.items() if m]
    if len(varying) != 1 or abs(c) > abs(varying[0][1]) or len(varying[0][0]) != 1:
        return
    ((atom, exponent),) = varying[0][0]
    if exponent != 1 or not (isinstance(atom, App) and atom.head in ("sin", "cos")):
        return
    if rules.info(atom.args[0]).regularity < Regularity.CONTINUOUS:
        return
    reached = []
    for values in points:
        env: dict[Term, Fraction] = dict(zip(xs, values, strict=True))
        with suppress(Undecided, Undefined):
            value = evaluate(atom.args[0], env)
            if isinstance(value, Fraction):
                reached.append(value)
    if reached and max(reached) - min(reached) >= 7:
        because = f"{to_text(d)} vanishes somewhere: {to_text(atom.args[0])} covers more than a period"
        out.no("total", because, (*said, ("from", str(min(reached))), ("to", str(max(reached)))))


def _denominators(t: Term) -> Iterator[Term]:
    """Denominators that are read whatever the conditions are."""
    match t:
        case App("where", (condition, _, _)):
            yield from _denominators(condition)
            return
        case App("recip", (d,)):
            yield d
        case App(head, args) if head in library() and not library()[head].total:
            body = library()[head].expand(args)
            if body is not None:
                yield from _denominators(body)
        case App("pow", (d, Num(p))) if p < 0:
            yield d
    for c in children(t):
        yield from _denominators(c)
