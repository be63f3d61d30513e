"""One member of a family as an exact expression of its leaves: Gaussian vectors, scores and moments.

    y[1]  =  softmax(1; p[1,1], p[1,2]) * v[1] / sqrt(2) + ...

Leaves are single members: inputs and MatMuls (jointly Gaussian given the scores), dot products scaled by the square
root of their width (scores and readouts), and averages over coordinates (moments). Powers of widths cancel here.
A softmax entry is `App("softmax", (k, b_1, ..., b_m))`: entry k of the m logits that its mask leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tensorprog.errors import TensorProgError, fail
from tensorprog.kernel.ground.indices import assignments
from tensorprog.kernel.ground.masks import holds
from tensorprog.kernel.ground.nodes import Attention, Dot, Input, MatMul, Moment, Node, entry_term
from tensorprog.kernel.ground.powers import MOMENT, SCORE
from tensorprog.kernel.ground.scaling import leading_part, mentions_width, rational, width_monomials
from tensorprog.kernel.ground.term import ONE, ZERO, add, children, mul, power, rebuild, transform
from tensorprog.kernel.ground.text import member_text
from tensorprog.limit.rules.open import softmax_entry
from tensorprog.limit.rules.quantities import Cov, Mean
from tensorprog.limit.rules.rules import Rules, refuse_transpose
from tensorprog.limit.rules.scores import Scores
from tensorprog.program.api import Program
from tensorprog.program.graph.covariance import side_width
from tensorprog.program.normal.analysis import Analysis
from tensorprog.program.normal.entering import entering
from tensorprog.terms import App, Bind, Num, Term, Var

MAX_TWINS = 64
"""Initial vectors of one group that are compared with each other."""

MAX_NODES = 200_000
"""The largest expression of one member, counted as a graph."""

LeafKind = Literal["vector", "score", "moment"]


class NotCovered(Exception):
    """A variable whose limit no rule here gives; the text says why."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a leaf is: its node, the values of the node's indices, and the expressions it is made of.

    `parts` are the argument of a MatMul, the two sides of a dot product, or the body of a moment.
    `factor` is the variance of a MatMul's entries times its input width.
    """

    kind: LeafKind
    node: Node
    at: tuple[tuple[str, int], ...]
    parts: tuple[Term, ...]
    factor: Term = ONE


class Unfolding:
    """The leaves of a program, and each member as an expression of them."""

    def __init__(self, program: Program | Analysis, scores: Scores | None = None) -> None:
        self.program = program.analysis
        self.scores = scores or Scores(Rules(self.program))
        self.powers = self.program.powers
        self.leaves: dict[Var, Leaf] = {}
        self._members: dict[Var, Term] = {}
        self._same: dict[object, Var] = {}
        self._below: dict[Term, frozenset[Var]] = {}
        self._level: dict[Var, int] = {}
        self._inputs: dict[tuple[str, ...], list[Var]] = {}
        self._rows: dict[tuple[Bind, tuple[tuple[str, int], ...]], tuple[dict[tuple[int, ...], int], list[Term]]] = {}

    # -- members -------------------------------------------------------------------------------------------------

    def member(self, ref: Var) -> Term:
        """Return the expression of one member, with integer subscripts."""
        if ref not in self._members:
            found = self.program.resolve(ref)
            if len(found) != 1 or any(isinstance(s, str) for s in ref.subs):
                raise fail("TP004", f"{member_text(ref.name, ref.subs)} is not a single variable of the program")
            node = found[0][0]
            at = {s: r for s, r in zip(node.subs, ref.subs, strict=True) if isinstance(s, str) and isinstance(r, int)}
            self._members[ref] = self._cancelled(self._unfolded(node, at, ref), ref)
        return self._members[ref]

    def expression(self, term: Term) -> Term:
        """Any expression over members, such as x[1]*x[2]^2, over leaves."""
        return self._cancelled(self._inlined(term, {}), None)

    def _unfolded(self, node: Node, at: dict[str, int], ref: Var) -> Term:
        items = tuple(at.items())
        match node:
            case Input():
                return self._leaf(("input", self._twin(ref, node)), ref, Leaf("vector", node, items, ()))
            case MatMul(weight=weight, arg=arg):
                inner, w, matrix = self.member(_at(arg, at)), self.program.weights[weight.name], _at(weight, at)
                with _ruled():
                    refuse_transpose(node)
                    factor = self._inlined(self.scores.rules.weight_scale(w, matrix.subs), {})
                if inner == ZERO or rational(factor) == 0:
                    return ZERO
                key = ("matmul", matrix, inner)
                return self._leaf(key, ref, Leaf("vector", node, items, (inner,), factor))
            case Dot(left=u, right=v):
                return self._dot(node, items, ref, self.member(_at(u, at)), self.member(_at(v, at)))
            case Moment(body=body):
                inner = self._inlined(body, at)
                return self._leaf(("mean", inner), ref, Leaf("moment", node, items, (inner,)))
            case Attention():
                raise AssertionError("normalize opens attention")
            case _:
                return self._inlined(node.body, at)

    def _dot(self, node: Dot, at: tuple[tuple[str, int], ...], ref: Var, u: Term, v: Term) -> Term:
        powers = self.powers.dot_powers.get(id(node), set())
        constant, own = self.scores.rules.scalars.factor(node, ref)
        if powers - {SCORE, MOMENT} or len(powers) > 1 or not powers:
            powers = {own}
        (total,) = powers
        if ZERO in (u, v):
            return ZERO
        if total not in (SCORE, MOMENT):
            raise NotCovered(f"{ref.name} is a dot product scaled by n^({total}), which has no finite random limit")
        # The plain sum over m = r n coordinates is sqrt(m) times the score, or m times the moment.
        ratio = side_width(self.program, node)
        if total == SCORE:
            with _ruled():
                self.scores.check(ref)
            leaf = self._leaf(("score", u, v), ref, Leaf("score", node, at, (u, v)))
            scale: Term = ONE if ratio == ONE else App("sqrt", (ratio,))
        else:
            leaf = self._leaf(("mean", mul(u, v)), ref, Leaf("moment", node, at, (mul(u, v),)))
            scale = ratio
        left = own - total
        constant = self._inlined(constant, {})
        return mul(*([constant] if constant != ONE else []), *([scale] if scale != ONE else []),
                   *([power(Var("n"), Num(left))] if left else []), leaf)  # fmt: skip

    def _leaf(self, key: object, ref: Var, leaf: Leaf) -> Term:
        """Let the first member with a definition represent all others: equal products are one variable."""
        known = self._same.setdefault(key, ref)
        if known is ref:
            self.leaves[ref] = leaf
        return known

    # -- expressions ---------------------------------------------------------------------------------------------

    def _inlined(self, t: Term, at: dict[str, int]) -> Term:
        match t:
            case Num():
                return t
            case Var(name, subs):
                if not subs and name in at:
                    return Num(at[name])
                if name in self.program.families:
                    return self.member(_at(t, at))
                if name in self.program.matrices:
                    index = [int(k) for k in _at(t, at).subs]
                    return self._inlined(entry_term(self.program.matrices[name], index), at)
                return t
            case App("mul", args):
                parts = [self._inlined(a, at) for a in args]
                return ZERO if ZERO in parts else mul(*parts)
            case App("add", args):
                return add(*(p for a in args if (p := self._inlined(a, at)) != ZERO))
            case App(_, args):
                return rebuild(t, tuple(self._inlined(a, at) for a in args))
            case Bind("softmax"):
                return self._softmax(t, at)
            case Bind(head, (body,), over):
                parts = [self._inlined(body, inner) for inner in self._values(over, at)]
                if head == "sum":
                    return add(*(p for p in parts if p != ZERO))
                return parts[0] if len(parts) == 1 else App(head, tuple(parts))
        raise NotCovered(f"{type(t).__name__} has no limit here")

    def _values(self, over: tuple[str, ...], at: dict[str, int]) -> Iterator[dict[str, int]]:
        return ({**at, **inner} for inner in assignments(self.program.ranges(over)))

    def _softmax(self, t: Bind, at: dict[str, int]) -> Term:
        entry = tuple(self._inlined(a, at) for a in t.args[1:]) or tuple(Num(at[j]) for j in t.over)
        wanted = tuple(int(v) for e in entry if (v := rational(e)) is not None)
        positions, logits = self._row(t, at)
        return softmax_entry(positions.get(wanted), logits)

    def _row(self, t: Bind, at: dict[str, int]) -> tuple[dict[tuple[int, ...], int], list[Term]]:
        """Return the logits that the mask leaves, and the index values of each."""
        key = (t, tuple((i, v) for i, v in at.items() if i not in t.over))
        if key not in self._rows:
            positions: dict[tuple[int, ...], int] = {}
            logits: list[Term] = []
            for inner in self._values(t.over, at):
                if t.mask is None or holds(t.mask, inner):
                    positions[tuple(inner[j] for j in t.over)] = len(logits)
                    logits.append(self._cancelled(self._inlined(t.args[0], inner), None))
            self._rows[key] = positions, logits
        return self._rows[key]

    # -- powers of widths ----------------------------------------------------------------------------------------

    def _cancelled(self, t: Term, ref: Var | None) -> Term:
        """The same expression without widths: in each product their powers cancel, or they stay to cancel later."""
        widths = self.program.widths
        if not mentions_width(t, widths):
            return t
        monomials = width_monomials(transform(t, self._leading), widths)
        if monomials is None:
            raise NotCovered(f"a power of the width is left over in {ref.name if ref else 'an expression'}")
        return add(*(c if e == 0 else mul(c, power(Var("n"), Num(e))) for c, e in monomials if c != ZERO))

    def _leading(self, t: Term) -> Term | None:
        """Return a constant sum such as 1 + 3/n by its leading term."""
        if not (isinstance(t, App) and t.head == "add" and mentions_width(t, self.program.widths)) or self.below(t):
            return None
        part = leading_part(t, self.program.widths)
        return part and (part[0] if part[1] == 0 else mul(part[0], power(Var("n"), Num(part[1]))))

    # -- what depends on what ------------------------------------------------------------------------------------

    def below(self, t: Term) -> frozenset[Var]:
        """Return the leaves that an expression reads directly."""
        if t not in self._below:
            seen: set[Term] = set()
            out: set[Var] = set()
            stack = [t]
            while stack:
                top = stack.pop()
                if top in seen:
                    continue
                seen.add(top)
                if len(seen) > MAX_NODES:
                    raise NotCovered(f"an expression of more than {MAX_NODES} parts (MAX_NODES)")
                if isinstance(top, Var) and top in self.leaves:
                    out.add(top)
                stack.extend(children(top))
            self._below[t] = frozenset(out)
        return self._below[t]

    def with_ancestors(self, terms: Sequence[Term]) -> Iterator[Term]:
        """Expressions, and all that the leaves below them are made of."""
        seen: set[Var] = set()
        stack = list(terms)
        while stack:
            t = stack.pop()
            yield t
            for v in self.below(t) - seen:
                seen.add(v)
                stack += self.leaves[v].parts

    def level(self, leaf: Var) -> int:
        """Return how many layers of scores the law of a leaf depends on; a score counts itself."""
        if leaf not in self._level:
            here = self.leaves[leaf]
            under = max((self.level(v) for t in here.parts for v in self.below(t)), default=0)
            self._level[leaf] = under + (1 if here.kind == "score" and not self.is_plain(leaf) else 0)
        return self._level[leaf]

    def declared(self, key: Cov | Mean) -> Term:
        """Return the covariance of two initial vectors, or the mean of one, as the program declares it."""
        return add(*(self.expression(part.coefficient) for part in self.scores.rules.of(key)))

    def _twin(self, ref: Var, node: Input) -> Var:
        """Return an earlier initial vector that is the same almost surely: equal variances and covariance, means 0."""
        earlier = self._inputs.setdefault(node.group.names, [])
        if len(earlier) < MAX_TWINS and node.group.mean == (ZERO,) * len(node.group.mean):
            mine = rational(self.declared(Cov(ref, ref)))
            for other in earlier:
                both = rational(self.declared(Cov(ref, other)))
                if mine is not None and mine == both == rational(self.declared(Cov(other, other))):
                    return other
            earlier.append(ref)
        return ref

    def matrix(self, leaf: Var) -> Var:
        """Return the single matrix that makes a MatMul leaf."""
        node = self.leaves[leaf].node
        assert isinstance(node, MatMul)
        return _at(node.weight, dict(self.leaves[leaf].at))

    def origin(self, leaf: Var) -> object:
        """Leaves of different origin (matrix, input group, pair of matrices) are uncorrelated."""
        here = self.leaves[leaf]
        if here.kind == "score":
            if (found := self.scores.readout(leaf)) is not None:
                vector = self.member(found[0])
                assert isinstance(vector, Var)
                return ("readout", self.origin(vector))
            return frozenset(self.origin(s) if isinstance(s, Var) else "other" for s in here.parts)
        return here.node.group.names if isinstance(here.node, Input) else self.matrix(leaf)

    def is_plain(self, leaf: Var) -> bool:
        """Return whether it is a readout used for nothing but output: it has the law of a coordinate."""
        here = self.leaves[leaf]
        return here.kind == "score" and id(here.node) not in self._entering and self.scores.readout(leaf) is not None

    @cached_property
    def _entering(self) -> set[int]:
        return entering(self.powers, self.program.nodes)

    def scores_under(self, leaves: frozenset[Var]) -> list[Var]:
        """Return every score that the law of these leaves depends on, themselves included, in program order."""
        seen = frozenset().union(*map(self.below, self.with_ancestors([*leaves])))
        found = [v for v in seen if self.leaves[v].kind == "score" and not self.is_plain(v)]
        order = {id(node): k for k, node in enumerate(self.program.nodes)}
        return sorted(found, key=lambda v: (order[id(self.leaves[v].node)], v.subs))


def _at(ref: Var, at: Mapping[str, int]) -> Var:
    return Var(ref.name, tuple(at.get(s, s) if isinstance(s, str) else s for s in ref.subs))


@contextmanager
def _ruled() -> Iterator[None]:
    """NotCovered where no rule of the limit applies."""
    try:
        yield
    except TensorProgError as why:
        raise NotCovered(why.diagnostics[0].message) from None
