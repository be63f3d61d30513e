"""Kernels: E[f(Z1) g(Z2)] as a function of K11, K12, K22, derived once and evaluated on whole arrays.

The diagonal K11 = K12 = K22 is derived separately, as E[(f g)(Z)], because the general form may be singular there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.errors import fail
from tensorprog.functions.assume import Assumption, assumptions_of
from tensorprog.gaussian.expect import Expectation, expect
from tensorprog.gaussian.problem.at_values import point_of
from tensorprog.gaussian.problem.covariance import SLACK
from tensorprog.kernel.ground.term import mul, substitute, variables
from tensorprog.numbers.interval import REALS, Interval
from tensorprog.terms import Num, Term, Var, to_text

Array = NDArray[np.float64]
NAMES = ("K11", "K12", "K22")
UNSETTLED = 1e-12
"""A rounding bound, relative to the largest entry, above which an entry is integrated instead."""


@dataclass(frozen=True)
class PairKernel:
    """E[f(Z1) g(Z2)] for centred Gaussian (Z1, Z2) with covariance [[K11, K12], [K12, K22]]."""

    f: Term
    g: Term
    var: Var
    general: Expectation
    on_diagonal: Expectation
    values: Mapping[str, Fraction] = field(default_factory=dict, compare=False)
    tolerance: float = 1e-10

    @property
    def expr(self) -> Any:
        """The closed form in K11, K12, K22 (a sympy expression), or None."""
        return self.general.expr

    @property
    def diagonal(self) -> Any:
        """The closed form of E[f(Z) g(Z)] in K11, or None."""
        return self.on_diagonal.expr

    @property
    def method(self) -> str:
        """How numbers are found: closed-form or series."""
        return "closed-form" if self.expr is not None and self.diagonal is not None else "series"

    def __hash__(self) -> int:
        return hash((self.f, self.g, self.var))

    def __call__(self, K11: Any, K12: Any, K22: Any) -> Array:
        """Return the kernel of arrays (or numbers), broadcast; each entry within rounding of the closed form."""
        a, c, b = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (K11, K12, K22)))
        _check(a, c, b)
        if self.method != "closed-form":
            from tensorprog.gaussian.arrays.series import pair_matrix

            f, g = (at_values(t, self.var, self.values) for t in (self.f, self.g))
            return pair_matrix(f, g, a, c, b, tolerance=self.tolerance)[0]
        flat = (a == 0) | (b == 0)
        if flat.any():
            out = np.empty(a.shape)
            out[flat] = self._entrywise(a[flat], c[flat], b[flat])
            if not flat.all():
                out[~flat] = self(a[~flat], c[~flat], b[~flat])
            return out
        same = (a == c) & (c == b)
        out = np.empty(a.shape)
        with np.errstate(all="ignore"):
            if same.any():
                out[same] = self._on_diagonal(a[same])
            if not same.all():
                rest = ~same
                out[rest] = self._settled(a[rest], c[rest], b[rest])
        wrong = ~np.isfinite(out)
        if wrong.any():
            out[wrong] = self._entrywise(a[wrong], c[wrong], b[wrong])
        return out

    def _settled(self, a: Array, c: Array, b: Array) -> Array:
        """Return the formula's values; entries whose own rounding bound is too large are integrated instead."""
        formula = self._off_diagonal
        if not hasattr(formula, "with_error"):
            return formula(a, c, b)
        values, errors = formula.with_error(a, c, b)
        bad = errors > UNSETTLED * np.abs(values).max(initial=0.0)
        if bad.any():
            from tensorprog.gaussian.arrays.series import pair_matrix

            f, g = (at_values(t, self.var, self.values) for t in (self.f, self.g))
            better, bound = pair_matrix(f, g, a[bad], c[bad], b[bad], tolerance=self.tolerance)
            values[bad] = np.where(bound < errors[bad], better, values[bad])
        return np.asarray(values)

    @cached_property
    def _on_diagonal(self) -> Callable[..., Array]:
        return self._compiled(self.diagonal, NAMES[:1]) or (lambda a: self._entrywise(a, a, a))

    @cached_property
    def _off_diagonal(self) -> Callable[..., Array]:
        return self._compiled(self.expr, NAMES) or self._entrywise

    def _compiled(self, expr: Any, names: tuple[str, ...]) -> Callable[..., Array] | None:
        from tensorprog.gaussian.arrays.compiled import compile_closed_form

        try:
            return compile_closed_form(expr.xreplace(point_of(self.values)), names)
        except NotImplementedError:
            return None

    def _entrywise(self, a: Array, c: Array, b: Array) -> Array:
        """Return one expectation for each distinct triple: exact at singular covariances, slow."""
        triples, where = np.unique(np.stack([a.ravel(), c.ravel(), b.ravel()], axis=1), axis=0, return_inverse=True)
        z1, z2 = fresh(self.f, self.g)
        term = product_of(self.f, self.g, self.var, z1, z2)
        found = np.array([self._one(term, (z1, z2), *map(float, t)) for t in triples])
        return found[where.ravel()].reshape(a.shape)

    def _one(self, term: Term, names: tuple[Var, Var], a: float, c: float, b: float) -> float:
        c = min(max(c, -((a * b) ** 0.5)), (a * b) ** 0.5)
        mine = {v.name for v in variables(term)}
        values = {n: x for n, x in self.values.items() if n in mine}
        result = expect(term, [[a, c], [c, b]], vars=names, values=values, tolerance=self.tolerance, certified=False)
        if result.value is None:
            raise fail("TP002", "a param of the function has no value", help="give one with --set or `values`")
        return result.value


def _check(a: Array, c: Array, b: Array) -> None:
    if not (np.isfinite(a).all() and np.isfinite(b).all() and np.isfinite(c).all()):
        raise fail("TP008", "a covariance with an entry that is not finite")
    if (a < 0).any() or (b < 0).any() or (c * c > a * b * (1 + float(SLACK))).any():
        raise fail("TP008", "the covariance is not positive semidefinite", because="K12^2 > K11 K22 somewhere")


def at_values(t: Term, var: Var, values: Mapping[str, Fraction]) -> Term:
    """Return the term with its params replaced by their numbers."""
    return substitute(t, {v: Num(values[to_text(v)]) for v in variables(t) if v != var and to_text(v) in values})


def fresh(*terms: Term) -> tuple[Var, Var]:
    """Find two names for the variables of a pair that no term uses."""
    taken = {v.name for t in terms for v in variables(t)}
    names = (f"z{k}" for k in range(1, 1000) if f"z{k}" not in taken)
    return Var(next(names)), Var(next(names))


def product_of(f: Term, g: Term, var: Var, z1: Var, z2: Var) -> Term:
    """Return f(z1) g(z2)."""
    return mul(substitute(f, {var: z1}), substitute(g, {var: z2}))


def pair_kernel(
    f: Term,
    g: Term,
    var: Var,
    assume: Mapping[str, Assumption] | None = None,
    values: Mapping[str, Any] | None = None,
    tolerance: float = 1e-10,
) -> PairKernel:
    """Return the kernel E[f(Z1) g(Z2)], f and g terms in `var`; derived once for each pair and set of assumptions.

    >>> from tensorprog.terms import read
    >>> k = pair_kernel(read("relu(z)"), read("relu(z)"), Var("z"))
    >>> print(k.diagonal, k.expr)
    K11/2 K12*asin(K12/sqrt(K11*K22))/(2*pi) + K12/4 + sqrt(K11*K22 - K12**2)/(2*pi)
    """
    numbers = tuple(sorted((n, Fraction(str(x))) for n, x in (values or {}).items()))
    return _pair_kernel(f, g, var, tuple(sorted(assumptions_of(assume).items())), numbers, tolerance)


@lru_cache(maxsize=1024)
def _pair_kernel(
    f: Term,
    g: Term,
    var: Var,
    known: tuple[tuple[str, Interval], ...],
    values: tuple[tuple[str, Fraction], ...],
    tolerance: float,
) -> PairKernel:
    z1, z2 = fresh(f, g)
    params = {to_text(v): REALS for t in (f, g) for v in variables(t) if v != var} | dict(known)
    general = expect(product_of(f, g, var, z1, z2), vars=(z1, z2), assume=params, symbolic=True)
    diagonal = expect(mul(f, g), vars=(var,), assume=params, symbolic=True)
    return PairKernel(f, g, var, general, diagonal, dict(values), tolerance)
