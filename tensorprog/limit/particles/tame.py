"""What a finite sample cannot tell: which functions of Gaussians have all moments, and what stands at a jump."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tensorprog.functions.decide.judge import judge
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.signatures import CONDITIONS
from tensorprog.kernel.ground.term import substitute, variables
from tensorprog.limit.jumps.jumps import jumps_of
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parity import bounded_by_powers
from tensorprog.limit.members.parts import settle, split
from tensorprog.limit.particles.boxes import Box, everywhere
from tensorprog.limit.particles.reading import factors, ordered
from tensorprog.terms import App, Num, Term, Var, to_text

GROWING = frozenset({"sqrt", "abs"})
"""Heads that grow no faster than their argument."""
MOST_PIECES = 64


def are_tame(terms: Sequence[Term], forms: frozenset[Var], averages: Mapping[Var, Term] | None = None) -> bool:
    """At most powers of exp(c|z|), proved by the heads: an exponential of at most linear growth, a bounded part.

    An average is a constant that lies where its term does: `averages` come in an order in which they can be taken.

    >>> from tensorprog.terms import read
    >>> z = frozenset({Var("z")})
    >>> [are_tame([read(f)], z) for f in ("max(exp(2*z), z^3)", "1/z", "z/(1 + z^2)", "exp(z^2)", "sqrt(z + 9)")]
    [True, False, True, False, False]
    """
    known: dict[Term, _Growth] = {}
    box = everywhere(terms)
    for v, t in (averages or {}).items():
        box.known[v] = box.of(t).closure
    for part in ordered(terms):
        known[part] = _growth(part, known, forms)
        if known[part].moves and not _has_root(part, box):
            known[part] = _Growth(False, False)
    return all(known[t].tame for t in terms)


def _has_root(t: Term, box: Box) -> bool:
    """Whether a root is taken only of what is proved not to be negative; true of all that is no root."""
    match t:
        case App("sqrt", (a,)):
            return box.of(a).nonnegative
        case App("pow", (a, Num(p))) if p.denominator > 1:
            return box.of(a).nonnegative
    return True


@dataclass(frozen=True, slots=True)
class Gap:
    """A combination of forms, and forms that something is a function of which is added to it."""

    slopes: Mapping[Var, float]
    given: tuple[Var, ...]


def gaps(terms: Iterable[Term], forms: frozenset[Var]) -> list[Gap]:
    """What some terms jump at the zeros of; NotCovered where that is no combination of forms and a function of others.

    In the limit nothing stands there if the combination has a variance given the others. A sample has one in any case.

    >>> from tensorprog.terms import read
    >>> f, g = Var("f"), Var("g")
    >>> gaps([read("sign(f) + where(f < 2*g, 1, 0) + max(f, g)")], frozenset({f, g}))
    [Gap(slopes={Var('f'): 1.0}, given=()), Gap(slopes={Var('f'): 1.0, Var('g'): -2.0}, given=())]
    >>> gaps([read("step(f - exp(g))")], frozenset({f, g}))
    [Gap(slopes={Var('f'): 1.0}, given=(Var('g'),))]
    >>> gaps([read("floor(3*Phi(f) + 1/2)")], frozenset({f, g}))
    [Gap(slopes={Var('f'): 1.0}, given=())]
    """

    def below(t: Term) -> frozenset[Var]:
        return frozenset(variables(t)) & forms

    out = []
    for jump in dict.fromkeys(j for t in terms for j in jumps_of(t)):
        for part in (f for p in _pieces(jump.gap) for f in ([p] if jump.periodic else factors(p))):
            number = rational(part)
            if number is not None and (number.denominator > 1 or (number != 0 and not jump.periodic)):
                continue
            ((one,), given) = settle([split(_bare(part, below), forms, below)], below, forms)
            slopes = {v: float(c) for v, a in one.coefficients.items() if (c := rational(a))}
            if not slopes:
                raise NotCovered(f"whether the limit stands at the jump of {to_text(jump.place)} is not known")
            out.append(Gap(slopes, tuple(sorted(given | (one.coefficients.keys() - slopes.keys()), key=repr))))
    return out


def _bare(t: Term, below: Callable[[Term], frozenset[Var]]) -> Term:
    """The argument of an injective function, up to a constant: c exp(f) + d is one number where f is."""
    while isinstance(t, App) and len(moving := [a for a in t.args if below(a)]) == 1:
        record = library().get(t.head)
        injective = record is not None and record.monotone is not None and record.analytic is not None
        scaled = t.head == "mul" and all(rational(a) for a in t.args if a not in moving)
        if not (injective or scaled or t.head in ("add", "neg")):
            break
        (t,) = moving
    return t


def _pieces(t: Term) -> list[Term]:
    """What a term is where its maxima are one of their arguments, and on both sides of 0 functions that break there.

    One piece, the term itself, where these are too many.
    """
    pieces = [t]
    while len(pieces) <= MOST_PIECES:
        found = next(((a, x) for p in pieces for a in ordered([p]) if (x := _choices(a))), None)
        if found is None:
            return pieces
        pieces = [q for p in pieces for q in dict.fromkeys(substitute(p, {found[0]: c}) for c in found[1])]
    return [t]


def _choices(t: Term) -> tuple[Term, ...]:
    if not isinstance(t, App):
        return ()
    if t.head in ("max", "min"):
        return t.args
    record = library().get(t.head)
    if record is None or record.halves is None:
        return ()
    return tuple(substitute(half, {Var(record.args[0]): t.args[0]}) for half in record.halves)


@dataclass(frozen=True, slots=True)
class _Growth:
    tame: bool = True
    linear: bool = True
    moves: bool = True


def _growth(t: Term, known: Mapping[Term, _Growth], forms: frozenset[Var]) -> _Growth:
    inner = [known[a] for a in t.args] if isinstance(t, App) else []
    if not isinstance(t, App) or not any(x.moves for x in inner):
        return _Growth(moves=t in forms)
    tame, linear = all(x.tame for x in inner), all(x.linear for x in inner)
    record = library().get(t.head)
    if t.head in CONDITIONS:
        return _Growth()
    if t.head in ("add", "neg", "where", "max", "min", *GROWING):
        return _Growth(tame, linear)
    if t.head == "mul" and tame:
        return _Growth(True, linear and sum(x.moves for x in inner) == 1)
    if t.head == "exp" and linear:
        return _Growth(True, False)
    if t.head == "pow" and isinstance(t.args[1], Num) and t.args[1].value >= 0:
        return _Growth(tame, linear and t.args[1].value <= 1)
    if bounded_by_powers(t.head) and tame:
        return _Growth(True, linear and record is not None and record.regularity == "lipschitz")
    bounded = _bounded(t)
    return _Growth(bounded, bounded)


@lru_cache(maxsize=1024)
def _bounded(t: Term) -> bool:
    names = sorted({v.name for v in ordered([t]) if isinstance(v, Var)})
    return judge(t, names, {}).bounded.proved
