"""Scalars: averages over coordinates become constants, scores stay random, and functions of both follow.

    (1/n) Σ_α ψ(g_α)  ->  E[ψ(Z^g)]                          (Moment; Yang 2019, Tensor Programs III)
    c n^{-1} <u, v>   ->  c r E[Z^u Z^v],  u of width r n     (a dot product that is a moment)
    c n^{-1/2} <u, v>  a score: Gaussian, given elsewhere

A scalar is judged with the power of n that it has where it is used, as `program.normal.powers` collects it.
"""

from __future__ import annotations

from collections.abc import Container
from fractions import Fraction

from tensorprog.kernel.ground.nodes import Dot, Moment, Scalar
from tensorprog.kernel.ground.powers import MOMENT, SCORE
from tensorprog.kernel.ground.scaling import leading_part, mentions_width, width_power
from tensorprog.kernel.ground.term import ONE, mul, rebuild, shift_subs, variables
from tensorprog.limit.rules.open import Composer
from tensorprog.limit.rules.quantities import Addend, Ex, ScalarOf, ScoreOf, Sum, no_limit
from tensorprog.program.graph.covariance import side_width
from tensorprog.terms import App, Bind, Num, Term, Var

SCALED = "scaled"
"""The head of a reference to a scalar times a power of n: scaled(p[i,j], -1/2)."""


def scalars_in(t: Term, families: Container[str]) -> dict[Term, ScalarOf]:
    """Return the scalars in a constant, as quantities, by how they are written there."""
    out: dict[Term, ScalarOf] = {}
    stack = [t]
    while stack:
        top = stack.pop()
        match top:
            case App(head, (Var() as ref, Num(power))) if head == SCALED:
                out[top] = ScalarOf(ref, power)
            case Var(name) if name in families:
                out[top] = ScalarOf(top)
            case App(_, args) | Bind(_, args):
                stack += args
    return out


class ScalarRules:
    """The right-hand sides of scalars."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer
        self.program = composer.program

    def rule(self, ref: Var, power: Fraction) -> Sum:
        node = self.composer.locate(ref)
        match node:
            case Moment():
                self._check(power, Fraction(0), ref)
                return (Addend(ONE, (), (), (Ex(self.composer.body(node, ref)),)),)
            case Dot():
                return self._dot(node, ref, power)
            case Scalar():
                return (Addend(self.scaled(self.composer.body(node, ref), power)),)
        raise AssertionError(node)

    def _dot(self, node: Dot, ref: Var, power: Fraction) -> Sum:
        factor, own = self.factor(node, ref)
        total = own + power
        if total == SCORE:
            return (Addend(ONE, (), (), (ScoreOf(ref),)),)
        if total != MOMENT:
            self._check(total, SCORE, ref)  # between a score and a moment it vanishes, and is called so
        mapping = self.composer.mapping(node, ref)
        u, v = shift_subs(node.left, mapping), shift_subs(node.right, mapping)
        return (Addend(mul(factor, side_width(self.program, node)), (), (), (Ex(mul(u, v)),)),)

    def factor(self, node: Dot, ref: Var) -> tuple[Term, Fraction]:
        """Return the constant and the power of n that a dot product is written with."""
        found = width_power(shift_subs(node.factor, self.composer.mapping(node, ref)), self.program.widths)
        assert found is not None
        return found

    def _check(self, power: Fraction, wanted: Fraction, ref: Var) -> None:
        if power == wanted:
            return
        if power > wanted:
            raise no_limit("TP302", f"{ref.name} diverges: it grows like n^{power - wanted}", ref.place,
                           "a dot product of independent products is of order sqrt(n), an average of order 1",
                           "divide a score by sqrt(n), and a dot product of dependent vectors by n")  # fmt: skip
        raise no_limit("TP301", f"{ref.name} degenerates: it vanishes like n^{power - wanted}", ref.place,
                       "scaled below n^(-1/2) a dot product of independent products tends to 0",
                       "scores are scaled by 1/sqrt(n), moments by 1/n")  # fmt: skip

    # A scalar expression times n^power: the power goes to the factors that have a dot product outside of functions.
    # Several of them share it equally, as `Powers` counts.
    def scaled(self, t: Term, power: Fraction) -> Term:
        """t n^power with no width left in it: scalars that carry a power of n become `scaled(ref, power)`."""
        if not self._has_scalars(t):
            return self._constant(t, power)
        match t:
            case Var():
                return App(SCALED, (t, Num(power))) if power else t
            case App("neg" | "add", args):
                return rebuild(t, tuple(self.scaled(a, power) for a in args))
            case Bind("sum", (body,)):
                return rebuild(t, (self.scaled(body, power),))
            case App("mul", args):
                carriers = [a for a in args if self._has_scalars(a)]
                coefficient: Term = ONE
                for a in args:
                    if a not in carriers:
                        part = leading_part(a, self.program.widths)
                        if part is None:
                            raise no_limit("TP012", "a width where no limit can be taken", a.place, "")
                        coefficient, power = mul(coefficient, part[0]), power + part[1]
                dots = [a for a in carriers if self._has_dot(a)]
                share = power / len(dots or carriers)
                each = [(a, share if a in dots or not dots else Fraction(0)) for a in carriers]
                return mul(coefficient, *(self.scaled(a, p) for a, p in each))
            case _:
                if power:
                    self._check(power, Fraction(0), _first(t))
                return t

    def _has_dot(self, t: Term) -> bool:
        """Return whether a scalar expression has a dot product in its sums and products, through names."""
        match t:
            case Var(name) if name in self.program.families:
                node = self.composer.locate(t)
                inner = isinstance(node, Scalar) and self._has_dot(self.composer.body(node, t))
                return isinstance(node, Dot) or inner
            case App("neg" | "add" | "mul", args):
                return any(map(self._has_dot, args))
            case Bind("sum", (body,)):
                return self._has_dot(body)
        return False

    def _constant(self, t: Term, power: Fraction) -> Term:
        if not mentions_width(t, self.program.widths) and not power:
            return t
        part = leading_part(t, self.program.widths)
        if part is None:
            raise no_limit("TP012", "a width where no limit can be taken", getattr(t, "place", None), "")
        self._check(part[1] + power, Fraction(0), _first(t))
        return part[0]

    def _has_scalars(self, t: Term) -> bool:
        return any(v.name in self.program.families for v in variables(t))


def _first(t: Term) -> Var:
    return next(iter(variables(t)), Var("this constant"))
