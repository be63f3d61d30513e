"""Bounds of the form exp(c + Σ p log(1 + |z|) + q |z| + s z²) Π(1 + |h|^-e): their sums, products and powers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace

Exponents = tuple[float, ...]
Affine = tuple[tuple[float, ...], float]
UP = 1e-9
"""Added to logarithms: covers the rounding of the few operations that make them."""


@dataclass(frozen=True, slots=True)
class Growth:
    """|f| <= exp(c + Σ p log(1+|z|) + q|z| + s z²) Π (1 + |h|^-e) over affine forms h; c = -inf for 0."""

    c: float
    p: Exponents
    q: Exponents
    s: Exponents
    poles: tuple[tuple[Affine, float], ...] = ()

    def __add__(self, other: Growth) -> Growth:
        top = max(self.c, other.c)
        c = top if math.isinf(top) else top + math.log(math.exp(self.c - top) + math.exp(other.c - top)) + UP
        if self.c == -math.inf or other.c == -math.inf:
            return other if self.c == -math.inf else self
        p, q, s = (tuple(map(max, a, b)) for a, b in self._pairs(other))
        return Growth(c, p, q, s, self._poles(other, max))

    def __mul__(self, other: Growth) -> Growth:
        p, q, s = (tuple(x + y for x, y in zip(a, b, strict=True)) for a, b in self._pairs(other))
        shared = len({h for h, _ in self.poles} & {h for h, _ in other.poles})
        c = self.c + other.c + UP * (1 + abs(self.c)) + shared * math.log(4)
        return Growth(c, p, q, s, self._poles(other, operator.add))

    def _poles(self, other: Growth, how: Callable[[float, float], float]) -> tuple[tuple[Affine, float], ...]:
        """(1 + |h|^-d)(1 + |h|^-e) <= 4 (1 + |h|^-d-e)."""
        mine, theirs = dict(self.poles), dict(other.poles)
        return tuple((h, how(mine.get(h, 0.0), theirs.get(h, 0.0))) for h in dict.fromkeys([*mine, *theirs]))

    def _pairs(self, other: Growth) -> tuple[tuple[Exponents, Exponents], ...]:
        return (self.p, other.p), (self.q, other.q), (self.s, other.s)

    def scaled(self, log: float) -> Growth:
        return replace(self, c=self.c + log + UP * (1 + abs(log)))

    def power(self, n: float) -> Growth:
        p, q, s = (tuple(n * x for x in e) for e in (self.p, self.q, self.s))
        c = n * self.c + UP * (1 + abs(self.c)) + max(n, 0.0) * math.log(2) * len(self.poles)
        return Growth(c, p, q, s, tuple((h, n * e) for h, e in self.poles))
