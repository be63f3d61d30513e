"""The architectures of `nngp_ntk_kernels.json` written as programs in the language, one function per layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ACTIVATIONS = {
    "Relu": "relu({0})",
    "Erf": "erf({0})",
    "Gelu": "gelu({0})",
    "Abs": "abs({0})",
    "Sigmoid_like": "erf({0}/2.4020563531719796)/2 + 0.5",
    "Gabor": "exp(-{0}^2)*sin({0})",
}


def activation(name: str, kwargs: dict[str, Any], x: str) -> str:
    if name == "Cos":
        return f"{kwargs['a']}*cos({kwargs['b']}*{x} + {kwargs['c']})"
    if name == "Rbf":
        return f"sqrt(2)*sin(sqrt(2*{kwargs['gamma']})*{x} + pi/4)"
    if name == "Polynomial":
        return " + ".join(f"({c})*{x}^{k}" if k else f"({c})" for k, c in enumerate(kwargs["coef"]))
    if name == "RectifiedMonomial":
        return f"relu({x})^{kwargs['degree']}"
    return ACTIVATIONS[name].format(x)


def gram(points: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[sum(a * b for a, b in zip(x, y, strict=True)) / len(x) for y in points] for x in points]


def rows(matrix: Sequence[Sequence[float]]) -> str:
    return "[" + ", ".join("[" + ", ".join(f"{x!r}" for x in row) + "]" for row in matrix) + "]"


class Writer:
    """A program text that grows layer by layer; `current` is a function from a position to a vector's name."""

    def __init__(self, inputs: int, positions: int, matrix: str) -> None:
        self.positions = positions
        self.lines = [f"index b in 1..{inputs}", f"matrix G = {matrix}"]
        # Positions of an input are separate families, so that convolutions can name their neighbours; u holds them all.
        if positions == 1:
            self.lines += ["input u[b] ~ N(0, G)"]
            self.current = ["u[b]"]
        else:
            total = inputs * positions
            self.lines += [f"index e in 1..{total}", "input u[e] ~ N(0, G)"]
            for p in range(positions):
                for k in range(inputs):
                    self.lines.append(f"x{p}[{k + 1}] = 1*u[{k * positions + p + 1}]")
            self.current = [f"x{p}[b]" for p in range(positions)]
        self.count = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def weight(self, variance: str) -> str:
        name = self.fresh("W")
        self.lines.append(f"weight {name} ~ N(0, ({variance})/n)")
        return name

    def bias(self, b: float | None) -> str:
        if not b:
            return ""
        name = self.fresh("b")
        self.lines.append(f"input {name} ~ N(0, {b}^2)")
        return f" + {name}"

    def define(self, stem: str, expressions: list[str]) -> None:
        name = self.fresh(stem)
        for p, e in enumerate(expressions):
            self.lines.append(f"{name}p{p}[b] = {e}")
        self.current = [f"{name}p{p}[b]" for p in range(len(expressions))]

    def dense(self, w: float, b: float | None) -> None:
        weight, bias = self.weight(f"{w}^2"), self.bias(b)
        self.define("h", [f"{weight} @ {x}{bias}" for x in self.current])

    def act(self, name: str, kwargs: dict[str, Any]) -> None:
        self.define("x", [activation(name, kwargs, x) for x in self.current])

    def layernorm(self, eps: float) -> None:
        self.define("n", [f"({x} - mean({x}))/sqrt(mean(({x} - mean({x}))^2) + {eps!r})" for x in self.current])

    def concat(self, branches: Sequence[Sequence[Sequence[Any]]]) -> list[list[str]]:
        """The branches' outputs side by side: the next matrix acts on each with its share of the width."""
        start, out = self.current, []
        for branch in branches:
            self.current = start
            for name, kwargs in branch:
                self.layer(name, kwargs)
            out.append(self.current)
        return out

    def conv(self, w: float, b: float | None, side: int) -> None:
        taps = [self.weight(f"{w}^2/9") for _ in range(9)]
        bias = self.bias(b)
        out = []
        for p in range(self.positions):
            i, j = divmod(p, side)
            parts = []
            for k, weight in enumerate(taps):
                di, dj = divmod(k, 3)
                at = (i + di - 1, j + dj - 1)
                if 0 <= at[0] < self.positions // side and 0 <= at[1] < side:
                    parts.append(f"{weight} @ {self.current[at[0] * side + at[1]]}")
            out.append(" + ".join(parts) + bias)
        self.define("c", out)

    def flatten_dense(self, w: float, b: float | None) -> None:
        """Flatten, then a dense layer: a matrix for each position."""
        weights = [self.weight(f"{w}^2/{len(self.current)}") for _ in self.current]
        total = " + ".join(f"{m} @ {x}" for m, x in zip(weights, self.current, strict=True))
        self.define("f", [total + self.bias(b)])

    def attention(self, k: dict[str, Any]) -> None:
        """Scores divided by n, queries and keys through one matrix; the average over infinitely many heads."""
        weight = self.weight(f"{k['W_key_std']}*{k['W_query_std']}")
        value = self.weight(f"{k['W_value_std']}^2*{k['W_out_std']}^2")
        bias = self.bias(k["b_std"])
        s = len(self.current)
        q, v, g, x = self.fresh("q"), self.fresh("v"), self.fresh("g"), self.current
        self.lines.append(f"index i{q}, j{q} in 1..{s}")
        for p in range(s):
            self.lines += [f"{q}[b,{p + 1}] = {weight} @ {x[p]}", f"{v}[b,{p + 1}] = {value} @ {x[p]}"]
        i, j = f"i{q}", f"j{q}"
        self.lines.append(f"{g}[b,{i},{j}] = dot({q}[b,{i}], {q}[b,{j}])/n")
        y = self.fresh("y")
        self.lines.append(f"{y}[b,{i}] = sum(softmax({g}[b,{i},{j}] over {j})*{v}[b,{j}] for {j}){bias}")
        self.define("a", [f"1*{y}[b,{p + 1}]" for p in range(s)])

    def layer(self, name: str, kwargs: dict[str, Any]) -> None:
        if name == "Dense":
            self.dense(kwargs["W_std"], kwargs["b_std"])
        elif name == "LayerNorm":
            self.layernorm(1e-12)
        elif name == "GlobalSelfAttention":
            self.attention(kwargs)
        else:
            self.act(name, kwargs)


def program(arch: Sequence[Any], points: Any, folder: Path, side: int = 0) -> str:
    """The text of one architecture, whose last family is the output f; a large Gram matrix goes to a file."""
    data = np.array(points)
    inputs, channels = data.shape[0], data.shape[-1]
    flat = data.reshape(-1, channels)
    kernel = gram(flat.tolist())
    if len(kernel) > 8:
        np.save(folder / "gram.npy", np.array(kernel))
    w = Writer(inputs, len(flat) // inputs, 'file("gram.npy")' if len(kernel) > 8 else rows(kernel))
    layers = list(arch)
    while layers:
        name, kwargs = layers.pop(0)
        if name == "FanInConcat":
            branches = w.concat(kwargs["branches"])
            _, last = layers.pop(0)
            share = f"{last['W_std']}^2/{len(branches)}"
            parts = [f"{w.weight(share)} @ {x}" for (x,) in branches]
            w.define("h", [" + ".join(parts) + w.bias(last["b_std"])])
        elif name == "Conv":
            w.conv(kwargs["W_std"], kwargs["b_std"], side)
        elif name == "Flatten":
            _, last = layers.pop(0)
            w.flatten_dense(last["W_std"], last["b_std"])
        else:
            w.layer(name, kwargs)
    return "\n".join([*w.lines, f"f[b] = 1*{w.current[0]}", "output f"])
