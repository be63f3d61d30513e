"""The calculus of one program's limit: expectations given the scores, as numbers over arrays and as formulas.

Everything asked here is *conditional on the scores*: given them, vectors are iid over coordinates and jointly Gaussian
up to coordinatewise functions (theory: Yang 2019; Sakai, Karakida & Imaizumi 2025, Theorem 1). A question that
involves no scores has a plain answer; otherwise the caller gives their values, or averages over them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorprog.errors import DivergentError, TensorProgError
from tensorprog.kernel.ground.term import mul, power, variables
from tensorprog.limit.lookup import Lookup
from tensorprog.limit.rules.averaged import AveragedRules
from tensorprog.limit.rules.labels import DRAWS, Field
from tensorprog.limit.rules.open import MINUS_ONE, Split
from tensorprog.limit.rules.quantities import Addend, Cov, Ex, NoLimit, ScalarOf, Sum, Unsettled
from tensorprog.limit.rules.rules import Rules
from tensorprog.limit.rules.scores import Scores
from tensorprog.limit.solver import Solver
from tensorprog.limit.values.arrays import Arrays
from tensorprog.limit.values.balls import BITS, Balls, Enclosure, OutOfTime
from tensorprog.limit.values.cores import Cores, Numbers
from tensorprog.limit.values.formulas import Formulas
from tensorprog.limit.values.members import Members
from tensorprog.limit.values.named import Named
from tensorprog.numbers.estimate import UNKNOWN, Estimate, unknown
from tensorprog.numbers.precision import precision
from tensorprog.program import Program
from tensorprog.program.lowering.params import param_numbers
from tensorprog.program.normal.analysis import Analysis
from tensorprog.terms import Num, Term, Var

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    ScoreValues = Mapping[str, Array]
    """Values of score families: leading axes the family's subscripts (its box, in order), then one axis of draws."""


class Engine:
    """Expectations in the limit of one program; `program` is the normal form, in which attention is opened.

    Terms are expressions in members with integer subscripts (`x[1]`, as `tensorprog.terms.read` gives them) of the
    original program or of its normal form. Everything is computed once and remembered.
    """

    def __init__(self, program: Program, values: Mapping[str, Fraction | float] | None = None) -> None:
        self.program: Analysis = program.analysis
        self.values = param_numbers(program, values)
        self.numbers = Numbers(program.params, self.values)
        self.rules = Rules(self.program)
        self.random = Scores(self.rules)
        self.cores = Cores(self.numbers)
        self._families: dict[Var, tuple[Array, list[int]]] = {}
        self.arrays = self.array_solver()

    def single(self, a: Addend) -> float:
        """Return a product of single members as a number, nan where it has none."""
        try:
            return float(self.sum_enclosure((a,)).number.value)
        except NoLimit:
            return math.nan

    def array_solver(self) -> Solver[Field, Arrays]:
        """Return the arrays without scores, with their own memory."""
        return Solver(Arrays(self.rules, self.numbers, self.cores, single=self.single))

    @cached_property
    def enclosures(self) -> Solver[Enclosure, Members[Enclosure, Balls]]:
        """Single members as balls."""
        return Solver(Members(self.rules, self.balls))

    @cached_property
    def balls(self) -> Balls:
        """The algebra of balls."""
        return Balls(self.program, self.numbers, self.cores)

    @cached_property
    def formulas(self) -> Solver[Any, Members[Any, Formulas]]:
        """Single members as sympy expressions."""
        return Solver(Members(self.rules, Formulas(self.program, self.cores)))

    @cached_property
    def named(self) -> Solver[Any, Members[Any, Named]]:
        """Single members as sympy expressions in which what has no closed form has a name."""
        return Solver(Members(self.rules, Named(self.program, self.cores, self.balls, self.enclosures.core)))

    @cached_property
    def averaged_rules(self) -> AveragedRules:
        """The rules in which scores of the first layer are Gaussians like others."""
        return AveragedRules(self.rules, self.random)

    @cached_property
    def averaged(self) -> Solver[Any, Members[Any, Named]]:
        """The same expressions averaged over scores; names are those of `named`."""
        rules, names = self.averaged_rules, self.named.calculus.algebra
        within: Solver[Enclosure, Any] = Solver(Members(rules, Balls(self.program, self.numbers, self.cores)))
        return Solver(Members(rules, Named(self.program, self.cores, self.balls, within.core, names)))

    # -- structure -----------------------------------------------------------------------------------------------

    def scores(self, terms: Sequence[Term]) -> tuple[tuple[Var, ...], ...]:
        """Return the score members that the limits of `terms` depend on, in layers.

        The covariance of the scores in one layer depends on those in earlier layers only: layer 0 is jointly
        Gaussian, layer 1 Gaussian given layer 0, and so on. No layers: no scores. Readouts count as scores.
        """
        members = [v for t in terms for v in variables(t) if v.name in self.program.families]
        return self.random.layers(members)

    # -- numbers, vectorised over draws of the scores --------------------------------------------------------------

    def expectation(self, term: Term, scores: ScoreValues | None = None) -> Array:
        """E[term | scores]: shape (draws,), or () where no scores are given or none matter."""
        return _draws(self.given(scores).value(Ex(term)))

    def covariance(self, terms: Sequence[Term], scores: ScoreValues | None = None) -> Array:
        """Cov(t_a, t_b | scores), centred: shape (draws, k, k), or (k, k) where no scores are given or none matter."""
        at = self.given(scores)
        return _matrix([[at.total(self.covariance_sum(a, b)) for b in terms[: k + 1]] for k, a in enumerate(terms)])

    def score_covariance(self, refs: Sequence[Var], scores: ScoreValues | None = None) -> Array:
        """Cov(p_a, p_b | earlier scores) = C(a1,b1) C(a2,b2) + C(a1,b2) C(a2,b1) for members p_a of score families.

        Of the dot products over the square root of their width, without the factors that they are written with.
        """
        at, rule = self.given(scores), self.random.bare_covariance
        return _matrix([[at.total(rule(p, q)) for q in refs[: k + 1]] for k, p in enumerate(refs)])

    def given(self, scores: ScoreValues | None) -> Solver[Field, Arrays]:
        """Return the arrays with these values of the scores; what depends on none is shared."""
        if not scores:
            return self.arrays
        return Solver(Arrays(self.rules, self.numbers, self.cores, scores), (self.arrays, self.random.depends))

    def bases(self, a: Term, b: Term) -> Cov | None:
        """Return the covariance of two vectors as a separate quantity, where both are Gaussian given the scores."""
        composer = self.rules.composer
        if not all(isinstance(t, Var) and composer.is_vector(t) for t in (a, b)):
            return None
        one, two = (composer.open(t) for t in (a, b) if isinstance(t, Var))
        return Cov(one, two) if isinstance(one, Var) and isinstance(two, Var) else None

    def members(self, terms: Sequence[Term]) -> list[Var]:
        """Return the members that the terms name, binders written out."""
        return list(dict.fromkeys(m for t in terms for m in self.random.members(t, True)))

    # -- means and covariances, asked by every command ---------------------------------------------------------------

    def mean_sum(self, t: Term) -> Sum:
        """E[Z^t] given the scores, as a sum of products of quantities; of a moment or a scalar, its limit."""
        if isinstance(t, Var) and self.program.families[t.name].kind == "scalar":
            if self.scores([t]):  # a score is centred
                return tuple(Addend(s.coefficient, (), s.over) for s in self.random.linear(t) or () if not s.atoms)
            return (Addend(factors=(ScalarOf(t),)),)
        return (Addend(factors=(Ex(t),)),)

    def covariance_sum(self, a: Term, b: Term) -> Sum:
        """Cov(Z^a, Z^b) given the scores, as a sum of products of quantities."""
        terms = (a, b)
        kinds = {self.program.families[v.name].kind for v in self.members(terms)}
        if kinds == {"scalar"} and self.random.depends(terms):
            one, two = map(self.random.linear, terms)
            if one is not None and two is not None:
                return self.random.linear_covariance(one, two)
        pair = self.bases(a, b)
        if pair is not None:
            return (Addend(factors=(pair,)),)
        if kinds <= {"scalar"}:
            return ()  # constants
        return (Addend(factors=(Ex(mul(a, b)),)), Addend(MINUS_ONE, factors=(Ex(a), Ex(b))))

    def number(self, parts: Sum) -> Estimate:
        """Return a sum of products of quantities as a number, unknown where there is none."""
        try:
            return self.sum_enclosure(parts).number
        except DivergentError:
            raise
        except OutOfTime as why:
            return unknown(why.diagnostics[0].because)
        except TensorProgError as error:
            if isinstance(error, Unsettled) or error.diagnostics[0].code == "TP002":
                return UNKNOWN
            raise

    def fourth_cumulant(self, t: Term) -> Estimate:
        """E[(Z - EZ)^4] - 3 Var(Z)^2, unknown where it is infinite."""
        try:
            with precision(BITS):
                parts = [self.sum_enclosure(self.mean_sum(power(t, Num(k)) if k > 1 else t)) for k in (1, 2, 3, 4)]
                a, b, c, d = (x.ball for x in parts)
                ball = d - 4 * a * c - 3 * b**2 + 12 * a**2 * b - 6 * a**4
            return Enclosure.of(ball, *parts).number
        except OutOfTime as why:
            return unknown(why.diagnostics[0].because)
        except TensorProgError:
            return UNKNOWN

    # -- formulas and single numbers ---------------------------------------------------------------------------------

    def leaf_covariance(self, a: Var, b: Var) -> Enclosure | None:
        """The covariance of two Gaussian vectors, or of two scores without their factors; None of other pairs."""
        if a.name in self.random.families and b.name in self.random.families:
            return self.sum_enclosure(self.random.bare_covariance(a, b))
        pair = self.bases(a, b)
        return None if pair is None else self.sum_enclosure((Addend(factors=(pair,)),))

    def family_covariance(self, refs: Sequence[Var]) -> Array | None:
        """Cov of many Gaussian vectors, or scores without their factors, of one family, in floats and all at once.

        Subscripts that all of them share are kept: of a row of scores nothing but the row is computed.

        None where they are of several families or made by several instructions.
        """
        (ref, *others) = refs
        if any(v.name != ref.name for v in others):
            return None
        free = [len({v.subs[k] for v in refs}) > 1 for k in range(len(ref.subs))]
        shared = Var(ref.name, tuple("_" if f else s for f, s in zip(free, ref.subs, strict=True)))
        if shared not in self._families:
            one, two, ranges = Lookup(self.rules.composer).labelled(shared)
            try:
                if ref.name in self.random.families:
                    field = self.arrays.total(self.random.bare_covariance(one, two))
                elif (pair := self.bases(one, two)) is not None:
                    field = self.arrays.value(pair)
                else:
                    return None
            except Split:
                return None
            shape = tuple(high - low + 1 for low, high in ranges)
            axes = tuple(x for v in (one, two) for x in v.subs if isinstance(x, str))
            self._families[shared] = np.broadcast_to(field.to(axes), shape + shape), [low for low, _ in ranges]
        whole, lows = self._families[shared]
        moving = [[int(s) for s, f in zip(v.subs, free, strict=True) if f] for v in refs]
        places = (np.array(moving) - lows).T
        rows, columns = tuple(places[:, :, None]), tuple(places[:, None, :])
        return np.asarray(whole[(*rows, *columns)])

    def sum_enclosure(self, parts: Sum) -> Enclosure:
        """Return a sum of products of quantities as a ball."""
        with precision(BITS):
            return self.enclosures.total(parts)


def minus(product: Field, a: Field, b: Field) -> Field:
    """E[x y] - E[x] E[y], where a mean of 0 counts as 0 beside one that is no number."""
    return product if a.is_zero() or b.is_zero() else product - a * b


def _draws(f: Field) -> Array:
    return f.to((DRAWS,)) if DRAWS in f.axes else np.asarray(f.data)


def _matrix(rows: Sequence[Sequence[Field]]) -> Array:
    """Return a symmetric matrix from its lower half, the draws first."""
    size = len(rows)
    random = any(DRAWS in f.axes for row in rows for f in row)
    parts = [[_draws(f) for f in row] for row in rows]
    shape = np.broadcast_shapes(*(p.shape for row in parts for p in row)) if random else ()
    out = np.empty((*shape, size, size))
    for i, row in enumerate(parts):
        for j, p in enumerate(row):
            out[..., i, j] = out[..., j, i] = p
    return out
