"""The form in which programs are judged: attention opened, MatMul distributed over scores, Dot expanded bilinearly.

    W @ sum(A_j * v_j for j)  becomes  sum(A_j * (W @ v_j) for j)        (A_j scalars that depend on scores)
    W @ (c * x)               becomes  c * (W @ x)
    dot(c*q + q', k)          becomes  c*dot(q, k) + dot(q', k)           (for scores)

The rewritten right-hand sides are lowered again, so equal products made by the rewriting are one node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import UnionType

from tensorprog.errors import Place
from tensorprog.program.lowering import Lowering
from tensorprog.program.nodes import Attention, Dot, Input, LinComb, MatMul, Moment, Node, Nonlin
from tensorprog.program.powers import Powers, scalars_inside
from tensorprog.program.program import Program
from tensorprog.program.text import instruction_term
from tensorprog.terms import App, Bind, Num, Sub, Term, Var
from tensorprog.terms.signatures import HEADS
from tensorprog.terms.term import ONE, add, children, mul, rebuild, shift_subs, transform, variables, walk

MAX_PIECES = 256
MINUS_ONE = Num(-1)


@dataclass(frozen=True, slots=True)
class Part:
    """One summand of a vector: sum over `over` of coefficient * basis."""

    coefficient: Term
    over: tuple[str, ...]
    basis: Term


class _Pieces(Exception):
    """A sum reaches a family that is defined in pieces along this index: the members must be taken one by one."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


def normalize(program: Program) -> Program:
    """The program in the form in which it is judged; itself if there is nothing to rewrite."""
    program = _open_attention(program)
    if not any(isinstance(node, Dot) for node in program.nodes):
        return program
    powers = Powers(program)
    if not any(powers.is_score(node) for node in program.nodes):
        return program
    return _Normalizer(program, powers).run()


def heads_of(program: Program) -> frozenset[str]:
    """The function names that occur in the program (a user's own among them)."""
    bodies = [t for node in program.nodes if (t := getattr(node, "body", None)) is not None]
    return frozenset(t.head for body in bodies for t in walk(body) if isinstance(t, App)) - HEADS.keys()


def copy_declarations(program: Program) -> Program:
    """A program with the same declarations and inputs, and no instructions yet."""
    new = Program(program.name, program.limits)
    new.widths = dict(program.widths)
    new.indices = dict(program.indices)
    new.params = dict(program.params)
    new.matrices = dict(program.matrices)
    new.weights = dict(program.weights)
    new.sources, new.path = program.sources, program.path
    for group in program.groups:
        new.add_input(group)
    return new


def _open_attention(program: Program) -> Program:
    if not any(isinstance(node, Attention) for node in program.nodes):
        return program
    new = copy_declarations(program)
    lowering = Lowering(new, program.families.keys(), heads_of(program))
    for node in program.nodes:
        if isinstance(node, Attention):
            score = mul(App("dot", (node.query, node.key), node.place), node.scale)
            weights = Bind("softmax", (score,), node.over, node.mask, node.place)
            lowering.define(node.name, node.subs, Bind("sum", (mul(weights, node.value),), node.over), node.place)
        elif not isinstance(node, Input):
            new.append(node)
            lowering.known.note(node)
    new.outputs, new.claims = program.outputs, program.claims
    return new


class _Normalizer:
    def __init__(self, program: Program, powers: Powers) -> None:
        self.old = program
        self.powers = powers
        self.new = copy_declarations(program)
        self.lowering = Lowering(self.new, program.families.keys(), heads_of(program))
        self.score_dependent: set[str] = set()
        self.inside = scalars_inside(program)

    def run(self) -> Program:
        for node in self.old.nodes:
            if isinstance(node, Input):
                continue
            before = len(self.new.nodes)
            score = self.powers.is_score(node)
            for piece in self._split(node, score):
                self._append(piece, score)
            for made in self.new.nodes[before:]:
                is_score = score and isinstance(made, Dot)
                if is_score or any(r.name in self.score_dependent for r, _ in self.new.references(made)):
                    self.score_dependent.add(made.name)
        self.new.outputs, self.new.claims = self.old.outputs, self.old.claims
        return self.new

    def _append(self, node: Node, score: bool) -> None:
        try:
            term = self._rewritten(node, score) or self._softmax_named(node)
        except _Pieces as found:
            lo, hi = self.old.range_of(found.index)
            for t in range(lo, hi + 1):
                self._append(_fixed(node, found.index, t), score)
            return
        if term is None:
            self.new.append(node)
            self.lowering.known.note(node)
        else:
            self.lowering.define(node.name, node.subs, term, node.place)

    def _split(self, node: Node, score: bool) -> list[Node]:
        """The node member by member along an axis over which its argument is defined in pieces."""
        refs = [node.arg] if isinstance(node, MatMul) else [node.left, node.right] if isinstance(node, Dot) else []
        if isinstance(node, Dot) and not score:
            return [node]
        for ref in refs:
            pieces = [n for n, _ in self.new.resolve(ref)]
            if len(pieces) < 2 or all(isinstance(n, Input | MatMul) for n in pieces):
                continue
            if isinstance(node, MatMul) and ref.name not in self.score_dependent:
                continue
            for k, s in enumerate(ref.subs):
                if isinstance(s, str) and s in node.subs and any(isinstance(n.subs[k], int) for n in pieces):
                    lo, hi = self.old.range_of(s)
                    if hi - lo < MAX_PIECES:
                        return [m for t in range(lo, hi + 1) for m in self._split(_fixed(node, s, t), score)]
        return [node]

    def _rewritten(self, node: Node, score: bool) -> Term | None:
        match node:
            case MatMul(weight=w, transposed=tr, arg=x):
                parts = [self.avoiding(p, node.subs) for p in self.parts(x, through_score_free=False)]
                if len(parts) == 1 and parts[0].basis == x:
                    return None
                left: Term = App("transpose", (w,)) if tr else w
                return add(*(self._sum(p, App("matmul", (left, p.basis), node.place)) for p in parts))
            case Dot(left=u, right=v, factor=f) if score and not self._readout(node):
                us, vs = self.parts(u, through_score_free=True), self.parts(v, through_score_free=True)
                self._check_size(len(us) * len(vs), node.place)
                if len(us) == len(vs) == 1 and us[0].basis == u and vs[0].basis == v:
                    return None
                return add(*(self._product(p, q, f, node) for p in us for q in vs))
            case _:
                return None

    def _readout(self, d: Dot) -> bool:
        """A dot product with an initial vector that reaches no vector stays as it is."""
        sides = [n for ref in (d.left, d.right) for n, _ in self.new.resolve(ref)]
        return d.name not in self.inside and any(isinstance(n, Input) for n in sides)

    def _softmax_named(self, node: Node) -> Term | None:
        """Softmax entries as scalars with a name, so that their indices can be renamed like any other's."""
        if not isinstance(node, LinComb | Nonlin | Moment):
            return None

        def name(t: Term) -> Term | None:
            if isinstance(t, Bind) and t.head == "softmax":
                self.lowering.names.target = node.name
                return self.lowering.named_scalar(self.lowering.expression(t))
            return None

        new = transform(node.body, name)
        return None if new == node.body else App("mean", (new,), node.place) if isinstance(node, Moment) else new

    def _sum(self, p: Part, value: Term) -> Term:
        scaled = mul(p.coefficient, value)
        return Bind("sum", (scaled,), p.over) if p.over else scaled

    def _product(self, p: Part, q: Part, factor: Term, node: Dot) -> Term:
        p = self.avoiding(p, (*node.subs, *_names_in(q.basis), *_names_in(q.coefficient)))
        q = self.avoiding(q, (*node.subs, *p.over, *_names_in(p.basis), *_names_in(p.coefficient)))
        dot = mul(App("dot", (p.basis, q.basis), node.place), factor)
        return self._sum(Part(mul(p.coefficient, q.coefficient), (*p.over, *q.over), dot), dot)

    def avoiding(self, p: Part, names: Iterable[Sub]) -> Part:
        """The same summand with bound indices that are not among `names`."""
        taken = {*names, *p.over, *_names_in(p.basis), *_names_in(p.coefficient)}
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
        """The same term with indices bound inside it that are not among `names`."""
        t = rebuild(t, tuple(self._rebound(c, names) for c in children(t)))
        if not isinstance(t, Bind) or t.head == "softmax" or not names.intersection(t.over):
            return t
        renaming: dict[str, Sub] = {}
        for j in t.over:
            new = j
            while new in names or (new != j and new in _names_in(t)):
                new += "~"
            self.new.indices.setdefault(new, self.old.range_of(j))
            renaming[j] = new
        over = tuple(str(renaming[j]) for j in t.over)
        return Bind(t.head, tuple(shift_subs(a, renaming) for a in t.args), over, t.mask, t.place)

    # -- linear decomposition ------------------------------------------------------------------------------------

    def parts(self, ref: Var, through_score_free: bool) -> list[Part]:
        """A vector as a sum of coefficients times vectors that are not such sums.

        Without `through_score_free`, summands that depend on no score are left together: their sum is one function.
        """
        out = self._parts(ref, through_score_free)
        self._check_size(len(out), ref.place)
        return out

    def _check_size(self, terms: int, place: Place | None) -> None:
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
                if len(inner) == 1 and not isinstance(inner[0].basis, Var):
                    return [Part(ONE, (), t)]
                return inner
            case App("neg", (a,)):
                return [Part(mul(MINUS_ONE, p.coefficient), p.over, p.basis) for p in self._parts(a, deep)]
            case App("add", args) if all(self._is_vector(a) for a in args):  # 1 + x is no sum of vectors
                out: list[Part] = []
                for a in args:
                    out += self._parts(a, deep)
                    self._check_size(len(out), t.place)
                return out if deep else self._together(out)
            case App("mul", args):
                vectors = [a for a in args if self._is_vector(a)]
                if len(vectors) != 1:
                    return [Part(ONE, (), t)]
                c = mul(*(a for a in args if a is not vectors[0]))
                return [self._scale(c, p) for p in self._parts(vectors[0], deep)]
            case Bind("sum", (body,), over):
                parts = []
                try:
                    inside = self._parts(body, deep)
                except _Pieces as found_pieces:
                    return self._parts(self._unrolled(t, found_pieces), deep)
                for p in (self.avoiding(q, over) for q in inside):
                    parts.append(Part(p.coefficient, (*over, *p.over), p.basis))
                return parts
            case _:
                return [Part(ONE, (), t)]

    def _one_piece(self, ref: Var, pieces: list[Node], kinds: UnionType | type) -> None:
        """Ask for the members one by one if the reference touches several definitions, some of these kinds."""
        if len(pieces) < 2 or not any(isinstance(n, kinds) for n in pieces):
            return
        for k, s in enumerate(ref.subs):
            if isinstance(s, str) and any(isinstance(n.subs[k], int) for n in pieces):
                lo, hi = self.old.range_of(s)
                if hi - lo < MAX_PIECES:
                    raise _Pieces(s)

    def _unrolled(self, t: Bind, found: _Pieces) -> Term:
        """The sum with one of its indices written out."""
        if found.index not in t.over:
            raise found
        lo, hi = self.old.range_of(found.index)
        rest = tuple(j for j in t.over if j != found.index)
        terms = add(*(shift_subs(t.args[0], {found.index: value}) for value in range(lo, hi + 1)))
        return Bind(t.head, (terms,), rest, None, t.place) if rest else terms

    def _scale(self, c: Term, p: Part) -> Part:
        """c * (sum over j of d_j b_j), with the bound j renamed where c uses it."""
        p = self.avoiding(p, _names_in(c))
        return Part(mul(c, p.coefficient), p.over, p.basis)

    def _together(self, parts: list[Part]) -> list[Part]:
        """Summands without scores joined into one."""
        free = [p for p in parts if not self._depends_on_score(mul(p.coefficient, p.basis))]
        if len(free) < 2:
            return parts
        rest = [p for p in parts if p not in free]
        return [Part(ONE, (), add(*(self._sum(p, p.basis) for p in free))), *rest]

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
                case App("mul", args) if isinstance(v := next(a for a in args if self._is_vector(a)), Var):
                    coefficient, t = mul(coefficient, *(a for a in args if a is not v)), v
                case _:
                    break
        return Part(coefficient, (), t)

    def inlined(self, node: Node, ref: Var) -> Term:
        """The right-hand side of the node at the member(s) that ref names."""
        mapping: dict[str, Sub] = {
            s: r for s, r in zip(node.subs, ref.subs, strict=True) if isinstance(s, str) and s != r
        }
        body = shift_subs(instruction_term(node), mapping)
        for t in walk(body):
            if isinstance(t, Bind):
                for j in t.over:
                    self.new.indices.setdefault(j, self.old.range_of(j))
        return body

    def _is_vector(self, t: Term) -> bool:
        return any(v.name in self.new.families and self.new.families[v.name].kind == "vector" for v in variables(t))

    def _depends_on_score(self, t: Term) -> bool:
        return any(v.name in self.score_dependent for v in variables(t))


def _fixed(node: Node, index: str, value: int) -> Node:
    """The node's members with one index fixed."""
    at: dict[str, Sub] = {index: value}
    subs = tuple(value if s == index else s for s in node.subs)

    def ref(v: Var) -> Var:
        return Var(v.name, tuple(at.get(s, s) if isinstance(s, str) else s for s in v.subs), v.place)

    match node:
        case MatMul():
            return replace(node, subs=subs, weight=ref(node.weight), arg=ref(node.arg))
        case Dot():
            return replace(
                node, subs=subs, left=ref(node.left), right=ref(node.right), factor=shift_subs(node.factor, at)
            )
    raise AssertionError(node)


def _names_in(t: Term) -> set[Sub]:
    """Every index name (and other bare name) that occurs in t, free or bound."""
    out: set[Sub] = set()
    for v in walk(t):
        if isinstance(v, Var):
            out |= {v.name, *v.subs}
        elif isinstance(v, Bind):
            out |= set(v.over)
    return out
