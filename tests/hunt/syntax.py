"""Programs as plain data, printed in the language: what the hunt writes, evaluates, rewrites and shrinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

Sub = int | str | tuple[str, int | str]
"""A subscript: a number, an index, or an index plus a number or another index."""
Mask = tuple[tuple[str, str, int | str], ...]
"""Comparisons (relation, index, index or number), all of which must hold."""


@dataclass(frozen=True)
class X:
    """An expression. `op` is num, ref, pad, wrap, width, call, cmp, add, sub, mul, div, neg, pow, matmul, transposed,
    dot, mean, sum, max, min, softmax or attention; `name` and `subs` are its number, family, function or index."""

    op: str
    args: tuple[X, ...] = ()
    name: str = ""
    subs: tuple[Sub, ...] = ()
    mask: Mask = ()

    def walk(self) -> Iterator[X]:
        """This and everything inside."""
        yield self
        for a in self.args:
            yield from a.walk()

    def __str__(self) -> str:
        return _PRINTERS[self.op](self)


def num(x: object) -> X:
    return X("num", name=str(x))


def ref(name: str, *subs: Sub) -> X:
    return X("ref", name=name, subs=subs)


def call(name: str, *args: X) -> X:
    return X("call", args, name)


def op(kind: str, *args: X, name: str = "", subs: tuple[Sub, ...] = (), mask: Mask = ()) -> X:
    return X(kind, args, name, subs, mask)


def score(a: X, b: X, width: str = "n") -> X:
    """dot(a, b)/sqrt(n)."""
    return op("div", op("dot", a, b), call("sqrt", X("width", name=width)))


def _sub(s: Sub) -> str:
    if isinstance(s, tuple):
        return f"{s[0]}+{s[1]}" if isinstance(s[1], str) else s[0] if s[1] == 0 else f"{s[0]}{s[1]:+d}"
    return str(s)


def member(name: str, subs: tuple[Sub, ...]) -> str:
    return name + (f"[{','.join(map(_sub, subs))}]" if subs else "")


def _infix(sign: str) -> Callable[[X], str]:
    return lambda x: "(" + f" {sign} ".join(map(str, x.args)) + ")"


def _mask(x: X) -> str:
    return ", mask = " + " and ".join(f"{a} {rel} {b}" for rel, a, b in x.mask) if x.mask else ""


_PRINTERS: dict[str, Callable[[X], str]] = {
    "num": lambda x: x.name if x.name[0] != "-" else f"({x.name})",
    "ref": lambda x: member(x.name, x.subs),
    "pad": lambda x: f"pad({member(x.name, x.subs)})",
    "wrap": lambda x: f"wrap({member(x.name, x.subs)})",
    "width": lambda x: x.name,
    "call": lambda x: f"{x.name}({', '.join(map(str, x.args))})",
    "cmp": lambda x: f"{x.args[0]} {x.name} {x.args[1]}",
    "add": _infix("+"),
    "sub": _infix("-"),
    "mul": _infix("*"),
    "div": _infix("/"),
    "neg": lambda x: f"(-{x.args[0]})",
    "pow": lambda x: f"({x.args[0]})^{x.args[1]}",
    "matmul": lambda x: f"({member(x.name, x.subs)} @ {x.args[0]})",
    "transposed": lambda x: f"({member(x.name, x.subs)}' @ {x.args[0]})",
    "dot": lambda x: f"dot({x.args[0]}, {x.args[1]})",
    "mean": lambda x: f"mean({x.args[0]})",
    "sum": lambda x: f"sum({x.args[0]} for {x.name})",
    "max": lambda x: f"max({x.args[0]} for {x.name})",
    "min": lambda x: f"min({x.args[0]} for {x.name})",
    "softmax": lambda x: f"softmax({x.args[0]} over {x.name}{_mask(x)})",
    "attention": lambda x: "attention({}, {}, {} over {}, scale = 1/sqrt(n){})".format(*x.args, x.name, _mask(x)),
}


@dataclass(frozen=True)
class Param:
    """A param with its bounds; an open end is not admissible."""

    name: str
    low: float | None = None
    high: float | None = None
    closed: bool = True
    default: str = "1"

    def __str__(self) -> str:
        equal = "=" if self.closed else ""
        if self.low is not None and self.high is not None:
            bound = f" in ({self.low:g}, {self.high:g})"
        elif self.low is not None:
            bound = f" >{equal} {self.low:g}"
        else:
            bound = f" <{equal} {self.high:g}" if self.high is not None else ""
        return f"param {self.name}{bound} = {self.default}"


@dataclass(frozen=True)
class Input:
    """Initial vectors: `law` is iid (a variance), decay (variance, base), matrix, joint, bernoulli."""

    names: tuple[str, ...]
    subs: tuple[str, ...] = ()
    law: str = "iid"
    value: tuple[X, ...] = (num(1),)
    mean: str = "0"
    width: str = "n"

    def __str__(self) -> str:
        heads = [member(m, self.subs) for m in self.names]
        width = "" if self.width == "n" else f": {self.width}"
        match self.law:
            case "joint":
                size = len(self.names)
                rows = [", ".join(map(str, self.value[k * size : (k + 1) * size])) for k in range(size)]
                law = f"N([{', '.join([self.mean] * size)}], [{', '.join(f'[{r}]' for r in rows)}])"
                return f"input ({', '.join(heads)}){width} ~ {law}"
            case "bernoulli":
                law = f"bernoulli({self.value[0]})"
            case "decay":
                law = f"N({self.mean}, {self.value[0]}*{self.value[1]}^abs({self.subs[0]}-{self.subs[0]}'))"
            case _:
                law = f"N({self.mean}, {self.value[0]})"
        return f"input {', '.join(heads)}{width} ~ {law}"


@dataclass(frozen=True)
class Weight:
    """A family of matrices with independent entries N(0, variance/cols), or variance over a sum of widths."""

    name: str
    subs: tuple[str, ...] = ()
    variance: X = field(default_factory=lambda: num(1))
    rows: str = "n"
    cols: str = "n"
    over: tuple[str, ...] = ()

    def __str__(self) -> str:
        shape = "" if self.rows == self.cols == "n" else f": {self.rows} x {self.cols}"
        below = f"({' + '.join(self.over)})" if len(self.over) > 1 else "".join(self.over) or self.cols
        return f"weight {member(self.name, self.subs)}{shape} ~ N(0, {self.variance}/{below})"


@dataclass(frozen=True)
class Define:
    name: str
    subs: tuple[Sub, ...]
    value: X

    def __str__(self) -> str:
        return f"{member(self.name, self.subs)} = {self.value}"


@dataclass(frozen=True)
class For:
    """A statement unrolled over var in low..high."""

    var: str
    low: int
    high: int
    body: tuple[Define, ...]

    def __str__(self) -> str:
        return "\n    ".join([f"for {self.var} in {self.low}..{self.high}:", *map(str, self.body)])


Statement = Define | For


@dataclass(frozen=True)
class Program:
    """A whole program. `indices` are (name, low, high); `widths` (name, multiple of n); outputs members or families."""

    indices: tuple[tuple[str, int, int], ...] = ()
    widths: tuple[tuple[str, int], ...] = ()
    params: tuple[Param, ...] = ()
    matrices: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()
    inputs: tuple[Input, ...] = ()
    weights: tuple[Weight, ...] = ()
    body: tuple[Statement, ...] = ()
    outputs: tuple[X, ...] = ()
    claims: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"index {i} in {lo}..{hi}" for i, lo, hi in self.indices]
        lines += [f"width {w} = {k}*n" for w, k in self.widths]
        lines += map(str, self.params)
        for name, rows in self.matrices:
            inner = ", ".join(f"[{', '.join(r)}]" for r in rows) if len(rows) > 1 else ", ".join(rows[0])
            lines.append(f"matrix {name} = [{inner}]")
        lines += [*map(str, self.inputs), *map(str, self.weights), *map(str, self.body)]
        lines += [f"output {o}" for o in self.outputs] + [f"claim {c}" for c in self.claims]
        return "\n".join(lines) + "\n"

    def range_of(self, index: str) -> range:
        return next(range(lo, hi + 1) for i, lo, hi in self.indices if i == index)

    def definitions(self) -> Iterator[Define]:
        for s in self.body:
            yield from s.body if isinstance(s, For) else (s,)

    def mapped(self, change: Callable[[X], X]) -> Program:
        """The program with `change` applied to every node of every definition, from the leaves up."""

        def defined(d: Define) -> Define:
            return replace(d, value=rebuilt(d.value, change))

        body = tuple(
            replace(s, body=tuple(map(defined, s.body))) if isinstance(s, For) else defined(s) for s in self.body
        )
        return replace(self, body=body)


def rebuilt(x: X, change: Callable[[X], X]) -> X:
    """The expression with `change` applied to every node, from the leaves up."""
    return change(replace(x, args=tuple(rebuilt(a, change) for a in x.args)) if x.args else x)


def substituted(x: X, at: dict[str, Sub]) -> X:
    """Index names replaced by other subscripts, bound ones left alone."""
    if x.op in ("sum", "max", "min", "attention"):
        at = {k: v for k, v in at.items() if k != x.name}
    elif x.op == "softmax" and x.name in at:
        raise ValueError("the index of a softmax is both free and bound")

    def one(s: Sub) -> Sub:
        if not isinstance(s, tuple):
            return at.get(s, s) if isinstance(s, str) else s
        a, b = at.get(s[0], s[0]), at.get(s[1], s[1]) if isinstance(s[1], str) else s[1]
        if isinstance(a, int):
            return a + b if isinstance(b, int) else (b, a)  # type: ignore[return-value]
        return (a, b)  # type: ignore[return-value]

    mask = tuple((rel, one(a), one(b)) for rel, a, b in x.mask)
    return replace(x, args=tuple(substituted(a, at) for a in x.args), subs=tuple(map(one, x.subs)), mask=mask)  # type: ignore[arg-type]


def free(x: X) -> set[str]:
    """The index names that are free in an expression."""
    inside = set().union(*(free(a) for a in x.args)) if x.args else set()
    own = {t for s in x.subs for t in (s if isinstance(s, tuple) else (s,)) if isinstance(t, str)}
    own |= {s for _, a, b in x.mask for s in (a, b) if isinstance(s, str)}
    if x.op in ("sum", "max", "min", "attention"):
        return (inside | own) - {x.name}
    return inside | own


def kind(x: X, program: Program) -> str:
    """constant, scalar or vector."""
    if x.op in ("matmul", "transposed", "attention"):
        return "vector"
    if x.op in ("dot", "mean", "softmax"):
        return "scalar"
    if x.op in ("ref", "pad", "wrap"):
        if any(x.name in i.names for i in program.inputs):
            return "vector"
        made = next((d for d in program.definitions() if d.name == x.name and not _mentions(d.value, x.name)), None)
        return "constant" if made is None else kind(made.value, program)
    kinds = {kind(a, program) for a in x.args}
    return next((k for k in ("vector", "scalar") if k in kinds), "constant")


def _mentions(x: X, name: str) -> bool:
    return any(y.name == name for y in x.walk() if y.op == "ref")
