"""Expressions of one member as numpy functions: softmax rows once each, and the scores that matter as features.

Scores enter most laws through the rows of softmaxes only, and a row depends on the differences of its logits alone.
Where logits are affine in the scores, these differences are jointly Gaussian: they are the variables to average over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.named.library import library
from tensorprog.kernel.ground.term import ZERO, add, neg, substitute, walk
from tensorprog.limit.members.parts import Below, affine
from tensorprog.terms import App, Num, Term, Var

Array = NDArray[np.float64]
Row = tuple[Term, ...]

ARITHMETIC = frozenset({"add", "mul", "neg", "recip", "pow", "sqrt", "pi", "softmax"})


def is_smooth(terms: Sequence[Term], kinks: bool = False) -> bool:
    """Return whether they are analytic near the real axis, as the trapezoid rule wants; with `kinks`, or Lipschitz."""

    def fine(head: str) -> bool:
        record = library().get(head)
        if head in ARITHMETIC or record is None:
            return head in ARITHMETIC
        return record.real_analytic or (kinks and record.regularity == "lipschitz")

    return all(not isinstance(t, App) or fine(t.head) for term in terms for t in walk(term))


class Compiled:
    """Several expressions over leaves and params as one numpy function; an array of shape (draws,) for each leaf."""

    def __init__(self, terms: Sequence[Term], leaves: frozenset[Var], params: Mapping[str, float]) -> None:
        self.rows: dict[Row, int] = {}
        self._names: dict[Term, Var] = {}
        self._params = {name: float(value) for name, value in params.items()}
        self._leaves = leaves
        opened = [self._opened(t) for t in terms]
        self._functions = [compile_numpy(t, [v.name for v in self._inputs(t)]) for t in opened]
        self._arguments = [self._inputs(t) for t in opened]
        self._inner: dict[Row, Compiled] = {}
        self.of_leaf = {name.name: leaf for leaf, name in self._names.items()}

    def __call__(self, at: Mapping[Var, Array], rows: Mapping[Row, Array] | None = None) -> list[Array]:
        """Return the values; `rows` gives the logits (entries, draws) of softmax rows that need not be computed."""
        values: dict[str, Array] = {}
        for row, k in self.rows.items():
            given = None if rows is None else rows.get(row)
            logits = np.stack(np.broadcast_arrays(*self._logits_of(row)(at, rows))) if given is None else given
            shifted = np.exp(logits - logits.max(axis=0))
            values[f"w{k}"] = shifted / shifted.sum(axis=0)
        out = []
        for function, names in zip(self._functions, self._arguments, strict=True):
            out.append(function(*(self._value(v, at, values) for v in names)))
        return out

    def _logits_of(self, row: Row) -> Compiled:
        """Return the logits of a row, which may hold other rows."""
        if row not in self._inner:
            self._inner[row] = Compiled(row, self._leaves, self._params)
        return self._inner[row]

    def _value(self, v: Var, at: Mapping[Var, Array], rows: Mapping[str, Array]) -> Any:
        if v.name in rows:
            return rows[v.name]
        if v.name in self._params:
            return self._params[v.name]
        return at[self.of_leaf[v.name]]  # type: ignore[index]

    def _opened(self, t: Term) -> Term:
        """Return leaves and softmax entries as plain names; a row is named once."""
        mapping: dict[Term, Term] = {}
        stack = [t]
        seen = set()
        while stack:
            top = stack.pop()
            if top in seen:
                continue
            seen.add(top)
            match top:
                case App("softmax", (Num(k), *logits)):
                    number = self.rows.setdefault(tuple(logits), len(self.rows))
                    mapping[top] = Var(f"w{number}", (int(k) + 1,))
                case Var() if top in self._leaves:
                    mapping[top] = self._names.setdefault(top, Var(f"u{len(self._names)}"))
                case App(_, args):
                    stack.extend(args)
        return substitute(t, mapping)

    @staticmethod
    def _inputs(t: Term) -> list[Var]:
        return list({v.name: v for v in walk(t) if isinstance(v, Var)}.values())


def number(t: Term, params: Mapping[str, float]) -> float:
    """Return the value of an expression in params alone."""
    return float(np.asarray(Compiled([t], frozenset(), params)({})[0]))


@dataclass(frozen=True, slots=True)
class Features:
    """Affine functions of the scores that a law depends on: matrix @ scores + constant.

    `rows` are softmax rows with the places of their logit differences (the first logit is the reference);
    `direct` are scores elsewhere, with their places.
    """

    scores: tuple[Var, ...]
    matrix: Array
    constant: Array
    rows: Mapping[Row, tuple[int, ...]]
    direct: Mapping[Var, int]

    def values(self, f: Array) -> tuple[dict[Row, Array], dict[Var, Array]]:
        """From features (draws, count): the logits of every row, and the scores elsewhere."""
        zero = np.zeros(len(f))
        rows = {row: np.stack([zero, *(f[:, k] for k in places)]) for row, places in self.rows.items()}
        return rows, {v: f[:, k] for v, k in self.direct.items()}


def features(terms: Sequence[Term], scores: Sequence[Var], below: Below, params: Mapping[str, float]) -> Features:
    """Return what of the scores the expressions read."""
    mine = frozenset(scores)
    columns = {v: k for k, v in enumerate(scores)}
    matrix: list[Array] = []
    constant: list[float] = []
    rows: dict[Row, tuple[int, ...]] = {}
    direct: dict[Var, int] = {}

    def append(coefficients: Mapping[Var, Term], rest: Term) -> int:
        line = np.zeros(len(columns))
        for v, c in coefficients.items():
            line[columns[v]] = number(c, params)
        matrix.append(line)
        constant.append(number(rest, params))
        return len(matrix) - 1

    def read(t: Term) -> None:
        if not below(t) & mine:
            return
        match t:
            case App("softmax", (_, *logits)):
                row = tuple(logits)
                if row in rows:
                    return
                others = below(t) - mine
                parts = [affine(add(b, neg(logits[0])), mine, below) for b in logits[1:]]
                if others or any(p is None for p in parts):
                    for b in logits:
                        read(b)
                else:
                    rows[row] = tuple(append(*p) for p in parts if p is not None)
            case Var():
                if t not in direct:
                    direct[t] = append({t: Num(1)}, ZERO)
            case App(_, args):
                for a in args:
                    read(a)

    for t in terms:
        read(t)
    shape = (len(matrix), len(columns))
    return Features(tuple(scores), np.array(matrix).reshape(shape), np.array(constant), rows, direct)
