"""Which limits have positive variance, and what is known of the signs of moments.

E[F(Z)^2] > 0   if F is continuous, Z_A has positive variance and is independent of the other Z's, these have mean
                0, and F(a, 0) is not 0 for some a: the point (a, 0) lies in the support of Z.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from tensorprog.functions.interval import Interval
from tensorprog.functions.normal import is_zero
from tensorprog.functions.positivity import nonzero_somewhere, sign_of
from tensorprog.program.compose import CannotCompose
from tensorprog.program.nodes import Dot, Input, MatMul, Moment, Node
from tensorprog.program.program import Program
from tensorprog.program.scaling import width_power
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.terms.term import ZERO, add, mul, neg, shift_subs, substitute, transform, variables, walk
from tensorprog.theorems.nondegenerate import Nondegenerate
from tensorprog.theorems.nonlinearities import Nonlinearities

Sign = Literal["positive", "nonnegative", "zero", "real"]


class Variances:
    """Signs of second moments and of moments, for one program."""

    def __init__(self, program: Program, functions: Nonlinearities) -> None:
        self.program = program
        self.functions = functions
        self._atoms: dict[int, bool] | None = None
        self._signs: dict[int, Sign] = {}
        self._found: dict[object, bool] = {}
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

    def constant_atom(self, node: Node) -> bool:
        """Is this initial vector a constant (variance 0), or a product of something identically 0?"""
        if isinstance(node, Input):
            return node.group.cov[node.position][node.position] == ZERO
        return self.zero_atom(node)

    def vanishes(self, ref: Var) -> bool:
        """Is the vector 0 almost surely (all the atoms it is made of vanish, and the function is 0 at 0)?"""
        try:
            t = self.functions.composer.of_term(ref)
        except CannotCompose:
            return False
        atoms = self._atom_refs(t)
        if not atoms or not all(self.zero_atom(n) for a in atoms for n, _ in self.program.resolve(a)):
            return False
        at_zero = transform(t, lambda v: ZERO if isinstance(v, Var) and v.name in self.program.families else None)
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
        pieces = [node for node, _ in self.program.resolve(ref)]
        try:
            if len(pieces) > 1:
                return all(self.positive_somewhere(self.functions.composer.of_node(node)) for node in pieces)
            return self.positive_somewhere(self.functions.composer.of_term(ref))
        except CannotCompose:
            return False

    def positive_somewhere(self, t: Term) -> bool:
        """Is P(F(Z) != 0) > 0 proved for F a composed term?"""
        continuous = self.functions.facts(t).continuous.proved
        bound = {j for b in walk(t) if isinstance(b, Bind) for j in b.over}
        atoms = self._atom_refs(t)
        scalars = {v.name for v in variables(t) if v.name in self.program.families} - {a.name for a in atoms}
        for a in atoms:
            if any(s in bound for s in a.subs):
                continue
            nodes = [n for n, _ in self.program.resolve(a)]
            if not nodes or not all(self.atom_positive(n) for n in nodes):
                continue
            others = [b for b in atoms if b != a]
            if others and not (continuous and self._centred(others) and self._independent(a, others)):
                continue
            alone = transform(t, lambda v, a=a: self._only(v, a, scalars))  # type: ignore[misc]
            if self._nonzero(alone, self._scalar_assumptions(t, scalars)):
                return True
        return False

    def _nonzero(self, alone: Term, assumptions: dict[str, Interval]) -> bool:
        key = (alone, tuple(sorted((k, str(v)) for k, v in assumptions.items() if k.startswith("_"))))
        if key not in self._found:
            self._found[key] = nonzero_somewhere(alone, ["_z"], assumptions).proved
        return self._found[key]

    def _only(self, v: Term, a: Var, scalars: set[str]) -> Term | None:
        if v == a:
            return Var("_z")
        if not isinstance(v, Var) or v.name not in self.program.families:
            return None
        return Var("_" + v.name) if v.name in scalars else ZERO

    def _scalar_assumptions(self, t: Term, scalars: set[str]) -> dict[str, Interval]:
        out = dict(self.functions.assumptions)
        for name in scalars:
            signs = {self.sign(n) for n in self.program.families[name].pieces}
            if signs == {"positive"}:
                out["_" + name] = Interval(Fraction(0), None)
            elif signs <= {"positive", "nonnegative"}:
                out["_" + name] = Interval(Fraction(0), None, True)
        return out

    def _limit(self, node: Node) -> Interval:
        """An interval that holds the limit of a moment."""
        sign = self.sign(node)
        if sign == "zero" and isinstance(node, Moment):
            return Interval(Fraction(0), Fraction(0), True, True)
        return Interval() if sign in ("real", "zero") else Interval(Fraction(0), None, sign == "nonnegative")

    def _atom_refs(self, t: Term) -> list[Var]:
        return [
            v
            for v in variables(t)
            if v.name in self.program.families and self.program.families[v.name].kind == "vector"
        ]

    def _centred(self, refs: list[Var]) -> bool:
        for ref in refs:
            for node, _ in self.program.resolve(ref):
                if isinstance(node, Input) and node.group.mean[node.position] != ZERO:
                    return False
        return True

    def _independent(self, a: Var, others: list[Var]) -> bool:
        """Is Z_a independent of the others: another matrix, or another group of initial vectors?"""
        mine = {self._source(n) for n, _ in self.program.resolve(a)}
        theirs = {self._source(n) for b in others for n, _ in self.program.resolve(b)}
        return not mine & theirs

    @staticmethod
    def _source(node: Node) -> object:
        return ("weight", node.weight.name) if isinstance(node, MatMul) else ("input", id(getattr(node, "group", node)))

    # -- signs of moments ----------------------------------------------------------------------------------------

    def sign(self, node: Node) -> Sign:
        """What is known of the limit of a moment: positive, nonnegative, zero, or just real."""
        if id(node) not in self._signs:
            self._signs[id(node)] = "real"
            self._signs[id(node)] = self._sign(node)
        return self._signs[id(node)]

    def _sign(self, node: Node) -> Sign:
        match node:
            case Moment(body=body):
                return self._expectation_sign(body)
            case Dot(left=u, right=v, factor=f):
                part = width_power(f, self.program.widths)
                inner = self._expectation_sign(mul(u, v))
                scale = "real" if part is None else self._constant_sign(part[0])
                return inner if scale == "positive" else "zero" if inner == "zero" else "real"
            case _:
                return "real"

    def _expectation_sign(self, body: Term) -> Sign:
        try:
            t = self.functions.composer.of_term(body)
        except CannotCompose:
            return "real"
        if self._vanishes_by_symmetry(t):
            return "zero"
        if self._all_zero(t):
            return "zero"
        if not nonnegative(t):
            return "real"
        return "positive" if self._square_positive(t) or self.positive_somewhere(t) else "nonnegative"

    def _all_zero(self, t: Term) -> bool:
        atoms = self._atom_refs(t)
        if any(v.name in self.program.families and v not in atoms for v in variables(t)):
            return self._constant_minus_mean(t)
        if not atoms or not all(self.zero_atom(n) for a in atoms for n, _ in self.program.resolve(a)):
            return False
        at_zero = transform(t, lambda v: ZERO if isinstance(v, Var) and v.name in self.program.families else None)
        return sign_of(at_zero, self.functions.assumptions) == "zero"

    def _constant_minus_mean(self, t: Term) -> bool:
        """(F - mean(F))^2 where F is made of vanishing vectors only."""
        match t:
            case App("pow", (base, Num(e))) if e > 0:
                return self._constant_minus_mean(base)
            case App("add", (f, App("neg", (Var() as m,)))):
                pieces = self.program.families[m.name].pieces if m.name in self.program.families else []
                same = len(pieces) == 1 and isinstance(pieces[0], Moment) and pieces[0].subs == m.subs
                if not same or not isinstance(pieces[0], Moment):
                    return False
                atoms = self._atom_refs(f)
                zero = all(self.constant_atom(n) for a in atoms for n, _ in self.program.resolve(a))
                try:
                    return zero and self.functions.composer.of_term(pieces[0].body) == f
                except CannotCompose:
                    return False
            case _:
                return False

    def _vanishes_by_symmetry(self, t: Term) -> bool:
        """E F(Z) = 0 if F is odd in centred Z, or odd in a centred Z_A that is independent of the others."""
        atoms = self._atom_refs(t)
        if any(v.name in self.program.families and v not in atoms for v in variables(t)):
            return False
        if self._centred(atoms) and self._odd(t, atoms):
            return True
        for a in atoms:
            others = [b for b in atoms if b != a]
            if others and self._centred([a]) and self._independent(a, others) and self._odd(t, [a]):
                return True
        return False

    @staticmethod
    def _odd(t: Term, atoms: list[Var]) -> bool:
        return bool(atoms) and is_zero(add(t, substitute(t, {a: neg(a) for a in atoms})))

    def _square_positive(self, t: Term) -> bool:
        """E[(F - c)^2] > 0 whatever the constant c (a scalar's limit), if F is not constant."""
        match t:
            case App("pow", (base, Num(e))) if e > 0 and e.denominator == 1:
                inner = base
            case App("mul", (a, b)) if a == b:
                inner = a
            case _:
                return False
        parts = inner.args if isinstance(inner, App) and inner.head == "add" else (inner,)
        moving = [p for p in parts if self._atom_refs(p)]
        if any(v.name in self.program.families and v not in self._atom_refs(p) for p in moving for v in variables(p)):
            return False
        f = add(*moving)
        if f == inner:
            return self.positive_somewhere(inner)
        at_zero = transform(f, lambda v: ZERO if isinstance(v, Var) and v.name in self.program.families else None)
        return self.positive_somewhere(add(f, neg(at_zero)))


def nonnegative(t: Term) -> bool:
    """Is the term nowhere negative, by its form alone?"""
    match t:
        case Num(value):
            return value >= 0
        case App("pow", (_, Num(e))) if e.denominator == 1 and e % 2 == 0:
            return True
        case App("abs" | "relu" | "exp" | "sqrt" | "softplus" | "sigmoid" | "Phi" | "step" | "cosh"):
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
