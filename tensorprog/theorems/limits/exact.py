"""Expectations of polynomials in limit variables, exactly: the moments whose limits are known in closed form.

With centred Z and fixed covariances, E[Z_1 R(Z)] = mu_1 E[R] + sum_j Cov(Z_1, Z_j) E[dR/dZ_j] (Stein), and for a
function of one centred variable of variance v, E|Z|^p = v^(p/2) 2^(p/2) Gamma((p+1)/2)/sqrt(pi).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from itertools import product
from math import factorial

from tensorprog.functions.decide.positivity import sign_of
from tensorprog.functions.evaluate.balls import Undecided
from tensorprog.functions.evaluate.polynomial import Monomial, normal, simplified
from tensorprog.kernel.ground.composed import CannotCompose
from tensorprog.kernel.ground.nodes import Input, MatMul, Node
from tensorprog.kernel.ground.term import ONE, PI, ZERO, add, call, mul, power, recip, shift_subs, substitute, variables
from tensorprog.program.graph.constants import with_entries
from tensorprog.program.graph.covariance import declared, equalities, weight_scale
from tensorprog.program.graph.graph import Graph
from tensorprog.terms import App, Num, Sub, Term, Var
from tensorprog.theorems.vectors.nonlinearities import Nonlinearities

MAX_DEGREE = 12
MAX_WORK = 3_000


class NoClosedForm(Exception):
    """The expectation is not one of those that are known here."""


class Expectations:
    """E of polynomials in inputs and products of one program, as terms in its params."""

    def __init__(self, program: Graph, functions: Nonlinearities) -> None:
        self.program = program
        self.composer = functions.composer
        self.assumptions = functions.assumptions
        self._covariances: dict[tuple[Var, Var], Term | None] = {}
        self._work = 0

    def of(self, t: Term) -> Term | None:
        """E of a composed term without scalars; None where no closed form is known."""
        self._work = 0
        try:
            return self._of(t)
        except (NoClosedForm, CannotCompose, Undecided, RecursionError):
            return None

    def covariance(self, a: Var, b: Var) -> Term | None:
        """Cov(Z_a, Z_b) of two initial vectors or products; None where it is not known."""
        self._work = 0
        return self._known(a, b)

    def mean(self, a: Var) -> Term | None:
        """E Z_a; None where it is not known."""
        with suppress(NoClosedForm):
            return self._mean(a)
        return None

    def constant(self, a: Var) -> Term | None:
        """Return what an initial vector of variance 0 is, or a product of zeros; None of others."""
        found: set[Term] = set()
        for node, _ in self.program.resolve(a):
            if isinstance(node, Input) and node.group.cov[node.position][node.position] == ZERO:
                mean = shift_subs(node.group.mean[node.position], dict(zip(node.group.subs, a.subs, strict=True)))
                found.add(with_entries(mean, self.program.matrices))
            elif isinstance(node, MatMul) and self.vanishes(node.arg):
                found.add(ZERO)
            else:
                return None
        return found.pop() if len(found) == 1 else None

    def vanishes(self, ref: Var) -> bool:
        """Return whether the vector is 0 almost surely: all its atoms are constants, at which the function is 0."""
        try:
            t = self.composer.of_term(ref)
        except CannotCompose:
            return False
        atoms = self.program.vectors_in(t)
        values: dict[Term, Term] = {a: c for a in atoms if (c := self.constant(a)) is not None}
        if not values or len(values) < len(atoms):
            return False
        return sign_of(substitute(t, values), self.assumptions) == "zero"

    def independent(self, a: Var, others: Iterable[Var]) -> bool:
        """Return whether Z_a is certainly independent of the others (all are jointly Gaussian)."""
        return all(self.covariance(a, b) == ZERO for b in others)

    def _of(self, t: Term) -> Term:
        t = with_entries(t, self.program.matrices)
        total = [mul(Num(c), self._monomial(m)) for m, c in normal(t).terms.items()]
        return simplified(add(*total))

    def _atoms(self, t: Term) -> list[Var]:
        return [v for v in variables(t) if v.name in self.program.families]

    def _monomial(self, m: Monomial) -> Term:
        """Return E of a product of powers: constants, powers of variables, and of relu or abs of one variable."""
        self._work += 1
        if self._work > MAX_WORK:
            raise NoClosedForm
        constants: list[Term] = []
        powers: dict[Var, int] = {}
        sided: dict[Var, tuple[int, int]] = {}
        for base, e in m:
            atoms = self._atoms(base)
            if not atoms:
                constants.append(base if e == 1 else power(base, Num(e)))
            elif e.denominator != 1 or e < 0:
                raise NoClosedForm
            elif base == atoms[0]:
                powers[atoms[0]] = int(e)
            elif isinstance(base, App) and base.head in ("relu", "abs") and base.args[0] == atoms[0]:
                of_relu, of_abs = sided.get(atoms[0], (0, 0))
                sided[atoms[0]] = (of_relu + int(e), of_abs) if base.head == "relu" else (of_relu, of_abs + int(e))
            else:
                raise NoClosedForm
        if not all(map(self.program.vectors_in, powers)):
            raise NoClosedForm
        if sum(powers.values()) > MAX_DEGREE:
            raise NoClosedForm
        if sided:
            if len(powers.keys() | sided.keys()) > 1:
                raise NoClosedForm
            ((v, (of_relu, of_abs)),) = sided.items()
            return mul(*constants, self._one_sided(v, powers.get(v, 0), of_relu, of_abs))
        return mul(*constants, self._moment(tuple(sorted(powers.items(), key=repr))))

    def _one_sided(self, v: Var, plain: int, of_relu: int, of_abs: int) -> Term:
        """E[z^plain relu(z)^of_relu |z|^of_abs] for a centred z."""
        if self._mean(v) != ZERO:
            raise NoClosedForm
        p = plain + of_relu + of_abs
        if p > MAX_DEGREE:
            raise NoClosedForm
        if not of_relu and plain % 2:
            return ZERO
        size = self._absolute(self._needed(v, v), p)
        return mul(Num(Fraction(1, 2)), size) if of_relu else size

    @staticmethod
    def _absolute(v: Term, p: int) -> Term:
        """E|z|^p for z ~ N(0, v)."""
        k = p // 2
        if p % 2 == 0:  # v^k (2k)!/(2^k k!)
            return mul(Num(factorial(p) // (2**k * factorial(k))), power(v, Num(k)) if k else ONE)
        # E|z|^p = v^(p/2) sqrt(2/pi) 2^k k! with p = 2k + 1
        odd = mul(Num(2**k * factorial(k)), call("sqrt", mul(Num(2), v, recip(PI))))
        return mul(odd, power(v, Num(k))) if k else odd

    def _moment(self, powers: tuple[tuple[Var, int], ...]) -> Term:
        """E of a product of powers of jointly Gaussian variables."""
        self._work += 1
        if self._work > MAX_WORK:
            raise NoClosedForm
        left = [(v, e) for v, e in powers if e]
        if not left:
            return ONE
        (first, e), *rest = left
        less = ((first, e - 1), *rest)
        terms = []
        mean = self._mean(first)
        if mean != ZERO:
            terms.append(mul(mean, self._moment(less)))
        for k, (other, f) in enumerate(less):
            if f:
                c = self._needed(first, other)
                if c != ZERO:
                    fewer = (*less[:k], (other, f - 1), *less[k + 1 :])
                    terms.append(mul(Num(f), c, self._moment(fewer)))
        return add(*terms)

    def _known(self, a: Var, b: Var) -> Term | None:
        key = (a, b)
        if key not in self._covariances:
            self._covariances[key] = None
            with suppress(NoClosedForm, CannotCompose, Undecided):
                self._covariances[key] = self._covariance(a, b)
        return self._covariances[key]

    def _needed(self, a: Var, b: Var) -> Term:
        found = self._known(a, b)
        if found is None:
            raise NoClosedForm
        return found

    def _pieces(self, ref: Var) -> list[Node]:
        return [n for n, _ in self.program.resolve(ref)]

    def _mean(self, ref: Var) -> Term:
        return _one_of({self._mean_of(node, ref) for node in self._pieces(ref)})

    def _mean_of(self, node: Node, ref: Var) -> Term:
        if isinstance(node, MatMul):
            return ZERO
        if not isinstance(node, Input):
            raise NoClosedForm
        at = dict(zip(node.group.subs, _members(node, ref), strict=True))
        return self._constant(shift_subs(node.group.mean[node.position], at))

    def _constant(self, t: Term) -> Term:
        """Return a constant with its matrix entries read; nothing is known where an index is left in it."""
        t = with_entries(t, self.program.matrices)
        params = self.program.params
        if any(v.subs or v.name not in params for v in variables(t)):
            raise NoClosedForm
        return simplified(t)

    def _covariance(self, a: Var, b: Var) -> Term:
        some, others = self._pieces(a), self._pieces(b)
        pairs = zip(some, some, strict=True) if a == b else product(some, others)
        return _one_of({self._between(x, a, y, b) for x, y in pairs})

    def _between(self, x: Node, a: Var, y: Node, b: Var) -> Term:
        if isinstance(x, Input) and isinstance(y, Input):
            return self._of_inputs(x, a, y, b)
        if not isinstance(x, MatMul) or not isinstance(y, MatMul):
            return ZERO
        if x.weight.name != y.weight.name:
            return ZERO
        scale, body = self._rule(x, a, y, b)
        return ZERO if scale == ZERO else simplified(mul(scale, self._of(self.composer.of_term(body))))

    def _rule(self, x: MatMul, a: Var, y: MatMul, b: Var) -> tuple[Term, Term]:
        """(c, F) with Cov(Z_a, Z_b) = c E F, of two products by one family of weights."""
        if x.transposed or y.transposed:
            raise NoClosedForm
        at, bt = _renaming(x, a), _renaming(y, b)
        left, right = shift_subs(x.weight, at), shift_subs(y.weight, bt)
        body = mul(shift_subs(x.arg, at), shift_subs(y.arg, bt))
        assert isinstance(left, Var)
        assert isinstance(right, Var)
        equal = equalities(zip(left.subs, right.subs, strict=True), self.program.range_of)
        if equal is None:
            return ZERO, body
        scale = weight_scale(self.program, self.program.weights[x.weight.name], left.subs)
        if equal or scale is None:
            raise NoClosedForm
        return self._constant(scale), body

    def second_moment(self, a: Var) -> tuple[Term, Term] | None:
        """(c, F) with E Z_a^2 = c E F, of a product."""
        match self._pieces(a) if a.name in self.program.families else []:
            case [MatMul() as x]:
                with suppress(NoClosedForm):
                    return self._rule(x, a, x, a)
        return None

    def _of_inputs(self, x: Input, a: Var, y: Input, b: Var) -> Term:
        found = declared(x, _members(x, a), y, _members(y, b), self.program.range_of)
        if found is None:
            return ZERO
        if found[1]:
            raise NoClosedForm
        return self._constant(found[0])


def _one_of(found: set[Term]) -> Term:
    """Return what all pieces of a family have in common."""
    if len(found) != 1:
        raise NoClosedForm
    return found.pop()


def _members(node: Input, ref: Var) -> tuple[Sub, ...]:
    """Return the member of an input family that a reference names."""
    return ref.subs if ref.subs else node.subs


def _renaming(node: Node, ref: Var) -> dict[str, Sub]:
    return {a: b for a, b in zip(node.subs, ref.subs, strict=True) if isinstance(a, str)}
