"""Linear combinations of bases: the roots of which they are made, which of them are dependent, mean and covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tensorprog.kernel.ground.nodes import Input, MatMul, Node
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ZERO, mul
from tensorprog.limit.rules.labels import range_of
from tensorprog.limit.rules.open import Composer, Summand, wait
from tensorprog.limit.rules.quantities import Addend, Cov, Mean, Sum, reference
from tensorprog.program.graph.constants import with_entries
from tensorprog.program.graph.covariance import Pairs, declared, equalities
from tensorprog.terms import Var

Form = tuple[Summand, ...]
"""A linear combination of bases, plus a constant: summands with one atom or none."""


@dataclass(frozen=True)
class Roots:
    """The initial vectors and products below a base, and whether its mean is zero for reasons of structure."""

    members: tuple[Var, ...]
    centred: bool
    _sources: dict[object, list[Var]] = field(default_factory=dict, compare=False)

    def by_source(self, composer: Composer) -> dict[object, list[Var]]:
        """Return the members of each matrix family and each group of inputs."""
        if not self._sources:
            for v in self.members:
                node = composer.locate(v)
                self._sources.setdefault(_source(node), []).append(v)
        return self._sources


class Forms:
    """What is known of the linear combinations in one program, each found once."""

    roots_are: tuple[type[Node], ...] = (Input, MatMul)

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.program = composer.program
        self._dependent: dict[tuple[Var, Var], bool] = {}
        self._roots: dict[Var, Roots] = {}
        self._parts: dict[Var, list[Summand]] = {}

    def parts(self, a: Var) -> list[Summand]:
        """Return a base that is a linear combination, as one."""
        if a not in self._parts:
            found = self.composer.linear(self.composer.body(self.composer.locate(a), a))
            assert found is not None
            self._parts[a] = found
        return self._parts[a]

    def roots(self, a: Var) -> Roots:
        """Return the initial vectors and products that a base is a linear combination of."""
        stack = [a]
        while stack:
            if (top := stack[-1]) not in self._roots:
                below = self._below(top)
                if wait(stack, self._roots, below):
                    continue
                self._roots[top] = self._combined(top, below)
            stack.pop()
        return self._roots[a]

    def _below(self, a: Var) -> list[Var]:
        if isinstance(self.composer.locate(a), self.roots_are):
            return []
        return [v for s in self.parts(a) for v in s.atoms if isinstance(v, Var)]

    def _combined(self, a: Var, below: list[Var]) -> Roots:
        if isinstance(self.composer.locate(a), self.roots_are):
            return Roots((a,), self._has_zero_mean(a))
        found = [self._roots[v] for v in below]
        members = tuple(dict.fromkeys(v for r in found for v in r.members))
        return Roots(members, len(below) == len(self.parts(a)) and all(r.centred for r in found))

    def _has_zero_mean(self, a: Var) -> bool:
        node = self.composer.locate(a)
        return not isinstance(node, Input) or node.group.mean[node.position] == ZERO

    def dependent(self, a: Var, b: Var) -> bool:
        """Return whether Cov(Z^a, Z^b) can be other than zero, as far as names tell."""
        if (a, b) not in self._dependent:
            left, right = self.roots(a).by_source(self.composer), self.roots(b).by_source(self.composer)
            self._dependent[a, b] = any(
                self._related(v, w)
                for source in left.keys() & right.keys()
                for v in left[source]
                for w in right[source]
            )
        return self._dependent[a, b]

    def _related(self, a: Var, b: Var) -> bool:
        one, two = self.composer.locate(a), self.composer.locate(b)
        match one, two:
            case Input(), Input():
                return any(
                    rational(with_entries(part.coefficient, self.program.matrices)) != 0
                    for part in input_rule(one, a, two, b)
                )
            case MatMul(), MatMul():
                at, bt = self.composer.mapping(one, a), self.composer.mapping(two, b)
                return deltas(reference(one.weight, at), reference(two.weight, bt)) is not None
            case _:
                return False

    def mean(self, form: Sequence[Summand]) -> Sum:
        out = []
        for s in form:
            if not s.atoms:
                out.append(Addend(s.coefficient, (), s.over))
            elif not self.roots(s.atoms[0]).centred:  # type: ignore[arg-type]
                out.append(Addend(s.coefficient, (), s.over, (Mean(s.atoms[0]),)))  # type: ignore[arg-type]
        return tuple(out)

    def cov(self, one: Form, two: Form) -> Sum:
        out = []
        for s in one:
            for t in two:
                if not s.atoms or not t.atoms or not self.dependent(s.atoms[0], t.atoms[0]):  # type: ignore[arg-type]
                    continue
                t = self.composer.refreshed(t) if s.over else t
                pair = Cov(s.atoms[0], t.atoms[0])  # type: ignore[arg-type]
                out.append(Addend(mul(s.coefficient, t.coefficient), (), (*s.over, *t.over), (pair,)))
        return tuple(out)


def _source(node: Node) -> object:
    """What two roots must share to be dependent: a family of matrices or a group of inputs; scores are one source."""
    match node:
        case MatMul(weight=weight):
            return weight.name
        case Input(group=group):
            return id(group)
    return "scores"


def deltas(a: Var, b: Var) -> Pairs | None:
    """Return where the subscripts must be equal for two weights to be the same matrix; None if they never are."""
    return None if a.name != b.name else equalities(zip(a.subs, b.subs, strict=True), range_of)


def input_rule(one: Input, a: Var, two: Input, b: Var) -> Sum:
    """Return the declared covariance of two members."""
    found = declared(one, a.subs, two, b.subs, range_of)
    return () if found is None or found[0] == ZERO else (Addend(*found),)
