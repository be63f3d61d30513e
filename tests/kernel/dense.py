"""Programs evaluated instruction by instruction in plain numpy, at a small width: shares nothing with the kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from scipy import special

from tensorprog.kernel.ground.nodes import Dot, Input, MatMul, Moment
from tensorprog.kernel.ground.term import App, Bind, Num, Term, Var
from tensorprog.program.graph.graph import Graph as Instructions

N = 8
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda *a: sum(a), "mul": lambda *a: math.prod(a), "neg": lambda a: -a, "recip": lambda a: 1 / a,
    "pow": lambda a, b: a**b, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs, "tanh": np.tanh,
    "erf": special.erf, "sigmoid": special.expit, "relu": lambda a: np.maximum(a, 0), "sign": np.sign, "sin": np.sin,
    "cos": np.cos, "atan": np.arctan, "pi": lambda: math.pi, "step": lambda a: np.heaviside(a, 0.5),
    "max": lambda *a: np.maximum.reduce(np.broadcast_arrays(*a)), "softplus": lambda a: np.logaddexp(0, a),
    "min": lambda *a: np.minimum.reduce(np.broadcast_arrays(*a)), "gelu": lambda a: a * special.ndtr(a),
    "clip": lambda a, low, high: np.minimum(np.maximum(a, low), high), "silu": lambda a: a * special.expit(a),
    "hardtanh": lambda a: np.clip(a, -1, 1), "Phi": special.ndtr, "where": np.where,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "and": lambda *a: np.logical_and.reduce(np.broadcast_arrays(*a)),
    "leaky_relu": lambda a, c: np.where(a > 0, a, c * a),
}  # fmt: skip


class Dense:
    """One draw of inputs and weights, the same for programs that declare the same; the values of all members."""

    def __init__(self, program: Instructions, seed: int) -> None:
        self.program, self.seed = program, seed
        self.values: dict[tuple[str, tuple[int, ...]], Any] = {}
        for node in program.nodes:
            names = [s for s in node.subs if isinstance(s, str)]
            for at in product(*(range(lo, hi + 1) for lo, hi in map(program.range_of, names))):
                where = dict(zip(names, at, strict=True))
                member = tuple(where[s] if isinstance(s, str) else s for s in node.subs)
                self.values[node.name, member] = self._value(node, where, member)

    def _size(self, width: str | None) -> int:
        return int(N * self.program.widths[width or "n"])

    def _drawn(self, name: str, member: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        key = [self.seed, *name.encode(), 0, *member]
        return np.random.default_rng(key).normal(size=shape)

    def _value(self, node: Any, at: Mapping[str, int], member: tuple[int, ...]) -> Any:
        match node:
            case Input():
                return self._drawn(node.name, member, (self._size(node.group.width),))
            case MatMul(weight=w, transposed=transposed, arg=x):
                declared = self.program.weights[w.name]
                shape = self._size(declared.rows), self._size(declared.cols)
                matrix = self._drawn(w.name, self._member(w, at), shape) / math.sqrt(N)
                return (matrix.T if transposed else matrix) @ self._read(x, at)
            case Dot(left=u, right=v, factor=c):
                return self.term(c, at) * (self._read(u, at) @ self._read(v, at))
            case Moment(body=body):
                return np.mean(self.term(body, at))
        return self.term(node.body, at)

    def _member(self, v: Var, at: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(at[s] if isinstance(s, str) else s for s in v.subs)

    def _read(self, v: Var, at: Mapping[str, int]) -> Any:
        return self.values[v.name, self._member(v, at)]

    def term(self, t: Term, at: Mapping[str, int]) -> Any:
        """The value of a term at these values of its indices."""
        match t:
            case Num(value):
                return float(value)
            case Var(name) if name in self.program.families:
                return self._read(t, at)
            case Var(name, ()) if name in self.program.widths:
                return float(self._size(name))
            case Var(name, ()) if name in at:
                return float(at[name])
            case Var(name):  # a param or an entry of a matrix: any number, the same wherever it stands
                return float(self._drawn(name, self._member(t, at), ())) ** 2 + 0.5
            case App(head, args):
                return FUNCTIONS[head](*(self.term(a, at) for a in args))
            case Bind(head, (body, *entry), over, mask):
                spans = [range(lo, hi + 1) for lo, hi in map(self.program.range_of, over)]
                inside = [{**at, **dict(zip(over, values, strict=True))} for values in product(*spans)]
                if head != "softmax":
                    parts = [self.term(body, w) for w in inside]
                    return FUNCTIONS["add" if head == "sum" else head](*parts)
                seen = [w for w in inside if mask is None or self.term(mask, w)]
                chosen = [int(self.term(e, at)) for e in entry or [Var(j) for j in over]]
                powers = [np.exp(self.term(body, w)) for w in seen]
                mine = [p for p, w in zip(powers, seen, strict=True) if [w[j] for j in over] == chosen]
                return sum(mine) / sum(powers)
        raise AssertionError(t)
