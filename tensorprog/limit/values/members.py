"""Quantities of single members: sums over indices are written out, and values are whatever the algebra says.

Two algebras use this: formulas (sympy expressions in the params) and enclosures (balls that contain the true value).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Generic, TypeVar

from tensorprog.errors import Diagnostic
from tensorprog.limit.jumps.exact import Exact
from tensorprog.limit.jumps.jumps import Jump, jumps_of, settled
from tensorprog.limit.members.leaves import Unfolding
from tensorprog.limit.members.parity import has_mean, vanishes
from tensorprog.limit.rules.labels import range_of
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.rules.quantities import (
    GUARD,
    Addend,
    Core,
    Ex,
    Key,
    ScalarOf,
    ScoreOf,
    Sum,
    Unsettled,
    canonical,
    guarded,
    renamed,
)
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.rules.scalars import SCALED
from tensorprog.limit.values.schedule import Schedule
from tensorprog.program.lowering.masks import holds
from tensorprog.terms import App, Bind, Num, Sub, Term, Var, to_text
from tensorprog.terms.term import add, mul, recip, shift_subs, substitute, variables

MAX_MEMBERS = 20_000
V = TypeVar("V")


class Members(Schedule[V], Generic[V]):
    """The calculus for members with integer subscripts; subclasses say what numbers, functions and cores are."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules
        self.program = rules.program
        self.composer = rules.composer

    # -- the algebra -----------------------------------------------------------------------------------------------

    def zero(self) -> V:
        raise NotImplementedError

    def add(self, a: V, b: V) -> V:
        raise NotImplementedError

    def mul(self, a: V, b: V) -> V:
        raise NotImplementedError

    def is_zero(self, a: V) -> bool:
        raise NotImplementedError

    def evaluated(self, t: Term, found: dict[Term, V]) -> V:
        """A constant term without binders; `found` are the limits of the scalars in it."""
        raise NotImplementedError

    def core(self, core: Core, cov: Sequence[V], mean: Sequence[V], constants: Sequence[V]) -> V:
        """The expectation of a core's body."""
        raise NotImplementedError

    def score(self, ref: Var) -> V:
        raise NotImplementedError

    def standing(
        self, body: Term, cov: Sequence[V], mean: Sequence[V], found: dict[Term, V], shown: Sequence[Term] = ()
    ) -> Sequence[Jump]:
        """The jumps of a body at which its variables may stand; `found` are its constants, `shown` what is written."""
        raise NotImplementedError

    @property
    def given(self) -> Mapping[str, Fraction]:
        """The params' numbers, in an algebra that has them."""
        return {}

    @cached_property
    def exact(self) -> Exact:
        """What holds at every width."""
        return Exact(Unfolding(self.program), self.given)

    # -- the calculus ----------------------------------------------------------------------------------------------

    def value(self, key: Key) -> V:
        return self.solve(canonical(key)[0])

    def total(self, parts: Sum) -> V:
        """A sum of products of quantities."""
        return self.run(self._sum(parts))

    def of_core(self, core: Core) -> V:
        """One Gaussian expectation."""
        return self.run(self._core(core))

    def compute(self, key: Key) -> Generator[Key, V, V]:
        if isinstance(key, ScoreOf):
            return self.score(key.ref)
        return (yield from self._sum(self.rules.of(key)))

    def _sum(self, parts: Sum) -> Generator[Key, V, V]:
        out: V | None = None
        for a in parts:
            for one in self._written_out(a):
                term = yield from self._product(one)
                if term is not None:
                    out = term if out is None else self.add(out, term)
        return self.zero() if out is None else out

    def _written_out(self, a: Addend) -> Iterator[Addend]:
        """One addend for each value of its bound labels; deltas are used first, so that few are left."""
        a = _without_deltas(a)
        if not a.over:
            if all(s == t for s, t in a.deltas):
                yield a
            return
        ranges = [range(low, high + 1) for low, high in map(self.composer.range_of, a.over)]
        size = 1
        for r in ranges:
            size *= len(r)
        if size > MAX_MEMBERS:
            raise TooLarge
        for at in product(*ranges):
            fixed = moved(a, dict(zip(a.over, at, strict=True)))
            if all(s == t for s, t in fixed.deltas):
                yield fixed

    def _product(self, a: Addend) -> Generator[Key, V, V | None]:
        out = yield from self.constant(a.coefficient)
        if self.is_zero(out):
            return None
        vanishes = False
        for factor in a.factors:
            if vanishes and not (isinstance(factor, Core) and may_diverge(factor)):
                continue
            if isinstance(factor, Core):
                f = yield from self._core(factor)
            else:
                f = yield canonical(factor)[0]
            vanishes |= self.is_zero(f)
            out = self.mul(out, f)
        return None if vanishes else out

    def _core(self, core: Core) -> Generator[Key, V, V]:
        groups: list[list[V]] = []
        for sums in (core.cov, core.mean):
            group = []
            for parts in sums:
                f = yield from self._sum(parts)
                group.append(f)
            groups.append(group)
        constants = []
        for c in core.constants:
            f = yield from self.constant(c)
            constants.append(f)
        found: dict[Term, V] = {Var(f"c{k + 1}"): f for k, f in enumerate(constants)}
        if jumps_of(core.body) and (jumps := self.standing(core.body, groups[0], groups[1], found, core.shown)):
            names: dict[Term, Term] = {Var(f"z{k + 1}"): t for k, t in enumerate(core.shown)}
            names |= {Var(f"c{k + 1}"): t for k, t in enumerate(core.constants)}
            names |= {v: Var(v.name.removeprefix(GUARD)) for v in variables(core.body) if v not in names}
            landed = substitute(core.body, names)
            return (yield canonical(Ex(self._settled(landed, [_renamed(j, names) for j in jumps])))[0])
        if core.size == 0:
            return self.evaluated(core.body, found)
        if not any(core.mean) and vanishes(
            core.body, frozenset(Var(f"z{k + 1}") for k in range(core.size)), self._signs
        ):
            return self.zero()
        return self.core(core, groups[0], groups[1], constants)

    @cached_property
    def _signs(self) -> frozenset[str]:
        return frozenset(guarded(p.name) for p in self.program.params.values() if p.low is not None and p.low >= 0)

    def _settled(self, t: Term, jumps: Sequence[Jump]) -> Term:
        """The term where its jumps are decided by what holds at every width; NoLimit if nothing decides one."""
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
        t = self.written_out(t)
        found: dict[Term, V] = {}
        for ref, key in self._scalars(t):
            found[ref] = yield canonical(key)[0]
        if found and jumps_of(t) and (jumps := self.standing(t, (), (), found)):
            return (yield from self.constant(self._settled(t, jumps)))
        return self.evaluated(t, found)

    def _scalars(self, t: Term) -> list[tuple[Term, Key]]:
        out: dict[Term, Key] = {}
        stack = [t]
        while stack:
            top = stack.pop()
            match top:
                case App(head, (Var() as ref, Num(power))) if head == SCALED:
                    out[top] = ScalarOf(ref, power)
                case Var(name) if name in self.program.families:
                    out[top] = ScalarOf(top)
                case App(_, args):
                    stack += args
        return list(out.items())

    def written_out(self, t: Term) -> Term:
        """A constant with its binders written out member by member."""
        match t:
            case App(head, args) if head != SCALED:
                return App(head, tuple(self.written_out(a) for a in args), t.place) if args else t
            case Bind(head, args, over, mask):
                at = list(product(*(range(low, high + 1) for low, high in map(self.composer.range_of, over))))
                if len(at) > MAX_MEMBERS:
                    raise TooLarge
                names: list[dict[str, Sub]] = [dict(zip(over, values, strict=True)) for values in at]
                kept = [m for m in names if mask is None or holds(shift_subs(mask, m), {})]
                parts = [self.written_out(shift_subs(args[0], m)) for m in kept]
                if head == "sum":
                    return add(*parts)
                if head in ("max", "min"):
                    return App(head, tuple(parts)) if len(parts) > 1 else parts[0]
                entry: list[Sub] = [_number(self.written_out(a)) for a in args[1:]]
                chosen: dict[str, Sub] = dict(zip(over, entry, strict=True))
                weights = [App("exp", (p,)) for p in parts]
                if chosen not in kept:
                    return Num(0)
                k = kept.index(chosen)
                return Num(1) if len(parts) == 1 else mul(weights[k], recip(add(*weights)))
            case _:
                return t


def may_diverge(core: Core) -> bool:
    """Is the expectation not known to exist by the heads of its body? Then 0 times it is not known to be 0."""
    return not has_mean(core.body, frozenset(Var(f"z{k + 1}") for k in range(core.size)))


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


def moved(a: Addend, names: dict[str, Sub]) -> Addend:
    """The addend with labels renamed or fixed."""
    if not names:
        return a

    def sub(s: Sub) -> Sub:
        return names.get(s, s) if isinstance(s, str) else s

    return Addend(
        shift_subs(a.coefficient, names),
        tuple((sub(s), sub(t)) for s, t in a.deltas),
        tuple(j for j in a.over if j not in names),
        tuple(moved_core(f, names) if isinstance(f, Core) else renamed(f, names) for f in a.factors),
    )


def moved_core(core: Core, names: dict[str, Sub]) -> Core:
    return Core(
        core.body,
        core.size,
        tuple(tuple(moved(a, names) for a in parts) for parts in core.cov),
        tuple(tuple(moved(a, names) for a in parts) for parts in core.mean),
        tuple(shift_subs(c, names) for c in core.constants),
        tuple(shift_subs(t, names) for t in core.shown),
    )


__all__ = ["MAX_MEMBERS", "Members", "moved", "moved_core"]
