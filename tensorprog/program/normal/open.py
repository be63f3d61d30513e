"""Terms composed down to basic vectors and scalars where definitions differ between members: one by one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from math import prod

from tensorprog.kernel.ground.composed import MAX_COMPOSED, CannotCompose, Composer, Spans
from tensorprog.kernel.ground.indices import Range, assignments, length
from tensorprog.kernel.ground.nodes import Dot, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import (
    Bind,
    Num,
    Sub,
    Term,
    Var,
    add,
    call,
    mul,
    shift_subs,
    size,
    transform,
    variables,
)
from tensorprog.program.lowering.known import free_indices

MAX_MEMBERS = 2_000


class MemberComposer(Composer):
    """Composes a term, or each of its members where these have several definitions.

    Atoms with one definition are one atom: of `m[i] = mean(u[2])` every member is m[1], and `m[1] - m[3]` is 0.
    """

    def __init__(self, program: Instructions) -> None:
        super().__init__(program)
        self._same: dict[Var, tuple[Var, Hashable]] = {}
        self._names: dict[Hashable, Var] = {}

    def of_term(self, t: Term) -> Term:
        """Return the term over atoms, equal ones under one name, and sums of equal terms as products."""
        return transform(self._merged(super().of_term(t)), self._repeated)

    def _merged(self, t: Term) -> Term:
        """Return the composed term with equal atoms under the name of the first."""
        atoms = [v for v in variables(t) if v.name in self.program.families]
        if len(atoms) < 2 or not any(v.subs for v in atoms):
            return t
        first: dict[Hashable, Var] = {}
        one: dict[Term, Var] = {}
        for v in atoms:
            member, definition = self._defined(v)
            if (known := first.setdefault(definition, member)) != v:
                one[v] = known
        return transform(t, one.get) if len(first) < len(atoms) else t

    def _repeated(self, t: Term) -> Term | None:
        """Return a sum over indices that its body does not read as a multiple of the body, the maximum as the body."""
        if not isinstance(t, Bind) or t.head not in ("sum", "max", "min") or t.mask is not None:
            return None
        body = transform(t.args[0], self._repeated)
        if set(t.over) & set(free_indices(self.program, body)):
            return None
        count = prod(length(r) for r in self.program.ranges(t.over).values())
        return body if t.head != "sum" or count == 1 else mul(Num(Fraction(count)), body)

    def _defined(self, v: Var) -> tuple[Var, Hashable]:
        """The first member that equals an atom for all values of its indices, and what both are, without their name."""
        if v not in self._same:
            self._same[v] = v, v
            pieces = self.program.resolve(v)
            if len(pieces) == 1:
                with suppress(CannotCompose, RecursionError):
                    self._same[v] = self._first(v, pieces[0][0])
        return self._same[v]

    def _first(self, v: Var, node: Node) -> tuple[Var, Hashable]:
        at = self._renaming(node, v)
        match node:
            case Moment(body=body):
                parts: tuple[Term, ...] = (self._named(shift_subs(body, at)),)
            case MatMul(weight=w, arg=x):
                parts = shift_subs(w, at), self._named(shift_subs(x, at))
            case Dot(left=x, right=y, factor=f):
                left, right = sorted((self._named(shift_subs(z, at)) for z in (x, y)), key=repr)
                parts = left, right, shift_subs(f, at)
            case _:
                return v, v
        read = {i for part in parts for i in free_indices(self.program, part)}
        subs: tuple[Sub, ...] = tuple(
            s if isinstance(s, int) or s in read or isinstance(axis, int) else self.program.range_of(axis)[0]
            for s, axis in zip(v.subs, node.subs, strict=True)
        )
        return Var(v.name, subs, v.place), (type(node), getattr(node, "transposed", False), parts)

    def _named(self, t: Term) -> Term:
        """Return the composed term with the first of all equal atoms in place of each."""

        def first(u: Term) -> Term | None:
            if not isinstance(u, Var) or u.name not in self.program.families:
                return None
            member, definition = self._defined(u)
            return self._names.setdefault(definition, member)

        return transform(super().of_term(t), first)

    def members(self, t: Term, ranges: Mapping[str, Range] | None = None) -> list[Term]:
        """Return the term as functions of atoms: one, or one for each member where definitions differ between members.

        `ranges`: the values of free indices that count, where they are not all values. Raises CannotCompose.
        """
        out: dict[Term, None] = {}
        for each in self._members(t, ranges or {}):
            out[each] = None
            if len(out) > MAX_MEMBERS:
                raise CannotCompose(f"more than {MAX_MEMBERS} members are defined differently")
        return list(out)

    def _members(self, t: Term, ranges: Mapping[str, Range]) -> Iterator[Term]:
        try:
            yield self.of_term(t)
            return
        except Spans:
            pass
        split = self._split(t)
        if split is None:
            yield from self._members(transform(t, self._one_level), ranges)
            return
        index, inside = split
        if inside:
            yield from self._members(transform(t, lambda u: self._unrolled(u, index)), ranges)
            return
        low, high = ranges.get(index) or self.program.range_of(index)
        for value in range(low, high + 1):
            yield from self._members(shift_subs(t, {index: value}), ranges)

    def _split(self, t: Term) -> tuple[str, bool] | None:
        """Return an index along which a reference meets different definitions, and whether it is bound in the term."""
        for ref, bound in self.program.references_in(t):
            pieces = [node for node, _ in self.program.resolve(ref)]
            if len(pieces) < 2 or not any(isinstance(node, LinComb | Nonlin | Scalar) for node in pieces):
                continue
            for k, s in enumerate(ref.subs):
                if isinstance(s, str) and len({node.subs[k] for node in pieces}) > 1:
                    return s, s in bound
            raise CannotCompose(f"{ref.name} spans several definitions")
        return None

    def _one_level(self, t: Term) -> Term | None:
        """Return a reference to a map that spans definitions further down, replaced by the map's body."""
        if not isinstance(t, Var) or t.name not in self.program.families:
            return None
        ((node, _), *_) = self.program.resolve(t)
        if not isinstance(node, LinComb | Nonlin | Scalar):
            return None
        try:
            self.of_node(node)
        except Spans:
            return shift_subs(node.body, self._renaming(node, t))
        return None

    def _unrolled(self, t: Term, index: str) -> Term | None:
        return unrolled(self.program, t) if isinstance(t, Bind) and index in t.over else None


def unrolled(program: Instructions, t: Bind, most: int = MAX_MEMBERS) -> Term:
    """Return a sum, max or min over indices written out; raises CannotCompose for other binders and for many terms."""
    ranges = program.ranges(t.over)
    count = prod(map(length, ranges.values()))
    if t.head not in ("sum", "max", "min") or t.mask is not None or count * size(t) > MAX_COMPOSED or count > most:
        raise CannotCompose(f"the terms of a {t.head} are defined differently")
    terms = [shift_subs(t.args[0], at) for at in assignments(ranges)]
    return terms[0] if len(terms) == 1 else add(*terms) if t.head == "sum" else call(t.head, *terms)
