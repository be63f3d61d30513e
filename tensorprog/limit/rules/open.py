"""Vectors as functions of Gaussians: names are opened until initial vectors, MatMuls and their sums are left.

What is left is called a base: given the scores, all bases together are jointly Gaussian.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise
from math import prod
from typing import TypeVar

from tensorprog.errors import fail
from tensorprog.kernel.ground.indices import Range, assignments, length, match
from tensorprog.kernel.ground.masks import holds
from tensorprog.kernel.ground.nodes import Input, LinComb, MatMul, Node, Nonlin
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ONE, ZERO, add, mul, shift_subs, variables
from tensorprog.limit.rules.labels import Label, label
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Num, Sub, Term, Var

K = TypeVar("K")
MAX_SUMMANDS = 4_000
MAX_EXPANDED = 512
MINUS_ONE = Num(-1)


class Split(Exception):
    """A reference whose members are defined by several instructions: its label falls into these ranges."""

    def __init__(self, name: str, ranges: tuple[Range, ...]) -> None:
        super().__init__(name)
        self.label = name
        self.ranges = ranges


class TooLarge(Exception):
    """An expression that would open into too many summands, or a polynomial into too many terms."""


@dataclass(frozen=True, slots=True)
class Summand:
    """The sum over `over` of coefficient times the product of atoms (vectors, or functions of vectors)."""

    coefficient: Term = ONE
    over: tuple[str, ...] = ()
    atoms: tuple[Term, ...] = ()


def wait(stack: list[K], known: Container[K], parts: Sequence[K]) -> bool:
    """Puts parts that are not known yet on a stack, to be known first: long chains need no recursion."""
    todo = [k for k in parts if k not in known]
    stack += todo
    return bool(todo)


class Composer:
    """Opens the names of one (normalised) program."""

    def __init__(self, program: Graph) -> None:
        self.program = program
        self._fresh = count()
        self._gaussian: dict[int, bool] = {}
        self._located: dict[Var, Node] = {}

    # -- members ---------------------------------------------------------------------------------------------------

    def range_of(self, name: str) -> Range:
        """Return the range of an index name or label."""
        return name.values if isinstance(name, Label) else self.program.range_of(name)

    def is_vector(self, t: Term) -> bool:
        """Return whether a vector occurs in t."""
        families = self.program.families
        return any(v.name in families and families[v.name].kind == "vector" for v in variables(t))

    def locate(self, ref: Var) -> Node:
        """Return the one instruction that defines all members of `ref`, or `Split`."""
        if ref in self._located:
            return self._located[ref]
        ranges = {s: self.range_of(s) for s in ref.subs if isinstance(s, str)}
        found = self.program.resolve(ref, {**self.program.indices, **ranges})
        if not found:
            raise fail("TP006", f"{ref.name} is not defined at {ref.subs}", ref.place)
        if len(found) == 1:
            self._located[ref] = found[0][0]
            return found[0][0]
        where = {**self.program.indices, **ranges}
        boxes = [match(node.subs, ref.subs, where) or {} for node, _ in found]
        for s in ranges:
            cuts = {b for box in boxes for b in (box[s][0], box[s][1] + 1)}
            edges = sorted(cuts)
            if len(edges) > 2:
                raise Split(s, tuple((a, b - 1) for a, b in pairwise(edges)))
        raise AssertionError("two instructions define one member")

    def body(self, node: Node, ref: Var) -> Term:
        """Return the right-hand side of a map (LinComb, Nonlin, Moment, Scalar) at the members that `ref` names."""
        return shift_subs(node.body, self.mapping(node, ref))  # type: ignore[union-attr]

    def mapping(self, node: Node, ref: Var) -> dict[str, Sub]:
        """From the node's index names to the subscripts of `ref`."""
        return {s: r for s, r in zip(node.subs, ref.subs, strict=True) if isinstance(s, str)}

    def is_gaussian(self, ref: Var) -> bool:
        """Return whether the vector is a base: Gaussian given the scores."""
        node = self.locate(ref)
        if id(node) not in self._gaussian:
            self._gaussian[id(node)] = self._is_base(node)
        return self._gaussian[id(node)]

    def _is_base(self, node: Node) -> bool:
        """Instructions come in order, so arguments are settled first and the recursion stays flat."""
        pending = [node]
        while pending:
            top = pending[-1]
            if id(top) in self._gaussian:
                pending.pop()
                continue
            match top:
                case Input() | MatMul():
                    self._gaussian[id(top)] = True
                case LinComb(body=body) | Nonlin(body=body) if self._is_linear(body):
                    below = [n for v in variables(body) if self._is_family(v) for n in self._definers(v)]
                    todo = [n for n in below if id(n) not in self._gaussian]
                    if todo:
                        pending += todo
                        continue
                    self._gaussian[id(top)] = all(self._gaussian[id(n)] for n in below)
                case _:
                    self._gaussian[id(top)] = False
        return self._gaussian[id(node)]

    def _is_family(self, v: Var) -> bool:
        return v.name in self.program.families and self.program.families[v.name].kind == "vector"

    def _definers(self, v: Var) -> list[Node]:
        ranges = {s: self.range_of(s) for s in v.subs if isinstance(s, str)}
        return [n for n, _ in self.program.resolve(v, {**self.program.indices, **ranges})]

    def _is_linear(self, t: Term) -> bool:
        match t:
            case Var():
                return self._is_family(t)
            case App("neg", (a,)) | Bind("sum", (a,)):
                return self._is_linear(a)
            case App("add", args):
                return all(self._is_linear(a) for a in args)
            case App("mul", args):
                inner = [a for a in args if self.is_vector(a)]
                return len(inner) == 1 and self._is_linear(inner[0])
            case _:
                return False

    def head(self, t: Term) -> Term:
        """Return the term, opened where it is a definition and not a function."""
        return t

    # -- sums of products ------------------------------------------------------------------------------------------

    def fresh(self, values: Range, like: str) -> Sub:
        """Return a new label over these values (the value itself if there is one), named after an index."""
        stem = like.name if isinstance(like, Label) else like
        return label(f"{stem.partition('%')[0].rstrip('~')}%{next(self._fresh)}", values)

    def open(self, ref: Var) -> Term:
        """Return a base as it is (an alias as what it names), another vector as its right-hand side."""
        while True:
            node = self.locate(ref)
            match node:
                case LinComb(body=Var()):
                    inner = self.body(node, ref)
                    assert isinstance(inner, Var)
                    ref = inner
                case _ if self.is_gaussian(ref):
                    return ref
                case _:
                    return self.body(node, ref)

    def summands(self, t: Term) -> list[Summand]:
        """A vector expression (or product of vectors) as a sum of products; atoms are bases or functions of them."""
        if not self.is_vector(t):
            return [] if t == ZERO else [Summand(t)]
        match t:
            case Var():
                opened = self.open(t)
                return [Summand(ONE, (), (opened,))] if isinstance(opened, Var) else self.summands(opened)
            case App("neg", (a,)):
                return [Summand(mul(MINUS_ONE, s.coefficient), s.over, s.atoms) for s in self.summands(a)]
            case App("add", args):
                return _bounded([s for a in args for s in self.summands(a)])
            case App("mul", args):
                return self._product([self.summands(a) for a in args])
            case App("pow", (a, Num(k))) if k.denominator == 1 and 2 <= k <= 4 and self.linear(a) is None:
                parts = self.summands(a)
                if len(parts) > 1 and len(parts) ** int(k) <= MAX_SUMMANDS:
                    return self._product([self.summands(a) for _ in range(int(k))])
                return [Summand(ONE, (), (t,))]
            case Bind("sum", (body,), over, None):
                return _bounded([s for part in self._opened_sum(body, over) for s in part])
            case _:
                return [Summand(ONE, (), (t,))]

    def _product(self, factors: list[list[Summand]]) -> list[Summand]:
        out = [Summand()]
        for parts in factors:
            if len(out) * len(parts) > MAX_SUMMANDS:
                out, parts = _merged(out), _merged(parts)
            if len(out) * len(parts) > MAX_SUMMANDS:
                raise TooLarge
            out = [
                Summand(mul(a.coefficient, b.coefficient), (*a.over, *b.over), (*a.atoms, *b.atoms))
                for a in out
                for b in (self.refreshed(b) if a.over and b.over else b for b in parts)
            ]
        return out

    def refreshed(self, s: Summand) -> Summand:
        """Return the same summand with fresh labels."""
        if not s.over:
            return s
        new = {j: self.fresh(self.range_of(j), j) for j in s.over}
        over = tuple(v for v in new.values() if isinstance(v, str))
        return Summand(shift_subs(s.coefficient, new), over, tuple(shift_subs(a, new) for a in s.atoms))

    def cut(self, s: Summand, split: Split) -> Iterator[Summand]:
        """Yield the summand with one of its labels restricted to one range after the other."""
        for r in split.ranges:
            new: dict[str, Sub] = {split.label: self.fresh(r, split.label)}
            names = (new.get(j, j) for j in s.over)
            over = tuple(j for j in names if isinstance(j, str))
            yield Summand(shift_subs(s.coefficient, new), over, tuple(shift_subs(a, new) for a in s.atoms))

    def _opened_sum(self, body: Term, over: tuple[str, ...]) -> Iterator[list[Summand]]:
        """Yield the summands of sum(body for over), the sum cut where a family changes its defining instruction."""
        yield from self._cut_sum(body, {j: self.range_of(j) for j in over})

    def _cut_sum(self, body: Term, ranges: Mapping[str, Range]) -> Iterator[list[Summand]]:
        new: dict[str, Sub] = {j: self.fresh(r, j) for j, r in ranges.items()}
        names = {v: j for j, v in new.items() if isinstance(v, str)}
        try:
            inner = self.summands(shift_subs(body, new))
        except Split as split:
            if split.label not in names:
                raise
            for r in split.ranges:
                yield from self._cut_sum(body, {**ranges, names[split.label]: r})
            return
        yield [Summand(s.coefficient, (*names, *s.over), s.atoms) for s in inner]

    def linear(self, t: Term) -> list[Summand] | None:
        """t as a linear combination of bases plus a constant (summands with one atom or none), or None."""
        if not self.is_vector(t):
            return [] if t == ZERO else [Summand(t)]
        match t:
            case Var():
                opened = self.open(t)
                return [Summand(ONE, (), (opened,))] if isinstance(opened, Var) else self.linear(opened)
            case App("neg", (a,)):
                inner = self.linear(a)
                return inner and [Summand(mul(MINUS_ONE, s.coefficient), s.over, s.atoms) for s in inner]
            case App("add", args):
                parts = [self.linear(a) for a in args]
                return None if None in parts else _bounded([s for p in parts if p for s in p])
            case App("mul", args):
                inside = [a for a in args if self.is_vector(a)]
                if len(inside) != 1 or (inner := self.linear(inside[0])) is None:
                    return None
                c = mul(*(a for a in args if a is not inside[0]))
                return [Summand(mul(c, s.coefficient), s.over, s.atoms) for s in inner]
            case Bind("sum", (body,), over, None):
                try:
                    opened_sum = [s for part in self._opened_sum(body, over) for s in part]
                except TooLarge:
                    return None
                return opened_sum if all(len(s.atoms) <= 1 and all(isinstance(a, Var) for a in s.atoms)
                                         for s in opened_sum) else None  # fmt: skip
            case _:
                return None

    def expanded(self, t: Bind, most: int = MAX_EXPANDED) -> Term:
        """A sum, maximum or minimum over indices written out member by member; TooLarge for others and for many."""
        head = {"sum": "add", "max": "max", "min": "min"}.get(t.head)
        if head is None or (t.mask is not None and head != "add"):
            raise TooLarge
        members = [shift_subs(t.args[0], at) for at in self.places(t.over, t.mask, most)]
        return add(*members) if head == "add" else members[0] if len(members) == 1 else App(head, tuple(members))

    def places(self, over: Sequence[str], mask: Term | None, most: int | None = None) -> list[dict[str, int]]:
        """The values of bound indices that a mask leaves; `TooLarge` where more than `most` are to be looked at."""
        ranges = {j: self.range_of(j) for j in over}
        if most is not None and prod(map(length, ranges.values())) > most:
            raise TooLarge
        return [at for at in assignments(ranges) if mask is None or holds(mask, at)]


def softmax_entry(k: int | None, logits: Sequence[Term]) -> Term:
    """Return entry k of a softmax: 0 where a mask leaves none, 1/m of m logits that are the same."""
    if k is None:
        return ZERO
    return Num(Fraction(1, len(logits))) if len(set(logits)) == 1 else App("softmax", (Num(k), *logits))


def _merged(parts: list[Summand]) -> list[Summand]:
    """Return summands with the same atoms as one, where their coefficients are numbers."""
    numbers: dict[tuple[Term, ...], Fraction] = {}
    rest = []
    for s in parts:
        c = None if s.over else rational(s.coefficient)
        if c is None:
            rest.append(s)
        else:
            atoms = tuple(sorted(s.atoms, key=repr))
            numbers[atoms] = numbers.get(atoms, Fraction(0)) + c
    return rest + [Summand(Num(c), (), atoms) for atoms, c in numbers.items() if c]


def _bounded(parts: list[Summand]) -> list[Summand]:
    if len(parts) > MAX_SUMMANDS:
        raise TooLarge
    return parts
