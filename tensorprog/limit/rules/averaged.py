"""The rules with scores of the first layer among the Gaussians: expectations over everything, no longer given scores.

Scores of the first layer are jointly Gaussian, centred, and independent of every vector (Sakai, Karakida & Imaizumi
2025, Definition 1(iv)), so that an average over them is one more Gaussian expectation. Vectors and averages whose law
depends on scores are refused: they are Gaussian given the scores only. An entry of a softmax is a function of its
logits, and the last entry is 1 minus the others.
"""

from __future__ import annotations

from fractions import Fraction

from tensorprog.errors import TensorProgError
from tensorprog.kernel.ground.nodes import Dot, MatMul, Moment, Node, Scalar
from tensorprog.kernel.ground.powers import SCORE
from tensorprog.kernel.ground.scaling import rational
from tensorprog.kernel.ground.term import ONE, add, neg, shift_subs, variables
from tensorprog.limit.rules.forms import Forms
from tensorprog.limit.rules.labels import Label
from tensorprog.limit.rules.open import MAX_EXPANDED, Composer, Split, Summand, TooLarge, softmax_entry
from tensorprog.limit.rules.quantities import Key, ScalarOf, Sum, no_limit
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.rules.scalars import SCALED
from tensorprog.limit.rules.scores import Scores
from tensorprog.terms import App, Bind, Num, Sub, Term, Var


class ScoreComposer(Composer):
    """Opens names until initial vectors, MatMuls, their sums and scores are left."""

    def __init__(self, given: Rules, random: Scores) -> None:
        super().__init__(given.program)
        self.random = random
        self.scalars = given.scalars

    def is_vector(self, t: Term) -> bool:
        """Return whether a vector or what depends on scores occurs in t."""
        families = self.program.families
        return any(
            v.name in families and (families[v.name].kind == "vector" or v.name in self.random.dependent)
            for v in variables(t)
        )

    def locate(self, ref: Var) -> Node:
        """The one instruction that defines `ref`; what depends on scores through a product or an average is refused."""
        known = ref in self._located
        node = super().locate(ref)
        if not known and isinstance(node, MatMul | Moment) and ref.name in self.random.dependent:
            del self._located[ref]
            self._split(ref.subs)
            if self.random.below(ref):
                raise _refused(ref)
            self._located[ref] = node
        return node

    def _split(self, subs: tuple[Sub, ...]) -> None:
        """Cut a sum into single members, where what is looked at differs from one to the next."""
        for s in subs:
            if isinstance(s, Label):
                low, high = s.values
                raise Split(s, tuple((k, k) for k in range(low, high + 1)))

    # -- opening ---------------------------------------------------------------------------------------------------

    def head(self, t: Term) -> Term:
        """A function of scores by its definition, an entry of a softmax by its logits; scores and the rest stay."""
        while True:
            match t:
                case Bind("softmax") if self.is_vector(t):
                    return self._entry(t)
                case App(name, (Var() as ref, Num(power))) if name == SCALED and self.is_vector(t):
                    opened = self._scalar(ref, power)
                case Var() if self._is_random(t):
                    opened = self._scalar(t, Fraction(0))
                case _:
                    return t
            if opened is None:
                return t
            t = opened

    def _is_random(self, ref: Var) -> bool:
        family = self.program.families.get(ref.name)
        return family is not None and family.kind != "vector" and ref.name in self.random.dependent

    def _scalar(self, ref: Var, power: Fraction) -> Term | None:
        """Return a scalar times n^power by its definition; None of a score."""
        node = self.locate(ref)
        match node:
            case Dot() if self.scalars.factor(node, ref)[1] + power == SCORE:
                return None
            case Scalar():
                return self.scalars.scaled(self.body(node, ref), power)
        raise _refused(ref)

    def _entry(self, t: Bind) -> Term:
        """Return one entry of a softmax; the last entry is 1 minus the others."""
        at = t.args[1:] or tuple(Var(j) for j in t.over)
        bound = set() if not t.args[1:] else set(t.over)
        for s in (*at, *(() if t.mask is None else (t.mask,))):
            self._split(tuple(v.name for v in variables(s) if not v.subs and v.name not in bound))
        kept = self.places(t.over, t.mask, MAX_EXPANDED)
        chosen = {j: int(v) for j, a in zip(t.over, at, strict=True) if (v := rational(a)) is not None}
        if len(chosen) < len(t.over):
            raise TooLarge
        logits = tuple(shift_subs(t.args[0], at) for at in kept)
        last = len(logits) - 1
        if len(set(logits)) > 1 and chosen == kept[last]:
            return add(ONE, *(neg(softmax_entry(k, logits)) for k in range(last)))
        return softmax_entry(kept.index(chosen) if chosen in kept else None, logits)

    def open(self, ref: Var) -> Term:
        return ref if self._is_random(ref) else super().open(ref)

    def summands(self, t: Term) -> list[Summand]:
        return super().summands(self.head(t))

    def linear(self, t: Term) -> list[Summand] | None:
        t = self.head(t)
        match t:
            case App(name, (Var() as ref, Num())) if name == SCALED and self.is_vector(t):
                return [Summand(ONE, (), (ref,))]
        return super().linear(t)


class ScoreForms(Forms):
    """Linear combinations with scores among their roots."""

    roots_are = (*Forms.roots_are, Dot)

    def __init__(self, given: Rules, random: Scores) -> None:
        super().__init__(ScoreComposer(given, random))
        self.random = random

    def _related(self, a: Var, b: Var) -> bool:
        if isinstance(self.composer.locate(a), Dot):
            (u, v), (x, y) = (map(self.random.source, self.random.sides(p)) for p in (a, b))
            return (self._tied(u, x) and self._tied(v, y)) or (self._tied(u, y) and self._tied(v, x))
        return super()._related(a, b)

    def _tied(self, u: Var, x: Var) -> bool:
        return not all(map(self.composer.is_gaussian, (u, x))) or self.dependent(u, x)


class AveragedRules(Rules):
    """The right-hand side of every quantity, averaged over the scores of the first layer."""

    def __init__(self, given: Rules, random: Scores) -> None:
        super().__init__(given.program, ScoreForms(given, random))
        self.random = random

    def _find(self, key: Key) -> Sum:
        if isinstance(key, ScalarOf) and self.random.depends([key.ref]):
            raise _refused(key.ref)
        return super()._find(key)

    def _cov(self, a: Var, b: Var) -> Sum:
        scores = [isinstance(self.composer.locate(v), Dot) for v in (a, b)]
        if all(scores):
            self.check_readouts(a, b)
            return self.random.covariance(a, b)
        return () if any(scores) else super()._cov(a, b)

    def _mean(self, a: Var) -> Sum:
        return () if isinstance(self.composer.locate(a), Dot) else super()._mean(a)

    def check_readouts(self, p: Var, q: Var) -> None:
        """Cov(v.x, v'.x') = Cov(v, v') E[x x'] where neither readout vector is read by the other's argument."""
        for one, other in ((p, q), (q, p)):
            found = self.random.readout(one)
            theirs = self.random.readout(other)
            read = self.random.sides(other) if theirs is None else (theirs[1],)
            if found is not None and not all(self.random.is_readout_vector(found[0], x) for x in read):
                raise no_limit("TP402", f"the covariance of {p.name} and {q.name}", p.place,
                               "a readout vector of one is read by the other")  # fmt: skip


def _refused(ref: Var) -> TensorProgError:
    return no_limit("TP402", f"no average over scores of what depends on {ref.name}", ref.place,
                    f"the law of {ref.name} depends on scores", "ask for its law given the scores")  # fmt: skip
