"""What must hold for all admissible params before two equal formulas are two equal sides.

A closed form is derived where variances are positive, expectations exist and nothing is divided by 0. An expectation of
a continuous function is continuous in the params, so it keeps its formula at the edges, where a variance may vanish;
one with a jump does not. So a proof by formulas needs, for all params: positive variances where functions jump,
existing expectations, and every division, root and logarithm defined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import sympy

from tensorprog.errors import TensorProgError
from tensorprog.functions.assume import intervals
from tensorprog.functions.decide.positivity import nonzero_somewhere
from tensorprog.functions.evaluate.sympy_bridge import to_sympy
from tensorprog.functions.named.library import library
from tensorprog.functions.rules.positive import is_positive
from tensorprog.kernel.ground.nodes import Input, Param
from tensorprog.kernel.ground.scaling import width_power
from tensorprog.kernel.ground.term import children, substitute, variables
from tensorprog.limit.averages import Averages
from tensorprog.limit.jumps.jumps import jumps_of
from tensorprog.limit.members.parts import affine
from tensorprog.limit.values.formulas import symbol
from tensorprog.program.api import Program
from tensorprog.program.graph.constants import NoNumber, check_covariance, evaluate
from tensorprog.program.lowering.declare import admissible
from tensorprog.terms import App, Num, Term, Var, to_text

if TYPE_CHECKING:
    from tensorprog.limit.mixtures.structure import Structure

CUTS = 64
"""Into how many pieces the interval of a param is cut to bound a formula over it."""
SIMPLE = tuple(Fraction(x) for x in ("0", "1", "-1", "1/2", "-1/2", "2", "-2"))
MOST_POINTS = 40
MOST_CORNERS = 16
"""Choices of params of which several are moved together."""


class Everywhere:
    """Conditions on the params of one program."""

    def __init__(self, program: Program, averages: Averages) -> None:
        self.program, self.c, self.u = program, averages, averages.u
        self.symbols = {p.name: symbol(p) for p in program.params.values()}

    # -- conditions ------------------------------------------------------------------------------------------------

    def doubt(self, terms: Sequence[Term]) -> str | None:
        """Return why expressions over leaves may have another mean, or none, for some params; None if they have not."""
        for t in self.u.with_ancestors(terms):
            for part, strict in partial(t):
                why = self._undefined(part, strict)
                if why is not None:
                    return why
            for j in jumps_of(t):
                if not self._apart(j.gap):
                    return f"{to_text(j.place)} jumps where the variance of its argument is 0"
        return None

    def _apart(self, gap: Term) -> bool:
        """Return whether the gap differs from 0 with probability 1, for all params."""
        leaves = self.u.below(gap)
        if not leaves:
            return False
        form = affine(gap, leaves, self.u.below)
        if form is None:
            return all(self.positive(self.c.leaf_covariance(v, v)) for v in leaves) and len(leaves) == 1 and not (
                set(variables(gap)) - leaves
            )  # fmt: skip
        a = {v: to_sympy(x) for v, x in form[0].items() if not self.u.below(x)}
        if len(a) < len(form[0]):
            return False
        if len(a) == 1 and all(self._is_nonzero(v) and (self.positive(x) or self.positive(-x)) for v, x in a.items()):
            return True
        variance = sum(a[v] * a[w] * self.c.leaf_covariance(v, w) for v in a for w in a)
        return self.positive(sympy.expand(self.c.opened(variance)))

    def _undefined(self, t: Term, strict: bool) -> str | None:
        """Return why a root, logarithm or division may be undefined; `strict`: its argument must not be 0."""
        if is_positive(t, strict):
            return None
        leaves = self.u.below(t)
        if not leaves:
            value = to_sympy(t)
            if (self.positive if strict else self.nonnegative)(value) or (strict and self.positive(-value)):
                return None
            return f"{to_text(t)} is {'0' if strict else 'negative'} for some params, where the side does not exist"
        if all(self.positive(self.c.leaf_covariance(v, v)) for v in leaves if self.u.leaves[v].kind != "moment"):
            return None
        return f"{to_text(t)} may be 0 where a variance is 0"

    def positive(self, value: Any) -> bool:
        """Return whether a formula is positive for all admissible params."""
        return self._signed(value, True)

    def nonnegative(self, value: Any) -> bool:
        return self._signed(value, False)

    def _signed(self, value: Any, strict: bool) -> bool:
        given, value = value, self.c.opened(value)
        named = self.c.names(value)
        params = {s.name for s in value.free_symbols - named}
        if not params <= self.symbols.keys() or (named and self.program.params):
            return False
        if not params:
            n = self.c.number(given)
            return bool(n.rigorous and (n.value > n.error if strict else n.value >= n.error))
        known = value.xreplace({sympy.Symbol(n, real=True): self.symbols[n] for n in params})
        if known.is_positive or (not strict and known.is_nonnegative):
            return True
        return self._rational(value, sorted(params), strict) or self._on_interval(value, params, strict)

    def _rational(self, value: Any, params: Sequence[str], strict: bool) -> bool:
        """By factors, each interval mapped to the positive numbers: x = (a + b s)/(1 + s) lies in (a, b) for s > 0."""
        point = {}
        for name in params:
            p, s = self.program.params[name], sympy.Dummy(positive=True)
            low, high = (None if x is None else sympy.Rational(x.numerator, x.denominator) for x in (p.low, p.high))
            x = sympy.Symbol(name, real=True)
            if low is not None and high is not None:
                point[x] = (low + high * s) / (1 + s)
            elif low is not None:
                point[x] = low + s
            elif high is not None:
                point[x] = high - s
            closed = [e for e, o in ((low, p.low_open), (high, p.high_open)) if e is not None and not o]
            rest = [n for n in params if n != name]
            for e in closed if strict else ():
                edge = value.xreplace({x: e})
                if not (edge.is_positive or (rest and self._rational(edge, rest, strict))):
                    return False
        found = sympy.factor(value.xreplace(point))
        return bool(found.is_positive if strict else found.is_nonnegative)

    def _on_interval(self, value: Any, params: set[str], strict: bool) -> bool:
        """By balls over the pieces of one bounded interval."""
        from flint import arb, fmpq

        from tensorprog.limit.values.balls import BITS, enclose
        from tensorprog.numbers.precision import precision

        if len(params) != 1:
            return False
        (name,) = params
        p = self.program.params[name]
        if p.low is None or p.high is None:
            return False
        with precision(BITS):
            half = (p.high - p.low) / (2 * CUTS)
            for k in range(CUTS):
                middle = p.low + (2 * k + 1) * half
                ball = arb(fmpq(middle.numerator, middle.denominator), float(half) * (1 + 1e-12))
                try:
                    out = enclose(value, {name: ball})
                except TensorProgError:
                    return False
                if out is None or not (out > 0 if strict else out >= 0):
                    return False
        return True

    def only_scales(self, s: Structure) -> bool:
        """Return whether the params change only a positive factor of a variable's variance given the scores.

        So it is where neither coefficients nor the covariance of the scores hold params, and the covariances of the
        vectors are rational multiples of one of them, which is positive for all params.
        """
        names = {sympy.Symbol(n, real=True) for n in self.symbols}
        terms = [a for p in s.parts for a in (*p.coefficients.values(), p.rest)]
        scores = [self.c.opened(self.c.leaf_covariance(a, b)) for a in s.scores for b in s.scores]
        if s.nested or s.given or any(v.name in self.symbols for t in terms for v in variables(t)):
            return False
        if any(x.free_symbols & names for x in scores):
            return False
        vectors = list(dict.fromkeys(g for p in s.parts for g in p.coefficients))
        if not vectors or not self._is_nonzero(vectors[0]):
            return False
        scale = self.c.opened(self.c.leaf_covariance(vectors[0], vectors[0]))
        covariances = (self.c.opened(self.c.leaf_covariance(a, b)) for a in vectors for b in vectors)
        return all(x == 0 or (sympy.S.One * x / scale).is_Rational for x in covariances)

    def _is_nonzero(self, leaf: Var) -> bool:
        """Return whether a product's variance is positive for all params: a function of one Gaussian, not all 0."""
        here = self.u.leaves[leaf]
        if not here.parts or here.kind != "vector" or not self.positive(to_sympy(here.factor)):
            return False
        inner = self.u.below(here.parts[0])
        if len(inner) != 1 or not all(self.positive(self.c.leaf_covariance(v, v)) for v in inner):
            return False
        allowed = intervals(self.program.params.values())
        names: dict[Term, Term] = {v: Var("z") for v in inner}
        return nonzero_somewhere(substitute(here.parts[0], names), ["z"], allowed).proved

    # -- points ----------------------------------------------------------------------------------------------------

    def points(self, base: Mapping[str, Fraction], used: set[str]) -> Iterator[dict[str, Fraction]]:
        """Admissible choices of the params: one moved to an edge or a simple number, then several to corners."""
        chosen = {p.name: base.get(p.name, inside(p)) for p in self.program.params.values()}
        count = 0
        for name in (n for n in chosen if n in used):
            p = self.program.params[name]
            ends = [x for x in (p.low, p.high) if x is not None]
            for x in dict.fromkeys((*ends, *SIMPLE)):
                at = {**chosen, name: x}
                if admissible(p, x) and x != chosen[name] and has_covariances(self.program, at):
                    count += 1
                    if count > MOST_POINTS:
                        return
                    yield at
        corners = {
            n: dict.fromkeys(x for x in (chosen[n], p.low, p.high, Fraction(0)) if x is not None and admissible(p, x))
            for n, p in self.program.params.items()
            if n in used
        }
        together = (dict(zip(corners, at, strict=True)) for at in product(*corners.values()))
        moved = (at for at in together if sum(x != chosen[n] for n, x in at.items()) > 1)
        for at in islice(moved, MOST_CORNERS):
            if has_covariances(self.program, chosen | at):
                yield chosen | at

    def params_of(self, terms: Sequence[Term]) -> set[str]:
        """Return the params on which the law of expressions over leaves may depend."""
        out: set[str] = set()
        for t in self.u.with_ancestors(terms):
            out |= {v.name for v in variables(t) if v.name in self.symbols and v not in self.u.leaves}
            for v in self.u.below(t):
                leaf = self.u.leaves[v]
                inner = [leaf.factor]
                if isinstance(leaf.node, Input):
                    inner += [x for row in leaf.node.group.cov for x in row] + list(leaf.node.group.mean)
                    inner += [e for m in self.program.matrices.values() for e in m.entries or ()]
                out |= {w.name for x in inner for w in variables(x) if w.name in self.symbols}
        return out


def inside(p: Param) -> Fraction:
    """Return some number that the assumption on a param allows."""
    if p.low is not None and p.high is not None:
        return p.low + (p.high - p.low) * Fraction(3, 7)
    if p.low is not None:
        return p.low + Fraction(10, 7)
    return (p.high if p.high is not None else Fraction(3)) - Fraction(10, 7)


def has_covariances(program: Program, at: Mapping[str, Fraction]) -> bool:
    """Return whether the laws of inputs and weights are laws at these params."""
    values = {name: float(x) for name, x in at.items()}
    try:
        for group in {id(n.group): n.group for n in program.nodes if isinstance(n, Input)}.values():
            check_covariance(group, program, values)
        for w in program.weights.values():
            scale = width_power(w.variance, program.widths)
            if scale is not None and not w.subs and evaluate(scale[0], values, program) < 0:
                return False
    except NoNumber:
        return True
    except (TensorProgError, ArithmeticError, ValueError):
        return False
    return True


def partial(t: Term) -> Iterator[tuple[Term, bool]]:
    """Yield the arguments of what is not defined everywhere, and whether 0 is excluded."""
    match t:
        case App("recip", (a,)):
            yield a, True
        case App("log", (a,)):
            yield a, True
        case App("sqrt", (a,)):
            yield a, False
        case App("pow", (a, Num(k))) if k < 0 or k.denominator != 1:
            yield a, k < 0
        case App("asin", (a,)):
            yield App("add", (Num(1), App("neg", (App("pow", (a, Num(2))),)))), False
        case App(head, args) if head in library() and not library()[head].total:
            body = library()[head].expand(args)
            yield from () if body is None else partial(body)
    for c in children(t):
        yield from partial(c)
