"""Like terms collected where powers of the width differ: m + m/(2n), with m a scalar, is (1 + 1/(2n)) m.

A summand that vanishes degenerates (TP301) by itself, and is negligible beside a like one that stays. So powers of n
are counted after like terms are added, and the verdict does not depend on how the sum is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tensorprog.kernel.ground.nodes import Scalar
from tensorprog.kernel.ground.scaling import mentions_width, width_power
from tensorprog.kernel.ground.term import ONE, add, mul, shift_subs, transform, variables
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Num, Sub, Term, Var

MAX_MONOMIALS = 256

Monomial = tuple[Term, tuple[Term, ...]]
"""A constant, and the scalars, vectors and functions of them that it multiplies."""


class _TooMany(Exception):
    pass


class LikeTerms:
    """Sums of one program, through the names of scalars."""

    def __init__(self, program: Graph) -> None:
        self.program = program

    def collected(self, t: Term) -> Term:
        """Return the term with like terms added where their coefficients have several powers of n."""
        return transform(t, self._sum)

    def _sum(self, t: Term) -> Term | None:
        if not isinstance(t, App) or t.head != "add":
            return None
        try:
            monomials = self._monomials(t)
        except (_TooMany, RecursionError):
            return None
        like: dict[tuple[Term, ...], list[Term]] = {}
        for coefficient, atoms in monomials:
            like.setdefault(tuple(sorted(atoms, key=repr)), []).append(coefficient)
        widths = self.program.widths
        if not any(atoms and len({_exponent(c, widths) for c in found}) > 1 for atoms, found in like.items()):
            return None
        return add(*(mul(add(*found), *atoms) for atoms, found in like.items()))

    def _monomials(self, t: Term) -> list[Monomial]:
        """Return the summands of a term, products multiplied out and scalars opened."""
        if not any(v.name in self.program.families for v in variables(t)):
            return [(t, ())]
        match t:
            case Var(name) if name in self.program.families:
                return self._opened(t)
            case App("neg", (a,)):
                return [(mul(Num(-1), c), atoms) for c, atoms in self._monomials(a)]
            case App("add", args):
                return _few([m for a in args for m in self._monomials(a)])
            case App("mul", args):
                out: list[Monomial] = [(ONE, ())]
                for a in args:
                    found = self._monomials(a)
                    out = _few([(mul(c, d), (*x, *y)) for c, x in out for d, y in found])
                return out
            case Bind("sum", (body,), over):
                inside = self._monomials(body)
                if any({v.name, *v.subs} & {*over} for c, _ in inside for v in variables(c)):
                    return [(ONE, (t,))]
                return [(c, (Bind("sum", (mul(*atoms),), over, t.mask, t.place),)) for c, atoms in inside]
            case _:
                return [(ONE, (t,))]

    def _opened(self, ref: Var) -> list[Monomial]:
        """Return a scalar by its definition, where its members have one."""
        found = self.program.resolve(ref)
        if len(found) != 1 or not isinstance(node := found[0][0], Scalar):
            return [(ONE, (ref,))]
        at: dict[str, Sub] = {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str) and a != b}
        return self._monomials(shift_subs(node.body, at))


def may_collect(program: Graph) -> bool:
    """Return whether a scalar has a power of n outside of its dot products."""
    scalars = (node for node in program.nodes if isinstance(node, Scalar))
    return any(mentions_width(node.body, program.widths) for node in scalars)


def _exponent(c: Term, widths: Mapping[str, Fraction]) -> Fraction | None:
    part = width_power(c, widths)
    return part and part[1]


def _few(monomials: list[Monomial]) -> list[Monomial]:
    if len(monomials) > MAX_MONOMIALS:
        raise _TooMany
    return monomials
