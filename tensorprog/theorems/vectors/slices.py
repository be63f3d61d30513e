"""Members of families as functions of the initial vectors and products that they are made of.

The slice of a member along one of these atoms is its function of that atom's value, the other atoms at their means:
one variable, whatever the number of members that a sum runs over. Along a line, each
atom is a multiple of one variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import product
from math import prod
from typing import Literal

from tensorprog.kernel.ground.indices import assignments, length, representatives
from tensorprog.kernel.ground.nodes import Dot, Input, LinComb, MatMul, Node, Nonlin, Scalar
from tensorprog.kernel.ground.term import ZERO, add, mul, neg, rebuild, walk
from tensorprog.numbers.interval import Interval
from tensorprog.program.graph.constants import at_indices
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.theorems.vectors.member import Member, matrix_of, member_of
from tensorprog.theorems.vectors.softmax_form import index_names

MANY_MEMBERS, MOST_MEMBERS = 1_024, 10_000
MUCH_WORK = 400_000
LARGEST_SLICE = 2_000
Z = Var("_z")


class TooMuch(Exception):
    """More members than are looked at."""


Along = Member | Literal["line"] | None
"""One atom, all atoms at once, or none."""


class Slices:
    """The members of one program; `limit`: a scalar's limit, if known, and an interval that holds it."""

    def __init__(self, program: Graph, limit: Callable[[Member], tuple[Term | None, Interval]]) -> None:
        self.program = program
        self.limit = limit
        self.work = MUCH_WORK
        self.scalars: dict[str, Interval] = {}
        self._atoms: dict[Member, frozenset[Member]] = {}
        self._multiples: dict[Member, Fraction] = {}
        self._same: dict[tuple[str, tuple[int, ...], Member], Member] = {}
        self._slices: dict[tuple[Member, Along], Term] = {}

    def spend(self) -> None:
        """Count one step."""
        self.work -= 1
        if self.work < 0:
            raise TooMuch

    # -- members -------------------------------------------------------------------------------------------------

    def classes(self, node: Node) -> Iterator[tuple[int, ...]]:
        """Yield all members, or one for each class that nothing in the program tells apart."""
        axes = [s for s in node.subs if isinstance(s, str)]
        box = [self.program.range_of(s) for s in axes]
        found: Iterator[tuple[int, ...]] = product(*(range(lo, hi + 1) for lo, hi in box))
        size = prod(map(length, box))
        if size > MANY_MEMBERS and not self._values_matter:
            found = representatives(box, [], self._breaks, equalities=True)
        elif size > MOST_MEMBERS:
            raise TooMuch
        for at in found:
            self.spend()
            yield at

    @property
    def _values_matter(self) -> bool:
        """Return whether indices are read as numbers somewhere, or constant arrays by position."""
        p = self.program
        bodies = [t for n in p.nodes if (t := getattr(n, "body", None)) is not None]
        covs = [t for g in p.groups for row in g.cov for t in row] + [t for g in p.groups for t in g.mean]
        factors = [n.factor for n in p.nodes if isinstance(n, Dot)] + [w.variance for w in p.weights.values()]
        names = (v for t in (*bodies, *covs, *factors) for v in _vars_outside_masks(t))
        return any(v.name in p.matrices or v.name.rstrip("'~") in p.indices for v in names)

    @property
    def _breaks(self) -> set[int]:
        """Every integer by which the program could tell members apart."""
        out = {b for lo, hi in self.program.indices.values() for b in (lo, hi)}
        for node in self.program.nodes:
            refs = [r for r, _ in self.program.references(node)] + ([node.weight] if isinstance(node, MatMul) else [])
            out |= {s for subs in (node.subs, *(r.subs for r in refs)) for s in subs if isinstance(s, int)}
        return out

    def values(self, names: Iterable[str]) -> Iterator[dict[str, int]]:
        """Yield every assignment of these indices."""
        for at in assignments(self.program.ranges(names)):
            self.spend()
            yield at

    def atoms(self, m: Member) -> frozenset[Member]:
        """Return the initial vectors and products that a member is a function of."""
        if m not in self._atoms:
            match m.node:
                case LinComb(body=body) | Nonlin(body=body):
                    self._atoms[m] = frozenset(a for r in self._read(body, m.env) for a in self.atoms(r))
                case _:
                    self._atoms[m] = frozenset({self._first(m)})
        return self._atoms[m]

    def _first(self, m: Member) -> Member:
        """Return the same product wherever it is made: g[1] = W @ x[1] of a family, and W @ x[1] by itself."""
        if not isinstance(m.node, MatMul):
            return m
        x = member_of(self.program, m.node.arg, m.env)
        while isinstance(x.node, LinComb) and isinstance(x.node.body, Var):
            x = member_of(self.program, x.node.body, x.env)
        return self._same.setdefault((m.node.weight.name, matrix_of(m), x), m)

    def _read(self, t: Term, env: dict[str, int]) -> set[Member]:
        """Return the vectors that a term reads."""
        out: set[Member] = set()
        for ref, bound in self.program.references_in(t):
            if self.program.families[ref.name].kind == "vector":
                for values in self.values(j for j in bound if j in ref.subs):
                    out.add(member_of(self.program, ref, {**env, **values}))
        return out

    # -- functions of one member ---------------------------------------------------------------------------------

    def slice(self, m: Member, a: Along) -> Term:
        """Return the member as a function of one atom's value `_z`, the others at their means; or along a line."""
        key = (m, a if a == "line" or a in self.atoms(m) else None)
        if key not in self._slices:
            self._slices[key] = self._sliced(m, key[1])
        return self._slices[key]

    def _sliced(self, m: Member, a: Along) -> Term:
        match m.node:
            case LinComb(body=body) | Nonlin(body=body) | Scalar(body=body):
                found = self._at(body, m.env, a)
                if sum(1 for _ in walk(found)) > LARGEST_SLICE:
                    raise TooMuch
                return found
            case Input() | MatMul() if a == "line":
                return mul(
                    Num(self._multiples.setdefault(self._first(m), Fraction(len(self._multiples) % 7 + 2, 4))), Z
                )
            case Input(group=group, position=k):
                return Z if a is not None else self._at(group.mean[k], m.env, None)
            case MatMul():
                return Z if a is not None else ZERO
            case _:
                return self._scalar(m)

    def _scalar(self, m: Member) -> Term:
        """Return the limit of a scalar: its value, or a symbol."""
        name = f"_{m.node.name}:{m.at}:{id(m.node)}"
        value, self.scalars[name] = self.limit(m)
        return Var(name) if value is None else value

    def _at(self, t: Term, env: dict[str, int], a: Along) -> Term:
        self.spend()
        match t:
            case Var(name) if name in self.program.families:
                return self.slice(member_of(self.program, t, env), a)
            case Num() | Var():
                return at_indices(t, env, self.program)
            case App("mul", args):
                parts = [self._at(p, env, a) for p in args]
                return ZERO if ZERO in parts else mul(*parts)
            case App("add", args):
                return _sum(self._at(p, env, a) for p in args)
            case App("neg", (p,)):
                return neg(self._at(p, env, a))
            case App(_, args):
                return rebuild(t, tuple(self._at(p, env, a) for p in args))
            case Bind("sum", (p,), over, None):
                return _sum(self._at(p, {**env, **values}, a) for values in self.values(over))
            case Bind("max" | "min" as head, (p,), over, None):
                parts = list(dict.fromkeys(self._at(p, {**env, **values}, a) for values in self.values(over)))
                return parts[0] if len(parts) == 1 else App(head, tuple(parts))
            case Bind("softmax"):
                return self._weight(t, env)
            case _:
                raise TooMuch

    def _weight(self, t: Bind, env: dict[str, int]) -> Var:
        """Return an entry of a softmax of scalars: some number in (0, 1), or [0, 1) with a mask."""
        inside = tuple(sorted((k, v) for k, v in env.items() if k in index_names(t)))
        name = f"_{hash((t, inside))}:{t!r}:{inside}"
        self.scalars[name] = Interval(Fraction(0), Fraction(1), t.mask is not None, True)
        return Var(name)


def _vars_outside_masks(t: Term) -> Iterator[Var]:
    stack = [t]
    while stack:
        top = stack.pop()
        if isinstance(top, Var):
            yield top
        elif isinstance(top, App | Bind):
            stack.extend(top.args)


def _sum(terms: Iterable[Term]) -> Term:
    """Return a sum without zeros, equal terms counted and numbers added."""
    counts: dict[Term, int] = {}
    constant = Fraction(0)
    for t in terms:
        if isinstance(t, Num):
            constant += t.value
        else:
            counts[t] = counts.get(t, 0) + 1
    parts = [t if k == 1 else mul(Num(k), t) for t, k in counts.items()]
    return add(*parts, *([Num(constant)] if constant else []))
