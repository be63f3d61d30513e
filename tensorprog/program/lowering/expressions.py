"""Kinds, indices and widths of expressions; the instructions inside them are extracted by `Lowering`."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import TypeAlias

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.scaling import rational, width_power
from tensorprog.kernel.ground.signatures import CONDITIONS, FUNCTIONS
from tensorprog.kernel.ground.term import ONE, mul, walk
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.lowered import CONST, KIND_NAMES, SCALAR, VECTOR, Lowered, union
from tensorprog.program.lowering.masks import check_mask
from tensorprog.program.lowering.names import Names
from tensorprog.terms import App, Bind, Num, Term, Var

MAX_EXPONENT = 1_000
Words: TypeAlias = Mapping[str, tuple[int, int]]
"""Functions beyond the words of every program, with the least and the greatest number of arguments."""
_RATIONAL = ("add", "mul", "neg", "recip", "pow")


class Expressions(ABC):
    """Lowers raw terms (as the reader yields them) of one program, kind by kind."""

    def __init__(self, program: Graph, later: Collection[str] = (), words: Words | None = None) -> None:
        self.program = program
        self.words = {**FUNCTIONS, **(words or {})}
        self.names = Names(program, later)
        self.bound: tuple[str, ...] = ()

    @abstractmethod
    def extract(self, t: Term) -> Lowered:
        """Return the instruction t as a reference to a node that is appended if it is new."""

    @abstractmethod
    def named_scalar(self, low: Lowered) -> Var:
        """Return a scalar with powers of n in it as a separate node."""

    @abstractmethod
    def all_constant(self, factors: tuple[Term, ...]) -> bool:
        """Return whether the raw factors contain neither vectors nor scalars."""

    def expression(self, t: Term) -> Lowered:
        """Lower a raw term; instructions inside it are appended under fresh names."""
        match t:
            case Num():
                return Lowered(t, CONST)
            case Var() | App("ref"):
                return self.names.leaf(t)
            case App("transpose", (inner,)):
                return self.names.prime(t, inner)
            case App("pi"):
                return Lowered(t, CONST)
            case Bind("attention") | App("matmul" | "mean" | "dot"):
                return self.extract(t)
            case App("mul") if (parts := scaled_dot(t)) is not None and self.all_constant(parts[2]):
                return self.extract(t)
            case App("E" | "cov" | "var" | "gaussian", _):
                raise fail("TP003", f"{t.head} is about limits: it is allowed only in claims", t.place)
            case App(head, args) if head in CONDITIONS:
                lows = [self.expression(a) for a in args]
                if head == "and" and not all(low.condition for low in lows):
                    raise fail("TP003", "`and` joins comparisons", t.place)
                return self._join(t, [self.plain(low) for low in lows], condition=True)
            case App(head, args) if head in self.words:
                return self._function(t, head, args)
            case App():
                return self._arithmetic(t)
            case Bind("softmax"):
                return self._softmax(t)
            case Bind():
                return self._reduce(t)
        raise AssertionError(t)

    def _function(self, t: App, head: str, args: tuple[Term, ...]) -> Lowered:
        least, most = self.words[head]
        if not least <= len(args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}" if most < 100 else f"at least {least}"
            raise fail("TP016", f"{head} takes {wanted} argument(s), and here are {len(args)}", t.place)
        lows = [self.expression(a) for a in args]
        for k, low in enumerate(lows):
            if low.condition != (head == "where" and k == 0):
                wanted = "a comparison such as x > 0" if head == "where" and k == 0 else "a value, not a comparison"
                raise fail("TP016", f"{head} needs {wanted} as argument {k + 1}", args[k].place or t.place)
        if head == "hermite":
            degree = rational(lows[0].term)
            if degree is None or degree.denominator != 1 or not 0 <= degree <= 200:
                raise fail("TP016", "hermite(k, x) needs an integer degree k from 0 to 200", t.place)
        if head == "sqrt" and lows[0].kind == CONST:
            return self._join(t, lows, scaled=lows[0].scaled)
        joined = self._join(t, [self.plain(low) for low in lows])
        if head == "where" and (always := _decided(lows[0].term)) is not None:
            kept = self.plain(lows[1 if always else 2])
            if (kept.kind, kept.free, kept.width) == (joined.kind, joined.free, joined.width):
                return kept  # the other branch is dead
        return joined

    def _arithmetic(self, t: App) -> Lowered:
        lows = [self.expression(a) for a in t.args]
        for low, a in zip(lows, t.args, strict=True):
            if low.condition:
                raise fail("TP003", "a comparison is not a number", a.place or t.place)
        if t.head == "pow" and not (lows[1].free or lows[1].scaled):
            self._check_exponent(lows[1].term, t)
        kind = max(low.kind for low in lows)
        if kind == CONST or not any(low.scaled for low in lows):
            return self._join(t, lows, scaled=any(low.scaled for low in lows))
        if kind == SCALAR and t.head in ("add", "neg", "mul"):
            return self._join(t, lows, scaled=True)
        if kind == VECTOR and t.head == "mul":
            scalars = [low for low in lows if low.kind < VECTOR]
            if all(low.kind == CONST for low in scalars):
                raise self.misplaced_n(t.place)
            product = Lowered(
                mul(*(low.term for low in scalars)), SCALAR, union(*(s.free for s in scalars)), None, True
            )
            rest = [low for low in lows if low.kind == VECTOR]
            grouped = [self.plain(product), *rest]
            return self._combine(App("mul", tuple(low.term for low in grouped), t.place), grouped)
        return self._join(t, [self.plain(low) for low in lows])

    @staticmethod
    def _check_exponent(e: Term, t: Term) -> None:
        """Refuse an exponent made of numbers alone that is no rational number of moderate size (TP906)."""
        if any(not isinstance(s, Num | App) or (isinstance(s, App) and s.head not in _RATIONAL) for s in walk(e)):
            return
        value = rational(e)
        if value is None or abs(value) > MAX_EXPONENT or value.denominator > MAX_EXPONENT:
            raise fail(
                "TP906",
                "this power is too large, or not a rational number",
                t.place,
                because=f"exponents are at most {MAX_EXPONENT} (MAX_EXPONENT)",
                help="use a smaller exponent, or a param",
            )

    def plain(self, low: Lowered) -> Lowered:
        """Without powers of n: a scaled scalar becomes a separate Scalar instruction."""
        if not low.scaled:
            return low
        if low.kind == CONST:
            raise self.misplaced_n(low.term.place)
        self.check_scaled(low)
        return Lowered(self.named_scalar(low), SCALAR, low.free)

    def _join(self, t: App, lows: list[Lowered], scaled: bool = False, condition: bool = False) -> Lowered:
        terms = tuple(low.term for low in lows)
        new: Term = mul(*terms, place=t.place) if t.head == "mul" else App(t.head, terms, t.place)
        return self._combine(new, lows, scaled, condition)

    def _combine(self, term: Term, lows: list[Lowered], scaled: bool = False, condition: bool = False) -> Lowered:
        widths = [low for low in lows if low.kind == VECTOR]
        for low in widths[1:]:
            if self.ratio(low.width) != self.ratio(widths[0].width):
                raise fail(
                    "TP009",
                    f"a vector of width {widths[0].width} meets one of width {low.width}",
                    low.term.place or term.place,
                    because="coordinatewise operations need one width",
                )
        kind = max((low.kind for low in lows), default=CONST)
        width = widths[0].width if widths else None
        return Lowered(term, kind, union(*(low.free for low in lows)), width, scaled, condition)

    def _softmax(self, t: Bind) -> Lowered:
        if len(t.args) != 1:
            raise fail("TP001", "a single entry of a softmax is allowed only in derivations", t.place)
        body = self.expression(t.args[0])
        over = self._indices_of(t)
        if body.kind == VECTOR or body.condition:
            raise fail("TP003", "softmax takes scalars, and this is a vector", t.args[0].place or t.place)
        missing = [j for j in over if j not in body.free]
        if missing:
            raise fail("TP004", f"the argument of softmax does not depend on {missing[0]}", t.place)
        mask = self.mask(t, over)
        body = self.plain(body)
        term = Bind("softmax", (body.term,), over, mask.term if t.mask else None, t.place)
        return Lowered(term, max(SCALAR, body.kind), union(body.free, mask.free))

    def _reduce(self, t: Bind) -> Lowered:
        over = self.open_binder(t)
        body = self.expression(t.args[0])
        if body.condition:
            raise fail("TP003", "a comparison is not a value", t.args[0].place or t.place)
        if body.kind == VECTOR or t.head != "sum":
            body = self.plain(body)
        self.close_binder(over)
        free = tuple(i for i in body.free if i not in over)
        return Lowered(Bind(t.head, (body.term,), over, None, t.place), body.kind, free, body.width, body.scaled)

    def _indices_of(self, t: Bind) -> tuple[str, ...]:
        for j in t.over:
            if j not in self.program.indices:
                raise fail("TP004", f"{j} is not an index", t.place, help=f"declare it: index {j} in 1..s")
        return t.over

    def open_binder(self, t: Bind) -> tuple[str, ...]:
        over = self._indices_of(t)
        for j in over:
            if j in self.bound:
                raise fail(
                    "TP004",
                    f"index {j} is already in use here",
                    t.place,
                    because="it is an index of the left side or is bound by an enclosing sum",
                    help="declare a second index over the same range: index i, j in 1..s",
                )
        self.bound = (*self.bound, *over)
        return over

    def close_binder(self, over: tuple[str, ...]) -> None:
        self.bound = self.bound[: len(self.bound) - len(over)]

    def mask(self, t: Bind, over: tuple[str, ...]) -> Lowered:
        if t.mask is None:
            return Lowered(ONE, CONST)
        low = self.over_indices(t.mask)
        if not low.condition or low.kind > CONST or low.scaled:
            raise fail("TP003", "a mask compares indices", t.mask.place or t.place, help="for example mask = j <= i")
        check_mask(low.term, over, self.program, t.place)
        return Lowered(low.term, CONST, tuple(i for i in low.free if i not in over), None, False, True)

    def over_indices(self, t: Term, primed: bool = False) -> Lowered:
        """Lower a term in which indices are values, as masks and variances have them; in covariances also primed."""
        before, self.names.indices_are_values = self.names.indices_are_values, "covariance" if primed else "mask"
        low = self.expression(t)
        self.names.indices_are_values = before
        return low

    def need(self, low: Lowered, kind: int, raw: Term, who: str) -> Lowered:
        if low.kind != kind or low.condition:
            found = "a comparison" if low.condition else KIND_NAMES[low.kind]
            raise fail("TP003", f"{who} needs {KIND_NAMES[kind]}, and this is {found}", raw.place)
        return low

    def ratio(self, width: str | None) -> object:
        return self.program.widths[width or "n"]

    def check_scaled(self, low: Lowered) -> None:
        """Refuse n in a scalar outside of constants that are powers of it."""
        if not low.scaled:
            return
        stack = [low.term]
        while stack:
            t = stack.pop()
            if width_power(t, self.program.widths) is not None:
                continue
            if isinstance(t, App) and t.head in ("add", "mul", "neg"):
                stack.extend(t.args)
            elif isinstance(t, Bind) and t.head == "sum":
                stack.append(t.args[0])
            elif t != low.term or not isinstance(t, Var):
                raise self.misplaced_n(t.place)

    def misplaced_n(self, place: Place | None) -> TensorProgError:
        return fail(
            "TP012",
            "the width n is not allowed here",
            place,
            because="n appears in variances of weights, in the factor of a dot product, and nowhere else",
            help="for a score write dot(q, k) / sqrt(n), for an average over coordinates write mean(f)",
        )


def scaled_dot(t: Term) -> tuple[Term, Term, tuple[Term, ...]] | None:
    """(u, v, factors) if t is dot(u, v) times factors."""
    match t:
        case App("dot", (u, v)):
            return u, v, ()
        case App("mul", args):
            dots = [k for k, a in enumerate(args) if isinstance(a, App) and a.head == "dot" and len(a.args) == 2]
            if len(dots) == 1:
                u, v = args[dots[0]].args  # type: ignore[union-attr]
                return u, v, args[: dots[0]] + args[dots[0] + 1 :]
    return None


def _decided(condition: Term) -> bool | None:
    """Return a comparison of two numbers, decided."""
    match condition:
        case App("lt" | "le" | "gt" | "ge" | "eq" | "ne" as head, (a, b)):
            x, y = rational(a), rational(b)
            return None if x is None or y is None else bool(getattr(operator, head)(x, y))
        case _:
            return None
