"""Functions whose value at the limit of their scalars is not their limit, and whatever is made of such functions.

sqrt(s - 2) with s -> 2 is undefined for half of all draws at every width, sign(s - 2) is 1 or -1, and 1/(s - 2) grows
without bound: 0, 0 and oo are values of the formulas at s = 2, and limits of nothing. A premise of the theorems asks
this of the functions of a program; who computes a limit asks it of what the limit is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property, partial

from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import LinComb, Moment, Nonlin, Scalar
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.term import substitute, transform, variables, walk
from tensorprog.program.graph.constants import with_entries
from tensorprog.terms import App, Num, Term, Var, to_text
from tensorprog.theorems.conditions.ancestors import Shared
from tensorprog.theorems.conditions.case import Case
from tensorprog.theorems.conditions.finding import Finding, proved, refuted, unknown
from tensorprog.theorems.conditions.scalars import (
    at_limit,
    at_zero,
    each_member,
    every_member,
    jumps,
    place_of,
    reads_scalar,
    scalars_in,
    singular,
    smooth_at_limits,
    stands_off,
)
from tensorprog.theorems.limits.at_limit import CONDITIONS, AtLimit, Pulled
from tensorprog.theorems.limits.near import falsified, undefined
from tensorprog.theorems.limits.pulling import pull
from tensorprog.theorems.limits.tame import is_partial, is_tame


def off_limit(case: Case, near: AtLimit, t: Term, found: Pulled, place: Place | None) -> Finding | None:
    """Refuted where a composed function jumps, has a pole or leaves its domain at the limit of its scalars."""
    if found.faults:
        return stands_off(near, t, found.faults, place)
    if falsified(found.term, found.limits):
        return jumps(t, place)
    if undefined(found.term, found.limits):
        return singular(t, place, "near it the function is undefined")
    if _mixed(found) and all(v.value is not None for v in found.limits.values()):
        total = case.functions.facts(at_zero(found)).total
        return singular(t, place, total.because) if total.refuted else None
    return None


def _conditions(near: AtLimit, found: Pulled) -> list[Term]:
    """Conditions on scalars with constant limits alone, as they are written."""
    inside = (u.args[0] for u in walk(found.term) if isinstance(u, App) and u.head == "where")
    back = [transform(c, lambda v: found.whole.get(v.name) if isinstance(v, Var) else None) for c in inside]
    return [c for c in back if near.alone(c)]


def _mixed(found: Pulled) -> bool:
    """Return whether a scalar moves the places where a function of vectors is undefined, as in 1/(h^2 + s)."""
    for u in walk(found.term):
        if isinstance(u, App) and is_partial(u):
            parts = u.args[0].args if isinstance(u.args[0], App) and u.args[0].head == "mul" else u.args[:1]
            names = [{v.name for v in variables(p)} for p in parts]
            if any(n & found.limits.keys() and n - found.limits.keys() for n in names):
                return True
    return False


class OffLimit:
    """What the members of one program are made of, asked once: where a function of scalars is not its limit's value.

    `closer` makes the judge that knows the limits at given values of the params, who is asked where the rules refute or
    do not know; None where a param has no value, and the formula speaks for all at which the function is continuous.
    """

    def __init__(self, shared: Shared, values: Mapping[str, Fraction], closer: Callable[[], AtLimit | None]) -> None:
        self.shared = shared
        self.program = shared.program
        self.values: dict[Term, Term] = {Var(name): Num(x) for name, x in values.items()}
        self._closer = closer
        self._made: dict[frozenset[Var], Finding | None] = {}

    @cached_property
    def closer(self) -> AtLimit | None:
        return self._closer()

    def found(self, t: Term) -> Finding | None:
        """Return why an expression in members has no value; None if it may have one."""
        if not any(f.kind == "scalar" for f in self.program.families.values()):
            return None
        if not (self._has_risks or self._is_risky(t)):
            return None
        try:
            terms = self.shared.functions.composer.members(t)
        except CannotCompose:
            return None
        place = None
        if isinstance(t, Var) and t.name in self.program.families:
            place = next((place_of(n) for n, _ in self.program.resolve(t)), None)
        atoms = {v for u in terms for v in variables(u) if v.name in self.program.families}
        case = Case(self.shared, ())
        own = (each_member(case, u, {}, partial(self._judged, case, place)) for u in terms)
        return next((f for f in own if f.status == "refuted"), None) or self._below(frozenset(atoms))

    def _below(self, atoms: frozenset[Var]) -> Finding | None:
        """Of the functions that these products, averages and initial vectors are made of."""
        if not self._has_risks:
            return None
        if atoms not in self._made:
            self._made[atoms] = next(self._faults(Case(self.shared, sorted(atoms, key=repr))), None)
        return self._made[atoms]

    def _faults(self, case: Case) -> Iterator[Finding]:
        for node in dict.fromkeys([*case.consumed, *(n for n in case.nodes if isinstance(n, Moment))]):
            if not (isinstance(node, Scalar) or reads_scalar(case, node)):
                continue
            found = every_member(case, node, partial(self._judged, case, place_of(node)))
            if found.status == "refuted":
                yield found

    # -- one function -----------------------------------------------------------------------------------------------

    def _judged(self, case: Case, place: Place | None, t: Term) -> Finding:
        """Refuted if the value of a composed function at the limit of its scalars is, or may be, none of its limits."""
        if not scalars_in(case, t) or not self._is_risky(t):
            return proved("")
        near = at_limit(case)
        if near.program.vectors_in(t) and smooth_at_limits(case, t).proved:
            return proved("")
        t = with_entries(case.functions.at_infinity(t), case.program.matrices)
        found = self._near(case, near, t, place)
        if found.status == "proved":
            return found
        if self.closer is None:
            return found if found.status == "refuted" else proved("")
        again = self._near(case, self.closer, substitute(t, self.values), place)
        if again.status == "proved":
            return again
        return found if found.status == "refuted" else refuted(again.because)

    def _near(self, case: Case, near: AtLimit, t: Term, place: Place | None) -> Finding:
        """Return what one judge knows of the limits."""
        found = pull(near, t)
        if near.program.vectors_in(t):
            refutation = off_limit(case, near, t, found, place)
        else:
            here = near.judge(t)
            if here.continuous:
                return proved("")
            refutation = stands_off(near, t, [(t, here)], place)
        open_ = [part for part, _ in found.faults] + [c for c in _conditions(near, found) if near.truth(c) is None]
        if refutation is None and open_:
            return unknown(f"{to_text(open_[0])} is not known to be continuous at the limit of its scalars")
        return refutation or proved("")

    # -- where nothing can be wrong -----------------------------------------------------------------------------------

    @cached_property
    def _has_risks(self) -> bool:
        """Return whether some function of the program that reads scalars is discontinuous or undefined somewhere."""
        reading = self.shared.reading_scalars
        return any(
            self._is_risky(node.body)
            for node in self.program.nodes
            if isinstance(node, Scalar) or (isinstance(node, Moment | LinComb | Nonlin) and id(node) in reading)
        )

    def _is_risky(self, t: Term) -> bool:
        return any(isinstance(u, App) and u.args and u.head not in CONDITIONS and not is_tame(u) for u in walk(t))
