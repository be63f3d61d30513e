"""Scores: which dot products are random in the limit, on which they depend, and their covariance.

    p = c n^{-1/2} <u, v>,   Cov(p, p') = c c' r E[Z^u Z^v Z^{u'} Z^{v'}]
                                        = c c' r (C(u,u') C(v,v') + C(u,v') C(v,u'))    for products u, v
                                        = c c' r Cov(v, v') E[Z^u Z^{u'}]               for readout vectors v, v'

(Sakai, Karakida & Imaizumi 2025, Definition 1(iv).) They are jointly Gaussian, centred, and independent of every Z
above. Sides of width r n count r times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from tensorprog.kernel.ground.nodes import Dot, Input, MatMul, Scalar
from tensorprog.kernel.ground.powers import MOMENT, SCORE
from tensorprog.kernel.ground.term import ONE, ZERO, children, mul, shift_subs
from tensorprog.limit.rules.open import Split, Summand, wait
from tensorprog.limit.rules.quantities import Addend, Ex, Sum, no_limit, reference
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.rules.scalars import SCALED
from tensorprog.program.graph.covariance import side_width
from tensorprog.terms import App, Bind, Num, Term, Var


class Scores:
    """The scores of one program in normal form."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.program = rules.program
        self.composer = rules.composer
        self.families, self.dependent = self.program.scores, self.program.dependent
        self._below: dict[Var, frozenset[Var]] = {}
        self._depth: dict[Var, int] = {}
        self._readouts: dict[Var, tuple[Var, Var] | None] = {}

    def depends(self, terms: Iterable[Term]) -> bool:
        """Return whether a name in one of the terms depends on scores."""
        stack = list(terms)
        while stack:
            top = stack.pop()
            if isinstance(top, Var) and top.name in self.dependent:
                return True
            stack += children(top)
        return False

    # -- covariance ------------------------------------------------------------------------------------------------

    def sides(self, ref: Var) -> tuple[Var, Var]:
        """Return the two vectors of a score."""
        node = self.composer.locate(ref)
        assert isinstance(node, Dot)
        mapping = self.composer.mapping(node, ref)
        return reference(node.left, mapping), reference(node.right, mapping)

    def covariance(self, p: Var, q: Var) -> Sum:
        """Cov(p, q) given earlier scores, as a sum of products; NoLimit where the formula does not hold."""
        one, two = self.composer.locate(p), self.composer.locate(q)
        assert isinstance(one, Dot)
        assert isinstance(two, Dot)
        c, _ = self.rules.scalars.factor(one, p)
        d, _ = self.rules.scalars.factor(two, q)
        scale = mul(c, d, side_width(self.program, one))
        return tuple(Addend(mul(scale, a.coefficient), a.deltas, a.over, a.factors) for a in self.bare_covariance(p, q))

    def bare_covariance(self, p: Var, q: Var) -> Sum:
        """The same for the dot products over the square root of their width, without the factors they carry."""
        self.check(p)
        self.check(q)
        one, two = self.composer.locate(p), self.composer.locate(q)
        assert isinstance(one, Dot)
        assert isinstance(two, Dot)
        if side_width(self.program, one) != side_width(self.program, two):
            return ()
        return (Addend(ONE, (), (), (Ex(mul(*self.sides(p), *self.sides(q))),)),)

    def linear(self, t: Term) -> list[Summand] | None:
        """A scalar as a sum of constants and of constants times scores (the atoms), or None if it is no such sum."""
        if self.composer.is_vector(t):
            return None
        try:
            return self._linear(t, Fraction(0))
        except Split:
            return None

    def _linear(self, t: Term, power: Fraction) -> list[Summand] | None:
        """Return the same for n^power times the scalar."""
        if not self.depends([t]):
            return [Summand(self.rules.scalars.scaled(t, power))]
        match t:
            case Var():
                match node := self.composer.locate(t):
                    case Dot():
                        _, own = self.rules.scalars.factor(node, t)
                        if own + power == SCORE:
                            return [Summand(ONE, (), (t,))]
                        return [Summand(self.rules.scalars.scaled(t, power))] if own + power == MOMENT else None
                    case Scalar():
                        return self._linear(self.rules.scalars.scaled(self.composer.body(node, t), power), Fraction(0))
                return None
            case App(head, (Var() as ref, Num(k))) if head == SCALED:
                return self._linear(ref, power + k)
            case App("neg", (a,)):
                inner = self._linear(a, power)
                return inner and [Summand(mul(Num(-1), s.coefficient), s.over, s.atoms) for s in inner]
            case App("add", args):
                parts = [self._linear(a, power) for a in args]
                return None if None in parts else [s for p in parts if p for s in p]
            case App("mul", args):
                inside = [a for a in args if self.depends([a])]
                if len(inside) != 1 or (inner := self._linear(inside[0], power)) is None:
                    return None
                c = mul(*(a for a in args if a is not inside[0]))
                return [Summand(mul(c, s.coefficient), s.over, s.atoms) for s in inner]
            case Bind("sum", (body,), over, None):
                new = {j: self.composer.fresh(self.composer.range_of(j), j) for j in over}
                inner = self._linear(shift_subs(body, new), power)
                names = tuple(v for v in new.values() if isinstance(v, str))
                return inner and [Summand(s.coefficient, (*names, *s.over), s.atoms) for s in inner]
            case _:
                return None

    def linear_covariance(self, one: Sequence[Summand], two: Sequence[Summand]) -> Sum:
        """Cov of two sums of constants times scores."""
        out = []
        for s in one:
            for t in two:
                if not s.atoms or not t.atoms:
                    continue
                t = self.composer.refreshed(t)
                p, q = s.atoms[0], t.atoms[0]
                assert isinstance(p, Var)
                assert isinstance(q, Var)
                out += [
                    Addend(mul(s.coefficient, t.coefficient, a.coefficient), a.deltas, (*s.over, *t.over, *a.over),
                           a.factors)
                    for a in self.covariance(p, q)
                ]  # fmt: skip
        return tuple(out)

    def check(self, p: Var) -> None:
        """Refuse dot products that are no scores: one matrix on both sides, or a side that no MatMul made."""
        u, v = (self.source(s) for s in self.sides(p))
        one, two = self.composer.locate(u), self.composer.locate(v)
        if isinstance(one, MatMul) and isinstance(two, MatMul):
            if self.rules.forms.dependent(u, v):
                raise no_limit("TP102", f"both sides of {p.name} go through the matrix {one.weight.name}", p.place,
                               "such a dot product is of order n, or has another variance than that of a score",
                               "use two different matrices")  # fmt: skip
            return
        if any(self.is_readout_vector(side, other) for side, other in ((u, v), (v, u))):
            return
        raise no_limit("TP103", f"a side of {p.name} is not made by a MatMul", p.place,
                       "the limit of a score is known for two products with different matrices",
                       "multiply the side by a separate matrix")  # fmt: skip

    def readout(self, p: Var) -> tuple[Var, Var] | None:
        """Return the readout vector of a dot product, and the side that it reads."""
        if p not in self._readouts:
            self._readouts[p] = self._readout(p)
        return self._readouts[p]

    def _readout(self, p: Var) -> tuple[Var, Var] | None:
        u, v = self.sides(p)
        for side, other in ((self.source(u), v), (self.source(v), u)):
            if self.is_readout_vector(side, other):
                return side, other
        return None

    def source(self, ref: Var) -> Var:
        """Return a vector by the base that it is another name of."""
        opened = self.composer.open(ref)
        return opened if isinstance(opened, Var) else ref

    def is_readout_vector(self, side: Var, other: Var) -> bool:
        """Return whether it is a centred initial vector, independent of all that makes the other side."""
        node = self.composer.locate(side)
        if not isinstance(node, Input) or node.group.mean[node.position] != ZERO:
            return False
        if not self._input_names(other.name) & set(node.group.names):
            return True
        labels = dict.fromkeys(s for v in (side, other) for s in v.subs if isinstance(s, str))
        members = self.composer.places([*labels], None)
        return all(self._is_apart(reference(side, at), reference(other, at)) for at in members)

    def _is_apart(self, side: Var, other: Var) -> bool:
        seen, stack = {other}, [other]
        while stack:
            top = stack.pop()
            if isinstance(self.composer.locate(top), Input) and self.rules.forms.dependent(side, top):
                return False
            new = [r for r in self._references(top, True) if r not in seen]
            seen.update(new)
            stack += new
        return True

    def _input_names(self, name: str) -> set[str]:
        """Return the initial vectors that a family depends on."""
        out, stack = {name}, [name]
        while stack:
            for node in self.program.families[stack.pop()].pieces:
                for r, _ in self.program.references(node):
                    if r.name not in out:
                        out.add(r.name)
                        stack.append(r.name)
        return {n for n in out if any(isinstance(p, Input) for p in self.program.families[n].pieces)}

    # -- who depends on which --------------------------------------------------------------------------------------

    def below(self, ref: Var) -> frozenset[Var]:
        """Return the score members that a member depends on (a score also on itself)."""
        stack = [ref]
        while stack:
            if (top := stack[-1]) not in self._below:
                used = [r for r in self._references(top) if r.name in self.dependent]
                if wait(stack, self._below, used):
                    continue
                own = frozenset({top} if self._is_score(top) else ())
                self._below[top] = own.union(*(self._below[r] for r in used))
            stack.pop()
        return self._below[ref]

    def _is_score(self, ref: Var) -> bool:
        node = self.composer.locate(ref)
        if not isinstance(node, Dot) or node.name not in self.families:
            return False
        return self.program.powers.dot_powers.get(id(node)) != {MOMENT}

    def _references(self, ref: Var, everything: bool = False) -> list[Var]:
        node = self.composer.locate(ref)
        mapping = self.composer.mapping(node, ref)
        match node:
            case Input():
                return []
            case MatMul(arg=arg):
                terms: tuple[Term, ...] = (arg,)
            case Dot(left=left, right=right):
                terms = (left, right)
            case _:
                terms = (node.body,)  # type: ignore[union-attr]
        return list(dict.fromkeys(r for t in terms for r in self.members(shift_subs(t, mapping), everything)))

    def members(self, t: Term, everything: bool = False) -> Iterator[Var]:
        """Yield every member that t names, binders written out; masked entries of a softmax are not seen.

        Unless `everything` is asked for, binders without scores are passed over.
        """
        match t:
            case Var(name):
                if name in self.program.families:
                    yield t
            case Bind(head, args, over, mask):
                if not everything and not self.depends([args[0]]):
                    return
                seen = self.composer.places(over, mask)
                if head == "softmax" and len(seen) == 1:
                    return  # a row with one entry is the number 1
                for m in seen:
                    yield from self.members(shift_subs(args[0], m), everything)
            case _:
                for c in children(t):
                    yield from self.members(c, everything)

    def layers(self, refs: Iterable[Var]) -> tuple[tuple[Var, ...], ...]:
        """Return all scores below the members, by depth: those of one layer depend on earlier layers only."""
        found = frozenset().union(*(self.below(r) for r in refs))
        depths: dict[int, list[Var]] = {}
        for p in found:
            depths.setdefault(self._depth_of(p), []).append(p)
        order = {f: k for k, f in enumerate(self.program.families)}
        return tuple(
            tuple(sorted(depths[d], key=lambda p: (order[p.name], [s for s in p.subs if isinstance(s, int)])))
            for d in sorted(depths)
        )

    def _depth_of(self, p: Var) -> int:
        stack = [p]
        while stack:
            if (top := stack[-1]) not in self._depth:
                above = [*self.below(top) - {top}]
                if wait(stack, self._depth, above):
                    continue
                self._depth[top] = 1 + max((self._depth[q] for q in above), default=-1)
            stack.pop()
        return self._depth[p]
