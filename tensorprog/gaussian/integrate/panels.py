"""Nested Gauss–Legendre panels for E F(t), t standard normal in a few dimensions, split where F is not smooth.

The variables are integrated one inside the other. For fixed outer ones, the innermost line is cut at every hard
plane and, towards a soft one, into panels that halve: each panel then keeps a fixed distance (in its own lengths)
from the integrand's singularities, and Gauss–Legendre converges geometrically on it. Integrating a variable out
leaves new special planes: the projections of crossings, and soft ones as wide as the plane is slanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.gaussian.behaviour.kinks import Plane

Array = NDArray[np.float64]
BLOCK = 400_000
_FINEST = 1e-13


@dataclass(frozen=True, slots=True)
class Rule:
    """Gauss–Legendre with `order` nodes on panels no longer than `width`."""

    order: int
    width: float


@dataclass(frozen=True, slots=True)
class Sums:
    """Σ wF, Σ w|F| and the number of nodes."""

    value: float
    absolute: float
    nodes: int


@cache
def _legendre(order: int) -> tuple[Array, Array]:
    x, w = np.polynomial.legendre.leggauss(order)
    return x, w


def project(planes: Sequence[Plane]) -> list[Plane]:
    """Return the special planes of E[F | all but the last variable], as a function of the others."""
    out: dict[tuple[float, ...], Plane] = {}

    def keep(normal: tuple[float, ...], offset: float, scale: float, kind: str) -> None:
        size = math.hypot(*normal)
        if size < 1e-300:
            return
        unit = tuple(x / size for x in normal)
        lead = next(x for x in unit if abs(x) > 1e-12)
        sign = math.copysign(1.0, lead)
        key = (*(round(sign * x, 12) for x in unit), round(sign * offset / size, 12), round(scale / size, 12))
        hard = kind if scale == 0 else "soft"
        out.setdefault(key, Plane(tuple(sign * x for x in unit), sign * offset / size, hard, scale / size))  # type: ignore[arg-type]

    slanted = []
    for p in planes:
        *rest, last = p.normal
        if abs(last) <= 1e-15 * math.hypot(*p.normal):
            keep(tuple(rest), p.offset, p.scale, p.kind)
        else:
            slanted.append(p)
            keep(tuple(rest), p.offset, math.hypot(p.scale, last), "soft")
    for i, p in enumerate(slanted):
        for q in slanted[:i]:
            a, b = p.normal[-1], q.normal[-1]
            normal = tuple(x / a - y / b for x, y in zip(p.normal[:-1], q.normal[:-1], strict=True))
            size = math.hypot(*normal)
            if size < 1e-14 * (math.hypot(*p.normal) / abs(a) + math.hypot(*q.normal) / abs(b)):
                continue  # parallel planes do not cross
            scale = math.hypot(p.scale / a, q.scale / b)
            keep(normal, p.offset / a - q.offset / b, scale, "kink" if p.hard and q.hard else "soft")
    return list(out.values())


def _breaks(planes: Sequence[Plane], points: Array, reach: Array) -> Array:
    """Return where to cut the next variable's line, one row for each outer point, sorted, within ±reach."""
    places, scales = [], []
    for p in planes:
        *rest, last = p.normal
        if abs(last) <= 1e-15 * math.hypot(*p.normal):
            continue
        at = (p.offset - points @ np.array(rest)) / last if rest else np.full(len(points), p.offset / last)
        places.append(at)
        scale = p.scale / abs(last) if not p.hard else _FINEST if p.kind in {"singular", "pole"} else math.inf
        scales.append(np.asarray(scale))
    return _cut(places, scales, reach)


def _cut(places: Sequence[Array], scales: Sequence[Array], reach: Array) -> Array:
    """Return each row cut at its own places within ±reach, and halved towards those of finite scale; sorted."""
    columns = [-reach, reach]
    for at, scale in zip(places, scales, strict=True):
        columns.append(at)
        size = np.maximum(scale, _FINEST)
        while np.any(size < 3.0):
            near = np.where(size < 3.0, size, 0.0)
            columns += [at - near, at + near]
            size = size * 2.0
    return np.sort(np.clip(np.stack(columns, axis=1), -reach[:, None], reach[:, None]), axis=1)


def _nodes(breaks: Array, rule: Rule) -> tuple[Array, Array, Array]:
    """Gauss–Legendre nodes on every panel: their rows, places and lengths times weights."""
    length = np.diff(breaks, axis=1)
    count = np.ceil(length / rule.width * (1 - 1e-12)).astype(np.int64)
    count[length <= 0] = 0
    flat = count.ravel()
    segment = np.repeat(np.arange(flat.size), flat)
    within = np.arange(segment.size) - np.repeat(np.cumsum(flat) - flat, flat)
    h = length.ravel()[segment] / flat[segment]
    left = breaks[:, :-1].ravel()[segment] + within * h
    x, w = _legendre(rule.order)
    places = left[:, None] + h[:, None] * (0.5 + 0.5 * x)
    weights = (0.5 * h)[:, None] * w
    rows = np.repeat(segment // length.shape[1], rule.order)
    return rows, places.ravel(), weights.ravel()


def line_nodes(
    places: Sequence[Array], scales: Sequence[Array], rows: int, reach: float, rule: Rule
) -> tuple[Array, Array, Array]:
    """Nodes on many lines at once: each row is cut at its own places, and halved towards those of finite scale."""
    return _nodes(_cut(places, scales, np.full(rows, reach)), rule)


def _walk(
    levels: Sequence[Sequence[Plane]], rules: Sequence[Rule], reach: float, points: Array, weights: Array
) -> Iterator[tuple[Array, Array]]:
    """Yield all nodes and weights, in blocks: the outer variables first."""
    level = points.shape[1]
    if level == len(levels):
        yield points, weights
        return
    step = len(points) if level == 0 else max(1, BLOCK // 300)
    for start in range(0, len(points), step):
        part, outer = points[start : start + step], weights[start : start + step]
        room = np.sqrt(np.maximum(reach * reach - np.sum(part * part, axis=1), 0.0))
        rows, places, lengths = _nodes(_breaks(levels[level], part, room), rules[level])
        density = np.exp(-0.5 * places * places) * (1 / math.sqrt(2 * math.pi))
        inner = np.concatenate([part[rows], places[:, None]], axis=1)
        yield from _walk(levels, rules, reach, inner, outer[rows] * lengths * density)


def nested(
    f: Callable[..., Any],
    dimension: int,
    planes: Sequence[Plane],
    rule: Rule,
    reach: float,
    waves: Sequence[Sequence[float]] = (),
    most: int = 2**62,
) -> Sums | None:
    """E F(t) over the ball of radius `reach`; `f` takes the columns of t. None if it takes more than `most` nodes."""
    levels: list[list[Plane]] = [list(planes)]
    for _ in range(dimension - 1):
        levels.insert(0, project(levels[0]))
    rules = []
    for k in range(dimension):
        # A panel should see about two radians of the fastest wave.
        fastest = max((abs(w[k]) for w in waves), default=0.0)
        rules.append(Rule(rule.order, min(rule.width, 2 * rule.width / fastest if fastest > 2 else rule.width)))
    value = absolute = 0.0
    nodes = 0
    for points, weights in _walk(levels, rules, reach, np.zeros((1, 0)), np.ones(1)):
        nodes += len(points)
        if nodes > most:
            return None
        with np.errstate(all="ignore"):
            y = f(*points.T) * weights
        value += float(np.sum(y))
        absolute += float(np.sum(np.abs(y)))
    return Sums(value, absolute, nodes)
