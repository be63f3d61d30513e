"""Numbers for expectations by code that shares nothing with the kernel: panels of Gauss-Legendre in two variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import erf

from tensorprog.terms import App, Num, Term, Var

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
REACH = 9.0
SELU = (1.0507009873554805, 1.6732632423543772)


def phi(x: Any) -> Any:
    return (1 + erf(x / np.sqrt(2) + 0j)) / 2


def phi2(h: Any, k: Any, r: Any) -> Any:
    """Phi(h) Phi(k) and the integral of the density over the correlation, in the angle."""
    top = np.arcsin(np.real(r))
    angles = top * (NODES + 1) / 2
    s = np.sin(angles)
    density = np.exp(-(h**2 - 2 * s * h * k + k**2) / (2 * (1 - s**2)))
    return phi(h) * phi(k) + top / 2 * np.sum(WEIGHTS * density) / (2 * np.pi)


def _hermite(k: Any, x: Any) -> Any:
    before, now = 0.0 * x, 1.0 + 0.0 * x
    for j in range(int(np.real(k))):
        before, now = now, x * now - j * before
    return now / np.sqrt(float(np.prod(np.arange(1, int(np.real(k)) + 1))))


def _real(x: Any) -> Any:
    return np.real(x)


FUNCTIONS: dict[str, Any] = {
    "neg": lambda x: -x, "recip": lambda x: 1 / x, "exp": np.exp, "sin": np.sin, "cos": np.cos,
    "erf": lambda x: erf(x + 0j),
    "Phi": phi, "Phi2": phi2, "asin": lambda x: np.arcsin(np.real(x)), "sqrt": lambda x: np.sqrt(x + 0j),
    "pow": lambda x, e: (x + 0j) ** (int(e) if e == int(e) else e), "sinh": np.sinh,
    "cosh": np.cosh, "hermite": _hermite,
    "relu": lambda x: np.maximum(_real(x), 0), "abs": np.abs, "sign": lambda x: np.sign(_real(x)),
    "step": lambda x: np.heaviside(_real(x), 0.5), "gelu": lambda x: x * phi(x), "max": np.maximum, "min": np.minimum,
    "leaky_relu": lambda x, a: np.where(_real(x) > 0, x, a * x), "hardtanh": lambda x: np.clip(_real(x), -1, 1),
    "clip": lambda x, low, high: np.clip(_real(x), _real(low), _real(high)),
    "elu": lambda x, a=1.0: np.where(_real(x) > 0, x, a * (np.exp(np.minimum(_real(x), 0)) - 1)),
    "selu": lambda x: SELU[0] * np.where(_real(x) > 0, x, SELU[1] * (np.exp(np.minimum(_real(x), 0)) - 1)),
    "lt": lambda a, b: _real(a) < _real(b), "gt": lambda a, b: _real(a) > _real(b), "where": np.where,
}  # fmt: skip


def value(t: Term, at: Mapping[str, Any]) -> Any:
    """A term at numbers or arrays."""
    match t:
        case Num(x):
            return float(x)
        case Var(name, ()):
            return at[str(name)]
        case App("pi"):
            return np.pi
        case App("add", args):
            return reduce(np.add, [value(a, at) for a in args])
        case App("mul", args):
            return reduce(np.multiply, [value(a, at) for a in args])
        case App(head, args):
            return FUNCTIONS[head](*(value(a, at) for a in args))
    raise AssertionError(t)


def line(kinks: Sequence[float], scale: float) -> tuple[Any, Any]:
    """Nodes and weights on the reach of a variable, split at the kinks."""
    edge = REACH * scale
    cuts = sorted({-edge, edge, *(k for k in kinks if -edge < k < edge)})
    points: list[float] = []
    for a, b in pairwise(cuts):
        points += list(np.linspace(a, b, 1 + max(1, int(np.ceil((b - a) / (1.6 * scale)))))[:-1])
    points = np.array([*points, edge])  # type: ignore[assignment]
    half, middle = np.diff(points) / 2, (np.array(points[:-1]) + np.array(points[1:])) / 2
    return (middle[:, None] + half[:, None] * NODES).ravel(), (half[:, None] * WEIGHTS).ravel()


def mean(h: Term, params: Mapping[str, float], cov: tuple[float, float, float], kinks: Sequence[float] = (0.0,)) -> Any:
    """E h(z1, z2) by quadrature."""
    k11, k12, k22 = cov
    x, wx = line(kinks, np.sqrt(k11))
    y, wy = line(kinks, np.sqrt(k22))
    det = k11 * k22 - k12**2
    square = (k22 * x[:, None] ** 2 - 2 * k12 * x[:, None] * y + k11 * y**2) / det
    density = wx[:, None] * wy * np.exp(-square / 2) / (2 * np.pi * np.sqrt(det))
    return np.sum(density * value(h, {**params, "z1": x[:, None], "z2": y}))
