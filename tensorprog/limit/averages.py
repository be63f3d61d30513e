"""Means over everything, scores included: formulas with names for what has no closed form, their numbers, conditions.

    E[t] = E[t | scores]            where that depends on no score
         = Isserlis' rule           where it is a polynomial in scores of the first layer
         = a Gaussian expectation   over vectors and scores together (rules/averaged)

Attention without softmax is of the second kind: y_i = Σ_j p_ij v_j has E[y_i y_i'] = Σ_jj' Cov(p_ij, p_i'j')
Cov(v_j, v_j'), and what has no closed form enters by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.kernel.ground.nodes import Dot, Input
from tensorprog.kernel.ground.term import mul, power
from tensorprog.limit.engine import Engine
from tensorprog.limit.members.leaves import NotCovered, Unfolding
from tensorprog.limit.members.parity import has_mean
from tensorprog.limit.rules.open import Split, TooLarge
from tensorprog.limit.rules.quantities import Cov, Ex, Mean, ScalarOf, Sum, place
from tensorprog.limit.values.cores import isserlis
from tensorprog.limit.values.formulas import NoFormula
from tensorprog.numbers.estimate import Estimate
from tensorprog.numbers.roots import is_positive_definite
from tensorprog.terms import Num, Term, Var, to_text

MAX_MONOMIALS = 500


class Averages:
    """Means over the limit of one program; terms are expressions in members, as the engine takes them."""

    def __init__(self, engine: Engine, unfolding: Unfolding) -> None:
        self.engine, self.u = engine, unfolding
        self.named, self.averaged = engine.named, engine.averaged
        self.algebra = engine.named.calculus.algebra

    # -- terms -----------------------------------------------------------------------------------------------------

    def expectation(self, t: Term) -> Any:
        """E[t]; NotCovered where no rule gives it."""
        try:
            if (found := self._asked(lambda: self.polynomial(t))) is not None:
                return found
        except NotCovered:
            pass
        return self._asked(lambda: self.averaged.value(Ex(t)))

    def covariance(self, a: Term, b: Term) -> Any:
        """Cov(a, b)."""
        if not self.engine.scores([a, b]):
            return self._asked(lambda: self.named.total(self.engine.covariance_sum(a, b)))
        return self.expectation(mul(a, b)) - self.expectation(a) * self.expectation(b)

    def cumulants(self, t: Term) -> tuple[Any, Any]:
        """Return the third and the fourth cumulant."""
        a, b, c, d = (self.expectation(t if k == 1 else power(t, Num(k))) for k in (1, 2, 3, 4))
        return c - 3 * b * a + 2 * a**3, d - 4 * a * c - 3 * b**2 + 12 * a**2 * b - 6 * a**4

    def polynomial(self, t: Term) -> Any | None:
        """E[t] where E[t | scores] is a polynomial in scores of the first layer, or depends on none."""
        layers = self.engine.scores([t])
        try:
            return self._polynomial(t, [p for layer in layers for p in layer], len(layers))
        except NoFormula:
            return None

    def polynomial_covariance(self, a: Term, b: Term) -> Any | None:
        """Cov(a, b) of such terms."""
        both, one, two = (self.polynomial(t) for t in (mul(a, b), a, b))
        return None if both is None or one is None or two is None else both - one * two

    def _polynomial(self, term: Term, scores: Sequence[Var], layers: int) -> Any | None:
        algebra, random = self.algebra, self.engine.random
        expr = algebra.written(self.named.value(Ex(term)))
        symbols = {algebra.score(p): p for p in scores}

        def covariances(of: Sequence[Any]) -> list[Any]:
            pairs = ((s, t) for i, s in enumerate(of) for t in of[i:])
            return [self.named.total(random.covariance(symbols[s], symbols[t])) for s, t in pairs]

        used = [s for s in symbols if s in expr.free_symbols]
        if not layers:
            return expr
        if not self._grows_slowly(term):
            return None
        for relation in algebra.conditions(expr):
            inside = [s for s in symbols if s in relation.free_symbols]
            if inside and not (self._regular(covariances(inside), len(inside)) and _off_zero(relation.lhs, inside)):
                return None
            if not inside and not algebra.number(relation.lhs).ball > 0:
                return None
        if not used:
            return expr
        if layers > 1 or not expr.is_polynomial(*used):
            return None
        monomials = sympy.Poly(expr, *used).terms()
        if len(monomials) > MAX_MONOMIALS:
            return None
        cov, zero = covariances(used), [sympy.S.Zero] * len(used)
        return sympy.Add(*(c * isserlis(tuple(powers), cov, zero) for powers, c in monomials))

    def _grows_slowly(self, term: Term) -> bool:
        """Return whether powers of the scores bound all that is made of them: 0 given them is then 0 on average."""
        u = self.u
        return all(has_mean(t, u.below(t)) for t in u.with_ancestors([u.expression(term)]) if _holds_scores(u, t))

    def _regular(self, cov: Sequence[Any], size: int) -> bool:
        """Return whether these scores have a density, by balls."""
        entries = [self.algebra.number(c) for c in cov]
        if any(x.kind not in ("bound", "exact") for x in entries):
            return False
        return is_positive_definite([[entries[place(i, j, size)].ball for j in range(size)] for i in range(size)])

    def constant(self, t: Term) -> Any:
        """Return a term in params, matrices and constants of the program."""
        return self._asked(lambda: self.named.constant(t))

    # -- leaves ----------------------------------------------------------------------------------------------------

    def leaf_covariance(self, a: Var, b: Var) -> Any:
        """Cov of two leaves: vectors, or first-layer scores without their factors. NotCovered where one depends on
        scores."""
        x, y = self.u.leaves[a], self.u.leaves[b]
        if x.kind != y.kind:
            return sympy.S.Zero
        if x.kind == "score":
            return self._asked(lambda: self.averaged.total(self._score_covariance(a, b)))
        return self._asked(lambda: self.averaged.value(Cov(a, b)))

    def _score_covariance(self, a: Var, b: Var) -> Sum:
        self.engine.averaged_rules.check_readouts(a, b)
        return self.engine.random.bare_covariance(a, b)

    def moment(self, leaf: Var) -> Any:
        """Return the limit of an average over coordinates."""
        if self.u.level(leaf):
            raise NotCovered(f"{to_text(leaf)} depends on scores")
        product = isinstance(self.u.leaves[leaf].node, Dot)
        key = Ex(mul(*self.engine.random.sides(leaf))) if product else ScalarOf(leaf)
        return self._asked(lambda: self.averaged.value(key))

    def mean(self, leaf: Var) -> Any:
        """Return the mean of a Gaussian leaf; only inputs have one."""
        if not isinstance(self.u.leaves[leaf].node, Input):
            return sympy.S.Zero
        return self._asked(lambda: self.named.value(Mean(leaf)))

    # -- what is known of a formula --------------------------------------------------------------------------------

    def number(self, expr: Any) -> Estimate:
        """Return the value of a formula at the params' values."""
        return self.algebra.estimate(expr)

    def opened(self, expr: Any) -> Any:
        """Return the formula in real symbols, shared parts written out."""
        return self.algebra.plain(sympy.S.One * expr)

    def names(self, expr: Any) -> set[Any]:
        """Return the symbols in it that stand for expectations without closed form."""
        return self.algebra.names(expr)

    def forget(self) -> None:
        """Before a question: `required` is about what is asked from here on."""
        self.named.forget()
        self.averaged.forget()

    def required(self) -> list[Any]:
        """Return what must be positive so that all means exist that were asked for since `forget`."""
        return [self.opened(c) for c in self.named.required() | self.averaged.required()]

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except DivergentError:
            raise
        except TensorProgError as why:
            raise NotCovered(why.diagnostics[0].message) from None
        except NoFormula as why:
            raise NotCovered(str(why)) from None
        except (TooLarge, Split, RecursionError):
            raise NotCovered("the expectation opens into too many parts") from None


def _holds_scores(u: Unfolding, t: Term) -> bool:
    return any(u.level(v) for v in u.below(t))


def _off_zero(expr: Any, scores: Sequence[Any]) -> bool:
    """Return whether an expression in scores with a density differs from 0 with probability 1.

    A conditional variance relu(p)^2 K is 0 half the time, and there sign(relu(p) g) is 0 and not 1 or -1. The zeros of
    a product are those of its factors; a polynomial that is not the zero one vanishes with probability 0.
    """
    for factor in sympy.Mul.make_args(sympy.factor(expr)):
        base = factor.base if factor.is_Pow and factor.exp.is_positive else factor
        if base.is_positive or base.is_negative:
            continue
        if not (base.free_symbols and base.is_polynomial(*scores)):
            return False
        if not any(c.is_positive or c.is_negative for c in sympy.Poly(base, *scores).coeffs()):
            return False
    return True
