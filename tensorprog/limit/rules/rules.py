"""The rules of the limit, as structure: each quantity as a sum of products of simpler ones.

    Cov(Z^{Wx}, Z^{Wx'}) = σ² E[Z^x Z^{x'}],  0 for different matrices          (Yang 2019; the MatMul rule)
    Cov(Z^{Σ c_k g_k}, Z^h) = Σ c_k Cov(Z^{g_k}, Z^h)                           (LinComb)
    E[Σ c_k Π_l φ_kl(g)] = Σ c_k Π over independent groups of E[...]            (sums opened, independent factors apart)

What depends on labels only through their equality carries a delta; nothing here is a number yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprog.kernel.ground.nodes import Input, LinComb, MatMul, Nonlin, Weight
from tensorprog.kernel.ground.term import ONE, ZERO, mul, shift_subs
from tensorprog.limit.rules.bases import Extraction
from tensorprog.limit.rules.forms import Forms, deltas, input_rule
from tensorprog.limit.rules.open import Composer, Split, Summand, TooLarge
from tensorprog.limit.rules.quantities import (
    Addend,
    Cov,
    Ex,
    Key,
    Mean,
    ScalarOf,
    ScoreOf,
    Sum,
    no_limit,
    reference,
)
from tensorprog.limit.rules.scalars import ScalarRules
from tensorprog.program.graph.covariance import weight_scale
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import Sub, Term, Var


class Rules:
    """The right-hand side of every quantity of one program in normal form; computed once each."""

    def __init__(self, program: Analysis, forms: Forms | None = None) -> None:
        self.program = program
        self.forms = forms or Forms(Composer(program))
        self.composer = self.forms.composer
        self.scalars = ScalarRules(self.composer)
        self._position = {id(node): k for k, node in enumerate(program.nodes)}
        self._memo: dict[Key, Sum] = {}

    def of(self, key: Key) -> Sum:
        """The quantity as a sum of products; `Split` where a label must be cut first, NoLimit where no rule applies."""
        if key not in self._memo:
            self._memo[key] = self._find(key)
        return self._memo[key]

    def _find(self, key: Key) -> Sum:
        match key:
            case Cov(a, b):
                return self._cov(a, b)
            case Mean(a):
                return self._mean(a)
            case Ex(term):
                return self._expectation(term)
            case ScalarOf(ref, power):
                return self.scalars.rule(ref, power)
            case ScoreOf():
                return ()

    # -- bases -----------------------------------------------------------------------------------------------------

    def _cov(self, a: Var, b: Var) -> Sum:
        one, two = self.composer.locate(a), self.composer.locate(b)
        if isinstance(one, LinComb | Nonlin) and (
            not isinstance(two, LinComb | Nonlin) or self._position[id(one)] >= self._position[id(two)]
        ):
            return tuple(
                Addend(s.coefficient, (), s.over, (Cov(s.atoms[0], b),))  # type: ignore[arg-type]
                for s in self.forms.parts(a)
                if s.atoms and self.forms.dependent(s.atoms[0], b)  # type: ignore[arg-type]
            )
        if isinstance(two, LinComb | Nonlin):
            return self._cov(b, a)
        match one, two:
            case Input(), Input():
                return input_rule(one, a, two, b)
            case MatMul(), MatMul():
                return self._matmul_rule(one, a, two, b)
            case _:
                return ()

    def _matmul_rule(self, one: MatMul, a: Var, two: MatMul, b: Var) -> Sum:
        refuse_transpose(one)
        refuse_transpose(two)
        at, bt = self.composer.mapping(one, a), self.composer.mapping(two, b)
        equal = deltas(reference(one.weight, at), reference(two.weight, bt))
        if equal is None:
            return ()
        weight = self.program.weights[one.weight.name]
        x, y = reference(one.arg, at), reference(two.arg, bt)
        scale = self.weight_scale(weight, reference(one.weight, at).subs)
        return (Addend(scale, equal, (), (Ex(mul(x, y)),)),)

    def weight_scale(self, weight: Weight, subs: tuple[Sub, ...]) -> Term:
        """σ² of a weight whose entries have variance σ²/(input width)."""
        scale = weight_scale(self.program, weight, subs)
        if scale is None:
            raise no_limit(
                "TP104",
                f"the entries of {weight.name} do not have variance of the order 1/n",
                weight.place,
                "a product with it vanishes or diverges as the width grows",
                "state the variance with its 1/(input width), for example sigma^2/n",
            )
        return scale

    def _mean(self, a: Var) -> Sum:
        node = self.composer.locate(a)
        match node:
            case Input(group=group, position=k):
                m = shift_subs(group.mean[k], self.composer.mapping(node, a))
                return () if m == ZERO else (Addend(m),)
            case MatMul():
                refuse_transpose(node)
                return ()
            case _:
                return self.forms.mean(self.forms.parts(a))

    # -- expectations ----------------------------------------------------------------------------------------------

    def _expectation(self, term: Term) -> Sum:
        try:
            parts = self.composer.summands(term)
        except TooLarge:
            parts = [Summand(ONE, (), (term,))]
        return tuple(a for s in parts if s.coefficient != ZERO for a in self._expected(s))

    def _expected(self, s: Summand) -> Iterator[Addend]:
        """The mean of a summand; its sum is cut where a family inside a function changes its defining instruction."""
        try:
            factors = Extraction(self.program, self.forms, s.atoms).cores()
        except Split as split:
            if split.label not in s.over:
                raise
            for piece in self.composer.cut(s, split):
                yield from self._expected(piece)
        else:
            yield Addend(s.coefficient, (), s.over, factors)


def refuse_transpose(node: MatMul) -> None:
    if node.transposed:
        raise no_limit(
            "TP106",
            f"{node.name} is a product with a transposed matrix",
            node.place,
            "the rule for MatMul holds for programs without transposes: for W' tanh(W x) it predicts covariance 0,"
            " and simulation measures another value",
            "use an independent matrix in its place, or ask `simulate`",
        )
