"""Members and terms of a program as numbers, at a finite width, without the matrices: W x has a known law given x.

If e_1, e_2, ... are the arguments of one matrix made orthonormal, W e_1, W e_2, ... are independent and normal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from tests.hunt.dense import Dense
from tests.hunt.functions import apply
from tests.hunt.syntax import Program, X

BASIC: dict[str, Callable[..., Any]] = {
    "add": lambda *xs: reduce(np.add, xs), "mul": lambda *xs: reduce(np.multiply, xs), "neg": np.negative,
    "recip": lambda x: 1 / x, "pow": np.power, "where": np.where, "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "pi": lambda: np.pi,
    "and": lambda *xs: reduce(np.logical_and, xs), "asin": np.arcsin,
}  # fmt: skip


class Unknown(Exception):
    """What this road cannot say."""


class Sampler(Dense):
    """As `Dense`, in law, with a cost that grows like the width; `lowered` is the package's reading of the program."""

    def __init__(self, program: Program, lowered: Any, n: int, draws: int, seed: int, values: Mapping[str, float]):
        self.bases: dict[Any, list[tuple[Any, Any]]] = {}
        self.products: dict[tuple[str, tuple[int, ...]], list[tuple[Any, Any]]] = {}
        self.lowered, self.means = lowered, dict[Any, float]()
        self.names = {i for given in program.inputs for i in given.names} | {d.name for d in program.definitions()}
        super().__init__(program, n, draws, np.random.default_rng(seed), values)

    def value(self, x: X, at: Mapping[str, int]) -> Any:
        if x.op == "transposed":
            raise Unknown
        if x.op == "matmul":
            return self.times(x.name, self._at(x.subs, at), self.value(x.args[0], at))
        return super().value(x, at)

    def times(self, name: str, subs: tuple[int, ...], x: Any) -> Any:
        """W x, given all earlier products with W; of one x exactly the same each time, since ties are exact."""
        w = next(w for w in self.program.weights if w.name == name)
        scale = np.sqrt(float(self.value(w.variance, dict(zip(w.subs, subs, strict=True)))) / self.widths[w.cols])
        rest = np.broadcast_to(np.asarray(x, dtype=float), (self.draws, self.widths[w.cols]))
        again = next((y for before, y in self.products.get((name, subs), ()) if np.array_equal(before, rest)), None)
        if again is not None:
            return again
        known, size = rest, np.sqrt((rest**2).sum(axis=1, keepdims=True))
        basis, out = self.bases.setdefault((name, subs), []), np.zeros((self.draws, self.widths[w.rows]))
        for _ in range(2):  # once more, against rounding
            for e, g in basis:
                c = (e * rest).sum(axis=1, keepdims=True)
                rest, out = rest - c * e, out + c * g
        left = np.sqrt((rest**2).sum(axis=1, keepdims=True))
        if np.any(left > 1e-9 * size):
            keep = left > 1e-9 * size
            e, g = np.where(keep, rest / np.where(keep, left, 1), 0), self.rng.standard_normal(out.shape)
            basis.append((e, g))
            out = out + np.where(keep, left, 0) * g
        self.products.setdefault((name, subs), []).append((known, scale * out))
        return scale * out

    # -- terms of the package, by code of this folder

    def term(self, t: Any, at: Mapping[str, int] | None = None) -> Any:
        """A term as an array (draws, width), (draws, 1), or a number."""
        at, kind = at or {}, type(t).__name__
        if kind == "Num":
            return float(t.value)
        if kind in ("Var", "Own"):
            return self.variable(t, at)
        if kind == "Bind":
            return self.bound(t, at)
        if t.head in ("E", "cov", "var"):
            return self.moment(t)
        args = aligned([self.term(a, at) for a in t.args])
        with np.errstate(all="ignore"):
            return BASIC[t.head](*args) if t.head in BASIC else apply(t.head, args)

    def moment(self, t: Any) -> float:
        a = self.term(t.args[0])
        if t.head == "E":
            return float(np.mean(a))
        b = self.term(t.args[-1])
        return float(np.mean(a * b) - np.mean(a) * np.mean(b))

    def variable(self, v: Any, at: Mapping[str, int]) -> Any:
        name, subs = str(v.name), tuple(at.get(s, s) for s in v.subs)
        if name.startswith("E("):
            return self.reference(v)
        if not subs and name in at:
            return float(at[name])
        if name in self.params and not subs:
            return self.params[name]
        if name in self.widths:
            return float(self.widths[name])
        if any(isinstance(s, str) for s in subs):
            raise Unknown
        if name in self.matrices:
            return self._reference(X("ref", name=name, subs=subs), {})
        if (name, subs) in self.members:
            return self.members[name, subs]
        if name in self.names:
            try:
                return self.get(name, subs)
            except KeyError:
                raise Unknown from None
        found = self.members[name, subs] = self.made(type(v)(name, subs))
        return found

    def reference(self, v: Any) -> float:
        """The mean of a term, which a value refers to by name."""
        if v not in self.means:
            about = getattr(v, "about", None)
            if about is None:
                from tensorprog.terms import read

                about = read(str(v.name)[2:-1])
            self.means[v] = float(np.mean(self.term(about)))
        return self.means[v]

    def made(self, v: Any) -> Any:
        """A member that the package named: by its instruction."""
        if v.name not in self.lowered.families:
            raise Unknown
        found = self.lowered.resolve(v)
        if len(found) != 1:
            raise Unknown
        n = found[0][0]
        at = {s: k for s, k in zip(n.subs, v.subs, strict=True) if isinstance(s, str)}
        match type(n).__name__:
            case "Moment":
                return np.mean(np.asarray(self.term(n.body, at)), axis=1, keepdims=True)
            case "Dot":
                sides = self.term(n.left, at) * self.term(n.right, at)
                return self.term(n.factor, at) * np.sum(sides, axis=1, keepdims=True)
            case "MatMul":
                if n.transposed:
                    raise Unknown
                subs = tuple(at.get(s, s) for s in n.weight.subs)
                return self.times(n.weight.name, subs, self.term(n.arg, at))
            case "LinComb" | "Nonlin" | "Scalar":
                return self.term(n.body, at)
        raise Unknown

    def bound(self, t: Any, at: Mapping[str, int]) -> Any:
        """A sum, maximum, minimum or softmax over indices; the chosen entry of a softmax stands outside."""
        places = [dict(zip(t.over, k, strict=True)) for k in product(*(self.span(j) for j in t.over))]
        kept = [p for p in places if t.mask is None or bool(self.term(t.mask, {**at, **p}))]
        parts = [self.term(t.args[0], {**at, **p}) for p in kept]
        if t.head != "softmax":
            return BASIC["add"](*parts) if t.head == "sum" else apply(t.head, parts)
        entry = {j: int(self.term(e, at)) for j, e in zip(t.over, t.args[1:], strict=False)} or {
            j: at[j] for j in t.over
        }
        shares = [np.exp(u) for u in parts]
        return sum((u for u, p in zip(shares, kept, strict=True) if p == entry), 0.0) / reduce(np.add, shares)

    def span(self, j: str) -> range:
        """The values of an index; j~ is a j under a j."""
        low, high = self.lowered.range_of(j.rstrip("~"))
        return range(low, high + 1)


def aligned(args: list[Any]) -> list[Any]:
    """Vectors of two widths have as many coordinates in common as the smaller."""
    widths = {np.shape(a)[1] for a in args if np.ndim(a) == 2} - {1}
    if len(widths) < 2:
        return args
    return [a[:, : min(widths)] if np.ndim(a) == 2 else a for a in args]
