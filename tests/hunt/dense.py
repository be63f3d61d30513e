"""Programs evaluated with real n x n matrices, member by member, from the hunt's own data: the oracle of limits."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from tests.hunt.functions import COMPARE, apply
from tests.hunt.scalars import arithmetic, eval_number
from tests.hunt.syntax import Define, For, Input, Mask, Program, Sub, X

Member = tuple[str, tuple[int, ...]]


def at_index(s: Sub, at: Mapping[str, int]) -> int:
    """A subscript at values of the indices."""
    return at[s] if isinstance(s, str) else s if isinstance(s, int) else at_index(s[0], at) + at_index(s[1], at)


def holds(mask: Mask, at: Mapping[str, int]) -> bool:
    """Whether a mask lets a cell through."""
    values = [(rel, *(at[s] if isinstance(s, str) else s for s in (a, b))) for rel, a, b in mask]
    return all(bool(COMPARE[rel](a, b)) for rel, a, b in values)


class Dense:
    """`draws` samples at width n: vectors are arrays (draws, width), scalars (draws, 1)."""

    def __init__(
        self, program: Program, n: int, draws: int, rng: np.random.Generator, values: Mapping[str, float] | None = None
    ) -> None:
        self.program, self.n, self.draws, self.rng = program, n, draws, rng
        self.widths = {"n": n, **{w: k * n for w, k in program.widths}}
        self.params = {p.name: float(eval_number(p.default)) for p in program.params} | dict(values or {})
        self.matrices = dict(program.matrices)
        self.members: dict[Member, Any] = {}
        self.weights: dict[Member, Any] = {}
        self.definitions: dict[str, list[tuple[Define, dict[str, int]]]] = {}
        for s in program.body:
            for at in [{}] if not isinstance(s, For) else [{s.var: t} for t in range(s.low, s.high + 1)]:
                for d in s.body if isinstance(s, For) else (s,):
                    self.definitions.setdefault(d.name, []).append((d, at))
        with np.errstate(all="ignore"):
            for given in program.inputs:
                self._input(given)

    def family(self, name: str) -> list[Member]:
        """All members of a family."""
        found = [k for k in self.members if k[0] == name and any(name in i.names for i in self.program.inputs)]
        for d, at in self.definitions.get(name, ()):
            names = [s for s in d.subs if isinstance(s, str) and s not in at]
            for values in product(*map(self.program.range_of, names)):
                found.append((name, self._at(d.subs, {**at, **dict(zip(names, values, strict=True))})))
        return sorted(set(found))

    def get(self, name: str, subs: tuple[int, ...]) -> Any:
        """One member, evaluated when it is first asked for."""
        if (name, subs) not in self.members:
            for d, at in self.definitions[name]:
                inner = dict(at)
                fits = len(d.subs) == len(subs)
                for s, k in zip(d.subs, subs, strict=False):
                    if isinstance(s, str) and s not in at:
                        fits &= k in self.program.range_of(s)
                        inner[s] = k
                    else:
                        fits &= self._at((s,), at) == (k,)
                if fits:
                    with np.errstate(all="ignore"):
                        value = np.asarray(self.value(d.value, inner), dtype=float)
                    self.members[name, subs] = value
                    break
            else:
                raise KeyError(f"{name}{list(subs)}")
        return self.members[name, subs]

    def _at(self, subs: tuple[Sub, ...], at: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(at_index(s, at) for s in subs)

    def _input(self, given: Input) -> None:
        cells = list(product(*map(self.program.range_of, given.subs)))
        keys = [(name, c) for name in given.names for c in cells]
        size = (self.draws, self.widths[given.width])
        if given.law == "bernoulli":
            for name, c in keys:
                p = self.value(given.value[0], dict(zip(given.subs, c, strict=True)))
                self.members[name, c] = (self.rng.random(size) < p).astype(float)
            return
        cov = np.array([[self._covariance(given, a, b) for b in keys] for a in keys])
        values, vectors = np.linalg.eigh(cov)
        half = vectors * np.sqrt(np.where(values > 1e-9 * max(1e-300, values.max()), values, 0.0))
        z = self.rng.standard_normal((len(keys), *size))
        for row, key in enumerate(keys):
            if cov[row, row] == 0:
                self.members[key] = np.full(size, float(given.mean))
                continue
            twin = next((k for k in range(row) if cov[k, k] == cov[k, row] == cov[row, row]), None)
            if twin is not None:  # equal in law and fully correlated: equal, to the last digit
                self.members[key] = self.members[keys[twin]]
                continue
            self.members[key] = np.tensordot(half[row], z, 1) + float(given.mean)

    def _covariance(self, given: Input, a: Member, b: Member) -> float:
        at = dict(zip(given.subs, a[1], strict=True))
        if given.law == "decay":
            return float(self.value(given.value[0], at) * self.value(given.value[1], at) ** abs(a[1][0] - b[1][0]))
        if given.law == "matrix":
            return float(self.value(X("ref", name=given.value[0].name, subs=(a[1][0], b[1][0])), at))
        if a[1] != b[1]:
            return 0.0
        if given.law == "joint":
            k = given.names.index(a[0]) * len(given.names) + given.names.index(b[0])
            return float(self.value(given.value[k], at))
        return float(self.value(given.value[0], at)) if a[0] == b[0] else 0.0

    def weight(self, name: str, subs: tuple[int, ...]) -> Any:
        """A member of a family of matrices: (draws, rows, columns)."""
        if (name, subs) not in self.weights:
            w = next(w for w in self.program.weights if w.name == name)
            rows, cols = self.widths[w.rows], self.widths[w.cols]
            below = sum(self.widths[k] for k in w.over) or cols
            variance = float(self.value(w.variance, dict(zip(w.subs, subs, strict=True)))) / below
            self.weights[name, subs] = np.sqrt(variance) * self.rng.standard_normal((self.draws, rows, cols))
        return self.weights[name, subs]

    def value(self, x: X, at: Mapping[str, int]) -> Any:
        """An expression at given values of its indices."""
        match x.op:
            case "width":
                return float(self.widths[x.name])
            case "ref" | "pad" | "wrap":
                return self._reference(x, at)
            case "matmul" | "transposed":
                w, v = self.weight(x.name, self._at(x.subs, at)), self.value(x.args[0], at)
                if x.op == "transposed":
                    w = np.swapaxes(w, 1, 2)
                return np.matmul(w, np.broadcast_to(v, (self.draws, w.shape[2]))[:, :, None])[:, :, 0]
            case "sum" | "max" | "min":
                parts = [self.value(x.args[0], {**at, x.name: k}) for k in self.program.range_of(x.name)]
                return sum(parts) if x.op == "sum" else apply(x.op, parts)
            case "softmax":
                return self._softmax(x.args[0], x.name, x.mask, at)
            case "attention":
                q, k, v = x.args
                logits = X("div", (X("dot", (q, k)), X("call", (X("width", name="n"),), "sqrt")))
                cells = [{**at, x.name: c} for c in self.program.range_of(x.name)]
                return sum(self._softmax(logits, x.name, x.mask, c) * self.value(v, c) for c in cells)
        args = [self.value(a, at) for a in x.args]
        match x.op:
            case "dot":
                return np.sum(args[0] * args[1], axis=1, keepdims=True)
            case "mean":
                return np.mean(args[0], axis=1, keepdims=True)
        return arithmetic(x, args)

    def _reference(self, x: X, at: Mapping[str, int]) -> Any:
        subs = self._at(x.subs, at)
        if x.name in self.params and not subs:
            return self.params[x.name]
        if not subs and x.name in at:
            return float(at[x.name])
        if x.name in self.matrices:
            rows = self.matrices[x.name]
            return float(eval_number(rows[0][subs[0] - 1] if len(subs) == 1 else rows[subs[0] - 1][subs[1] - 1]))
        if x.op != "ref":
            there = sorted(self.family(x.name))
            low, high = there[0][1][0], there[-1][1][0]
            if x.op == "pad" and not low <= subs[0] <= high:
                return 0.0
            subs = ((subs[0] - low) % (high - low + 1) + low, *subs[1:])
        return self.get(x.name, subs)

    def _softmax(self, body: X, over: str, mask: Mask, at: Mapping[str, int]) -> Any:
        if not holds(mask, at):
            return 0.0
        kept = [c for k in self.program.range_of(over) if holds(mask, c := {**at, over: k})]
        logits = [np.asarray(self.value(body, c), dtype=float) for c in kept]
        top = apply("max", logits)
        return np.exp(self.value(body, at) - top) / sum(np.exp(p - top) for p in logits)
