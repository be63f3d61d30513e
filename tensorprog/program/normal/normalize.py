"""The form in which programs are judged: attention opened, MatMul distributed over scores, Dot expanded bilinearly.

    W @ sum(A_j * v_j for j)  becomes  sum(A_j * (W @ v_j) for j)        (A_j scalars that depend on scores)
    W @ (c * x)               becomes  c * (W @ x)
    W @ (c * x)^2             becomes  c^2 * (W @ x^2)                    (products of such sums multiplied out)
    dot(c*q + q', k)          becomes  c*dot(q, k) + dot(q', k)           (for scores)
    m + m/n                   becomes  (1 + 1/n)*m                        (m a scalar: `like_terms`)

The rewritten right-hand sides are lowered again, so equal products made by the rewriting are one node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tensorprog.kernel.ground.nodes import Attention, Dot, Input, LinComb, Map, MatMul, Moment, Node, Nonlin
from tensorprog.kernel.ground.powers import Powers
from tensorprog.kernel.ground.term import ONE, add, mul, shift_subs, transform, walk
from tensorprog.program.graph.graph import Graph
from tensorprog.program.lowering.lowering import Lowering
from tensorprog.program.normal.decomposition import MAX_PIECES, Decomposition, Part, Pieces, names_in
from tensorprog.program.normal.like_terms import LikeTerms, may_collect
from tensorprog.program.normal.reached import scalars_inside
from tensorprog.terms import App, Bind, Sub, Term, Var
from tensorprog.terms.heads import HEADS


def normalize(program: Graph) -> Graph:
    """Return the program in the form in which it is judged; itself if there is nothing to rewrite."""
    program = _rewritten(program, _opened)
    if may_collect(program):
        program = _rewritten(program, partial(_collected, like=LikeTerms(program)))
    if not any(isinstance(node, Dot) for node in program.nodes):
        return program
    powers = Powers(program)
    if not any(powers.is_score(node) for node in program.nodes):
        return program
    return _Normalizer(program, powers).run()


def words_of(program: Graph) -> dict[str, tuple[int, int]]:
    """Return the functions in the program beyond the words of every program, with their numbers of arguments."""
    bodies = [t for node in program.nodes if (t := getattr(node, "body", None)) is not None]
    found = (t for body in bodies for t in walk(body) if isinstance(t, App) and t.head not in HEADS)
    return {t.head: (len(t.args), len(t.args)) for t in found}


def copy_declarations(program: Graph) -> Graph:
    """Return a program with the same declarations and inputs, and no instructions yet."""
    new = Graph(program.name, program.limits)
    new.widths = dict(program.widths)
    new.indices = dict(program.indices)
    new.params = dict(program.params)
    new.matrices = dict(program.matrices)
    new.weights = dict(program.weights)
    new.sources, new.path, new.made = program.sources, program.path, dict(program.made)
    for group in program.groups:
        new.add_input(group)
    return new


def _rewritten(program: Graph, rewrite: Callable[[Node], Term | None]) -> Graph:
    """Return the program with the right-hand sides that `rewrite` gives; itself if it gives none."""
    terms = [rewrite(node) for node in program.nodes]
    if not any(terms):
        return program
    new = copy_declarations(program)
    lowering = Lowering(new, program.families.keys(), words_of(program))
    for node, term in zip(program.nodes, terms, strict=True):
        if term is not None:
            for j in (j for t in walk(term) if isinstance(t, Bind) for j in t.over):
                new.indices.setdefault(j, program.range_of(j))
            lowering.define(node.name, node.subs, term, node.place)
        elif not isinstance(node, Input):
            new.append(node)
            lowering.known.note(node)
    new.outputs, new.claims = program.outputs, program.claims
    return new


def _opened(node: Node) -> Term | None:
    """Attention as a sum over values weighted by a softmax of scores."""
    if not isinstance(node, Attention):
        return None
    score = mul(App("dot", (node.query, node.key), node.place), node.scale)
    weights = Bind("softmax", (score,), node.over, node.mask, node.place)
    return Bind("sum", (mul(weights, node.value),), node.over)


def _collected(node: Node, like: LikeTerms) -> Term | None:
    """Return a map with like terms added where their powers of n differ."""
    if not isinstance(node, Map) or (body := like.collected(node.body)) == node.body:
        return None
    return App("mean", (body,), node.place) if isinstance(node, Moment) else body


class _Normalizer(Decomposition):
    def __init__(self, program: Graph, powers: Powers) -> None:
        super().__init__(program, copy_declarations(program))
        self.powers = powers
        self.lowering = Lowering(self.new, program.families.keys(), words_of(program))
        self.inside = scalars_inside(program)

    def run(self) -> Graph:
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
        except Pieces as found:
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
        """Return the node member by member along an axis over which its argument is defined in pieces."""
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
                return add(*(self.summed(p, App("matmul", (left, p.basis), node.place)) for p in parts))
            case Dot(left=u, right=v, factor=f) if score:
                us, vs = self.parts(u, through_score_free=True), self.parts(v, through_score_free=True)
                if self._readout(node):
                    us, vs = self._of_inputs(u, us), self._of_inputs(v, vs)
                self.check_size(len(us) * len(vs), node.place)
                if len(us) == len(vs) == 1 and us[0].basis == u and vs[0].basis == v:
                    return None
                return add(*(self._product(p, q, f, node) for p in us for q in vs))
            case _:
                return None

    def _readout(self, d: Dot) -> bool:
        """Return whether this is a dot product with an initial vector that reaches no vector: its other side stays."""
        sides = [n for ref in (d.left, d.right) for n, _ in self.new.resolve(ref)]
        return d.name not in self.inside and any(isinstance(n, Input) for n in sides)

    def _of_inputs(self, side: Var, parts: list[Part]) -> list[Part]:
        """Take a combination of initial vectors apart, so that a name for one of them is that vector."""
        bases = [p.basis for p in parts]
        refs = [n for b in bases if isinstance(b, Var) for n, _ in self.new.resolve(b)]
        inputs = all(isinstance(b, Var) for b in bases) and all(isinstance(n, Input) for n in refs)
        return parts if inputs else [Part(ONE, (), side)]

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

    def _product(self, p: Part, q: Part, factor: Term, node: Dot) -> Term:
        p = self.avoiding(p, (*node.subs, *names_in(q.basis), *names_in(q.coefficient)))
        q = self.avoiding(q, (*node.subs, *p.over, *names_in(p.basis), *names_in(p.coefficient)))
        dot = mul(App("dot", (p.basis, q.basis), node.place), factor)
        return self.summed(Part(mul(p.coefficient, q.coefficient), (*p.over, *q.over), dot), dot)


def _fixed(node: Node, index: str, value: int) -> Node:
    """Return the node's members with one index fixed."""
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
