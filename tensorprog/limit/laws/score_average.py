"""What is polynomial in scores, averaged over them exactly: E over a Gaussian of a polynomial, by Isserlis' rule.

Attention without softmax is of this kind: y_i = Σ_j p_ij v_j has E[y_i y_i'] = Σ_jj' Cov(p_ij, p_i'j') Cov(v_j, v_j').
Coefficients and covariances without a closed form enter by name, so that the average is a formula or a proved ball.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sympy
from flint import arb

from tensorprog.limit.engine import Engine
from tensorprog.limit.jumps.score_jumps import refuse_jumps
from tensorprog.limit.jumps.standing import Gaussian
from tensorprog.limit.members.leaves import NotCovered
from tensorprog.limit.members.parts import TooLarge
from tensorprog.limit.rules.quantities import Ex
from tensorprog.limit.values.cores import PLAIN, isserlis
from tensorprog.limit.values.formulas import MAX_FORMULA, NoFormula
from tensorprog.numbers.estimate import Estimate
from tensorprog.terms import App, Term, Var
from tensorprog.terms.term import mul, walk

if TYPE_CHECKING:
    from tensorprog.limit.members.member_rules import Certified
    from tensorprog.limit.values.named import Named

MAX_MONOMIALS = 500
MAX_LEAVES = 3


def expectation(engine: Engine, term: Term) -> Any | None:
    """E[term] as an expression of `engine.named`, or None where it is no polynomial in one layer of scores."""
    layers = engine.scores([term])
    if len(layers) > 1:
        return None
    try:
        return _expectation(engine, term, layers[0] if layers else ())
    except NoFormula:
        return None


def _expectation(engine: Engine, term: Term, scores: Sequence[Any]) -> Any | None:
    named = engine.named
    expr = named.written(named.value(Ex(term)))
    symbols = {named.score(p): p for p in scores}

    def covariances(of: Sequence[Any]) -> list[Any]:
        pairs = ((s, t) for i, s in enumerate(of) for t in of[i:])
        return [named.total(engine.random.covariance(symbols[s], symbols[t])) for s, t in pairs]

    for relation in named.conditions(expr):
        inside = [s for s in symbols if s in relation.free_symbols]
        if not inside and not named.number(relation.lhs).ball > 0:
            return None
        if inside and not (_regular(named, len(inside), covariances(inside)) and _off_zero(relation.lhs, inside)):
            return None
    used = [s for s in symbols if s in expr.free_symbols]
    if not used:
        return expr
    if not expr.is_polynomial(*used):
        return None
    monomials = sympy.Poly(expr, *used).terms()
    if len(monomials) > MAX_MONOMIALS:
        return None
    cov, zero = covariances(used), [sympy.S.Zero] * len(used)
    return sympy.Add(*(c * isserlis(tuple(powers), cov, zero, PLAIN) for powers, c in monomials))


def _off_zero(expr: Any, scores: Sequence[Any]) -> bool:
    """Is an expression in scores with a density different from 0 with probability 1?

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


def _regular(named: Named, size: int, cov: Sequence[Any]) -> bool:
    """Have these scores a density, by balls?"""
    entry = {}
    pairs = ((i, j) for i in range(size) for j in range(i, size))
    for (i, j), c in zip(pairs, cov, strict=True):
        entry[i, j] = entry[j, i] = named.number(c)
    if any(x.kind not in ("bound", "exact") for x in entry.values()):
        return False
    names = [Var(f"z{k + 1}") for k in range(size)]
    return Gaussian(
        names, lambda i, j: entry[i, j].ball, [arb(0)] * size, lambda t, at: arb(0), lambda v: False
    ).regular(range(size))


def covariance(engine: Engine, terms: Sequence[Term]) -> Any | None:
    """Cov of two terms, averaged over scores, as a sympy expression or None."""
    a, b = terms
    both, one, two = (expectation(engine, t) for t in (mul(a, b), a, b))
    return None if both is None or one is None or two is None else both - one * two


def exact(
    engine: Engine, certified: Callable[[], Certified], terms: Sequence[Term]
) -> tuple[Any | None, Estimate | None, str] | None:
    """E[t] of one term, Cov(s, t) of two, averaged over scores without sampling: formula, number, what is missing."""
    expr = covariance(engine, terms) if len(terms) == 2 else expectation(engine, terms[0])
    if expr is None:
        found = gaussian(certified(), terms)
        return found and (*found, "" if found[0] is not None else "averaged over scores")
    named = engine.named
    everywhere = not any({s.name for s in c.free_symbols} <= named.symbols.keys() for c in named.conditions(expr))
    plain = everywhere and named.is_plain(expr) and named.written(expr).count_ops() <= MAX_FORMULA
    try:
        number, because = named.number(expr).number, "" if plain else "averaged over scores"
    except NoFormula as why:
        number, because = None, str(why)
    if number is None and not plain:
        return None
    return named.plain(expr) if plain else None, number, because


def gaussian(c: Certified, terms: Sequence[Term]) -> tuple[Any | None, Estimate] | None:
    """E[t] of one term, Cov(s, t) of two, where they read few scores of the first layer: a formula and its number.

    Scores of one layer are jointly Gaussian and independent of the vectors, so functions of them, such as the error
    function of a readout, are averaged by the calculus of Gaussian expectations. None where this gives no number.
    """
    try:
        inside = [c.u.expression(t) for t in terms]
        leaves = frozenset().union(*map(c.u.below, inside))
        if len(leaves) > MAX_LEAVES or any(c.u.level(v) > _first_layer(c, v) for v in leaves):
            return None
        refuse_jumps(c, inside)
        found = [c.expectation(t) for t in inside]
        expr = found[0] if len(found) == 1 else c.expectation(mul(*inside)) - found[0] * found[1]
    except (NotCovered, TooLarge):
        return None
    number = c.number(expr)
    if not math.isfinite(number.value + number.error) or number.method == "sampling":
        return None
    closed = c.quantities.opened(expr)
    names = {s.name for s in closed.free_symbols}
    grows = any(isinstance(s, App) and s.head in ("exp", "sinh", "cosh") for t in inside for s in walk(t))
    withheld = names & c.quantities.numbers.keys() or (
        names and grows
    )  # an exponential's mean may not exist everywhere
    return (None if withheld else closed), number


def _first_layer(c: Certified, leaf: Var) -> int:
    """The level of a leaf whose law depends on no other score."""
    return int(c.u.leaves[leaf].kind == "score" and not c.u.is_plain(leaf))
