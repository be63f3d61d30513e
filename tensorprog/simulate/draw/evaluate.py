"""Terms on named arrays: every leaf is aligned to the index names of the whole term, then numpy broadcasts.

Unlike `functions.evaluate.arrays` it keeps the draws and coordinates apart from the indices, views instead of copies,
and the number type of its arguments (float32 stays float32).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.functions.evaluate.arrays import operation
from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.term import ONE, children, walk
from tensorprog.simulate.arrays import Named
from tensorprog.terms import App, Bind, Num, Term, Var, to_text

Leaf = Callable[[Var], Named | float]
"""The value of a name: an array over its distinct index names, or a number."""


def index_names(t: Term, is_index: Callable[[str], bool]) -> tuple[str, ...]:
    """Return every index name in t, free or bound, in order of first use."""
    found: dict[str, None] = {}
    for s in walk(t):
        match s:
            case Var(name, ()) if is_index(name):
                found[name] = None
            case Var(_, subs):
                found.update((k, None) for k in subs if isinstance(k, str))
            case Bind(_, _, over):
                found.update((k, None) for k in over)
    return tuple(found)


class Evaluator:
    """One term ready to be evaluated many times: its index names and the subterms it shares are known."""

    def __init__(self, term: Term, ranges: Callable[[str], Range | None], dtype: np.dtype[Any]) -> None:
        self.term = term
        self.axes = index_names(term, lambda name: ranges(name) is not None)
        self.dtype = dtype
        self.place = {a: k + 1 for k, a in enumerate(self.axes)}
        self.values: dict[str, Any] = {}
        for a in self.axes:
            low, high = ranges(a) or (1, 0)
            shape = [1] * (len(self.axes) + 2)
            shape[self.place[a]] = high - low + 1
            self.values[a] = np.arange(low, high + 1).reshape(shape).astype(dtype)
        counts = Counter(walk(term))
        self.shared = {t for t, k in counts.items() if k > 1 and isinstance(t, App | Bind)}

    def __call__(self, leaf: Leaf, free: Sequence[str]) -> Named:
        """Return the value over the free index names; bound ones are gone."""
        memo: dict[Term, Any] = {}
        out = np.asarray(self._value(self.term, leaf, memo))
        full = len(self.axes) + 2
        out = out.reshape((1,) * (full - out.ndim) + out.shape)
        bound = tuple(k for a, k in self.place.items() if a not in free)
        out = out.squeeze(bound) if bound else out
        if out.dtype != self.dtype:
            out = out.astype(self.dtype)
        left = tuple(a for a in self.axes if a in free)
        sizes = [self.values[a].shape[self.place[a]] for a in left]
        if out.shape[1:-1] != tuple(sizes):
            out = np.broadcast_to(out, (out.shape[0], *sizes, out.shape[-1]))
        wanted = tuple(a for a in free if a in left)
        return Named(wanted, Named(left, out).to(wanted))

    def _value(self, t: Term, leaf: Leaf, memo: dict[Term, Any]) -> Any:
        if t in memo:
            return memo[t]
        out = self._compute(t, leaf, memo)
        if not isinstance(out, float) and out.ndim == 0:
            out = out.item()  # a Python number never widens the number type of an array
        if t in self.shared:
            memo[t] = out
        return out

    def _compute(self, t: Term, leaf: Leaf, memo: dict[Term, Any]) -> Any:
        from tensorprog.functions.named import numpy_forms

        match t:
            case Num(value):
                return float(value)
            case Var(name, ()) if name in self.values:
                return self.values[name]
            case Var():
                found = leaf(t)
                return found.to(self.axes) if isinstance(found, Named) else found
            case App("pi"):
                return float(np.pi)
            case App("add", (App("exp", (u,)), minus)) if minus == Num(-1):
                return np.expm1(self._value(u, leaf, memo))
            case App("log", (App("add", (one, App("exp", (u,)))),)) if one == ONE:
                return np.logaddexp(0.0, self._value(u, leaf, memo))
            case App("log", (App("add", (one, u)),)) if one == ONE:
                return numpy_forms.log1p(self._value(u, leaf, memo))
            case App("pow", (base, Num(e))) if e.denominator == 1 and 2 <= e <= 4:
                x = self._value(base, leaf, memo)
                square = x * x
                return square if e == 2 else square * x if e == 3 else square * square
            case App("mul", args):
                return self._product(args, leaf, memo)
            case App("clip", (x, lo, hi)):
                low, high = (self._value(s, leaf, memo) for s in (lo, hi))
                value = self._value(x, leaf, memo)
                if isinstance(low, float) and isinstance(high, float) and low <= high:
                    return np.clip(value, low, high)
                return numpy_forms.clip(value, low, high)
        parts = [self._value(c, leaf, memo) for c in children(t)]
        match t:
            case App(head) if (form := operation(head)) is not None:
                return form(*parts)
            case Bind("softmax", (_,), over, mask):
                return self._softmax(parts, over, mask is not None)
            case Bind("sum" | "max" | "min" as head, _, over, None):
                return self._fold(head, parts[0], over)
        raise fail("TP003", f"{to_text(t)} is not a number at a point", t.place)

    def _product(self, args: Sequence[Term], leaf: Leaf, memo: dict[Term, Any]) -> Any:
        """Multiply numbers first, then arrays, so that constants cost no pass over the data; 1/0 is undefined."""
        above, below = [], []
        for a in args:
            if isinstance(a, App) and a.head == "recip":
                below.append(self._value(a.args[0], leaf, memo))
            else:
                above.append(self._value(a, leaf, memo))
        above.sort(key=np.size)
        below.sort(key=np.size)
        out: Any = reduce(mul, above) if above else 1.0
        for x in below:
            if isinstance(x, np.ndarray):
                out = out / np.where(x == 0, np.nan, x)
            else:
                out = out / x if x != 0 else out * float("nan")
        return out

    def _softmax(self, parts: Sequence[Any], over: Sequence[str], masked: bool) -> Any:
        axes = tuple(self.place[j] for j in over)
        p = parts[0]
        if masked:
            p = np.where(parts[1], p, np.asarray(-np.inf, dtype=self.dtype))
        # the largest entry becomes 0, so that no exponential overflows and one of them is 1
        weights = np.exp(p - p.max(axis=axes, keepdims=True))
        return weights / weights.sum(axis=axes, keepdims=True)

    def _fold(self, head: str, x: Any, over: Sequence[str]) -> Any:
        out = np.asarray(x)
        full = len(self.axes) + 2
        out = out.reshape((1,) * (full - out.ndim) + out.shape)
        for j in over:
            k, size = self.place[j], self.values[j].shape[self.place[j]]
            if out.shape[k] == size:
                fold: Callable[..., Any] = getattr(np, head)
                out = fold(out, axis=k, keepdims=True)
            elif head == "sum":
                out = out * size
        return out
