"""Gaussian expectations inside a program: each distinct one is derived once, then used on arrays, balls and formulas.

E[z1^a z2^b ...]      by Isserlis' (Wick's) rule, exactly
E[f(z1) g(z2)]        as a pair kernel
anything else         as a closed form in K11, K12, ..., m1, ..., c1, ..., or entry by entry as a number
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from tensorprog.errors import TensorProgError
from tensorprog.functions.evaluate.arrays import compile_numpy
from tensorprog.functions.rules.positive import is_positive
from tensorprog.gaussian.arrays.duals import PairKernel, pair_kernel
from tensorprog.gaussian.expect import Expectation, expected_value
from tensorprog.gaussian.integrate.lengths import Ratio, ratio
from tensorprog.kernel.ground.nodes import Param
from tensorprog.kernel.ground.term import ONE, mul, substitute, variables
from tensorprog.limit.members import softmax
from tensorprog.limit.members.compiled import is_smooth
from tensorprog.limit.members.parity import has_mean
from tensorprog.limit.members.softmax import holds_softmax
from tensorprog.limit.rules.labels import DRAWS, Array, Field, Label, union
from tensorprog.limit.rules.quantities import Core, guarded, monomial, no_limit, place
from tensorprog.limit.values.draws import over_draws
from tensorprog.limit.values.ratios import expectation
from tensorprog.numbers.estimate import UNKNOWN, ErrorKind, Estimate
from tensorprog.terms import App, Num, Term, Var, to_text

Z = Var("z")
POINTS = Label("p", (0, 0))


@dataclass(frozen=True)
class Numbers:
    """Params: their assumptions, and the values that numbers are asked at."""

    params: Mapping[str, Param]
    values: Mapping[str, Fraction]

    def guarded(self) -> Numbers:
        """Return the same under the names by which cores know them."""
        return Numbers({guarded(n): p for n, p in self.params.items()}, {guarded(n): x for n, x in self.values.items()})

    def missing(self, terms: Sequence[Term]) -> str | None:
        """Return a param in one of the terms without a value."""
        names = (v.name for t in terms for v in variables(t) if v.name in self.params and not v.subs)
        return next((x for x in names if x not in self.values), None)


@dataclass(frozen=True)
class CoreFunction:
    """E[body] as a function of the covariance of z1, ..., zk, their means and constants c1, ..., cj."""

    body: Term
    size: int
    centred: tuple[bool, ...]
    positive: tuple[bool, ...]
    numbers: Numbers = field(compare=False)
    entry_kinds: set[ErrorKind] = field(default_factory=set, compare=False, repr=False)
    """How sure the entries are that had to be computed one by one."""

    @property
    def has_formula(self) -> bool:
        """Whether the expectation is known in closed form."""
        return self.powers is not None or self.closed.expr is not None

    @property
    def variables(self) -> tuple[Var, ...]:
        return tuple(Var(f"z{k + 1}") for k in range(self.size))

    @cached_property
    def powers(self) -> tuple[int, ...] | None:
        """The exponents, if the body is a monomial in the variables."""
        return monomial(self.body, self.size)

    @cached_property
    def pair(self) -> tuple[Term, Term] | None:
        """f and g (in z) with body = f(z1) g(z2), both centred and without constants c."""
        if self.size not in (1, 2) or not all(self.centred) or self.positive:
            return None
        if self.size == 1:
            return substitute(self.body, {Var("z1"): Z}), ONE
        factors = self.body.args if isinstance(self.body, App) and self.body.head == "mul" else (self.body,)
        sides: tuple[list[Term], list[Term]] = ([], [])
        for f in factors:
            used = [k for k, z in enumerate(self.variables) if z in variables(f)]
            if len(used) > 1:
                return None
            sides[used[0] if used else 0].append(f)
        one, two = (mul(*fs) for fs in sides)
        return substitute(one, {Var("z1"): Z}), substitute(two, {Var("z2"): Z})

    @cached_property
    def assumptions(self) -> dict[str, Any]:
        names = {v.name for v in variables(self.body)}
        out: dict[str, Any] = {n: p for n, p in self.numbers.params.items() if n in names}
        return out | {f"c{k + 1}": "> 0" if up else None for k, up in enumerate(self.positive)}

    @cached_property
    def closed(self) -> Expectation:
        """The expectation with symbols for covariances (K11, ...), means (m1, ...) and constants (c1, ...)."""
        import sympy

        if holds_softmax(self.body):
            return Expectation(to_text(self.body), None, UNKNOWN, "quadrature", "a softmax of Gaussians")
        mean = [sympy.S.Zero if zero else sympy.Symbol(f"m{k + 1}", real=True) for k, zero in enumerate(self.centred)]
        return expected_value(self.body, None, mean, vars=self.variables, assume=self.assumptions, symbolic=True)

    @cached_property
    def kernel(self) -> PairKernel | None:
        if self.pair is None:
            return None
        values = {n: x for n, x in self.numbers.values.items() if n in self.assumptions}
        return pair_kernel(*self.pair, Z, assume=self.assumptions, values=values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The symbols of the closed form: covariances row by row, means that are not zero, constants."""
        return (
            *(self._entry(i, j) for i in range(self.size) for j in range(i, self.size)),
            *(f"m{k + 1}" for k, zero in enumerate(self.centred) if not zero),
            *(f"c{k + 1}" for k in range(len(self.positive))),
        )

    @cached_property
    def conditions(self) -> tuple[Any, ...]:
        """What must be positive for the expectation to be finite, in the symbols of the closed form."""
        return tuple(c.lhs - c.rhs for c in self.closed.conditions if c.is_Relational)

    @property
    def diagonal(self) -> tuple[str, ...]:
        """The symbols of the variances."""
        return tuple(self._entry(k, k) for k in range(self.size))

    def _entry(self, i: int, j: int) -> str:
        return f"K{min(i, j) + 1}{'_' if self.size > 9 else ''}{max(i, j) + 1}"

    # -- arrays ----------------------------------------------------------------------------------------------------

    def on_fields(self, cov: Sequence[Field], mean: Sequence[Field], constants: Sequence[Field]) -> Field:
        """Vectorised over named axes; `cov` row by row with i <= j."""
        if self.powers is not None:
            moment: Field = isserlis(self.powers, cov, mean)
            return moment
        given = (*cov, *(m for m, zero in zip(mean, self.centred, strict=True) if not zero), *constants)
        axes = union(given)
        arrays = np.broadcast_arrays(*(f.to(axes) for f in given))
        known = np.logical_and.reduce([np.isfinite(a) for a in arrays])
        if not known.all():  # what could not be computed before has no number here
            out = np.full(known.shape, np.nan)
            if known.any():
                out[known] = self._on_arrays([a[known] for a in arrays], False)
            return Field(axes, out)
        return Field(axes, self._on_arrays(arrays, DRAWS in axes))

    def _on_arrays(self, arrays: Sequence[Array], drawn: bool) -> Array:
        self._refuse_divergent(arrays)
        if drawn and not self.has_formula and (found := self._over_draws(arrays)) is not None:
            return found
        if self.size == 1 and self.kernel is not None:
            return self.kernel(arrays[0], arrays[0], arrays[0])
        if self.size == 2 and self.kernel is not None:
            a, c, b = arrays
            edge = np.sqrt(a * b)  # rounding may carry |K12| above this
            return self.kernel(a, np.clip(c, -edge, edge), b)
        return self._general(arrays)

    def _refuse_divergent(self, arrays: Sequence[Array]) -> None:
        """Where a condition fails, ask for the expectation of that entry alone: it says what diverges (TP501)."""
        if self.closed.expr is None:
            return
        for c in self.conditions:
            held = np.asarray(self._compile(c)(*arrays)) > 0
            if not held.all():
                self._entrywise([a[~held][:1] for a in arrays])

    def _compile(self, expr: Any) -> Callable[..., Array]:
        import sympy

        from tensorprog.gaussian.arrays.compiled import compile_closed_form

        point = {
            sympy.Symbol(n, real=True): sympy.Rational(x.numerator, x.denominator)
            for n, x in self.numbers.values.items()
        }
        return compile_closed_form(expr.xreplace(point), self.names)

    def _over_draws(self, arrays: Sequence[Array]) -> Array | None:
        """Return all draws of the scores at once, on one grid."""
        flat, (i, j) = [np.ravel(a) for a in arrays], np.triu_indices(self.size)
        cov, mean = np.zeros((len(flat[0]), self.size, self.size)), np.zeros((len(flat[0]), self.size))
        cov[:, i, j] = cov[:, j, i] = np.stack(flat[: len(i)], axis=1)
        shifted = [k for k, zero in enumerate(self.centred) if not zero]
        for k, m in zip(shifted, flat[len(i) :], strict=False):
            mean[:, k] = m
        found = over_draws(self._function, cov, mean, flat[len(i) + len(shifted) :], is_smooth([self.body]))
        return None if found is None else found.reshape(arrays[0].shape)

    @cached_property
    def _function(self) -> Callable[..., Array]:
        """The body as a function of the variables and constants, params at their values."""
        values: dict[Term, Term] = {Var(n): Num(x) for n, x in self.numbers.values.items()}
        names = [v.name for v in self.variables] + [f"c{k + 1}" for k in range(len(self.positive))]
        return compile_numpy(substitute(self.body, values), names)

    def _general(self, arrays: Sequence[Array]) -> Array:
        if self._compiled is None:
            return self._entrywise(arrays)
        out: Array = np.array(self._compiled(*arrays), dtype=float)
        wrong = ~np.isfinite(out)
        if wrong.any():
            out[wrong] = self._entrywise([a[wrong] for a in arrays])
        return out

    @cached_property
    def _compiled(self) -> Callable[..., Array] | None:
        if self.closed.expr is None:
            return None
        try:
            return self._compile(self.closed.expr)
        except NotImplementedError:
            return None  # a function that has balls but no arrays

    def _entrywise(self, arrays: Sequence[Array]) -> Array:
        """Return one expectation for each distinct set of numbers."""
        stacked = np.stack([np.ravel(a) for a in arrays], axis=1)
        rows, where = np.unique(stacked, axis=0, return_inverse=True)
        numbers = [self.at([Fraction(float(x)) for x in row], False) for row in rows]
        self.entry_kinds.update(x.error_kind for x in numbers)
        found = np.array([x.value for x in numbers])
        return found[where.ravel()].reshape(np.shape(arrays[0]))

    @cached_property
    def ratio(self) -> Ratio | None:
        """The body as a function over lengths, params at their values."""
        if not all(self.centred) or self.positive or self.size < 2 or holds_softmax(self.body):
            return None
        values: dict[Term, Term] = {Var(n): Num(x) for n, x in self.numbers.values.items()}
        return ratio(substitute(self.body, values), [v.name for v in self.variables])

    def _as_ratio(self, given: Sequence[Fraction]) -> Estimate | None:
        """By one integral for each length in the body, if it is of that kind."""
        r = self.ratio
        if r is None:
            return None
        k = np.zeros((self.size, self.size))
        upper = np.triu_indices(self.size)
        k[upper] = [float(x) for x in given]
        k.T[upper] = k[upper]
        used = sorted({int(v.name[1:]) - 1 for v in variables(r.rest) if v in self.variables})
        names: dict[Term, Term] = {Var(f"z{z + 1}"): Var(f"z{n + 1}") for n, z in enumerate(used)}
        rest = CoreFunction(substitute(r.rest, names), len(used), (True,) * len(used), (), self.numbers)

        def inner(moved: Array) -> Array:
            if not used:
                return np.ones(len(moved))
            entries = [Field((POINTS,), moved[:, i, j]) for n, i in enumerate(used) for j in used[n:]]
            return rest.on_fields(entries, [Field.number(0.0)] * len(used), ()).to((POINTS,))

        out = expectation(r, k, inner)
        return None if out is None else Estimate(*out, "estimate", "quadrature")

    # -- one element -----------------------------------------------------------------------------------------------

    def at(self, given: Sequence[Fraction], certified: bool | None = None) -> Estimate:
        """Return the number at others in the order of `names`; `certified` as for `expect`."""
        found = self._as_ratio(given)
        if found is not None:
            return found
        numbers = dict(zip(self.names, given, strict=True))
        size = range(self.size)
        cov = [[numbers[self._entry(i, j)] for j in size] for i in size]
        mean = [numbers.get(f"m{k + 1}", Fraction(0)) for k in size]
        constants = {n: x for n, x in numbers.items() if n[0] == "c"}
        values = {n: x for n, x in self.numbers.values.items() if n in self.assumptions} | constants
        missing = self.numbers.missing([self.body])
        if missing is not None:
            raise no_value(missing)
        if holds_softmax(self.body):
            return softmax.average(self.body, self.variables, _within(cov), mean, values)
        return expected_value(
            self.body, _within(cov), mean, vars=self.variables, assume=self.assumptions, values=values,
            certified=certified,
        ).number  # fmt: skip


class Cores:
    """The core functions of one program, each made once."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers.guarded()
        self._made: dict[tuple[Any, ...], CoreFunction] = {}

    def of(self, core: Core) -> CoreFunction:
        centred = tuple(not m for m in core.mean)
        signs = tuple(is_positive(c) for c in core.constants)
        key = (core.body, core.size, centred, signs)
        if key not in self._made:
            self._made[key] = CoreFunction(core.body, core.size, centred, signs, self.numbers)
        return self._made[key]


def may_diverge(core: Core) -> bool:
    """Return whether the heads of its body do not show that it exists: 0 times it is then not known to be 0."""
    return not has_mean(core.body, frozenset(Var(f"z{k + 1}") for k in range(core.size)))


def no_value(name: str) -> TensorProgError:
    return no_limit("TP002", f"{name} has no value", None, "a number was asked for, and the program gives no default",
                    f"give one: --set {name}=1")  # fmt: skip


def _within(cov: list[list[Fraction]]) -> list[list[Fraction]]:
    """Return the covariance with |K12| <= sqrt(K11 K22) for each pair, as rounding may have broken it."""
    for i in range(len(cov)):
        for j in range(i):
            if cov[i][j] ** 2 > cov[i][i] * cov[j][j]:
                edge = Fraction(float(cov[i][i] * cov[j][j]) ** 0.5)
                cov[i][j] = cov[j][i] = edge if cov[i][j] > 0 else -edge
    return cov


def isserlis(powers: tuple[int, ...], cov: Sequence[Any], mean: Sequence[Any]) -> Any:
    """E[Π z_i^{n_i}]: E[z_i P] = m_i E[P] + Σ_j K_ij E[∂_j P], Stein's identity; the zero moment of odd P included.

    Covariances and means are whatever can be added and multiplied: numbers, balls, formulas, fields.
    """
    size = len(powers)
    memo: dict[tuple[int, ...], Any] = {}

    def moment(n: tuple[int, ...]) -> Any:
        if not any(n):
            return 1
        if n in memo:
            return memo[n]
        i = next(k for k, e in enumerate(n) if e)
        rest = tuple(e - (k == i) for k, e in enumerate(n))
        out = mean[i] * moment(rest)
        for j, e in enumerate(rest):
            if e:
                lower = tuple(x - (k == j) for k, x in enumerate(rest))
                out += e * (cov[place(i, j, size)] * moment(lower))
        memo[n] = out
        return out

    return moment(powers)
