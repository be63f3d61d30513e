"""Terms: the expressions inside a program, immutable, exact, and just as the user wrote them.

Four shapes carry everything: a rational number, a (subscripted) name, a head applied to terms, and a
binder over finite indices. Nothing is simplified on construction, because simplifying can enlarge the
domain of a function (x^2/x is undefined at 0, x is not). Equality is structural; places do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NoReturn

from tensorprog.kernel.ground.place import Place

Sub = int | str
"""A subscript: an integer, an index name, or a primed index name such as "i'" (second member of a covariance)."""


class _Frozen:
    __slots__ = ("_hash", "place")
    _hash: int
    place: Place | None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"terms are immutable: cannot set {name}")

    def __hash__(self) -> int:
        return self._hash

    _parts: Callable[[], tuple[Any, ...]]
    """What makes two terms of a type equal."""

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or self._hash != other._hash:
            return False
        return self._parts() == other._parts()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (*self._parts(), self.place)

    def __copy__(self) -> _Frozen:
        return self

    def __deepcopy__(self, memo: object) -> _Frozen:
        return self


_set = object.__setattr__


class Num(_Frozen):
    """An exact rational number."""

    __match_args__ = ("value",)
    __slots__ = ("value",)
    value: Fraction

    def __init__(self, value: Fraction | int, place: Place | None = None) -> None:
        _set(self, "value", Fraction(value))
        _set(self, "place", place)
        _set(self, "_hash", hash((Num, self.value)))

    def _parts(self) -> tuple[Any, ...]:
        return (self.value,)

    def __repr__(self) -> str:
        return f"Num({self.value})"


class Var(_Frozen):
    """A name with subscripts: a variable, param, matrix entry, weight, index, or member of a family."""

    __match_args__ = ("name", "subs")
    __slots__ = ("name", "subs")
    name: str
    subs: tuple[Sub, ...]

    def __init__(self, name: str, subs: tuple[Sub, ...] = (), place: Place | None = None) -> None:
        _set(self, "name", name)
        _set(self, "subs", subs)
        _set(self, "place", place)
        _set(self, "_hash", hash((Var, name, subs)))

    def _parts(self) -> tuple[Any, ...]:
        return self.name, self.subs

    def __repr__(self) -> str:
        return f"Var({self.name!r}, {self.subs!r})" if self.subs else f"Var({self.name!r})"


class App(_Frozen):
    """A head applied to terms: arithmetic, a named function, a condition, `matmul`, `dot`, `mean`, `E`, ..."""

    __match_args__ = ("head", "args")
    __slots__ = ("args", "head")
    head: str
    args: tuple[Term, ...]

    def __init__(self, head: str, args: tuple[Term, ...] = (), place: Place | None = None) -> None:
        _set(self, "head", head)
        _set(self, "args", args)
        _set(self, "place", place)
        _set(self, "_hash", hash((App, head, args)))

    def _parts(self) -> tuple[Any, ...]:
        return self.head, self.args

    def __repr__(self) -> str:
        return f"App({self.head!r}, {self.args!r})"


class Bind(_Frozen):
    """A binder over finite indices: `sum`, `max`, `min`, `softmax` (leaves its index free), `attention`."""

    __match_args__ = ("head", "args", "over", "mask")
    __slots__ = ("args", "head", "mask", "over")
    head: str
    args: tuple[Term, ...]
    over: tuple[str, ...]
    mask: Term | None

    def __init__(
        self,
        head: str,
        args: tuple[Term, ...],
        over: tuple[str, ...],
        mask: Term | None = None,
        place: Place | None = None,
    ) -> None:
        _set(self, "head", head)
        _set(self, "args", args)
        _set(self, "over", over)
        _set(self, "mask", mask)
        _set(self, "place", place)
        _set(self, "_hash", hash((Bind, head, args, over, mask)))

    def _parts(self) -> tuple[Any, ...]:
        return self.head, self.args, self.over, self.mask

    def __repr__(self) -> str:
        return f"Bind({self.head!r}, {self.args!r}, {self.over!r}, {self.mask!r})"


Term = Num | Var | App | Bind

ZERO, ONE = Num(0), Num(1)
PI = App("pi")


def add(*terms: Term, place: Place | None = None) -> Term:
    """t1 + t2 + ...; one term stands for itself, none for 0."""
    if len(terms) < 2:
        return terms[0] if terms else ZERO
    return App("add", terms, place)


def neg(t: Term, place: Place | None = None) -> Term:
    """-t; of a number, the negative number."""
    return Num(-t.value, place or t.place) if isinstance(t, Num) else App("neg", (t,), place)


def sub(a: Term, b: Term) -> Term:
    """a - b."""
    return add(a, neg(b))


def recip(t: Term, place: Place | None = None) -> Term:
    """1/t, undefined where t = 0; of a number other than 0, the number."""
    if isinstance(t, Num) and t.value != 0:
        return Num(1 / t.value, place or t.place)
    return App("recip", (t,), place)


def mul(*factors: Term, place: Place | None = None) -> Term:
    """t1 * t2 * ...; neighbouring numbers are multiplied out and a factor 1 is left out (exact, same domain)."""
    out: list[Term] = []
    for f in factors:
        last = out[-1] if out else None
        if isinstance(f, Num) and isinstance(last, Num):
            out[-1] = Num(last.value * f.value, last.place)
        else:
            out.append(f)
    kept = [f for f in out if not isinstance(f, Num) or f.value != 1]
    if len(kept) < 2:
        return kept[0] if kept else Num(1, place)
    return App("mul", tuple(kept), place)


def power(base: Term, exponent: Term, place: Place | None = None) -> Term:
    """base ^ exponent."""
    return App("pow", (base, exponent), place)


def call(name: str, *args: Term, place: Place | None = None) -> Term:
    """A named function of its arguments."""
    return App(name, args, place)


def children(t: Term) -> tuple[Term, ...]:
    """The terms directly below t, its mask last."""
    match t:
        case App(_, args):
            return args
        case Bind(_, args, _, mask):
            return args if mask is None else (*args, mask)
        case _:
            return ()


def rebuild(t: Term, parts: tuple[Term, ...]) -> Term:
    """t with other children (as `children` lists them)."""
    match t:
        case App(head, args):
            return t if parts == args else App(head, parts, t.place)
        case Bind(head, args, over, mask):
            if mask is None:
                return Bind(head, parts, over, None, t.place)
            return Bind(head, parts[:-1], over, parts[-1], t.place)
        case _:
            return t


def walk(t: Term) -> Iterator[Term]:
    """Every subterm, t first, left to right; does not recurse, so depth is no limit."""
    stack = [t]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(children(top)))


def size(t: Term) -> int:
    """Number of subterms."""
    return sum(1 for _ in walk(t))


def transform(t: Term, leaf: Callable[[Term], Term | None]) -> Term:
    """Rebuild t bottom-up with every subterm for which `leaf` gives a term replaced by it (not entered again)."""
    new = leaf(t)
    if new is not None:
        return new
    parts = children(t)
    return rebuild(t, tuple(transform(p, leaf) for p in parts)) if parts else t


def substitute(t: Term, mapping: Mapping[Term, Term]) -> Term:
    """Replace every subterm that is a key of `mapping`; simultaneous, no capture check (names are global)."""
    return transform(t, mapping.get)


def variables(t: Term) -> list[Var]:
    """The distinct `Var` leaves, in order of first use."""
    return list(dict.fromkeys(v for v in walk(t) if isinstance(v, Var)))


def shift_subs(t: Term, mapping: Mapping[str, Sub]) -> Term:
    """Rename or fix free index names everywhere in t, renaming bound ones (j to j~) where they would capture.

    A softmax leaves its index free: softmax(p[i,j] over j) is its j-th entry. Once j is renamed or fixed, the entry
    stands apart from the bound index: args = (body, entry index, ...), printed `softmax(p[i,j] over j at 2)`.
    """
    if not mapping:
        return t
    match t:
        case Num():
            return t
        case Var(name, subs):
            if not subs:
                to = mapping.get(name)
                return t if to is None else (Num(to, t.place) if isinstance(to, int) else Var(to, (), t.place))
            new = tuple(mapping.get(s, s) if isinstance(s, str) else s for s in subs)
            return t if new == subs else Var(name, new, t.place)
        case App():
            return rebuild(t, tuple(shift_subs(p, mapping) for p in t.args))
        case Bind(head, args, over, mask):
            inner: dict[str, Sub] = {k: v for k, v in mapping.items() if k not in over}
            values = set(inner.values())
            fresh: list[str] = []
            taken: set[Sub] = set()
            for j in over:
                new_j = j
                if j in values or j in fresh:  # another name: one that stands nowhere inside
                    taken = taken or {*over, *(s for v in walk(t) if isinstance(v, Var) for s in (v.name, *v.subs))}
                    while new_j in values or new_j in fresh or new_j in taken:
                        new_j += "~"
                fresh.append(new_j)
            inner |= {j: k for j, k in zip(over, fresh, strict=True) if j != k}
            new_mask = None if mask is None else shift_subs(mask, inner)
            if head != "softmax":
                return Bind(head, tuple(shift_subs(a, inner) for a in args), tuple(fresh), new_mask, t.place)
            at = args[1:] or tuple(Var(j) for j in over)
            at = tuple(shift_subs(a, mapping) for a in at)
            body = shift_subs(args[0], inner)
            plain = at == tuple(Var(j) for j in fresh)
            return Bind(head, (body,) if plain else (body, *at), tuple(fresh), new_mask, t.place)
