"""Names looked up: which family, matrix, param or index a name means, and whether its members exist already."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Literal

from tensorprog.errors import TensorProgError, did_you_mean, fail
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.signatures import FUNCTIONS
from tensorprog.kernel.ground.term import transform, walk
from tensorprog.kernel.ground.text import member_text
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.lowered import CONST, SCALAR, VECTOR, Lowered
from tensorprog.terms import App, Num, Sub, Term, Var


class Names:
    """The names of one program, the loop variables and consts in force, and the names that come later."""

    def __init__(self, program: Graph, later: Collection[str]) -> None:
        self.program = program
        self.later = later
        self.env: Mapping[str, int] = {}
        self.target = ""
        self.indices_are_values: Literal["no", "mask", "covariance"] = "no"

    def leaf(self, t: Term) -> Lowered:
        name, raw_subs, place = name_and_subs(t)
        if name.endswith("'"):
            return self.prime(t, Var(name[:-1]))
        if not raw_subs and name in self.env:
            return Lowered(Num(self.env[name], place), CONST)
        role = self.program.role(name)
        if role in ("vector", "scalar", "matrix"):
            subs = self.subscripts(raw_subs)
            ref = Var(name, subs, place)
            free = tuple(dict.fromkeys(s for s in subs if isinstance(s, str)))
            if role == "matrix":
                self._check_matrix(ref)
                return Lowered(ref, CONST, free)
            self.check_reference(ref)
            kind = VECTOR if role == "vector" else SCALAR
            return Lowered(ref, kind, free, self.program.families[name].width)
        if role == "weight":
            raise fail(
                "TP003",
                f"the weight {name} can only be the left operand of @",
                place,
                help=f"write {name} @ x for its product with x",
            )
        if role is None or name in self.env:
            raise self.unknown(name, place)
        if raw_subs:
            raise fail("TP004", f"{name} has no indices", place)
        if role == "index":
            if self.indices_are_values == "no":
                raise fail(
                    "TP003",
                    f"the index {name} is not a value here",
                    place,
                    because="an index is read as a number where it stands on the left, or under sum, softmax, max, min",
                    help=f"put {name} on the left, or name on a line above what computes with it",
                )
            return Lowered(Var(name, (), place), CONST, (name,))
        return Lowered(Var(name, (), place), CONST, (), None, role == "width")

    def prime(self, t: Term, inner: Term) -> Lowered:
        match inner:
            case Var(name, ()) if name in self.program.indices and self.indices_are_values == "covariance":
                return Lowered(Var(name + "'", (), t.place), CONST, (name + "'",))
            case Var(name) | App("ref", (Var(name), *_)) if self.program.role(name) == "weight":
                raise fail("TP003", f"the weight {name} can only be the left operand of @", t.place)
            case _:
                raise fail("TP003", "a ' marks the transpose of a weight, or a primed index in a covariance", t.place)

    def unknown(self, name: str, place: Place | None) -> TensorProgError:
        if name in self.later or name == self.target:
            return fail("TP006", f"{name} is used before it is defined", place, help="define it on an earlier line")
        if name in FUNCTIONS:
            return fail("TP002", f"{name} is a function, and here it has no argument", place, help=f"write {name}(x)")
        p = self.program
        known = [*p.params, *p.matrices, *p.weights, *p.indices, *p.widths, *self.env, *islice(p.families, 2000)]
        return fail("TP002", f"{name} is not defined", place, help=did_you_mean(name, known, "define it first"))

    def variable(self, t: Term) -> Var:
        """A vector or a scalar: a whole family by its bare name, or some of its members (TP002, TP003, TP004)."""
        name, raw_subs, place = name_and_subs(t)
        role = self.program.role(name)
        if role is None:
            raise self.unknown(name, place)
        if role not in ("vector", "scalar"):
            raise fail("TP003", f"a vector or a scalar is wanted here, and {name} is a {role}", place)
        subs = self.subscripts(raw_subs)
        if subs:
            self._check_count(name, subs, place)
        return Var(name, subs, place)

    def _check_count(self, name: str, subs: tuple[Sub, ...], place: Place | None) -> None:
        arity = self.program.families[name].arity
        if len(subs) != arity:
            raise fail("TP004", f"{name} has {arity} index(es), and here are {len(subs)}", place)

    def check_reference(self, ref: Var) -> None:
        """Refuse a reference to a member that is not defined yet (TP004, TP006)."""
        family = self.program.families[ref.name]
        self._check_count(ref.name, ref.subs, ref.place)
        if family.arity and self.program.missing(ref):
            if all(isinstance(s, str) for p in family.pieces for s in p.subs):
                box = " x ".join(f"{lo}..{hi}" for lo, hi in family.boxes[0])
                raise fail("TP004", f"{member_text(ref.name, ref.subs)} leaves the family's range {box}", ref.place)
            raise fail(
                "TP006",
                f"{member_text(ref.name, ref.subs)} is used before it is defined",
                ref.place,
                because="each element is defined before it is used",
            )

    def _check_matrix(self, ref: Var) -> None:
        shape = self.program.matrices[ref.name].shape
        if len(ref.subs) != len(shape):
            raise fail("TP004", f"the matrix {ref.name} has {len(shape)} index(es)", ref.place)
        for s, extent in zip(ref.subs, shape, strict=True):
            lo, hi = (s, s) if isinstance(s, int) else self.program.range_of(s)
            if lo < 1 or hi > extent:
                raise fail("TP004", f"subscript {s} leaves the matrix {ref.name}: its range is 1..{extent}", ref.place)

    def weight(self, t: Term) -> Var:
        match t:
            case Var() | App("ref"):
                name, raw_subs, place = name_and_subs(t)
            case _:
                raise fail("TP003", "the left operand of @ must be a weight", t.place)
        if self.program.role(name) is None:
            raise self.unknown(name, place)
        if name not in self.program.weights:
            raise fail(
                "TP003",
                f"the left operand of @ must be a weight, but {name} is not one",
                place,
                help=f"weight {name} ~ N(0, 1/n)",
            )
        declared = self.program.weights[name]
        subs = self.subscripts(raw_subs)
        if len(subs) != len(declared.subs):
            raise fail(
                "TP004", f"the weight {name} has {len(declared.subs)} index(es), and here are {len(subs)}", place
            )
        for s, d in zip(subs, declared.subs, strict=True):
            lo, hi = (s, s) if isinstance(s, int) else self.program.range_of(s)
            low, high = self.program.indices[d]
            if lo < low or hi > high:
                raise fail("TP004", f"subscript {s} leaves the weight's range {low}..{high}", place)
        return Var(name, subs, place)

    def subscripts(self, raw: tuple[Term, ...]) -> tuple[Sub, ...]:
        return tuple(self._subscript(s) for s in raw)

    def _subscript(self, s: Term) -> Sub:
        match s:
            case Var(name, ()) if name in self.program.indices and name not in self.env:
                return name
            case App("transpose", (Var(name, ()),)) if name in self.program.indices:
                if self.indices_are_values != "covariance":
                    raise fail("TP004", "primed indices are allowed only in input covariances", s.place)
                return name + "'"
            case _:
                value = rational(self._fold(s))
                if value is None or value.denominator != 1:
                    raise fail("TP004", "a subscript is an index, or an integer", s.place)
                return int(value)

    def _fold(self, s: Term) -> Term:
        """Constants and loop variables put in."""
        for v in walk(s):
            if isinstance(v, Var) and v.name not in self.env:
                role = self.program.role(v.name)
                what = "is not an index, a loop variable or a const" if role is None else "cannot be computed with here"
                raise fail("TP004", f"in a subscript, {v.name} {what}", v.place or s.place)
        return transform(s, lambda v: Num(self.env[v.name]) if isinstance(v, Var) else None)


def name_and_subs(t: Term) -> tuple[str, tuple[Term, ...], Place | None]:
    match t:
        case Var(name, subs):
            return name, tuple(_raw_subscript(s) for s in subs), t.place
        case App("ref", (Var(name), *subs)):
            return name, tuple(subs), t.place
    raise fail("TP003", "a name is expected here, with subscripts if it has indices", t.place)


def _raw_subscript(s: Sub) -> Term:
    if isinstance(s, int):
        return Num(s)
    return App("transpose", (Var(s[:-1]),)) if s.endswith("'") else Var(s)
