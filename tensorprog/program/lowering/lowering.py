"""From an expression to core instructions: innermost first, each `@`, `dot`, `mean`, `attention` becomes a node.

A node's indices are the free indices of its own subexpression; equal instructions are one. What remains of a
definition is a LinComb if it is a sum of constants times vectors, a Scalar if it has no vector, else a Nonlin.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tensorprog.errors import fail
from tensorprog.kernel.ground.growing import node_kind
from tensorprog.kernel.ground.nodes import Attention, Dot, LinComb, MatMul, Moment, Node, Nonlin, Output, Scalar
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import mul, size, walk
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.graph.graph import Graph
from tensorprog.program.graph.linear import linear_parts
from tensorprog.program.lowering.expressions import Expressions, Words, scaled_dot
from tensorprog.program.lowering.known import Known
from tensorprog.program.lowering.lowered import CONST, KIND_NAMES, SCALAR, VECTOR, Lowered, union
from tensorprog.terms import App, Bind, Sub, Term, Var


class Lowering(Expressions):
    """Turns raw terms (as the reader yields them) into instructions of one program."""

    def __init__(self, program: Graph, later: Collection[str] = (), words: Words | None = None) -> None:
        super().__init__(program, later, words)
        self.known = Known(program)
        self._counters: dict[str, int] = {}

    # -- definitions ---------------------------------------------------------------------------------------------

    def define(self, name: str, subs: tuple[Sub, ...], raw: Term, place: Place | None) -> None:
        """Append `name[subs] = raw` and the instructions inside it."""
        self.names.target = name
        if name not in self.program.families:
            self.program.check_free(name, place)
        names = [s for s in subs if isinstance(s, str)]
        if len(set(names)) < len(names):
            raise fail("TP004", "an index is repeated on the left", place, help="a diagonal is not a family")
        if size(raw) > self.program.limits.expression_size:
            raise self.program.limits.exceeded(
                "TP907", "expression_size", size(raw), "the expression is too large", place
            )
        self.bound = tuple(names)
        node, free = self._top(name, subs, raw, place)
        extra = [i for i in free if i not in names]
        if extra:
            raise fail(
                "TP004",
                f"index {extra[0]} is free on the right, but not on the left",
                _place_of_index(raw, extra[0]) or place,
                because="an index on the left ranges over all its values; any other must be bound by sum, max or min",
                help=f"write {member_text(name, (*subs, extra[0]))}, or sum(... for {extra[0]})",
            )
        self.program.append(node, place)

    def _top(self, name: str, subs: tuple[Sub, ...], raw: Term, place: Place | None) -> tuple[Node, tuple[str, ...]]:
        made = self._instruction(raw, name, subs)
        if made is not None:
            node, free = made
            known = self.known.lookup(node)
            if known is None:
                self.known.remember(node)
                return node, free
            low = Lowered(known, SCALAR if node_kind(node) == "scalar" else VECTOR, free)
        else:
            low = self.expression(raw)
        if low.condition:
            raise fail("TP003", "a comparison is not a value", raw.place, help="use it inside where(condition, a, b)")
        if low.kind < VECTOR:
            self.check_scaled(low)
            return Scalar(name, subs, low.term, place), low.free
        cls = LinComb if self._is_linear(low.term) else Nonlin
        made_of = cls(name, subs, low.term, place)
        if isinstance(low.term, Var):
            return made_of, low.free
        same = self.known.lookup(made_of)
        if same is not None:
            return LinComb(name, subs, same, place), low.free
        self.known.remember(made_of)
        return made_of, low.free

    def _instruction(self, t: Term, name: str, subs: tuple[Sub, ...] | None) -> tuple[Node, tuple[str, ...]] | None:
        """Return the node for a term that is itself an instruction: @, a scaled dot, mean, attention."""
        match t:
            case App("matmul", (weight, arg)):
                return self._matmul(t, weight, arg, name, subs)
            case App("mean", (body,)):
                low = self.need(self.expression(body), VECTOR, body, "mean")
                return Moment(name, _axes(subs, low.free), low.term, t.place), low.free
            case Bind("attention"):
                return self._attention(t, name, subs)
            case _ if (parts := scaled_dot(t)) is not None:
                return self._dot(t, parts, name, subs)
            case _:
                return None

    def _matmul(
        self, t: Term, weight: Term, arg: Term, name: str, subs: tuple[Sub, ...] | None
    ) -> tuple[Node, tuple[str, ...]]:
        transposed = isinstance(weight, App) and weight.head == "transpose"
        w = self.names.weight(weight.args[0] if transposed else weight)  # type: ignore[union-attr]
        declared = self.program.weights[w.name]
        low = self.need(self.expression(arg), VECTOR, arg, "a weight")
        expected = declared.rows if transposed else declared.cols
        if self.ratio(low.width) != self.ratio(expected):
            raise fail(
                "TP009",
                f"{w.name} takes vectors of width {expected}, and this has width {low.width}",
                arg.place or t.place,
                help="declare the weight with its widths: weight W: OUT x IN ~ N(0, s/IN)",
            )
        x = self._named(low, arg.place)
        free = union(tuple(s for s in w.subs if isinstance(s, str)), low.free)
        return MatMul(name, _axes(subs, free), w, transposed, x, t.place), free

    def _dot(
        self, t: Term, parts: tuple[Term, Term, tuple[Term, ...]], name: str, subs: tuple[Sub, ...] | None
    ) -> tuple[Node, tuple[str, ...]] | None:
        left, right, factors = parts
        lows = [self.expression(f) for f in factors]
        if any(low.kind > CONST or low.condition for low in lows):
            return None
        u = self.need(self.expression(left), VECTOR, left, "dot")
        v = self.need(self.expression(right), VECTOR, right, "dot")
        if self.ratio(u.width) != self.ratio(v.width):
            raise fail("TP009", f"dot of a vector of width {u.width} with one of width {v.width}", t.place)
        factor = mul(*(low.term for low in lows))
        if width_power(factor, self.program.widths) is None:
            raise self.misplaced_n(t.place)
        free = union(u.free, v.free, *(low.free for low in lows))
        left_name, right_name = self._named(u, left.place), self._named(v, right.place)
        place = next((s.place for s in walk(t) if isinstance(s, App) and s.head == "dot"), t.place)
        return Dot(name, _axes(subs, free), left_name, right_name, factor, place), free

    def _attention(self, t: Bind, name: str, subs: tuple[Sub, ...] | None) -> tuple[Node, tuple[str, ...]]:
        over = self.open_binder(t)
        q, k, v = (self.need(self.expression(a), VECTOR, a, "attention") for a in t.args[:3])
        scale = self.expression(t.args[3])
        if scale.kind > CONST or width_power(scale.term, self.program.widths) is None:
            raise fail("TP012", "the scale of attention is a constant times a power of a width", t.args[3].place)
        if self.ratio(q.width) != self.ratio(k.width):
            raise fail("TP009", f"queries of width {q.width} with keys of width {k.width}", t.place)
        if missing := [j for j in over if j not in union(q.free, k.free)]:
            raise fail("TP004", f"the scores of this attention do not depend on {missing[0]}", t.place)
        mask = self.mask(t, over)
        free = tuple(i for i in union(q.free, k.free, v.free, mask.free) if i not in over)
        self.close_binder(over)
        query, key, value = (self._named(low, a.place) for low, a in zip((q, k, v), t.args, strict=False))
        node = Attention(
            name, _axes(subs, free), query, key, value, over, scale.term, mask.term if t.mask else None, t.place
        )
        return node, free

    # -- constants, outputs, claims ------------------------------------------------------------------------------

    def constant(
        self, raw: Term, what: str, subs: tuple[str, ...] = (), primes: bool = False, scaled: bool = False
    ) -> Term:
        """Return a constant term over the given indices (with their primed forms in a covariance)."""
        low = self.over_indices(raw, primes)
        if low.kind > CONST or low.condition:
            raise fail("TP003", f"{what} is a constant, and this is {KIND_NAMES[low.kind]}", raw.place)
        if low.scaled and not scaled:
            raise self.misplaced_n(raw.place)
        stray = [i for i in low.free if i.rstrip("'") not in subs]
        if stray:
            raise fail("TP004", f"index {stray[0]} is not an index of what is declared here", raw.place)
        return low.term

    def output(self, raw: Term, place: Place | None) -> None:
        """Append `output NAME` or `output NAME[subscripts]`."""
        ref = self.names.variable(raw)
        if ref.subs:
            self.names.check_reference(ref)
        self.program.add_output(Output(ref, place))

    def extract(self, t: Term) -> Lowered:
        made = self._instruction(t, "", None)
        if made is None:
            raise fail("TP012", "the factor of a dot product is a constant times a power of a width", t.place)
        node, free = made
        kind = SCALAR if node_kind(node) == "scalar" else VECTOR
        ref = self.known.lookup(node) or self._append_fresh(node, free)
        return Lowered(ref, kind, free, self.program.families[ref.name].width)

    def _append_fresh(self, node: Node, free: tuple[str, ...]) -> Var:
        node = replace(node, name=self._fresh())
        self.program.made[node.name] = None
        self.program.append(node)
        self.known.remember(node)
        return Var(node.name, free, node.place)

    def _fresh(self) -> str:
        while True:
            stem = self.names.target or "v"
            k = self._counters[stem] = self._counters.get(stem, 0) + 1
            name = f"{stem}_{k}"
            if self.program.role(name) is None and name not in self.names.later:
                return name

    def _named(self, low: Lowered, place: Place | None) -> Var:
        """Return a vector as a reference, giving it its own name if it is an expression."""
        if isinstance(low.term, Var):
            return low.term
        cls = LinComb if self._is_linear(low.term) else Nonlin
        node = cls("", low.free, low.term, place)
        return self.known.lookup(node) or self._append_fresh(node, low.free)

    def named_scalar(self, low: Lowered) -> Var:
        """Return a scalar with powers of n in it as a separate instruction."""
        node = Scalar("", low.free, low.term, low.term.place)
        return self.known.lookup(node) or self._append_fresh(node, low.free)

    def all_constant(self, factors: tuple[Term, ...]) -> bool:
        names = [v.name for f in factors for v in walk(f) if isinstance(v, Var)]
        return not any(self.program.role(k) in ("vector", "scalar") for k in names) and not any(
            isinstance(s, Bind) or (isinstance(s, App) and s.head in ("matmul", "dot", "mean"))
            for f in factors
            for s in walk(f)
        )

    def _is_linear(self, t: Term) -> bool:
        """Return whether this is a sum of constants times vectors."""
        parts = linear_parts(t, self.program)
        return parts is not None and not any(
            isinstance(v, Var) and v.name in self.program.families for p in parts for v in walk(p.coefficient)
        )


def _axes(subs: tuple[Sub, ...] | None, free: tuple[str, ...]) -> tuple[Sub, ...]:
    return free if subs is None else subs


def _place_of_index(t: Term, index: str) -> Place | None:
    return next((v.place for v in walk(t) if isinstance(v, Var) and v.name == index), None)
