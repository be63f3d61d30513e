"""What of a population need not be drawn: independent factors apart, and what is linear carried exactly.

    E[a_i b_i a_j b_j] = E[a_i a_j] E[b_i b_j]          a, b of different matrices (classes)
    h_t = Σ_k w_tk(z) φ(c_k),   c independent of z:     E[h_s h_t] = E_z Σ_kl w_sk w_tl E[φ(c_k) φ(c_l)]

In the second line h is carried as its coefficients over φ(c_1), φ(c_2), ...: the expectations of pairs are known, and
only z is drawn. This is conditioning on z (Rao 1945, Blackwell 1947), without drawing what is averaged out. Where h
stands inside a function, f(h_s) f(h_t) - b_s b_t h_s h_t is sampled, and E h_s h_t added (a control variate).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from tensorprog.gaussian.arrays.duals import PairKernel, pair_kernel
from tensorprog.kernel.ground.term import ONE, add, substitute
from tensorprog.limit.members.compiled import is_smooth
from tensorprog.limit.particles.reading import Reader, factors
from tensorprog.terms import App, Num, Term, Var

Z = Var("z")
MOST_SHAPES = 4
"""Different functions whose pairs have their expectations found exactly; each pair is derived once."""


@dataclass(frozen=True, slots=True)
class Class:
    """The factors of some terms that depend on each other, one product for each term."""

    products: tuple[Term, ...]
    carried: frozenset[Var]
    """Forms that are never drawn: the products are linear in functions of single ones of them."""
    controls: Class | None = None
    """The arguments x of products f(x), where x is linear as above and f(x) is not: E x x' corrects the sample."""


@dataclass(frozen=True)
class Groups:
    """The forms that matter, in sets that are independent of each other."""

    reader: Reader
    group_of: dict[Var, int]

    @staticmethod
    def of(reader: Reader, symbols: Iterable[Var]) -> Groups:
        """Forms with leaves of one matrix, or of one group of initial vectors, depend on each other."""
        parent: dict[object, object] = {}

        def root(x: object) -> object:
            while parent.setdefault(x, x) != x:
                parent[x] = x = parent[parent[x]]
            return x

        forms = [v for v in symbols if v in reader.forms]
        for v in forms:
            for leaf, _ in reader.forms[v].leaves:
                parent[root(("origin", reader.u.origin(leaf)))] = root(v)
        numbers: dict[object, int] = {}
        return Groups(reader, {v: numbers.setdefault(root(v), len(numbers)) for v in forms})

    def groups(self, t: Term) -> frozenset[int]:
        """The sets that a term depends on."""
        return frozenset(self.group_of[v] for v in self.reader.below(t) if v in self.group_of)

    def classes(self, terms: Sequence[Term]) -> list[Class]:
        """The terms as products of independent classes, the same for all of them."""
        parent: dict[int, int] = {}

        def root(x: int) -> int:
            while parent.setdefault(x, x) != x:
                x = parent[x]
            return x

        split = [[(f, self.groups(f)) for f in factors(t)] for t in terms]
        for found in split:
            for _, (first, *rest) in ((f, sorted(g)) for f, g in found if g):
                for other in rest:
                    parent[root(other)] = root(first)
        roots = list(dict.fromkeys(root(g) for found in split for _, gs in found for g in sorted(gs))) or [-1]
        out: list[list[list[Term]]] = [[[] for _ in terms] for _ in roots]
        for k, found in enumerate(split):
            for f, gs in found:
                out[roots.index(root(min(gs))) if gs else 0][k].append(f)
        made = [tuple(self.reader.product(fs) for fs in products) for products in out]
        return [self._class(p) for p in made]

    def _class(self, terms: tuple[Term, ...]) -> Class:
        carried = self._carried(terms)
        inner = tuple(t.args[0] for t in terms if isinstance(t, App) and len(t.args) == 1)
        if not carried and len(inner) == len(terms) and (linear := self._carried(inner)):
            return Class(terms, carried, Class(inner, linear))
        return Class(terms, carried)

    def _carried(self, terms: Sequence[Term]) -> frozenset[Var]:
        """Greedily, the largest sets first: what all terms are linear in, with exact expectations of pairs."""
        sets: dict[int, list[Var]] = {}
        for v in sorted({v for t in terms for v in self.reader.below(t) if v in self.group_of}, key=repr):
            sets.setdefault(self.group_of[v], []).append(v)
        chosen: frozenset[Var] = frozenset()
        for g in sorted(sets, key=lambda g: (-len(sets[g]), g)):
            wider = chosen | frozenset(sets[g])
            shapes = self._linear(terms, wider)
            if shapes is not None and len(shapes) <= MOST_SHAPES and all(
                exact(a, b) is not None for k, a in enumerate(shapes) for b in (*shapes[: k + 1], ONE)
            ):  # fmt: skip
                chosen = wider
        return chosen

    def _linear(self, terms: Sequence[Term], forms: frozenset[Var]) -> list[Term] | None:
        """The shapes of the functions of single forms that all terms are linear in; None if one is not linear."""
        shapes: dict[Term, None] = {}
        done: set[Term] = set()
        stack = list(terms)
        while stack:
            t = stack.pop()
            if t in done or not self.reader.below(t) & forms:
                continue
            done.add(t)
            if is_feature(self.reader, t, forms):
                shapes[shape(self.reader, t)[1]] = None
                continue
            match t:
                case App("add" | "neg", args):
                    stack += args
                case App("mul", args):
                    inside = [a for a in args if self.reader.below(a) & forms]
                    if len(inside) != 1:
                        return None
                    stack += inside
                case _:
                    return None
        return list(shapes)


def is_feature(reader: Reader, t: Term, forms: frozenset[Var]) -> bool:
    """Return whether it is a function of one of the forms and of nothing else."""
    below = reader.below(t)
    return len(below) == 1 and below <= forms


def shape(reader: Reader, t: Term) -> tuple[Var, Term]:
    """The form of a feature, and the function of its centred value `z`."""
    (v,) = reader.below(t)
    return v, _shape(t, v, Num(Fraction(reader.forms[v].constant)))


@lru_cache(maxsize=4096)
def _shape(t: Term, v: Var, constant: Term) -> Term:
    return substitute(t, {v: Z if constant == Num(0) else add(Z, constant)})


@lru_cache(maxsize=256)
def exact(f: Term, g: Term) -> PairKernel | None:
    """E f(Z1) g(Z2), if it has a closed form, or both are smooth, so that Mehler's series converges fast."""
    made = pair_kernel(f, g, Z)
    return made if made.method == "closed-form" or is_smooth([f, g]) else None
