"""A term over numbered variables, those it needs, and its factors that share no correlated ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from tensorprog.functions.evaluate.directions import Posed
from tensorprog.functions.evaluate.expanded import name_of
from tensorprog.gaussian.problem.covariance import covariance, rational
from tensorprog.kernel.ground.term import mul, substitute, variables
from tensorprog.terms import App, Num, Term, Var

Values = Mapping[str, Any]


def canonical(term: Term, vars: Sequence[Var], values: Values | None) -> tuple[Term, tuple[str, ...]]:
    """Return the term with its variables named z1, z2, ... and every other name replaced by its number."""
    names = tuple(f"z{k + 1}" for k in range(len(vars)))
    change: dict[Term, Term] = {v: Var(n) for v, n in zip(vars, names, strict=True)}
    for v in variables(term):
        if v not in change and values is not None and name_of(v) in values:
            change[v] = Num(rational(values[name_of(v)]))
    return substitute(term, change), names


def posed(
    term: Term, vars: Sequence[Var], cov: Sequence[Sequence[Any]], mean: Sequence[Any] | None, values: Values | None
) -> Posed:
    """Return the expectation in the variables that it needs; TP008 for what is no covariance."""
    K = covariance(cov)
    m = tuple(map(rational, mean)) if mean is not None else (Fraction(0),) * len(K)
    plain, names = canonical(term, vars, values)
    return needed(Posed(plain, names, K, m))


def needed(p: Posed) -> Posed:
    """Return the same expectation without the variables that are constant or not read."""
    fixed: dict[Term, Term] = {Var(n): Num(p.mean[i]) for i, n in enumerate(p.names) if p.cov[i][i] == 0}
    term = substitute(p.term, fixed)
    read = {v.name for v in variables(term)}
    used = [i for i, n in enumerate(p.names) if n in read]
    cov = tuple(tuple(p.cov[i][j] for j in used) for i in used)
    return Posed(term, tuple(p.names[i] for i in used), cov, tuple(p.mean[i] for i in used))


def independent_factors(p: Posed) -> list[Term]:
    """Return the factors of a product, those with correlated variables together."""
    at = {n: i for i, n in enumerate(p.names)}
    groups: list[tuple[set[str], list[Term]]] = []
    for part in _factors(p.term):
        names = {v.name for v in variables(part) if v.name in at}
        parts = [part]
        linked = [g for g in groups if any(a == b or p.cov[at[a]][at[b]] != 0 for a in names for b in g[0])]
        for g in linked:
            groups.remove(g)
            names |= g[0]
            parts = g[1] + parts
        groups.append((names, parts))
    return [mul(*parts) for _, parts in groups]


def _factors(t: Term) -> list[Term]:
    match t:
        case App("mul", args):
            return [f for a in args for f in _factors(a)]
        case App("neg", (a,)):
            return [Num(-1), *_factors(a)]
        case App("pow", (App("mul") as inner, Num(p))) if p.denominator == 1 and p > 0:
            return [App("pow", (f, Num(p))) for f in _factors(inner)]
        case _:
            return [t]
