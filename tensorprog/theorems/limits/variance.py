"""Which limits have positive variance.

E[F(Z)^2] > 0   if F is continuous, Z_A has positive variance and is independent of the other Z's, these have mean
                0, and F(a, 0) is not 0 for some a: the point (a, 0) lies in the support of Z.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from tensorprog.functions.decide.positivity import nonzero_somewhere, sign_of
from tensorprog.functions.named.library import library
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.program.graph.constants import primed_indices
from tensorprog.program.graph.graph import Graph
from tensorprog.program.graph.nodes import Input, MatMul, Node
from tensorprog.program.graph.scaling import width_power
from tensorprog.program.normal.open import CannotCompose
from tensorprog.terms import App, Bind, Num, Sub, Term, Var
from tensorprog.terms.term import ZERO, shift_subs, transform, variables, walk
from tensorprog.theorems.limits.limit import Limit
from tensorprog.theorems.limits.nondegenerate import Nondegenerate
from tensorprog.theorems.vectors.nonlinearities import Nonlinearities
from tensorprog.theorems.vectors.slices import Member

Sign = Literal["positive", "nonnegative", "zero", "real"]


class Variances:
    """Signs of second moments, for one program. `limits`: what is known of its scalars."""

    def __init__(self, program: Graph, functions: Nonlinearities) -> None:
        self.program = program
        self.functions = functions
        self._atoms: dict[int, bool] | None = None
        self._found: dict[object, bool] = {}
        self.limits: Callable[[Var], Limit] | None = None
        self.nondegenerate = Nondegenerate(program, functions, self._limit)

    def atom_positive(self, node: Node) -> bool:
        """Is E[(Z - E Z)^2] > 0 proved for every member of this Input or MatMul?"""
        if self._atoms is None:
            self._atoms = {}
            for each in self.program.nodes:
                if isinstance(each, Input):
                    self._atoms[id(each)] = self._input_positive(each)
                elif isinstance(each, MatMul):
                    generic = self._weight_positive(each) and self.second_moment_positive(each.arg)
                    self._atoms[id(each)] = generic or self.nondegenerate.every_member(each)
        return self._atoms.get(id(node), False)

    def zero_atom(self, node: Node) -> bool:
        """Is this initial vector identically 0, or a product of something identically 0?"""
        if isinstance(node, Input):
            return node.group.cov[node.position][node.position] == ZERO and node.group.mean[node.position] == ZERO
        if isinstance(node, MatMul):
            return self.vanishes(node.arg)
        return False

    def vanishes(self, ref: Var) -> bool:
        """Is the vector 0 almost surely (all the atoms it is made of vanish, and the function is 0 at 0)?"""
        try:
            t = self.functions.composer.of_term(ref)
        except CannotCompose:
            return False
        atoms = self._atom_refs(t)
        if not atoms or not all(self.zero_atom(n) for a in atoms for n, _ in self.program.resolve(a)):
            return False
        at_zero = transform(t, lambda v: ZERO if v in atoms else None)
        return sign_of(at_zero, self.functions.assumptions) == "zero"

    def _weight_positive(self, node: MatMul) -> bool:
        part = width_power(self.program.weights[node.weight.name].variance, self.program.widths)
        return part is not None and self._constant_sign(part[0]) == "positive"

    def _constant_sign(self, t: Term) -> Sign:
        return self.nondegenerate.constant_sign(t)

    def _input_positive(self, node: Input) -> bool:
        diagonal = node.group.cov[node.position][node.position]
        same = {s + "'": s for s in node.group.subs}
        return self._constant_sign(shift_subs(diagonal, dict(same))) == "positive"

    # -- second moments ------------------------------------------------------------------------------------------

    def second_moment_positive(self, ref: Var) -> bool:
        """Is E[F(Z)^2] > 0 proved for the vector `ref` = F(atoms)?"""
        try:
            return all(self.positive_somewhere(t) for t in self.functions.composer.members(ref))
        except CannotCompose:
            return False

    def positive_somewhere(self, t: Term) -> bool:
        """Is P(F(Z) != 0) > 0 proved for F a composed term?"""
        whole = t
        bound = {j for b in walk(t) if isinstance(b, Bind) for j in b.over}
        atoms = self._atom_refs(t)
        scalars = [v for v in variables(t) if v.name in self.program.families and v not in atoms]
        t, assumptions = self._at_limits(t, scalars)
        for a in atoms:
            if any(s in bound for s in a.subs):
                continue
            nodes = [n for n, _ in self.program.resolve(a)]
            if not nodes or not all(self.atom_positive(n) for n in nodes):
                continue
            others = [b for b in atoms if b != a]
            fine = self.centred(others) and self.independent(a, others)
            if others and not (fine and self.functions.facts(whole).continuous.proved):
                continue
            values: dict[Term, Term] = {**dict.fromkeys(others, ZERO), a: Var("#z")}
            if self._nonzero(transform(t, values.get), assumptions):
                return True
        return False

    def _nonzero(self, alone: Term, assumptions: dict[str, Interval]) -> bool:
        key = (alone, tuple(sorted((k, str(v)) for k, v in assumptions.items() if k.startswith("#"))))
        if key not in self._found:
            self._found[key] = nonzero_somewhere(alone, ["#z"], assumptions).proved
        return self._found[key]

    def _at_limits(self, t: Term, scalars: list[Var]) -> tuple[Term, dict[str, Interval]]:
        """The term with its scalars at their limits: exact values, or new names, each with what is known of it."""
        values: dict[Term, Term] = {}
        assumptions = dict(self.functions.assumptions)
        for k, v in enumerate(scalars):
            limit = self.limits(v) if self.limits is not None else None
            if limit is not None and limit.value is not None:
                values[v] = limit.value
            else:
                values[v] = Var(f"#s{k}", v.subs)
                assumptions[f"#s{k}"] = limit.at if limit is not None else REALS
        return transform(t, values.get), assumptions

    def _limit(self, m: Member) -> Interval:
        """An interval that holds the limit of a moment."""
        ref = Var(m.node.name, tuple(s if isinstance(s, int) else m.env[s] for s in m.node.subs))
        return REALS if self.limits is None else self.limits(ref).at

    def _atom_refs(self, t: Term) -> list[Var]:
        return [
            v
            for v in variables(t)
            if v.name in self.program.families and self.program.families[v.name].kind == "vector"
        ]

    def centred(self, refs: list[Var]) -> bool:
        for ref in refs:
            for node, _ in self.program.resolve(ref):
                if isinstance(node, Input) and node.group.mean[node.position] != ZERO:
                    return False
        return True

    def independent(self, a: Var, others: list[Var]) -> bool:
        """Is Z_a independent of the others: another matrix, or initial vectors that no covariance couples?"""
        mine = self._sources(a)
        return not any(_may_meet(x, y) for b in others for y in self._sources(b) for x in mine)

    def _sources(self, ref: Var) -> list[tuple[object, tuple[Sub, ...]]]:
        """What makes a vector: a matrix with its subscripts, or initial vectors with those that nothing couples."""
        out: list[tuple[object, tuple[Sub, ...]]] = []
        for node, _ in self.program.resolve(ref):
            at = dict(zip(node.subs, ref.subs, strict=True)) if ref.subs else {}
            if isinstance(node, MatMul):
                out.append((node.weight.name, tuple(at.get(s, s) for s in node.weight.subs)))
            elif isinstance(node, Input):
                coupled = primed_indices(node.group)
                apart = tuple(at.get(s, s) for s in node.group.subs if s not in coupled)
                out.append((id(node.group), apart))
            else:
                out.append((id(node), ()))
        return out


def _may_meet(x: tuple[object, tuple[Sub, ...]], y: tuple[object, tuple[Sub, ...]]) -> bool:
    """The same source, at subscripts that may be equal."""
    differ = any(isinstance(s, int) and isinstance(t, int) and s != t for s, t in zip(x[1], y[1], strict=False))
    return x[0] == y[0] and not differ


def nonnegative(t: Term) -> bool:
    """Is the term nowhere negative, by its form alone?"""
    match t:
        case Num(value):
            return value >= 0
        case App("pow", (_, Num(e))) if e.denominator == 1 and e % 2 == 0:
            return True
        case App(head) if head in library() and library()[head].range.nonnegative:
            return True
        case App("add", args) | App("min", args):
            return all(nonnegative(a) for a in args)
        case App("max", args):
            return any(nonnegative(a) for a in args)
        case App("mul", args):
            rest = list(args)
            while rest:
                a = rest.pop()
                if a in rest:
                    rest.remove(a)
                elif not nonnegative(a):
                    return False
            return True
        case App("recip", (a,)) | Bind("sum" | "min", (a,)):
            return nonnegative(a)
        case Bind("softmax"):
            return True
        case _:
            return False
