"""Witnesses of refutations, looked at again in certified balls of many digits, without the calculus that found them.

A refutation that its own numbers do not bear out is dropped: the answer is then unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import log

from tensorprog.functions.evaluate.balls import Ball, Undecided, Undefined, ball, evaluate
from tensorprog.functions.tails.lower_bounds import Reached, T
from tensorprog.terms import Term, Var

BITS = 500
_AROUND = tuple(1 + Fraction(k, 37) for k in range(0, 24, 2))
"""Several points at every scale, so that an oscillation is not missed."""


def _size(t: Term, env: dict[Term, object]) -> float | None:
    """log2 |t|, or None where it is not certain."""
    try:
        return _log2(abs(ball(evaluate(t, env, BITS))))
    except (Undecided, Undefined):
        return None


def _log2(size: Ball) -> float | None:
    """log2 of a nonnegative ball, or None where it is not certain."""
    mid = size.mid()
    if not mid > 0 or not size.rad() <= mid / 8:
        return None
    man, exp = mid.man_exp()
    return int(man).bit_length() + float(int(exp))


def _curve(found: Reached, at: Fraction) -> dict[Term, object]:
    return {v: evaluate(e, {T: at}, BITS) for v, e in found.curve.at}


def _largest(sizes: Iterable[float | None]) -> float | None:
    known = [s for s in sizes if s is not None]
    return max(known, default=None)


def grows(t: Term, found: Reached) -> bool:
    """Return whether |t| is seen to grow along the curve as claimed: past every bound, or past every power."""
    scales = [8, 16, 32, 64] if found.rate.level >= 1 else [2**6, 2**14, 2**30, 2**60]
    sizes = [_largest(_size(t, _curve(found, s * d)) for d in _AROUND) for s in scales]
    return _increasing(sizes, scales, found.rate.level >= 1)


def _increasing(sizes: list[float | None], scales: list[int], exponential: bool) -> bool:
    known = [(s, scale) for s, scale in zip(sizes, scales, strict=True) if s is not None]
    if len(known) < 2:
        return False
    if not exponential:
        return known[-1][0] > known[0][0]
    orders = [s / log(scale, 2) for s, scale in known]
    return orders[-1] > orders[0] and known[-1][0] > known[0][0]


def steepens(t: Term, found: Reached, xs: Iterable[Var]) -> bool:
    """Return whether difference quotients along the curve are seen to outgrow every power."""
    scales = [8, 16, 32, 64]
    sizes = [_largest(_quotient(t, _curve(found, s * d), v) for d in _AROUND for v in xs) for s in scales]
    return _increasing(sizes, scales, True)


def _quotient(t: Term, at: dict[Term, object], v: Var) -> float | None:
    from tensorprog.numbers.precision import precision

    step = Fraction(1, 2**200)
    try:
        with precision(BITS):
            here = ball(evaluate(t, at, BITS))
            there = ball(evaluate(t, {**at, v: ball(at[v]) + ball(step)}, BITS))
            return _log2(abs(there - here) / ball(step))
    except (Undecided, Undefined):
        return None


def jumps(t: Term, x: Var, at: Fraction, side: int) -> bool:
    """Return whether |f(c + h) - f(c)| is seen not to shrink with h."""
    gaps: list[float] = []
    try:
        here = ball(evaluate(t, {x: at}, BITS))
        for k in (10, 20, 40, 80):
            there = ball(evaluate(t, {x: at + side * Fraction(1, 2**k)}, BITS))
            gap = abs(there - here)
            gaps.append(float(gap.mid()) if gap > 0 else 0.0)
    except (Undecided, Undefined):
        return False
    return gaps[-1] > 0 and gaps[-1] > 0.9 * gaps[-2] > 0.5 * gaps[-3]


def diverges(t: Term, x: Var, at: Fraction, side: int) -> bool:
    """Return whether slopes are seen to grow without end as x -> c."""
    sizes: list[float | None] = []
    for k in (10, 20, 40, 80):
        near = [at + side * Fraction(1, 2**k) * d for d in _AROUND]
        sizes.append(_largest(_quotient(t, {x: p}, x) for p in near))
    known = [s for s in sizes if s is not None]
    return len(known) >= 2 and known[-1] > known[0]
