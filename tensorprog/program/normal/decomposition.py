"""Vectors taken apart into sums of coefficients times vectors that are no such sums, through names and binders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import UnionType

from tensorprog.kernel.ground.nodes import LinComb, Node, Nonlin
from tensorprog.kernel.ground.place import Place
from tensorprog.kernel.ground.term import ONE, add, children, mul, rebuild, shift_subs, variables, walk
from tensorprog.kernel.written.canonical import instruction_term
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Bind, Num, Sub, Term, Var

MAX_PIECES = 256
MINUS_ONE = Num(-1)


@dataclass(frozen=True, slots=True)
class Part:
    """One summand of a vector: sum over `over` of coefficient * basis."""

    coefficient: Term
    over: tuple[str, ...]
    basis: Term


class Pieces(Exception):
    """A sum reaches a family that is defined in pieces along this index: the members must be taken one by one."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


class Decomposition:
    """Takes apart vectors of a program that is being written (`new`, from `old`)."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self.old = old
        self.new = new
        self.score_dependent: set[str] = set()

    def parts(self, ref: Var, through_score_free: bool) -> list[Part]:
        """Return a vector as a sum of coefficients times vectors that are not such sums.

        Without `through_score_free`, summands that depend on no score are left together: their sum is one function.
        """
        out = self._parts(ref, through_score_free)
        self.check_size(len(out), ref.place)
        return out

    def check_size(self, terms: int, place: Place | None) -> None:
        limits = self.old.limits
        if terms > limits.product_terms:
            raise limits.exceeded("TP907", "product_terms", terms, "a product expands into too many terms", place)

    def _parts(self, t: Term, deep: bool) -> list[Part]:
        if not deep and not self._depends_on_score(t):
            scaled = self._scaled(t)
            return [scaled or Part(ONE, (), t)]
        match t:
            case Var(name) if name in self.new.families:
                found = self.new.resolve(t)
                self._one_piece(t, [n for n, _ in found], LinComb | Nonlin)
                if len(found) != 1 or not isinstance(found[0][0], LinComb | Nonlin):
                    return [Part(ONE, (), t)]
                node = found[0][0]
                inner = self._parts(self.inlined(node, t), deep)
                named = len(inner) == 1 and not isinstance(inner[0].basis, Var)
                if named and (deep or self._depends_on_score(inner[0].basis)):
                    return [Part(ONE, (), t)]
                return inner
            case App("neg", (a,)):
                return [Part(mul(MINUS_ONE, p.coefficient), p.over, p.basis) for p in self._parts(a, deep)]
            case App("add", args) if all(map(self.new.vectors_in, args)):  # 1 + x is no sum of vectors
                out: list[Part] = []
                for a in args:
                    out += self._parts(a, deep)
                    self.check_size(len(out), t.place)
                return out if deep else self._together(out)
            case App("mul", args):
                vectors = [a for a in args if self.new.vectors_in(a)]
                if len(vectors) != 1:
                    return [Part(ONE, (), t)] if deep else self._multiplied(t, list(args))
                c = mul(*(a for a in args if a is not vectors[0]))
                return [self._scale(c, p) for p in self._parts(vectors[0], deep)]
            case App("pow", (base, Num(e))) if not deep and e in (2, 3, 4):
                return self._multiplied(t, [base] * int(e))
            case Bind("sum", (body,), over):
                parts = []
                try:
                    inside = self._parts(body, deep)
                except Pieces as found_pieces:
                    return self._parts(self._unrolled(t, found_pieces), deep)
                for p in (self.avoiding(q, over) for q in inside):
                    parts.append(Part(p.coefficient, (*over, *p.over), p.basis))
                return parts
            case _:
                return [Part(ONE, (), t)]

    def _multiplied(self, t: Term, factors: list[Term]) -> list[Part]:
        """Return a product of vectors multiplied out, if what remains depends on no score; else left whole."""
        out = [Part(ONE, (), ONE)]
        for f in factors:
            if not self.new.vectors_in(f):
                out = [self._scale(f, p) for p in out]
                continue
            free = not self._depends_on_score(f)
            of_factor = [Part(ONE, (), f)] if free else self._parts(f, False)
            self.check_size(len(out) * len(of_factor), t.place)
            out = [self._times(p, q) for p in out for q in of_factor]
        return [Part(ONE, (), t)] if any(self._depends_on_score(p.basis) for p in out) else self._together(out)

    def _times(self, p: Part, q: Part) -> Part:
        """(sum of c b) * (sum of d e), with bound indices kept apart."""
        p = self.avoiding(p, (*names_in(q.basis), *names_in(q.coefficient), *q.over))
        q = self.avoiding(q, (*names_in(p.basis), *names_in(p.coefficient), *p.over))
        return Part(mul(p.coefficient, q.coefficient), (*p.over, *q.over), mul(p.basis, q.basis))

    def _one_piece(self, ref: Var, pieces: list[Node], kinds: UnionType | type) -> None:
        """Ask for the members one by one if the reference touches several definitions, some of these kinds."""
        if len(pieces) < 2 or not any(isinstance(n, kinds) for n in pieces):
            return
        for k, s in enumerate(ref.subs):
            if isinstance(s, str) and any(isinstance(n.subs[k], int) for n in pieces):
                lo, hi = self.old.range_of(s)
                if hi - lo < MAX_PIECES:
                    raise Pieces(s)

    def _unrolled(self, t: Bind, found: Pieces) -> Term:
        """Return the sum with one of its indices written out."""
        if found.index not in t.over:
            raise found
        lo, hi = self.old.range_of(found.index)
        rest = tuple(j for j in t.over if j != found.index)
        terms = add(*(shift_subs(t.args[0], {found.index: value}) for value in range(lo, hi + 1)))
        return Bind(t.head, (terms,), rest, None, t.place) if rest else terms

    def _scale(self, c: Term, p: Part) -> Part:
        """c * (sum over j of d_j b_j), with the bound j renamed where c uses it."""
        p = self.avoiding(p, names_in(c))
        return Part(mul(c, p.coefficient), p.over, p.basis)

    def _together(self, parts: list[Part]) -> list[Part]:
        """Return summands without scores joined into one."""
        free = [p for p in parts if not self._depends_on_score(mul(p.coefficient, p.basis))]
        if len(free) < 2:
            return parts
        rest = [p for p in parts if p not in free]
        return [Part(ONE, (), add(*(self.summed(p, p.basis) for p in free))), *rest]

    def _scaled(self, t: Term) -> Part | None:
        """c * x for a score-free vector that is a constant times a vector; through names."""
        coefficient: Term = ONE
        while isinstance(t, Var):
            found = self.new.resolve(t)
            self._one_piece(t, [n for n, _ in found], LinComb)
            if len(found) != 1 or not isinstance(found[0][0], LinComb):
                break
            body = self.inlined(found[0][0], t)
            match body:
                case Var():
                    t = body
                case App("neg", (Var() as inner,)):
                    coefficient, t = mul(MINUS_ONE, coefficient), inner
                case App("mul", args) if isinstance(v := next(a for a in args if self.new.vectors_in(a)), Var):
                    coefficient, t = mul(coefficient, *(a for a in args if a is not v)), v
                case _:
                    break
        return Part(coefficient, (), t)

    def inlined(self, node: Node, ref: Var) -> Term:
        """Return the right-hand side of the node at the member(s) that ref names."""
        mapping: dict[str, Sub] = {
            s: r for s, r in zip(node.subs, ref.subs, strict=True) if isinstance(s, str) and s != r
        }
        body = shift_subs(instruction_term(node), mapping)
        for t in walk(body):
            if isinstance(t, Bind):
                for j in t.over:
                    self.new.indices.setdefault(j, self.old.range_of(j))
        return body

    def _depends_on_score(self, t: Term) -> bool:
        return any(v.name in self.score_dependent for v in variables(t))

    def summed(self, p: Part, value: Term) -> Term:
        scaled = mul(p.coefficient, value)
        return Bind("sum", (scaled,), p.over) if p.over else scaled

    def avoiding(self, p: Part, names: Iterable[Sub]) -> Part:
        """Return the same summand with bound indices that are not among `names`."""
        taken = {*names, *p.over, *names_in(p.basis), *names_in(p.coefficient)}
        renaming: dict[str, Sub] = {}
        for j in p.over:
            if j in names:
                new = j
                while new in taken:
                    new += "~"
                self.new.indices.setdefault(new, self.old.range_of(j))
                taken.add(new)
                renaming[j] = new
        over = tuple(str(renaming.get(j, j)) for j in p.over)
        coefficient, basis = (self._rebound(shift_subs(t, renaming), {*names, *over}) for t in (p.coefficient, p.basis))
        return Part(coefficient, over, basis)

    def _rebound(self, t: Term, names: set[Sub]) -> Term:
        """Return the same term with indices bound inside it that are not among `names`."""
        t = rebuild(t, tuple(self._rebound(c, names) for c in children(t)))
        if not isinstance(t, Bind) or t.head == "softmax" or not names.intersection(t.over):
            return t
        renaming: dict[str, Sub] = {}
        for j in t.over:
            new = j
            while new in names or (new != j and new in names_in(t)):
                new += "~"
            self.new.indices.setdefault(new, self.old.range_of(j))
            renaming[j] = new
        over = tuple(str(renaming[j]) for j in t.over)
        return Bind(t.head, tuple(shift_subs(a, renaming) for a in t.args), over, t.mask, t.place)


def names_in(t: Term) -> set[Sub]:
    """Return every index name (and other bare name) that occurs in t, free or bound."""
    out: set[Sub] = set()
    for v in walk(t):
        if isinstance(v, Var):
            out |= {v.name, *v.subs}
        elif isinstance(v, Bind):
            out |= set(v.over)
    return out
