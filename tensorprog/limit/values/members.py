"""Quantities of single members: sums over indices are written out, and values are whatever the algebra says.

Balls contain the true value; formulas are sympy expressions in the params, in which what has no closed form may have a
name.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar

from tensorprog.errors import Diagnostic
from tensorprog.kernel.ground.term import add, mul, recip, shift_subs, substitute, variables
from tensorprog.limit.jumps.exact import Exact
from tensorprog.limit.jumps.jumps import Jump, jumps_of, settled
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.members.parity import vanishes
from tensorprog.limit.rules.labels import range_of
from tensorprog.limit.rules.quantities import (
    GUARD,
    Addend,
    Core,
    Ex,
    Key,
    ScoreOf,
    Sum,
    Unsettled,
    canonical,
    guarded,
    moved,
)
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.rules.scalars import SCALED, scalars_in
from tensorprog.limit.values.algebra import Algebra
from tensorprog.limit.values.cores import may_diverge
from tensorprog.terms import App, Bind, Num, Term, Var, to_text

MAX_MEMBERS = 20_000
V = TypeVar("V")
A = TypeVar("A", bound=Algebra[Any])


class Members(Generic[V, A]):
    """The calculus for members with integer subscripts; the algebra says what numbers, functions and cores are.

    Its computations yield the quantities that they need, and are sent their values (`limit.engine.Solver`).
    """

    def __init__(self, rules: Rules, algebra: A) -> None:
        self.rules = rules
        self.algebra = algebra
        self.values: Algebra[V] = algebra
        self.program = rules.program
        self.composer = rules.composer

    @property
    def noted(self) -> set[Any]:
        """What must be positive for the expectations at hand to be finite."""
        return self.values.noted

    @cached_property
    def exact(self) -> Exact:
        """What holds at every width."""
        return Exact(Unfolding(self.program), self.values.given)

    def ask(self, key: Key) -> Generator[Key, V, V]:
        """Yield the value of a quantity."""
        return (yield canonical(key)[0])

    def compute(self, key: Key) -> Generator[Key, V, V]:
        if isinstance(key, ScoreOf):
            return self.values.score(key.ref)
        return (yield from self.sum(self.rules.of(key)))

    def sum(self, parts: Sum) -> Generator[Key, V, V]:
        """Yield a sum of products of quantities."""
        out: V | None = None
        for a in parts:
            for one in self._written_out(a):
                term = yield from self._product(one)
                if term is not None:
                    out = term if out is None else self.values.add(out, term)
        return self.values.zero() if out is None else out

    def _written_out(self, a: Addend) -> Iterator[Addend]:
        """Yield one addend for each value of its bound labels; deltas are used first, so that few are left."""
        a = _without_deltas(a)
        if not a.over:
            if all(s == t for s, t in a.deltas):
                yield a
            return
        for at in self.composer.places(a.over, None, MAX_MEMBERS):
            fixed = moved(a, at)
            if all(s == t for s, t in fixed.deltas):
                yield fixed

    def _product(self, a: Addend) -> Generator[Key, V, V | None]:
        out = yield from self.constant(a.coefficient)
        if self.values.is_zero(out):
            return None
        vanishes = False
        for factor in a.factors:
            if vanishes and not (isinstance(factor, Core) and may_diverge(factor)):
                continue
            f = yield from self.core(factor) if isinstance(factor, Core) else self.ask(factor)
            vanishes |= self.values.is_zero(f)
            out = self.values.mul(out, f)
        return None if vanishes else out

    def core(self, core: Core) -> Generator[Key, V, V]:
        """Yield one Gaussian expectation."""
        groups: list[list[V]] = []
        for sums in (core.cov, core.mean):
            group = []
            for parts in sums:
                group.append((yield from self.sum(parts)))
            groups.append(group)
        constants = []
        for c in core.constants:
            constants.append((yield from self.constant(c)))
        found: dict[Term, V] = {Var(f"c{k + 1}"): f for k, f in enumerate(constants)}
        if jumps_of(core.body) and (jumps := self.values.standing(core.body, groups[0], groups[1], found, core.shown)):
            names: dict[Term, Term] = {Var(f"z{k + 1}"): t for k, t in enumerate(core.shown)}
            names |= {Var(f"c{k + 1}"): t for k, t in enumerate(core.constants)}
            names |= {v: Var(v.name.removeprefix(GUARD)) for v in variables(core.body) if v not in names}
            landed = substitute(core.body, names)
            return (yield from self.ask(Ex(self._settled(landed, [_renamed(j, names) for j in jumps]))))
        if core.size == 0:
            return self.values.evaluated(core.body, found)
        if not any(core.mean) and vanishes(
            core.body, frozenset(Var(f"z{k + 1}") for k in range(core.size)), self._signs
        ):
            return self.values.zero()
        return self.values.core(core, groups[0], groups[1], constants)

    @cached_property
    def _signs(self) -> frozenset[str]:
        return frozenset(guarded(p.name) for p in self.program.params.values() if p.low is not None and p.low >= 0)

    def _settled(self, t: Term, jumps: Sequence[Jump]) -> Term:
        """Return the term where its jumps are decided by what holds at every width; NoLimit if nothing decides one."""
        known: dict[Jump, Fraction] = {}
        for j in jumps:
            value = self.exact.constant(j.gap)
            if value is None:
                value = self.exact.beside(j)
            if value is None:
                because = (
                    f"the limit of {to_text(j.gap)} is on the jump, and it is not known to be there at every width"
                )
                help = "use a continuous function, or keep its argument away from the jump"
                raise Unsettled(
                    (Diagnostic("TP402", f"{to_text(j.place)} has no limit", j.place.place, because, "", help),)
                )
            known[j] = value
        return settled(t, known)

    def constant(self, t: Term) -> Generator[Key, V, V]:
        """Yield a term in params, matrices and scalars."""
        t = self.written_out(t)
        found: dict[Term, V] = {}
        for ref, key in scalars_in(t, self.program.families).items():
            found[ref] = yield from self.ask(key)
        if found and jumps_of(t) and (jumps := self.values.standing(t, (), (), found)):
            return (yield from self.constant(self._settled(t, jumps)))
        return self.values.evaluated(t, found)

    def written_out(self, t: Term) -> Term:
        """Return a constant with its binders written out member by member."""
        match t:
            case App(head, args) if head != SCALED:
                return App(head, tuple(self.written_out(a) for a in args), t.place) if args else t
            case Bind("softmax", args, over, mask):
                kept = self.composer.places(over, mask, MAX_MEMBERS)
                parts = [self.written_out(shift_subs(args[0], m)) for m in kept]
                chosen = dict(zip(over, (_number(self.written_out(a)) for a in args[1:]), strict=True))
                weights = [App("exp", (p,)) for p in parts]
                if chosen not in kept:
                    return Num(0)
                k = kept.index(chosen)
                return Num(1) if len(parts) == 1 else mul(weights[k], recip(add(*weights)))
            case Bind():
                return self.written_out(self.composer.expanded(t, MAX_MEMBERS))
            case _:
                return t


def _renamed(j: Jump, names: Mapping[Term, Term]) -> Jump:
    return Jump(substitute(j.place, names), substitute(j.gap, names), j.periodic)


def _number(t: Term) -> int:
    assert isinstance(t, Num)
    return int(t.value)


def _without_deltas(a: Addend) -> Addend:
    """A sum over j with [j = s] is the summand at j = s (both range over what the delta allows)."""
    for s, t in a.deltas:
        for bound, other in ((t, s), (s, t)):
            if isinstance(bound, str) and bound in a.over:
                low, high = range_of(bound)
                least, most = (other, other) if isinstance(other, int) else range_of(other)
                if low <= least and most <= high:
                    rest = tuple(d for d in a.deltas if d != (s, t))
                    over = tuple(j for j in a.over if j != bound)
                    return _without_deltas(moved(Addend(a.coefficient, rest, over, a.factors), {bound: other}))
    return a
