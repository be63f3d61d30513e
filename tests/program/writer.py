"""Writes one random well-typed program, statement by statement, as `tests.strategies` draws it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Index:
    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Made:
    """A family that exists so far: its ranges, one an axis, and its width (None for a scalar)."""

    name: str
    box: tuple[tuple[int, int], ...]
    width: str | None


@dataclass(frozen=True)
class WeightFamily:
    name: str
    box: tuple[tuple[int, int], ...]
    rows: str
    cols: str


@dataclass
class Sketch:
    """A program as lines in which a subexpression stands as a mark {k}: written in place, or named on a line above."""

    head: list[str] = field(default_factory=list)
    body: list[tuple[str, list[int], str, str]] = field(default_factory=list)  # indent, marks, loop variable, text
    marks: dict[int, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    tail: list[str] = field(default_factory=list)

    def text(self, named: bool = False) -> str:
        """The program text."""
        lines = list(self.head)
        for indent, marks, loop, line in self.body:
            if named:
                lines += [f"{indent}{self._aux(k, loop)} = {self._filled(self.marks[k][1], loop)}" for k in marks]
                lines.append(indent + self._filled(line, loop))
            else:
                lines.append(indent + self._inline(line))
        return "\n".join(lines + self.tail) + "\n"

    def _aux(self, k: int, loop: str) -> str:
        subs = ([loop] if loop else []) + list(self.marks[k][0])
        return f"aux{k}" + (f"[{','.join(subs)}]" if subs else "")

    def _filled(self, text: str, loop: str) -> str:
        return re.sub(r"\{(\d+)\}", lambda m: self._aux(int(m[1]), loop), text)

    def _inline(self, text: str) -> str:
        return re.sub(r"\{(\d+)\}", lambda m: f"({self._inline(self.marks[int(m[1])][1])})", text)


Text = tuple[str, frozenset[str]]
"""An expression and the index names that are free in it."""


class Writer:
    """Draws one program, statement by statement."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.sketch = Sketch()
        self.widths = ["n"]
        self.indices: list[Index] = []
        self.params: list[str] = []
        self.matrices: list[Made] = []
        self.made: list[Made] = []
        self.weights: list[WeightFamily] = []
        self.new_marks: list[int] = []
        self.before: tuple[str, Text] | None = None  # inside a loop: the width and spelling of the member before

    def coin(self, one_in: int = 2) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    # -- declarations

    def declarations(self) -> None:
        out = self.sketch.head
        if self.coin():
            out.append("program " + self.pick(["net", "output", "x", "θ"]))
        if self.coin(3):
            self.widths.append("m")
            out.append("width m = " + self.pick(["2*n", "n/4", "3*n/2"]))
        low, high = self.pick([(1, 2), (1, 3), (0, 1), (2, 3), (1, 1), (-1, 1)])
        if self.coin():
            out.append(f"const s = {high}")
            out.append(f"index i, j, l in {low}..s")
        else:
            out.append(f"index i, j, l in {low}..{high}")
        self.indices += [Index(name, low, high) for name in "ijl"]
        if self.coin():
            low, high = self.pick([(1, 2), (0, 1), (1, 3)])
            out.append(f"index a, b in {low}..{high}")
            self.indices += [Index(name, low, high) for name in "ab"]
        for name, spelling in (("C", "> 0 = 1.5"), ("r", "in (-1, 1) = 0.25"), ("sig", ">= 1/2 = 2"), ("c", "= -0.5"),
                               ("d", "<= 3 = pi/2")):  # fmt: skip
            if self.coin():
                out.append(f"param {name} {spelling}")
                self.params.append(name)
        if self.coin(3):
            size = self.indices[0].high
            if self.indices[0].low == 1:
                off = self.pick(["0.5", "1/4", "0.25*3", "1.5"])
                rows = [["1.5" if p == q else off for q in range(size)] for p in range(size)]
                out.append(f"matrix K = [{', '.join('[' + ', '.join(r) + ']' for r in rows)}]")
                self.matrices.append(Made("K", ((1, size), (1, size)), None))
            out.append("matrix mu = [0.5, -1, pi, sqrt(2)]")
            self.matrices.append(Made("mu", ((1, 4),), None))

    def inputs(self) -> None:
        for k in range(self.draw(st.integers(1, 3))):
            width = self.pick(self.widths)
            colon = "" if width == "n" and self.coin() else f": {width}"
            subs = self.axes(2)
            group = tuple(i.name for i in subs)
            bracket = f"[{','.join(group)}]" if group else ""
            box = tuple((i.low, i.high) for i in subs)
            kind = self.draw(st.integers(0, 4))
            if kind == 0:
                members = [f"u{k}", f"w{k}"]
                listed = ", ".join(m + bracket for m in members)
                law = self.pick(["[0, 0], [[1, 0.5], [0.5, 1]]", "[1, -1/2], [[2, 0], [0, 1/3]]"])
                self.sketch.head.append(f"input ({listed}){colon} ~ N({law})")
            elif kind == 1 and any(m.name == "K" for m in self.matrices):
                members, box = [f"u{k}"], self.matrices[0].box[:1]
                self.sketch.head.append(f"input u{k}[i]{colon} ~ N(0, K)")
            elif kind == 2 and subs:
                last = group[-1]
                law = self.pick(
                    [f"exp(-abs({last} - {last}')/2)", f"min({last}, {last}') + 5", f"1/2^abs({last}-{last}')"]
                )
                members = [f"u{k}"]
                self.sketch.head.append(f"input u{k}{bracket}{colon} ~ N(0, {law})")
            else:
                members = [f"u{k}"] + ([f"w{k}"] if kind == 3 else [])
                listed = ", ".join(m + bracket for m in members)
                law = self.pick(["0, 1", "0.5, 2", "0, 1/3", *(["0, sig^2"] if "sig" in self.params else [])])
                self.sketch.head.append(f"input {listed}{colon} ~ N({law})")
            self.made += [Made(m, box, width) for m in members]

    def some_weights(self) -> None:
        for k in range(self.draw(st.integers(2, 4))):
            rows, cols = self.pick(self.widths), self.pick(self.widths)
            subs = self.axes(2)
            bracket = f"[{','.join(i.name for i in subs)}]" if subs else ""
            shape = "" if rows == cols == "n" else f": {rows} x {cols}"
            variance = self.pick([f"1/{cols}", f"2/{cols}", f"0.5/{cols}", *(f"{p}^2/{cols}" for p in self.params)])
            law = self.pick(
                [f"N(0, {variance})"] * 4 + [f"iid(rademacher, {variance})", f"iid(student(5), {variance})"]
            )
            self.sketch.head.append(f"weight W{k}{bracket}{shape} ~ {law}")
            self.weights.append(WeightFamily(f"W{k}", tuple((i.low, i.high) for i in subs), rows, cols))

    # -- expressions

    def axes(self, most: int) -> list[Index]:
        count = self.draw(st.integers(0, most))
        return self.draw(st.permutations(self.indices))[:count] if count else []

    def subscript(self, box: tuple[tuple[int, int], ...], free: tuple[Index, ...]) -> Text:
        subs, used = [], set()
        for low, high in box:
            fitting = [i.name for i in free if low <= i.low and i.high <= high]
            if fitting and not self.coin(5):
                subs.append(self.pick(fitting))
                used.add(subs[-1])
            else:
                subs.append(str(self.draw(st.integers(low, high))))
        return (f"[{self.pick([',', ', ']).join(subs)}]" if subs else ""), frozenset(used)

    def reference(self, width: str | None, free: tuple[Index, ...]) -> Text | None:
        fitting = [m for m in self.made if m.width == width]
        if self.before is not None and self.before[0] == width and self.coin():
            return self.before[1]
        if not fitting:
            return None
        family = self.pick(fitting)
        subs, used = self.subscript(family.box, free)
        return family.name + subs, used

    def mark(self, text: Text) -> Text:
        """Perhaps a mark for a subexpression."""
        if not self.coin(3):
            return text
        k = len(self.sketch.marks)
        self.sketch.marks[k] = (tuple(sorted(text[1])), text[0])
        self.new_marks.append(k)
        return f"{{{k}}}", text[1]

    def constant(self) -> str:
        options = ["2", "0.5", "1/3", "-1", "pi", "1.25e-1", "sqrt(2)", "exp(1/2)", "3^2"]
        options += [*self.params, *(f"{p}^2" for p in self.params), *(f"(1 + abs({p}))" for p in self.params)]
        options += ["mu[1]", "mu[3]"] if any(m.name == "mu" for m in self.matrices) else []
        return self.pick(options)

    def vector(self, width: str, free: tuple[Index, ...], depth: int) -> Text:
        """A vector of this width whose free indices are among `free`."""
        return self.mark(self._vector(width, free, depth))

    def _vector(self, width: str, free: tuple[Index, ...], depth: int) -> Text:
        if depth == 0:
            made = self.reference(width, free)
            assert made is not None
            return made
        kind = self.draw(st.integers(0, 13))
        less = depth - 1
        if kind == 0:
            return self._vector(width, free, 0)
        if kind == 1:
            x, used = self.vector(width, free, less)
            functions = ["relu({})", "tanh({})", "erf({})", "clip({}, -1, 1)", "leaky_relu({}, 0.1)", "hermite(3, {})",
                         "({})^2", "max({}, 0)", "min({}, 1, 2)", "√abs({})", "elu({})", "exp(-({})**2)", "({})^3/6",
                         "where({0} > 0, {0}, 0.1*({0}))", "sigmoid({})", "abs({}-1)", "step({})"]  # fmt: skip
            functions += ["clip({}, -C, C)"] if "C" in self.params else []
            template = self.pick(functions)
            return template.replace("{0}", "{}").replace("{}", x), used
        if kind in (2, 3):
            (x, used), (y, more) = self.vector(width, free, less), self.vector(width, free, less)
            shapes = ["({} + {})", "({} - {})", "({} + 2*{})", "({} * {})", "({} · {})", "max({}, {})", "(1 - {} - {})"]
            return self.pick(shapes).format("\0", "\1").replace("\0", x).replace("\1", y), used | more
        if kind == 4:
            x, used = self.vector(width, free, less)
            return self.pick(["({c} * {x})", "({x} / 4)", "(-{x})", "({x} * {c})", "(1.5 * {c} * {x} / 3)"]).replace(
                "{c}", self.constant()
            ).replace("{x}", x), used
        if kind in (5, 6, 7):
            product = self.product(width, free, less)
            return product if product is not None else self._vector(width, free, less)
        inner = [i for i in self.indices if i.name not in {f.name for f in free}]
        if kind == 8:
            (s, used), (x, more) = self.scalar(free, less), self.vector(width, free, less)
            return f"({s} * {x})", used | more
        if not inner:
            return self._vector(width, free, less)
        j = self.pick(inner)
        if kind in (9, 10):
            x, used = self.vector(width, (*free, j), less)
            head = self.pick(["sum", "sum", "max"])
            return f"{head}({x} for {j.name})", used - {j.name}
        if kind == 11:
            return self.attention(width, free, j)
        p = self.score((*free, j), must=j)
        x, used = self.vector(width, (*free, j), less)
        mask = self.masks(free, j)
        return f"sum(softmax({p[0]} over {j.name}{mask[0]}) * {x} for {j.name})", (p[1] | used | mask[1]) - {j.name}

    def product(self, width: str, free: tuple[Index, ...], depth: int) -> Text | None:
        fitting = [(w, False) for w in self.weights if w.rows == width and self.has(w.cols)]
        if self.coin(4):
            fitting += [(w, True) for w in self.weights if w.cols == width and self.has(w.rows)]
        if not fitting:
            return None
        weight, transposed = self.pick(fitting)
        subs, used = self.subscript(weight.box, free)
        x, more = self.vector(weight.rows if transposed else weight.cols, free, depth)
        return f"({weight.name}{subs}{chr(39) if transposed else ''} @ {x})", used | more

    def has(self, width: str) -> bool:
        return any(m.width == width for m in self.made)

    def masks(self, free: tuple[Index, ...], j: Index) -> Text:
        same = [i.name for i in free if (i.low, i.high) == (j.low, j.high)]
        if self.coin() or not same:
            return self.pick([("", frozenset()), (f", mask = {j.name} <= {j.high}", frozenset())])
        i = self.pick(same)
        mask = self.pick(
            [f"{j.name} <= {i}", f"{j.name} >= {i}", f"{i} == {j.name}", f"{j.name} ≤ {i} + 1 and {i} - 2 < {j.name}"]
        )
        return f", mask = {mask}", frozenset({i})

    def score(self, free: tuple[Index, ...], must: Index | None = None) -> Text:
        """A scaled dot product of two vectors of one width."""
        width = self.pick([w for w in self.widths if self.has(w)])
        if must is not None:
            x, used = self.dependent(width, must)
        else:
            x, used = self.vector(width, free, 1)
        y, more = self.vector(width, free, 1)
        scale = self.pick(["{} / sqrt({})", "{} / {}", "0.5 * {} * {}^(-1/2)", "{} * (1/√{})", "{}/(2*sqrt({}))"])
        return "(" + scale.format("\0", width).replace("\0", f"dot({x}, {y})") + ")", used | more

    def dependent(self, width: str, must: Index) -> Text:
        """A vector that depends on the index `must`; an input family with that axis always exists."""
        fitting = [
            m for m in self.made if m.width == width and any(lo <= must.low and must.high <= hi for lo, hi in m.box)
        ]
        weights = [w for w in self.weights if w.rows == width and self.has(w.cols)
                   and any(lo <= must.low and must.high <= hi for lo, hi in w.box)]  # fmt: skip
        if weights and (not fitting or self.coin(3)):
            weight = self.pick(weights)
            x, used = self.vector(weight.cols, (must,), 0)
            return f"({weight.name}{self.with_index(weight.box, must)} @ {x})", used | {must.name}
        family = self.pick(fitting)
        return family.name + self.with_index(family.box, must), frozenset({must.name})

    def with_index(self, box: tuple[tuple[int, int], ...], must: Index) -> str:
        at = [k for k, (lo, hi) in enumerate(box) if lo <= must.low and must.high <= hi]
        subs = [str(self.draw(st.integers(lo, hi))) for lo, hi in box]
        subs[self.pick(at)] = must.name
        return f"[{','.join(subs)}]"

    def attention(self, width: str, free: tuple[Index, ...], j: Index) -> Text:
        inner = self.pick([w for w in self.widths if self.has(w)])
        q, used = self.vector(inner, (*free, j), 1)
        k, more = self.dependent(inner, j)
        v, most = self.vector(width, (*free, j), 1)
        mask, last = self.masks(free, j)
        scale = self.pick(["", f", scale = 1/sqrt({inner})", f", scale = 1/{inner}", f", scale = 0.5*{inner}^(-1/2)"])
        return f"attention({q}, {k}, {v} over {j.name}{scale}{mask})", (used | more | most | last) - {j.name}

    def scalar(self, free: tuple[Index, ...], depth: int) -> Text:
        return self.mark(self._scalar(free, depth))

    def _scalar(self, free: tuple[Index, ...], depth: int) -> Text:
        kind = self.draw(st.integers(0, 5))
        if kind == 0 and (made := self.reference(None, free)) is not None:
            return made
        if kind in (1, 2) and depth:
            width = self.pick([w for w in self.widths if self.has(w)])
            x, used = self.vector(width, free, depth - 1)
            return f"mean({x})", used
        if kind == 3 and depth:
            s, used = self.scalar(free, depth - 1)
            return self.pick(["tanh({})", "(1/sqrt({}^2 + 0.1))", "(2*{})", "(-{})", "exp({})"]).replace("{}", s), used
        if kind == 4 and depth:
            (s, used), (t, more) = self.scalar(free, depth - 1), self.scalar(free, depth - 1)
            return self.pick([f"({s} + {t})", f"({s} * {t})", f"max({s}, {t}, 0)"]), used | more
        return self.score(free)

    # -- definitions

    def line(self, text: str, indent: str = "", loop: str = "") -> None:
        self.sketch.body.append((indent, self.new_marks, loop, text))
        self.new_marks = []

    def definitions(self) -> None:
        for k in range(self.draw(st.integers(1, 5))):
            subs = tuple(self.axes(2))
            box = tuple((i.low, i.high) for i in subs)
            left = f"[{','.join(i.name for i in subs)}]" if subs else ""
            kind = self.draw(st.integers(0, 5))
            if kind == 0:
                self.line(f"s{k}{left} = {self._scalar(subs, 2)[0]}")
                self.made.append(Made(f"s{k}", box, None))
                continue
            width = self.pick([w for w in self.widths if self.has(w)])
            if kind == 1 and subs and subs[0].low < subs[0].high:
                self.pieces(f"h{k}", width, subs)
            else:
                self.line(f"h{k}{left} = {self._vector(width, subs, 3)[0]}")
            self.made.append(Made(f"h{k}", box, width))

    def pieces(self, name: str, width: str, subs: tuple[Index, ...]) -> None:
        """A family over its first axis in slabs: one by one, or the first by itself and the others in a loop."""
        first, rest = subs[0], subs[1:]
        tail = "".join("," + i.name for i in rest)
        self.line(f"{name}[{first.low}{tail}] = {self._vector(width, rest, 2)[0]}")
        if self.coin():
            for value in range(first.low + 1, first.high + 1):
                self.line(f"{name}[{value}{tail}] = {self._vector(width, rest, 2)[0]}")
            return
        self.sketch.body.append(("", [], "", f"for t in {first.low + 1}..{first.high}:"))
        self.before = width, (f"{name}[t-1{tail}]", frozenset(i.name for i in rest))
        text = f"{name}[t{tail}] = tanh({self.before[1][0]}) + {self._vector(width, rest, 2)[0]}"
        self.before = None
        self.line(text, "    ", "t")

    def outputs_and_claims(self) -> None:
        defined = [m for m in self.made if m.name[0] in "hs"]
        for made in self.draw(st.lists(st.sampled_from(defined), min_size=1, max_size=3, unique=True)):
            free = tuple(self.indices)
            whole = self.coin() or not made.box
            self.sketch.tail.append("output " + made.name + ("" if whole else self.subscript(made.box, free)[0]))
        vectors = [m for m in self.made if m.width is not None]
        for _ in range(self.draw(st.integers(0, 2))):
            f = self.pick(vectors)
            g = self.pick([m for m in vectors if m.width == f.width])
            x, y = (m.name + self.subscript(m.box, tuple(self.indices))[0] for m in (f, g))
            claims = [f"cov({x}, {y}) = 0", f"E({x} * tanh({y})) = var({x})^2 within 1e-3", "valid", "invalid",
                      f"gaussian({x})", f"not gaussian({y})", "cov(e_n_i[i], e_n_i[j]) = 0 for i != j"]  # fmt: skip
            self.sketch.tail.append("claim " + self.pick(claims))
