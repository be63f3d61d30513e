"""Assumption 1 (a) and (b) by brute force: every element of every family written out, nothing decided by patterns.

A vector is a sum of coefficients times *atoms*: products W x of one matrix and one sum of atoms, values of functions,
initial vectors. Two products with the same matrix and the same input are one vector, however they are written. Only
what the patterns of `tests.theorems.patterns` need is understood: scores in functions of scalars, never in matrices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import Any

from tensorprog.kernel.ground.nodes import Dot, Input, LinComb, MatMul, Scalar
from tensorprog.program import Program
from tensorprog.terms import App, Bind, Num, Term, Var
from tests.program.expansion import Element, Expansion, Meaning


class Cancelled(Exception):
    """A sum in which some vector vanishes: whether it then counts as used is another question."""


Linear = frozenset[tuple[Any, Fraction]]
"""A vector as coefficients of atoms."""


@dataclass
class Upstream:
    """What lies above some elements: all products (matrix, input), and all scores as sets of pairs of atoms."""

    products: set[Any] = field(default_factory=set)
    scores: set[frozenset[Any]] = field(default_factory=set)

    @property
    def sides(self) -> set[Any]:
        return {side for score in self.scores for pair in score for side in pair}

    def exclusive(self) -> bool:
        """(a): a matrix that makes a score side makes nothing but score sides."""
        sides = self.sides
        matrices = {side[1] for side in sides if side[0] == "product"}
        return all(p in sides for p in self.products if p[1] in matrices)

    def distinct(self) -> bool:
        """(b): the two sides of one score come through different matrices."""
        return all(
            not (left[0] == right[0] == "product" and left[1] == right[1])
            for score in self.scores
            for left, right in score
        )


class Oracle:
    """All elements of one program."""

    def __init__(self, program: Program) -> None:
        self.expansion = Expansion(program, Meaning())
        self.program = program
        self._vectors: dict[Element, Linear] = {}

    def above(self, elements: list[Element]) -> Upstream:
        """Everything that the elements depend on."""
        found = Upstream()
        todo, seen = list(elements), set()
        while todo:
            element = todo.pop()
            if element in seen:
                continue
            seen.add(element)
            node, at = self.expansion.definition(*element)
            match node:
                case Input():
                    continue
                case MatMul(arg=x):
                    found.products |= {atom for atom, _ in self.vector(element)}
                    todo.append((x.name, self.expansion.at(x, at)))
                case Dot(left=u, right=v):
                    sides = [(r.name, self.expansion.at(r, at)) for r in (u, v)]
                    left, right = (self.vector(e) for e in sides)
                    found.scores.add(frozenset((a, b) for a, _ in left for b, _ in right))
                    todo += sides
                case _:
                    todo += list(self._reads(node.body, at))
        return found

    def all_scores(self) -> list[Element]:
        names = [name for name, family in self.program.families.items() if isinstance(family.pieces[0], Dot)]
        return [(name, member) for name in names for member in self.expansion.members(name)]

    def absorbed(self, elements: list[Element]) -> bool:
        """Is there a set of unused scores with which (a) and (b) hold? All sets where they are few.

        Otherwise the greatest: scores of the rest that break (b), have a matrix that makes something else, or ask for
        what a matrix makes besides, are removed until nothing is broken.
        """
        base = self.above(elements)
        if not base.distinct():
            return False
        scores = [s for s in self.all_scores() if self.above([s]).distinct()]
        if len(scores) <= 6:
            every = (subset for k in range(len(scores) + 1) for subset in combinations(scores, k))
            return any(self._fine([*elements, *subset]) for subset in every)
        while not self._fine([*elements, *scores]):
            whole = self.above([*elements, *scores])
            broken = {p for p in whole.products if p not in whole.sides and p[1] in {s[1] for s in whole.sides}}
            matrices = {p[1] for p in broken}
            left = []
            for s in scores:
                mine = self.above([s])
                if not matrices & {side[1] for side in mine.sides} and not broken & (mine.products - base.products):
                    left.append(s)
            if len(left) == len(scores):
                return False
            scores = left
        return True

    def _fine(self, elements: list[Element]) -> bool:
        up = self.above(elements)
        return up.exclusive() and up.distinct()

    def _reads(self, t: Term, at: dict[str, int]) -> Iterator[Element]:
        match t:
            case Var(name) if name in self.program.families:
                yield name, self.expansion.at(t, at)
            case App(_, args):
                for a in args:
                    yield from self._reads(a, at)
            case Bind(_, (body,), over, None):
                for inner in self.expansion.assignments(list(over)):
                    yield from self._reads(body, {**at, **inner})
            case Num():
                pass
            case _:
                raise AssertionError(t)

    def vector(self, element: Element) -> Linear:
        """The element as a sum over atoms."""
        if element not in self._vectors:
            node, at = self.expansion.definition(*element)
            match node:
                case MatMul(weight=w, arg=x):
                    matrix = (w.name, self.expansion.at(w, at))
                    made = self._through(matrix, self.vector((x.name, self.expansion.at(x, at))))
                case LinComb(body=body):
                    made = self._linear(body, at)
                case Scalar() | Dot():
                    raise AssertionError(node)
                case _:
                    made = {("function", self.expansion.element(*element)): Fraction(1)}
            if not all(made.values()):
                raise Cancelled
            self._vectors[element] = frozenset(made.items())
        return self._vectors[element]

    @staticmethod
    def _through(matrix: Any, x: Linear) -> dict[Any, Fraction]:
        """W (c x) is c (W x); a sum of several atoms is one input."""
        if not x:
            return {}
        scale = min(x, key=repr)[1] if len(x) > 1 else next(iter(x))[1]
        return {("product", matrix, frozenset((a, c / scale) for a, c in x)): scale}

    def _linear(self, t: Term, at: dict[str, int]) -> dict[Any, Fraction]:
        match t:
            case Var(name) if name in self.program.families:
                return dict(self.vector((name, self.expansion.at(t, at))))
            case App("neg", (a,)):
                return {atom: -c for atom, c in self._linear(a, at).items()}
            case App("add", args):
                return _sum(self._linear(a, at) for a in args)
            case App("mul", args):
                scale, vectors = Fraction(1), []
                for a in args:
                    if isinstance(a, Num):
                        scale *= a.value
                    else:
                        vectors.append(self._linear(a, at))
                (x,) = vectors
                return {atom: scale * c for atom, c in x.items()}
            case Bind("sum", (body,), over):
                return _sum(self._linear(body, {**at, **inner}) for inner in self.expansion.assignments(list(over)))
        raise AssertionError(t)


def _sum(parts: Any) -> dict[Any, Fraction]:
    out: dict[Any, Fraction] = {}
    for part in parts:
        for atom, c in part.items():
            out[atom] = out.get(atom, Fraction(0)) + c
    return out
