"""A program written out member by member, without families: the plainest way in which it can be put."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from itertools import product

from tests.hunt.dense import at_index, holds
from tests.hunt.syntax import Define, For, Input, Program, Weight, X, call, num, op, ref, score

Member = tuple[str, tuple[int, ...]]


def members(rng: random.Random, p: Program) -> Program | None:
    """The members that the outputs need, each with a name of its own; sums, masks and softmaxes written out."""
    del rng
    return Unrolled(p).program() if p.claims == () else None


class Unrolled:
    """One program on its way to be written out."""

    def __init__(self, program: Program) -> None:
        self.old = program
        self.body: list[Define] = []
        self.inputs: dict[str, Input] = {}
        self.weights: dict[str, Weight] = {}
        self.kept: set[str] = set()
        self.matrices = dict(program.matrices)
        self.names: dict[Member, str] = {}

    def program(self) -> Program:
        outputs = [ref(self.member(*m)) for o in self.old.outputs for m in self.family(o.name)]
        given = tuple(i for i in self.old.inputs if self.kept & set(i.names))
        return replace(self.old, indices=tuple(i for i in self.old.indices if any(i[0] in j.subs for j in given)),
                       inputs=(*given, *self.inputs.values()), weights=tuple(self.weights.values()),
                       body=tuple(self.body), outputs=tuple(outputs))  # fmt: skip

    def family(self, name: str) -> list[Member]:
        found = []
        for d, at in self._definitions(name):
            free = [s for s in d.subs if isinstance(s, str) and s not in at]
            for cells in product(*map(self.old.range_of, free)):
                found.append((name, tuple(at_index(s, {**at, **dict(zip(free, cells, strict=True))}) for s in d.subs)))
        return sorted(set(found))

    def _definitions(self, name: str) -> list[tuple[Define, dict[str, int]]]:
        out: list[tuple[Define, dict[str, int]]] = []
        for s in self.old.body:
            for at in [{s.var: t} for t in range(s.low, s.high + 1)] if isinstance(s, For) else [{}]:
                out += [(d, at) for d in (s.body if isinstance(s, For) else (s,)) if d.name == name]
        return out

    def member(self, name: str, subs: tuple[int, ...]) -> str:
        """The new name of a member, defined when it is first asked for."""
        key = (name, subs)
        if key not in self.names:
            for d, at in self._definitions(name):
                inner, fits = dict(at), len(d.subs) == len(subs)
                for s, k in zip(d.subs, subs, strict=False):
                    if isinstance(s, str) and s not in at:
                        fits &= k in self.old.range_of(s)
                        inner[s] = k
                    else:
                        fits &= at_index(s, at) == k
                if fits:
                    value = self.value(d.value, inner)
                    self.names[key] = apart(name, subs)
                    self.body.append(Define(self.names[key], (), value))
                    break
            else:
                raise KeyError(name)
        return self.names[key]

    def value(self, x: X, at: Mapping[str, int]) -> X:
        match x.op:
            case "num" | "width":
                return x
            case "ref" | "pad" | "wrap":
                return self._reference(x, at)
            case "sum" | "max" | "min":
                parts = [self.value(x.args[0], {**at, x.name: k}) for k in self.old.range_of(x.name)]
                if len(parts) == 1:
                    return parts[0]
                return op("add", *parts) if x.op == "sum" else call(x.op, *parts)
            case "softmax":
                return self._softmax(x.args[0], x, at)
            case "attention":
                q, k, v = x.args
                parts = [op("mul", self._softmax(score(q, k), x, cell), self.value(v, cell))
                         for c in self.old.range_of(x.name) if holds(x.mask, cell := {**at, x.name: c})]  # fmt: skip
                return op("add", *parts) if len(parts) > 1 else parts[0]
        args = tuple(self.value(a, at) for a in x.args)
        if x.op in ("matmul", "transposed"):
            if str(args[0]) == "0":
                return num(0)
            subs = tuple(at_index(s, at) for s in x.subs)
            return replace(x, args=args, name=self._weight(x.name, subs), subs=())
        if x.op == "mul" and any(str(a) == "0" for a in args):  # a weight that a mask has put to 0
            return num(0)
        if x.op == "add":
            args = tuple(a for a in args if str(a) != "0") or (num(0),)
            return args[0] if len(args) == 1 else replace(x, args=args)
        return replace(x, args=args)

    def _softmax(self, body: X, x: X, at: Mapping[str, int]) -> X:
        if not holds(x.mask, at):
            return num(0)
        kept = [c for k in self.old.range_of(x.name) if holds(x.mask, c := {**at, x.name: k})]
        parts = [call("exp", self.value(body, c)) for c in kept]
        return op("div", call("exp", self.value(body, at)), reduce(lambda a, b: op("add", a, b), parts))

    def _weight(self, name: str, subs: tuple[int, ...]) -> str:
        old = next(w for w in self.old.weights if w.name == name)
        new = apart(name, subs)
        variance = self.value(old.variance, dict(zip(old.subs, subs, strict=True)))
        self.weights[new] = replace(old, name=new, subs=(), variance=variance)
        return new

    def _reference(self, x: X, at: Mapping[str, int]) -> X:
        subs = tuple(at_index(s, at) for s in x.subs)
        if not subs and x.name in at:
            return num(at[x.name])
        if any(q.name == x.name for q in self.old.params) and not subs:
            return x
        if x.name in self.matrices:
            rows = self.matrices[x.name]
            return num(rows[0][subs[0] - 1] if len(subs) == 1 else rows[subs[0] - 1][subs[1] - 1])
        given = next((i for i in self.old.inputs if x.name in i.names), None)
        if x.op != "ref":
            there = [m[1][0] for m in self.family(x.name)] if given is None else self.old.range_of(given.subs[0])
            low, high = min(there), max(there)
            if x.op == "pad" and not low <= subs[0] <= high:
                return num(0)
            subs = ((subs[0] - low) % (high - low + 1) + low, *subs[1:])
        if given is None:
            return ref(self.member(x.name, subs))
        if given.law not in ("iid", "bernoulli") or not subs:
            self.kept.add(x.name)
            return ref(x.name, *subs)
        new = apart(x.name, subs)
        inner = dict(zip(given.subs, subs, strict=True))
        self.inputs[new] = replace(given, names=(new,), subs=(), value=tuple(self.value(v, inner) for v in given.value))
        return ref(new)


def apart(name: str, subs: tuple[int, ...]) -> str:
    """A name of its own for one member."""
    return "_".join([name, *(str(k).replace("-", "m") for k in subs)]) + ("_" if subs else "")
