"""Whether a Gaussian vector can be at a jump, decided on balls that contain its covariance and mean.

An affine gap is at its jump with probability 0 if its variance is positive, or if it is a constant elsewhere. Any other
gap is taken apart into factors; a polynomial that is not constant vanishes with probability 0 under a regular Gaussian,
and so do the places of a jump of any function of its variables alone. Of variables that are combinations of each other
at every width, as 2u, u - v and v, some that are not are the variables. What is constant in the limit only is none of
them: where(relu(u) + g > 0, 1, 0) with a g of variance 0 depends on the sign of g.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb

from tensorprog.kernel.ground.term import mul, power, variables
from tensorprog.limit.jumps.jumps import Jump, jumps_of
from tensorprog.limit.members.parts import affine, independent, polynomial
from tensorprog.limit.rules.open import TooLarge
from tensorprog.numbers.roots import is_positive_definite
from tensorprog.terms import App, Num, Term, Var


@dataclass(frozen=True)
class Gaussian:
    """Variables with balls for their covariances and means; `constant` encloses a term that holds none of them.

    `fixed` are names, beside numbers, whose values are exact at every width: params and entries of matrices.
    `shown` are the variables as they are written in the program.
    """

    names: Sequence[Var]
    covariance: Callable[[int, int], Any]
    mean: Sequence[Any]
    constant: Callable[[Term, Mapping[Term, Any]], Any]
    fixed: Callable[[Var], bool]
    shown: Sequence[Term] = ()

    def standing(self, body: Term) -> tuple[Jump, ...]:
        """Return the jumps of the body at which the variables may be."""
        return tuple(j for j in jumps_of(body) if self.may_stand(j.gap, j.periodic))

    def may_stand(self, gap: Term, periodic: bool) -> bool:
        used = [k for k, v in enumerate(self.names) if v in set(variables(gap))]
        still: dict[Term, Any] = {self.names[k]: self.mean[k] for k in used if self.covariance(k, k).contains(0)}
        moving = [k for k in used if self.names[k] not in still]
        if not moving:
            return _hits(self.constant(gap, still), periodic)
        leaves = frozenset(self.names[k] for k in moving)

        def below(t: Term) -> frozenset[Var]:
            return frozenset(variables(t)) & leaves

        if (form := affine(gap, leaves, below)) is not None:
            slopes = {k: self.constant(form[0][self.names[k]], still) for k in moving if self.names[k] in form[0]}
            pairs = ((i, j) for i in slopes for j in slopes)
            variance = sum((slopes[i] * slopes[j] * self.covariance(i, j) for i, j in pairs), arb(0))
            if variance > 0:
                return False
            middle = sum((a * self.mean[k] for k, a in slopes.items()), self.constant(form[1], still))
            return _hits(middle, periodic)
        if isinstance(gap, App) and gap.head == "mul" and not periodic:
            return any(self.may_stand(a, False) for a in gap.args if not (isinstance(a, App) and a.head == "recip"))
        if self._own(gap, leaves) and self.regular(self._free(moving)):
            return False
        return not (self.regular(moving) and self._varies(gap, below, still))

    def _own(self, gap: Term, leaves: frozenset[Var]) -> bool:
        """Return a function of the moving variables and of exact numbers only."""
        return all(v in leaves or (v not in self.names and self.fixed(v)) for v in variables(gap))

    def _free(self, moving: Sequence[int]) -> list[int]:
        """Return some of the variables, of which the others are combinations at every width."""
        if not self.shown:
            return list(moving)
        return [moving[k] for k in independent([self.shown[k] for k in moving])]

    def _varies(self, gap: Term, below: Callable[[Term], frozenset[Var]], still: Mapping[Term, Any]) -> bool:
        """Return a polynomial in the moving variables with a coefficient that is not 0 beside the constant one."""
        try:
            monomials = polynomial(gap)
        except TooLarge:
            return False
        sums: dict[frozenset[tuple[Term, int]], Any] = {}
        for monomial, c in monomials.items():
            inside = frozenset((a, e) for a, e in monomial if below(a))
            if not all(isinstance(a, Var) for a, _ in inside):
                return False
            rest = mul(Num(c), *(power(a, Num(e)) for a, e in monomial if not below(a)))
            sums[inside] = sums.get(inside, arb(0)) + self.constant(rest, still)
        return any(inside and not x.contains(0) for inside, x in sums.items())

    def regular(self, moving: Sequence[int]) -> bool:
        """Return whether the covariance of these variables is positive definite."""
        return is_positive_definite([[self.covariance(i, j) for j in moving] for i in moving])


def _hits(ball: Any, periodic: bool) -> bool:
    if not ball.is_finite():
        return True
    return bool(ball.contains_integer() if periodic else ball.contains(0))
