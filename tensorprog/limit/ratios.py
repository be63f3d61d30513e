"""Functions over the length of a Gaussian vector, as batch normalisation makes them: one integral for each length.

    Q^{-a} = 1/Γ(a) ∫_0^∞ s^{a-1} e^{-sQ} ds,      Q = Σ c_i z_i² + c_0 >= 0
    E[F(z) e^{-s·Q}] = det(I + 2AK)^{-1/2} e^{-s·c_0} E_{K'}[F],     K' = K (I + 2AK)^{-1},  A = Σ_m s_m diag(c_m)

With s = e^x the integrand is analytic in a strip and decays at both ends, so the trapezoid rule converges
geometrically (Trefethen & Weideman 2014). Positive factors are first drawn out of relu, abs and their kin.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from tensorprog.limit.axes import Array
from tensorprog.terms import App, Num, Term, Var
from tensorprog.terms.term import ONE, add, children, mul, power, variables

HOMOGENEOUS = frozenset({"relu", "abs", "leaky_relu", "neg"})
STEPS = (1.0, 0.5, 0.25, 0.125)
LEFT = 110.0
RIGHT = (110.0, 34.0)
"""How far log s goes; beyond e^34 rounding hides the identity in I + 2AK where A does not see all of K."""
NEGLIGIBLE = 1e-17
MOST_LENGTHS = 2

Inner = Callable[[Array], Array]
Quadratic = tuple[tuple[int, Fraction], ...]
"""(i, c_i) for each variable, i from 0; the constant c_0 under i = -1."""


@dataclass(frozen=True)
class Ratio:
    """rest(z) Π_m Q_m(z)^{-a_m}."""

    rest: Term
    lengths: tuple[tuple[Quadratic, Fraction], ...]


def ratio(body: Term) -> Ratio | None:
    """The body in that form, or None if it is not a homogeneous function over lengths.

    >>> from tensorprog.terms import read, to_text
    >>> found = ratio(read("relu(z1/sqrt((z1^2 + z2^2)/2))*z2/sqrt((z1^2 + z2^2)/2)"))
    >>> to_text(found.rest), found.lengths[0][1]
    ('relu(z1)*z2', Fraction(1, 1))
    """
    found = _drawn(body)
    if found is None or not found[1] or len(found[1]) > MOST_LENGTHS:
        return None
    return Ratio(found[0], tuple(found[1].items()))


def quadratic(t: Term) -> Quadratic | None:
    """A sum of squares with nonnegative coefficients, plus a nonnegative constant."""
    out = _quadratic(t)
    if out is None or any(c < 0 for c in out.values()) or not any(i >= 0 and c for i, c in out.items()):
        return None
    return tuple(sorted(out.items()))


def _quadratic(t: Term) -> dict[int, Fraction] | None:
    match t:
        case Num(value):
            return {-1: value}
        case App("pow", (Var(name), Num(k))) if k == 2 and name[0] == "z":
            return {int(name[1:]) - 1: Fraction(1)}
        case App("mul", (Var(name), Var(other))) if name == other and name[0] == "z":
            return {int(name[1:]) - 1: Fraction(1)}
        case App("mul", args):
            factor, inner = Fraction(1), None
            for a in args:
                if isinstance(a, Num):
                    factor *= a.value
                elif inner is None:
                    inner = _quadratic(a)
                    if inner is None:
                        return None
                else:
                    return None
            return None if inner is None else {i: factor * c for i, c in inner.items()}
        case App("add", args):
            total: dict[int, Fraction] = {}
            for a in args:
                part = _quadratic(a)
                if part is None:
                    return None
                for i, c in part.items():
                    total[i] = total.get(i, Fraction(0)) + c
            return total
        case _:
            return None


Drawn = tuple[Term, dict[Quadratic, Fraction]]


def _drawn(t: Term) -> Drawn | None:
    """t as (core, exponents): core times Π Q^{-a}; None where a length sits inside something else."""
    match t:
        case App("recip", (App("sqrt", (q,)),)) if (found := quadratic(q)) is not None:
            return ONE, {found: Fraction(1, 2)}
        case App("recip", (q,)) if (found := quadratic(q)) is not None:
            return ONE, {found: Fraction(1)}
        case App("pow", (q, Num(k))) if k < 0 and (found := quadratic(q)) is not None:
            return ONE, {found: -k}
        case App("pow", (x, Num(k))) if k.denominator == 1 and k > 0:
            inner = _drawn(x)
            return inner and (power(inner[0], Num(k)), {length: k * a for length, a in inner[1].items()})
        case App("mul", args):
            cores: list[Term] = []
            exponents: dict[Quadratic, Fraction] = {}
            for a in args:
                inner = _drawn(a)
                if inner is None:
                    return None
                cores.append(inner[0])
                for length, e in inner[1].items():
                    exponents[length] = exponents.get(length, Fraction(0)) + e
            return mul(*cores), exponents
        case App("add", args):
            parts = [p for p in map(_drawn, args) if p is not None]
            if len(parts) < len(args) or any(p[1] != parts[0][1] for p in parts):
                return None
            return add(*(p[0] for p in parts)), parts[0][1]
        case App(head, (x, *rest)) if head in HOMOGENEOUS and all(isinstance(r, Num) for r in rest):
            inner = _drawn(x)
            return inner and (App(head, (inner[0], *rest)), inner[1])
        case _:
            return None if _has_length(t) else (t, {})


def _has_length(t: Term) -> bool:
    stack = [t]
    while stack:
        top = stack.pop()
        if isinstance(top, App) and top.head in ("recip", "sqrt", "pow") and quadratic(top.args[0]) is not None:
            return len(variables(top)) > 1 or top.head != "pow"
        stack += children(top)
    return False


def expectation(r: Ratio, cov: Array, inner: Inner) -> tuple[float, float] | None:
    """(value, error) of the expectation; `inner` gives E_{K'}[rest] for K' of shape (points, k, k).

    None where the integral does not settle: then the expectation may not exist.
    """
    for right in RIGHT[len(r.lengths) - 1 :]:
        try:
            return _refined(r, cov, inner, right)
        except np.linalg.LinAlgError:
            continue
    return None


def _refined(r: Ratio, cov: Array, inner: Inner, right: float) -> tuple[float, float] | None:
    before: float | None = None
    for step in STEPS:
        found = _trapezoid(r, cov, inner, step, right)
        if found is None:
            return None
        value, scale = found
        gap = math.inf if before is None else abs(value - before) / scale if scale else 0.0
        # Geometric convergence: the rule of half the step errs by the square, e^{-c/h} becoming e^{-2c/h}.
        if gap <= 1e-7:
            return value, (100 * gap**2 + 1e-14) * scale
        before = value
    return None


def _trapezoid(r: Ratio, cov: Array, inner: Inner, step: float, right: float) -> tuple[float, float] | None:
    """The rule of one step, and the sum of its absolute terms; None where the ends have not decayed."""
    sides = [np.arange(-LEFT, right + step / 2, step)] * len(r.lengths)
    if len(r.lengths) > 1:  # the window in which one length's integrand lives, found with the other at rest
        sides = [_window(r, cov, inner, k, sides[k]) for k in range(len(r.lengths))]
    if not all(map(len, sides)):
        return None
    x = np.array(list(product(*sides)))
    weights, moved = _terms(r, cov, x)
    terms = weights * inner(moved) * step ** len(r.lengths)
    if not np.isfinite(terms).all():
        return None
    total, scale = float(terms.sum()), float(np.abs(terms).sum())
    for k in range(len(r.lengths)):
        ends = np.abs(terms[(x[:, k] == x[:, k].min()) | (x[:, k] == x[:, k].max())]).sum()
        if ends > 1e-12 * scale:
            return None
    return total, scale


def _window(r: Ratio, cov: Array, inner: Inner, k: int, grid: Array) -> Array:
    """Where the integrand of length k matters for some values of the others."""
    kept = np.zeros(len(grid), dtype=bool)
    for rest in (-10.0, -4.0, -1.0, 0.0, 1.0, 4.0, 10.0):
        x = np.full((len(grid), len(r.lengths)), rest)
        x[:, k] = grid
        weights, moved = _terms(r, cov, x)
        size = np.abs(weights * inner(moved))
        kept |= size >= NEGLIGIBLE * size.max()  # all of them where the integrand vanishes
    chosen: Array = grid[kept]
    return chosen


def _terms(r: Ratio, cov: Array, x: Array) -> tuple[Array, Array]:
    """Weights s^a/Γ(a) det(I + 2AK)^{-1/2} e^{-s c0} and the tilted covariances at points x = log s."""
    size = len(cov)
    a = np.zeros((len(x), size))
    log_weight = np.zeros(len(x))
    for m, (q, exponent) in enumerate(r.lengths):
        s = np.exp(x[:, m])
        for i, c in q:
            if i < 0:
                log_weight -= s * float(c)
            else:
                a[:, i] += s * float(c)
        log_weight += float(exponent) * x[:, m] - math.lgamma(float(exponent))
    # K' = L (I + 2 L'AL)^{-1} L' with K = LL': symmetric, and stable for singular K
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    inside = np.eye(size) + 2 * np.einsum("ip,ni,iq->npq", root, a, root)
    chol = np.linalg.cholesky(inside)
    log_weight -= np.log(np.einsum("npp->np", chol)).sum(axis=1)
    solved = np.linalg.solve(chol, np.broadcast_to(root.T, inside.shape))
    moved: Array = np.einsum("npi,npj->nij", solved, solved)
    return np.exp(log_weight), moved
