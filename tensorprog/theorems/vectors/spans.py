"""Linear combinations of vectors: W (x + z) is W x + W z, so it adds nothing where both of these are there.

A vector is written as a combination of vectors that are no combinations (initial vectors, products, functions). These
are told apart by what they are and not by their names: tanh(2*u) is one vector however often it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.nodes import LinComb, MatMul, Nonlin, Scalar
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import children, mul, rebuild, size
from tensorprog.program.graph.constants import at_indices
from tensorprog.program.graph.graph import Graph
from tensorprog.program.normal.open import unrolled
from tensorprog.terms import App, Bind, Num, Term, Var
from tensorprog.theorems.vectors.member import Member, matrix_of, member_of

LARGEST = 512
LARGEST_FUNCTION = 2_000
MOST_INPUTS = 512

Combination = dict[Term, Fraction | None]
"""Coefficients of vectors; None where one is no plain number."""


class TooLarge(Exception):
    """A combination of more vectors than are looked at."""


class Spans:
    """The vectors of one program as combinations."""

    def __init__(self, program: Graph) -> None:
        self.program = program
        self._known: dict[Member, Combination] = {}
        self._written: dict[Member, Term] = {}
        self._products: dict[Term, int] = {}

    def contains(self, vectors: Iterable[Member], wanted: Member) -> bool:
        """Return whether a vector is certainly a combination of others."""
        try:
            given = [self.combination(v) for v in vectors]
            target = self.combination(wanted)
        except (TooLarge, RecursionError):
            return False
        single = {v for c in given if len(c) == 1 for v, value in c.items() if value}
        if target.keys() <= single:
            return True
        plain = [{v: x for v, x in c.items() if x is not None} for c in given if None not in c.values()]
        rest = {v: x for v, x in target.items() if x is not None}
        return len(rest) == len(target) and _in_span(plain, rest)

    def combination(self, v: Member) -> Combination:
        """Return the vector as a combination of vectors that are none."""
        if v not in self._known:
            if isinstance(v.node, LinComb | Nonlin):
                self._known[v] = self._of(v.node.body, v.env)
            else:
                self._known[v] = {self._member(v): Fraction(1)}
        return self._known[v]

    def _of(self, t: Term, env: Mapping[str, int]) -> Combination:
        match t:
            case Var(name) if name in self.program.families:
                return self.combination(member_of(self.program, t, env))
            case App("neg", (a,)):
                return _times(Fraction(-1), self._of(a, env))
            case App("add", args):
                return _sum(self._of(a, env) for a in args)
            case App("mul", args) if len(vectors := [a for a in args if self.program.vectors_in(a)]) == 1:
                constant = mul(*(a for a in args if a is not vectors[0]))
                return _times(rational(at_indices(constant, env, self.program)), self._of(vectors[0], env))
            case Bind("sum", (a,), over, None):
                return _sum(self._of(a, {**env, **at}) for at in assignments(self.program.ranges(over)))
            case _:
                return {self._function(t, env): Fraction(1)}

    # -- vectors that are no combinations ----------------------------------------------------------------------------

    def _member(self, v: Member) -> Term:
        """Return a member as a term in initial vectors, products and scalars; equal terms are equal vectors."""
        if v not in self._written:
            match v.node:
                case LinComb(body=body) | Nonlin(body=body) | Scalar(body=body):
                    found = self._function(body, v.env)
                case MatMul(weight=w, arg=x, transposed=transposed):
                    matrix = Var(w.name, matrix_of(v))
                    head = "transposed" if transposed else "times"
                    made = App(head, (matrix, self._member(member_of(self.program, x, v.env))))
                    found = Var(f"#{self._products.setdefault(made, len(self._products))}")
                case _:
                    found = v.ref
            self._written[v] = found
        return self._written[v]

    def _function(self, t: Term, env: Mapping[str, int]) -> Term:
        out = self._composed(t, env)
        if size(out) > LARGEST_FUNCTION:
            raise TooLarge
        return out

    def _composed(self, t: Term, env: Mapping[str, int]) -> Term:
        match t:
            case Var(name) if name in self.program.families:
                return self._member(member_of(self.program, t, env))
            case Num() | Var():
                return at_indices(t, env, self.program)
            case Bind():
                try:
                    return self._function(unrolled(self.program, t), env)
                except CannotCompose:
                    raise TooLarge from None
            case _:
                return rebuild(t, tuple(self._composed(a, env) for a in children(t)))


def _times(c: Fraction | None, parts: Combination) -> Combination:
    if c == 0:
        return {}
    return {v: None if c is None or x is None else c * x for v, x in parts.items()}


def _sum(parts: Iterable[Combination]) -> Combination:
    out: Combination = {}
    for part in parts:
        for v, x in part.items():
            old = out.get(v, Fraction(0))
            out[v] = None if old is None or x is None else old + x
            if out[v] == 0:
                del out[v]
        if len(out) > LARGEST:
            raise TooLarge
    return out


def _in_span(given: list[dict[Term, Fraction]], target: dict[Term, Fraction]) -> bool:
    """Return whether the matrix of the coefficients has the same rank with the target as without it."""
    from flint import fmpq, fmpq_mat

    columns = list({v: None for c in (*given, target) for v in c})
    rows = [
        [fmpq(x.numerator, x.denominator) for x in (c.get(v, Fraction(0)) for v in columns)] for c in (*given, target)
    ]
    ranks = [fmpq_mat(len(part), len(columns), [x for row in part for x in row]).rank() for part in (rows[:-1], rows)]
    return bool(ranks[0] == ranks[1])
