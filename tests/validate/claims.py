"""Theories written by hand, right and wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import stats

from tensorprog.numbers.estimate import Estimate

Cdf = Callable[[Any], Any]


@dataclass(frozen=True)
class Claims:
    """Moments by the sorted names of their members, and distribution functions by name."""

    moments: Mapping[tuple[str, ...], float]
    laws: Mapping[str, Cdf] = field(default_factory=dict)
    error: float = 0.0

    def moment(self, members: Sequence[str]) -> Estimate | None:
        value = self.moments.get(tuple(sorted(members)))
        return None if value is None else Estimate(value, self.error, "bound", "closed-form")

    def cdf(self, member: str, points: Any) -> tuple[Any, float] | None:
        return (np.asarray(self.laws[member](points)), 1e-6) if member in self.laws else None

    def but(self, **changes: float) -> Claims:
        """The same with some moments multiplied: names joined by `__`, digits as subscripts."""
        new = dict(self.moments)
        for name, factor in changes.items():
            key = tuple(sorted(name.split("__")))
            assert key in new
            new[key] = new[key] * factor
        return replace(self, moments=new)

    def with_(self, laws: Mapping[str, Cdf] | None = None, **values: float) -> Claims:
        new = {**self.moments, **{tuple(sorted(k.split("__"))): v for k, v in values.items()}}
        return replace(self, moments=new, laws={**self.laws, **(laws or {})})


# a hidden layer: Z^h ~ N(0, 1), x = relu(h), y ~ N(0, 1/2)
LAYER = """
input u ~ N(0, 1)
weight W, V ~ N(0, 1/n)
h = W @ u
x = relu(h)
y = V @ x
output y
"""
LAYER_CLAIMS = Claims(
    {
        ("h",): 0.0,
        ("h", "h"): 1.0,
        ("x",): 1 / np.sqrt(2 * np.pi),
        ("x", "x"): 0.5,
        ("y",): 0.0,
        ("y", "y"): 0.5,
        ("y",) * 4: 0.75,
    },
    {"y": stats.norm(scale=np.sqrt(0.5)).cdf},
)


def product_cdf(points: Any) -> Any:
    """P(Z1 Z2 <= t) = E Phi(t/|Z1|) for independent standard normals."""
    nodes, weights = np.polynomial.legendre.leggauss(800)
    z = 4.0 * (nodes + 1.0)
    return (4.0 * weights * 2 * stats.norm.pdf(z) * stats.norm.cdf(np.atleast_1d(points)[:, None] / z)).sum(axis=1)


# a score times a value: hierarchical, E y^2 = 1, E y^4 = 3 * 3
GATED = """
input u, w, c ~ N(0, 1)
weight A, B, V ~ N(0, 1/n)
p = dot(A @ u, B @ w) / sqrt(n)
v = V @ c
y = p * v
output y
"""
GATED_CLAIMS = Claims(
    {
        ("p",): 0.0,
        ("p", "p"): 1.0,
        ("v",): 0.0,
        ("v", "v"): 1.0,
        ("y",): 0.0,
        ("y", "y"): 1.0,
        ("y",) * 4: 9.0,
        ("p_1",): 0.0,
        ("p_1", "p_1"): 1.0,
        ("p_2",): 0.0,
        ("p_2", "p_2"): 1.0,
    },
    {"y": product_cdf},
)

# crosswise: Cov(p, q) = Cov(a, c) Cov(b, d) = 0.6^2, the term with the matrices exchanged
CROSSWISE = """
input (a, c) ~ N([0, 0], [[1, 0.6], [0.6, 1]])
input (b, d) ~ N([0, 0], [[1, 0.6], [0.6, 1]])
weight A, B ~ N(0, 1/n)
p = dot(A @ a, B @ b) / sqrt(n)
q = dot(B @ d, A @ c) / sqrt(n)
output p, q
"""
CROSSWISE_CLAIMS = Claims(
    {("p", "p"): 1.0, ("q", "q"): 1.0, ("p", "q"): 0.36, ("p",): 0.0, ("q",): 0.0, ("p",) * 4: 3.0, ("q",) * 4: 3.0},
    {"p": stats.norm.cdf, "q": stats.norm.cdf},
)
