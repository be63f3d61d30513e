"""The meaning of a program text, element by element, straight from its statements: nothing is lowered.

The oracle for the lowering: it reads statements as the parser yields them, unrolls loops, and expands each element
down to the inputs, in the numbering of `tests.program.expansion`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from tensorprog.kernel.ground.term import ONE, mul, walk
from tensorprog.language import syntax as s
from tensorprog.language.parser import parse
from tensorprog.program import DEFAULT_LIMITS
from tensorprog.terms import App, Bind, Num, Term, Var
from tests.program.expansion import COMPARE, Meaning

Values = Mapping[str, int]


class Source:
    """The elements that a text defines."""

    def __init__(self, text: str, meaning: Meaning) -> None:
        self.meaning = meaning
        self.ranges: dict[str, tuple[int, int]] = {}
        self.consts: dict[str, int] = {}
        self.definitions: dict[str, list[tuple[tuple[Term, ...], Term | None, Values]]] = {}
        self.weights: set[str] = set()
        self.wanted: list[Term] = []
        for statement in parse(text, DEFAULT_LIMITS, frozenset({"pad", "wrap"})):
            self._statement(statement, {})
        self._done: dict[tuple[str, tuple[int, ...]], int] = {}

    def _statement(self, statement: s.Statement, loops: Values) -> None:
        match statement:
            case s.ConstDef(name=name, value=value):
                self.consts[name] = self._integer(value, {})
            case s.IndexDef(names=names, low=low, high=high):
                self.ranges |= {name: (self._integer(low, {}), self._integer(high, {})) for name, _ in names}
            case s.InputDef(refs=refs):
                for ref in refs:
                    self._define(ref, None, {})
            case s.WeightDef(refs=refs):
                self.weights |= {_name_and_subs(ref)[0] for ref in refs}
            case s.Definition(ref=ref, value=value):
                self._define(ref, value, loops)
            case s.Loop(name=name, low=low, high=high, body=body):
                for t in range(self._integer(low, loops), self._integer(high, loops) + 1):
                    for inner in body:
                        self._statement(inner, {**loops, name: t})
            case s.OutputDef(refs=refs):
                self.wanted += refs

    def _define(self, ref: Term, value: Term | None, loops: Values) -> None:
        name, subs = _name_and_subs(ref)
        self.definitions.setdefault(name, []).append((subs, value, loops))

    def outputs(self) -> list[list[int]]:
        return [[self.element(*e) for e in sorted(set(self._output_elements(ref)))] for ref in self.wanted]

    def _output_elements(self, ref: Term) -> Iterator[tuple[str, tuple[int, ...]]]:
        name, subs = _name_and_subs(ref)
        for left, _, loops in self.definitions[name] if not subs else [(subs, None, {})]:
            free = [x.name for x in left if isinstance(x, Var) and x.name in self.ranges and x.name not in loops]
            for at in self._assignments(free):
                yield name, tuple(self._integer(x, {**loops, **at}) for x in left)

    def _assignments(self, names: list[str]) -> Iterator[dict[str, int]]:
        names = list(dict.fromkeys(names))
        for values in product(*(range(self.ranges[k][0], self.ranges[k][1] + 1) for k in names)):
            yield dict(zip(names, values, strict=True))

    def element(self, name: str, member: tuple[int, ...]) -> int:
        if (name, member) not in self._done:
            (found,) = [e for e in (self._matches(d, member) for d in self.definitions[name]) if e is not None]
            value, at = found
            self._done[name, member] = (
                self.meaning.number("input", name, member) if value is None else self.term(value, at)
            )
        return self._done[name, member]

    def _matches(
        self, definition: tuple[tuple[Term, ...], Term | None, Values], member: tuple[int, ...]
    ) -> tuple[Term | None, Values] | None:
        subs, value, loops = definition
        at = dict(loops)
        for x, wanted in zip(subs, member, strict=True):
            if isinstance(x, Var) and x.name in self.ranges and x.name not in loops:
                lo, hi = self.ranges[x.name]
                if not lo <= wanted <= hi:
                    return None
                at[x.name] = wanted
            elif self._integer(x, loops) != wanted:
                return None
        return value, at

    def _integer(self, t: Term, at: Values) -> int:
        match t:
            case Num(value):
                assert value.denominator == 1
                return int(value)
            case Var(name, ()):
                return at[name] if name in at else self.consts[name]
            case App("add", args):
                return sum(self._integer(a, at) for a in args)
            case App("neg", (a,)):
                return -self._integer(a, at)
            case App("mul", args):
                out = 1
                for a in args:
                    out *= self._integer(a, at)
                return out
        raise AssertionError(t)

    def _holds(self, mask: Term, at: Values) -> bool:
        match mask:
            case App("and", args):
                return all(self._holds(a, at) for a in args)
            case App(head, (left, right)):
                return COMPARE[head](self._integer(left, at), self._integer(right, at))
        raise AssertionError(mask)

    def term(self, t: Term, at: Values) -> int:
        number = self.meaning.number
        match t:
            case Num(value):
                return number("num", value)
            case Var() | App("ref"):
                name, subs = _name_and_subs(t)
                where = tuple(self._integer(x, at) for x in subs)
                return self.element(name, where) if name in self.definitions else number("constant", name, where)
            case App("pad" | "wrap", (ref,)):
                name, subs = _name_and_subs(ref)
                counted = zip(subs, self._extents(name), strict=True)
                return self.element(
                    name, tuple((self._integer(x, at) - lo) % (hi - lo + 1) + lo for x, (lo, hi) in counted)
                )
            case App("matmul", (weight, arg)):
                turned = isinstance(weight, App) and weight.head == "transpose"
                name, subs = _name_and_subs(weight.args[0] if turned else weight)  # type: ignore[union-attr]
                where = tuple(self._integer(x, at) for x in subs)
                return number("matmul", name, where, turned, self.term(arg, at))
            case App("dot", (u, v)):
                return self._dot(u, v, ONE, at)
            case App("mul", args) if sum(isinstance(a, App) and a.head == "dot" for a in args) == 1:
                rest = [a for a in args if not (isinstance(a, App) and a.head == "dot")]
                if all(self._constant(a) for a in rest):
                    (dot,) = [a for a in args if a not in rest]
                    return self._dot(*dot.args, mul(*rest), at)  # type: ignore[union-attr]
                return number("mul", *(self.term(a, at) for a in args))
            case App("mean", (body,)):
                return number("moment", self.term(body, at))
            case App(head, args):
                return number(head, *(self.term(a, at) for a in args))
            case Bind("attention", (q, k, v, scale), over, mask):
                rows = [
                    tuple(self.term(x, {**at, **inner}) for x in (q, k, v))
                    for inner in self._assignments(list(over))
                    if mask is None or self._holds(mask, {**at, **inner})
                ]
                return number("attention", tuple(rows), self.term(scale, at))
            case Bind("softmax", (body,), over, mask):
                rows_seen = tuple(
                    self.term(body, {**at, **inner})
                    for inner in self._assignments(list(over))
                    if mask is None or self._holds(mask, {**at, **inner})
                )
                seen = mask is None or self._holds(mask, at)
                return number("softmax", rows_seen, self.term(body, at) if seen else "masked")
            case Bind("sum", (body,), over, None) if any(
                isinstance(x, App) and x.head in ("pad", "wrap") for x in walk(body)
            ):
                inside = [a for inner in self._assignments(list(over)) if not self._outside(body, a := {**at, **inner})]
                kept = [self.term(body, a) for a in inside]
                return kept[0] if len(kept) == 1 else number("add", *kept)
            case Bind(head, (body,), over, None):
                return number(
                    "over", head, *(self.term(body, {**at, **inner}) for inner in self._assignments(list(over)))
                )
        raise AssertionError(t)

    def _extents(self, name: str) -> list[tuple[int, int]]:
        """The least and the largest subscript at each position of a family."""
        values: list[list[int]] = [[] for _ in self.definitions[name][0][0]]
        for subs, _, loops in self.definitions[name]:
            for seen, x in zip(values, subs, strict=True):
                whole = isinstance(x, Var) and x.name in self.ranges
                seen += self.ranges[x.name] if whole else [self._integer(x, loops)]  # type: ignore[union-attr]
        return [(min(seen), max(seen)) for seen in values]

    def _outside(self, body: Term, at: Values) -> bool:
        """Does a summand read a padded member that is not there?"""
        for x in walk(body):
            if isinstance(x, App) and x.head == "pad":
                name, subs = _name_and_subs(x.args[0])
                if any(
                    not lo <= self._integer(y, at) <= hi for y, (lo, hi) in zip(subs, self._extents(name), strict=True)
                ):
                    return True
        return False

    def _dot(self, u: Term, v: Term, factor: Term, at: Values) -> int:
        return self.meaning.number("dot", self.term(u, at), self.term(v, at), self.term(factor, at))

    def _constant(self, t: Term) -> bool:
        match t:
            case App("ref", (Var(name), *_)) | Var(name):
                return name not in self.definitions
            case App("dot" | "mean" | "matmul") | Bind():
                return False
            case App(_, args):
                return all(self._constant(a) for a in args)
            case _:
                return True


def _name_and_subs(ref: Term) -> tuple[str, tuple[Term, ...]]:
    match ref:
        case App("ref", (Var(name), *subs)):
            return name, tuple(subs)
        case Var(name, ()):
            return name, ()
    raise AssertionError(ref)
