"""The meaning of a program, element by element: no families, no patterns, every index value written out.

Each element of each family, and each expression in it, becomes a number that stands for its whole history down to the
inputs, so two programs mean the same exactly if their outputs get equal numbers from one `Meaning`. Slow, and it
shares no code with the package but the data types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from tensorprog.kernel.ground.nodes import Attention, Dot, Input, MatMul, Moment, Node
from tensorprog.program import Program
from tensorprog.terms import App, Bind, Num, Term, Var

COMPARE = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}
Element = tuple[str, tuple[int, ...]]


class Meaning:
    """A table of histories shared by the programs that are compared."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self.histories: list[Any] = []

    def number(self, *history: Any) -> int:
        if history not in self._numbers:
            self._numbers[history] = len(self.histories)
            self.histories.append(history)
        return self._numbers[history]


class Expansion:
    """The elements of one program."""

    def __init__(self, program: Program, meaning: Meaning) -> None:
        self.program = program
        self.meaning = meaning
        self._done: dict[Element, int] = {}

    def outputs(self) -> list[list[int]]:
        """The meaning of every output, member by member."""
        return [[self.element(*e) for e in self.output_elements(k)] for k in range(len(self.program.outputs))]

    def output_elements(self, k: int) -> list[Element]:
        ref = self.program.outputs[k].ref
        if not ref.subs and self.program.families[ref.name].arity:
            return [(ref.name, m) for m in self.members(ref.name)]
        names = [s for s in ref.subs if isinstance(s, str)]
        return sorted({(ref.name, self.at(ref, at)) for at in self.assignments(names)})

    def members(self, name: str) -> list[tuple[int, ...]]:
        """All members that some instruction defines."""
        found = set()
        for node in self.program.families[name].pieces:
            names = [s for s in node.subs if isinstance(s, str)]
            found |= {self.at(Var(name, node.subs), at) for at in self.assignments(names)}
        return sorted(found)

    def element(self, name: str, member: tuple[int, ...]) -> int:
        if (name, member) not in self._done:
            self._done[name, member] = self._history(*self.definition(name, member), member)
        return self._done[name, member]

    def definition(self, name: str, member: tuple[int, ...]) -> tuple[Node, dict[str, int]]:
        """The instruction that defines a member, and its index values there."""
        found = []
        for node in self.program.families[name].pieces:
            at = {s: value for s, value in zip(node.subs, member, strict=True) if isinstance(s, str)}
            inside = all(lo <= at[s] <= hi for s in at for lo, hi in [self.program.indices[s]])
            if inside and self.at(Var(name, node.subs), at) == member:
                found.append((node, at))
        assert len(found) == 1, f"{name}{member} has {len(found)} definitions"
        return found[0]

    def _history(self, node: Node, at: dict[str, int], member: tuple[int, ...]) -> int:
        number = self.meaning.number
        match node:
            case Input(name=name):
                return number("input", name, member)
            case MatMul(weight=w, transposed=tr, arg=x):
                return number("matmul", w.name, self.at(w, at), tr, self.reference(x, at))
            case Dot(left=u, right=v, factor=f):
                return number("dot", self.reference(u, at), self.reference(v, at), self.term(f, at))
            case Moment(body=body):
                return number("moment", self.term(body, at))
            case Attention(query=q, key=k, value=v, scale=s):
                rows = (tuple(self.reference(r, here) for r in (q, k, v)) for here in self.attention_rows(node, at))
                return number("attention", tuple(rows), self.term(s, at))
            case _:
                return self.term(node.body, at)

    def attention_rows(self, node: Attention, at: Mapping[str, int]) -> Iterator[dict[str, int]]:
        """The index values at which the attention node sees a key."""
        for inner in self.assignments(list(node.over)):
            here = {**at, **inner}
            if node.mask is None or self.holds(node.mask, here):
                yield here

    def assignments(self, names: list[str]) -> Iterator[dict[str, int]]:
        names = list(dict.fromkeys(names))
        sides = [range(lo, hi + 1) for lo, hi in (self.program.indices[s.rstrip("~")] for s in names)]
        for values in product(*sides):
            yield dict(zip(names, values, strict=True))

    def at(self, ref: Var, at: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(at[s] if isinstance(s, str) else s for s in ref.subs)

    def reference(self, ref: Var, at: Mapping[str, int]) -> int:
        return self.element(ref.name, self.at(ref, at))

    def holds(self, mask: Term, at: Mapping[str, int]) -> bool:
        match mask:
            case App("and", args):
                return all(self.holds(a, at) for a in args)
            case App(head, (left, right)):
                return bool(COMPARE[head](self._integer(left, at), self._integer(right, at)))
        raise AssertionError(mask)

    def _integer(self, t: Term, at: Mapping[str, int]) -> Any:
        match t:
            case Num(value):
                return value
            case Var(name, ()):
                return at[name]
            case App("add", args):
                return sum(self._integer(a, at) for a in args)
            case App("neg", (a,)):
                return -self._integer(a, at)
        raise AssertionError(t)

    def term(self, t: Term, at: Mapping[str, int]) -> int:
        """The expression with elements for names, and written-out sums; the expression of an element stands for it."""
        number = self.meaning.number
        match t:
            case Num(value):
                return number("num", value)
            case Var(name, ()) if name in at:
                return number("num", at[name])
            case Var(name, _) if name in self.program.families:
                return self.reference(t, at)
            case Var(name, _):
                return number("constant", name, self.at(t, at))
            case App(head, args):
                return number(head, *(self.term(a, at) for a in args))
            case Bind("softmax", (body,), over, mask):
                rows = [
                    self.term(body, {**at, **inner})
                    for inner in self.assignments(list(over))
                    if mask is None or self.holds(mask, {**at, **inner})
                ]
                seen = mask is None or self.holds(mask, at)
                return number("softmax", tuple(rows), self.term(body, at) if seen else "masked")
            case Bind(head, (body,), over, None):
                terms = (self.term(body, {**at, **inner}) for inner in self.assignments(list(over)))
                return number("over", head, *terms)
        raise AssertionError(t)
