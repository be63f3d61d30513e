"""Nonlins composed down to inputs, MatMuls, dot products and moments: what a vector is, as one function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from tensorprog.program.graph.graph import Graph
from tensorprog.program.graph.indices import Range, assignments, length
from tensorprog.program.graph.nodes import Input, LinComb, Node, Nonlin, Scalar
from tensorprog.terms import Bind, Sub, Term, Var
from tensorprog.terms.term import add, call, children, shift_subs, size, transform

MAX_COMPOSED = 4_000
MAX_MEMBERS = 2_000


class CannotCompose(Exception):
    """The composed expression would be too large, or a reference spans differently defined pieces."""


class Spans(CannotCompose):
    """A reference touches members with different definitions: they must be taken one by one."""


class Composer:
    """Expressions over atoms: the leaves of a composed term are inputs, MatMuls, Dots and Moments."""

    def __init__(self, program: Graph) -> None:
        self.program = program
        self._memo: dict[int, Term] = {}

    def of_node(self, node: Node) -> Term:
        """The node's members as a function of atoms, over the node's own index names."""
        found = self._memo.get(id(node))
        if found is None:
            match node:
                case LinComb(body=body) | Nonlin(body=body) | Scalar(body=body):
                    found = self.of_term(body)
                case Input():
                    found = Var(node.name, node.subs)
                case _:
                    found = Var(node.name, node.subs, node.place)
            if size(found) > MAX_COMPOSED:
                raise CannotCompose(f"{node.name} is too large once composed")
            self._memo[id(node)] = found
        return found

    def of_term(self, t: Term) -> Term:
        """The term with every reference to a LinComb, Nonlin or Scalar replaced by its definition."""
        try:
            out = transform(t, self._leaf)
        except RecursionError:
            raise CannotCompose("nested too deep once composed") from None
        if size(out) > MAX_COMPOSED:
            raise CannotCompose("the expression is too large once composed")
        return out

    def _leaf(self, t: Term) -> Term | None:
        if not isinstance(t, Var) or t.name not in self.program.families:
            return None
        pieces = self.program.resolve(t)
        maps = [node for node, _ in pieces if isinstance(node, LinComb | Nonlin | Scalar)]
        if not maps:
            return t
        if len(pieces) > 1:
            raise Spans(f"{t.name} spans several definitions")
        return shift_subs(self.of_node(maps[0]), self._renaming(maps[0], t))

    @staticmethod
    def _renaming(node: Node, ref: Var) -> dict[str, Sub]:
        return {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str) and a != b}

    def members(self, t: Term, ranges: Mapping[str, Range] | None = None) -> list[Term]:
        """The term as functions of atoms: one, or one for each member where definitions differ between members.

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
        """An index along which a reference meets different definitions, and whether it is bound in the term."""
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
        """A reference to a map that spans definitions further down, replaced by the map's body."""
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


def unrolled(program: Graph, t: Bind, most: int = MAX_MEMBERS) -> Term:
    """A sum, max or min over indices written out; raises CannotCompose for other binders and for many terms."""
    ranges = program.ranges(t.over)
    count = prod(map(length, ranges.values()))
    if t.head not in ("sum", "max", "min") or t.mask is not None or count * size(t) > MAX_COMPOSED or count > most:
        raise CannotCompose(f"the terms of a {t.head} are defined differently")
    terms = [shift_subs(t.args[0], at) for at in assignments(ranges)]
    return terms[0] if len(terms) == 1 else add(*terms) if t.head == "sum" else call(t.head, *terms)


def free_indices(program: Graph, t: Term) -> list[str]:
    """The index names that a term is a family over: those bound nowhere around their use."""
    out: dict[str, None] = {}
    stack: list[tuple[Term, tuple[str, ...]]] = [(t, ())]
    while stack:
        top, bound = stack.pop()
        if isinstance(top, Var):
            for s in top.subs or (top.name,):
                if isinstance(s, str) and s.rstrip("~'") in program.indices and s not in bound:
                    out[s] = None
        elif isinstance(top, Bind) and top.head == "softmax" and len(top.args) == 1:
            stack += [(c, bound) for c in children(top)]  # its entry is the one at the free index
        elif isinstance(top, Bind):
            stack += [(c, (*bound, *top.over)) for c in (top.args[0], *(() if top.mask is None else (top.mask,)))]
            stack += [(c, bound) for c in top.args[1:]]
        else:
            stack += [(c, bound) for c in reversed(children(top))]
    return list(out)
