"""Names: which a step may use, variables that no program can spell, the values of variables.

Identity is that of terms and never that of their text. A variable of the kernel's own (z1 and K11 of a lemma, t of a
curve, the mean of a term) is different from every variable of a program, even from one that is printed alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorprog.kernel.core.refused import METER, remembered, require
from tensorprog.kernel.ground.program import Instructions
from tensorprog.kernel.ground.signatures import ARITHMETIC, CONDITIONS, FUNCTIONS
from tensorprog.kernel.ground.term import Bind, Sub, Term, Var, transform, walk

READ = {**FUNCTIONS, **ARITHMETIC, **CONDITIONS}
"""The heads of terms in a step."""


class Unspelled(str):
    """A name that is printed, and is none of a program's names: no look-up by name finds it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unspelled) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Unspelled, str.__hash__(self)))


class Own(Var):
    """A variable of the kernel's own; `about`: the term whose mean it is, if it is one.

    >>> Own("z1") == Var("z1"), Own("z1") == Own("z1")
    (False, True)
    """

    __slots__ = ("about",)
    about: Term | None

    def __init__(self, name: str, about: Term | None = None) -> None:
        super().__init__(Unspelled(name))
        object.__setattr__(self, "about", about)
        object.__setattr__(self, "_hash", hash((Own, name, about)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.name == other.name and self.about == other.about

    __hash__ = Var.__hash__


LEMMA = {name: Own(name) for name in ("z1", "z2", "K11", "K12", "K22")}
"""The two Gaussian variables of a lemma, and the entries of their covariance."""

T = Own("t")
"""What runs to infinity along a curve."""


def owned(t: Term, names: Mapping[str, Own]) -> Term:
    """The term with these names read as the kernel's own variables."""
    return transform(t, lambda v: names.get(v.name) if isinstance(v, Var) and not v.subs else None)


def legible(t: Term, program: Instructions, own: Iterable[str] = ()) -> Term:
    """Refuse a name that the program does not have, in this way: what is written means what it seems to mean."""
    inside = list(walk(t))
    METER.get()(len(inside))
    bound = {j for s in inside if isinstance(s, Bind) for j in s.over}
    require(all(j.rstrip("~") in program.indices for j in bound), "names of the program")  # j~ is a j under a j
    indices = {**{j: program.range_of(j) for j in bound}, **program.indices}
    for s in inside:
        if isinstance(s, Bind):
            require(s.mask is None or s.head in ("softmax", "attention"), "names of the program")
        if not isinstance(s, Var) or (s.name in own and not s.subs):
            continue
        places = [k in indices if isinstance(k, str) else True for k in s.subs]
        if s.name in program.families:
            fine = len(places) == program.families[s.name].arity
        elif s.name in program.matrices:
            shape = program.matrices[s.name].shape
            spans = [(k, k) if isinstance(k, int) else indices.get(k, (0, 0)) for k in s.subs]
            fine = len(spans) == len(shape) and all(
                low >= 1 and high <= most for (low, high), most in zip(spans, shape, strict=True)
            )
        else:
            fine = not places and (s.name in program.params or s.name in indices)
        require(fine and all(places), "names of the program")
    return t


def valued(t: Term, values: Mapping[Term, Term]) -> Term:
    """Give variables values: terms without an index, so that all members of a family get the same."""
    require(not any(indices_in(x) for x in values.values()), "a value has no index")
    return transform(t, lambda v: values.get(v) if isinstance(v, Var) else None)


@remembered(1 << 12)
def indices_in(t: Term) -> frozenset[Sub]:
    """The names of indices that occur in a term, and every name that could be one."""
    out: set[Sub] = set()
    for s in walk(t):
        if isinstance(s, Var) and not isinstance(s, Own):
            out |= {k for k in s.subs if isinstance(k, str)} | (set() if s.subs else {s.name})
    return frozenset(out)
