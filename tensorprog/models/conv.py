"""Convolutions in one or two dimensions: the same matrices at every position, one for each tap of the filter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, TypeAlias

from tensorprog.language import Program
from tensorprog.language.build import Expr, term_of
from tensorprog.models.parts import (
    Activation,
    Gram,
    Number,
    biases,
    inputs,
    law,
    number,
    plus,
    size_of,
    total,
    weight_variance,
)
from tensorprog.models.parts import activation as _activation
from tensorprog.terms import App

Position: TypeAlias = tuple[int, ...]
PADDINGS = ("same", "valid", "circular")
POOLINGS = ("average", "max")
HEADS = ("flatten", "average", "none")


def convolution(
    gram: Gram,
    shape: Sequence[int],
    depth: int = 1,
    window: int = 3,
    stride: int = 1,
    padding: str = "same",
    pool: int = 1,
    head: str = "flatten",
    activation: Activation = "relu",
    weights: Number = "he",
    bias: Number = 0,
    pooling: str = "average",
) -> Program:
    """Return a convolutional network over signals of `shape` (length,) or (height, width), with `depth` convolutions.

        x ── conv ── φ ── (pool) ── conv ── φ ── (pool) ── ... ── head ──> f
        h(b, p) = Σ_s W(s) z(b, p + s) + bias,   W(s) ~ N(0, σ²/(taps · n)),   p the positions of signal b

    gram: over all positions of all signals, the signals one after another, positions row by row; a number for
    independent ones. padding: `same` (zeros outside), `valid`, `circular`; pool: the side of windows (what is left
    over is dropped), of which the `average` or the `max` is taken (pooling). head: `flatten` (a matrix for each
    position), `average` (global), `none`.

    LeCun et al. 1989; limit: Novak et al. 2019, Garriga-Alonso et al. 2019. Covered by: netsor.

    >>> import tensorprog
    >>> tensorprog.check(convolution(8, shape=(4,))).verdict
    'valid'
    """
    grid = list(product(*(range(1, s + 1) for s in shape)))
    signals = _count(gram, grid, shape)
    if padding not in PADDINGS or head not in HEADS or pooling not in POOLINGS or min(stride, pool, window) < 1:
        known = f"padding is one of {PADDINGS}, head of {HEADS}, pooling of {POOLINGS}"
        raise ValueError(f"{known}; window, stride and pool are positive")
    p, act = Program("convolution"), _activation(activation)
    inputs(p, gram, name="u", indices="e")
    p.index(f"b in 1..{signals}")
    p.index(f"s in 1..{window ** len(shape)}")
    p.index(f"l in 1..{depth}")
    (w,) = p.weight(f"W[l,s] ~ {law(f'({weight_variance(weights)})/{window ** len(shape)}')}")
    beta = biases(p, "beta[l]", bias)
    for k, at in product(range(1, signals + 1), grid):
        p.define(f"x[{k},{_text(at)}]", Expr(term_of(f"1*u[{(k - 1) * len(grid) + grid.index(at) + 1}]")))
    here = {at: Expr(term_of(f"x[b,{_text(at)}]")) for at in grid}
    for t in range(1, depth + 1):
        there = convolved(list(here), window, stride, padding)
        for at, taps in there.items():
            value = total([w[t, k] @ here[q] for k, q in taps])
            p.define(f"h{t}[b,{_text(at)}]", plus(value, beta(t)))
        here = {at: act(f"h{t}[b,{_text(at)}]") for at in there}
        here = _pooled(p, here, pool, f"a{t}", pooling) if pool > 1 else here
    _head(p, head, here, weights, depth)
    return p


def _count(gram: Gram, grid: Sequence[Position], shape: Sequence[int]) -> int:
    if not grid or len(shape) not in (1, 2):
        raise ValueError("shape is (length,) or (height, width)")
    signals, rest = divmod(size_of(gram), len(grid))
    if rest or not signals:
        raise ValueError(f"{size_of(gram)} positions in all do not divide into signals of {len(grid)}")
    return signals


def _text(at: Position) -> str:
    return ",".join(map(str, at))


def convolved(
    grid: Sequence[Position], window: int, stride: int, padding: str
) -> dict[Position, list[tuple[int, Position]]]:
    """Return the output positions (from 1), each with its taps: (number of the tap from 1, input position).

    >>> convolved([(1,), (2,), (3,)], 3, 2, "same")
    {(1,): [(2, (1,)), (3, (2,))], (2,): [(1, (2,)), (2, (3,))]}
    """
    sides = [max(at[k] for at in grid) for k in range(len(grid[0]))]
    reach = (window - 1) // 2
    if padding == "valid" and min(sides) < window:
        raise ValueError(f"a window of {window} does not fit into {tuple(sides)}")
    first, last = (1 + reach, [s - (window - 1 - reach) for s in sides]) if padding == "valid" else (1, sides)
    out: dict[Position, list[tuple[int, Position]]] = {}
    for centre in product(*(range(first, end + 1, stride) for end in last)):
        taps = []
        for k, shift in enumerate(product(range(-reach, window - reach), repeat=len(sides)), start=1):
            q = tuple(c + d for c, d in zip(centre, shift, strict=True))
            if padding == "circular":
                q = tuple((c - 1) % s + 1 for c, s in zip(q, sides, strict=True))
            if all(1 <= c <= s for c, s in zip(q, sides, strict=True)):
                taps.append((k, q))
        out[tuple((c - first) // stride + 1 for c in centre)] = taps
    return out


def _pooled(p: Program, here: dict[Position, Expr], pool: int, name: str, pooling: str) -> dict[Position, Expr]:
    """Return the averages or the maxima of windows that do not overlap."""
    dims = len(next(iter(here)))
    sides = [max(at[k] for at in here) // pool for k in range(dims)]
    if min(sides) < 1:
        raise ValueError(f"a pool of {pool} is larger than what is left")
    out = {}
    for at in product(*(range(1, s + 1) for s in sides)):
        cells = [tuple((c - 1) * pool + 1 + d for c, d in zip(at, shift, strict=True))
                 for shift in product(range(pool), repeat=dims)]  # fmt: skip
        values = [here[q] for q in cells]
        p.define(
            f"{name}[b,{_text(at)}]",
            Expr(App("max", tuple(term_of(v) for v in values))) if pooling == "max" else total(values) / len(cells),
        )
        out[at] = Expr(term_of(f"{name}[b,{_text(at)}]"))
    return out


def _head(p: Program, head: str, here: dict[Position, Expr], weights: Number, depth: int) -> None:
    values: list[Any] = list(here.values())
    if head == "none":
        p.output(Expr(term_of(f"h{depth}")))
    elif head == "average":
        (r,) = p.weight(f"R ~ {law(weights)}")
        p.output(p.define("f[b]", r @ (total(values) / len(values))))
    else:
        p.index(f"r in 1..{len(values)}")
        (r,) = p.weight(f"R[r] ~ {law(f'({weight_variance(weights)})/{number(len(values))}')}")
        p.output(p.define("f[b]", total([r[k] @ z for k, z in enumerate(values, start=1)])))
