"""A program's text evaluated with real matrices in plain numpy: the second road for limits.

Only the reader of the language is shared with tensorprog; names, indices, sampling and arithmetic are read here anew.
A vector is an array (draws, width), a scalar (draws, 1), a matrix (draws, rows, columns).
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from scipy.special import erf, expit

from tensorprog.language import syntax as s
from tensorprog.language.parser import parse
from tensorprog.program.graph.limits import Limits
from tensorprog.terms import App, Bind, Num, Term, Var

At = dict[str, int]
FUNCTIONS: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sigmoid": expit, "exp": np.exp, "sqrt": np.sqrt,
    "abs": np.abs, "sin": np.sin, "cos": np.cos, "silu": lambda x: x * expit(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "leaky_relu": lambda x, a: np.where(x > 0, x, a * x), "clip": np.clip, "erf": erf,
    "neg": np.negative, "recip": lambda x: 1 / x, "pow": np.power, "max": np.maximum, "min": np.minimum,
    "dot": lambda a, b: np.sum(a * b, axis=-1, keepdims=True), "mean": lambda a: np.mean(a, axis=-1, keepdims=True),
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip


class Dense:
    """Draws of a program at one width."""

    def __init__(self, text: str, n: int, draws: int, seed: int) -> None:
        self.rng, self.draws = np.random.default_rng(seed), draws
        self.numbers: dict[str, Any] = {"n": n, "pi": math.pi}
        self.ranges: dict[str, range] = {}
        self.matrices: dict[str, Any] = {}
        self.laws: dict[str, s.WeightDef] = {}
        self.weights: dict[tuple[str, tuple[int, ...]], Any] = {}
        self.members: dict[tuple[str, tuple[int, ...]], Any] = {}
        self.defined: dict[str, list[tuple[tuple[Term, ...], Term, At]]] = {}
        self.boxes: dict[str, set[int]] = {}
        for statement in parse(text, Limits(), frozenset({"pad", "wrap"})):
            self._statement(statement, {})

    def _statement(self, made: s.Statement, at: At) -> None:
        match made:
            case s.WidthDef() | s.ConstDef():
                width = self.number(made.value, {})
                assert width == int(width), f"{made.name} is no whole number"
                self.numbers[made.name] = int(width)
            case s.ParamDef(default=Num() as default):
                self.numbers[made.name] = float(default.value)
            case s.IndexDef():
                for name, _ in made.names:
                    self.ranges[name] = range(int(self.number(made.low, {})), int(self.number(made.high, {})) + 1)
            case s.MatrixDef(literal=tuple() as rows):
                self.matrices[made.name] = np.array([[self.number(x, {}) for x in row] for row in rows])  # type: ignore[arg-type, union-attr]
            case s.InputDef():
                self._input(made)
            case s.BernoulliDef():
                for ref in made.refs:
                    for key in self._cells(ref):
                        size = self.draws, self.numbers[made.width or "n"]
                        self.members[key] = 1.0 * (self.rng.random(size) < self.number(made.probability, {}))  # type: ignore[arg-type]
            case s.WeightDef():
                for ref in made.refs:
                    self.laws[_split(ref)[0]] = made
            case s.Definition():
                name, subs = _split(made.ref)
                self.defined.setdefault(name, []).append((subs, made.value, dict(at)))
                if subs:
                    first = subs[0]
                    free = isinstance(first, Var) and first.name not in at
                    self.boxes.setdefault(name, set()).update(
                        self.ranges[first.name] if free else [int(self.number(first, at))]  # type: ignore[union-attr]
                    )
            case s.Loop():
                for k in range(int(self.number(made.low, at)), int(self.number(made.high, at)) + 1):
                    for inner in made.body:
                        self._statement(inner, {**at, made.name: k})

    def _cells(self, ref: Term) -> list[tuple[str, tuple[int, ...]]]:
        name, subs = _split(ref)
        return [(name, cell) for cell in product(*(self.ranges[x.name] for x in subs))]  # type: ignore[union-attr]

    def _input(self, made: s.InputDef) -> None:
        assert not made.joint, "not needed yet"
        for ref in made.refs:
            name, subs = _split(ref)
            keys = self._cells(ref)
            if subs:
                self.boxes[name] = {c[0] for _, c in keys}
            names = [x.name for x in subs]  # type: ignore[union-attr]
            cov = np.array([[self._covariance(made.cov, names, a[1], b[1]) for b in keys] for a in keys])
            values, vectors = np.linalg.eigh(cov)
            z = self.rng.standard_normal((len(keys), self.draws, self.numbers[made.width or "n"]))
            drawn = np.tensordot(vectors * np.sqrt(np.maximum(values, 0)), z, 1)
            for key, x in zip(keys, drawn, strict=True):
                self.members[key] = x + self.number(made.mean, {})  # type: ignore[arg-type]

    def _covariance(self, cov: Any, names: list[str], a: tuple[int, ...], b: tuple[int, ...]) -> float:
        if isinstance(cov, Var) and cov.name in self.matrices:
            return float(self.matrices[cov.name][a[0] - 1, b[0] - 1])
        primed = {f"{name}'": k for name, k in zip(names, b, strict=True)}
        used = set(_primes(cov))
        if any(x != y and name not in used for name, x, y in zip(names, a, b, strict=True)):
            return 0.0  # independent across an index whose primed form does not occur
        return float(self.number(cov, {**dict(zip(names, a, strict=True)), **primed}))

    def number(self, t: Term, at: At) -> Any:
        return self.value(t, at)

    def member(self, name: str, cell: tuple[int, ...]) -> Any:
        """One vector or scalar, made when it is first asked for."""
        if (name, cell) not in self.members:
            for subs, value, at in self.defined[name]:
                inner = dict(at)
                for x, k in zip(subs, cell, strict=True):
                    if isinstance(x, Var) and x.name not in at:
                        if k not in self.ranges[x.name]:
                            break
                        inner[x.name] = k
                    elif self.number(x, at) != k:
                        break
                else:
                    self.members[name, cell] = self.value(value, inner)
                    break
            else:
                raise KeyError(f"{name}{list(cell)}")
        return self.members[name, cell]

    def weight(self, t: Term, at: At) -> Any:
        """A matrix (draws, rows, columns) with entries of variance c/(input width), as stated."""
        name, subs = _split(t)
        key = name, tuple(int(self.number(x, at)) for x in subs)
        if key not in self.weights:
            law = self.laws[name]
            rows, columns = (self.numbers[w] for w in law.shape or ("n", "n"))
            inside = dict(zip((x.name for ref in law.refs for x in _split(ref)[1]), key[1], strict=False))  # type: ignore[union-attr]
            sd = math.sqrt(self.number(law.variance, inside))
            z = self.rng.standard_normal((self.draws, rows, columns), dtype=np.float32)
            self.weights[key] = np.float32(sd) * z
        return self.weights[key]

    def value(self, t: Term, at: At) -> Any:
        """An expression at given values of its indices."""
        match t:
            case Num():
                return float(t.value)
            case Var():
                found = at.get(t.name, self.numbers.get(t.name))
                return self.member(t.name, ()) if found is None else found
            case App("transpose", (Var() as index,)):
                return at[f"{index.name}'"]
            case App("matmul", (w, x)):
                vector = self.value(x, at)
                return np.einsum("dij,dj->di", self.weight(w, at), vector.astype(np.float32), optimize=True) + 0.0
            case App("ref", (Var() as name, *subs)):
                cell = tuple(int(self.number(x, at)) for x in subs)
                return (
                    self.matrices[name.name][tuple(k - 1 for k in cell)]
                    if name.name in self.matrices
                    else self.member(name.name, cell)
                )
            case App("pad" | "wrap" as how, (App("ref", (Var() as name, *subs)),)):
                cell = tuple(int(self.number(x, at)) for x in subs)
                box = self.boxes[name.name]
                if how == "pad" and cell[0] not in box:
                    return np.zeros((self.draws, 1))
                first = (cell[0] - min(box)) % len(box) + min(box)
                return self.member(name.name, (first, *cell[1:]))
            case App("add", terms):
                return sum(self.value(x, at) for x in terms)
            case App("mul", factors):
                return math.prod(self.value(x, at) for x in factors)
            case App(head, arguments):
                return FUNCTIONS[head](*(self.value(x, at) for x in arguments))
            case Bind():
                return self._bind(t, at)
        raise AssertionError(t)

    def _bind(self, t: Bind, at: At) -> Any:
        cells = [{**at, **dict(zip(t.over, c, strict=True))} for c in product(*(self.ranges[i] for i in t.over))]
        if t.head in ("sum", "max", "min"):
            values = [self.value(t.args[0], c) for c in cells]
            return sum(values) if t.head == "sum" else FUNCTIONS[t.head].reduce(values)
        cells = [c for c in cells if t.mask is None or self.value(t.mask, c)]
        if t.head == "attention":
            q, k, v, scale = t.args
            scores = [FUNCTIONS["dot"](self.value(q, c), self.value(k, c)) * self.value(scale, c) for c in cells]
            top = np.max(scores, axis=0)
            shares = [np.exp(p - top) for p in scores]
            return sum(a * self.value(v, c) for a, c in zip(shares, cells, strict=True)) / sum(shares)
        assert t.head == "softmax", t.head
        if t.mask is not None and not self.value(t.mask, at):
            return 0.0
        scores = [self.value(t.args[0], c) for c in cells]
        top = np.max(scores, axis=0)
        return np.exp(self.value(t.args[0], at) - top) / sum(np.exp(p - top) for p in scores)


def _split(ref: Term) -> tuple[str, tuple[Term, ...]]:
    if isinstance(ref, Var):
        return ref.name, ()
    assert isinstance(ref, App), ref
    name, *subs = ref.args
    assert isinstance(name, Var)
    return name.name, tuple(subs)


def _primes(t: Any) -> list[str]:
    if isinstance(t, App) and t.head == "transpose":
        return [x.name for x in t.args if isinstance(x, Var)]
    return [name for x in getattr(t, "args", ()) for name in _primes(x)]
