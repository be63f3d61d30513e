"""A second way to the same numbers: real matrices, one member at a time, straight from the definition.

It shares nothing with the sampler; index sums are loops, families are dictionaries.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from tensorprog.kernel.ground.masks import holds
from tensorprog.kernel.ground.nodes import Attention, Dot, Input, MatMul, Moment
from tensorprog.program import Program
from tensorprog.terms import App, Bind, Num, Term, Var
from tests.definitions import ARRAYS

Member = tuple[str, tuple[int, ...]]


class Oracle:
    """`draws` samples at once: every vector is an array (draws, width), every matrix (draws, rows, columns)."""

    def __init__(self, program: Program, n: int, draws: int, seed: int, params: dict[str, float] | None = None) -> None:
        self.program = program
        self.draws = draws
        self.rng = np.random.default_rng(seed)
        self.widths = {k: int(r * n) for k, r in program.widths.items()}
        self.params = {k: float(self.value(p.default, {})) for k, p in program.params.items() if p.default is not None}
        self.params |= params or {}
        self.members: dict[Member, Any] = {}
        self.matrices: dict[Member, Any] = {}
        self.run()

    def __getitem__(self, name: str) -> Any:
        """All members of a family: (draws, members) of coordinate 1, or of the scalar."""
        found = {k: v for k, v in sorted(self.members.items()) if k[0] == name}
        vector = self.program.families[name].kind == "vector"
        return np.stack([np.broadcast_to(v[:, 0] if vector else v, (self.draws,)) for v in found.values()], axis=1)

    def all(self, names: tuple[str, ...]) -> Any:
        return product(*(range(lo, hi + 1) for lo, hi in map(self.program.range_of, names)))

    def run(self) -> None:
        with np.errstate(all="ignore"):
            for group in self.program.groups:
                self.inputs(group)
            for node in self.program.nodes:
                if isinstance(node, Input):
                    continue
                names = tuple(s for s in node.subs if isinstance(s, str))
                for values in self.all(names):
                    at = dict(zip(names, values, strict=True))
                    self.members[node.name, self.index(node.subs, at)] = self.node(node, at)

    def index(self, subs: Any, at: dict[str, int]) -> tuple[int, ...]:
        return tuple(at[s] if isinstance(s, str) else s for s in subs)

    def inputs(self, group: Any) -> None:
        keys = [(k, v) for k in range(len(group.names)) for v in self.all(group.subs)]
        primed = {s for row in group.cov for t in row for v in _leaves(t) for s in (v.name, *v.subs)
                  if isinstance(s, str) and s.endswith("'")}  # fmt: skip
        cov = np.zeros((len(keys), len(keys)))
        for r, (a, v) in enumerate(keys):
            for c, (b, w) in enumerate(keys):
                at = dict(zip(group.subs, v, strict=True)) | {s + "'": x for s, x in zip(group.subs, w, strict=True)}
                if all(x == y or s + "'" in primed for s, x, y in zip(group.subs, v, w, strict=True)):
                    cov[r, c] = self.value(group.cov[a][b], at)
        values, vectors = np.linalg.eigh(cov)
        half = vectors * np.sqrt(np.maximum(values, 0.0))
        z = half @ self.rng.standard_normal((self.draws, len(keys), self.widths[group.width]))
        for r, (a, v) in enumerate(keys):
            mean = self.value(group.mean[a], dict(zip(group.subs, v, strict=True)))
            self.members[group.names[a], v] = z[:, r] + mean

    def matrix(self, name: str, index: tuple[int, ...]) -> Any:
        if (name, index) not in self.matrices:
            w = self.program.weights[name]
            shape = (self.draws, self.widths[w.rows], self.widths[w.cols])
            scale = np.sqrt(self.value(w.variance, dict(zip(w.subs, index, strict=True))))
            if w.law == "rademacher":
                entries = self.rng.choice([-1.0, 1.0], shape)
            elif w.law == "uniform":
                entries = self.rng.uniform(-(3**0.5), 3**0.5, shape)
            elif w.law == "student":
                nu = self.value(w.freedom, {})
                entries = self.rng.standard_t(nu, shape) / np.sqrt(nu / (nu - 2))
            else:
                entries = self.rng.standard_normal(shape)
            self.matrices[name, index] = scale * entries
        return self.matrices[name, index]

    def node(self, node: Any, at: dict[str, int]) -> Any:
        match node:
            case MatMul():
                w = self.matrix(node.weight.name, self.index(node.weight.subs, at))
                x = self.members[node.arg.name, self.index(node.arg.subs, at)]
                return np.einsum("dba,db->da" if node.transposed else "dab,db->da", w, x)
            case Dot():
                u, v = (self.members[r.name, self.index(r.subs, at)] for r in (node.left, node.right))
                return (u * v).sum(1) * self.value(node.factor, at)
            case Moment():
                return np.asarray(self.value(node.body, at)).mean(1)
            case Attention():
                cells = [at | dict(zip(node.over, c, strict=True)) for c in self.all(node.over)]
                cells = [c for c in cells if node.mask is None or holds(node.mask, c)]
                q, k, v = ([self.members[r.name, self.index(r.subs, c)] for c in cells]
                           for r in (node.query, node.key, node.value))  # fmt: skip
                p = np.stack([(a * b).sum(1) * self.value(node.scale, at) for a, b in zip(q, k, strict=True)])
                e = np.exp(p - p.max(0))
                return sum((e[c] / e.sum(0))[:, None] * v[c] for c in range(len(cells)))
            case _:
                value = np.asarray(self.value(node.body, at))
                scalar = self.program.families[node.name].kind == "scalar"
                return value.reshape(value.shape[0], -1)[:, 0] if scalar and value.ndim == 2 else value

    def value(self, t: Term, at: dict[str, int]) -> Any:
        """Scalars are columns (draws, 1), so that they spread over coordinates."""
        match t:
            case Num(v):
                return float(v)
            case Var(name, ()) if name in at:
                return float(at[name])
            case Var(name, subs) if name in self.program.families:
                found = np.asarray(self.members[name, self.index(subs, at)])
                return found[:, None] if self.program.families[name].kind == "scalar" else found
            case Var(name, ()):
                return float(self.widths[name]) if name in self.widths else self.params[name]
            case Var(name, subs):
                matrix = self.program.matrices[name]
                where = np.ravel_multi_index([k - 1 for k in self.index(subs, at)], matrix.shape)
                if matrix.entries is None:
                    return float(np.frombuffer(matrix.data)[where])
                return self.value(matrix.entries[where], {})
            case App("pi"):
                return np.pi
            case App("add", args):
                return sum(self.value(a, at) for a in args)
            case App("mul", args):
                return prod([self.value(a, at) for a in args[1:]], start=self.value(args[0], at))
            case App("neg", (a,)):
                return -self.value(a, at)
            case App("recip", (a,)):
                below = np.asarray(self.value(a, at))
                return 1.0 / np.where(below == 0, np.nan, below)
            case App("pow", (a, b)):
                return np.power(self.value(a, at), self.value(b, at))
            case App("lt" | "le" | "gt" | "ge" as head, (a, b)):
                compare = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}[head]
                return compare(self.value(a, at), self.value(b, at))
            case App(head, args):
                return {**ARRAYS, "where": np.where}[head](*(self.value(a, at) for a in args))
            case Bind(head, (body, *_), over, mask):
                cells = [at | dict(zip(over, c, strict=True)) for c in self.all(over)]
                if head != "softmax":
                    parts = [self.value(body, c) for c in cells]
                    return {"sum": sum, "max": lambda p: np.max(p, 0), "min": lambda p: np.min(p, 0)}[head](parts)
                if mask is not None and not holds(mask, at):
                    return 0.0
                kept = [c for c in cells if mask is None or holds(mask, c)]
                p = np.stack([self.value(body, c) for c in kept])
                return np.exp(self.value(body, at) - p.max(0)) / np.exp(p - p.max(0)).sum(0)
        raise AssertionError(t)


def _leaves(t: Term) -> list[Var]:
    from tensorprog.kernel.ground.term import variables

    return variables(t)


def moments(x: Any) -> Any:
    """First, second and fourth moments of columns, with cross moments: (draws, many). Large values are tamed."""
    x = np.asarray(x, dtype=float)
    x = x / (1.0 + 0.05 * np.abs(x))  # bounded, monotone, nearly the identity: no heavy tails in the comparison
    a, b = np.triu_indices(x.shape[1])
    return np.concatenate([x, x[:, a] * x[:, b], x**2 * np.roll(x, 1, 1) ** 2, x**4, x**2 * np.roll(x, 1, 1)], axis=1)


def distances(x: Any, y: Any) -> Any:
    """|z| of the difference of every moment between two independent samples."""
    f, g = moments(x), moments(y)
    spread = np.sqrt(f.var(0) / len(f) + g.var(0) / len(g))
    same = np.abs(f.mean(0) - g.mean(0)) <= 1e-9 * (1 + np.abs(g.mean(0)))
    return np.where(same, 0.0, np.abs(f.mean(0) - g.mean(0)) / np.maximum(spread, 1e-300))
