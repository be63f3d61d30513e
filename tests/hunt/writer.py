"""A program in the making: declarations, references to what exists, weights for what comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.hunt.syntax import Define, Input, Param, Program, Sub, Weight, X, num, ref


@dataclass(frozen=True)
class Made:
    """A family: the class of each subscript (t of tokens, h of heads), its kind, and what it was made as."""

    name: str
    axes: str
    kind: str
    role: str
    width: str = "n"


@dataclass
class Writer:
    """One program in the making. Tokens are counted by i, j, l, heads by a."""

    rng: random.Random
    program: Program = field(default_factory=Program)
    made: list[Made] = field(default_factory=list)
    count: int = 0
    width: str = "n"
    """The width of what is being written; the second one is m."""

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def add(self, **parts: tuple[object, ...]) -> None:
        self.program = replace(self.program, **{k: getattr(self.program, k) + more for k, more in parts.items()})  # type: ignore[arg-type]

    def define(self, letter: str, subs: tuple[str, ...], value: X, kind: str, role: str) -> Made:
        name = self.fresh(letter)
        self.add(body=(Define(name, subs, value),))
        return self.remember(name, subs, kind, role)

    def remember(self, name: str, subs: tuple[str, ...], kind: str, role: str) -> Made:
        found = Made(name, "".join("h" if s == "a" else "t" for s in subs), kind, role, self.width)
        self.made.append(found)
        return found

    # -- references

    def at(self, family: Made, free: tuple[str, ...], literal: float = 0.12) -> X:
        """A member of a family in terms of free indices, sometimes by number."""
        subs: list[Sub] = []
        for axis in family.axes:
            fitting = [s for s in free if (s == "a") == (axis == "h")]
            span = self.program.range_of("a" if axis == "h" else "i")
            subs.append(self.rng.choice(fitting) if fitting and self.rng.random() > literal else self.rng.choice(span))
        return ref(family.name, *subs)

    def pick(self, kind: str, *roles: str) -> Made | None:
        fitting = [m for m in self.made if m.kind == kind and (not roles or m.role in roles)]
        fitting = [m for m in fitting if kind != "vector" or m.width == self.width]
        return self.rng.choice(fitting[-5:] + fitting) if fitting else None

    def vector(self, free: tuple[str, ...], *roles: str) -> X:
        found = self.pick("vector", *roles) or self.pick("vector", "input")
        assert found is not None
        return self.at(found, free)

    def scalar(self, free: tuple[str, ...], *roles: str) -> X | None:
        found = self.pick("scalar", *roles)
        return None if found is None else self.at(found, free)

    def subs(self) -> tuple[str, ...]:
        return self.rng.choice([(), ("i",), ("i",), ("i",)])

    def across(self) -> str:
        """The width of a product's argument: sometimes the other one."""
        return self.rng.choice(["n", *(w for w, _ in self.program.widths)]) if self.rng.random() < 0.5 else self.width

    def within(self, width: str, make: Callable[[], X]) -> X:
        """An expression of another width than the one that is being written."""
        self.width, before = width, self.width
        made = make()
        self.width = before
        return made

    def weight(self, *axes: str, reuse: float = 0.3, cols: str | None = None) -> X:
        """A weight for a statement with free indices `axes`: a MatMul that lacks its argument."""
        tokens, cols = tuple(a for a in axes if a != "a"), cols or self.width
        fitting = [w for w in self.program.weights if w.subs in ((), ("i",)[: len(tokens)])]
        fitting = [w for w in fitting if (w.rows, w.cols) == (self.width, cols)]
        if fitting and self.rng.random() < reuse:
            w = self.rng.choice(fitting)
            return X("matmul", name=w.name, subs=(self.rng.choice(tokens),) if w.subs else ())
        own = (self.rng.choice(tokens),) if tokens and self.rng.random() < 0.3 else ()
        variance = self.rng.choice([num(1), num(1), num(1), num(2), num("1/2"), *self.positive()])
        if own and self.rng.random() < 0.2:
            variance = ref(self.per_token(), "i")
        w = Weight(self.fresh("W"), ("i",) if own else (), variance, self.width, cols)
        self.add(weights=(w,))
        return X("matmul", name=w.name, subs=own)

    def fresh_weight(self, subs: tuple[str, ...], variance: X) -> str:
        """The name of a new square family of matrices."""
        name = self.fresh("W")
        self.add(weights=(Weight(name, subs, variance, self.width, self.width),))
        return name

    def times(self, weight: X, x: X) -> X:
        return X("matmul", (x,), weight.name, weight.subs)

    def positive(self) -> list[X]:
        """Params that may be variances."""
        return [ref(p.name) for p in self.program.params if p.low is not None and p.low >= 0]

    def per_token(self) -> str:
        name = self.fresh("c")
        size = len(self.program.range_of("i"))
        self.add(matrices=((name, (tuple(self.rng.choice(["1/2", "1", "2", "0.3"]) for _ in range(size)),)),))
        return name

    # -- declarations

    def declarations(self, atoms: bool) -> None:
        rng = self.rng
        tokens = rng.choice([1, 2, 2, 2, 3])
        self.add(indices=(("i", 1, tokens), ("j", 1, tokens), ("l", 1, tokens), ("a", 1, 2)))
        if atoms or rng.random() < 0.25:
            self.add(params=(Param("z", low=0.0, default=rng.choice(["0", "0.3", "1"]) if atoms else "0.3"),))
        if rng.random() < 0.3:
            self.add(params=(Param("C", low=0.0, closed=False, default=rng.choice(["1", "0.5", "2"])),))
        for _ in range(rng.choice([1, 1, 2, 3])):
            self.input(tokens, atoms)
        if rng.random() < 0.12:
            self.add(widths=(("m", rng.choice([2, 2, 3])),))
            self.width = "m"
            self.input(tokens, atoms)
            self.width = "n"

    def input(self, tokens: int, atoms: bool) -> None:
        rng = self.rng
        kind = rng.choice(["iid", "iid", "iid", "decay", "matrix", "joint", "single", "single", "mean", "bernoulli"])
        name = self.fresh("u")
        subs: tuple[str, ...] = () if kind in ("single", "joint") else ("i",)
        names = (name,)
        variance = [num(1), num(1), num(2), *self.positive()] + ([num(0)] if atoms else [])
        match kind:
            case "decay":
                given = Input(names, subs, "decay", (num(1), num(rng.choice(["0.5", "0.9"]))))
            case "matrix":
                matrix = self.fresh("K")
                self.add(matrices=((matrix, self.gram(tokens)),))
                given = Input(names, subs, "matrix", (ref(matrix),)) if tokens > 1 else Input(names, subs)
            case "joint":
                names = (name, self.fresh("u"))
                r = num(rng.choice(["0.5", "-0.5", "0", "1", "1"] if atoms else ["0.5", "-0.5", "0", "0.9"]))
                given = Input(names, (), "joint", (num(1), r, r, num(1)))
            case "bernoulli":
                given = Input(names, subs, "bernoulli", (num(rng.choice(["1/2", "4/5"])),))
            case "mean":
                given = Input(names, subs, mean=rng.choice(["0.3", "-1"]))
            case _:
                names = (name,) if rng.random() < 0.6 else (name, self.fresh("u"))
                given = Input(names, subs, value=(rng.choice(variance),))
        self.add(inputs=(replace(given, width=self.width),))
        for n in names:
            self.remember(n, subs, "vector", "input")

    def gram(self, size: int) -> tuple[tuple[str, ...], ...]:
        """A covariance: regular, of equal members, or singular."""
        off = self.rng.choice(["0.5", "0.25", "1", "1", "-0.5" if size == 2 else "0.9"])
        return tuple(tuple("1" if p == q else off for q in range(size)) for p in range(size))
