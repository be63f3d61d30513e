"""What holds at every width, and not in the limit alone: vectors that are constants, and equal vectors.

A limit variance of 0 does not say that a vector is constant: mean(u)*tanh(w) tends to 0, and its sign does not. The
value at a jump counts only where the argument is at the jump at every n. That is so for

    an initial vector of variance 0, or one that is a linear combination of others (its covariance is singular)
    W @ x where x is 0 at every n, or W has variance 0; W @ x = sum c_k W @ x_k where x = sum c_k x_k
    functions of these, in a polynomial normal form

Every expression is rewritten over variables between which no such relation is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from flint import fmpq, fmpq_mat

from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.balls import middle
from tensorprog.functions.tails.analyzer import Analyzer
from tensorprog.kernel.ground.nodes import Input, MatMul
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ZERO, add, children, mul, rebuild, substitute, variables
from tensorprog.limit.jumps.jumps import COMPARISONS, Jump, jumps_of, settled
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.members.parts import collected, monomial_term, polynomial
from tensorprog.limit.rules.open import TooLarge
from tensorprog.limit.rules.quantities import Cov, Mean
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import App, Num, Term, Var

MOST_SPANNING = 32
"""Initial vectors of one group between which linear relations are looked for."""


class Exact:
    """The relations between the vectors of one program that hold at every width, at these values of its params."""

    def __init__(self, unfolding: Unfolding, values: Mapping[str, Fraction]) -> None:
        self.u = unfolding
        self.values: dict[Term, Term] = {Var(name): Num(x) for name, x in values.items()}
        self._leaves: dict[Var, Term] = {}
        self._spanning: dict[tuple[str, ...], _Span] = {}
        self._products: dict[tuple[Var, Term], Var] = {}
        self._parts: dict[tuple[Any, ...], Var] = {}
        self._vectors: set[Var] = set()

    def constant(self, t: Term) -> Fraction | None:
        """Return the number that an expression in members is at every width, or None where none is known.

        >>> from tensorprog.language import loads
        >>> from tensorprog.terms import read
        >>> program = loads("input (u, w) ~ N([0, 0], [[1, 1], [1, 1]])\\ninput e ~ N(0, 0)\\noutput u, w, e")
        >>> exact = Exact(Unfolding(program), {})
        >>> exact.constant(read("u - w")), exact.constant(read("cos(e)")), exact.constant(read("u"))
        (Fraction(0, 1), Fraction(1, 1), None)
        """
        try:
            return rational(self.reduced(self.u.expression(t)))
        except (NotCovered, TooLarge, RecursionError):
            return None

    def beside(self, j: Jump) -> Fraction | None:
        """Return a number on the side of the jump on which its gap lies whatever the variables are; None if on both.

        The condition m^2 >= 0 holds and m^2 < 0 fails at every value of m, so that m^2 may tend to 0.
        """
        if j.periodic:
            return None
        try:
            gap = self.values_of(self.u.expression(j.gap))
        except (NotCovered, TooLarge, RecursionError, TensorProgError):
            return None
        head = j.place.args[0].head if isinstance(j.place, App) and isinstance(j.place.args[0], App) else ""
        if gap.positive or (gap.nonnegative and j.by_condition and head in ("ge", "lt")):
            return Fraction(1)
        if gap.negative or (gap.nonpositive and j.by_condition and head in ("le", "gt")):
            return Fraction(-1)
        return None

    def values_of(self, t: Term) -> Interval:
        """Return an interval that holds an expression over leaves at every width, whatever their values are."""
        t = substitute(t, self.values)
        leaves = [v for v in variables(t) if v in self.u.leaves]
        if len(leaves) < len(set(variables(t))):
            return REALS
        found = Analyzer(frozenset(v.name for v in leaves), {}, {}, {v: self._range_of(v) for v in leaves}).info(t)
        return found.range if found.total else REALS

    def _range_of(self, v: Var) -> Interval:
        leaf = self.u.leaves[v]
        return self.values_of(leaf.parts[0]) if leaf.kind == "moment" else REALS

    def is_vector(self, v: Var) -> bool:
        """Return whether a variable of a reduced expression is a Gaussian vector that depends on no scores."""
        if v in self.u.leaves:
            return self.u.leaves[v].kind == "vector" and not self.u.level(v)
        return v in self._vectors

    def reduced(self, t: Term) -> Term:
        """Return an expression over leaves in the normal form of their relations."""
        return self._normal(self._over(t))

    def _normal(self, t: Term) -> Term:
        parts = tuple(map(self._normal, children(t)))
        t = rebuild(t, parts) if parts else t
        if jumps_of(t):
            known: dict[Jump, Fraction] = {}
            for j in jumps_of(t):
                if j.place == t and (c := rational(collected(j.gap))) is not None:
                    known[j] = c
            if known:
                return self._normal(settled(t, known))
        if isinstance(t, App) and t.head not in COMPARISONS and t.args and all(isinstance(a, Num) for a in t.args):
            return _value(t)
        return collected(t) if isinstance(t, App) and t.head in ("add", "mul", "neg", "pow") else t

    def _over(self, t: Term) -> Term:
        names = variables(t)
        known: dict[Term, Term] = dict(self.values)
        known |= {v: self._leaf(v) for v in names if v in self.u.leaves}
        return substitute(t, known)

    def _leaf(self, v: Var) -> Term:
        if v not in self._leaves:
            self._leaves[v] = self._related(v)
        return self._leaves[v]

    def _related(self, v: Var) -> Term:
        leaf = self.u.leaves[v]
        match leaf.node:
            case Input() if leaf.kind == "vector":
                return self._spanned(v, leaf.node)
            case MatMul():
                if rational(substitute(leaf.factor, self.values)) == 0:
                    return ZERO
                return self._product(self.u.matrix(v), self.reduced(leaf.parts[0]))
        parts = tuple(map(self.reduced, leaf.parts))
        if leaf.kind == "moment" and isinstance(parts[0], Num):
            return parts[0]
        if leaf.kind == "score" and ZERO in parts:
            return ZERO
        return self._parts.setdefault((leaf.kind, parts), v)

    def _product(self, matrix: Var, x: Term) -> Term:
        """W @ x over the products of W with the monomials of x."""
        terms, plain = [], all(v in self._vectors or self.is_vector(v) for v in variables(x))
        for monomial, c in polynomial(x).items():
            key = (matrix, monomial_term(monomial))
            product = self._products.setdefault(key, Var(f"product {len(self._products)}"))
            if plain:
                self._vectors.add(product)
            terms.append(product if c == 1 else mul(Num(c), product))
        return add(*terms)

    def _spanned(self, v: Var, node: Input) -> Term:
        """Return the initial vector by earlier ones of its group, where its covariance says that it is one."""
        span = self._spanning.setdefault(node.group.names, _Span())
        entries = [self._entry(v, w) for w in (*span.basis, v)]
        mean = rational(substitute(self.u.declared(Mean(v)), self.values))
        if mean is None or any(e is None for e in entries):
            return v
        row = [e for e in entries if e is not None]
        found = span.combination(row[:-1], row[-1])
        if found is None:
            if len(span.basis) < MOST_SPANNING:
                span.extend(v, row, mean)
            return v
        offset = mean - sum((c * m for c, m in zip(found, span.means, strict=True)), Fraction(0))
        parts = [mul(Num(c), w) if c != 1 else w for c, w in zip(found, span.basis, strict=True) if c]
        return add(*parts, *([Num(offset)] if offset else []))

    def _entry(self, v: Var, w: Var) -> Fraction | None:
        return rational(substitute(self.u.declared(Cov(v, w)), self.values))


class _Span:
    """Initial vectors of one group with a regular covariance, and its inverse in exact numbers."""

    def __init__(self) -> None:
        self.basis: list[Var] = []
        self.means: list[Fraction] = []
        self._rows: list[list[fmpq]] = []
        self._inverse = fmpq_mat(0, 0)

    def combination(self, cross: list[Fraction], variance: Fraction) -> list[Fraction] | None:
        """Return the coefficients of a vector in the basis, if nothing is left of its variance."""
        row = fmpq_mat(1, len(cross), list(map(_rational, cross)))
        found = [Fraction(int(c.p), int(c.q)) for c in (row * self._inverse).entries()]
        return found if variance == sum((c * x for c, x in zip(found, cross, strict=True)), Fraction(0)) else None

    def extend(self, v: Var, row: list[Fraction], mean: Fraction) -> None:
        """Add a vector that is no combination, given its covariances with those before and with itself."""
        self.basis.append(v)
        self.means.append(mean)
        self._rows.append(list(map(_rational, row)))
        size = range(len(self._rows))
        whole = [self._rows[max(i, j)][min(i, j)] for i in size for j in size]
        self._inverse = fmpq_mat(len(size), len(size), whole).inv()


def _rational(x: Fraction) -> fmpq:
    return fmpq(x.numerator, x.denominator)


def _value(t: App) -> Term:
    """Return a function of numbers, where its value is a number that binary digits hold exactly."""
    from tensorprog.functions.evaluate.ball_function import ball_function
    from tensorprog.numbers.precision import precision

    try:
        with precision(128):
            ball = ball_function(t, [])([], False)
    except (NotImplementedError, ValueError, ZeroDivisionError, TensorProgError):
        return t
    if not ball.is_finite() or not ball.imag.is_zero() or not ball.real.is_exact():
        return t
    return Num(middle(ball.real))
