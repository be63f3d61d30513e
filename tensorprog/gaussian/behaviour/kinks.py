"""Where a function is not smooth, read off from its expression: kinks, jumps, poles, and narrow places of smooth ones.

A `Plane` is the set {normal · z = offset}. Hard planes carry a kink or a jump; a soft one marks where a smooth
function changes over a distance `scale` (measured in normal · z): the distance to its complex singularities.
Arguments that are affine are solved exactly; arguments in one variable by bisection in ball arithmetic, which cannot
overlook a root. What fits neither is reported: `complete` is then false.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations
from typing import Literal

from flint import acb, arb

from tensorprog.functions.evaluate.ball_function import Values, ball_function
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.functions.evaluate.formulas import formulas
from tensorprog.functions.named.library import library, opened
from tensorprog.functions.named.record import Function
from tensorprog.gaussian.behaviour.arguments import affine, polynomial, roots, vanishing
from tensorprog.kernel.ground.term import add, neg, sub, variables, walk
from tensorprog.terms import App, Num, Term

Kind = Literal["jump", "kink", "singular", "pole", "soft"]
MOST_ROOTS = 400


@dataclass(frozen=True, slots=True)
class Plane:
    """{z : normal · z = offset}; `scale` is the width of a soft one; `solved` if the offset came from a search."""

    normal: tuple[float, ...]
    offset: float
    kind: Kind
    scale: float = 0.0
    solved: bool = field(default=False, repr=False)

    @property
    def hard(self) -> bool:
        return self.kind != "soft"


@dataclass(frozen=True, slots=True)
class Loci:
    """All places found; `waves` are the normals of oscillating arguments; `complete` if none was left unsolved.

    `poles_known`: none can be missing among the poles and singular places in one variable.
    """

    planes: tuple[Plane, ...]
    waves: tuple[tuple[float, ...], ...]
    complete: bool
    poles_known: bool = True

    @property
    def smooth(self) -> bool:
        return self.complete and not any(p.hard for p in self.planes)


@dataclass(frozen=True, slots=True)
class _Event:
    """The function is special where `argument` = `value`, or every `period` from there."""

    argument: Term
    value: float
    kind: Kind
    scale: float = 0.0
    period: float = 0.0


_INFINITE = ("pole", "singular")
_COMPARE = {"lt", "le", "gt", "ge", "eq", "ne"}


def _events(t: Term) -> Iterator[_Event]:
    """Yield what the node t itself contributes (its subterms contribute their own)."""
    match t:
        case App("min" | "max", args):
            for a, b in combinations(args, 2):
                yield _Event(sub(a, b), 0.0, "kink")
        case App(head, (left, right)) if head in _COMPARE:
            yield _Event(sub(left, right), 0.0, "jump")
        case App(head, (u, *_) as args) if head in library() and (ends := library()[head].between) is not None:
            low, high = (library()[head].call(e, args) for e in ends)
            if library()[head].regularity != "jumps":
                yield from (_Event(sub(u, e), 0.0, "kink") for e in (low, high))
            elif isinstance(high, Num) and high.value:
                yield _Event(u, 0.0, "jump", period=float(abs(high.value)))
        case App("recip", (u,)):
            yield _Event(u, 0.0, "pole")
        case App("pow", (u, Num(p))):
            if p.denominator != 1:
                yield _Event(u, 0.0, "singular")
            elif p < 0:
                yield _Event(u, 0.0, "pole")
        case App("pow", (u, _)):
            yield _Event(u, 0.0, "singular")
        case App(head, (u, *_)) if head in library():
            record = library()[head]
            yield from (_Event(u, b.at, b.kind, period=b.period) for b in record.breaks)
            if scale := record.steep or record.strip:
                yield _Event(u, 0.0, "soft", scale)
        case _:
            return


def _keeps_pieces(head: str) -> bool:
    """Return whether the function keeps pieces of polynomials such pieces."""
    record = library().get(head)
    if record is None:
        return head in _COMPARE or head in ("add", "mul", "neg", "and")
    return record.analytic is None and record.steep is None and all(b.kind in ("jump", "kink") for b in record.breaks)


def _bent(term: Term) -> set[Term]:
    """The subterms in which a kink is steep beside it too: those under a head that is no polynomial on either side.

    exp(-abs(z)) and z/(1 + abs(z)) change over a distance of about 1 from the kink of abs(z), abs(z)^2 does not.
    """
    out: set[Term] = set()
    for t in walk(term):
        match t:
            case App("pow", (_, Num(p))) if p.denominator == 1 and p > 0:
                continue
            case App(head, args) if not _keeps_pieces(head):
                for a in args:
                    out |= set(walk(a))
    return out


def _placed(record: Function) -> bool:
    """Return whether the places are known without the definition."""
    return bool(record.breaks) or record.analytic is not None or record.between is not None


def _targets(e: _Event, low: float, high: float) -> list[float]:
    """Return the values at which the argument matters, while it lies in [low, high]."""
    if not e.period:
        return [e.value]
    first, last = math.ceil((low - e.value) / e.period), math.floor((high - e.value) / e.period)
    if last - first > MOST_ROOTS:
        return []
    return [e.value + k * e.period for k in range(first, last + 1)]


def _range(t: Term, names: Sequence[str], values: Values, box: Sequence[tuple[float, float]]) -> tuple[float, float]:
    balls = [acb(arb((a + b) / 2, (b - a) / 2)) for a, b in box]
    ball = ball_function(t, names, values)(balls, False).real
    low, high = float(ball.lower()), float(ball.upper())
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (-math.inf, math.inf)


def _solve(
    e: _Event, names: Sequence[str], values: Values, box: Sequence[tuple[float, float]]
) -> tuple[list[Plane], bool]:
    planes: list[Plane] = []
    complete = True
    low, high = _range(e.argument, names, values, box) if e.period else (0.0, 0.0)
    if e.period and not (math.isfinite(low) and (high - low) / e.period <= MOST_ROOTS):
        return [], False
    for value in _targets(e, low, high):
        for factor in vanishing(e.argument) if value == 0 and e.kind != "soft" else [e.argument]:
            line = affine(factor, names, values)
            if line is not None:
                if any(line[0]):
                    planes.append(Plane(line[0], value - line[1], e.kind, e.scale))
                continue
            used = [k for k, n in enumerate(names) if n in {name_of(v) for v in variables(factor)}]
            if len(used) != 1:
                pieces, sure = _straight(add(factor, neg(Num(Fraction(value)))), names, values, e)
                planes += pieces
                complete = complete and (sure or e.kind == "soft")
                continue
            k = used[0]
            normal = tuple(float(j == k) for j in range(len(names)))
            shifted = add(factor, neg(Num(Fraction(value))))
            places, sure = roots(shifted, names[k], values, *box[k], e.kind in _INFINITE)
            complete = complete and (sure or e.kind == "soft")
            for x in places[:MOST_ROOTS]:
                planes.append(Plane(normal, x, e.kind, _soft_width(e, factor, names[k], values, x), True))
            if e.kind not in {"jump", "kink"}:
                planes += [Plane(normal, x, "soft", s) for x, s in _complex_roots(shifted, names[k], values)]
    return planes, complete


def _straight(gap: Term, names: Sequence[str], values: Values, e: _Event) -> tuple[list[Plane], bool]:
    """Where affine pieces of a gap are 0, and whether all are affine: relu(a) = relu(b) on a = b, a = 0 and b = 0."""
    pieces = formulas(gap)
    lines = [affine(p, names, values) for p in pieces or ()]
    found = [Plane(line[0], -line[1], e.kind, e.scale) for line in lines if line is not None and any(line[0])]
    return found, pieces is not None and None not in lines


def _soft_width(e: _Event, factor: Term, name: str, values: Values, at: float) -> float:
    """Return the width of a soft place in z: its width in the argument over the argument's slope."""
    if e.kind != "soft":
        return 0.0
    f, step = ball_function(factor, [name], values), 1e-4 * max(1.0, abs(at))
    slope = abs(float((f([acb(at + step)], False).real - f([acb(at - step)], False).real).mid())) / (2 * step)
    return min(e.scale / slope, 1.0) if slope > 0 and math.isfinite(slope) else 1.0


def _complex_roots(t: Term, name: str, values: Values) -> list[tuple[float, float]]:
    """(real part, distance from the line) of a polynomial's complex zeros: there its reciprocal or log is steep."""
    import numpy as np

    coefficients = polynomial(t, name, values)
    if coefficients is None or len(coefficients) < 3:
        return []
    return [(float(r.real), float(abs(r.imag))) for r in np.roots(coefficients[::-1]) if r.imag > 1e-7 * abs(r)]


def _bumps(t: Term, names: Sequence[str], values: Values) -> Iterator[Plane]:
    """Yield the narrow place of exp(c + l z + q z^2): its vertex, of width 1/√(2|q|)."""
    for k, n in enumerate(names):
        if {name_of(v) for v in variables(t) if name_of(v) in names} != {n}:
            continue
        p = polynomial(t, n, values)
        if p is not None and len(p) >= 3 and p[2]:
            normal = tuple(float(j == k) for j in range(len(names)))
            yield Plane(normal, -p[1] / (2 * p[2]), "soft", 1 / math.sqrt(2 * abs(p[2])))


def loci(term: Term, names: Sequence[str], values: Values, box: Sequence[tuple[float, float]]) -> Loci:
    """Return every place in the box where the term, a function of the variables `names`, is not smooth or steep.

    >>> from tensorprog.terms import read
    >>> loci(read("relu(x - 2*y)"), ["x", "y"], {}, [(-9, 9), (-9, 9)]).planes
    (Plane(normal=(1.0, -2.0), offset=0.0, kind='kink', scale=0.0),)
    """
    planes: dict[Plane, None] = {}
    waves: dict[tuple[float, ...], None] = {}
    complete = poles_known = True
    body = opened(term, _placed)
    bent = _bent(body)
    for t in walk(body):
        if not any(name_of(v) in names for v in variables(t)):
            continue
        for e in _events(t):
            found, sure = _solve(e, names, values, box)
            planes |= dict.fromkeys(found)
            if t in bent:
                planes |= dict.fromkeys(replace(p, kind="soft", scale=1.0) for p in found if p.hard)
            complete = complete and sure
            if e.kind in _INFINITE and len({name_of(v) for v in variables(e.argument)} & set(names)) == 1:
                poles_known = poles_known and sure
        match t:
            case App("exp", (u,)):
                planes |= dict.fromkeys(_bumps(u, names, values))
            case App("sin" | "cos" | "sinc", (u,)):
                line = affine(u, names, values)
                if line is not None:
                    waves[line[0]] = None
    return Loci(tuple(planes), tuple(waves), complete, poles_known)
