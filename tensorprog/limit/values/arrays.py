"""Quantities as arrays with named axes: one derivation for a pair of families, evaluated for all members at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial, reduce
from math import prod
from operator import mul
from typing import Any

import numpy as np

from tensorprog.errors import fail
from tensorprog.functions.evaluate.arrays import numpy_form
from tensorprog.kernel.ground.nodes import Matrix
from tensorprog.kernel.ground.term import shift_subs, variables
from tensorprog.limit.jumps.jumps import jumps_of
from tensorprog.limit.rules.labels import (
    DRAWS,
    Array,
    Field,
    Label,
    apply,
    equal,
    gather,
    label,
    range_of,
    take,
    union,
    values,
)
from tensorprog.limit.rules.open import Split
from tensorprog.limit.rules.quantities import (
    Addend,
    Core,
    Ex,
    Key,
    ScoreOf,
    Sum,
    canonical,
    free_labels,
    moved,
    no_limit,
    place,
    renamed,
)
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.rules.scalars import scalars_in
from tensorprog.limit.values.balls import MOST_VARIABLES, OutOfTime
from tensorprog.limit.values.cores import CoreFunction, Cores, Numbers, no_value
from tensorprog.numbers.budget import spent
from tensorprog.terms import App, Bind, Num, Sub, Term, Var

SINGULAR = 1e-9
"""The least eigenvalue of a covariance, relative to the largest, below which it may be singular."""
Asking = Generator[Key, Field, Field]
"""A computation that asks for quantities and ends with one."""


class Arrays:
    """Numbers for whole families: a Field over the labels that occur in a quantity (and the draws).

    Its computations yield the quantities that they need, and are sent their values (`limit.engine.Solver`).
    """

    def __init__(
        self,
        rules: Rules,
        numbers: Numbers,
        cores: Cores | None = None,
        scores: Mapping[str, Array] | None = None,
        single: Callable[[Addend], float] | None = None,
    ) -> None:
        """`single` gives the number of single members, nan where they have none."""
        self.rules = rules
        self.program = rules.program
        self.composer = rules.composer
        self.numbers = numbers
        self.cores = cores or Cores(numbers)
        self.scores = dict(scores or {})
        self.single = single
        self._matrices: dict[str, Array] = {}
        self.used: set[CoreFunction] = set()
        self.noted: set[Any] = set()
        self.work = 0
        """Products of single entries so far: what the same question costs where members are computed one by one."""
        self.share: float | None = None
        """The part of the time after which quadrature is given up (OutOfTime); None where nothing else is there."""

    def ask(self, key: Key) -> Asking:
        inner, back = canonical(key)
        found = yield inner
        return found.renamed(back)

    # -- one quantity ----------------------------------------------------------------------------------------------

    def compute(self, key: Key) -> Asking:
        if isinstance(key, ScoreOf):
            return self._score(key.ref)
        try:
            parts = self.rules.of(key)
        except Split as split:
            found = yield from self._assembled(key, split)
        else:
            found = yield from self.sum(parts)
        unified = self._diagonal(key)
        if unified is not None:
            same, pairs = unified
            on_diagonal = yield from self.ask(same)
            mask = reduce(mul, (equal(s, t) for s, t in pairs))
            found = apply(lambda m, d, f: np.where(m > 0, d, f), mask, on_diagonal, found)
        return found

    def _diagonal(self, key: Key) -> tuple[Key, list[tuple[Sub, Sub]]] | None:
        """E[x x'] for members of one family: where all indices agree it is E[x^2], which has its own form."""
        match key:
            case Ex(App("mul", (Var(name, subs), Var(other, others)))) if name == other and subs != others:
                pairs = [(s, t) for s, t in zip(subs, others, strict=True) if s != t]
                moved: dict[str, Sub] = {}
                for s, t in pairs:
                    if isinstance(s, int) or isinstance(t, int) or range_of(s) != range_of(t) or t in moved:
                        return None
                    moved[t] = s
                if any(t in subs for t in moved):
                    return None
                return renamed(key, moved), pairs
            case _:
                return None

    def _assembled(self, key: Key, split: Split) -> Asking:
        """Yield a quantity over a label that several instructions share: computed range by range, laid side by side."""
        parts: list[Field] = []
        for r in split.ranges:
            at = label("#cut", r)
            part = yield from self.ask(renamed(key, {split.label: at}))
            parts.append(part.renamed({at: split.label}) if isinstance(at, str) else part)
        others = tuple(a for a in union(parts) if a != split.label)
        axes = (split.label, *others)
        data = [np.broadcast_to(p.to(axes), (high - low + 1, *p.to(axes).shape[1:]))
                for p, (low, high) in zip(parts, split.ranges, strict=True)]  # fmt: skip
        shape = np.broadcast_shapes(*(d.shape[1:] for d in data))
        return Field(axes, np.concatenate([np.broadcast_to(d, (d.shape[0], *shape)) for d in data]))

    def _score(self, ref: Var) -> Field:
        if ref.name not in self.scores:
            raise no_limit("TP402", f"the limit of {ref.name} is random", ref.place,
                           "it is a score: Gaussian, not a number", "ask for its law, or average over it")  # fmt: skip
        lows = [low for low, _ in self.program.hull(ref.name)]
        array = self.scores[ref.name]
        return take(array, ref.subs, lows, draws=array.ndim > len(ref.subs))

    def sum(self, parts: Sum) -> Asking:
        out: Field | None = None
        for a in parts:
            term = yield from self._addend(a)
            out = term if out is None else out + term
        return out if out is not None else Field.number(0.0)

    def _addend(self, a: Addend) -> Asking:
        factors: list[Field] = []
        for c in (
            a.coefficient.args if isinstance(a.coefficient, App) and a.coefficient.head == "mul" else (a.coefficient,)
        ):
            factors.append((yield from self.constant(c)))
        if any(f.is_zero() for f in factors):
            return Field.number(0.0)
        factors += [equal(s, t) for s, t in a.deltas]
        for factor in a.factors:
            factors.append((yield from self.core(factor) if isinstance(factor, Core) else self.ask(factor)))
        return self.contracted(factors, a.over)

    def contracted(self, factors: Sequence[Field], over: Sequence[str]) -> Field:
        """Return the product of fields, summed over some labels; sums are taken as early as they can be."""
        axes = dict.fromkeys((*union(factors), *over))
        self.work += prod(_length(a) for a in axes if a != DRAWS)
        return contracted(factors, over)

    def core(self, core: Core) -> Asking:
        cov, mean, constants = [], [], []
        for parts in core.cov:
            cov.append((yield from self.sum(parts)))
        for parts in core.mean:
            mean.append((yield from self.sum(parts)))
        for c in core.constants:
            constants.append((yield from self.constant(c)))
        if core.size == 0:
            return self._evaluated(core.body, {Var(f"c{k + 1}"): f for k, f in enumerate(constants)})
        missing = self.numbers.missing([core.body])
        if missing is not None:
            raise no_value(missing)
        function = self.cores.of(core)
        if self.share is not None and not function.has_formula and (core.size > MOST_VARIABLES or spent(self.share)):
            raise OutOfTime
        self.used.add(function)
        found = function.on_fields(cov, mean, constants)
        return self._at_jumps(core, (*cov, *mean, *constants), found) if jumps_of(core.body) else found

    def _at_jumps(self, core: Core, given: Sequence[Field], found: Field) -> Field:
        """Entries whose covariance is singular, one by one: there it matters whether a jump is reached at every n."""
        axes = union((*given, found))
        if DRAWS in axes:
            return found
        full = [_length(a) for a in axes]
        doubt = np.zeros(full, dtype=bool)
        for j in jumps_of(core.body):
            used = [k for k in range(core.size) if Var(f"z{k + 1}") in variables(j.gap)]
            rows = [given[place(i, k, core.size)] for i in used for k in used]
            entries = [np.broadcast_to(f.to(axes), full) for f in rows]
            if used:
                k = np.stack(entries, axis=-1).reshape((*full, len(used), len(used)))
                doubt |= np.linalg.eigvalsh(k)[..., 0] <= SINGULAR * max(1.0, np.abs(k).max(initial=0.0))
            else:
                doubt[...] = True
        return self._one_by_one(Addend(factors=(core,)), found, Field(axes, doubt.astype(float)))

    def _one_by_one(self, a: Addend, found: Field, doubt: Field) -> Field:
        """Take entries, where there is doubt, as single members have them."""
        if self.single is None or not doubt.data.any():
            return found
        parts = (a.coefficient, *(t for f in a.factors if isinstance(f, Core) for t in (*f.shown, *f.constants)))
        axes = tuple(dict.fromkeys((*union((found, doubt)), *(x for t in parts for x in free_labels(t)))))
        full = [_length(x) for x in axes]
        data = np.broadcast_to(found.to(axes), full).copy()
        for at in np.argwhere(np.broadcast_to(doubt.to(axes), full)):
            member: dict[str, Sub] = {x: int(i) + range_of(x)[0] for x, i in zip(axes, at, strict=True)}
            data[tuple(at)] = self.single(moved(a, member))
        return Field(axes, data)

    # -- constants -------------------------------------------------------------------------------------------------

    def constant(self, t: Term) -> Asking:
        """Yield a term in params, indices, matrices and scalars."""
        given, t = t, self._relabelled(t)
        found: dict[Term, Field] = {}
        for ref, key in scalars_in(t, self.program.families).items():
            found[ref] = yield from self.ask(key)
        out = self._evaluated(t, found)
        if found and jumps_of(t) and not any(DRAWS in f.axes for f in found.values()):
            gaps = [apply(np.abs, self._evaluated(j.gap, found)) for j in jumps_of(t)]
            free = [f for f in gaps if set(f.axes) <= set(out.axes)]
            doubt = [apply(lambda x: np.asarray(x <= SINGULAR, dtype=float), f) for f in free]
            for f in doubt if len(free) == len(gaps) else [Field((), np.ones(()))]:
                out = self._one_by_one(Addend(given), out, f)
        return out

    def _relabelled(self, t: Term) -> Term:
        """Bound indices become labels, so that scalars below them can be asked for as families."""
        match t:
            case Bind(head, args, over, mask):
                new = {j: _wide(j, self.composer.range_of(j)) for j in over}
                inner = self._relabelled(shift_subs(args[0], new))
                moved = None if mask is None else shift_subs(mask, new)
                return Bind(head, (inner, *args[1:]), tuple(new.values()), moved, t.place)
            case App(head, args):
                return App(head, tuple(self._relabelled(a) for a in args), t.place)
            case _:
                return t

    def _evaluated(self, t: Term, found: Mapping[Term, Field]) -> Field:
        if t in found:
            return found[t]
        match t:
            case Num(value):
                return Field.number(float(value))
            case App("pi"):
                return Field.number(float(np.pi))
            case Var(name, ()) if name in self.program.params:
                if name not in self.numbers.values:
                    raise no_value(name)
                return Field.number(float(self.numbers.values[name]))
            case Var(name, ()):
                return values(name)
            case Var(name, subs):
                return take(self._matrix(self.program.matrices[name]), subs, [1] * len(subs), draws=False)
            case Bind():
                return self._bound(t, found)
            case App(head, args):
                return apply(operation(head), *(self._evaluated(a, found) for a in args))

    def _bound(self, t: Bind, found: Mapping[Term, Field]) -> Field:
        body = self._evaluated(t.args[0], found)
        for j in t.over:
            body += Field((j,), np.zeros(_length(j)))
        if t.head == "sum":
            return body.sum(t.over)
        axes = tuple(a for a in body.axes if a not in t.over)
        data = body.to((*axes, *t.over))
        last = tuple(range(len(axes), data.ndim))
        if t.head in ("max", "min"):
            return Field(axes, getattr(np, t.head)(data, axis=last))
        if t.mask is not None:
            mask = self._evaluated(t.mask, found)
            spread = apply(lambda b, m: np.where(m > 0, b, -np.inf), body, mask)
            axes = tuple(a for a in spread.axes if a not in t.over)
            data = spread.to((*axes, *t.over))
            last = tuple(range(len(axes), data.ndim))
        with np.errstate(under="ignore"):
            weights = np.exp(data - data.max(axis=last, keepdims=True))
        out = Field((*axes, *t.over), weights / weights.sum(axis=last, keepdims=True))
        for j, at in zip(t.over, t.args[1:], strict=True):
            out = gather(out, j, self._evaluated(at, found), range_of(j)[0])
        return out

    def _matrix(self, m: Matrix) -> Array:
        if m.name not in self._matrices:
            if m.entries is None:
                self._matrices[m.name] = np.frombuffer(m.data, dtype="<f8").reshape(m.shape).astype(float)
            else:
                data = [float(self._evaluated(t, {}).data) for t in m.entries]
                self._matrices[m.name] = np.array(data).reshape(m.shape)
        return self._matrices[m.name]


def _wide(j: str, r: tuple[int, int]) -> str:
    return Label(f"${j.rstrip('~')}", r)


def _length(j: str) -> int:
    low, high = range_of(j)
    return high - low + 1


def operation(head: str) -> Any:
    simple = {"neg": np.negative, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
              "eq": np.equal, "ne": np.not_equal, "pow": np.power, "recip": partial(np.divide, 1.0)}  # fmt: skip
    if (many := {"add": np.add, "mul": np.multiply, "and": np.logical_and}.get(head)) is not None:
        return lambda *xs: reduce(many, xs)
    if (form := simple.get(head) or numpy_form(head)) is None:
        raise fail("TP003", f"{head} is not a number at a point")
    return form


def contracted(factors: Sequence[Field], over: Sequence[str]) -> Field:
    if not over:
        return reduce(mul, factors) if factors else Field.number(1.0)
    axes = union(factors)
    scale = float(np.prod([_length(j) for j in over if j not in axes]))
    number = {a: k for k, a in enumerate(axes)}
    kept = [a for a in axes if a not in over]
    operands: list[Any] = []
    for f in factors:
        operands += [f.data, [number[a] for a in f.axes]]
    data = np.einsum(*operands, [number[a] for a in kept], optimize=True)
    return Field(tuple(kept), scale * np.asarray(data, dtype=float))
