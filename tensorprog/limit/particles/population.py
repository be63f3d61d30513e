"""One particle is one coordinate of every vector; populations, drawn side by side, stand for the law of a coordinate.

A MatMul is drawn as what it is in the limit: a Gaussian, independent of its argument, whose covariance with the other
products of the same matrix is the population's mean of the products of their arguments (Yang 2019),

    Cov(Z^{Wx}, Z^{Wx'}) = sigma_W^2 E Z^x Z^x',      (Z^{Wx})_new = sum_j L_j xi_j + sqrt(rest) xi_new,

L a row of the Cholesky factor, which grows with each product. Everything else acts particle by particle, and a Moment
is the population's mean. So an error made early is carried through the program as the program carries it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.kernel.ground.nodes import Input
from tensorprog.limit.members.compiled import number
from tensorprog.limit.particles.carried import Carried, Value, plus, times
from tensorprog.limit.particles.features import Features
from tensorprog.limit.particles.plan import Node, Plan
from tensorprog.limit.particles.splitting import Class, is_feature
from tensorprog.limit.rules.quantities import Cov
from tensorprog.terms import App, Num, Term, Var

Array = NDArray[np.float64]
TINY = 1e-12
SURE = 0.1
"""By which part of itself a variance may differ between populations, and still be none that vanishes in the limit."""
NOTHING = 1e-9
"""Beside the whole, a part of a variance as small as this is not told from rounding."""
BLOCK = 1 << 22
"""Numbers that are multiplied at once."""


@dataclass(slots=True)
class _Products:
    """The values of one class; with controls, those of x in f(x) too, as particles and carried."""

    values: list[Value] = field(default_factory=list)
    plain: list[Value] = field(default_factory=list)
    carried: list[Value] = field(default_factory=list)

    def slopes(self) -> Array:
        """E[f(x) x]/E[x^2] for each term, in each population."""
        out = []
        for f, x in zip(self.values, self.plain, strict=True):
            top, below = np.mean(np.asarray(f) * x, axis=1), np.mean(np.square(np.asarray(x)), axis=1)
            out.append(np.where(below > 0, top / np.where(below > 0, below, 1.0), 0.0))
        return np.stack(out, axis=1)


class Population:
    """The populations of one plan: `normals` has the axes populations, forms that are drawn, particles."""

    def __init__(self, plan: Plan, normals: Array) -> None:
        self.plan, self.reader = plan, plan.reader
        self.normals = normals
        self.count = len(normals)
        self.constant = False
        """Had something that was drawn one value only?"""
        self.largest = 0.0
        """The root mean square of the largest number that was computed on the way."""
        self._left: Counter[Node] = plan.uses.copy()
        self._values: dict[Node, Value] = {}
        self._moments: dict[Var, Array] = {}
        self._index: dict[Var, tuple[int, int]] = {}
        self._forms: dict[int, list[Var]] = {}
        self._cov: dict[int, Array] = {}
        self._at: dict[Var, Array] = {}
        self._factor: dict[int, tuple[list[int], Array]] = {}
        self._features: dict[frozenset[Var], Features] = {}
        self._squares: dict[object, Array] = {}
        self._products: dict[object, list[_Products]] = {}
        self._draw()
        self.answers = [
            self._moments_of(classes, len(f)) for classes, f in zip(plan.questions, plan.families, strict=True)
        ]
        """For each family the means, and the means of the products of two."""

    @property
    def inexact(self) -> float:
        """What the expectations of pairs that were not sampled may be off, relatively."""
        return max((f.inexact for f in self._features.values()), default=0.0)

    @property
    def standing(self) -> bool:
        """Might the limit stand at a jump? A variance that is 0 in the limit is whatever the sample made of it."""
        for gap in self.plan.gaps:
            names, slopes = [*gap.slopes], np.array([*gap.slopes.values()])
            whole = self._between(names, names) @ slopes @ slopes
            cross = slopes @ self._between(names, gap.given)
            known = np.linalg.pinv(self._between(gap.given, gap.given), hermitian=True)
            left = whole - np.einsum("rk,rkl,rl->r", cross, known, cross)
            if np.std(left) > SURE * np.mean(left) or np.any(left <= NOTHING * whole):
                return True
        return False

    def _between(self, one: Sequence[Var], two: Sequence[Var]) -> Array:
        """The covariances of some forms with others: axes populations, forms, forms."""
        out = np.zeros((self.count, len(one), len(two)))
        for i, v in enumerate(one):
            for j, w in enumerate(two):
                out[:, i, j] = self._pair(v, w)
        return out

    @property
    def ends(self) -> dict[Var, tuple[float, float, float]]:
        """The least and the largest centre of each form and average, and its largest standard deviation."""
        out = {v: (c := self.reader.forms[v].constant, c, math.sqrt(max(float(self._pair(v, v).max()), 0.0)))
               for v in self._index}  # fmt: skip
        return out | {v: (float(x.min()), float(x.max()), 0.0) for v, x in self._moments.items()}

    def squares(self, leaf: Var) -> float:
        """E x^2 of the argument of a MatMul."""
        origin = self.reader.u.origin(leaf)
        k = self.plan.origins[origin].index(leaf)
        return float(self._squares[origin][:, k, k].mean())

    # -- the forms, level by level -----------------------------------------------------------------------------------

    def _draw(self) -> None:
        column = {v: k for k, v in enumerate(self.plan.drawn)}
        levels: dict[int, list[Var]] = {}
        for v, level in self.plan.levels.items():
            levels.setdefault(level, []).append(v)
        for _, symbols in sorted(levels.items()):
            new: dict[int, list[Var]] = {}
            for v in sorted((v for v in symbols if v in self.plan.groups.group_of), key=lambda v: int(v.name[1:])):
                new.setdefault(self.plan.groups.group_of[v], []).append(v)
            for group, forms in new.items():
                self._covariances(group, forms)
                if drawn := [v for v in forms if v in column]:
                    self._particles(group, drawn, column)
            for v in symbols:  # after the forms: an average has the level of what it is an average of
                if v in self.plan.averages:
                    self._moments[v] = self._moments_of(self.plan.averages[v], 1)[0]

    def _covariances(self, group: int, new: Sequence[Var]) -> None:
        """The covariances of new forms with all of their group, from those of their leaves."""
        forms = self._forms.setdefault(group, [])
        before = len(forms)
        for v in new:
            self._index[v] = group, len(forms)
            forms.append(v)
        parts: dict[object, list[tuple[int, Var, float]]] = {}
        for k, v in enumerate(forms):
            for leaf, c in self.reader.forms[v].leaves:
                parts.setdefault(self.reader.u.origin(leaf), []).append((k, leaf, c))
        found = np.zeros((self.count, len(new), len(forms)))
        for origin, entries in parts.items():
            if max(k for k, _, _ in entries) < before:
                continue
            place = {leaf: k for k, leaf in enumerate(self.plan.origins[origin])}
            last = 1 + max(place[leaf] for _, leaf, _ in entries)
            weights = np.zeros((len(forms), last))
            for k, leaf, c in entries:
                weights[k, place[leaf]] = c
            found += weights[before:] @ self._square(origin, last) @ weights.T
        whole = np.zeros((self.count, len(forms), len(forms)))
        if before:
            whole[:, :before, :before] = self._cov[group]
        whole[:, before:] = found
        whole[:, :, before:] = found.transpose(0, 2, 1)
        self._cov[group] = whole

    def _square(self, origin: object, last: int) -> Array:
        """The covariances of the first leaves of a matrix, or of a group of initial vectors."""
        leaves = self.plan.origins[origin]
        node = self.reader.u.leaves[leaves[0]]
        if isinstance(node.node, Input):
            if origin not in self._squares:
                rows = [[number(self.reader.u.declared(Cov(a, b)), self.reader.floats) for b in leaves[: k + 1]]
                        for k, a in enumerate(leaves)]  # fmt: skip
                lower = np.array([row + [0.0] * (len(leaves) - len(row)) for row in rows])
                self._squares[origin] = lower + np.tril(lower, -1).T
            return self._squares[origin][:last, :last]
        before = self._squares.get(origin)
        known = 0 if before is None else before.shape[-1]
        if last > known:
            new = self._second(self.plan.arguments[origin], self._products.setdefault(origin, []), known, last)
            whole = np.zeros((self.count, last, last))
            if before is not None:
                whole[:, :known, :known] = before
            whole[:, known:] = new
            whole[:, :, known:] = new.transpose(0, 2, 1)
            self._squares[origin] = whole
        factor = number(node.factor, self.reader.floats)
        return factor * self._squares[origin][:, :last, :last]

    def _particles(self, group: int, new: Sequence[Var], column: dict[Var, int]) -> None:
        """The values of the next forms, given those before: rows of the Cholesky factor, in each population."""
        columns, factor = self._factor.setdefault(group, ([], np.zeros((self.count, 0, 0))))
        before = len(columns)
        columns += [column[v] for v in new]
        size = len(columns)
        rows = np.zeros((self.count, size, size))
        rows[:, :before, :before] = factor
        places = [self._index[self.plan.drawn[k]][1] for k in columns]
        cov = self._cov[group][:, places][:, :, places]
        for i in range(before, size):
            row = rows[:, i]
            for j in range(i):
                rest, pivot = cov[:, i, j] - np.einsum("rk,rk->r", row[:, :j], rows[:, j, :j]), rows[:, j, j]
                row[:, j] = np.where(pivot > 0, rest / np.where(pivot > 0, pivot, 1.0), 0.0)
            left = cov[:, i, i] - np.einsum("rk,rk->r", row[:, :i], row[:, :i])
            row[:, i] = np.where(left > TINY * cov[:, i, i], np.sqrt(np.maximum(left, 0.0)), 0.0)
        self._factor[group] = columns, rows
        normals = self.normals if columns == [*range(self.normals.shape[1])] else self.normals[:, columns]
        drawn = rows[:, before:] @ normals
        for k, v in enumerate(new):
            self._at[v] = drawn[:, k] + self.reader.forms[v].constant

    # -- means -------------------------------------------------------------------------------------------------------

    def _moments_of(self, classes: Sequence[Class], count: int) -> tuple[Array, Array]:
        """E f and E f g for the terms of a family: axes populations, terms (, terms)."""
        products: list[_Products] = []
        second = self._second(classes, products, 0, count)
        first = reduce(np.multiply, (self._means(p) for p in products))
        return np.broadcast_to(first, (self.count, count)), second

    def _means(self, p: _Products) -> Array:
        first = np.stack([self._mean(v) for v in p.values], axis=1)
        if not p.plain:
            return np.asarray(first)
        plain, carried = (np.stack([self._mean(v) for v in x], axis=1) for x in (p.plain, p.carried))
        return np.asarray(first + p.slopes() * (carried - plain))

    def _mean(self, v: Value) -> Array:
        if not isinstance(v, Carried):
            return np.broadcast_to(v.mean(axis=1), (self.count,))  # what is no random variable stands once
        features = self.features(v.forms).matrix()
        return np.asarray(np.einsum("rk,rk->r", v.data.mean(axis=1), features[:, : v.data.shape[2], 0]))

    def _second(self, classes: Sequence[Class], products: list[_Products], known: int, last: int) -> Array:
        """The means of products of the new terms with all so far, class by class."""
        if not products:
            products += [_Products() for _ in classes]
        out = np.ones((self.count, last - known, last))
        for c, p in zip(classes, products, strict=True):
            p.values += [self._root(self.plan.node(t, c.carried)) for t in c.products[known:last]]
            found = self._gram(p.values, known)
            if c.controls is not None:
                inner = c.controls.products[known:last]
                p.plain += [np.asarray(self._value((t, frozenset()))) for t in inner]
                p.carried += [self._value(self.plan.node(t, c.controls.carried)) for t in inner]
                slopes = p.slopes()
                gap = self._gram(p.carried, known) - self._gram(p.plain, known)
                found = found + slopes[:, known:, None] * slopes[:, None, :] * gap
            out = out * found
        return out

    def _root(self, node: Node) -> Value:
        value = self._value(node)
        if not isinstance(value, Carried) and value.shape[1] > 1 and np.all(value == value[:1, :1]):
            self.constant = True
        return value

    def _gram(self, values: Sequence[Value], known: int) -> Array:
        """The means of the products of the values from `known` on with all."""
        forms = next((v.forms for v in values if isinstance(v, Carried)), None)
        if forms is None:
            return _blocks([np.asarray(v) for v in values], known, self.count)
        kernel = self.features(forms).matrix()
        data = [v.data if isinstance(v, Carried) else v[:, :, None] for v in values]
        if all(x.shape[1] == 1 for x in data):
            whole = np.zeros((self.count, len(data), kernel.shape[1]))
            for k, x in enumerate(data):
                whole[:, k, : x.shape[2]] = x[:, 0]
            return np.asarray(whole[:, known:] @ kernel @ whole.transpose(0, 2, 1))
        out = np.zeros((self.count, len(data) - known, len(data)))
        widest = max(x.shape[2] for x in data)
        for k, x in enumerate(data[known:]):
            moved = x @ kernel[:, : x.shape[2], :widest]
            for j, y in enumerate(data[: known + k + 1]):
                found = np.einsum("rnk,rnk->r", moved[:, :, : y.shape[2]], y)
                out[:, k, j] = found / max(moved.shape[1], y.shape[1])
                if j >= known:
                    out[:, j - known, known + k] = out[:, k, j]
        return out

    def features(self, forms: frozenset[Var]) -> Features:
        """The features of a set of forms that are carried."""
        if forms not in self._features:
            self._features[forms] = Features(self.reader, self.count, self._pair)
        return self._features[forms]

    def _pair(self, a: Var, b: Var) -> Array:
        """Cov of two forms in each population."""
        (one, i), (two, j) = self._index[a], self._index[b]
        return self._cov[one][:, i, j] if one == two else np.zeros(self.count)

    # -- values ------------------------------------------------------------------------------------------------------

    def _value(self, node: Node) -> Value:
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self._values:
                stack.pop()
                continue
            parts = self.plan.below(top)
            if todo := [p for p in parts if p not in self._values]:
                stack += todo
                continue
            stack.pop()
            made = self._values[top] = self._made(top, [self._values[p] for p in parts])
            if not isinstance(made, Carried):
                self.largest = max(self.largest, float(np.sqrt(np.mean(np.square(made)))))
            for p in parts:
                self._used(p)
        out = self._values[node]
        self._used(node)
        return out

    def _used(self, node: Node) -> None:
        self._left[node] -= 1
        if self._left[node] <= 0:
            self._values.pop(node, None)

    def _made(self, node: Node, parts: Sequence[Value]) -> Value:
        t, carried = node
        if carried and is_feature(self.reader, t, carried):
            place = self.features(carried).place(t)
            data = np.zeros((1, 1, place + 1))
            data[..., place] = 1.0
            return Carried(carried, data)
        match t:
            case Num(value):
                return np.full((1, 1), float(value))
            case Var():
                return self._at[t] if t in self._at else np.reshape(self._moments[t], (self.count, 1))
            case App("add", _):
                return reduce(plus, parts)
            case App("mul", _):
                return reduce(times, parts)
            case App("neg", _):
                return times(np.full((1, 1), -1.0), parts[0])
            case App("softmax", (Num(k), *_)):
                logits = np.stack(np.broadcast_arrays(*[p for p in parts if not isinstance(p, Carried)]))
                weights = np.exp(logits - logits.max(axis=0))
                return np.asarray((weights / weights.sum(axis=0))[int(k)])
        return _applied(t, [p for p in parts if not isinstance(p, Carried)])


def _blocks(values: Sequence[Array], known: int, populations: int) -> Array:
    """The means of products of numbers, some particles at once."""
    count, size = max(v.shape[1] for v in values), len(values)
    out = np.zeros((populations, size - known, size))
    step = max(1, BLOCK // (populations * size))
    for start in range(0, count, step):
        stop = min(count, start + step)
        block = np.empty((populations, size, stop - start))
        for k, v in enumerate(values):
            block[:, k] = v[:, start:stop] if v.shape[1] > 1 else v
        out += block[:, known:] @ block.transpose(0, 2, 1)
    return np.asarray(out / count)


def _applied(t: Term, parts: Sequence[Array]) -> Array:
    assert isinstance(t, App)
    inner = iter(range(len(parts)))
    keeps = t.head == "hermite"
    args = tuple(a if keeps and isinstance(a, Num) else Var(f"x{next(inner)}") for a in t.args)
    function = compile_numpy(App(t.head, args), [f"x{k}" for k in range(len(parts))])
    return function(*parts)
