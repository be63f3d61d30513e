"""Right-hand sides in one fixed form: what a normal form may rearrange is the same in it.

An expression is a sum of products, each summed over the values of some indices: a rational number times factors that
are no sums (variables, constants, functions). W @ (s x), with s a scalar and x a vector, is s (W @ x); a dot product is
linear in both sides, an average in what it averages. All of this holds at every width, for all values of the weights.
Bound indices get names by their depth, in the order that makes the form least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, permutations
from typing import Any

from tensorprog.kernel.core.refused import METER, Refused, require
from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.term import App, Bind, Num, Sub, Term, Var, mul, shift_subs, variables

MAX_SUMMANDS = 2_000
MAX_BOUND = 5
Open = Callable[[Var, Mapping[str, Range]], Term | None]
"""The definition of a variable with these values of its indices, or None if it is to stay."""
Form = tuple[Any, ...]
"""A fixed form: nested tuples of words and numbers."""


@dataclass(frozen=True, slots=True)
class Product:
    """number * factors, summed over the indices `over`, which have this name nowhere else."""

    number: Fraction
    over: tuple[str, ...]
    factors: tuple[Term, ...]

    def renamed(self, names: dict[str, Sub]) -> Product:
        """The same product with other names of its bound indices."""
        over = tuple(str(names[j]) for j in self.over)
        return Product(self.number, over, tuple(shift_subs(f, names) for f in self.factors))


class Expansion:
    """The fixed forms of one program's expressions."""

    def __init__(self, program: Instructions, open: Open) -> None:
        self.program, self.open = program, open
        self._fresh = count()
        self._ranges: dict[str, Range] = {}

    def form(self, t: Term, depth: int = 0) -> Form:
        """The fixed form of an expression, below so many bound indices.

        What cancels stays, with the number 0: it may have no value somewhere.
        """
        out: dict[Form, Fraction] = {}
        for p in self._products(t):
            key = self._least(p, depth)
            out[key] = out.get(key, Fraction(0)) + p.number
        return tuple(sorted(out.items(), key=repr))

    def _products(self, t: Term) -> list[Product]:
        """The summands of an expression; functions in them are not expanded yet."""
        METER.get()(10)
        match t:
            case Num(value):
                return [Product(value, (), ())]
            case Var(name, subs) if name in self.program.families:
                spans = {j: self.range_of(j) for j in subs if isinstance(j, str)}
                found = self.open(t, spans)
                return [Product(Fraction(1), (), (t,))] if found is None else self._products(found)
            case App("add", args):
                return _few([p for a in args for p in self._products(a)])
            case App("neg", (a,)):
                return [Product(-p.number, p.over, p.factors) for p in self._products(a)]
            case App("mul", args):
                out = [Product(Fraction(1), (), ())]
                for a in args:
                    out = _few([_times(p, q) for p in out for q in map(self._apart, self._products(a))])
                return out
            case App("pow", (a, Num(e))) if e in (2, 3, 4):
                return self._products(App("mul", (a,) * int(e)))
            case Bind("sum", (a,), over, None):
                inside = self._products(a)
                return [self._apart(Product(p.number, (*over, *p.over), p.factors)) for p in inside]
            case App("matmul" | "mean" as head, (*w, x)):
                return [self._linear(p, lambda u: App(head, (*w, u))) for p in self._products(x)]
            case App("dot", (u, v)):
                right, width = self._products(v), self._width(u)
                return _few([self._dot(p, q, width) for p in self._products(u) for q in map(self._apart, right)])
        return [Product(Fraction(1), (), (t,))]

    def _linear(self, p: Product, f: Callable[[Term], Term]) -> Product:
        """f(s x) = s f(x)."""
        scalars, vectors = self._split(p)
        return Product(p.number, p.over, (*scalars, f(mul(*vectors))))

    def _dot(self, p: Product, q: Product, width: Term) -> Product:
        """The width stays, on which a dot product of constants depends."""
        (a, u), (b, v) = self._split(p), self._split(q)
        return Product(p.number * q.number, (*p.over, *q.over), (*a, *b, App("dot", (mul(*u), mul(*v), width))))

    def _width(self, t: Term) -> Term:
        """The name of the width of a vector."""
        for v in variables(t):
            if v.name in self.program.families and (width := self.program.families[v.name].width) is not None:
                return Var(width)
        raise Refused("a vector")

    def _split(self, p: Product) -> tuple[list[Term], list[Term]]:
        """The factors that are scalars, and those that have coordinates."""
        return [f for f in p.factors if not self.is_vector(f)], [f for f in p.factors if self.is_vector(f)]

    def is_vector(self, t: Term) -> bool:
        """Return whether the value of a term has coordinates. An average or a dot product has none."""
        match t:
            case Var(name):
                return name in self.program.families and self.program.families[name].kind == "vector"
            case App("mean" | "dot"):
                return False
            case App("matmul"):
                return True
            case App(_, args) | Bind(_, args):
                return any(map(self.is_vector, args))
        return False

    def _least(self, p: Product, depth: int) -> Form:
        """The ranges of the bound indices and the factors, with the names of these indices that make it least."""
        require(len(p.over) <= MAX_BOUND, "few indices are bound in one product")
        forms = []
        for order in permutations(p.over):
            names = self._placed(order, depth)
            q = p.renamed(names)
            ranges = tuple(map(self.range_of, order))
            forms.append((ranges, tuple(sorted((self._factor(f, depth + len(order)) for f in q.factors), key=repr))))
        return min(forms, key=repr)

    def _factor(self, t: Term, depth: int) -> Form:
        """The fixed form of a factor."""
        METER.get()(10)
        match t:
            case Num(value):
                return ("number", str(value))
            case Var(name, subs):
                return ("variable", name, *subs)
            case App("matmul", (w, x)):
                return ("matmul", self._factor(w, depth), *self._factors(x, depth))
            case App("dot", (u, v, width)):
                sides = sorted((self._factors(u, depth), self._factors(v, depth)), key=repr)
                return ("dot", self._factor(width, depth), *sides)
            case App("mean", (x,)):
                return ("mean", *self._factors(x, depth))
            case App("transpose", (w,)):
                return ("transpose", self._factor(w, depth))
            case App(head, args):
                return (head, *(self.form(a, depth) for a in args))
            case Bind(head, (body, *entry), over, mask):
                at = entry if entry or head != "softmax" else [Var(j) for j in over]
                names, below = self._placed(over, depth), depth + len(over)
                inner = self.form(shift_subs(body, names), below)
                seen = None if mask is None else self._factor(shift_subs(mask, names), below)
                ranges = tuple(map(self.range_of, over))
                return (head, ranges, inner, seen, *(self.form(e, depth) for e in at))
        raise AssertionError(t)

    def _factors(self, t: Term, depth: int) -> Form:
        """The factors of a product of vectors."""
        parts = t.args if isinstance(t, App) and t.head == "mul" else (t,)
        return tuple(sorted((self._factor(a, depth) for a in parts), key=repr))

    def _apart(self, p: Product) -> Product:
        """The same product with names of its bound indices that no other has."""
        return p.renamed({j: self._called(f"?{next(self._fresh)}", j) for j in p.over}) if p.over else p

    def _placed(self, over: Sequence[str], depth: int) -> dict[str, Sub]:
        """Names of indices that are bound at this depth and below it: by depth and range alone."""
        places = enumerate(over, depth)
        return {j: self._called(f"#{k}:{'..'.join(map(str, self.range_of(j)))}", j) for k, j in places}

    def _called(self, name: str, j: str) -> str:
        self._ranges[name] = self.range_of(j)
        return name

    def range_of(self, j: str) -> Range:
        """The values of an index: of the program, or bound here."""
        return self._ranges.get(j) or self.program.range_of(j)


def _times(p: Product, q: Product) -> Product:
    return Product(p.number * q.number, (*p.over, *q.over), (*p.factors, *q.factors))


def _few(products: list[Product]) -> list[Product]:
    require(len(products) <= MAX_SUMMANDS, "few products in an expression")
    return products
