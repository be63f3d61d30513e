"""Fewer variables first: constants and linear dependences are substituted, affine arguments become variables.

A variable whose residual variance given the earlier ones is identically 0 is their linear combination
z_i = μ_i + Σ b_p (z_p - μ_p) almost surely; the remaining covariance is nonsingular.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy

from tensorprog.functions.evaluate import expanded
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.functions.evaluate.sympy_bridge import from_sympy, symbol, to_sympy
from tensorprog.gaussian.closed.engine import Problem
from tensorprog.gaussian.closed.steps import Step
from tensorprog.kernel.ground.term import ONE, add, children, mul, substitute, walk
from tensorprog.terms import App, Num, Term, Var


@dataclass(frozen=True)
class Reduced:
    """A problem with a nonsingular covariance, and the steps that led to it."""

    problem: Problem
    steps: tuple[Step, ...] = ()


def reduce(problem: Problem) -> Reduced:
    """Drop unused variables, substitute dependent ones, collapse affine arguments; until nothing changes."""
    at = Reduced(problem)
    for _ in range(len(problem.variables) + 2):
        before = at.problem
        at = _collapse(_independent(_used(at)))
        if at.problem == before:
            break
    return at


def _restrict(p: Problem, kept: Sequence[int], term: Term) -> Problem:
    return replace(
        p,
        term=term,
        variables=tuple(p.variables[i] for i in kept),
        cov=tuple(tuple(p.cov[i][j] for j in kept) for i in kept),
        mean=tuple(p.mean[i] for i in kept),
    )


def _used(at: Reduced) -> Reduced:
    here = set(walk(at.problem.term))
    kept = [i for i, v in enumerate(at.problem.variables) if v in here]
    if len(kept) == len(at.problem.variables):
        return at
    return replace(at, problem=_restrict(at.problem, kept, at.problem.term))


def is_zero(x: Any) -> bool:
    """Return whether a sympy expression is identically zero: refuted by one exact value, confirmed by algebra."""
    if x.is_Rational:
        return bool(x == 0)
    value = x.xreplace(_point(x.free_symbols))
    if value.is_Rational:
        return bool(value == 0) and bool(sympy.cancel(x) == 0)
    return bool(sympy.simplify(x) == 0)


def _point(names: set[Any]) -> dict[Any, Any]:
    """Return an arbitrary rational point: 11/7, 13/7, 17/7, ... for the symbols in order."""
    point = {}
    p = 11
    for s in sorted(names, key=str):
        point[s] = sympy.Rational(p, 7)
        p = sympy.nextprime(p)
    return point


def _is_regular(cov: Sequence[Sequence[Any]]) -> bool:
    """Whether the elimination meets no zero pivot at an arbitrary point: then none of them is identically zero."""
    point = _point({s for row in cov for x in row for s in x.free_symbols})
    rest = [[x.xreplace(point) for x in row] for row in cov]
    if not all(x.is_Rational for row in rest for x in row):
        return False
    for k in range(len(rest)):
        if rest[k][k] == 0 or (cov[k][k].is_Rational and rest[k][k] < 0):
            return False
        for i in range(k + 1, len(rest)):
            slope = rest[i][k] / rest[k][k]
            for j in range(k, len(rest)):
                rest[i][j] -= slope * rest[k][j]
    return True


def _independent(at: Reduced) -> Reduced:
    """Eliminate exactly; rest[i][j] is the covariance of z_i and z_j given the variables kept so far."""
    p = at.problem
    numeric = all(x.is_Rational for row in p.cov for x in row)
    if not numeric and _is_regular(p.cov):
        return at
    size = len(p.variables)
    rest = [list(row) for row in p.cov]
    weights: list[dict[int, Any]] = [{} for _ in range(size)]
    kept: list[int] = []
    change: dict[Term, Term] = {}
    for i in range(size):
        negligible = rest[i][i].is_Rational and rest[i][i] <= 0
        if negligible or is_zero(rest[i][i]):
            centre = [from_sympy(p.mean[i])] if p.mean[i] != 0 else []
            parts = [
                _product(w, add(p.variables[k], Num(-1) if p.mean[k] == 0 else App("neg", (from_sympy(p.mean[k]),))))
                if p.mean[k] != 0
                else _product(w, p.variables[k])
                for k, w in weights[i].items()
                if w != 0
            ]
            every = [*parts, *centre] or [Num(0)]
            change[p.variables[i]] = every[0] if len(every) == 1 else add(*every)
            continue
        kept.append(i)
        slopes = [rest[j][i] / rest[i][i] for j in range(size)]
        column = [rest[j][i] for j in range(size)]
        for j in range(i + 1, size):
            # z_j = Σ w z_p + slope·(z_i - Σ w_i z_p) + residual
            if slopes[j] != 0:
                for k, w in weights[i].items():
                    weights[j][k] = _tidy(weights[j].get(k, sympy.S.Zero) - slopes[j] * w)
                weights[j][i] = _tidy(slopes[j])
                for k in range(i + 1, size):
                    rest[j][k] = _tidy(rest[j][k] - slopes[j] * column[k])
    if len(kept) == size:
        return at
    steps = tuple(
        Step("reduce", str(symbol(v)) if isinstance(v, Var) else str(v), to_sympy(t)) for v, t in change.items()
    )
    return Reduced(_restrict(p, kept, substitute(p.term, change)), at.steps + steps)


def _tidy(x: Any) -> Any:
    return x if x.is_Rational else sympy.cancel(x)


def _product(w: Any, t: Term) -> Term:
    return t if w == 1 else mul(from_sympy(w), t)


def affine(t: Term, variables: Sequence[Var]) -> tuple[tuple[Any, ...], Any] | None:
    """(a, b) with t = a·z + b, constants a and b in sympy; None when t is not affine by its form."""
    free = [u for u in walk(t) if not any(v in variables for v in walk(u) if isinstance(v, Var))]
    numbers = {u: to_sympy(u) for u in (ONE, *free) if not isinstance(u, App) or u.head not in ("add", "mul", "neg")}
    return expanded.affine(t, [name_of(v) for v in variables], numbers.get, sympy.S.Zero)


def _affine_parts(t: Term, variables: Sequence[Var]) -> list[Term]:
    """Return the maximal affine subterms that contain a variable."""
    if not any(v in variables for v in walk(t) if isinstance(v, Var)):
        return []
    if affine(t, variables) is not None:
        return [t]
    return [u for c in children(t) for u in _affine_parts(c, variables)]


def _collapse(at: Reduced) -> Reduced:
    """Where the term depends on fewer directions than variables, make the directions the variables."""
    p = at.problem
    parts = list(dict.fromkeys(_affine_parts(p.term, p.variables)))
    directions: list[tuple[Any, ...]] = []
    places: list[tuple[int, Any, Any]] = []
    for t in parts:
        found = affine(t, p.variables)
        assert found is not None
        a, b = found
        lead = next((x for x in a if x != 0), None)
        if lead is None or not lead.is_number:
            return at
        direction = tuple(sympy.cancel(x / lead) for x in a)
        if direction not in directions:
            directions.append(direction)
        places.append((directions.index(direction), lead, b))
    if len(directions) >= len(p.variables):
        return at
    taken = {v.name for v in walk(p.term) if isinstance(v, Var)}
    names = (f"u{k}" for k in range(1, 1000) if f"u{k}" not in taken)
    new = [Var(next(names)) for _ in directions]
    change: dict[Term, Term] = {}
    for t, (k, lead, b) in zip(parts, places, strict=True):
        scaled = _product(lead, new[k])
        change[t] = scaled if b == 0 else add(scaled, from_sympy(b))
    size = range(len(p.variables))
    cov = tuple(
        tuple(
            _tidy(sympy.expand(sympy.Add(*(a[i] * p.cov[i][j] * b[j] for i in size for j in size)))) for b in directions
        )
        for a in directions
    )
    mean = tuple(_tidy(sympy.expand(sympy.Add(*(a[i] * p.mean[i] for i in size)))) for a in directions)
    steps = tuple(
        Step("collapse", str(symbol(v)), sympy.Add(*(x * symbol(z) for x, z in zip(a, p.variables, strict=True))))
        for v, a in zip(new, directions, strict=True)
    )
    problem = replace(p, term=substitute(p.term, change), variables=tuple(new), cov=cov, mean=mean)
    return Reduced(problem, at.steps + steps)
