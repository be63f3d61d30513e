"""Indices that are computed with: in subscripts, `sum(F[k] @ pad(u[i+k]) for k)`, and as numbers, `cos(theta*i)`.

Such an index is written out: the definition becomes one for each of its values, and a sum over it becomes its
summands. What softmax, max or min take over an index that is a number there gets a name first, and is written out.
`pad(u[i+k])` is 0 where the subscript lies outside u, so what it multiplies is left out; `wrap(u[i+k])` counts round,
so that the first member follows the last. Outside of both, every subscript has to exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tensorprog.errors import fail
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.program import volume
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import add, children, mul, neg, rebuild, substitute, transform, variables, walk
from tensorprog.program.api import Program
from tensorprog.terms import App, Bind, Num, Term, Var

BOUNDARIES = frozenset({"pad", "wrap"})
Fresh = Callable[[str], str]
"""A name that the file has not."""
Integer = Callable[[Term, str], int]
"""A compile-time integer from a term, as the loader computes it."""


class Ended:
    """The families whose ends pad or wrap relied on: they must not grow any more."""

    def __init__(self) -> None:
        self.extents: dict[str, tuple[tuple[int, int], ...]] = {}

    def rely_on(self, name: str, program: Program) -> tuple[tuple[int, int], ...]:
        return self.extents.setdefault(name, program.hull(name))

    def check(self, name: str, program: Program, place: Place | None) -> None:
        if name in self.extents and self.extents[name] != program.hull(name):
            raise fail("TP004", f"{name} grows after its ends were read", place,
                       because="pad and wrap take the members that a family has by then for all of them",
                       help=f"define all of {name} before it is padded or wrapped")  # fmt: skip


def elements(
    ref: Term, value: Term, program: Program, env: Mapping[str, int], integer: Integer, ended: Ended, fresh: Fresh
) -> list[tuple[Term, Term]]:
    """Return the definitions that `ref = value` means: itself, unless it computes with an index.

    Errors: TP004 an offset where no sum or left side gives the index its values, or a 0 inside a function.
    """
    free = {v.name for v in _subscripts(ref) if isinstance(v, Var)}

    def is_index(name: str) -> bool:
        return name in program.indices and name not in env

    named, value = _named(value, is_index, fresh)
    before = [e for left, right in named for e in elements(left, right, program, env, integer, ended, fresh)]
    computed = _computed(value, is_index) | _numbers(value, is_index)
    if not computed and not any(isinstance(t, App) and t.head in BOUNDARIES for t in walk(value)):
        return [*before, (ref, value)]
    left = [name for name in program.indices if name in computed & free]
    size = volume(map(program.range_of, computed))
    if size > program.limits.statements:
        raise program.limits.exceeded(
            "TP904", "statements", size, "the indices that are computed with open into too many members", ref.place
        )
    out = before
    for here in assignments({name: program.indices[name] for name in left}):
        opened = _Open(program, here, computed, integer, ended).term(value)
        member = _put(ref, here)
        if opened is None:
            raise fail("TP004", "this member is 0: nothing that it reads lies inside the family", ref.place,
                       because=f"at {', '.join(f'{k} = {v}' for k, v in here.items())}" if here else "",
                       help="use wrap, or give the index a smaller range")  # fmt: skip
        out.append((member, opened))
    return out


def _subscripts(t: Term) -> Sequence[Term]:
    return t.args[1:] if isinstance(t, App) and t.head == "ref" else ()


def _computed(value: Term, is_index: Callable[[str], bool]) -> set[str]:
    """Return the indices that some subscript computes with, or that occur in a subscript under pad or wrap."""
    out: set[str] = set()
    for t in walk(value):
        inside = isinstance(t, App) and t.head in BOUNDARIES and len(t.args) == 1
        for s in _subscripts(t.args[0]) if inside else _subscripts(t):  # type: ignore[union-attr]
            if inside or not (isinstance(s, Var) or (isinstance(s, App) and s.head == "transpose")):
                out |= {v.name for v in variables(s) if is_index(v.name)}
    return out


def _numbers(value: Term, is_index: Callable[[str], bool]) -> set[str]:
    """Return the indices that are used as numbers; masks compare them anyway."""
    out: set[str] = set()
    stack = [value]
    while stack:
        match stack.pop():
            case Var(name, ()) if is_index(name):
                out.add(name)
            case App("ref" | "transpose"):
                pass
            case App(_, args) | Bind(_, args):
                stack += args
    return out


def _named(value: Term, is_index: Callable[[str], bool], fresh: Fresh) -> tuple[list[tuple[Term, Term]], Term]:
    """Name what softmax, max or min take over an index that is a number in it: these definitions, and what remains."""
    named: list[tuple[Term, Term]] = []

    def rename(t: Term) -> Term | None:
        match t:
            case Bind("softmax" | "max" | "min" as head, (body,), over, mask) if set(over) & _numbers(body, is_index):
                used = dict.fromkeys(v.name for v in variables(body) if not v.subs and is_index(v.name))
                name = Var(fresh(head), (), t.place)
                ref = App("ref", (name, *(Var(i, (), t.place) for i in used)), t.place)
                named.append((ref, body))
                return Bind(head, (ref,), over, mask, t.place)
        return None

    return named, transform(value, rename) if any(isinstance(t, Bind) for t in walk(value)) else value


def _put(t: Term, at: Mapping[str, int]) -> Term:
    """Return the term with index names replaced by their values."""
    return substitute(t, {Var(name): Num(value) for name, value in at.items()})


def _made(t: Term, parts: tuple[Term, ...]) -> Term:
    """Return the term with other parts, in the form that the reader makes; arithmetic of numbers is carried out."""
    new = rebuild(t, parts)
    match new:
        case App("add" | "mul" | "neg" | "recip" | "pow", args) if all(isinstance(a, Num) for a in args):
            value = rational(new)
            return new if value is None else Num(value, t.place)
        case App("neg", (arg,)):
            return neg(arg, t.place)
        case App("mul", args):
            return mul(*args, place=t.place)
        case _:
            return new


class _Open:
    """One member's right-hand side: None for 0."""

    def __init__(
        self, program: Program, at: Mapping[str, int], computed: set[str], integer: Integer, ended: Ended
    ) -> None:
        self.program, self.at, self.computed, self.integer, self.ended = program, dict(at), computed, integer, ended

    def term(self, t: Term) -> Term | None:
        match t:
            case App("pad" | "wrap" as rule, args):
                if len(args) != 1 or not (isinstance(args[0], App) and args[0].head == "ref"):
                    raise fail("TP004", f"{rule} is asked of a member of a family, as in {rule}(u[i+k])", t.place)
                return self._member(args[0], rule)
            case App("ref"):
                return self._member(t, None)
            case Bind(head, (body,), over, None) if set(over) & self.computed:
                if head != "sum":
                    raise fail("TP004", f"an index that is computed with is bound by {head}", t.place,
                               help="name the sum first, or write the members out")  # fmt: skip
                return self._sum(body, over)
            case App("add", args):
                kept = [p for p in map(self.term, args) if p is not None]
                return _made(t, tuple(kept)) if len(kept) == len(args) else add(*kept) if kept else None
            case App("neg" | "mul" | "matmul" | "dot" | "transpose" as head, args):
                parts = [self.term(a) for a in args]
                return None if None in parts else _made(t, tuple(p for p in parts if p is not None))
            case _:
                t = _put(t, self.at) if isinstance(t, Var) else t
                parts = [self.term(p) for p in children(t)]
                if None in parts:
                    raise fail(
                        "TP004",
                        "a 0 beyond the end is inside a function",
                        t.place,
                        because="what is left out is a summand, and a function of 0 need not be 0",
                        help="name the function's values, and pad those: x[i] = relu(h[i]), pad(x[i+k])",
                    )
                return _made(t, tuple(p for p in parts if p is not None)) if parts else t

    def _sum(self, body: Term, over: tuple[str, ...]) -> Term | None:
        opened = [name for name in over if name in self.computed]
        rest = tuple(name for name in over if name not in self.computed)
        kept: list[Term] = []
        for at in assignments({name: self.program.indices[name] for name in opened}):
            inner = _Open(self.program, {**self.at, **at}, self.computed, self.integer, self.ended)
            found = inner.term(body)
            if found is not None:
                kept.append(Bind("sum", (found,), rest) if rest else found)
        return add(*kept) if kept else None

    def _member(self, t: App, rule: str | None) -> Term | None:
        subs: list[Term] = []
        for position, s in enumerate(t.args[1:]):
            s = _put(s, self.at)
            left = next((v for v in variables(s) if v.name in self.computed), None)
            if left is not None:
                message = f"the subscript computes with {left.name}, which has no value here"
                raise fail("TP004", message, s.place or t.place, help=f"put {left.name} on the left, or sum over it")
            if isinstance(s, Var) or (isinstance(s, App) and s.head == "transpose"):
                subs.append(s)
                continue
            k = self.integer(s, "a subscript")
            vector = isinstance(t.args[0], Var) and t.args[0].name in self.program.families
            if rule is not None or (vector and not isinstance(t.args[position + 1], Num)):
                low, high = self._extent(t, position, rule is not None)
                if not low <= k <= high and rule is None:
                    name = t.args[0].name  # type: ignore[union-attr]
                    raise fail(
                        "TP004",
                        f"{name}[{k}] leaves the family's range {low}..{high}",
                        s.place or t.place,
                        help=f"pad({name}[...]) is 0 beyond the ends, wrap({name}[...]) counts round",
                    )
                if not low <= k <= high and rule == "pad":
                    return None
                k = low + (k - low) % (high - low + 1)
            subs.append(Num(k))
        return App("ref", (t.args[0], *subs), t.place)

    def _extent(self, t: App, position: int, relied_on: bool) -> tuple[int, int]:
        name = t.args[0].name if isinstance(t.args[0], Var) else ""
        family = self.program.families.get(name)
        if family is None or any(position >= len(box) for box in family.boxes):
            raise fail(
                "TP006", f"{name} is not a family with that many subscripts, defined before it is padded", t.place
            )
        return (self.ended.rely_on(name, self.program) if relied_on else self.program.hull(name))[position]
