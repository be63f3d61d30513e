"""Random ways to share matrices between scores and other vectors, through indices; all else about them is fine."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

HEAD = """\
index i, j, l in 1..{s}
index a, b in 1..{h}
input u[i], w[a,i] ~ N(0, 1)
input e ~ N(0, 1)
x[i] = tanh(u[i])
z[a,i] = erf(w[a,i] + {c}*u[{one}])
"""
RANGES = {"i": "s", "j": "s", "l": "s", "a": "h", "b": "h"}


class Patterns:
    """Draws one program."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.sizes = {"s": draw(st.integers(1, 3)), "h": draw(st.integers(1, 3))}
        self.lines = HEAD.format(s=self.sizes["s"], h=self.sizes["h"], c=self.pick([1, "0.5"]), one=1).splitlines()
        self.vectors: dict[str, str] = {"x": "s", "z": "hs"}
        self.weights: dict[str, str] = {}
        self.made: dict[str, str] = {}
        self.scores: dict[str, str] = {}

    def pick(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def coin(self, one_in: int = 2) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def subs(self, axes: str, free: str) -> str:
        """Subscripts for a family with these axes: indices among `free`, or constants."""
        out = []
        for axis in axes:
            names = [k for k in free if self.sizes[RANGES[k]] <= self.sizes[axis]]
            if names and not self.coin(4):
                out.append(self.pick(names))
            else:
                out.append(str(self.draw(st.integers(1, self.sizes[axis]))))
        return f"[{','.join(out)}]" if out else ""

    def axes(self, most: int) -> str:
        names = self.draw(st.permutations("ijlab"))
        return "".join(names[: self.draw(st.integers(0, most))])

    def left(self, name: str, axes: str) -> str:
        return f"{name}[{','.join(axes)}]" if axes else name

    def product(self, free: str) -> str:
        """W x, written in one of several ways."""
        weight, vector = self.pick(self.weights), self.pick(self.vectors)
        w = weight + self.subs(self.weights[weight], free)
        x = vector + self.subs(self.vectors[vector], free)
        return self.pick(["({} @ {})"] * 4 + ["({} @ (2 * {}))", "(-({} @ {}))", "({} @ {})/3"]).format(w, x)

    def side(self, free: str) -> str:
        kind = self.draw(st.integers(0, 5))
        if kind <= 1 or not self.made:
            return self.product(free)
        made = self.pick(self.made)
        reference = made + self.subs(self.made[made], free)
        if kind == 2:
            return self.pick(["2 * {}", "-{}", "{}/2"]).format(reference)
        if kind == 3 and self.coin(3):
            return f"{reference} + {self.product(free)}"
        return reference

    def program(self) -> str:
        for k in range(self.draw(st.integers(2, 4))):
            axes = self.axes(2)
            self.lines.append(f"weight W{k}{'[' + ','.join(axes) + ']' if axes else ''} ~ N(0, 1/n)")
            self.weights[f"W{k}"] = "".join(RANGES[k] for k in axes)
        for k in range(self.draw(st.integers(0, 3))):
            self.family(f"g{k}")
        for k in range(self.draw(st.integers(1, 3))):
            free = self.axes(3)
            self.lines.append(f"{self.left(f'p{k}', free)} = dot({self.side(free)}, {self.side(free)}) / sqrt(n)")
            self.scores[f"p{k}"] = "".join(RANGES[c] for c in free)
        for k in range(self.draw(st.integers(1, 2))):
            self.output(f"y{k}")
        return "\n".join(self.lines) + "\n"

    def family(self, name: str) -> None:
        """Products with a name: one statement, or slab by slab, or in a loop."""
        axes = self.axes(2)
        size = self.sizes[RANGES[axes[0]]] if axes else 1
        if not axes or not self.coin(3):
            self.lines.append(f"{self.left(name, axes)} = {self.product(axes)}")
        elif self.coin():
            for t in range(1, size + 1):
                self.lines.append(f"{name}[{','.join([str(t), *axes[1:]])}] = {self.product(axes[1:])}")
        else:
            body = self.product(axes)
            for old in (f"[{axes[0]}", f",{axes[0]}"):
                body = body.replace(old + ",", old[0] + "t,").replace(old + "]", old[0] + "t]")
            self.lines.append(f"for t in 1..{size}:")
            self.lines.append(f"    {name}[{','.join(['t', *axes[1:]])}] = {body}")
        self.made[name] = "".join(RANGES[k] for k in axes)

    def output(self, name: str) -> None:
        axes = self.axes(1)
        bound = "".join(c for c in "ijlab" if c not in axes)
        terms = []
        for score in self.draw(st.lists(st.sampled_from(sorted(self.scores)), min_size=1, max_size=3, unique=True)):
            over = self.draw(st.permutations(bound))[: self.draw(st.integers(0, 3))]
            inner = f"tanh({score}{self.subs(self.scores[score], axes + ''.join(over))})"
            terms.append((f"sum({inner} for {', '.join(over)})" if over else inner) + " * e")
        for _ in range(self.draw(st.integers(0, 2))):
            over = self.draw(st.permutations(bound))[: self.draw(st.integers(0, 2))]
            inner = self.side(axes + "".join(over))
            terms.append(f"sum({inner} for {', '.join(over)})" if over else inner)
        self.lines.append(f"{self.left(name, axes)} = " + " + ".join(terms))
        self.lines.append(f"output {name}")


@st.composite
def patterns(draw: Any) -> str:
    """A program text in which only the sharing of matrices can be wrong."""
    return Patterns(draw).program()
