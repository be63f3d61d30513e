"""The form in which a program is judged is written in the certificate, and here shown to be the same program.

Its instructions are read, and each of them is compared with the instruction of the same name: expanded as sums of
products, the two right-hand sides have one form. Instructions whose names the program does not have are definitions,
which are expanded wherever they are used. So every vector and scalar that the program has is in both the same function
of inputs and weights, at every width, and what holds of one program holds of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import product
from math import prod
from typing import Any

from tensorprog.kernel.core.names import READ, legible
from tensorprog.kernel.core.refused import METER, Refused, require
from tensorprog.kernel.ground.growing import Growing
from tensorprog.kernel.ground.indices import Range
from tensorprog.kernel.ground.json_form import from_json
from tensorprog.kernel.ground.nodes import Attention, Dot, Input, LinComb, MatMul, Moment, Node, Nonlin, Scalar
from tensorprog.kernel.ground.program import Instructions, volume
from tensorprog.kernel.ground.term import App, Bind, Sub, Term, Var, mul, shift_subs, variables
from tensorprog.kernel.verdict.expansion import Expansion

MAX_MEMBERS = 2_000
MAPS: dict[str, Callable[..., Node]] = {"LinComb": LinComb, "Nonlin": Nonlin, "Moment": Moment, "Scalar": Scalar}


def read(program: Instructions, data: Any) -> Instructions:
    """The program that has these instructions and the declarations, inputs, outputs and claims of another."""
    new = Growing(program.name)
    for name in ("widths", "indices", "params", "matrices", "weights"):
        getattr(new, name).update(getattr(program, name))
    new.groups = list(program.groups)
    for group in program.groups:
        for k, name in enumerate(group.names):
            new.put(Input(name, group.subs, group, k))
    require(isinstance(data, list), "a list of instructions")
    for op, name, subs, *parts in data:
        require(isinstance(name, str) and name.isidentifier(), "a name")
        names = [s for s in subs if isinstance(s, str)]
        require(len(set(names)) == len(names), "an index stands once on the left")
        for s in subs:
            known = type(s) is int or (isinstance(s, str) and s.rstrip("~") in program.indices)
            require(known, "subscripts of a definition")
            if isinstance(s, str):
                new.indices.setdefault(s, program.range_of(s))
        node = _node(new, op, name, tuple(subs), [from_json(p, heads=READ) for p in parts])
        role, family = new.role(name), new.families.get(name)
        METER.get()(3 * len(family.pieces) if family and len(family.by_constants) > 1 else 1)
        fresh = role in (None, "vector", "scalar") and new.fits(node) and new.clash(node) is None
        require(fresh, "each member is defined once, under a name of one kind")
        new.put(node)
    for name in {v.name for v in _asked(program)}:
        volumes = [sum(map(volume, p.families[name].boxes)) for p in (program, new) if name in p.families]
        require(volumes[1:] == volumes[:1], "all members of what is put out or claimed")
    new.outputs, new.claims = list(program.outputs), list(program.claims)
    return new


def _node(program: Instructions, op: str, name: str, subs: tuple[Sub, ...], parts: list[Term]) -> Node:
    """One instruction, all that it reads defined before it, vectors of one width."""
    widths = set()
    free = {s for t in parts for s in _free(t) if isinstance(s, str) and s.rstrip("~'") in program.indices}
    require(free <= {*subs}, "an index on the right is bound, or on the left")
    for t in parts:
        for v in variables(t):
            if v.name in program.families:
                METER.get()(1 + 3 * len(program.families[v.name].pieces))
                require(not program.missing(v), "what an instruction reads is defined before it")
                widths.add(program.families[v.name].width)
    match op, parts:
        case ("MatMul" | "MatMul transposed", [Var() as w, Var() as x]):
            require(w.name in program.weights and program.families[x.name].kind == "vector", "a weight and a vector")
            weight, transposed = program.weights[w.name], op != "MatMul"
            spans = list(zip(w.subs, weight.subs, strict=True))
            require(all(_within(program, s, str(i)) for s, i in spans), "a matrix of the program")
            require(widths == {weight.rows if transposed else weight.cols}, "the width of a product")
            legible(x, program, program.widths)
            return MatMul(name, subs, w, transposed, x)
        case ("Dot", [Var() as u, Var() as v, factor]):
            require(len(widths) == 1 and None not in widths, "two vectors of one width")
            require(not any(x.name in program.families for x in variables(factor)), "a constant factor")
            legible(mul(u, v, factor), program, program.widths)
            return Dot(name, subs, u, v, factor)
        case (kind, [body]) if kind in MAPS:
            vectors = widths - {None}
            require(len(vectors) == (kind != "Scalar"), "vectors of one width, and none in a scalar")
            return MAPS[kind](name, subs, legible(body, program, program.widths))
    raise Refused("an instruction")


def _asked(program: Instructions) -> Iterator[Var]:
    """The vectors and scalars of outputs and claims."""
    claims = (t for c in program.claims for t in (c.left, c.right) if t is not None)
    for t in (*(o.ref for o in program.outputs), *claims):
        yield from (v for v in variables(t) if v.name in program.families)


def _within(program: Instructions, s: Sub, index: str) -> bool:
    """Return whether all values of a subscript are values of an index."""
    (low, high), (least, most) = (s, s) if isinstance(s, int) else program.range_of(s), program.range_of(index)
    return least <= low and high <= most


def right_side(n: Node) -> Term:
    """What an instruction computes, as a term."""
    match n:
        case MatMul(weight=w, transposed=transposed, arg=x):
            return App("matmul", (App("transpose", (w,)) if transposed else w, x))
        case Dot(left=u, right=v, factor=f):
            return mul(f, App("dot", (u, v)))
        case Moment(body=body):
            return App("mean", (body,))
        case Attention(query=q, key=k, value=v, over=over, scale=c, mask=mask):
            weights = Bind("softmax", (mul(c, App("dot", (q, k))),), over, mask)
            return Bind("sum", (mul(weights, v),), over)
        case LinComb(body=body) | Nonlin(body=body) | Scalar(body=body):
            return body
    raise Refused("an instruction with a right-hand side")


class _Several(Exception):
    """A reference touches members with different definitions."""


def definition(program: Instructions, v: Var, spans: Mapping[str, Range]) -> Term | None:
    """The right-hand side that defines a variable, if it is no input."""
    found = [n for n, _ in program.resolve(v, spans)]
    if len(found) != 1:
        raise _Several
    (n,) = found
    if isinstance(n, Input):
        return None
    return shift_subs(
        right_side(n), {a: b for a, b in zip(n.subs, v.subs, strict=True) if isinstance(a, str) and a != b}
    )


class Validation:
    """Compares the instructions of two programs: `old`, as lowered, and `new`, its normal form."""

    def __init__(self, old: Instructions, new: Instructions) -> None:
        self.old, self.new = old, new

    def check(self) -> None:
        """Refuse a normal form that is not the same program."""
        for n in self.new.nodes:
            if n.name in self.old.families and not isinstance(n, Input):
                kinds = [(p.families[n.name].kind, p.families[n.name].width) for p in (self.old, self.new)]
                require(kinds[0] == kinds[1], "one kind and width")
                require(not self.old.missing(Var(n.name, n.subs)), "members of the program, and no others")
                require(self._same(n), "an instruction of the normal form is that of the program")

    def _same(self, n: Node) -> bool:
        with suppress(_Several):
            return self._equal(Var(n.name, n.subs), right_side(n))
        names = [s for s in n.subs if isinstance(s, str)]
        spans = [range(low, high + 1) for low, high in map(self.new.range_of, names)]
        require(prod(map(len, spans)) <= MAX_MEMBERS, "few members that are compared one by one")
        for values in product(*spans):
            at: dict[str, Sub] = dict(zip(names, values, strict=True))
            member = Var(n.name, tuple(at.get(s, s) if isinstance(s, str) else s for s in n.subs))
            if not self._equal(member, shift_subs(right_side(n), at)):
                return False
        return True

    def _equal(self, v: Var, t: Term) -> bool:
        """Return whether a variable of the old program is this term in variables of the new one."""
        known = definition(self.old, v, self.old.ranges(v.subs))
        if t == known and all(u.name in self.old.families for u in variables(t) if u.name in self.new.families):
            return True
        METER.get()(1000)
        form = Expansion(self.new, self._made).form(t)
        kept = set(_names(form))
        if known is not None and form == Expansion(self.old, partial(self._but, kept)).form(known):
            return True
        both = (Expansion(p, self._all).form(u) for p, u in ((self.new, t), (self.old, known or v)))
        return next(both) == next(both)

    def _made(self, v: Var, spans: Mapping[str, Range]) -> Term | None:
        """What the normal form names is opened, what the program has stays."""
        return None if v.name in self.old.families else definition(self.new, v, spans)

    def _but(self, kept: Collection[str], v: Var, spans: Mapping[str, Range]) -> Term | None:
        """What the normal form reads stays, all else is opened."""
        return None if v.name in kept else definition(self.old, v, spans)

    def _all(self, v: Var, spans: Mapping[str, Range]) -> Term | None:
        return definition(self.old if v.name in self.old.families else self.new, v, spans)


def _names(form: Any) -> Iterator[str]:
    """The variables of a fixed form."""
    if isinstance(form, tuple):
        if form[:1] == ("variable",):
            yield str(form[1])
        for part in form:
            yield from _names(part)


def _free(t: Term) -> set[Sub]:
    """The indices that a term depends on, and other bare names. A softmax leaves its own free: it is an entry."""
    match t:
        case Var(name, subs):
            return {s for s in subs if isinstance(s, str)} if subs else {name}
        case Bind("softmax", (body, *entry), over, mask):
            inner = _free(body) | (_free(mask) if mask is not None else set())
            return (inner - {*over}) | (set[Sub]().union(*map(_free, entry)) if entry else {*over})
        case App(_, args):
            return set[Sub]().union(*map(_free, args))
        case Bind(_, args, over):
            return set[Sub]().union(*map(_free, args)) - {*over}
    return set()
