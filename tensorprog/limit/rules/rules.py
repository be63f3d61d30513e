"""The rules of the limit, as structure: each quantity as a sum of products of simpler ones.

    Cov(Z^{Wx}, Z^{Wx'}) = σ² E[Z^x Z^{x'}],  0 for different matrices          (Yang 2019; the MatMul rule)
    Cov(Z^{Σ c_k g_k}, Z^h) = Σ c_k Cov(Z^{g_k}, Z^h)                           (LinComb)
    E[Σ c_k Π_l φ_kl(g)] = Σ c_k Π over independent groups of E[...]            (sums opened, independent factors apart)

What depends on labels only through their equality carries a delta; nothing here is a number yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tensorprog.limit.rules.bases import Extraction, Form
from tensorprog.limit.rules.labels import range_of
from tensorprog.limit.rules.open import Composer, Split, Summand, TooLarge
from tensorprog.limit.rules.quantities import (
    Addend,
    Cov,
    Ex,
    Key,
    Mean,
    ScalarOf,
    ScoreOf,
    Sum,
    no_limit,
)
from tensorprog.limit.rules.scalars import ScalarRules
from tensorprog.program.graph.constants import primed_indices, with_entries
from tensorprog.program.graph.nodes import Input, LinComb, MatMul, Node, Nonlin, Weight
from tensorprog.program.graph.scaling import rational, width_power
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import Num, Sub, Term, Var
from tensorprog.terms.term import ONE, ZERO, mul, shift_subs


@dataclass(frozen=True)
class Roots:
    """The initial vectors and products below a base, and whether its mean is zero for reasons of structure."""

    members: tuple[Var, ...]
    centred: bool
    _sources: dict[object, list[Var]] = field(default_factory=dict, compare=False)

    def by_source(self, composer: Composer) -> dict[object, list[Var]]:
        """The members of each matrix family and each group of inputs."""
        if not self._sources:
            for v in self.members:
                node = composer.locate(v)
                self._sources.setdefault(_source(node), []).append(v)
        return self._sources


class Rules:
    """The right-hand side of every quantity of one program in normal form; computed once each."""

    roots_are: tuple[type[Node], ...] = (Input, MatMul)

    def __init__(self, program: Analysis, composer: Composer | None = None) -> None:
        self.program = program
        self.composer = composer or Composer(program)
        self.scalars = ScalarRules(self.composer)
        self._position = {id(node): k for k, node in enumerate(program.nodes)}
        self._memo: dict[Key, Sum] = {}
        self._dependent: dict[tuple[Var, Var], bool] = {}
        self._roots: dict[Var, Roots] = {}
        self._parts: dict[Var, list[Summand]] = {}

    def of(self, key: Key) -> Sum:
        """The quantity as a sum of products; `Split` where a label must be cut first, NoLimit where no rule applies."""
        if key not in self._memo:
            self._memo[key] = self._find(key)
        return self._memo[key]

    def _find(self, key: Key) -> Sum:
        match key:
            case Cov(a, b):
                return self._cov(a, b)
            case Mean(a):
                return self._mean(a)
            case Ex(term):
                return self._expectation(term)
            case ScalarOf(ref, power):
                return self.scalars.rule(ref, power)
            case ScoreOf():
                return ()

    # -- bases -----------------------------------------------------------------------------------------------------

    def _cov(self, a: Var, b: Var) -> Sum:
        one, two = self.composer.locate(a), self.composer.locate(b)
        if isinstance(one, LinComb | Nonlin) and (
            not isinstance(two, LinComb | Nonlin) or self._position[id(one)] >= self._position[id(two)]
        ):
            return tuple(
                Addend(s.coefficient, (), s.over, (Cov(s.atoms[0], b),))  # type: ignore[arg-type]
                for s in self.parts(a)
                if s.atoms and self.dependent(s.atoms[0], b)  # type: ignore[arg-type]
            )
        if isinstance(two, LinComb | Nonlin):
            return self._cov(b, a)
        match one, two:
            case Input(), Input():
                return _input_rule(one, a, two, b)
            case MatMul(), MatMul():
                return self._matmul_rule(one, a, two, b)
            case _:
                return ()

    def parts(self, a: Var) -> list[Summand]:
        """A base that is a linear combination, as one."""
        if a not in self._parts:
            found = self.composer.linear(self.composer.body(self.composer.locate(a), a))
            assert found is not None
            self._parts[a] = found
        return self._parts[a]

    def _matmul_rule(self, one: MatMul, a: Var, two: MatMul, b: Var) -> Sum:
        refuse_transpose(one)
        refuse_transpose(two)
        at, bt = self.composer.mapping(one, a), self.composer.mapping(two, b)
        deltas = _deltas(_moved(one.weight, at), _moved(two.weight, bt))
        if deltas is None:
            return ()
        weight = self.program.weights[one.weight.name]
        x, y = _moved(one.arg, at), _moved(two.arg, bt)
        scale = self.weight_scale(weight, _moved(one.weight, at).subs)
        return (Addend(scale, deltas, (), (Ex(mul(x, y)),)),)

    def weight_scale(self, weight: Weight, subs: tuple[Sub, ...]) -> Term:
        """σ² of a weight whose entries have variance σ²/(input width)."""
        variance = shift_subs(weight.variance, dict(zip(weight.subs, subs, strict=True)))
        found = width_power(variance, self.program.widths)
        if variance == ZERO:
            return ZERO
        if found is None or found[1] != -1:
            raise no_limit(
                "TP104",
                f"the entries of {weight.name} do not have variance of the order 1/n",
                weight.place,
                "a product with it vanishes or diverges as the width grows",
                "state the variance with its 1/(input width), for example sigma^2/n",
            )
        return mul(found[0], Num(self.program.widths[weight.cols]))

    def _mean(self, a: Var) -> Sum:
        node = self.composer.locate(a)
        match node:
            case Input(group=group, position=k):
                m = shift_subs(group.mean[k], self.composer.mapping(node, a))
                return () if m == ZERO else (Addend(m),)
            case MatMul():
                refuse_transpose(node)
                return ()
            case _:
                return self.form_mean(self.parts(a))

    def roots(self, a: Var) -> Roots:
        """The initial vectors and products that a base is a linear combination of; iterative, for long chains."""
        stack = [a]
        while stack:
            top = stack[-1]
            if top in self._roots:
                stack.pop()
                continue
            if isinstance(self.composer.locate(top), self.roots_are):
                self._roots[top] = Roots((top,), self._has_zero_mean(top))
                continue
            parts = self.parts(top)
            below = [s.atoms[0] for s in parts if s.atoms]
            todo = [v for v in below if isinstance(v, Var) and v not in self._roots]
            if todo:
                stack += todo
                continue
            found = [self._roots[v] for v in below if isinstance(v, Var)]
            members = tuple(dict.fromkeys(v for r in found for v in r.members))
            self._roots[top] = Roots(members, len(below) == len(parts) and all(r.centred for r in found))
        return self._roots[a]

    def _has_zero_mean(self, a: Var) -> bool:
        node = self.composer.locate(a)
        return not isinstance(node, Input) or node.group.mean[node.position] == ZERO

    def dependent(self, a: Var, b: Var) -> bool:
        """Can Cov(Z^a, Z^b) be other than zero, as far as names tell?"""
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
                    for part in _input_rule(one, a, two, b)
                )
            case MatMul(), MatMul():
                at, bt = self.composer.mapping(one, a), self.composer.mapping(two, b)
                return _deltas(_moved(one.weight, at), _moved(two.weight, bt)) is not None
            case _:
                return False

    # -- expectations ----------------------------------------------------------------------------------------------

    def _expectation(self, term: Term) -> Sum:
        try:
            parts = self.composer.summands(term)
        except TooLarge:
            parts = [Summand(ONE, (), (term,))]
        return tuple(a for s in parts if s.coefficient != ZERO for a in self._expected(s))

    def _expected(self, s: Summand) -> Iterator[Addend]:
        """The mean of a summand; its sum is cut where a family inside a function changes its defining instruction."""
        try:
            factors = Extraction(self, s.atoms).cores()
        except Split as split:
            if split.label not in s.over:
                raise
            for piece in self.composer.cut(s, split):
                yield from self._expected(piece)
        else:
            yield Addend(s.coefficient, (), s.over, factors)

    def form_mean(self, form: Sequence[Summand]) -> Sum:
        out = []
        for s in form:
            if not s.atoms:
                out.append(Addend(s.coefficient, (), s.over))
            elif not self.roots(s.atoms[0]).centred:  # type: ignore[arg-type]
                out.append(Addend(s.coefficient, (), s.over, (Mean(s.atoms[0]),)))  # type: ignore[arg-type]
        return tuple(out)

    def form_cov(self, one: Form, two: Form) -> Sum:
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


def _moved(v: Var, mapping: dict[str, Sub]) -> Var:
    out = shift_subs(v, mapping)
    assert isinstance(out, Var)
    return out


def _deltas(a: Var, b: Var) -> tuple[tuple[Sub, Sub], ...] | None:
    """Where the subscripts must be equal for two weights to be the same matrix; None if they never are."""
    if a.name != b.name:
        return None
    return _equalities(zip(a.subs, b.subs, strict=True))


def _equalities(pairs: Iterable[tuple[Sub, Sub]]) -> tuple[tuple[Sub, Sub], ...] | None:
    out: list[tuple[Sub, Sub]] = []
    for s, t in pairs:
        if s == t:
            continue
        low, high = _extent(s)
        if isinstance(s, int) and isinstance(t, int):
            return None
        if high < _extent(t)[0] or low > _extent(t)[1]:
            return None
        out.append((s, t))
    return tuple(out)


def _extent(s: Sub) -> tuple[int, int]:
    return (s, s) if isinstance(s, int) else range_of(s)


def _input_rule(one: Input, a: Var, two: Input, b: Var) -> Sum:
    """Members of one group: the declared entry, where they agree in every index whose primed form does not occur."""
    group = one.group
    if two.group is not group:
        return ()
    coupled = primed_indices(group)
    pairs = zip(group.subs, a.subs, b.subs, strict=True)
    deltas = _equalities([(s, t) for name, s, t in pairs if name not in coupled])
    if deltas is None:
        return ()
    mapping: dict[str, Sub] = dict(zip(group.subs, a.subs, strict=True))
    mapping |= {name + "'": t for name, t in zip(group.subs, b.subs, strict=True)}
    entry = shift_subs(group.cov[one.position][two.position], mapping)
    return () if entry == ZERO else (Addend(entry, deltas),)


def refuse_transpose(node: MatMul) -> None:
    if node.transposed:
        raise no_limit(
            "TP106",
            f"{node.name} is a product with a transposed matrix",
            node.place,
            "the rule for MatMul holds for programs without transposes: for W' tanh(W x) it predicts covariance 0,"
            " and simulation measures another value",
            "use an independent matrix in its place, or ask `simulate`",
        )


__all__ = ["Roots", "Rules"]
