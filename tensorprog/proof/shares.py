"""Grids for products of shares of softmaxes, found: how finely both integrals have to be spaced, and how far."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from tensorprog.kernel.core.refused import Refused
from tensorprog.kernel.numbers.intervals import UNIT
from tensorprog.kernel.numbers.shares import MAX_DEGREE, Kind, Model

ACCURACY = math.log(1e-13)
"""How near each of the integrals is to be, on a logarithmic scale."""
SAME = UNIT // 10**14
"""Covariances that are off by less are taken to be those of independent scores."""
STRIPS = tuple(k / 20 for k in range(1, 161))


def is_near(model: Model) -> bool:
    """Have the scores almost the covariance of independent ones?"""
    return model.gap <= SAME


def grids(model: Model) -> dict[str, Any]:
    """The params of `shares_over_scores`."""
    products = list[tuple[int, list[tuple[int, float, float]]]]()
    for _, powers in model.summands:
        for r in {r for r, _ in powers}:
            chosen = [(m, *_moments(model.rows[r][k])) for (s, k), m in powers.items() if s == r]
            products.append((sum(m for m, *_ in chosen), chosen))
    kinds = sorted({_moments(kind) for row in model.rows for kind in row})
    if not products or not kinds:
        raise Refused("a softmax of scores")
    return {**_inner(max(d for d, _ in kinds) ** 0.5, max(degree for degree, _ in products)),
            "points": _outer(products, kinds)}  # fmt: skip


def _moments(kind: Kind) -> tuple[float, float]:
    return kind[0] / UNIT, sum(kind[1]) / 2 / UNIT


def _inner(sigma: float, degree: int) -> dict[str, str]:
    """In the Gaussian variable: the coarsest grid over all strips in which the real part of e^u is positive."""
    wanted, found = ACCURACY - 4, list[tuple[float, float]]()
    for a in STRIPS:
        if (c := math.cos(min(sigma * a, 2))) > 0.01:
            top = max(0.0, degree * (math.log(degree) - 1 - math.log(c)))
            found.append((math.tau * a / (math.log(4) + top + a * a / 2 - wanted), a))
    if not found:
        raise Refused("scores of small variance")
    spacing, strip = max(found)
    h = Fraction(math.floor(256 * spacing), 256)
    end = math.sqrt(2 * (max(0.0, degree * (math.log(degree) - 1)) - wanted))
    return {"strip": str(Fraction(strip).limit_denominator(20)), "spacing": str(h), "count": str(math.ceil(end / h))}


def _outer(products: list[tuple[int, list[tuple[int, float, float]]]], kinds: list[tuple[float, float]]) -> list[str]:
    """In the variable of the Laplace transform."""
    degree = max(degree for degree, _ in products)
    a = max((k / 20 for k in range(10, 32)), key=lambda a: a / (1 - ACCURACY - degree * math.log(math.cos(a))))
    h = math.tau * a / (1 - ACCURACY - degree * math.log(math.cos(a)))
    first = min((ACCURACY - sum(m * mu + m * m * d / 2 for m, d, mu in chosen)) / n for n, chosen in products)
    last = max(
        min(
            (n * (math.log(n) - 1) - q * mu + q * q * d / 2 - ACCURACY) / q
            for d, mu in kinds
            for q in range(1, MAX_DEGREE)
            for n in (m + q,)
        )
        for m, _ in products
    )
    ends = Fraction(math.floor(16 * first), 16), Fraction(math.ceil(16 * last), 16)
    return list(map(str, (Fraction(a).limit_denominator(20), Fraction(math.floor(256 * h), 256), *ends)))
